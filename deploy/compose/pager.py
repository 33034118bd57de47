"""A telephone for the demonstration: shows what Alertmanager sends, newest first.

    POST /<who>/...      a message for the pager, the chat, the tickets... (webhook or Slack form)
    GET  /               the messages, as a page that refreshes itself
    GET  /api/messages   the same as JSON
    GET  /-/healthy

Keeps the last messages in memory and nothing else. It is no part of Bongsu: a real installation has
a telephone.
"""

import collections
import html
import http.server
import json
import threading
import time

PORT = 8080
MESSAGES_MAX = 200
# Alertmanager's largest group is far smaller.
BODY_MAX_BYTES = 4 * 1024 * 1024
# A client that stops talking in the middle of a request is let go.
CLIENT_SECONDS = 10
# Korea has no summer time.
KST_OFFSET_SECONDS = 9 * 3600

messages = collections.deque(maxlen=MESSAGES_MAX)
lock = threading.Lock()
heartbeat = None

PAGE = """<!doctype html><html lang="ko"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>호출기 · Pager</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
article{{border-left:.4rem solid #999;padding:.2rem 1rem;margin:1rem 0;background:#f6f6f6}}
.pager.firing,.pager-deputy.firing{{border-color:#c00}} .resolved{{border-color:#2a7}}
pre{{white-space:pre-wrap;font:inherit;margin:0}} small{{color:#555}}
</style><h1>호출기 · Pager</h1><p><small>심장 박동 · heartbeat: {heartbeat}</small></p>{articles}</html>"""


def clock(moment):
    return time.strftime("%Y-%m-%d %H:%M:%S KST", time.gmtime(moment + KST_OFFSET_SECONDS))


def read(path, body):
    """A message of either form as (who, status, lines)."""
    who = path.strip("/").split("/")[0] or "nobody"
    if "attachments" in body:
        first = body["attachments"][0]
        return "chat", "", [first.get("title", ""), first.get("text", "")]
    if path.endswith("-deputy"):
        who += "-deputy"
    lines = []
    for alert in body.get("alerts", []):
        notes, labels = alert.get("annotations", {}), alert.get("labels", {})
        lines += [f"{labels.get('alertname', '?')} {labels.get('service', '')}".strip()]
        lines += [notes[key] for key in ("summary_ko", "summary", "description") if notes.get(key)]
    return who, body.get("status", ""), lines


def receive(path, body):
    global heartbeat
    now = time.time()
    who, status, lines = read(path, body)
    if who == "deadman":
        with lock:
            heartbeat = now
        return
    message = {"time": now, "to": who, "status": status, "text": "\n".join(lines), "body": body}
    with lock:
        messages.appendleft(message)
    print(f"[{clock(now)}] {who} {status}\n  " + "\n  ".join(lines), flush=True)


def page():
    with lock:
        seen, beat = list(messages), heartbeat
    articles = "".join(
        f'<article class="{html.escape(one["to"])} {html.escape(one["status"])}">'
        f'<small>{clock(one["time"])} · {html.escape(one["to"])} {html.escape(one["status"])}</small>'
        f'<pre>{html.escape(one["text"])}</pre></article>'
        for one in seen
    )
    return PAGE.format(
        heartbeat=clock(beat) if beat else "없음 · none yet",
        articles=articles or "<p>조용하다. · All is quiet.</p>",
    )


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = CLIENT_SECONDS

    def answer(self, status, kind, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        try:
            length = int(self.headers.get("Content-Length", 0))
            if not 0 <= length <= BODY_MAX_BYTES:
                return self.answer(413, "text/plain", "too large")
            receive(self.path, json.loads(self.rfile.read(length)))
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            return self.answer(400, "text/plain", f"not a message of Alertmanager: {error}")
        self.answer(200, "text/plain", "ok")

    def do_GET(self):
        if self.path == "/-/healthy":
            return self.answer(200, "text/plain", "ok")
        if self.path == "/api/messages":
            with lock:
                seen = {"heartbeat": heartbeat, "messages": list(messages)}
            return self.answer(200, "application/json", json.dumps(seen, ensure_ascii=False))
        if self.path == "/":
            return self.answer(200, "text/html; charset=utf-8", page())
        self.answer(404, "text/plain", "no such page")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", PORT), Handler).serve_forever()
