#!/usr/bin/env python3
"""Places that fall in waves of random rate and shape, judged by promtool.

    wave_timelines.py [COUNT] [--seed N]

A timeline is one place with 40 to 80 services for three quarters of an hour: from an eighth to all
of them (ten at least) fall within a minute and a half, the others in waves of random size and pace
or not at all, up to half of them as notice pages; the place has a probe of its own or none; a
service that has nothing to do with it may fall, too, and in one of five nothing else falls than four
to six services, one after the other. Four timelines share one run of promtool.

Judged from what has paged until the end, and five minutes after the first wave:
  missed       a place is not named in time, or something is down and neither paged nor held back
  wrong cause  a page for what the place took with it, or a place named that stands
"""

import argparse
import concurrent.futures
import os
import random
import re
import sys

from judge import judge
from waves import wave_world

MINUTES = 45
PLACES = 4


def shape(rng, total):
    """When each service falls; None is never. The first wave is at least a tenth, and ten."""
    begin = rng.uniform(6, 10)
    first = max(10, round(total * rng.choice([0.125, 0.15, 0.2, 0.3, 0.5, 1])))
    moments = [begin + rng.uniform(0, 1.5) for _ in range(first)]
    at = begin
    stops = rng.random() < 0.2
    while len(moments) < total and not stops:
        at += rng.uniform(0.5, 10)
        if at > MINUTES - 6:
            break
        moments += [at + rng.uniform(0, 1) for _ in range(min(rng.randint(1, 15), total - len(moments)))]
    return begin, moments + [None] * (total - len(moments))


def strewn(rng, total):
    """Four to six outages, at least a minute and a half apart: no place."""
    at, moments = rng.uniform(6, 10), []
    for _ in range(rng.randint(4, 6)):
        moments.append(at)
        at += rng.uniform(1.5, 4)
    return moments + [None] * (total - len(moments))


def place(world, rng, n):
    """Adds one and returns what must page: by the fifth minute of its first wave, and by the end."""
    name, total = f"p{n}-dc", rng.randint(40, 80)
    world.service(name)
    notices = rng.choice([0, 0.3, 0.5])
    falls = rng.random() > 0.2
    begin, moments = shape(rng, total) if falls else (None, strewn(rng, total))
    if rng.random() < 0.3:
        seen = begin + rng.uniform(0, 1) if falls else None
        world.probe(name, "router", *[(0, "up")] + ([(seen, "down")] if falls else []))
    wanted = {f"CauseDown {name}"} if falls else set()
    for i, moment in enumerate(moments):
        service, notice = f"p{n}-s{i:03}", rng.random() < notices
        world.service(service, needs=[name])
        world.probe(service, "front", (0, "up"), *([(moment, "down")] if moment else []),
                    reason="notice_page" if notice else "connect_timeout")
        if moment and not falls:
            wanted.add(f"{'NoticePage' if notice else 'ServiceDown'} {service}")
    named = set(wanted) if falls else None
    if rng.random() < 0.4:
        stranger = f"p{n}-tax"
        world.service(stranger).probe(stranger, "front", (0, "up"), (rng.uniform(6, 35), "down"))
        wanted.add(f"ServiceDown {stranger}")
    return begin, named, wanted


def rows(pages):
    return [{"labels": f'{{alertname="{page.split()[0]}", service="{page.split()[1]}"}}', "value": 1}
            for page in sorted(pages)]


def paged(name, services):
    return ("group by (alertname, service) (last_over_time(ALERTS{"
            f'alertstate="firing",severity="page",alertname=~"{name}",service=~"{services}"}}[1h]))')


def batch(seed):
    rng = random.Random(seed)
    world = wave_world(f"waves {seed}", MINUTES)
    fallen = 0
    for n in range(PLACES):
        begin, named, wanted = place(world, rng, n)
        fallen += named is not None
        if named:
            world.query(begin + 5, paged("CauseDown", f"p{n}-.*"), rows(named))
        world.query(MINUTES, paged(".+", f"p{n}-.*"), rows(wanted))
        world.query(MINUTES, f'service:down{{service=~"p{n}-.*"}} == 1 unless on (service) service:held '
                             "unless on (service) (service:incident:open == 1)", [])
    return world, fallen


def pages_of(text):
    return {(re.search('alertname="([^"]+)"', row)[1] if "alertname" in row else "",
             re.search('service="([^"]+)"', row)[1])
            for row in re.findall(r"{[^}]*service=[^}]*}", text)}


def verdict(expected, got):
    """What is wrong, and of which place."""
    expected, got = pages_of(expected), pages_of(got)
    for name, service in got - expected:
        # without an alert's name it is down, and nothing says so
        yield service.split("-")[0], "wrong cause" if name else "missed"
    for _, service in expected - got:
        yield service.split("-")[0], "missed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20250926)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.count // PLACES)
    batches = [batch(seed) for seed in seeds]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = list(pool.map(judge, [world for world, _ in batches]))
    missed, wrong_causes, most = set(), set(), 1
    for seed, wrong in zip(seeds, judged):
        for when, expected, got in wrong:
            for where, what in verdict(expected, got):
                (missed if what == "missed" else wrong_causes).add((seed, where))
                print(f"seed {seed} at {when}, {where}: {what}: expected {expected}, got {got}"[:600])
            for where in {service.split("-")[0] for _, service in pages_of(expected)}:
                most = max(most, sum(s.startswith(f"{where}-") and not s.endswith("-tax") and name != ""
                                     for name, s in pages_of(got) if "CauseDown" in expected))
    fell = sum(fallen for _, fallen in batches)
    print(f"{len(batches) * PLACES} timelines, {fell} places that fell: {len(missed)} with something missed, "
          f"{len(wrong_causes)} with a wrong cause, at most {most} pages for a place")
    if missed or len(wrong_causes) > 0.05 * len(batches) * PLACES or most > 3:
        sys.exit(1)


if __name__ == "__main__":
    main()
