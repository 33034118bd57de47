"""Everything fails at once, on real servers: how often does the telephone ring?

Prometheus and Alertmanager as shipped, all times divided by one factor (scale.py), with the metrics
of a country: 226 Saeol sites and 30 services behind gpki, 647 systems behind one data centre that
has no probe, two vantages (estate.py).

1. One vantage is lost for longer than a tie needs to be believed: first its network, then its power.
   Nobody is paged about a service.
2. gpki and whatever needs it fail, the cause seen last: at most 3 pages.
   At the same time the data centre's systems fail, three of them causes themselves: at most 2 pages.

A page is a notification at the receiver `page`, whatever it is about.
"""

import collections
import random
import re
import shutil
import time

import scale
from estate import Estate, Exporter, same_words
from stack import (
    PATIENCE, RULES, Alertmanager, Daemon, Prometheus, Stack, Webhook, call, check, main, until,
)

# More would be quicker, but what takes two cores seconds to evaluate takes them as long at any factor.
FACTOR = 5
EVALUATION_SECONDS = 4
SITES, SERVICES, SYSTEMS = 226, 30, 647
# The data centre's systems that others of it need.
CAUSES, BEHIND_EACH = 3, 30
VANTAGES = ("seoul", "busan")
BOARDS = "8-boards.yml"
# Failures are confirmed within a run and its recheck.
SPREAD_SECONDS = 40 / FACTOR
# A tie is believed after 5 minutes; what is held back pages after 1 or 2 minutes; then
# it is quiet until somebody fails to acknowledge, which is not a page but an escalation.
TIE_SECONDS, STORM_SECONDS = 330 / FACTOR, 270 / FACTOR

# As the estate, but small and real: what same_words compares with.
REAL = """
defaults: { interval: 5s, timeout: 1s, recheck: 1s }
controls: ["tcp://127.0.0.1:1"]
services:
  - name: gpki
    title: 인증
    owner: 센터
    alternative: 수기 접수
    slo: 0.999
    probes: [{ name: padded, http: { url: "http://127.0.0.1:1/" } }]
  - name: saeol
    needs: [gpki]
    for_each: { site: [a, b] }
    probes: [{ name: login, http: { url: "http://127.0.0.1:1/${site}" } }]
"""


def country():
    estate = Estate(pace=FACTOR)
    estate.service("gpki").probe("gpki", "padded")
    estate.service("saeol", "gpki")
    for number in range(SITES):
        estate.probe("saeol", "login", kind="login", site=f"m{number:03}")
    for number in range(SERVICES):
        estate.service(f"t{number:02}", "gpki").probe(f"t{number:02}", "front")
    estate.service("dc")
    for number in range(SYSTEMS):
        needs = ["dc"]
        if CAUSES <= number < CAUSES * (BEHIND_EACH + 1):
            needs.insert(0, f"s{number % CAUSES:03}")
        estate.service(f"s{number:03}", *needs).probe(f"s{number:03}", "front")
    return estate


def pages(webhook, since):
    """What rang: (alert, service) of each notification that fires."""
    rang = []
    for one in webhook.all("page"):
        if one["time"] >= since and one["body"]["status"] == "firing":
            labels = one["body"]["groupLabels"]
            rang.append((labels.get("alertname"), labels.get("service", "")))
    return rang


def watch(seconds):
    """Time passes while we look: what must not happen has had its chance."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.5, max(0, end - time.monotonic())))


def faster(config):
    """All but the scrapes and the global interval of rules: what a country costs, two cores cannot do
    in a fraction of the time. Ranges and `for` are divided, so the storm is the same one, looked at
    every 20 s instead of every 5 s."""
    shipped = config["global"]["scrape_interval"]
    config.update(scale.prometheus(config, FACTOR))
    config["global"].update(scrape_interval=shipped, evaluation_interval=f"{EVALUATION_SECONDS}s")


def rules(stack):
    """The shipped rules, faster; but for the boards, which page nobody."""
    folder = scale.rule_folder(RULES, stack.folder / "rules", FACTOR)
    shutil.copy(RULES / BOARDS, folder)
    return folder


def slowest(prometheus):
    """The groups that took longest, to see how far from its interval each is."""
    groups = call(f"{prometheus.url}/api/v1/rules")["data"]["groups"]
    groups.sort(key=lambda group: -group["evaluationTime"])
    return {group["name"]: f"{group['evaluationTime']:.2f} of {group['interval']}" for group in groups[:3]}


def compare_words(stack, estate):
    file = stack.folder / "real.yml"
    file.write_text(REAL)
    daemon = Daemon(stack, file)
    offline = r'\nbongsu_probe_failure_info{.*reason="vantage_offline"'
    until(lambda: len(re.findall(offline, daemon.metrics())) == 3, PATIENCE,
          "without its controls the real daemon says that it is offline")
    gpki = estate.of("gpki")[0]
    gpki.fail(0, "seoul")
    agreed = same_words(estate, daemon)
    check(not re.search(r'\nbongsu_probe_verdict{.*verdict="down".*} 1', daemon.metrics()),
          "without its controls the real daemon has a word on others")
    gpki.mend("seoul")
    daemon.stop()
    print(f"{agreed} metrics have the real daemon's names and labels")


def lose_a_vantage(estate, exporters, prometheus, webhook):
    began = time.time()
    estate.online["busan"] = False
    for probe in estate.probes:
        probe.fail(began + random.uniform(0, SPREAD_SECONDS), "busan")
    until(lambda: prometheus.query('ALERTS{alertname="VantageOffline",alertstate="firing"}'),
          PATIENCE, "VantageOffline")
    watch(max(0, began + TIE_SECONDS - time.time()))
    exporters["busan"].close()
    until(lambda: prometheus.query('ALERTS{alertname="ProberDown",alertstate="firing"}'),
          PATIENCE, "ProberDown")
    rang = pages(webhook, began)
    print(f"one vantage lost for {(time.time() - began) * FACTOR / 60:.0f} minutes (scaled): {len(rang)} pages {rang}")
    check(not rang, "a lost vantage paged")
    check(not prometheus.query("service:down == 1"), "a lost vantage made a service down")


def storm(estate, prometheus, webhook):
    began = time.time()
    for probe in estate.probes:
        # the cause is seen last
        late = SPREAD_SECONDS if probe.service == "gpki" else random.uniform(0, SPREAD_SECONDS)
        probe.fail(began + late, *VANTAGES)
    total = len(estate.services)
    until(lambda: prometheus.query(f"count(service:down == 1) == {total}"), PATIENCE, f"{total} services are down")
    watch(STORM_SECONDS)
    rang = pages(webhook, began)
    first = min(one["time"] for one in webhook.all("page") if one["time"] >= began) if rang else None
    check(rang, "nobody was paged")
    behind_gpki = [page for page in rang if page[1] in {"gpki", "saeol"} or page[1].startswith("t")]
    rest = [page for page in rang if page not in behind_gpki]
    print(f"{SITES} sites and {SERVICES} services fail together behind gpki: "
          f"{len(behind_gpki)} pages {collections.Counter(behind_gpki)}")
    print(f"{SYSTEMS} systems fail together behind dc: {len(rest)} pages {collections.Counter(rest)}")
    print(f"first page {first - began:.1f} s after the first failure")
    check(("CauseDown", "gpki") in rang and ("CauseDown", "dc") in rang, "the causes were not named")
    check(len(behind_gpki) <= 3, "more than 3 pages for gpki")
    check(len(rest) <= 2, "more than 2 pages for the data centre")
    for alert in webhook.alerts("page", "firing", service="gpki"):
        print(" ", alert["annotations"]["summary_ko"])
        print(" ", alert["annotations"]["summary"])


def scenario():
    random.seed(20231117)
    with Stack("storm") as stack:
        estate = country()
        compare_words(stack, estate)
        exporters = {vantage: Exporter(stack, estate, vantage) for vantage in VANTAGES}
        webhook = Webhook(stack)
        alertmanager = Alertmanager(stack, webhook, edit=lambda config: config.update(
            scale.alertmanager(config, FACTOR)))
        prometheus = Prometheus(
            stack, exporters.values(), [alertmanager],
            rules=rules(stack),
            edit=faster,
            arguments=scale.flags(FACTOR))
        known = len(estate.services)
        until(lambda: prometheus.query(f"count(service:down == 0) == {known}")
              and prometheus.query("count(service:needs) > 700"), PATIENCE, f"{known} services are known and up")
        print(f"{known} services with {len(estate.probes)} probes from {len(VANTAGES)} vantages")
        lose_a_vantage(estate, exporters, prometheus, webhook)
        # it comes back, at the same address
        for probe in estate.probes:
            probe.mend("busan")
        estate.online["busan"] = True
        exporters["busan"].open()
        until(lambda: prometheus.query("count(probe:votes == 2) == %d" % len(estate.probes)), PATIENCE,
              "both vantages vote")
        storm(estate, prometheus, webhook)
        check(not prometheus.rule_errors(), str(prometheus.rule_errors()))
        print("rules were evaluated without an error; seconds of the last evaluation:", slowest(prometheus))


if __name__ == "__main__":
    main(scenario)
