#!/usr/bin/env python3
"""Ninety-five days, as after the fire of 2025: does everything that remembers by half-hours hold for a quarter
of a year? A place of fourteen falls, its services return over the weeks, the last two never; a service of its
own is down from the first day to the last. A sample and an evaluation every five minutes, so what counts
samples of an hour (stability) has no say here.
"""

import sys

from judge import judge
from world import World

DAYS = 95
DAY = 24 * 60
FALL = 30


def world(days=DAYS):
    w = World(f"{days} days", days * DAY + 60, vantages=("seoul", "busan"), step=300)
    w.lean = True
    w.daemons().service("dc").service("alone").probe("alone", "front", (0, "up"), (FALL, "down"))
    for i in range(14):
        name = f"s{i:02}"
        w.service(name, needs=["dc"])
        # Every sixth day one of them returns.
        returns = [((3 + 6 * i) * DAY, "up")] if i < 12 else []
        w.probe(name, "front", (0, "up"), (FALL, "down"), *returns)
    since = FALL * 60
    for day in (day for day in (1, 2, 31, 33, 64, 66) if day < days):
        minute = day * DAY
        # The clock of the repair, and one page for each.
        w.query(minute, 'max by (service) (service:outage:since_timestamp{service=~"alone|dc"})',
                [{"labels": f'{{service="{name}"}}', "value": since} for name in ("alone", "dc")])
        w.query(minute, 'group by (alertname, service) (ALERTS{alertstate="firing",severity="page"})',
                [{"labels": f'{{alertname="{alert}", service="{name}"}}', "value": 1}
                 for alert, name in (("CauseDown", "dc"), ("ServiceDown", "alone"))])
        w.firing(minute, "OutageLasting", *(["alone", "dc"] if day > 3 else []))
        # Of what needs it, as many as have returned.
        w.query(minute, 'sum by (cause) (cause:services:up)',
                [{"labels": '{cause="dc"}', "value": max(0, (day - 3) // 6 + 1) if day >= 3 else 0}])
    # Three are left until day 69. From then on the last two page themselves.
    end = days * DAY
    w.query(end, 'max by (service) (service:outage:since_timestamp{service="alone"})',
            [{"labels": '{service="alone"}', "value": since}])
    w.query(end, 'group by (alertname, service) (ALERTS{alertstate="firing",severity="page",alertname!="CauseDown"})',
            [{"labels": f'{{alertname="ServiceDown", service="{name}"}}', "value": 1}
             for name in ("alone", *(["s12", "s13"] if days > 69 else []))])
    return w


def main():
    wrong = judge(world())
    print("FAILED" if wrong else "ok", f"{DAYS} days", *wrong, sep="\n  " if wrong else " ")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
