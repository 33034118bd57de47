"""A small language for promtool scenarios: vantages, services and probes over time.

Times are minutes. A line of time is a list of changes, [(0, "up"), (10, "down")]; None is silence
(the series goes stale). The series are what the daemon exports: facts and verdicts vanish with the
daemon, and failure_info is there only while failing.
"""


def samples(changes, minutes, step):
    """A line of time as a list with one entry per sample."""
    line = []
    for i in range(int(minutes * 60 / step) + 1):
        value = None
        for start, changed in changes:
            if i * step >= start * 60:
                value = changed
        line.append(value)
    return line


def notation(line):
    """promtool's notation: runs of equal values, `stale` where a series ends."""
    out, i = [], 0
    while i < len(line):
        j = i
        while j < len(line) and line[j] == line[i]:
            j += 1
        count = j - i
        if line[i] is None:
            if i > 0:
                out.append("stale")
                count -= 1
            if count:
                out.append(f"_x{count}")
        else:
            out.append(f"{line[i]:g}x{count - 1}" if count > 1 else f"{line[i]:g}")
        i = j
    return " ".join(out)


class World:
    """Series and expectations of one scenario."""

    def __init__(self, name, minutes, vantages=("seoul", "busan"), alerts=(), step=15):
        self.name, self.minutes, self.vantages = name, minutes, vantages
        self.step = step  # seconds between samples and evaluations
        self.alerts = alerts  # what this scenario is about; mutants of these run it
        self.input, self.expected, self.dead = [], [], {}
        self.lean = False
        self.texts = []
        self.offline = {}
        self.has_daemons = False

    # --- what there is ----------------------------------------------------------------------
    def series(self, metric, labels, line):
        labels = ",".join(f'{k}="{v}"' for k, v in labels.items() if v is not None)
        if any(value is not None for value in line):
            self.input.append({"series": f"{metric}{{{labels}}}", "values": notation(line)})

    def plain(self, metric, labels, *changes):
        self.series(metric, labels, samples(changes, self.minutes, self.step))

    def counter(self, metric, labels, *changes):
        """Changes are (minute, increase per minute)."""
        total, line = 0.0, []
        for rate in samples(changes, self.minutes, self.step):
            total += (rate or 0) * self.step / 60
            line.append(round(total, 3))
        self.series(metric, labels, line)

    def daemons(self, **dead):
        """One per vantage. `seoul=[(10, 30)]` is killed from minute 10 to 30."""
        self.dead = dead
        self.has_daemons = True
        for vantage in self.vantages:
            labels = {"vantage": vantage, "prober": "a"}
            line = [0 if v is None else 1 for v in self.alive(vantage, [1] * (self.count))]
            self.series("up", {"job": "bongsu", "instance": f"{vantage}:1", **labels}, line)
            online = self.offline.get(vantage, [(0, 1)])
            self.series("bongsu_vantage_online", labels, self.alive(vantage, samples(online, self.minutes, self.step)))
        return self

    @property
    def count(self):
        return int(self.minutes * 60 / self.step) + 1

    def alive(self, vantage, line):
        out = list(line)
        for start, end in self.dead.get(vantage, []):
            for i in range(len(out)):
                if start * 60 <= i * self.step < end * 60:
                    out[i] = None
        return out

    def service(self, name, needs=(), grade=None, until=None, title=None):
        """`needs` is the closure. `until` is when it is taken out of the configuration."""
        listed = [(0, 1)] + ([(until, None)] if until else [])
        for vantage in self.vantages:
            at = {"vantage": vantage, "prober": "a"}
            line = self.alive(vantage, samples(listed, self.minutes, self.step))
            self.series("bongsu_service_info", {"service": name, "title": name if title is None else title, **at}, line)
            # promtool holds 10,000 samples at a time: in large worlds one says what all would
            for need in needs if not self.lean or vantage == self.vantages[0] else ():
                self.series("bongsu_service_needs",
                            {"service": name, "needs": need, "distance": "1", **at}, line)
            if grade:
                self.series("bongsu_service_grade", {"service": name, **at},
                            [None if v is None else grade for v in line])
        return self

    def probe(self, service, probe, *changes, kind="http", site=None, component=None,
              reason="response_timeout", step=None, host=None, padded="0", only=None,
              failures=9, until=None, held=None):
        """States over time, at every vantage or `only` at some: up, degraded, down, unknown."""
        changes = changes or ((0, "up"),)
        component = component or service
        for vantage in self.vantages:
            at = {"vantage": vantage, "prober": "a"}
            base = {"service": service, "probe": probe, "kind": kind, "instance": "i", "site": site, **at}
            states = samples(changes if only is None or vantage in only else [(0, "up")], self.minutes, self.step)
            if until:
                states = [s if i * self.step < until * 60 else None for i, s in enumerate(states)]
            known = samples([(0, 1)] + ([(until, None)] if until else []), self.minutes, self.step)
            alive = self.alive(vantage, states)
            for verdict in ("up", "degraded", "down", "unknown"):
                if self.lean and verdict not in alive:
                    continue  # promtool holds 10,000 samples at a time
                self.series("bongsu_probe_verdict", {**base, "verdict": verdict},
                            [None if s is None else int(s == verdict) for s in alive])
            row, consecutive = 0, []
            for s in alive:
                row = failures if s == "down" else row if s == "unknown" else 0
                consecutive.append(None if s is None else row)
            self.series("bongsu_probe_consecutive_failures", base, consecutive)
            self.series("bongsu_probe_failure_info",
                        {**base, "stage": "x", "reason": reason, "step": step, "component": component},
                        [1 if s in ("down", "unknown") else None for s in alive])
            self.series("bongsu_probe_interval_seconds", base,
                        self.alive(vantage, [v and 30 for v in known]))
            self.series("bongsu_probe_info",
                        {"service": service, "probe": probe, "kind": kind, "site": site,
                         "host": host or service, "component": service if step else component,
                         "padded": padded, **at},
                        self.alive(vantage, known))
            if step:
                self.series("bongsu_step_success", {**base, "step": step, "component": component},
                            [None if s is None else int(s == "up") for s in alive])
        return self

    # --- what must fire ---------------------------------------------------------------------
    def expect(self, minute, *alerts, watchdog=True):
        """The complete set of firing alerts: "Name service" or "Name"."""
        names = set(alerts) | ({"Watchdog"} if watchdog and self.has_daemons else set())
        rows = []
        for entry in sorted(names):
            name, _, service = entry.partition(" ")
            labels = f'alertname="{name}"' + (f', service="{service}"' if service else "")
            rows.append({"labels": "{" + labels + "}", "value": 1})
        # What keeps a page alive fires with it, sooner or later.
        self.query(minute, 'group by (alertname, service) (ALERTS{alertstate="firing",kept=""})', rows)
        return self

    def query(self, minute, expression, rows):
        seconds = round(minute * 60)
        self.expected.append({"expr": expression, "eval_time": f"{seconds}s", "exp_samples": rows})
        return self

    def firing(self, minute, alert, *values, by="service"):
        """What of this one alert fires: the values of a label."""
        return self.query(minute, f'group by ({by}) (ALERTS{{alertname="{alert}",alertstate="firing"}})',
                          [{"labels": f'{{{by}="{value}"}}', "value": 1} for value in sorted(values)])

    def text(self, minute, alert, labels, annotations):
        """The alert with all of its labels and annotations."""
        self.texts.append({"eval_time": f"{round(minute * 60)}s", "alertname": alert, "exp_alerts": [
            {"exp_labels": labels, "exp_annotations": annotations}]})
        return self

    def test(self):
        test = {"name": self.name, "interval": f"{self.step}s", "input_series": self.input,
                "promql_expr_test": self.expected}
        return {**test, "alert_rule_test": self.texts} if self.texts else test
