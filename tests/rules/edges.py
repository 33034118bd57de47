"""Scenarios at the edges: values just above and just below each threshold, and what each exception
excepts. Mutants asked for them. Most judge one alert alone, because what is around it is decided by
scenarios.py. Recorded series that have no source in a scenario are given as they would be recorded."""

from registry import certificate, scenario, seconds, seconds_at, slow_scenario


def place(service, vantage, probe="front"):
    return {"service": service, "probe": probe, "kind": "http", "instance": "i", "vantage": vantage, "prober": "a"}


def recovered_and_held(world, vantages=None):
    """`back` is up again within its incident; `held` is down, but its cause pages for it."""
    world.service("gpki").probe("gpki", "padded", (0, "up"), (20, "down"))
    world.service("held", needs=["gpki"]).probe("held", "front", (0, "up"), (20, "down"))
    world.service("back").probe("back", "front", (0, "up"), (5, "down"), (18, "up"))
    return world


def pages(world, minute, *alerts):
    """The complete set of what pages: "Name service"."""
    rows = [{"labels": '{{alertname="{}", service="{}"}}'.format(*alert.split()), "value": 1} for alert in sorted(alerts)]
    return world.query(minute, 'group by (alertname, service) (ALERTS{alertstate="firing",severity="page"})', rows)


# --- votes ------------------------------------------------------------------------------------
w = scenario("two of five are no majority, and no tie", 14, "ServiceDown", "ServiceDegradedFromSomeVantages",
             vantages=("seoul", "busan", "jeju", "daegu", "gwangju"))
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"), only=("jeju", "busan"))
w.expect(6).expect(12)

w = scenario("a vote that comes and goes is not believed", 22, "ServiceDown", vantages=("seoul",)).daemons()
w.service("blip").probe("blip", "front", (0, "up"), (5, "down"), (6, "up"), (10, "down"), (11, "up"))
w.service("gap").probe("gap", "front", (0, "up"), (5, "down"), (8, "up"), (8.5, "down"), (12, "up"))
w.service("new").probe("new", "front", (0, None), (8, "down"), (11, "up"))
w.firing(10.25, "ServiceDown").firing(12, "ServiceDown").firing(15, "ServiceDown")

w = slow_scenario("some vantages fail, and there is a reason not to say so", 60, "ServiceDegradedFromSomeVantages",
                  vantages=("seoul", "busan", "jeju"))
w.daemons()
recovered_and_held(w)
for name in ("back", "excused", "bare"):
    w.service(name).probe(name, "second", (0, "up"), (25, "down"), only=("jeju",))
for vantage in w.vantages:
    w.plain("bongsu_maintenance_active",
            {"service": "excused", "name": "patch", "vantage": vantage, "prober": "a"}, (0, 0), (20, 1))
w.firing(45, "ServiceDegradedFromSomeVantages", "bare")

# --- graph ------------------------------------------------------------------------------------
w = scenario("a grade that is taken away is forgotten at once", 14, "ServiceDown").daemons()
w.service("tax").probe("tax", "front", (0, "up"), (10, "down"))
for vantage in w.vantages:
    w.plain("bongsu_service_grade", {"service": "tax", "vantage": vantage, "prober": "a"}, (0, 3), (8, None))
w.firing(12, "ServiceDown", "always", by="hours")

w = scenario("what only unurgent services need is not urgent", 12, "ServiceDown", "CauseDown").daemons()
w.service("base", grade=4).service("forms", grade=3, needs=["base"]).probe("forms", "front")
w.service("other", grade=1).probe("other", "front").probe("base", "front", (0, "up"), (5, "down"))
w.firing(8, "CauseDown", "office", by="hours")

w = scenario("what was taken out of the configuration does not come back when a daemon dies", 26, "ServiceUnwatched",
             "ServiceDown")
w.daemons(busan=[(14, 99)]).service("gone", until=8).probe("gone", "front", until=8)
w.service("gpki").probe("gpki", "front", (0, "up"), (18, "down"))
w.service("tax").probe("tax", "front", (0, "up"), (18, "down"))
for vantage in w.vantages:
    w.plain("bongsu_service_needs", {"service": "tax", "needs": "gpki", "distance": "1", "vantage": vantage, "prober": "a"},
            (0, 1), (8, None))
w.firing(13, "ServiceUnwatched").firing(25, "ServiceUnwatched").firing(25, "ServiceDown", "gpki", "tax")

w = scenario("what a daemon said that has long been gone counts no more", 420, "ServiceDown", step=120)
w.daemons(busan=[(4, 999)]).service("gpki").probe("gpki", "front", (0, "up"), (400, "down"))
for name in ("tax", "bus"):
    w.service(name).probe(name, "front", (0, "up"), (400, "down"))
for vantage, until in (("busan", 4), ("seoul", 390)):
    at = {"vantage": vantage, "prober": "a"}
    w.plain("bongsu_service_needs", {"service": "tax", "needs": "gpki", "distance": "1", **at}, (0, 1), (until, None))
    w.plain("bongsu_service_grade", {"service": "bus", **at}, (0, 3), (until, 1 if vantage == "seoul" else None))
rows = [{"labels": f'{{service="{s}", hours="always"}}', "value": 1} for s in ("gpki", "tax", "bus")]
w.query(416, 'group by (service, hours) (ALERTS{alertstate="firing",alertname="ServiceDown"})', rows)

w = scenario("a grade that was raised is believed at once, also while a daemon is dead that knew another", 16, "ServiceDown")
w.daemons(busan=[(4, 99)]).service("bus").probe("bus", "front", (0, "up"), (8, "down"))
for vantage, line in (("busan", [(0, 3), (4, None)]), ("seoul", [(0, 3), (6, 1)])):
    w.plain("bongsu_service_grade", {"service": "bus", "vantage": vantage, "prober": "a"}, *line)
w.firing(14, "ServiceDown", "always", by="hours")

w = scenario("two that log in through each other hold nobody back", 12, "ServiceDown", "LoginBroken", "CauseDown").daemons()
for name, other in (("tax", "post"), ("post", "tax")):
    w.service(name).probe(name, "front", (0, "up"), (5, "down"))
    w.probe(name, "login", (0, "up"), (5, "down"), kind="login", component=other, step="verify")
# three in a circle, and one that is behind it
for name, other in (("a", "b"), ("b", "c"), ("c", "a"), ("behind", "a")):
    w.service(name)
    w.probe(name, "login", (0, "up"), (5, "down"), kind="login", component=other, step="verify")
pages(w, 8, *[f"CauseDown {s}" for s in ("tax", "post", "a", "b", "c")], "LoginBroken behind")

w = scenario("what tests a component is held back by what that needs", 12, "CauseDown", "ServiceHeldBack").daemons()
w.service("base").service("mid", needs=["base"]).service("desk")
w.probe("base", "front", (0, "up"), (5, "down")).probe("mid", "front", (0, "up"), (5, "down"))
w.probe("desk", "login", (0, "up"), (5, "down"), kind="login", component="mid", step="verify")
w.expect(10, "CauseDown base", "ServiceHeldBack mid", "ServiceHeldBack desk")


w = scenario("a service with probes of its own is not inferred", 14, "CauseDown").daemons()
w.service("gpki").probe("gpki", "padded")
for i in range(6):
    w.service(f"s{i}", needs=["gpki"]).probe(f"s{i}", "front", (0, "up"), (5, "down"))
w.firing(10, "CauseDown")

# --- confirmation -----------------------------------------------------------------------------
w = scenario("two failures in a row are confirmed", 8, "ServiceDown").daemons().service("tax")
w.probe("tax", "front", (0, "up"), (5, "down"), failures=2)
w.firing(4.75, "ServiceDown").firing(6, "ServiceDown", "tax")

w = scenario("daemons that have just started: what is well votes, and what failed twice", 8, "ServiceDown",
             "ServiceUnwatched").daemons()
for name, state in (("well", "up"), ("tax", "down")):
    w.service(name).probe(name, "front", (0, state), failures=2)
    for vantage in w.vantages:
        w.plain("bongsu_probe_transitions_total", place(name, vantage), (0, 0))
w.expect(6, "ServiceDown tax")

w = scenario("a failure that is not confirmed is a vote, for up", 12, "ServiceDown", vantages=("seoul", "busan", "jeju"))
w.daemons().service("tax").probe("tax", "front", (0, "up"), (3, "down"), only=("jeju",))
once = place("tax", "busan")
w.input = [s for s in w.input if not (s["series"].startswith("bongsu_probe_consecutive") and "busan" in s["series"])]
w.plain("bongsu_probe_consecutive_failures", once, (0, 0), (3, 1))
w.plain("bongsu_probe_transitions_total", once, (0, 1))
w.firing(11, "ServiceDown")

# --- accusing others --------------------------------------------------------------------------
def accused(world, component, *logins, **options):
    """`logins` is (service, changes): a login through the component, which has a portal."""
    world.service(component).probe(component, "portal")
    for name, changes in logins:
        world.service(name)
        world.probe(name, "login", *changes, kind="login", component=component, step="verify",
                    **{"reason": "pki_backend", **options})
    return world


FAILS, WELL = [(0, "up"), (5, "down")], [(0, "up")]

w = scenario("who accuses a component: two, half of them, and only who can say", 14, "CauseDown").daemons()
accused(w, "one-of-two", ("a1", FAILS), ("a2", WELL))
accused(w, "two-of-five", ("b1", FAILS), ("b2", FAILS), ("b3", WELL), ("b4", WELL), ("b5", WELL))
accused(w, "two-who-know", ("c1", FAILS), ("c2", FAILS), *[(f"c{i}", [(0, "up"), (4, "unknown")]) for i in (3, 4, 5)])
accused(w, "in-maintenance", ("d1", FAILS), ("d2", FAILS), ("d3", WELL))
for name in ("d1", "d2"):
    for vantage in w.vantages:
        w.plain("bongsu_maintenance_active",
                {"service": name, "name": "patch", "vantage": vantage, "prober": "a"}, (0, 0), (3, 1))
w.firing(4, "CauseDown").firing(12, "CauseDown", "two-who-know")

w = scenario("what one vantage of three sees accuses nobody", 12, "CauseDown", vantages=("seoul", "busan", "jeju"))
accused(w.daemons(), "gpki", ("saeol", FAILS), ("resident", FAILS), only=("jeju",))
w.firing(10, "CauseDown")

w = scenario("a component without a verdict of its own recovers when its witnesses do", 20, "CauseDown").daemons()
w.service("gpki").service("sso").probe("sso", "portal", (0, "unknown"))
for component, names in (("gpki", ("saeol", "resident")), ("sso", ("tax", "bus"))):
    for name in names:
        w.service(name).probe(name, "login", (0, "up"), (5, "down"), (8, "up"), kind="login", component=component,
                              step="verify", reason="pki_backend")
w.firing(4, "CauseDown").firing(7, "CauseDown", "gpki", "sso").firing(16, "CauseDown")


def refused(world, component, *accounts):
    """A probe for each (account, minute): refused from then on, and the account held."""
    world.service(component).probe(component, "portal")
    for i, (account, minute) in enumerate(accounts):
        name = f"{component}{i}"
        world.service(name, needs=[component]).probe(name, "front")
        world.probe(name, "login", (0, "up"), (minute, "unknown"), kind="login", component=component,
                    step="password", reason="bad_credentials")
    for account, minute in {account: minute for account, minute in reversed(accounts)}.items():
        world.plain("bongsu_account_held", {"account": account, "host": "h", "vantage": "seoul", "prober": "a"},
                    (0, 0), (minute, 1))
    return world


w = scenario("three accounts refused within minutes, after a while in which all was well", 22, "CauseDown").daemons()
refused(w, "gpki", ("u0", 13), ("u1", 14), ("u2", 15)).firing(14.5, "CauseDown").firing(20, "CauseDown", "gpki")
w.firing(20, "ServiceRecovering")

w = scenario("three refused probes of two accounts are no empty directory", 10, "CauseDown").daemons()
refused(w, "gpki", ("u0", 4), ("u1", 5), ("u1", 6)).firing(8, "CauseDown")

w = scenario("two refused probes and an account held elsewhere are no empty directory", 10, "CauseDown").daemons()
refused(refused(w, "gpki", ("u0", 4), ("u1", 5)), "sso", ("u2", 6)).firing(8, "CauseDown")

w = scenario("three refusals within half an hour are no empty directory", 24, "CauseDown").daemons()
refused(w, "gpki", ("u0", 4), ("u1", 5), ("u2", 17)).firing(12, "CauseDown").firing(18, "CauseDown").firing(23, "CauseDown")

# --- maintenance ------------------------------------------------------------------------------
w = scenario("nobody saw whether it was up when the window began: it is not excused", 20, "ServiceDown")
w.daemons(seoul=[(5, 8)], busan=[(5, 8)])
for name, falls in (("unseen", 7), ("seen", 9)):
    w.service(name).probe(name, "front", (0, "up"), (falls, "down"))
    for vantage in w.vantages:
        w.plain("bongsu_maintenance_active", {"service": name, "name": "patch", "vantage": vantage, "prober": "a"},
                (0, 0), (5, None), (8, 1))
w.firing(12, "ServiceDown", "unseen")

# --- inferred causes --------------------------------------------------------------------------
def behind(world, centre, *changes):
    """A centre without probes, and a service for each line of time behind it."""
    world.service(centre)
    for i, line in enumerate(changes):
        name = f"{centre}-{i:02}"
        world.service(name, needs=[centre]).probe(name, "front", *line)
    return world


w = scenario("a centre is inferred from half of what needs it, and five; and while three of them are down", 16,
             "CauseDown", "ServiceRecovering").daemons()
LATER = [(0, "up"), (5, "down"), (8, "up")]
behind(w, "over-half", *[LATER] * 2, *[FAILS] * 5, *[WELL] * 5)
behind(w, "stays", *[LATER] * 2, *[FAILS] * 6, *[WELL] * 4)
behind(w, "three-left", *[LATER] * 3, *[FAILS] * 3)
behind(w, "two-left", *[LATER] * 4, *[FAILS] * 2)
behind(w, "four-fell", *[[(0, "down")]] * 2, *[FAILS] * 4)
behind(w, "five-of-twelve-fell", *[[(0, "down")]] * 3, *[FAILS] * 5, *[WELL] * 4)
w.firing(7, "CauseDown", "over-half", "stays", "three-left", "two-left")
w.firing(7.75, "ServiceRecovering")
w.query(10, 'group by (service) (ALERTS{alertname="ServiceRecovering",alertstate="firing",service!~".*-[0-9]+"})',
        [{"labels": '{service="two-left"}', "value": 1}])

w = scenario("of two places without probes the one of which more is down is the cause", 12, "CauseDown").daemons()
w.service("network")
for i in range(12):
    w.service(f"centre-{i:02}", needs=["centre", "network"]).probe(f"centre-{i:02}", "front", *FAILS)
    w.service(f"far-{i:02}", needs=["network"]).probe(f"far-{i:02}", "front").service(f"off-{i:02}", needs=["network"])
    w.probe(f"off-{i:02}", "front")
w.service("centre", needs=["network"])
w.firing(10, "CauseDown", "centre")

w = scenario("a centre is not inferred from what something narrower explains", 12, "CauseDown", "ServiceDown").daemons()
w.service("gpki").probe("gpki", "padded", *FAILS)
for centre, users, failing, well in (("under-half", 3, 2, 3), ("half", 3, 2, 2), ("one", 4, 1, 0)):
    behind(w, centre, *[FAILS] * failing, *[WELL] * well)
    for i in range(users):
        w.service(f"{centre}-user-{i}", needs=[centre, "gpki"]).probe(f"{centre}-user-{i}", "front", *FAILS)
# Of two places, too.
behind(w, "region", *[WELL] * 4).service("hall", needs=["region"])
for i in range(6):
    w.service(f"hall-{i}", needs=["hall", "region"]).probe(f"hall-{i}", "front", *FAILS)
w.firing(10, "CauseDown", "gpki", "half", "hall")
w.firing(10, "ServiceDown", "under-half-00", "under-half-01", "one-00")

w = scenario("a place falls in two waves and half of it returns: it pages, and what falls anew", 34, "CauseDown",
             "ServiceDown").daemons()
behind(w, "place", *[FAILS + [(20, "up")]] * 9, *[FAILS] * 3, *[[(0, "up"), (12, "down")]] * 4,
       [(0, "up"), (26, "down")], *[WELL] * 7)
for minute in (7, 16, 25):
    w.firing(minute, "CauseDown", "place").firing(minute, "ServiceDown")
w.firing(30, "CauseDown", "place").firing(30, "ServiceDown", "place-16")

# --- stopped on purpose -----------------------------------------------------------------------
w = scenario("stopped on purpose: half of what is down says so, seen by more than one vantage of three", 10,
             "NoticePage", "ServiceDown", "SitesDown", vantages=("seoul", "busan", "jeju")).daemons()
for name, others in (("half", 1), ("third", 2), ("elsewhere", 1)):
    w.service(name)
    w.probe(name, "front", *FAILS, reason="notice_page", only=("jeju",) if name == "elsewhere" else None)
    for i in range(others):
        w.probe(name, f"other{i}", *FAILS)
w.service("saeol")
for i in range(40):
    w.probe("saeol", "front", *(FAILS if i == 0 else WELL), site=f"s{i:02}", reason="notice_page")
w.expect(8, "NoticePage half", "ServiceDown third", "ServiceDown elsewhere", "SitesDown saeol")

# --- a head start for the cause ---------------------------------------------------------------
w = scenario("what is seen for the first time, and is down, waits for its cause as well", 10, "CauseDown",
             "ServiceDown", "LoginBroken").daemons()
w.service("base").service("mid", needs=["base"]).service("leaf", needs=["mid", "base"]).service("desk", needs=["base"])
for name in ("mid", "leaf"):
    w.probe(name, "front", (0, None), (5, "down"))
w.probe("desk", "front", (0, None), (5, "up")).probe("desk", "login", (0, None), (5, "down"), kind="login")
w.probe("base", "front", (0, "up"), (5.75, "down"))
pages(w, 5.5)
for minute in (6, 9):
    pages(w, minute, "CauseDown base")

w = scenario("a cause that needs something itself is given a minute", 10, "CauseDown", "ServiceDown").daemons()
w.service("base").probe("base", "front").service("mid", needs=["base"]).service("leaf", needs=["mid", "base"])
w.probe("mid", "front", *FAILS).probe("leaf", "front", (0, "up"), (5.5, "down"))
w.firing(5.75, "CauseDown").firing(6.5, "CauseDown", "mid").firing(9.5, "ServiceDown")

# --- the latch --------------------------------------------------------------------------------
w = scenario("an incident that has closed is not found again", 30, "ServiceDown", "CauseDown").daemons()
w.service("gpki").probe("gpki", "padded", (0, "up"), (18, "down"))
w.service("saeol", needs=["gpki"]).probe("saeol", "front", (0, "up"), (4, "down"), (7, "up"), (18.5, "down"))
w.firing(6.5, "ServiceDown", "saeol").firing(15, "ServiceDown")
w.expect(20, "CauseDown gpki", "ServiceHeldBack saeol").expect(26, "CauseDown gpki", "ServiceHeldBack saeol")

w = scenario("minutes that nobody watched are not stable", 120, "ServiceDown")
w.daemons(seoul=[(9, 11.5), (40, 60)], busan=[(9, 11.5), (40, 60)])
for name, end in (("short", 8), ("long", 20)):
    w.service(name).probe(name, "front", (0, "up"), (5, "down"), (end, "up"))
# five minutes of which half were seen, then an hour of which two thirds were
w.firing(14, "ServiceDown", "long", "short").firing(18, "ServiceDown", "long")
w.firing(100, "ServiceDown", "long").firing(118, "ServiceDown")

# --- symptoms ---------------------------------------------------------------------------------
w = slow_scenario("slow: how much, how long, and not what is down", 110, "ServiceSlow", "ServiceOverLatencyObjective")
w.daemons()
recovered_and_held(w)
for name, before, after, until in (("above", 0.2, 1.2, 60), ("below", 0.2, 0.8, 60), ("back", 1, 5, 110),
                                   ("held", 1, 5, 110)):
    if name not in ("back", "held"):
        w.service(name).probe(name, "front")
    for vantage in w.vantages:
        w.plain("probe_duration_seconds", place(name, vantage), (0, before), (25, after), (until, before))
        w.plain("bongsu_latency_objective_seconds", place(name, vantage), (0, 2))
w.firing(58, "ServiceSlow", "above").firing(58, "ServiceOverLatencyObjective")
# kept for ten minutes after the median has fallen
w.firing(74, "ServiceSlow", "above").firing(85, "ServiceSlow")

w = slow_scenario("slow is measured against the middle of the day", 150, "ServiceSlow").daemons()
for name, last in (("above", 7), ("below", 5)):
    w.service(name).probe(name, "front")
    for vantage in w.vantages:
        w.plain("probe_duration_seconds", place(name, vantage), (0, 6), (30, 2), (70, 1), (100, last))
w.firing(99, "ServiceSlow").firing(145, "ServiceSlow", "above")

w = slow_scenario("unstable: how much, how long, and only after an outage", 66, "ServiceRecoveryUnstable").daemons()
for name, states, down in (
        ("above", [(0, "up"), (10, "down"), (14, "up")], [(0, 0), (10, 1), (14, 0.12)]),
        ("below", [(0, "up"), (10, "down"), (14, "up")], [(0, 0), (10, 1), (14, 0.08)]),
        ("never", [(0, "up")], [(0, 0), (10, 0.5)]),
        ("again", [(0, "up"), (10, "down"), (14, "up"), (45, "down")], [(0, 0), (10, 1), (14, 0.12)]),
        ("fresh", [(0, "up"), (53, "down"), (57, "up")], [(0, 0), (53, 1), (57, 0)])):
    w.service(name).probe(name, "front", *states)
    seconds(w, name, *down)
w.firing(62, "ServiceRecoveryUnstable", "above")

w = scenario("a refused account of what is down anyway is no ticket", 26, "LoginProbeCredentialRejected").daemons()
for name, down in (("tax", (10, "down")), ("bus", (10, "up")), ("back", (5, "down"))):
    w.service(name).probe(name, "front", (0, "up"), down, *([(17, "up")] if name == "back" else []))
    w.probe(name, "login", (0, "up"), (12, "unknown"), kind="login", reason="bad_credentials")
w.firing(24, "LoginProbeCredentialRejected", "bus")

# --- certificates -----------------------------------------------------------------------------
w = slow_scenario("certificates of what has paged are no second page; one that expired is a fault of its own behind a cause", 60,
                  "TLSCertificateExpired", "TLSCertificateInvalid")
w.daemons()
recovered_and_held(w)
w.service("tax").probe("tax", "front")
for name in ("back", "held", "tax"):
    # expires at minute 30
    certificate(w, name, 90, -30 / 1440)
    for vantage in w.vantages:
        w.plain("bongsu_cert_invalid", {**place(name, vantage, "cert"), "kind": "tls", "reason": "weak"},
                (0, None), (30, 1))
        w.plain("bongsu_probe_interval_seconds", {**place(name, vantage, "cert"), "kind": "tls"}, (0, 30))
w.firing(38, "TLSCertificateExpired").firing(42, "TLSCertificateExpired", "held", "tax")
w.firing(34, "TLSCertificateInvalid").firing(38, "TLSCertificateInvalid", "tax")
w.firing(50, "TLSCertificateExpired", "held", "tax").firing(50, "TLSCertificateInvalid", "tax")

# --- objectives -------------------------------------------------------------------------------
w = slow_scenario("availability is what the seconds say", 70, "ErrorBudgetBurnFast").daemons().service("tax")
w.probe("tax", "front")
seconds(w, "tax", (0, 0), (30, 0.25), slo=0.9)
for name, value in (("service:availability:ratio_5m", 0.75), ("service:unavailability:ratio_5m", 0.25),
                    ("service:error_budget:ratio", 0.1)):
    w.query(60, f"round({name}, 0.001)", [{"labels": '{service="tax"}', "value": value}])
# nothing was down for half of the hour, nor of all the time there is
w.query(65, "service:availability:ratio_1h > bool 0.8 and service:availability:ratio_1h < bool 0.9",
        [{"labels": '{service="tax"}', "value": 1}])
for name, low, high in (("service:availability:ratio_1h", 0.8, 0.9), ("service:availability:ratio_1d", 0.8, 0.9),
                        ("service:availability:ratio_30d", 0.8, 0.9),
                        # over its tenth by a quarter and more
                        ("service:error_budget_remaining:ratio_30d", -0.6, -0.1)):
    w.query(65, f"{name} > {low} < bool {high}", [{"labels": '{service="tax"}', "value": 1}])


w = slow_scenario("availability leaves out what is excused and what nobody saw", 40, "ErrorBudgetBurnFast",
                  "ErrorBudgetBurnSlow", "ServiceRecoveryUnstable").daemons()
for name in ("seen", "unseen", "excused"):
    w.service(name).probe(name, "front")
    seconds(w, name, (0, 0.25), slo=None)
for vantage in w.vantages:
    w.plain("bongsu_maintenance_active",
            {"service": "excused", "name": "patch", "vantage": vantage, "prober": "a"}, (0, 0), (10, 1), (30, 0))
w.input = [s for s in w.input if not ("verdict_seconds" in s["series"] and 'service="unseen"' in s["series"])]
for vantage in w.vantages:
    seconds_at(w, "unseen", "front", vantage, (0, 0.25), until=10)
for name in ("unavailability", "burn"):
    for minute, services in ((8, ("excused", "seen", "unseen")), (20, ("seen",)), (38, ("excused", "seen"))):
        w.query(minute, f"round(service:{name}:ratio_5m, 0.01)",
                [{"labels": f'{{service="{s}"}}', "value": 0.25} for s in services])

TWO = [(0, 2)]


def burning(world, service, consecutive, mean, **ratios):
    """What is recorded of a service that burns its budget of one in a thousand."""
    world.service(service)
    world.plain("bongsu_slo_objective_ratio", {"service": service, "vantage": "seoul", "prober": "a"}, (0, 0.999))
    world.plain("service:consecutive_failures:max", {"service": service}, *consecutive)
    world.plain("service:down_seconds:mean30m", {"service": service}, (0, mean))
    for window, changes in ratios.items():
        for what in ("burn", "unavailability"):
            world.plain(f"service:{what}:ratio_{window}", {"service": service}, *changes)


w = scenario("the budget burns fast: how much, and what has paged already", 400, "ErrorBudgetBurnFast", step=300)
w.daemons()
# the last hour only, so that six hours say nothing
FAST = [(0, 0), (340, 0.018)]
for name, consecutive, mean, recorded in (
        ("fast", TWO, 75, FAST), ("short5m", TWO, 75, [(0, 0), (340, 0.019), (380, 0.011)]),
        ("short1h", TWO, 75, [(0, 0), (364, 0.018)]),
        ("steady", TWO, 75, [(0, 0.0075)]), ("short30m", TWO, 75, [(0, 0.0078), (370, 0.0045)]),
        ("short6h", TWO, 75, [(0, 0), (185, 0.0075)]), ("seconds", TWO, 45, FAST), ("single", [(0, 1)], 75, FAST),
        ("incident", TWO, 75, FAST), ("moment", [(0, 1), (400, 2)], 75, FAST), ("held", TWO, 75, FAST)):
    burning(w, name, consecutive, mean, **{"5m": recorded})
for vantage in w.vantages:
    at = {"vantage": vantage, "prober": "a"}
    w.plain("bongsu_service_needs", {"service": "held", "needs": "cause", "distance": "1", **at}, (0, 1))
    w.plain("bongsu_service_needs", {"service": "moment", "needs": "other", "distance": "1", **at}, (0, 1))
w.service("cause").service("other")
for name, start, end in (("cause", 355, 370), ("held", 355, 370), ("incident", 355, 370), ("moment", 400, 405)):
    w.plain("service:down", {"service": name}, (0, 0), (start, 1), (end, 0))
w.firing(400, "ErrorBudgetBurnFast", "fast", "steady")

w = scenario("the budget burns slowly: how much, how long, and what has paged already", 800, "ErrorBudgetBurnSlow",
             step=300)
w.daemons()
for name, consecutive, mean, early, late in (
        ("slow", TWO, 75, 0.0012, 0.0012), ("lately", TWO, 75, 0, 0.0015), ("earlier", TWO, 75, 0.003, 0.0005),
        ("seconds", TWO, 45, 0.0012, 0.0012), ("single", [(0, 1)], 75, 0.0012, 0.0012),
        ("incident", TWO, 75, 0.0012, 0.0012), ("held", TWO, 75, 0.0012, 0.0012)):
    burning(w, name, consecutive, mean, **{"5m": [(0, early), (420, late)]})
# twice the budget in the last two hours of a bad day, and a burst in a good one
burning(w, "twice", TWO, 75, **{"5m": [(0, 0.0065), (420, 0), (680, 0.002)]})
burning(w, "burst", TWO, 75, **{"5m": [(0, 0), (680, 0.0035)]})
for vantage in w.vantages:
    w.plain("bongsu_service_needs",
            {"service": "held", "needs": "cause", "distance": "1", "vantage": vantage, "prober": "a"}, (0, 1))
w.service("cause")
for name in ("cause", "held"):
    w.plain("service:down", {"service": name}, (0, 0), (760, 1))
w.plain("service:down", {"service": "incident"}, (0, 0), (350, 1), (365, 0))
w.firing(370, "ErrorBudgetBurnSlow").firing(380, "ErrorBudgetBurnSlow", "slow", "earlier", "held", "twice")
w.firing(800, "ErrorBudgetBurnSlow", "slow")

w = scenario("a burst after a bad day and two good ones", 44 * 60, "ErrorBudgetBurnSlow", step=900).daemons()
burning(w, "tax", TWO, 75, **{"5m": [(0, 0), (20 * 60, 0.0015), (42 * 60, 0.0035)]})
w.firing(44 * 60, "ErrorBudgetBurnSlow")
