"""A whole country's metrics without a country: what daemons at two vantages would say of hundreds
of services that fail when the script says so.

The names and labels are the daemon's: `same_words` compares them with the /metrics of a real one,
so a daemon that changed would fail the storms and not pass them with yesterday's words.
"""

import http.server
import re
import threading
import time

from stack import Failed, Server

INTERVAL_SECONDS = 30
# A failure is a fact from the second on (recheck); one that has lasted has more.
FAILURES = 9
VERDICTS = ("up", "degraded", "down", "unknown")
# What each but "up" is called; a vantage that is offline has no word on anybody (src/controls).
REASONS = {"down": ("http", "response_timeout"), "unknown": ("probe", "vantage_offline")}


def text(labels):
    return ",".join(f'{key}="{value}"' for key, value in labels.items())


class Probe:
    """One probe of one service (and site), and since when it is down from each vantage."""

    def __init__(self, service, probe, kind="http", site=None, component=None):
        self.service, self.component = service, component or service
        self.labels = {"service": service, "probe": probe, "kind": kind,
                       "instance": f"http://{site or service}/",
                       **({"site": site} if site else {})}
        self.base = text(self.labels)
        self.down_from, self.written, self.seconds = {}, {}, {}

    def fail(self, at, *vantages):
        for vantage in vantages:
            self.down_from[vantage] = at

    def mend(self, *vantages):
        for vantage in vantages:
            self.down_from.pop(vantage, None)

    def verdict(self, vantage, online):
        if vantage not in self.down_from or time.time() < self.down_from[vantage]:
            return "up"
        return "down" if online else "unknown"

    def lines(self, vantage, online, pace):
        verdict = self.verdict(vantage, online)
        # The seconds change all the time; the rest is written once.
        yield from self.accrue(vantage, verdict)
        if verdict not in self.written:
            self.written[verdict] = "\n".join(self.facts(verdict, pace))
        yield self.written[verdict]

    def accrue(self, vantage, verdict):
        """What passed since the last scrape goes to the verdict of now. A second is a second at any
        pace, as a daemon counts it; what the rules compare it with is what is divided (scale.py)."""
        now = time.time()
        last, seconds = self.seconds.get(vantage, (now, dict.fromkeys(VERDICTS, 0)))
        seconds[verdict] += now - last
        self.seconds[vantage] = now, seconds
        for name in VERDICTS:
            yield f'bongsu_probe_verdict_seconds_total{{{self.base},verdict="{name}"}} {seconds[name]:.3f}'

    def facts(self, verdict, pace):
        base = self.base
        for name in VERDICTS:
            yield f'bongsu_probe_verdict{{{base},verdict="{name}"}} {int(name == verdict)}'
        # Unknown runs leave it as it was.
        yield f"bongsu_probe_consecutive_failures{{{base}}} {FAILURES if verdict == 'down' else 0}"
        yield f"bongsu_probe_interval_seconds{{{base}}} {INTERVAL_SECONDS / pace}"
        if verdict in REASONS:
            stage, reason = REASONS[verdict]
            yield (f'bongsu_probe_failure_info{{{base},stage="{stage}",reason="{reason}",'
                   f'component="{self.component}"}} 1')
        host = self.labels["instance"].split("/")[2]
        yield f'bongsu_probe_info{{{base},host="{host}",component="{self.component}",padded="0"}} 1'


class Estate:
    """Services, what they need, and their probes. `pace` is how much faster its clock runs."""

    def __init__(self, pace=1):
        self.pace, self.services, self.probes = pace, {}, []
        self.online, self.written = {}, None

    def service(self, name, *needs):
        """`needs` is the closure."""
        self.services[name] = needs
        return self

    def probe(self, service, probe, **labels):
        self.probes.append(Probe(service, probe, **labels))
        return self.probes[-1]

    def of(self, *services):
        return [probe for probe in self.probes if probe.service in services]

    def metrics(self, vantage):
        if self.written is None:
            self.written = "\n".join(self.facts())
        online = self.online.get(vantage, True)
        lines = [f"bongsu_vantage_online {int(online)}", self.written]
        for probe in self.probes:
            lines.extend(probe.lines(vantage, online, self.pace))
        return "\n".join(lines) + "\n"

    def facts(self):
        for name, needs in self.services.items():
            yield f'bongsu_service_info{{service="{name}",title="{name}",owner="",alternative=""}} 1'
            yield f'bongsu_slo_objective_ratio{{service="{name}"}} 0.999'
            for number, need in enumerate(needs):
                yield f'bongsu_service_needs{{service="{name}",needs="{need}",distance="{number + 1}"}} 1'


class Exporter:
    """An estate as one vantage sees it, on a port; takes the place of a Daemon."""

    def __init__(self, stack, estate, vantage, prober="a"):
        self.vantage, self.prober, self.estate = vantage, prober, estate
        self.port, self.server = 0, None
        stack.closers.append(self.close)
        self.open()
        self.target = f"127.0.0.1:{self.port}"

    def open(self):
        """Listens, always at the same address."""
        metrics = self.estate.metrics

        vantage = self.vantage

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = metrics(vantage).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    pass  # a scrape that was given up

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Gone, as a machine without power is."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def shapes(metrics):
    """Which sets of label names each metric has."""
    found = {}
    for line in metrics.splitlines():
        if line and not line.startswith("#"):
            name, labels = re.match(r"([\w:]+)(?:\{(.*)\})? ", line).groups()
            found.setdefault(name, set()).add(frozenset(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', labels or "")))
    return found


def same_words(estate, daemon):
    """Fails if the estate says what no daemon would. Returns how many metrics agree."""
    ours, theirs = shapes(estate.metrics("seoul")), shapes(daemon.metrics())
    for name, labels in ours.items():
        if name not in theirs:
            raise Failed(f"a real daemon exports no {name}")
        if odd := labels - theirs[name]:
            raise Failed(f"{name} has the labels {[sorted(o) for o in odd]}, "
                         f"a real daemon's {[sorted(o) for o in theirs[name]]}")
    return len(ours)
