#!/usr/bin/env python3
"""Fires come in waves: a part of a place falls at once, the rest is shut down over hours, a third of
it behind notice pages, and weeks later it returns one by one. How many pages, and about what?
"""

import concurrent.futures
import os
import sys

from judge import judge
from world import World

WELL = [(0, "up")]


def wave_world(name, minutes, step=60, **options):
    world = World(name, minutes, step=step, **options)
    world.lean = True
    return world.daemons()


def behind(world, place, lines, prefix="s", also=()):
    """A service for each line of time behind the place; each third is stopped and not broken."""
    for i, line in enumerate(lines):
        name = f"{prefix}{i:03}"
        world.service(name, needs=[place, *also])
        world.probe(name, "front", *line, reason="notice_page" if i % 3 == 2 else "connect_timeout")


def waves(total, first, size, begin, every):
    """When each of them falls: `first` of them within a minute, `size` more each `every` minutes."""
    return [begin + (i % 2) / 2 if i < first else begin + every * (1 + (i - first) // size) for i in range(total)]


def falls(moments):
    return [[(0, "up"), (moment, "down")] for moment in moments]


def pages(world, minute, *named):
    """All that paged so far, whether or not it still does: "Name service"."""
    world.query(minute, "group by (alertname, service) (last_over_time("
                        'ALERTS{alertstate="firing",severity="page"}[1d]))',
                [{"labels": f'{{alertname="{page.split()[0]}", service="{page.split()[1]}"}}', "value": 1}
                 for page in sorted(named)])
    return world


def row_of_200():
    world = wave_world("200 of grade 1: 30 at once, ten each ten minutes, a third notice pages: one page", 190)
    world.service("dc")
    behind(world, "dc", falls(waves(200, 30, 10, 10, 10)))
    pages(world, 9)
    for minute in (15, 60, 120, 190):
        pages(world, minute, "CauseDown dc")
    # none is unnamed
    world.query(190, "count(service:down == 1 unless on (service) service:held)", [{"labels": "{}", "value": 1}])
    return world


def fire_of_647():
    world = wave_world("647: 96 at once, 551 over three hours in groups of 40: one page", 200)
    world.service("dc")
    behind(world, "dc", falls(waves(647, 96, 40, 8, 12)))
    for minute in (13, 100, 200):
        pages(world, minute, "CauseDown dc")
    return world


def probed_place():
    world = wave_world("a place with a probe of its own: one page, also when it answers before its services", 40, step=15)
    # A short outage, whose incident would close after five minutes.
    world.service("dc").probe("dc", "router", (0, "up"), (10, "down"), (16, "up"))
    behind(world, "dc", falls(waves(24, 12, 4, 10, 4)))
    for minute in (15, 25, 40):
        pages(world, minute, "CauseDown dc")
    world.query(40, 'ALERTS{alertname="CauseDown",alertstate="firing",service="dc"} * 0', [
        {"labels": '{alertname="CauseDown", alertstate="firing", hours="always", service="dc", severity="page"}',
         "value": 0}])
    return world


def returns():
    """Forty fall in waves and return one by one, two minutes apart; one of them comes back and falls
    again while most are down, one after it stood while most stand; a stranger falls while most
    stand; two never return."""
    world = wave_world("services return one by one: the cause stays until two are left, and those page", 150, step=15)
    world.service("dc")
    moments = waves(40, 12, 14, 5, 5)
    lines = []
    for i, fall in enumerate(moments):
        line = [(0, "up"), (fall, "down")] + ([(25 + 2 * i, "up")] if i < 38 else [])
        if i == 3:  # at 31; falls for good measure while most are down
            line += [(40, "down"), (44, "up")]
        if i == 6:  # at 37; half stand at 64
            line += [(80, "down"), (90, "up")]
        lines.append(line)
    behind(world, "dc", lines)
    world.service("late", needs=["dc"]).probe("late", "front", (0, "up"), (75, "down"), (88, "up"))
    for minute in (10, 30, 46, 70):
        pages(world, minute, "CauseDown dc")
    own = ["CauseDown dc", "ServiceDown late", "ServiceDown s006"]
    if lines[6]:
        pages(world, 84, "CauseDown dc", "ServiceDown late", "ServiceDown s006")
    # 37 of 40 stand
    world.firing(97, "CauseDown", "dc")
    pages(world, 97, *own)
    pages(world, 112, *own, "ServiceDown s039", "NoticePage s038")
    return world


def two_places():
    world = wave_world("two places at once: one page for each", 60)
    for place in ("east", "west"):
        world.service(place)
        behind(world, place, falls(waves(60, 15, 8, 10 if place == "east" else 11, 7)), prefix=place[0])
    pages(world, 16, "CauseDown east", "CauseDown west")
    return pages(world, 60, "CauseDown east", "CauseDown west")


def place_and_stranger():
    world = wave_world("a place and an outage that has nothing to do with it: one page for each", 40)
    world.service("dc").service("tax").probe("tax", "front", (0, "up"), (11, "down"))
    behind(world, "dc", falls(waves(60, 15, 8, 10, 7)))
    pages(world, 16, "CauseDown dc", "ServiceDown tax")
    return pages(world, 40, "CauseDown dc", "ServiceDown tax")


def no_place():
    world = wave_world("five outages in ten minutes that have nothing in common are no place", 40)
    world.service("dc")
    behind(world, "dc", falls([10, 12, 14.5, 17, 19]) + [WELL] * 35)
    named = [f"{'NoticePage' if i == 2 else 'ServiceDown'} s{i:03}" for i in range(5)]
    return pages(world, 40, *named)


def narrower():
    """The country's network has 160 behind it, 60 of them in the centre."""
    world = wave_world("of two places the one of which more is down is named", 40)
    world.service("network").service("dc", needs=["network"])
    behind(world, "dc", falls(waves(60, 24, 4, 10, 7)), also=["network"])
    behind(world, "network", [WELL] * 100, prefix="n")
    return pages(pages(world, 15, "CauseDown dc"), 40, "CauseDown dc")


def known_cause():
    """What is seen down explains its dependents, however many of them are in the centre."""
    world = wave_world("what fell with a cause that is seen down is not blamed on the place", 40)
    world.service("dc").service("gpki", needs=["dc"]).probe("gpki", "padded", (0, "up"), (10, "down"))
    behind(world, "dc", falls([10.5] * 14), also=["gpki"])
    behind(world, "dc", [WELL] * 60, prefix="w")
    return pages(pages(world, 15, "CauseDown gpki"), 40, "CauseDown gpki")


WORLDS = [row_of_200, fire_of_647, probed_place, returns, two_places, place_and_stranger, no_place, narrower,
          known_cause]


def main():
    worlds = [make() for make in WORLDS if not sys.argv[1:] or make.__name__ in sys.argv[1:]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = list(pool.map(judge, worlds))
    for world, wrong in zip(worlds, judged):
        print("FAILED" if wrong else "ok", world.name, *wrong, sep="\n  " if wrong else " ")
    sys.exit(any(judged))


if __name__ == "__main__":
    main()
