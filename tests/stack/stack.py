"""Real processes for end-to-end checks: daemon, lab, Prometheus, Alertmanager, and a webhook that
remembers what it was sent. Everything listens on loopback, lives in one temporary folder, and dies
with the script, however that ends.

    with Stack("name") as stack:
        lab = Lab(stack)
        daemons = [Daemon(stack, lab.config, vantage="main")]
        webhook = Webhook(stack)
        alertmanager = Alertmanager(stack, webhook)
        prometheus = Prometheus(stack, daemons, [alertmanager])
        until(lambda: prometheus.query('up == 1'), 30, "the daemon is scraped")

Nothing here waits for a time: `until` polls a condition and fails with the tails of all logs.
Binaries: $BONGSU_BINARY (else target/debug/bongsu), $PROMETHEUS, $ALERTMANAGER (else Debian's).
$STACK_KEEP=1 keeps the folder.
"""

import atexit
import ctypes
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "config/prometheus/rules"
PR_SET_PDEATHSIG = 1
LOG_TAIL_LINES = 25
# A server that does not answer a request on loopback by then never will.
REQUEST_SECONDS = 10
# From SIGTERM to SIGKILL.
END_SECONDS = 5
POLL_SECONDS = 0.05

_open_stacks = []
_handed_out = set()


class Failed(Exception):
    """The scenario is not as it should be; the message says what."""


def free_port():
    """A port that nobody listens on now, and that this script has not given out before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def until(condition, seconds, what):
    """Polls until `condition()` is true and returns its value. A server that is not there yet is
    not true; a process that ended by itself fails at once."""
    deadline = time.monotonic() + seconds
    refused = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, urllib.error.URLError) as error:
            refused = error
        dead = [process for stack in _open_stacks for process in stack.dead()]
        if dead:
            raise Failed(f"{dead[0].name} ended by itself (waiting: {what})\n{_tails()}")
        if time.monotonic() > deadline:
            because = f" ({refused})" if refused else ""
            raise Failed(f"not within {seconds} s: {what}{because}\n{_tails()}")
        time.sleep(POLL_SECONDS)


def check(truth, what):
    """An assertion that names what it saw."""
    if not truth:
        raise Failed(f"{what}\n{_tails()}")


def request(url, method="GET", body=None):
    """Status and text; an error status is an answer, no connection is an OSError."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    asked = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=REQUEST_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def call(url, method="GET", body=None):
    """The JSON of an answer that must be a success."""
    status, text = request(url, method, body)
    if status // 100 != 2:
        raise Failed(f"{method} {url}: {status}\n{text}")
    return json.loads(text) if text else None


def bongsu():
    """The binary under test."""
    binary = pathlib.Path(os.environ.get("BONGSU_BINARY", ROOT / "target/debug/bongsu"))
    if not binary.exists():
        raise Failed(f"{binary} is not there: cargo build")
    return str(binary.resolve())


def tool(variable, *names):
    """A server's binary: the variable's, else the first name that is installed."""
    if os.environ.get(variable):
        return os.environ[variable]
    for name in names:
        if shutil.which(name):
            return name
    raise Failed(f"{names[0]} is not installed: tests/install.sh installs it; or set ${variable}")


def main(scenario):
    """Runs a scenario as a script: prints why it failed, exits 0 or 1."""
    sys.stdout.reconfigure(line_buffering=True)
    try:
        scenario()
    except Failed as failure:
        print(f"FAILED: {failure}", flush=True)
        sys.exit(1)


def _tails():
    return "\n".join(stack.tails() for stack in _open_stacks)


def _die_with_parent():
    # A killed script (SIGKILL too) takes its children along.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _leave(number, _frame):
    sys.exit(128 + number)


class Stack:
    """Owns the folder and the processes."""

    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bongsu-{name}-"))
        self.processes = []
        self.closers = []

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _leave)
        atexit.register(self.close)
        _open_stacks.append(self)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends everything; the last that was started goes first."""
        for process in reversed(self.processes):
            process.stop()
        for closer in self.closers:
            closer()
        self.closers = []
        if self in _open_stacks:
            _open_stacks.remove(self)
        if os.environ.get("STACK_KEEP"):
            print(f"kept: {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def subfolder(self, name):
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def dead(self):
        """Processes that ended though nobody told them to."""
        return [process for process in self.processes if process.ended_by_itself()]

    def tails(self):
        return "\n".join(process.tail() for process in self.processes)


class Process:
    """One child in its own process group, with its output in `<name>.log`. Can be started again
    with the same arguments after `stop` or `kill`."""

    def __init__(self, stack, name, arguments, environment=None):
        self.stack, self.name, self.arguments = stack, name, [str(a) for a in arguments]
        self.environment = {**os.environ, **(environment or {})}
        self.log = stack.folder / f"{name}.log"
        self.child = None
        stack.processes.append(self)
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                cwd=self.stack.folder, env=self.environment,
                start_new_session=True, preexec_fn=_die_with_parent,
            )

    def ended_by_itself(self):
        return self.child is not None and self.child.poll() is not None

    def signal(self, number):
        if self.child is not None and self.child.poll() is None:
            os.killpg(self.child.pid, number)

    def stop(self):
        """SIGTERM, and SIGKILL for who does not listen. Returns the exit status."""
        if self.child is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            self.child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        status, self.child = self.child.returncode, None
        return status

    def kill(self):
        """SIGKILL: as when the machine loses power."""
        self.signal(signal.SIGKILL)
        if self.child is not None:
            self.child.wait()
            self.child = None

    def tail(self):
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"--- {self.name} ---\n" + "\n".join(lines)


class Lab(Process):
    """The estate alone (`bongsu lab --targets-only`); daemons of the test's own probe it with
    `config`. `arguments` may hold `--replay FILE --speed N`."""

    def __init__(self, stack, *arguments, name="lab"):
        self.out = stack.subfolder(name)
        self.config = self.out / "bongsu.yml"
        super().__init__(
            stack, name, [bongsu(), "lab", "--targets-only", "--out", self.out, *arguments])
        # The last of its announcement, so all files are written.
        until(lambda: "Ctrl-C" in self.log.read_text(), 20, "the lab is up")
        first = self.config.read_text().split("Control page: ")[1]
        self.control = first.split()[0].rstrip("/")

    def set(self, system, fault):
        """Breaks a system (or `saeol`, `all`): `stall_large`, `latency=3s`..."""
        return call(f"{self.control}/api/faults", "POST", {"system": system, "fault": fault})

    def clear(self, system, fault=None):
        """Mends it, of everything unless a fault is named."""
        query = {"system": system, **({"fault": fault} if fault else {})}
        return call(f"{self.control}/api/faults?{urllib.parse.urlencode(query)}", "DELETE")

    def replay(self):
        return call(f"{self.control}/api/replay")


class Daemon(Process):
    """The daemon. `vantage` and `prober` are what the scrape job will say of it. With a `place`
    (network.py) it runs there, and is scraped over the link for management."""

    def __init__(self, stack, config, vantage="main", prober="a", arguments=(), place=None):
        self.vantage, self.prober, self.config = vantage, prober, config
        self.port = free_port()
        self.target = f"{place.address if place else '127.0.0.1'}:{self.port}"
        self.url = f"http://{self.target}"
        super().__init__(
            stack, f"bongsu-{vantage}-{prober}",
            [*(place.inside if place else ()), bongsu(), f"--config.file={config}",
             f"--vantage={vantage}", f"--web.listen-address={self.target}", *arguments])
        self.wait()

    def ready(self):
        return request(f"{self.url}/-/ready")[0] == 200

    def wait(self):
        until(self.ready, 30, f"{self.name} is ready")

    def metrics(self):
        return request(f"{self.url}/metrics")[1]

    def status(self):
        return call(f"{self.url}/api/v1/status")


class Webhook:
    """Takes what Alertmanager sends, at any path, and remembers it with its time of arrival.

    A notification is a dict: `time` (as time.time()), `receiver`, `form` (webhook or slack) and
    `body`, which for a webhook is Alertmanager's own JSON and for slack the rendered message."""

    def __init__(self, stack):
        self.notifications, self.lock = [], threading.Lock()
        record = self._record

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                record(self.path, body)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        stack.closers.append(self.server.shutdown)

    def _record(self, path, body):
        _, form, receiver = path.split("/", 2)
        with self.lock:
            self.notifications.append({
                "time": time.time(), "form": form, "receiver": receiver, "body": json.loads(body)})

    def all(self, receiver=None, form="webhook"):
        with self.lock:
            return [one for one in self.notifications
                    if one["form"] == form and receiver in (None, one["receiver"])]

    def alerts(self, receiver, status=None, **labels):
        """Alerts in the webhooks of a receiver, each with its notification's time."""
        return [
            {**alert, "time": one["time"]}
            for one in self.all(receiver)
            for alert in one["body"]["alerts"]
            if status in (None, alert["status"])
            and all(alert["labels"].get(key) == value for key, value in labels.items())
        ]


def shipped_alertmanager(webhook):
    """The shipped configuration; only the addresses of the receivers are replaced, so that its
    routes, times and templates are what is tested."""
    config = yaml.safe_load((ROOT / "config/alertmanager/alertmanager.yml").read_text())
    for receiver in config["receivers"]:
        for channel in receiver.get("webhook_configs", []):
            channel["url"] = f"{webhook.url}/webhook/{receiver['name']}"
        # Shared by an anchor, so each receiver gets its own.
        if "slack_configs" in receiver:
            receiver["slack_configs"] = [
                {**channel, "api_url": f"{webhook.url}/slack/{receiver['name']}"}
                for channel in receiver["slack_configs"]
            ]
            # Slack cannot say which alert it is about in a way a test could read.
            receiver.setdefault("webhook_configs", [
                {"url": f"{webhook.url}/webhook/{receiver['name']}",
                 "send_resolved": receiver["slack_configs"][0]["send_resolved"]}])
    config["templates"] = [str(ROOT / "config/alertmanager/templates/*.tmpl")]
    return config


class Alertmanager(Process):
    """Alertmanager with the shipped configuration, changed by `edit(config)` where it is given."""

    def __init__(self, stack, webhook, edit=None, name="alertmanager"):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = shipped_alertmanager(webhook)
        if edit:
            edit(config)
        folder = stack.subfolder(name)
        file = folder / "alertmanager.yml"
        file.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False))
        super().__init__(
            stack, name,
            [tool("ALERTMANAGER", "prometheus-alertmanager", "alertmanager"),
             f"--config.file={file}", f"--storage.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url={self.url}",
             "--cluster.listen-address="])
        until(self.ready, 30, f"{name} is ready")

    def ready(self):
        return request(f"{self.url}/-/ready")[0] == 200

    def alerts(self):
        return call(f"{self.url}/api/v2/alerts")

    def silence(self, matchers, seconds, comment="test"):
        """Silences what equals these labels, which is how a page is acknowledged."""
        stamp = lambda when: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
        return call(f"{self.url}/api/v2/silences", "POST", {
            "matchers": [{"name": key, "value": value, "isRegex": False, "isEqual": True}
                         for key, value in matchers.items()],
            "startsAt": stamp(time.time() - 1), "endsAt": stamp(time.time() + seconds),
            "createdBy": "test", "comment": comment})


class Prometheus(Process):
    """Prometheus with the shipped configuration and rules; only addresses are replaced. `rules` is
    another folder of rules, `edit(config)` changes what is left, `scrapes_itself` adds a job for its
    own metrics."""

    def __init__(self, stack, daemons, alertmanagers=(), rules=RULES, edit=None, name="prometheus",
                 arguments=(), scrapes_itself=False):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
        config["rule_files"] = [f"{rules}/*.yml"]
        config["alerting"]["alertmanagers"] = [
            {"static_configs": [{"targets": [f"127.0.0.1:{one.port}"]}]} for one in alertmanagers]
        config["scrape_configs"][0]["static_configs"] = [
            {"targets": [daemon.target],
             "labels": {"vantage": daemon.vantage, "prober": daemon.prober}}
            for daemon in daemons
        ]
        if scrapes_itself:
            config["scrape_configs"].append({"job_name": "prometheus", "static_configs": [
                {"targets": [f"127.0.0.1:{self.port}"]}]})
        if edit:
            edit(config)
        folder = stack.subfolder(name)
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        super().__init__(
            stack, name,
            [tool("PROMETHEUS", "prometheus"), f"--config.file={file}",
             f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=45d",
             f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url={self.url}",
             "--web.enable-lifecycle", *arguments])
        self.wait()

    def ready(self):
        return request(f"{self.url}/-/ready")[0] == 200

    def wait(self):
        until(self.ready, 60, f"{self.name} is ready")

    def query(self, expression, at=None):
        """The instant vector as a list of (labels, value)."""
        asked = {"query": expression, **({} if at is None else {"time": at})}
        answer = call(f"{self.url}/api/v1/query?{urllib.parse.urlencode(asked)}")
        result = answer["data"]["result"]
        if answer["data"]["resultType"] == "scalar":
            return [({}, float(result[1]))]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def samples(self, selector, window):
        """Raw samples of the last `window` as (labels, [(time, value)...])."""
        asked = urllib.parse.urlencode({"query": f"{selector}[{window}]"})
        answer = call(f"{self.url}/api/v1/query?{asked}")
        return [(one["metric"], [(at, float(value)) for at, value in one["values"]])
                for one in answer["data"]["result"]]

    def query_range(self, expression, start, end, step):
        """A list of (labels, [(time, value)...])."""
        asked = {"query": expression, "start": start, "end": end, "step": step}
        answer = call(f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(asked)}")
        return [(one["metric"], [(at, float(value)) for at, value in one["values"]])
                for one in answer["data"]["result"]]

    def alerts(self):
        return call(f"{self.url}/api/v1/alerts")["data"]["alerts"]

    def rule_errors(self):
        """What rules could not be evaluated, with Prometheus's own words."""
        groups = call(f"{self.url}/api/v1/rules")["data"]["groups"]
        return [f"{group['name']}: {rule['name']}: {rule['lastError']}"
                for group in groups for rule in group["rules"] if rule.get("lastError")]
