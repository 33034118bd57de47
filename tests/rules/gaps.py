"""Scenarios of what is not said: verdicts that are unknown, replicas that disagree, and a Prometheus or
daemons that were away. Where Prometheus is away, evaluations are as far apart as its absence was long."""

from registry import certificate, scenario, slow_scenario


def replica(world, service, state, online=1):
    """A second prober in each place, from the start on."""
    for vantage in world.vantages:
        at = {"vantage": vantage, "prober": "b"}
        front = {"service": service, "probe": "front", "kind": "http", "instance": "i", **at}
        world.plain("bongsu_probe_consecutive_failures", front, (0, 0))
        world.plain("bongsu_probe_verdict", {**front, "verdict": state}, (0, 1))
        world.plain("bongsu_vantage_online", at, (0, online))


# --- who has no vote --------------------------------------------------------------------------
w = scenario("an unknown login mutes no front page, and an unknown or offline replica not its twin", 12, "ServiceDown")
w.daemons()
for name in ("login", "twin"):
    w.service(name).probe(name, "front", (0, "up"), (5, "down"))
w.probe("login", "login", (0, "unknown"), kind="login", reason="captcha")
replica(w, "twin", "unknown")
w.firing(4.75, "ServiceDown").firing(6, "ServiceDown", "login", "twin")

w = scenario("an offline replica that calls it well takes no vote of its twin", 12, "ServiceDown").daemons()
w.service("tax").probe("tax", "front", (0, "up"), (5, "down"))
replica(w, "tax", "up", online=0)
w.firing(4.75, "ServiceDown").firing(6, "ServiceDown", "tax")

w = slow_scenario("what cannot be said of one site is not hidden by another", 24, "ProbeUnknown").daemons().service("saeol")
w.probe("saeol", "login", (0, "up"), (3, "unknown"), kind="login", site="jongno", reason="captcha")
w.probe("saeol", "login", kind="login", site="yuseong")
w.expect(17).expect(20, "ProbeUnknown saeol")

w = scenario("a service with one site is down when that is", 12, "ServiceDown", "SitesDown").daemons().service("saeol")
w.probe("saeol", "front", (0, "up"), (5, "down"), site="jongno")
w.expect(4.75).expect(8, "ServiceDown saeol")

w = scenario("a certificate that only one vantage is shown is judged, too", 600, "TLSCertificateExpiringSoon",
             "TLSCertificateRenewalOverdue", step=120).daemons().service("tax")
certificate(w, "tax", 90, 80)
both, w.vantages = w.vantages, ("seoul",)
certificate(w, "tax", 90, 4, serial="00")
w.vantages = both
w.firing(590, "TLSCertificateExpiringSoon", "tax")

w = scenario("the escalation says which page, and whose", 20, "PageUnacknowledged").daemons().service("tax", grade=3)
w.probe("tax", "login", (0, "up"), (2, "down"), kind="login", reason="not_logged_in").probe("tax", "front")
w.query(15, 'group by (page, service, hours) (ALERTS{alertname="PageUnacknowledged",alertstate="firing"})', [
    {"labels": '{page="LoginBroken", service="tax", hours="office"}', "value": 1}])
w.expect(15, "LoginBroken tax", "PageUnacknowledged tax")

# --- nobody looked for a while ----------------------------------------------------------------
w = scenario("seven minutes in which nobody sees the cause: who waits for it goes on waiting", 26, "ServiceDown",
             "CauseDown").daemons()
w.service("gpki").probe("gpki", "padded", (0, "up"), (5, "down"), (10, None), (17, "down"))
w.service("saeol", needs=["gpki"]).probe("saeol", "front", (0, "up"), (5, "down"))
for minute in (9, 14, 16.75, 17.25, 20, 25):
    w.firing(minute, "ServiceDown").firing(minute, "CauseDown", "gpki").firing(minute, "ServiceHeldBack", "saeol")

w = scenario("Prometheus away for a quarter of an hour: the incident is the same, and its labels", 76, "ServiceDown",
             step=900).daemons(seoul=[(29, 31)], busan=[(29, 31)])
w.service("tax", grade=3).probe("tax", "front", (0, "up"), (15, "down"))
w.firing(0, "ServiceDown")
for minute in (15, 30, 45, 60):
    w.query(minute, 'group by (service, hours) (ALERTS{alertname="ServiceDown",alertstate="firing"})',
            [{"labels": '{service="tax", hours="office"}', "value": 1}])

w = scenario("Prometheus away for a quarter of an hour: an inferred cause is remembered", 76, "CauseDown", "ServiceDown",
             step=900).daemons().service("dc")
for i in range(12):
    w.service(f"s{i:02}", needs=["dc"])
    w.probe(f"s{i:02}", "front", (0, "up"), (15, "down"), *([] if i < 4 else [(30, "up")]))
for minute in (15, 30, 45):
    w.firing(minute, "CauseDown", "dc").firing(minute, "ServiceDown")
    w.query(minute, 'cause:inferred * 1', [{"labels": '{needs="dc"}', "value": 1}])

w = scenario("Prometheus away for five minutes in a window: what is excused stays so", 41, "ServiceDown", step=300)
w.daemons().service("tax").probe("tax", "front", (0, "up"), (10, "down"))
for vantage in w.vantages:
    w.plain("bongsu_maintenance_active", {"service": "tax", "name": "patch", "vantage": vantage, "prober": "a"},
            (0, 0), (5, 1), (30, 0))
for minute in (10, 15, 20, 25):
    w.firing(minute, "ServiceDown")
w.firing(30, "ServiceDown", "tax")
