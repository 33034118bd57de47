"""A web site that always answers, for scenarios in which the network or the daemon is what fails."""

import http.server
import threading

from stack import Server


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def serve(stack, address, port):
    """Answers any GET with 200 until the stack ends."""
    server = Server((address, port), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.closers.append(server.shutdown)
    return f"http://{address}:{port}"
