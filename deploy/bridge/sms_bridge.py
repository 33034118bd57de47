#!/usr/bin/env python3
"""Alertmanager's webhook in, text messages out: a bridge to NAVER Cloud SENS.

    POST /<group>     a message of Alertmanager, for the numbers of that group
    GET  /metrics     what Prometheus asks for
    GET  /-/healthy   whether it lives

A message is answered with 200 when it is on the disk, and is then sent until the gateway takes it,
across restarts. It is sent at least once: who is killed between the gateway's answer and the
note of it sends that one again. What is no duty of it: whether the telephone got the message.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import ssl
import sys
import threading
import time
import urllib.parse
from datetime import datetime, timedelta, timezone

# Korea has no summer time.
KST = timezone(timedelta(hours=9))
# Two Alertmanagers that do not see each other send the same, and one that got no answer sends again;
# both within minutes. A page is repeated after an hour, and that is to be heard.
DUPLICATE_SECONDS = 30 * 60
# By then the page has been repeated twice, and what it says is history.
MESSAGE_SECONDS = 2 * 3600
# A storm is a few pages (docs/alerting.md); times fifty numbers there is room for twenty.
QUEUE_MAX = 1000
NUMBERS_MAX = 50
# The largest group of Alertmanager is far smaller.
BODY_MAX_BYTES = 4 * 1024 * 1024
FILE_MAX_BYTES = 64 * 1024
# The gateway's answers have a few hundred bytes.
ANSWER_MAX_BYTES = 64 * 1024
CLIENT_SECONDS = 10
GATEWAY_SECONDS = 10
RETRY_MAX_SECONDS = 300
# Limits of the gateway, in bytes of EUC-KR.
SMS_BYTES, LMS_BYTES, SUBJECT_BYTES = 90, 2000, 40
# Alerts that a long message lists.
LISTED_MAX = 10

MOBILE = re.compile(r"01[016789]\d{7,8}")
GROUP = re.compile(r"[a-z0-9-]{1,40}")


class BadFile(Exception):
    """A file that cannot be used: which, where, and what to do."""


def read_file(path):
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from None
    if len(data) > FILE_MAX_BYTES:
        raise BadFile(f"{path}: larger than {FILE_MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: is not UTF-8 (byte {error.start})") from None


def read_secret(path):
    """Read anew for each use, so that a changed key is taken without a restart."""
    text = read_file(path).strip()
    if not text or not text.isascii() or not text.isprintable():
        raise BadFile(f"{path}: holds no key; write the key alone into it")
    return text


def read_numbers(path):
    """Lines such as `duty 010-1234-5678  # 홍길동`, as group -> numbers."""
    groups, count = {}, 0
    for place, line in enumerate(read_file(path).splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not GROUP.fullmatch(words[0]):
            raise BadFile(f"{path}:{place}: write a group (a-z, 0-9, -) and a number: duty 010-1234-5678")
        number = re.sub(r"^\+82", "0", words[1]).replace("-", "")
        if not MOBILE.fullmatch(number):
            raise BadFile(f"{path}:{place}: \"{words[1]}\" is no mobile number; write one such as 010-1234-5678")
        if number in groups.setdefault(words[0], []):
            raise BadFile(f"{path}:{place}: is in group {words[0]} already")
        groups[words[0]].append(number)
        count += 1
        if count > NUMBERS_MAX:
            raise BadFile(f"{path}:{place}: more than {NUMBERS_MAX} numbers")
    if not groups:
        raise BadFile(f"{path}: has no numbers; write lines such as duty 010-1234-5678")
    return groups


def masked(number):
    return number[:3] + "****" + number[-4:]


def log(text):
    print(text, file=sys.stderr, flush=True)


# --- texts ------------------------------------------------------------------------------------

def euc_kr(text):
    """As the networks count: EUC-KR with the syllables that CP949 adds; what it lacks is a question mark."""
    return text.encode("cp949", "replace")


def sendable(text):
    """One line of what the networks can show."""
    return " ".join(euc_kr(text).decode("cp949").split())


def clipped(text, limit):
    """The beginning that fits, with an ellipsis if that is not all of it."""
    if len(euc_kr(text)) <= limit:
        return text
    room = limit - len(euc_kr("…"))
    while len(euc_kr(text)) > room:
        text = text[:-1]
    return text + "…"


def clock(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(KST).strftime("%m-%d %H:%M")


def compose(body):
    """(kind, subject, content) of Alertmanager's message. Raises on what is none."""
    alerts = body["alerts"]
    firing = body["status"] == "firing"
    severity = body.get("commonLabels", {}).get("severity")
    notes = [alert["annotations"] for alert in alerts]
    # What is well again is said by another text than what is broken; other alerts have none.
    over = None if firing else "복구" if "recovered_ko" in notes[0] else "해제"
    mark = over or {"page": "장애", "escalation": "미확인"}.get(severity, "알림")
    lines = [sendable((not firing and note.get("recovered_ko")) or note.get("summary_ko") or note.get("summary")
                      or alert["labels"]["alertname"])
             for note, alert in zip(notes, alerts)]
    more = f" 외 {len(alerts) - 1}건" if len(alerts) > 1 else ""
    when = clock(min(alert["startsAt"] for alert in alerts))
    title = f"[{mark}] {lines[0]}{more}"
    short = f"{title} ({when})"
    if len(euc_kr(short)) <= SMS_BYTES:
        return "SMS", None, short
    told = [f"[{mark}] {len(alerts)}건, {when} 시작", *lines[:LISTED_MAX]]
    if firing and notes[0].get("runbook_url"):
        told.append(sendable(notes[0]["runbook_url"]))
    return "LMS", clipped(title, SUBJECT_BYTES), clipped("\n".join(told), LMS_BYTES)


def fingerprint(group, body):
    """The same for what is the same message: who, which alerts, since when, firing or not."""
    alerts = sorted((alert["fingerprint"], alert["status"], alert["startsAt"]) for alert in body["alerts"])
    return hashlib.sha256(json.dumps([group, alerts]).encode()).hexdigest()


# --- what is kept -----------------------------------------------------------------------------

class Queue:
    """Messages on the disk, and what was accepted lately."""

    def __init__(self, folder):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(folder / "queue.db", check_same_thread=False)
        os.chmod(folder / "queue.db", 0o600)
        # What was answered with 200 is to survive the machine's power, too.
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        with self.database:
            self.database.execute("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, number TEXT,"
                                  " kind TEXT, subject TEXT, content TEXT, created REAL, due REAL, tries INTEGER)")
            self.database.execute("CREATE TABLE IF NOT EXISTS accepted (key TEXT PRIMARY KEY, at REAL)")
        # The gateway took these, but the disk did not take the note of it.
        self.sent = set()

    def accept(self, key, numbers, message):
        """All of it or nothing: `accepted`, `duplicate` or `full`."""
        now = time.time()
        with self.lock, self.database:
            self.database.execute("DELETE FROM accepted WHERE at < ? OR at > ?", (now - DUPLICATE_SECONDS, now))
            if self.database.execute("SELECT 1 FROM accepted WHERE key = ?", (key,)).fetchone():
                return "duplicate"
            if self.length() + len(numbers) > QUEUE_MAX:
                return "full"
            self.database.execute("INSERT INTO accepted VALUES (?, ?)", (key, now))
            self.database.executemany("INSERT INTO message VALUES (NULL, ?, ?, ?, ?, ?, ?, 0)",
                                      [(number, *message, now, now) for number in numbers])
        return "accepted"

    def length(self):
        return self.database.execute("SELECT count(*) FROM message").fetchone()[0]

    def state(self):
        """(length, seconds that the oldest has waited)."""
        with self.lock:
            oldest = self.database.execute("SELECT min(created) FROM message").fetchone()[0]
            return self.length(), max(0, time.time() - oldest) if oldest else 0

    def next(self):
        """The message that is due first, and when it is; None if there is none."""
        with self.lock:
            self.forget(())
            return self.database.execute(
                "SELECT id, number, kind, subject, content, created, due, tries FROM message ORDER BY due LIMIT 1"
            ).fetchone()

    def forget(self, ids):
        """What was sent leaves; called with the lock."""
        self.sent.update(ids)
        if self.sent:
            with self.database:
                self.database.executemany("DELETE FROM message WHERE id = ?", [(one,) for one in self.sent])
            self.sent.clear()

    def done(self, message):
        with self.lock:
            self.forget((message,))

    def again(self, message, due):
        with self.lock, self.database:
            self.database.execute("UPDATE message SET due = ?, tries = tries + 1 WHERE id = ?", (due, message))


class Counters:
    """Metrics in Prometheus's text format."""

    HELP = {
        "requests": "Messages of Alertmanager by what became of them.",
        "sent": "Text messages that the gateway took.",
        "failures": "Attempts that failed, by reason; all but rejected are tried again.",
        "dropped": "Text messages given up, by reason.",
    }

    def __init__(self):
        self.lock = threading.Lock()
        self.values = {("sent", "", ""): 0}
        for result in ("accepted", "duplicate", "invalid", "unknown_group", "full", "disk"):
            self.values["requests", "result", result] = 0
        for reason in ("unreachable", "throttled", "credentials", "gateway", "rejected"):
            self.values["failures", "reason", reason] = 0
        for reason in ("expired", "rejected"):
            self.values["dropped", "reason", reason] = 0

    def add(self, name, value=""):
        label = {"requests": "result", "sent": ""}.get(name, "reason")
        with self.lock:
            self.values[name, label, value] += 1

    def text(self, gauges):
        lines = []
        with self.lock:
            for name, said in self.HELP.items():
                lines += [f"# HELP sms_bridge_{name}_total {said}", f"# TYPE sms_bridge_{name}_total counter"]
                lines += [f"sms_bridge_{name}_total{{{label}=\"{value}\"}} {count}" if label else
                          f"sms_bridge_{name}_total {count}"
                          for (family, label, value), count in self.values.items() if family == name]
        for name, (said, value) in gauges.items():
            lines += [f"# HELP sms_bridge_{name} {said}", f"# TYPE sms_bridge_{name} gauge",
                      f"sms_bridge_{name} {value}"]
        return "\n".join(lines) + "\n"


# --- what is sent -----------------------------------------------------------------------------

class Refused(Exception):
    """An attempt that failed: the reason's word and what is known of it."""

    def __init__(self, reason, text):
        super().__init__(text)
        self.reason = reason


class Gateway:
    """NAVER Cloud SENS, SMS API v2 (api.ncloud-docs.com/docs/sens-sms-send), signed as
    api.ncloud-docs.com/docs/common-ncpapi has it. Follows no redirect: a signature is for one path."""

    def __init__(self, options):
        self.options = options
        self.address = urllib.parse.urlsplit(options.gateway)
        self.path = f"/sms/v2/services/{options.service_id}/messages"

    def connection(self):
        kind = http.client.HTTPConnection
        more = {}
        if self.address.scheme == "https":
            kind = http.client.HTTPSConnection
            more["context"] = ssl.create_default_context(cafile=self.options.ca_file)
        return kind(self.address.hostname, self.address.port, timeout=GATEWAY_SECONDS, **more)

    def headers(self, access, secret):
        now = str(int(time.time() * 1000))
        text = f"POST {self.path}\n{now}\n{access}"
        signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
        return {"Content-Type": "application/json; charset=utf-8", "x-ncp-apigw-timestamp": now,
                "x-ncp-iam-access-key": access,
                "x-ncp-apigw-signature-v2": base64.b64encode(signature).decode()}

    def send(self, number, kind, subject, content):
        """Raises Refused if the gateway does not take it."""
        body = {"type": kind, "contentType": "COMM", "countryCode": "82", "from": self.options.sender,
                "content": content, "messages": [{"to": number}]}
        if subject:
            body["subject"] = subject
        access = secret = ""
        try:
            access, secret = (read_secret(self.options.access_key_file), read_secret(self.options.secret_key_file))
            with contextlib.closing(self.connection()) as connection:
                connection.request("POST", self.path, json.dumps(body).encode(), self.headers(access, secret))
                answer = connection.getresponse()
                said = answer.read(ANSWER_MAX_BYTES).decode("utf-8", "replace")
        except BadFile as error:
            raise Refused("credentials", str(error)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Refused("unreachable", f"{type(error).__name__}: {error}") from None
        # A gateway that repeats what it was told is not to fill the log with keys.
        for key in (access, secret):
            said = said.replace(key, "***")
        said = f"{answer.status} {' '.join(said.split())[:200]}"
        if answer.status == 202 and "requestId" in said:
            return
        if answer.status in (401, 403):
            raise Refused("credentials", f"{said} (the key, the service, or a clock that is minutes off)")
        if answer.status == 429:
            raise Refused("throttled", said)
        # What is wrong with the message itself does not get better.
        if answer.status in (400, 413, 422):
            raise Refused("rejected", said)
        raise Refused("gateway", said)


class Sender(threading.Thread):
    """Sends what is due, one after the other."""

    def __init__(self, queue, gateway, counters, retry_seconds):
        super().__init__(daemon=True, name="sender")
        self.queue, self.gateway, self.counters = queue, gateway, counters
        self.retry_seconds = retry_seconds
        self.news = threading.Event()
        self.last_success = 0

    def run(self):
        while True:
            self.news.clear()
            try:
                wait = self.step()
            except sqlite3.Error as error:
                log(f"queue: {error}")
                wait = self.retry_seconds
            self.news.wait(wait)

    def step(self):
        """Handles one message; returns how long nothing is due."""
        row = self.queue.next()
        if row is None:
            return None
        message, number, kind, subject, content, created, due, tries = row
        now = time.time()
        if now - created > MESSAGE_SECONDS:
            log(f"{masked(number)}: given up after {MESSAGE_SECONDS} s")
            self.counters.add("dropped", "expired")
            self.queue.done(message)
            return 0
        # A clock that was set back is not to hold a page.
        if now < due <= now + RETRY_MAX_SECONDS:
            return due - now
        try:
            self.gateway.send(number, kind, subject, content)
        except Refused as error:
            self.counters.add("failures", error.reason)
            log(f"{masked(number)}: {error.reason}: {error}")
            if error.reason == "rejected":
                self.counters.add("dropped", "rejected")
                self.queue.done(message)
            else:
                pause = min(self.retry_seconds * 2 ** min(tries, 20), RETRY_MAX_SECONDS)
                self.queue.again(message, time.time() + pause * random.uniform(0.5, 1))
            return 0
        self.last_success = time.time()
        self.counters.add("sent")
        log(f"{masked(number)}: {kind} sent")
        self.queue.done(message)
        return 0


# --- what is asked ----------------------------------------------------------------------------

class Bridge:
    """The parts, and what joins them."""

    def __init__(self, options):
        self.options = options
        self.counters = Counters()
        self.numbers = read_numbers(options.numbers)
        self.numbers_valid = True
        self.token = read_secret(options.token_file) if options.token_file else None
        for path in (options.access_key_file, options.secret_key_file):
            read_secret(path)
        options.state.mkdir(parents=True, exist_ok=True)
        self.queue = Queue(options.state)
        self.sender = Sender(self.queue, Gateway(options), self.counters, options.retry_seconds)

    def refresh(self):
        """The file of numbers as it is now; one that cannot be used leaves those before in force."""
        try:
            self.numbers, self.numbers_valid = read_numbers(self.options.numbers), True
        except BadFile as error:
            if self.numbers_valid:
                log(f"the numbers before stay in force: {error}")
            self.numbers_valid = False

    def receive(self, group, data):
        """(result, HTTP status, text) of a message."""
        self.refresh()
        if group not in self.numbers:
            return "unknown_group", 404, f"no number has the group \"{group}\" in the file of numbers"
        try:
            body = json.loads(data)
            key, message = fingerprint(group, body), compose(body)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            return "invalid", 400, f"not a message of Alertmanager: {type(error).__name__}: {error}"
        try:
            result = self.queue.accept(key, self.numbers[group], message)
        except sqlite3.Error as error:
            return "disk", 503, f"the queue cannot be written: {error}"
        self.sender.news.set()
        return result, 503 if result == "full" else 200, result

    def metrics(self):
        self.refresh()
        length, age = self.queue.state()
        return self.counters.text({
            "queue_length": ("Text messages that wait.", length),
            "queue_capacity": ("Text messages that can wait.", QUEUE_MAX),
            "oldest_queued_seconds": ("How long the oldest has waited.", round(age, 3)),
            "last_success_timestamp_seconds": ("When the gateway last took one; 0 since the start.",
                                               round(self.sender.last_success, 3)),
            "numbers_valid": ("Whether the file of numbers can be used.", int(self.numbers_valid)),
        })


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        log(f"{client_address[0]}: {type(sys.exc_info()[1]).__name__}: {sys.exc_info()[1]}")


def handler(bridge):
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = CLIENT_SECONDS

        def answer(self, status, text):
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self):
            given = self.headers.get("Authorization", "")
            if bridge.token and not hmac.compare_digest(given.encode(), f"Bearer {bridge.token}".encode()):
                return self.answer(401, "the token of --token-file is needed")
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
                return self.answer(413, f"a length of at most {BODY_MAX_BYTES} is needed")
            result, status, text = bridge.receive(self.path.strip("/"), self.rfile.read(int(length)))
            bridge.counters.add("requests", result)
            if status != 200:
                log(f"message for {self.path.strip('/')[:40]!r}: {text[:200]}")
            self.answer(status, text)

        def do_GET(self):
            if self.path == "/metrics":
                try:
                    return self.answer(200, bridge.metrics())
                except sqlite3.Error as error:
                    return self.answer(500, f"the queue cannot be read: {error}")
            if self.path == "/-/healthy":
                alive = bridge.sender.is_alive()
                return self.answer(200 if alive else 500, "ok" if alive else "the sender has ended")
            self.answer(404, "no such page")

        def log_message(self, *_):
            pass

    return Handler


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--listen", default="127.0.0.1:10918", help="address and port (%(default)s)")
    add("--state", type=pathlib.Path, required=True, help="folder of the queue")
    add("--numbers", required=True, help="file with lines such as: duty 010-1234-5678")
    add("--service-id", required=True, help="the project's service id: ncp:sms:kr:...")
    add("--sender", required=True, help="the registered number that messages come from")
    add("--access-key-file", required=True)
    add("--secret-key-file", required=True)
    add("--token-file", help="what Alertmanager shows as its bearer token; needed unless only this machine can connect")
    add("--gateway", default="https://sens.apigw.ntruss.com", help="%(default)s; a government account has its own")
    add("--ca-file", help="roots of the gateway's certificate instead of the system's")
    add("--retry-seconds", type=float, default=5, help="the first wait; doubles up to 300 (%(default)s)")
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    loopback = ("127.0.0.1", "localhost", "[::1]")
    if not port.isdecimal() or not host:
        parser.error("--listen: write an address and a port, such as 127.0.0.1:10918")
    if host not in loopback and not given.token_file:
        parser.error("--listen: others can connect there, so --token-file is needed")
    address = urllib.parse.urlsplit(given.gateway)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in ("127.0.0.1", "localhost")):
        parser.error("--gateway: write an address with https://")
    if not re.fullmatch(r"[\w:.-]+", given.service_id, re.ASCII):
        parser.error("--service-id: copy it from the console, such as ncp:sms:kr:123456789012:alerts")
    given.sender = given.sender.replace("-", "")
    if not re.fullmatch(r"\d{7,12}", given.sender):
        parser.error("--sender: write digits, such as 02-123-4567")
    given.listen = (host.strip("[]"), int(port))
    return given


def main():
    given = options(sys.argv[1:])
    try:
        bridge = Bridge(given)
        server = Server(given.listen, handler(bridge))
    except (BadFile, OSError, sqlite3.Error) as error:
        sys.exit(f"sms_bridge: {error}")
    bridge.sender.start()
    # What is not sent yet is on the disk.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log(f"listening on {server.server_address[0]}:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
