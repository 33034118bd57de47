#!/usr/bin/env python3
"""Does the judge that is given only the asked rules (judge.py) find what one with all rules finds?

    alike.py [SEEDS] [KIND]...

Runs worlds of every generator (or of these kinds) by both, SEEDS of those that are random, on the rules as
they are and on rules that hold nothing back for a cause, which each generator must notice. Prints what each
took.
"""

import argparse
import concurrent.futures
import copy
import os
import sys
import time

import days
import slices
import storms
import timelines
import wave_timelines
import waves
from judge import asked, rules, wrong


def worlds(seeds):
    for seed in range(seeds):
        yield "timelines", timelines.batch(seed)[0]
        yield "wave_timelines", wave_timelines.batch(seed)[0]
    yield "timelines", timelines.quiet(seeds)
    for make in (storms.verification, storms.fire, storms.vantage_lost, storms.way_lost):
        yield "storms", make()
    for make in waves.WORLDS:
        yield "waves", make()
    yield "days", days.world(4)


def broken(documents):
    documents = copy.deepcopy(documents)
    for rule in slices.all_rules(documents):
        if rule.get("record") == "service:unheld":
            rule["expr"] = "service:down"
    return documents


def timed(world, groups):
    start = time.monotonic()
    return wrong(world, groups), time.monotonic() - start


def compare(case):
    kind, world, which, documents = case
    every = [group for document in documents.values() for group in document["groups"]]
    (whole, slow), (cut, quick) = timed(world, every), timed(world, asked(world, documents))
    same = "alike" if cut == whole else "NOT ALIKE"
    print(f"{same}: {kind}, {world.name[:60]}, rules {which}: {len(whole)} and {len(cut)} wrong, "
          f"{slow:.0f} and {quick:.0f} s", flush=True)
    return kind, which, cut == whole, bool(whole)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seeds", nargs="?", type=int, default=2)
    parser.add_argument("kinds", nargs="*")
    options = parser.parse_args()
    shipped = rules()
    cases = [(kind, world, which, documents) for kind, world in worlds(options.seeds)
             if kind in options.kinds or not options.kinds
             for which, documents in (("as shipped", shipped), ("broken", broken(shipped)))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(compare, cases))
    noticed = {kind for kind, which, _, any_wrong in found if which == "broken" and any_wrong}
    kinds = {kind for kind, *_ in found}
    different = sum(not same for _, _, same, _ in found)
    print(f"{len(found)} worlds judged twice: {different} not alike; broken rules noticed by {', '.join(sorted(noticed))}")
    sys.exit(bool(different or noticed != kinds))


if __name__ == "__main__":
    main()
