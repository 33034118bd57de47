"""What the boards show, value by value (rules/8-boards.yml). No alert asks for it, and the wall that
everybody looks at does."""

from registry import scenario, slow_scenario

FALLS = [(0, "up"), (5, "down")]


def maintenance(world, service, *changes, site=None):
    for vantage in world.vantages:
        world.plain("bongsu_maintenance_active",
                    {"service": service, "site": site, "name": "patch", "vantage": vantage, "prober": "a"}, *changes)


def shown(world, minute, name, values, by="service"):
    """The complete recorded series: label value -> value."""
    return world.query(minute, f"max by ({by}) ({name})",
                       [{"labels": f'{{{by}="{label}"}}', "value": value} for label, value in sorted(values.items())])


# --- states -----------------------------------------------------------------------------------
w = scenario("boards: the worst that is true of a service", 12, vantages=("seoul", "busan", "jeju")).daemons()
STATES = {"down": 5, "down-planned": 5, "back": 4, "back-planned": 4, "unseen": 3, "partly": 2, "degraded": 2,
          "planned": 1, "unseen-planned": 1, "up": 0, "centre": 0}
for name, changes in (("down", FALLS), ("down-planned", FALLS), ("back", [*FALLS, (7, "up")]),
                      ("back-planned", [*FALLS, (7, "up")]), ("unseen", [(0, "unknown")]),
                      ("unseen-planned", [(0, "unknown")]), ("degraded", [(0, "up"), (5, "degraded")]),
                      ("planned", []), ("up", [])):
    w.service(name, needs=["centre"] if name == "up" else ()).probe(name, "front", *changes)
w.service("partly").probe("partly", "front", *FALLS, only=("jeju",))
# without probes: the one that others need can be down, the other says nothing
w.service("centre").service("empty")
for name in STATES:
    if name.endswith("planned"):
        maintenance(w, name, (0, 0), (8, 1))
shown(w, 10, "service:state", STATES)

w = scenario("boards: the worst that is true of a site", 12, vantages=("seoul", "busan", "jeju")).daemons()
w.service("saeol")
for site, changes, only in (("down", FALLS, None), ("planned", [(0, "up"), (9, "down")], None), ("partly", FALLS, ("jeju",)),
                            ("degraded", [(0, "up"), (5, "degraded")], None), ("up", [], None),
                            ("unseen", [(0, "unknown")], None)):
    w.probe("saeol", "front", *changes, site=site, only=only)
maintenance(w, "saeol", (0, 0), (8, 1), site="planned")
shown(w, 10, "site:state", {"down": 5, "unseen": 3, "partly": 2, "degraded": 2, "planned": 1, "up": 0}, by="site")

w = slow_scenario("boards: a Prometheus that was away for two hours goes on with the same clock", 145).daemons(
    seoul=[(0, 130)], busan=[(0, 130)])
for service, state in (("down", "down"), ("well", "up")):
    w.service(service).probe(service, "front", (0, state))
    # As it was recorded before.
    w.plain("service:outage:since_timestamp", {"service": service}, (0, 60), (10, None))
shown(w, 139, "service:outage:since_timestamp", {"down": 60})
w.query(139, 'min_over_time(service:outage:since_timestamp{service="well"}[10m])', [{"labels": '{service="well"}', "value": 0}])

# --- how much is back -------------------------------------------------------------------------
w = scenario("boards: how many of how many are back, by grade", 100).daemons().service("centre").service("empty", needs=["centre"])
for n in range(12):
    name = f"s{n:02}"
    # Two of grade 1, four of grade 2 and the rest without; one is never seen again, one never fell.
    w.service(name, needs=["centre"], grade={0: 1, 1: 1}.get(n, 2 if n < 6 else None))
    w.probe(name, "front", (0, "up"), *([] if n == 11 else [(5, "down")]),
            *([(20, "up")] if n in (0, 2, 3, 7) else [(20, "unknown")] if n == 4 else []))
for minute, up in ((4, None), (12, {"1": 0, "2": 0, "-": 1}), (25, {"1": 1, "2": 2, "-": 2})):
    for name, counts in (("up", up), ("total", up and {"1": 2, "2": 4, "-": 6})):
        w.query(minute, f'cause:services:{name}{{cause="centre"}}',
                [{"labels": f'cause:services:{name}{{cause="centre", grade="{grade}"}}', "value": value}
                 for grade, value in sorted((counts or {}).items())])

# --- who and why ------------------------------------------------------------------------------
w = scenario("boards: a service has one card, also while titles differ and when its daemons are dead", 26)
w.daemons(seoul=[(14, 99)], busan=[(14, 99)])
w.service("tax", grade=1, title="홈택스").service("gone", grade=2, until=8).service("bare", title="")
w.plain("bongsu_service_info", {"service": "tax", "title": "Hometax", "vantage": "seoul", "prober": "b"}, (0, 1), (14, None))
for minute, cards in ((5, {"tax": "1", "gone": "2", "bare": "-"}), (12, {"tax": "1", "bare": "-"}), (20, {"tax": "1", "bare": "-"})):
    w.query(minute, "count by (service, grade) (service:card)",
            [{"labels": f'{{grade="{grade}", service="{s}"}}', "value": 1} for s, grade in sorted(cards.items())])
    w.query(minute, 'service:card{service="bare"}',
            [{"labels": 'service:card{grade="-", service="bare", title="bare"}', "value": 1}])

w = scenario("boards: the commonest failure, and first of what is down", 10, vantages=("seoul", "busan", "jeju")).daemons()
w.service("mixed").probe("mixed", "front", *FALLS, reason="dns_failure")
for i in range(4):
    w.probe("mixed", f"other{i}", *FALLS, reason="http_status", only=("jeju",))
w.service("partly").probe("partly", "front", *FALLS, reason="http_status", only=("jeju",))
for i in range(2):
    w.probe("partly", f"other{i}", *FALLS, reason="redirect", only=("jeju",))
w.service("up").probe("up", "front")
w.query(8, "service:reason", [{"labels": f'service:reason{{reason="{reason}", service="{s}"}}', "value": 1}
                              for s, reason in (("mixed", "dns_failure"), ("partly", "redirect"))])

w = scenario("boards: what a service is down for", 10).daemons()
w.service("base").service("net").service("mid", needs=["base"]).service("leaf", needs=["mid", "base", "net"])
w.service("stopped", needs=["base"]).service("well", needs=["base", "mid"]).service("alone", needs=["net"])
w.service("calm", needs=["mid"]).probe("calm", "front")
for name in ("base", "mid", "leaf", "alone"):
    w.probe(name, "front", *FALLS)
w.probe("stopped", "front", *FALLS, reason="notice_page").probe("well", "front").probe("net", "front")
# tests mid, and mid's own need is not its own
w.service("desk").probe("desk", "front").probe("desk", "login", *FALLS, kind="login", component="mid", step="verify")
w.service("gone").probe("gone", "login", *FALLS, kind="login", component="mid", step="verify", reason="notice_page")
causes = {"base": "base", "mid": "base", "leaf": "base", "stopped": "stopped", "alone": "alone", "desk": "mid",
          "gone": "gone"}
w.query(8, "service:root_cause", [{"labels": f'service:root_cause{{cause="{cause}", service="{s}"}}', "value": 1}
                                  for s, cause in sorted(causes.items())])

# --- clocks -----------------------------------------------------------------------------------
w = scenario("boards: an outage runs through recoveries that do not last", 34).daemons()
w.service("net").probe("net", "front").service("gpki").probe("gpki", "front", *FALLS)
# relapses, then is stable, then falls anew within half an hour
w.service("tax").probe("tax", "front", *FALLS, (8, "up"), (10, "down"), (11, "up"), (25, "down"))
# behind a cause: no incident of its own
w.service("saeol", needs=["gpki"]).probe("saeol", "front", *FALLS, (8, "up"), (12, "down"))
# has two minutes until its incident opens
w.service("own", needs=["net"]).probe("own", "front", *FALLS, (8, "up"))
shown(w, 7.5, "service:outage:since_timestamp", {s: 300 for s in ("gpki", "tax", "saeol", "own")})
shown(w, 12.5, "service:outage:since_timestamp", {s: 300 for s in ("gpki", "tax", "saeol", "own")})
shown(w, 20, "service:outage:since_timestamp", {s: 300 for s in ("gpki", "saeol")})
w.query(20, 'min_over_time(service:outage:since_timestamp{service="tax"}[10m])', [{"labels": '{service="tax"}', "value": 0}])
shown(w, 30, "service:outage:since_timestamp", {"gpki": 300, "saeol": 300, "tax": 1500})

w = scenario("boards: two hours to repair in grade 1, three in grade 2, no limit for others", 3).daemons()
w.service("one", grade=1).service("two", grade=2).service("three", grade=3).service("four", grade=4).service("none")
shown(w, 2, "service:outage:limit_seconds", {"one": 7200, "two": 10800})

# --- the month --------------------------------------------------------------------------------
# 31 January 1970, 15:00 UTC, is midnight in Korea.
for name, minute, month in (("before", 30 * 1440 + 14 * 60 + 59, 1), ("after", 30 * 1440 + 15 * 60 + 1, 2)):
    w = scenario(f"boards: the month is Korea's, a minute {name} its midnight", minute, step=minute * 60)
    w.plain("up", {"job": "bongsu", "vantage": "seoul", "prober": "a"}, (0, 1))
    w.query(minute, "month:kst", [{"labels": f'month:kst{{month="{month}"}}', "value": 1}])

w = slow_scenario("boards: minutes down in the month, and what is left of the budget", 60)
for name, unavailability in (("tax", [(0, 0), (20, 0.25), (30, 0)]), ("bus", [(0, 0)])):
    w.plain("bongsu_slo_objective_ratio", {"service": name, "vantage": "seoul", "prober": "a"}, (0, 0.999))
    w.plain("service:unavailability:ratio_5m", {"service": name}, *unavailability)
w.query(25, "service:down_minutes:increase1m",
        [{"labels": 'service:down_minutes:increase1m{month="1", service="tax"}', "value": 0.25}])
for name, values in (("down_minutes:month", {"tax": 2.5, "bus": 0}), ("budget:minutes", {"tax": 43.2, "bus": 43.2}),
                     ("budget_left:minutes", {"tax": 40.7, "bus": 43.2})):
    shown(w, 55, f"round(service:{name}, 0.001)", values)

w = scenario("boards: what was lost in January is not lost in February", 32 * 1440, step=6 * 3600)
w.plain("service:unavailability:ratio_5m", {"service": "tax"}, (0, 0.5))
# every six hours from 31 January, 18:00 UTC, to 2 February, 00:00 UTC: six times
shown(w, 32 * 1440, "service:down_minutes:month", {"tax": 3})
