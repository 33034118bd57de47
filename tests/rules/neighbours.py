"""Scenarios beside those of gaps.py: the same silence a little longer, elsewhere, or together with something
that must be told nevertheless."""

from registry import certificate, scenario, slow_scenario

# --- who has no vote --------------------------------------------------------------------------
w = scenario("an unknown front page mutes no login, nor one site another", 14, "LoginBroken", "ServiceDown").daemons()
w.service("tax").probe("tax", "front", (0, "unknown"), reason="captcha")
w.probe("tax", "login", (0, "up"), (5, "down"), kind="login", reason="not_logged_in")
w.service("saeol").probe("saeol", "front", (0, "unknown"), site="jongno", reason="captcha")
for site in ("mapo", "seocho"):
    w.probe("saeol", "front", (0, "up"), (5, "down"), site=site)
w.firing(4.75, "ServiceDown").firing(6, "LoginBroken", "tax").firing(6, "ServiceDown", "saeol")

w = scenario("a replica that died, or one elsewhere that cannot say, takes no vote of those that see it down", 14,
             "ServiceDown").daemons()
for name in ("dead", "elsewhere"):
    w.service(name).probe(name, "front", (0, "up"), (5, "down"))
for vantage in w.vantages:
    at = {"vantage": vantage, "prober": "b"}
    front = {"service": "dead", "probe": "front", "kind": "http", "instance": "i", **at}
    w.plain("bongsu_probe_consecutive_failures", front, (0, 0), (4, None))
    w.plain("bongsu_vantage_online", at, (0, 1), (4, None))
both, w.vantages = w.vantages, ("jeju",)
w.probe("elsewhere", "front", (0, "unknown"), reason="captcha")
w.vantages = both
w.firing(4.75, "ServiceDown").firing(6, "ServiceDown", "dead", "elsewhere")

w = slow_scenario("what cannot be said of one site is told beside another that is down", 30, "ProbeUnknown", "SitesDown").daemons()
w.service("saeol")
w.probe("saeol", "login", (0, "up"), (3, "unknown"), kind="login", site="jongno", reason="captcha")
w.probe("saeol", "login", (0, "up"), (3, "down"), kind="login", site="mapo")
for site in ("yuseong", "seocho"):
    w.probe("saeol", "login", kind="login", site=site)
w.firing(29, "ProbeUnknown", "saeol").firing(29, "SitesDown", "saeol")

w = scenario("of two sites one is a ticket and both are a page; of one site one probe of two is the page", 24, "SitesDown",
             "ServiceDown").daemons().service("saeol").service("gov")
w.probe("saeol", "front", (0, "up"), (3, "down"), site="jongno")
w.probe("saeol", "front", (0, "up"), (14, "down"), site="mapo")
w.probe("gov", "front", (0, "up"), (3, "down"), site="main").probe("gov", "print", site="main")
w.firing(12, "ServiceDown", "gov").firing(12, "SitesDown", "saeol")
w.firing(16, "ServiceDown", "gov", "saeol").firing(16, "SitesDown")

# --- nobody looked for a while ----------------------------------------------------------------
w = scenario("Prometheus away for twenty-five minutes: the incident is the same, also when it recovered meanwhile", 106,
             "ServiceDown", step=1500).daemons()
w.service("tax", grade=3).probe("tax", "front", (0, "up"), (20, "down"))
w.service("back", grade=1).probe("back", "front", (0, "up"), (20, "down"), (40, "up"))
for minute in (25, 50):
    w.query(minute, 'group by (service, hours) (ALERTS{alertname="ServiceDown",alertstate="firing"})',
            [{"labels": '{service="back", hours="always"}', "value": 1}, {"labels": '{service="tax", hours="office"}', "value": 1}])

w = scenario("Prometheus away for half an hour and more: what is down pages anew, and nothing else", 124, "ServiceDown",
             step=1860).daemons()
w.service("tax").probe("tax", "front", (0, "up"), (20, "down"))
w.service("back").probe("back", "front", (0, "up"), (20, "down"), (60, "up"))
w.firing(31, "ServiceDown", "tax", "back").firing(62, "ServiceDown", "tax")

w = scenario("Prometheus away for nine minutes in a window: what is excused stays so", 46, "ServiceDown", step=540)
w.daemons().service("tax").probe("tax", "front", (0, "up"), (15, "down"))
w.service("before").probe("before", "front", (0, "up"), (4, "down"))
for service in ("tax", "before"):
    for vantage in w.vantages:
        w.plain("bongsu_maintenance_active", {"service": service, "name": "patch", "vantage": vantage, "prober": "a"},
                (0, 0), (9, 1), (40, 0))
for minute in (9, 18, 27, 36):
    w.firing(minute, "ServiceDown", "before")
w.firing(45, "ServiceDown", "before", "tax")

w = scenario("Prometheus away for two hours in a window, and again: what is excused stays so", 481, "ServiceDown", step=7200)
w.daemons().service("tax").probe("tax", "front", (0, "up"), (130, "down"))
w.service("before").probe("before", "front", (0, "up"), (60, "down"))
for service in ("tax", "before"):
    for vantage in w.vantages:
        w.plain("bongsu_maintenance_active", {"service": service, "name": "patch", "vantage": vantage, "prober": "a"},
                (0, 0), (90, 1), (470, 0))
for minute in (120, 240, 360):
    w.firing(minute, "ServiceDown", "before")
w.firing(480, "ServiceDown", "before", "tax")

w = scenario("twenty minutes of a window in which nobody sees the service: what is excused stays so", 70, "ServiceDown")
w.daemons(seoul=[(20, 40)], busan=[(20, 40)]).service("tax").probe("tax", "front", (0, "up"), (10, "down"))
for vantage in w.vantages:
    w.plain("bongsu_maintenance_active", {"service": "tax", "name": "patch", "vantage": vantage, "prober": "a"},
            (0, 0), (5, 1), (20, None), (40, 1), (60, 0))
w.firing(15, "ServiceDown").firing(30, "ServiceDown").firing(45, "ServiceDown").firing(61, "ServiceDown", "tax")

w = scenario("what falls between two windows is not excused by the second", 40, "ServiceDown").daemons()
w.service("tax").probe("tax", "front", (0, "up"), (8, "down"), (10, "up"), (24, "down"))
w.service("new").probe("new", "front", (0, "up"), (33, "down"))
for service in ("tax", "new"):
    for vantage in w.vantages:
        w.plain("bongsu_maintenance_active", {"service": service, "name": "patch", "vantage": vantage, "prober": "a"},
                (0, 0), (5, 1), (12, 0), (30, 1))
w.firing(12, "ServiceDown").firing(29, "ServiceDown", "tax").firing(39, "ServiceDown", "tax")
w.query(39, "service:down == 1", [{"labels": 'service:down{service="tax"}', "value": 1}])

w = scenario("a quarter of an hour in which nobody sees the cause: who waits for it goes on waiting, and pages when it is over",
             40, "ServiceDown", "CauseDown").daemons()
w.service("gpki").probe("gpki", "padded", (0, "up"), (5, "down"), (10, None), (25, "up"))
w.service("saeol", needs=["gpki"]).probe("saeol", "front", (0, "up"), (5, "down"))
for minute in (9, 14, 20, 24.75):
    w.firing(minute, "ServiceDown").firing(minute, "CauseDown", "gpki").firing(minute, "ServiceHeldBack", "saeol")
w.firing(39, "ServiceDown", "saeol").firing(39, "ServiceHeldBack")

# --- who is shown something else --------------------------------------------------------------
w = scenario("a certificate that only one replica of one vantage is shown is judged, too", 600,
             "TLSCertificateRenewalOverdue", "TLSCertificateExpiringSoon", step=120).daemons().service("tax")
certificate(w, "tax", 90, 80)
end = w.minutes * 60 + 4 * 86400
labels = {"service": "tax", "probe": "cert", "kind": "tls", "instance": "i", "position": "0", "subject": "CN", "serial": "00",
          "in_path": "1", "vantage": "busan", "prober": "b"}
w.plain("bongsu_cert_not_before_timestamp_seconds", labels, (0, end - 90 * 86400))
w.plain("bongsu_cert_not_after_timestamp_seconds", labels, (0, end))
w.firing(590, "TLSCertificateExpiringSoon", "tax")

w = scenario("each page that nobody acknowledges is escalated by its own name", 20, "PageUnacknowledged").daemons()
w.service("tax").probe("tax", "front", (0, "up"), (2, "down"))
w.service("gov").probe("gov", "front", (0, "up"), (2, "down"), reason="notice_page")
w.query(15, 'group by (page, service, hours) (ALERTS{alertname="PageUnacknowledged",alertstate="firing"})', [
    {"labels": '{page="NoticePage", service="gov", hours="always"}', "value": 1},
    {"labels": '{page="ServiceDown", service="tax", hours="always"}', "value": 1}])

# --- the probers themselves -------------------------------------------------------------------
w = scenario("a prober that stands still is a ticket after a minute", 12, "ProberStalled").daemons()
w.service("tax").probe("tax", "front")
w.counter("bongsu_prober_stall_seconds_total", {"vantage": "busan", "prober": "a"}, (0, 0), (5, 40), (6, 0))
w.firing(5.75, "ProberStalled", by="vantage").firing(7, "ProberStalled", "busan", by="vantage")
