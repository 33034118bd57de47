#!/usr/bin/env python3
"""Everything fails at once: how many pages? Too large for files, so they are made and judged here.

A page is what Alertmanager groups: one per alert and service.
"""

import sys

from registry import outage
from judge import judge
from world import World


def pages(world, minute, most):
    """At least one page fires and at most this many."""
    world.query(minute, 'count(ALERTS{alertstate="firing",severity="page"}) > ' + str(most), [])
    world.query(minute, 'count(ALERTS{alertstate="firing",severity="page"}) >= bool 1',
                [{"labels": "{}", "value": 1}])


def storm(name, **dead):
    world = World(name, 10, step=30)
    world.lean = True
    return world.daemons(**dead)


def verification():
    world = storm("226 sites and 30 services fail together behind gpki: at most three pages")
    world.service("gpki").probe("gpki", "padded", (0, "up"), (4, "down"), reason="pki_backend")
    world.service("saeol", needs=["gpki"])
    for i in range(226):
        world.probe("saeol", "login", (0, "up"), (4 + i % 3 / 2, "down"), kind="login",
                    site=f"s{i:03}", reason="pki_backend")
    for i in range(30):
        world.service(f"t{i}", needs=["gpki"])
        world.probe(f"t{i}", "front", (0, "up"), (4 + i % 4 / 2, "down"))
    for minute in (4.5, 6, 9):
        pages(world, minute, 3)
    return world


def fire():
    world = storm("647 systems behind one data centre, three of them causes: at most two pages")
    world.service("dc")
    for i in range(3):
        world.service(f"c{i}", needs=["dc"]).probe(f"c{i}", "front", (0, "up"), (4 + i / 2, "down"))
    for i in range(644):
        world.service(f"s{i:03}", needs=["dc"] + ([f"c{i % 3}"] if i < 90 else []))
        world.probe(f"s{i:03}", "front", (0, "up"), (4 + i % 3 / 2, "down"))
    for minute in (5, 5.5, 6, 9):
        pages(world, minute, 2)
    return world


def vantage_lost():
    world = storm("one vantage of two is lost while 300 services are well: no page about a service",
                  busan=[(4, 99)])
    for i in range(300):
        world.service(f"s{i:03}").probe(f"s{i:03}", "front")
    world.query(9, 'count(ALERTS{alertstate="firing",severity="page"})', [])
    world.query(9, 'count(ALERTS{alertstate="firing",alertname="ProberDown"})', [{"labels": "{}", "value": 1}])
    return world


def way_lost():
    world = World("one vantage of three sees 30 services down for an hour, and its controls: no page, one message",
                  75, vantages=("seoul", "busan", "jeju"), step=60)
    world.lean = True
    world.daemons()
    for i in range(30):
        world.service(f"s{i:02}")
        outage(world, f"s{i:02}", (0, "up"), (10, "down"), (70, "up"), only=("jeju",))
    for minute in range(12, 75, 3):
        world.query(minute, 'count(ALERTS{alertstate="firing",severity=~"page|escalation"})', [])
    world.query(65, 'count by (alertname) (ALERTS{alertstate="firing",severity!="none"})',
                [{"labels": '{alertname="VantageDisagrees"}', "value": 1}])
    return world


def main():
    failed = False
    for world in (verification(), fire(), vantage_lost(), way_lost()):
        wrong = judge(world)
        failed |= bool(wrong)
        print("FAILED" if wrong else "ok", world.name, *wrong, sep="\n  " if wrong else " ")
    sys.exit(failed)


if __name__ == "__main__":
    main()
