#!/usr/bin/env python3
"""Random timelines over a known truth, judged by promtool.

    timelines.py [COUNT] [--seed N]

A timeline is an estate (a cause, two services that need it, one that does not) for an hour and a
half, in which something real may happen: the cause, or the free service, is down for a while, at
different moments from each place, with failures that are not confirmed, a daemon that restarts or
is reloaded, both that restart, a vantage that loses its network, maintenance of the free service.
Twenty estates share one run of promtool, and so the troubles of the probers.

Judged at each moment at which the truth is beyond doubt:
  missed          something is down for six minutes and its page does not fire
  false resolved  a page of an outage is gone before five minutes of stability
  false page      a page for what is not down
  wrong cause     a page for a service that is only down because of another

At the end 30 quiet service-days with 0.1 % of single runs failing are run, in which at most one
page may fire.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from judge import judge  # noqa: E402
from world import World  # noqa: E402

MINUTES = 50
ESTATES = 20


def jitter(rng, start, end):
    """When a probe sees an outage begin and end: its next run, and the recheck."""
    return start + rng.uniform(0, 0.6), end + rng.uniform(0, 0.6)


def estate(world, rng, n):
    """Adds one and returns its truth: {service: (from, to)}; and its window: (from, when it falls)."""
    cause, a, b, free = (f"e{n}-{name}" for name in ("cause", "a", "b", "free"))
    world.service(cause).service(a, needs=[cause]).service(b, needs=[cause]).service(free)
    truth, window = {}, None
    kind = rng.choice(["quiet", "cause", "cause", "cause", "free", "maintenance"])
    start = round(rng.uniform(8, 15), 2)
    end = round(start + rng.uniform(3, 20), 2)
    if kind == "cause":
        truth[cause] = (start, end)
    if kind in ("free", "maintenance"):
        truth[free] = (start, end)
    for name in (cause, a, b, free):
        changes = [(0, "up")]
        down = truth.get(name) or (truth.get(cause) if name in (a, b) else None)
        if down:
            begin, over = jitter(rng, *down)
            changes += [(begin, "down"), (over, "up")]
        world.probe(name, "front", *changes)
    if kind == "maintenance":
        for vantage in world.vantages:
            world.plain("bongsu_maintenance_active",
                        {"service": free, "name": "w", "vantage": vantage, "prober": "a"},
                        (0, 0), (start - 1, 1), (end + 2, 0))
        truth, window = {}, (start - 1, start)
    return truth, window


def batch(seed):
    rng = random.Random(seed)
    world = World(f"timelines {seed}", MINUTES)
    dead, at = {v: [] for v in world.vantages}, rng.uniform(5, 30)
    trouble = rng.choice(["none", "restart", "restart both", "offline"])
    if trouble == "restart":
        dead[rng.choice(world.vantages)].append((at, at + rng.uniform(0.5, 4)))
    if trouble == "restart both":
        for vantage in world.vantages:
            dead[vantage].append((at, at + rng.uniform(0.5, 2)))
    if trouble == "offline":
        world.offline = {rng.choice(world.vantages): [(0, 1), (at, 0), (at + rng.uniform(1, 6), 1)]}
    world.daemons(**dead)
    # While a vantage is away, a single vote takes five minutes to be believed.
    blind = {"none": (0, 0), "offline": (at - 1, at + 12)}.get(trouble, (at - 1, at + 10))
    estates = [estate(world, rng, n) for n in range(ESTATES)]
    checks = []
    for n, (truth, window) in enumerate(estates):
        unseen = window and all(any(a <= window[0] and b > window[1] - 0.5 for a, b in dead[v]) for v in dead)
        for minute in range(4, MINUTES, 3):
            wanted = set()
            # A window excuses what was up when it began. Nobody saw that: it pages, to be safe.
            if unseen and minute >= window[0]:
                continue
            # what begins while they are away is believed later, and no single moment is certain
            doubtful = blind[0] <= minute <= blind[1] and any(s + 3 >= blind[0] for s, _ in truth.values())
            for service, (start, end) in truth.items():
                # an incident of ten minutes and more stays for an hour
                if start + 1.5 <= minute < end + 5:
                    wanted.add(service)
                elif start <= minute < start + 1.5 or minute >= end + 5:
                    doubtful = True
            if not doubtful:
                checks.append((n, minute, wanted))
                rows = [{"labels": f'{{service="{s}"}}', "value": 1} for s in sorted(wanted)]
                world.query(minute, 'group by (service) (ALERTS{alertstate="firing",severity="page",'
                                    f'alertname!="ServiceUnwatched",service=~"e{n}-.*"}})', rows)
    return world, len(checks)


def quiet(seed):
    """30 services for a day, a run a minute; one run in a thousand fails, one in a million twice."""
    rng = random.Random(seed)
    world = World("quiet", 1440, step=60)
    world.daemons()
    for n in range(30):
        world.service(f"q{n}").probe(f"q{n}", "front")
        for i, series in enumerate(world.input):
            labels = f'service="q{n}"'
            if series["series"].startswith("bongsu_probe_consecutive_failures") and labels in series["series"]:
                line = [(2 if rng.random() < 0.001 else 1) if rng.random() < 0.001 else 0
                        for _ in range(world.count)]
                world.input[i] = {**series, "values": " ".join(map(str, line))}
    world.query(1440, 'count(count_over_time(ALERTS{alertstate="firing",severity="page"}[1d])) > 1', [])
    return world


def verdict(expected, got):
    services = re.compile(r'service="([^"]+)"')
    expected, got = set(services.findall(expected)), set(services.findall(got))
    for service in got - expected:
        yield "wrong cause" if re.search("-[ab]$", service) and expected else "false page"
    for _ in expected - got:
        yield "missed or resolved too early"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20231117)
    options = parser.parse_args()
    faults, checked = [], 0
    seeds = range(options.seed, options.seed + options.count // ESTATES)
    batches = [batch(seed) for seed in seeds]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        silence = pool.submit(judge, quiet(options.seed))
        judged = list(pool.map(judge, [world for world, _ in batches]))
        pages_in_quiet = silence.result()
    for seed, (_, checks), wrong in zip(seeds, batches, judged):
        checked += checks
        for when, expected, got in wrong:
            for what in verdict(expected, got):
                faults.append(f"seed {seed} at {when}: {what}: expected {expected}, got {got}")
    wrong_causes = sum("wrong cause" in fault for fault in faults)
    print("\n".join(faults))
    print(f"{len(batches) * ESTATES} timelines, {checked} moments judged: {len(faults) - wrong_causes} missed, "
          f"falsely resolved or false; {wrong_causes} wrong causes; "
          f"{'more than one page' if pages_in_quiet else 'at most one page'} in 30 quiet days")
    if len(faults) > wrong_causes or wrong_causes > 0.05 * checked or pages_in_quiet:
        sys.exit(1)


if __name__ == "__main__":
    main()
