#!/usr/bin/env python3
"""The receivers of config/alertmanager/chats.yml, driven by a real Alertmanager into a server that
takes what the four chats document and nothing else: every key known, every value a text that is not
empty, what has to be there present. Prints every problem; exit 1 if any.

    chats.py FOLDER     with prometheus-alertmanager and amtool, 0.32 or later
"""

import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CONFIG = ROOT / "config/alertmanager"
# A busy machine starts an Alertmanager in ten seconds.
PATIENCE_SECONDS = 60

TEXT = {"type": "string", "minLength": 1}
LINK = {"type": "string", "pattern": "^https?://[^ \t]+$"}


def body(required, **optional):
    return {"type": "object", "additionalProperties": False, "required": list(required),
            "properties": required | optional}


CHATS = {
    "kakaowork": body({"text": TEXT}),
    "naver-works": body({"body": body({"text": TEXT})}, title=TEXT, button=body({"label": TEXT, "url": LINK})),
    "dooray": body({"text": TEXT}, botName=TEXT, botIconImage=LINK, attachments={
        "type": "array", "items": body({}, title=TEXT, titleLink=LINK, text=TEXT, imageUrl=LINK,
                                       color={"enum": ["red", "green", "blue", "yellow", "navy", "gray"]})}),
    "jandi": body({"body": TEXT}, connectColor={"type": "string", "pattern": "^#[0-9A-F]{6}$"}, connectInfo={
        "type": "array", "items": body({}, title=TEXT, description=TEXT, imageUrl=LINK)}),
}

# What a page of a stranger may call itself: what is YAML, a template, or has to be escaped.
SUMMARIES = {
    "Plain": "gpki 인증 검증 실패",
    "Map": "gpki: 인증 검증 실패 - 영향: 새올 (214/226), 주민등록",
    "Number": "2024",
    "List": "- 새올\n- 정부24",
    "Flow": "[공지] 점검",
    "Quotes": 'a "b" \'c\' \\d\\ `e`',
    "Markup": "<b>점검</b> & <script>alert(1)</script>",
    "Lines": "첫 줄\n둘째 줄\r\n\t셋째",
    "Template": '{{ .Status }} {{ template "none" }} {{ bad',
    "Control": "bell \x07, end",
    "Comment": "# 주석",
    "Null": "null",
    "Alias": "*x &y !z %w @v",
}
DESCRIPTION = 'The page says "점검: <a>" {{ and }} more.'

problems = []
received = {}
changed = threading.Condition()


class Chat(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        chat, status = self.path.strip("/"), 200
        try:
            if self.headers.get_content_type() != "application/json":
                raise ValueError(f"Content-Type: {self.headers['Content-Type']}")
            if chat == "jandi" and self.headers["Accept"] != "application/vnd.tosslab.jandi-v2+json":
                raise ValueError(f"Accept: {self.headers['Accept']}")
            message = json.loads(data.decode("utf-8"))
            jsonschema.validate(message, CHATS[chat])
        except (ValueError, jsonschema.ValidationError) as error:
            with changed:
                problems.append(f"{chat} refuses: {str(error).splitlines()[0]}: {data.decode(errors='replace')}")
            status = 400
        else:
            with changed:
                received.setdefault(chat, []).append("\n".join(strings(message)))
                changed.notify_all()
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def strings(value):
    if isinstance(value, str):
        return [value]
    return [text for one in (value.values() if isinstance(value, dict) else value) for text in strings(one)]


def configuration(folder, port):
    """What is shipped, with files of our own for the addresses, all chats at once, and no waits."""
    config = yaml.safe_load((CONFIG / "chats.yml").read_text())
    config["templates"] = [str(CONFIG / "templates/*.tmpl")]
    names = [receiver["name"] for receiver in config["receivers"]]
    if sorted(names) != sorted(CHATS):
        problems.append(f"chats.yml has {names}, known are {sorted(CHATS)}")
    for receiver in config["receivers"]:
        hook = receiver["webhook_configs"][0]
        address = folder / receiver["name"]
        address.write_text(f"http://127.0.0.1:{port}/{receiver['name']}")
        hook["url_file"] = str(address)
    # Every case is a message of its own, so that none hides behind another.
    quick = {"group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"}
    config["route"] = {"receiver": names[0], **quick,
                       "routes": [{"receiver": name, "continue": True, **quick} for name in names]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config, allow_unicode=True))
    return folder / "alertmanager.yml"


def alerts(ends):
    begun = datetime.now(timezone.utc) - timedelta(minutes=1)
    return [{"labels": {"alertname": name, "service": "gpki", "severity": "page"},
             "annotations": {"summary": text, "summary_ko": text, "description": DESCRIPTION,
                             "runbook_url": f"https://ops.example.go.kr/runbooks/{name}",
                             "dashboard": "/d/bongsu-service?var-service=gpki"},
             "startsAt": begun.isoformat(), "endsAt": ends.isoformat()} for name, text in SUMMARIES.items()]


def post(base, ends):
    request = urllib.request.Request(f"{base}/api/v2/alerts", json.dumps(alerts(ends)).encode(),
                                     {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def until(what, done):
    end = time.monotonic() + PATIENCE_SECONDS
    with changed:
        while not done() and not problems and time.monotonic() < end:
            changed.wait(0.2)
        if not done():
            problems.append(f"{what}: not within {PATIENCE_SECONDS} s")


def told(mark):
    """Whether every chat has every text, letter by letter, in a message of that kind."""
    return all(any(mark in message and text in message for message in received.get(chat, []))
               for chat in CHATS for text in SUMMARIES.values())


class Chats(http.server.ThreadingHTTPServer):
    # Alertmanager sends every case to every chat at once; what finds no room in the queue is reset.
    request_queue_size = 128


def drive(tools, folder):
    server = Chats(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = configuration(folder, server.server_port)
    for file in (CONFIG / "chats.yml", config):
        checked = subprocess.run([tools / "amtool", "check-config", file], capture_output=True, text=True)
        if checked.returncode:
            problems.append(checked.stdout + checked.stderr)
            return
    with (folder / "log").open("w") as log:
        manager = subprocess.Popen(
            [tools / "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder / 'data'}",
             "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="], stdout=log, stderr=log)
    try:
        base = address(folder / "log", manager)
        if base is None:
            return
        now = datetime.now(timezone.utc)
        post(base, now + timedelta(hours=1))
        until("firing", lambda: told("[장애]") and told(DESCRIPTION))
        post(base, datetime.now(timezone.utc))
        # They have no text of their own for the end.
        until("resolved", lambda: told("[해제]"))
    finally:
        manager.kill()
        manager.wait()
        server.shutdown()
    if problems:
        failed = [line for line in (folder / "log").read_text().splitlines() if "level=ERROR" in line]
        problems.extend(failed[:3])


def address(log, manager):
    """Where it listens, which is in its log."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and manager.poll() is None:
        for line in log.read_text().splitlines():
            if 'msg="Listening on"' in line:
                return "http://" + line.partition("address=")[2].split()[0]
        time.sleep(0.05)
    problems.append(f"Alertmanager does not listen: {log.read_text()}")
    return None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        drive(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(temporary))
    for chat, messages in sorted(received.items()):
        print(f"{chat}: {len(messages)} messages, for example:\n{messages[0]}\n")
    if problems:
        sys.exit("\n".join(problems))
