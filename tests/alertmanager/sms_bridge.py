#!/usr/bin/env python3
"""deploy/bridge/sms_bridge.py beside a real Alertmanager, and a gateway of our own that is as strict as
NAVER Cloud SENS says it is: openssl computes every signature again, iconv counts every text. The real
gateway was not reached. Prints what it saw; exit 1 and a traceback if anything is wrong."""

import base64
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
BRIDGE = ROOT / "deploy/bridge/sms_bridge.py"
# A busy machine starts an Alertmanager in ten seconds.
PATIENCE_SECONDS = 60
# What the gateway allows a clock to be off.
CLOCK_SECONDS = 300

ACCESS, SECRET, TOKEN = "canary-access-5f1d", "canary-secret-93ab", "canary-token-77c0"
SERVICE = "ncp:sms:kr:123456789012:bongsu"
NUMBERS = "# who is on duty\nduty 010-1234-5678  # 홍길동\nduty +82 10\n"
GOOD_NUMBERS = "# who is on duty\nduty 010-1234-5678  # 홍길동\nduty +821087654321\ndeputy 010-2222-3333\n"

BODY = {
    "type": "object", "additionalProperties": False,
    "required": ["type", "contentType", "countryCode", "from", "content", "messages"],
    "properties": {
        "type": {"enum": ["SMS", "LMS"]}, "contentType": {"const": "COMM"}, "countryCode": {"const": "82"},
        "from": {"const": "021234567"}, "subject": {"type": "string", "minLength": 1},
        "content": {"type": "string", "minLength": 1},
        "messages": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
            "type": "object", "additionalProperties": False, "required": ["to"],
            "properties": {"to": {"type": "string", "pattern": "^01[016789][0-9]{7,8}$"}}}},
    },
}


def signature(path, timestamp):
    """Of the API's documents, by a program that is not ours."""
    text = f"POST {path}\n{timestamp}\n{ACCESS}".encode()
    run = subprocess.run(["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{SECRET.encode().hex()}",
                          "-binary"], input=text, capture_output=True, check=True)
    return base64.b64encode(run.stdout).decode()


def euc_kr_length(text):
    run = subprocess.run(["iconv", "-f", "UTF-8", "-t", "CP949"], input=text.encode(), capture_output=True, check=True)
    return len(run.stdout)


class Gateway(http.server.ThreadingHTTPServer):
    """Takes what SENS takes. `says` is a status that it answers with instead."""

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Request)
        self.says, self.attempts, self.taken, self.wrong = None, 0, [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A bridge that was killed reads no answer."""

    def judge(self, request, data):
        if self.says:
            return self.says
        path = f"/sms/v2/services/{SERVICE}/messages"
        if request.path != path:
            return 404
        timestamp = request.headers["x-ncp-apigw-timestamp"]
        if abs(time.time() - int(timestamp) / 1000) > CLOCK_SECONDS:
            return 401
        if (request.headers["x-ncp-iam-access-key"] != ACCESS
                or request.headers["x-ncp-apigw-signature-v2"] != signature(path, timestamp)):
            return 401
        if request.headers["Content-Type"] != "application/json; charset=utf-8":
            return 415
        body = json.loads(data.decode("utf-8"))
        jsonschema.validate(body, BODY)
        length = euc_kr_length(body["content"])
        if length > (90 if body["type"] == "SMS" else 2000) or (body["type"] == "LMS") == (length <= 90):
            raise ValueError(f"{body['type']} of {length} bytes")
        if euc_kr_length(body.get("subject", "")) > 40 or ("subject" in body) != (body["type"] == "LMS"):
            raise ValueError(f"subject of {body['type']}: {body.get('subject')}")
        self.taken.append((body["messages"][0]["to"], body["type"], body["content"]))
        return 202


class Request(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.attempts += 1
        try:
            status = self.server.judge(self, data)
        except (ValueError, subprocess.CalledProcessError, jsonschema.ValidationError) as error:
            self.server.wrong.append(f"{error}: {data.decode(errors='replace')}")
            status = 400
        if status == 202:
            said = {"requestId": "VORSSA-1", "requestTime": "2026-11-29T15:00:00.000", "statusCode": "202",
                    "statusName": "success"}
        else:
            # A gateway that repeats keys in its error: nothing of them may be logged.
            keys = f"{ACCESS} {SECRET}" if self.server.says else ACCESS
            said = {"error": {"keys": keys, "message": str(dict(self.headers))}}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Bridge:
    """The program with its files, which can be killed and started again."""

    def __init__(self, folder, gateway):
        self.folder, self.log, self.process = folder, folder / "log", None
        for name, text in (("access", ACCESS), ("secret", SECRET), ("token", TOKEN), ("numbers", GOOD_NUMBERS)):
            (folder / name).write_text(text + "\n")
        self.command = [
            sys.executable, str(BRIDGE), "--listen=127.0.0.1:0", f"--state={folder / 'state'}",
            f"--numbers={folder / 'numbers'}", f"--service-id={SERVICE}", "--sender=02-123-4567",
            f"--access-key-file={folder / 'access'}", f"--secret-key-file={folder / 'secret'}",
            f"--token-file={folder / 'token'}", f"--gateway=http://127.0.0.1:{gateway.server_port}",
            "--retry-seconds=0.2"]
        self.start()

    def start(self):
        already = self.log.read_text().count("listening on") if self.log.exists() else 0
        self.process = subprocess.Popen(self.command, stderr=self.log.open("a"), stdout=subprocess.DEVNULL)
        until("the bridge listens", lambda: self.log.read_text().count("listening on") > already)
        self.port = int(self.log.read_text().rpartition("listening on 127.0.0.1:")[2].split()[0])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, path, data=None, token=TOKEN):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data,
                                         {"Authorization": f"Bearer {token}"} if data else {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        lines = self.ask("/metrics")[1].splitlines()
        return float(next(line.split()[-1] for line in lines if line.split(" ")[0] == f"sms_bridge_{name}"))


def until(what, done):
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS} s")
        time.sleep(0.02)


def message(*summaries, name="ServiceDown", status="firing", severity="page", starts="2026-11-29T01:42:35.123456789Z"):
    """What Alertmanager sends, of as many alerts."""
    alerts = [{"status": status, "labels": {"alertname": name, "severity": severity}, "fingerprint": f"{name}{i}",
               "annotations": {"summary_ko": text, "runbook_url": f"https://ops.example.go.kr/runbooks/{name}"},
               "startsAt": starts, "endsAt": "0001-01-01T00:00:00Z"} for i, text in enumerate(summaries)]
    return json.dumps({"version": "4", "status": status, "receiver": "page", "alerts": alerts,
                       "groupLabels": {}, "commonLabels": {"alertname": name, "severity": severity},
                       "commonAnnotations": {}}).encode()


def texts(gateway, number="01012345678"):
    return [content for to, _, content in gateway.taken if to == number]


def alertmanager_pages_and_resolves(bridge, gateway, folder):
    """The whole way, with the routes of a real Alertmanager and its bearer token."""
    (folder / "alertmanager.yml").write_text(json.dumps({
        "route": {"receiver": "page", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "page", "webhook_configs": [{
            "url": f"http://127.0.0.1:{bridge.port}/duty", "send_resolved": True,
            "http_config": {"authorization": {"credentials_file": str(folder / "token")}}}]}]}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    manager = subprocess.Popen(
        [program, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}",
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=(folder / "alertmanager.log").open("w"))

    def post(ends):
        alert = [{"labels": {"alertname": "CauseDown", "service": "gpki", "severity": "page"},
                  "annotations": {"summary_ko": "gpki: 인증 \"검증\" <실패>", "recovered_ko": "gpki: 다시 정상",
                                  "runbook_url": "https://x.example/r"},
                  "startsAt": begun.isoformat(), "endsAt": ends.isoformat()}]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/alerts", json.dumps(alert).encode(),
                                         {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except (urllib.error.URLError, http.client.HTTPException):
            return False
        return True

    begun = datetime.now(timezone.utc) - timedelta(minutes=1)
    clock = begun.astimezone(timezone(timedelta(hours=9))).strftime("%m-%d %H:%M")
    try:
        until("Alertmanager takes alerts", lambda: post(begun + timedelta(hours=1)))
        until("the page", lambda: len(gateway.taken) == 2)
        post(datetime.now(timezone.utc))
        until("the recovery", lambda: len(gateway.taken) == 4)
    finally:
        manager.kill()
        manager.wait()
    for number in ("01012345678", "01087654321"):
        assert texts(gateway, number) == [f"[장애] gpki: 인증 \"검증\" <실패> ({clock})",
                                          f"[복구] gpki: 다시 정상 ({clock})"], gateway.taken


def the_same_is_sent_once(bridge, gateway, _):
    for _ in range(3):
        assert bridge.ask("/duty", message("세무"))[0] == 200
    assert bridge.ask("/deputy", message("세무"))[0] == 200
    until("three messages", lambda: len(gateway.taken) == 3)
    assert bridge.metric('requests_total{result="duplicate"}') == 2
    assert bridge.metric("sent_total") == 3
    assert len(texts(gateway, "01022223333")) == 1


def a_queue_survives_kill_9(bridge, gateway, _):
    gateway.says = 503
    for i in range(5):
        assert bridge.ask("/duty", message(f"서비스 {i}", name=f"A{i}"))[0] == 200
    until("ten attempts", lambda: gateway.attempts >= 10)
    assert bridge.metric("queue_length") == 10 and bridge.metric("oldest_queued_seconds") > 0
    assert bridge.metric('failures_total{reason="gateway"}') >= 9
    bridge.kill()
    assert not gateway.taken
    gateway.says = None
    bridge.start()
    # Alertmanager, too, sends again what it got no answer for.
    assert bridge.ask("/duty", message("서비스 4", name="A4")) == (200, "duplicate")
    until("an empty queue", lambda: bridge.metric("queue_length") == 0)
    # At least once: whose answer did not come in time is sent again, and nothing else is.
    unanswered = bridge.metric('failures_total{reason="unreachable"}')
    assert len(set(gateway.taken)) == 10 and len(gateway.taken) <= 10 + unanswered, (unanswered, gateway.taken)
    assert bridge.metric("oldest_queued_seconds") == 0


def what_gets_better_is_tried_again_and_what_does_not_is_dropped(bridge, gateway, folder):
    for status, reason in ((401, "credentials"), (429, "throttled"), (500, "gateway"), (200, "gateway")):
        gateway.says = status
        before = bridge.metric(f'failures_total{{reason="{reason}"}}')
        assert bridge.ask("/deputy", message("행복이음", name=f"S{status}"))[0] == 200
        until(reason, lambda: bridge.metric(f'failures_total{{reason="{reason}"}}') > before)
        gateway.says, taken = None, len(gateway.taken)
        until(f"sent after {status}", lambda: bridge.metric("queue_length") == 0)
        assert len(gateway.taken) == taken + 1
    # A changed key is taken without a restart.
    (folder / "secret").write_text("wrong")
    assert bridge.ask("/deputy", message("민원", name="Key"))[0] == 200
    before = bridge.metric('failures_total{reason="credentials"}')
    until("the wrong key", lambda: bridge.metric('failures_total{reason="credentials"}') > before)
    (folder / "secret").write_text(SECRET)
    until("sent with the right key", lambda: bridge.metric("queue_length") == 0)
    gateway.says = 400
    assert bridge.ask("/deputy", message("정부24", name="Bad"))[0] == 200
    until("dropped", lambda: bridge.metric('dropped_total{reason="rejected"}') == 1)
    assert bridge.metric("queue_length") == 0


def lengths_are_those_of_the_networks(bridge, gateway, _):
    """90 bytes are a short message and 91 a long one; what EUC-KR lacks is a question mark."""
    room = 90 - euc_kr_length("[장애]  (11-29 10:42)")
    for i, (text, kind) in enumerate((("가" * (room // 2) + "a" * (room % 2), "SMS"),
                                      ("가" * (room // 2) + "a" * (room % 2 + 1), "LMS"),
                                      ("뷁 😀 줄\n둘째\x07", "SMS"), ("가나다" * 2000, "LMS"))):
        assert bridge.ask("/deputy", message(text, name=f"L{i}"))[0] == 200
        until(f"text {i}", lambda: len(gateway.taken) == i + 1)
        assert gateway.taken[i][1] == kind, gateway.taken[i]
    assert gateway.taken[2][2].startswith("[장애] 뷁 ? 줄 둘째"), gateway.taken[2]
    assert gateway.taken[3][2].endswith("…") and euc_kr_length(gateway.taken[3][2]) >= 1999
    long = "접속 불가 - 영향: 새올 (214/226), 주민등록, 행복이음, 복지로, 정부24, 총 5개 서비스"
    assert bridge.ask("/deputy", message(*(f"서비스 {i}: {long}" for i in range(30)), name="Many"))[0] == 200
    until("thirty", lambda: len(gateway.taken) == 5)
    said = gateway.taken[4][2]
    assert said.startswith(f"[장애] 30건, 11-29 10:42 시작\n서비스 0: {long}\n") and "서비스 10" not in said, said
    assert said.endswith("https://ops.example.go.kr/runbooks/Many"), said


def a_gateway_that_is_away_is_waited_for_and_what_is_old_is_given_up(bridge, gateway, folder):
    port = gateway.server_port
    gateway.shutdown()
    gateway.server_close()
    for name in ("Old", "New"):
        assert bridge.ask("/deputy", message(f"서비스 {name}", name=name))[0] == 200
    until("nobody there", lambda: bridge.metric('failures_total{reason="unreachable"}') >= 2)
    assert bridge.metric("queue_length") == 2
    bridge.kill()
    # One of them has waited for two hours and a second.
    with contextlib.closing(sqlite3.connect(folder / "state/queue.db")) as queue, queue:
        queue.execute("UPDATE message SET created = created - 7201 WHERE content LIKE '%Old%'")
    bridge.start()
    until("the old one is given up", lambda: bridge.metric('dropped_total{reason="expired"}') == 1)
    assert bridge.metric("queue_length") == 1
    back = Gateway(port)
    try:
        until("the new one is sent", lambda: bridge.metric("queue_length") == 0)
        assert [content.split()[2] for _, _, content in back.taken] == ["New"], back.taken
        assert not back.wrong, back.wrong
    finally:
        back.shutdown()
        back.server_close()


def strangers_and_nonsense_are_refused(bridge, gateway, folder):
    assert bridge.ask("/duty", message("x"), token="wrong")[0] == 401
    assert bridge.ask("/nobody", message("x"))[0] == 404
    for data in (b"{", b"[]", b'{"alerts": []}', b'{"alerts": [], "status": "firing"}', b"[" * 100000,
                 message("x", starts="yesterday"), message("x").replace(b'"annotations"', b'"nothing"')):
        assert bridge.ask("/duty", data)[0] == 400, data[:60]
    # A file of numbers that was spoilt leaves those before in force, and says so.
    (folder / "numbers").write_text(NUMBERS)
    assert bridge.metric("numbers_valid") == 0
    assert bridge.ask("/deputy", message("새올"))[0] == 200
    until("sent to the number before", lambda: texts(gateway, "01022223333"))
    assert f"{folder / 'numbers'}:3: write a group" in bridge.log.read_text()
    (folder / "numbers").write_text(GOOD_NUMBERS)
    assert bridge.metric("numbers_valid") == 1


def a_full_queue_is_said(bridge, gateway, _):
    """Filled up to its last place; Alertmanager keeps what does not fit and tries again."""
    gateway.says = 503
    capacity = int(bridge.metric("queue_capacity"))
    for i in range(capacity // 2):
        assert bridge.ask("/duty", message("x", name=f"F{i}"))[0] == 200, i
    assert bridge.ask("/deputy", message("x", name="One")) == (503, "full")
    assert bridge.metric("queue_length") == capacity
    gateway.says = None


def a_wrong_start_says_what_is_wrong(bridge, _gateway, folder):
    for spoilt, text, said in (("numbers", NUMBERS, "numbers:3: write a group"),
                               ("numbers", "duty 02-123-4567\n", "numbers:1: \"02-123-4567\" is no mobile number"),
                               ("secret", " \n", "secret: holds no key")):
        kept = (folder / spoilt).read_text()
        (folder / spoilt).write_text(text)
        run = subprocess.run(bridge.command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert run.returncode == 1 and said in run.stderr and "Traceback" not in run.stderr, run.stderr
        (folder / spoilt).write_text(kept)
    for flag, said in (("--listen=0.0.0.0:1", "--token-file is needed"), ("--gateway=http://sens.example", "https://")):
        command = [one for one in bridge.command if not one.startswith("--token-file")] + [flag]
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert run.returncode == 2 and said in run.stderr, run.stderr


def nothing_tells_a_secret(bridge, folder):
    told = bridge.log.read_bytes() + bridge.ask("/metrics")[1].encode()
    told += b"".join(file.read_bytes() for file in (folder / "state").iterdir())
    for secret in (ACCESS, SECRET, TOKEN):
        assert secret.encode() not in told, secret
    assert b"01012345678" not in bridge.log.read_bytes()
    assert os.stat(folder / "state/queue.db").st_mode & 0o077 == 0
    checked = subprocess.run(["promtool", "check", "metrics"], input=bridge.ask("/metrics")[1], text=True,
                             capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


CASES = [alertmanager_pages_and_resolves, the_same_is_sent_once, a_queue_survives_kill_9,
         what_gets_better_is_tried_again_and_what_does_not_is_dropped, lengths_are_those_of_the_networks,
         a_gateway_that_is_away_is_waited_for_and_what_is_old_is_given_up, strangers_and_nonsense_are_refused,
         a_full_queue_is_said, a_wrong_start_says_what_is_wrong]


def main():
    for case in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            folder, gateway = pathlib.Path(temporary), Gateway()
            bridge = Bridge(folder, gateway)
            try:
                case(bridge, gateway, folder)
                nothing_tells_a_secret(bridge, folder)
                assert not gateway.wrong, gateway.wrong
            except BaseException:
                print(bridge.log.read_text()[-3000:], file=sys.stderr)
                raise
            finally:
                bridge.kill()
                gateway.shutdown()
        print(f"{case.__name__}: ok", flush=True)
    print(f"{len(CASES)} passed, 0 failed")


if __name__ == "__main__":
    main()
