"""Real processes for end-to-end checks: daemon, lab, Prometheus, Alertmanager, and a webhook that
remembers what it was sent. Everything listens on a loopback of the script's own (own_network.py),
lives in one temporary folder, and dies with the script, however that ends.

    with Stack("name") as stack:
        lab = Lab(stack)
        daemons = [Daemon(stack, lab.config, vantage="main")]
        webhook = Webhook(stack)
        alertmanager = Alertmanager(stack, webhook)
        prometheus = Prometheus(stack, daemons, [alertmanager])
        until(lambda: prometheus.query('up == 1'), PATIENCE, "the daemon is scraped")

    main(scenario)                          # in the script's own network

Nothing here waits for a time: `until` polls a condition, and whatever fails leaves the tails of all
logs and, as the last line, what was expected. What is polled is what is asserted next, at the same
place: a daemon has run what Prometheus has not scraped yet, and one group of rules knows what the
next will know in five seconds.
Binaries: $BONGSU_BINARY (else target/debug/bongsu), $PROMETHEUS, $ALERTMANAGER (else Debian's).
$STACK_KEEP=1 keeps the folder.
"""

import atexit
import ctypes
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

import yaml
from own_network import alone, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "config/prometheus/rules"
PR_SET_PDEATHSIG = 1
LOG_TAIL_LINES = 25
# How long to wait for what should come soon and has no time promised to it: it bounds a failing run,
# and is many times what a busy machine was seen to need.
PATIENCE = 180
# A server that does not answer a request on loopback by then never will.
REQUEST_SECONDS = 30
# From SIGTERM to SIGKILL, at the end of a script.
END_SECONDS = 5
POLL_SECONDS = 0.05
# What Prometheus is asked about a scenario that failed, and how much of each answer is told.
STATE = ("up", "count_values('votes', probe:votes)", "probe:votes_down > 0", "service:down == 1",
         "count by (alertname, alertstate, service) (ALERTS)")
STATE_CHARACTERS = 600
# Alerts that come by the calendar and not for what a scenario does.
CALENDAR = {"TestPage", "HolidayTableExpiring"}

_open_stacks = []
# The one in C, where there is one, takes a tenth of the time.
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Looked up before there are threads: a child may not load anything between fork and exec.
_prctl = ctypes.CDLL(None).prctl


class Failed(Exception):
    """The scenario is not as it should be; the message says what."""


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
            raise Failed(f"{dead[0].name} ended by itself (waiting: {what})")
        if time.monotonic() > deadline:
            because = f" ({refused})" if refused else ""
            raise Failed(f"not within {seconds} s: {what}{because}")
        time.sleep(POLL_SECONDS)


def settles(judge, seconds=PATIENCE):
    """Polls assertions that become true each at its own time, until none of `judge()` fails. Returns
    its value, or fails as it failed last."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return judge()
        except (Failed, LookupError, ValueError, OSError):
            if time.monotonic() > deadline:
                raise
        time.sleep(1)


def check(truth, what):
    """An assertion that names what it saw."""
    if not truth:
        raise Failed(what)


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
    """The JSON of an answer that must be a success. Who is too busy to answer is as good as away."""
    status, text = request(url, method, body)
    if status == 503:
        raise ConnectionError(f"{method} {url}: {status}\n{text}")
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
    """Runs a scenario as a script, in a network of its own: exits 0 or 1, and says last why."""
    alone()
    sys.stdout.reconfigure(line_buffering=True)
    try:
        scenario()
    except Failed as failure:
        _give_up(str(failure))
    except Exception as error:  # a broken check, or a server that did not answer
        print(traceback.format_exc())
        _give_up(f"{type(error).__name__}: {error}")


def _give_up(why):
    print(f"FAILED: {pathlib.Path(sys.argv[0]).name}: {why}", flush=True)
    sys.exit(1)


def die_with_parent():
    """For a child, before it becomes a program: a killed script (SIGKILL too) takes it along."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


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

    def __exit__(self, _kind, error, _traceback):
        # Also when it was told to end: it hung.
        if isinstance(error, (Exception, SystemExit)):
            print(self.tails(), flush=True)
            for process in self.processes:
                for line in process.seen():
                    print(f"seen: {line}", flush=True)
        self.close()

    def close(self):
        """Ends everything; the last that was started goes first."""
        atexit.unregister(self.close)
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
                start_new_session=True, preexec_fn=die_with_parent,
            )

    def ended_by_itself(self):
        return self.child is not None and self.child.poll() is not None

    def signal(self, number):
        if self.child is not None and self.child.poll() is None:
            os.killpg(self.child.pid, number)

    def stop(self, seconds=END_SECONDS):
        """SIGTERM, and SIGKILL for who does not listen. Returns the exit status."""
        if self.child is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            self.child.wait(seconds)
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

    def seen(self):
        """What somebody who was not there would ask this process, in lines."""
        return []

    def tail(self):
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"--- {self.name} ---\n" + "\n".join(lines)


class Lab(Process):
    """The estate alone (`bongsu lab --targets-only`); daemons of the test's own probe it with
    `config`. `arguments` may hold `--replay FILE --speed N`. With a `place` it runs there."""

    def __init__(self, stack, *arguments, name="lab", place=None):
        self.out = stack.subfolder(name)
        self.config = self.out / "bongsu.yml"
        super().__init__(
            stack, name, [*(place.inside if place else ()), bongsu(), "lab", "--targets-only",
                          "--out", self.out, *arguments])
        # The last of its announcement, so all files are written.
        until(lambda: "Ctrl-C" in self.log.read_text(), PATIENCE, "the lab is up")
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
        until(self.ready, PATIENCE, f"{self.name} is ready")

    def metrics(self):
        return request(f"{self.url}/metrics")[1]

    def status(self):
        return call(f"{self.url}/api/v1/status")


class Server(http.server.ThreadingHTTPServer):
    """A web server of the script itself. Five connections that wait, which is the default, are soon
    there on a busy machine; the next one's SYN would be lost, and with it a second or a probe."""

    request_queue_size = 128


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

        self.server = Server(("127.0.0.1", 0), Handler)
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
        until(self.ready, PATIENCE, f"{name} is ready")

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


def _on_any_day(rules, target):
    """These rules without those of the calendar, in another folder."""
    target.mkdir()
    for path in sorted(pathlib.Path(rules).glob("*.yml")):
        document = yaml.load(path.read_text(), _YAML_LOADER)
        for group in document["groups"]:
            group["rules"] = [one for one in group["rules"] if one.get("alert") not in CALENDAR]
        # Rules in JSON are rules in YAML, and are written at once.
        (target / path.name).write_text(json.dumps(document, ensure_ascii=False, indent=1))
    return target


class Prometheus(Process):
    """Prometheus with the shipped configuration and rules; only addresses are replaced, and what comes
    by the calendar is left out: scenarios run on any day. `rules` is another folder of rules,
    `edit(config)` changes what is left, `scrapes_itself` adds a job for its own metrics."""

    def __init__(self, stack, daemons, alertmanagers=(), rules=RULES, edit=None, name="prometheus",
                 arguments=(), scrapes_itself=False):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
        folder = stack.subfolder(name)
        config["rule_files"] = [f"{_on_any_day(rules, folder / 'rules')}/*.yml"]
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
        until(self.ready, PATIENCE, f"{self.name} is ready")

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

    def seen(self):
        for expression in STATE:
            try:
                found = [" ".join([*(f"{key}={one}" for key, one in labels.items() if key != "__name__"),
                                   f"{value:g}"]) for labels, value in self.query(expression)]
            except (Failed, OSError) as error:
                found = [str(error)]
            yield f"{self.name}: {expression}: {', '.join(found) or 'nothing'}"[:STATE_CHARACTERS]

    def rule_errors(self):
        """What rules could not be evaluated, with Prometheus's own words."""
        groups = call(f"{self.url}/api/v1/rules")["data"]["groups"]
        return [f"{group['name']}: {rule['name']}: {rule['lastError']}"
                for group in groups for rule in group["rules"] if rule.get("lastError")]

    def evaluations_missed(self):
        """The share of evaluations that did not take place because the one before was not over, of the
        group that missed most."""
        counts = {"total": {}, "missed_total": {}}
        for line in request(f"{self.url}/metrics")[1].splitlines():
            found = re.match(r'prometheus_rule_group_iterations_(\w+){rule_group="(.+)"} (.+)', line)
            if found:
                counts[found[1]][found[2]] = float(found[3])
        return max(counts["missed_total"][group] / total for group, total in counts["total"].items() if total)
