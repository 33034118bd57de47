"""Three vantages in networks of their own, one of them with two replicas, under one Prometheus with
the shipped rules and relabellings, one Alertmanager, and a receiver of pages.

- A service that one of three vantages sees down is not; one that two see down is paged once.
- A rolling update of the replicas changes no vote and no availability.
- A vantage that is cut off from everything loses its vote, and nobody is paged for a service.
"""

import collections
import time

import network
import site_server
from kubernetes import relabelled
from stack import (
    PATIENCE, RULES, Alertmanager, Daemon, Prometheus, Stack, Webhook, check, main, until,
)

PORT = 8080
GOV24 = "10.77.0.1"
PETITION = "10.77.0.2"
CONTROL = "10.77.0.9"

CONFIG = f"""
defaults: {{ interval: 3s, timeout: 2s, recheck: 1s }}
controls: ["tcp://{CONTROL}:{PORT}"]
services:
  - name: gov24
    probes:
      - name: front
        http: {{ url: "http://{GOV24}:{PORT}/" }}
      - name: forms
        http: {{ url: "http://{GOV24}:{PORT}/forms" }}
  - name: petition
    probes:
      - name: front
        http: {{ url: "http://{PETITION}:{PORT}/" }}
"""

# Of availability, instead of five minutes. A replica that is replaced leaves out what passes from its
# last scrape until its first run: 5 to 9 s, which must not weigh.
WINDOW = "60s"
# A page that was sent twice would be sent again after the group's interval, which is a minute.
TWICE_SECONDS = 65


def rules(stack):
    """The shipped rules, with a window of availability that fits into a test, evaluated every 5 s
    instead of every minute."""
    folder = stack.subfolder("rules")
    for path in RULES.glob("*.yml"):
        text = path.read_text()
        if path.name.startswith("4-"):
            text = text.replace("interval: 1m", "interval: 5s").replace("[5m]", f"[{WINDOW}]")
        (folder / path.name).write_text(text)
    return folder


def restart(daemon, prometheus):
    """As a rollout does: the old one ends and is missed, the new one is ready, and Prometheus has its
    word on every probe."""
    this = f"vantage='{daemon.vantage}',prober='{daemon.prober}'"
    status = daemon.stop(PATIENCE)
    check(status == 0, f"{daemon.name} ended with {status}")
    until(lambda: prometheus.query(f"up{{{this}}} == 0"), PATIENCE, f"{daemon.name} is missed")
    daemon.start()
    daemon.wait()
    # Asked of Prometheus and not of the daemon: a scrape between its start and its first runs holds
    # no verdict, and one between a first failure and its confirmation holds none that counts (see
    # vantage:probe:down). With the other replica away, the vantage would have no vote until the next.
    failures = f"bongsu_probe_consecutive_failures{{{this}}}"
    until(lambda: prometheus.query(
        f"count({failures} unless on (service, probe) ({failures} == 1 and on (service, probe)"
        f" bongsu_probe_transitions_total{{{this}}} == 0)) == 3 and on () up{{{this}}} == 1"),
        PATIENCE, f"{daemon.name} has a word on every probe, and it was scraped")


class Watch:
    """What Prometheus held between two moments."""

    def __init__(self, prometheus):
        self.prometheus, self.start = prometheus, time.time()

    def values(self, expression):
        """All samples since the start, in one list."""
        series = self.prometheus.query_range(expression, self.start, time.time(), 1)
        return [value for _, samples in series for _, value in samples]

    def only(self, expression, wanted, tolerance, what):
        seen = self.values(expression)
        check(seen and all(abs(value - wanted) <= tolerance for value in seen),
              f"{what}: {expression} is {sorted(set(seen))}, not {wanted}")
        print(f"  {what}: {min(seen):.3f} to {max(seen):.3f} in {len(seen)} samples")

    def never(self, expression, what):
        seen = self.values(expression)
        check(not seen, f"{what}: {expression} was seen {len(seen)} times")
        print(f"  {what}: never")


def pages(webhook):
    """How often each alert was sent as firing."""
    return dict(collections.Counter(
        (alert["labels"]["alertname"], alert["labels"].get("service"))
        for alert in webhook.alerts("page", "firing")))


def scenario():
    with Stack("vantages") as stack:
        for address in (GOV24, PETITION, CONTROL):
            network.serve(address)
        site_server.serve(stack, "0.0.0.0", PORT)
        config = stack.folder / "bongsu.yml"
        config.write_text(CONFIG)
        seoul, daejeon, gwangju = [
            network.Place(stack, name, number + 1)
            for number, name in enumerate(("seoul", "daejeon", "gwangju"))]
        replicas = [Daemon(stack, config, "seoul", prober, place=seoul) for prober in "ab"]
        daemons = [
            *replicas,
            Daemon(stack, config, "daejeon", place=daejeon),
            Daemon(stack, config, "gwangju", place=gwangju),
        ]
        webhook = Webhook(stack)
        alertmanager = Alertmanager(stack, webhook)
        prometheus = Prometheus(
            stack, daemons, [alertmanager], rules=rules(stack),
            edit=relabelled(lambda vantage, prober: {"vantage": vantage, "prober": prober}))

        until(lambda: prometheus.query("sum(up{job='bongsu'})") == [({}, 4)], PATIENCE, "four scraped")
        labels = {tuple(sorted(labels.items())) for labels, _ in prometheus.query("up")}
        check(len(labels) == 4 and all(dict(one).keys() == {
            "__name__", "job", "vantage", "prober", "instance"} for one in labels),
            f"target labels: {labels}")
        until(lambda: prometheus.query("count(probe:votes == 3)") == [({}, 3)], PATIENCE,
              "three votes for each probe")
        # The endpoint's name is the daemon's to give.
        check(prometheus.query(f"probe_success{{instance='http://{PETITION}:{PORT}/'}} == 1"),
              "the instance of a probe")
        print("three vantages vote on three probes")

        watch = Watch(prometheus)
        seoul.lose(PETITION)
        until(lambda: prometheus.query("sum_over_time(probe:votes_down{service='petition'}[20s]) >= 2"),
              PATIENCE, "one vote against two")
        watch.never("service:down == 1", "down by the word of one")

        began = time.time()
        daejeon.lose(PETITION)
        until(lambda: pages(webhook), PATIENCE, "a page")
        paged = time.time()
        print(f"petition was paged {paged - began:.0f} s after two of three lost it")
        until(lambda: prometheus.query("probe:votes_down{service='petition'} == 2"), PATIENCE, "two votes")
        # The window of availability fills.
        until(lambda: prometheus.query(
            f"min_over_time(service:down{{service='petition'}}[{WINDOW}]) == 1"
            f" and service:down{{service='petition'}} offset {WINDOW} == 1"), PATIENCE, f"{WINDOW} down")

        print("a rolling update of seoul")
        watch = Watch(prometheus)
        for replica in replicas:
            restart(replica, prometheus)
        watch.only("probe:votes", 3, 0, "votes")
        watch.only("probe:down{service='gov24'}", 0, 0, "gov24 down")
        watch.only("service:down{service='petition'}", 1, 0, "petition down")
        watch.only("service:availability:ratio_5m{service='gov24'}", 1, 0, "availability of gov24")
        # Two of three vantages have it down, whatever the number of replicas.
        watch.only("service:availability:ratio_5m{service='petition'}", 1 / 3, 0.05,
                   "availability of petition")

        print("gwangju is cut off")
        watch = Watch(prometheus)
        gwangju.cut()
        until(lambda: prometheus.query("bongsu_vantage_online{vantage='gwangju'} == 0"), PATIENCE,
              "gwangju knows that it is offline")
        until(lambda: len(prometheus.query(
            "bongsu_probe_verdict{vantage='gwangju',verdict='unknown'} == 1")) == 3, PATIENCE,
            "gwangju says nothing of services")
        until(lambda: prometheus.query("count(probe:votes == 2)") == [({}, 3)], PATIENCE, "two votes left")
        until(lambda: time.time() > paged + TWICE_SECONDS, TWICE_SECONDS + PATIENCE, "a second page is due")
        watch.never("vantage:probe:down{vantage='gwangju'} == 1", "a vote of gwangju for down")
        watch.never("service:down{service='gov24'} == 1", "gov24 down")
        watch.never("ALERTS{service='gov24'}", "an alert about gov24")
        # A group of rules of its own, so it may know five seconds later.
        until(lambda: prometheus.query("ALERTS{alertname='VantageOffline',vantage='gwangju'}"), PATIENCE,
              "VantageOffline is on its way")
        gwangju.mend()
        until(lambda: prometheus.query("count(probe:votes == 3)") == [({}, 3)], PATIENCE,
              "gwangju votes again")

        check(pages(webhook) == {("ServiceDown", "petition"): 1}, f"pages: {pages(webhook)}")
        check(not prometheus.rule_errors(), f"rules: {prometheus.rule_errors()}")
        print(f"pages in all: {pages(webhook)}")


if __name__ == "__main__":
    main(scenario)
