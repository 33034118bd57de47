"""motionEye, the web interface of surveillance cameras.

The page never sends the password: it signs every request with the password's SHA-1, as
`computeSignature` in its main.js does. Runs in motionEye's own environment, prints
`READY {json}` and ends with its standard input.
"""

import argparse
import hashlib
import json
import os
import socket
import subprocess
import sys
import time


def main():
    parser = argparse.ArgumentParser()
    for name in ["dir", "user", "password"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {name: os.path.join(args.dir, name) for name in ["conf", "run", "log", "media"]}
    for place in places.values():
        os.makedirs(place)
    digest = hashlib.sha1(args.password.encode()).hexdigest()
    write(places["conf"], "motion.conf",
          f"# @enabled on\n# @admin_username {args.user}\n# @admin_password {digest}\n"
          f"# @normal_username viewer\n# @normal_password {os.urandom(16).hex()}\n")
    lines = [f"{name}_path {place}" for name, place in places.items()]
    lines += ["listen 127.0.0.1", f"port {port}", "log_level warning"]
    conf = write(args.dir, "motioneye.conf", "\n".join(lines) + "\n")
    program = os.path.join(os.path.dirname(sys.executable), "meyectl")
    process = subprocess.Popen([sys.executable, program, "startserver", "-c", conf],
                               stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        end = time.monotonic() + 60
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("motionEye did not start")
            time.sleep(0.05)
        print("READY " + json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
        sys.stdin.read()
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def write(place, name, text):
    path = os.path.join(place, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def answers(port):
    """Whether a server answers there: a connection alone might be one to itself."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /version/ HTTP/1.0\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False


main()
