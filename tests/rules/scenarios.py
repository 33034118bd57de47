"""Every alert with a moment at which it fires and one at which it does not. Each expectation is
the complete set of what fires, so an alert too many fails as well as one too few."""

import boards  # noqa: F401 - more of the list
import edges  # noqa: F401
import gaps  # noqa: F401
import neighbours  # noqa: F401
from registry import SCENARIOS, certificate, outage, scenario, seconds, seconds_at, slow_scenario
from world import samples


# --- votes ------------------------------------------------------------------------------------
w = scenario("nothing is wrong", 20).daemons().service("tax").probe("tax", "front")
w.expect(5).expect(20)

w = scenario("two vantages agree: at once, five minutes of stability, then over", 22, "ServiceDown",
             "ServiceRecovering")
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"), (8, "up"))
w.expect(4.75).expect(5, "ServiceDown tax").expect(7.75, "ServiceDown tax")
w.expect(10, "ServiceDown tax", "ServiceRecovering tax").expect(14)

w = scenario("a short incident after a long one closes like a short one", 130, "ServiceDown").daemons().service("tax")
w.probe("tax", "front", (0, "up"), (5, "down"), (20, "up"), (115, "down"), (118, "up"))
w.firing(75, "ServiceDown", "tax").firing(85, "ServiceDown")
w.firing(117, "ServiceDown", "tax").firing(122, "ServiceDown", "tax").firing(127, "ServiceDown")

# Alertmanager is to believe a page for longer than nobody repeats it, and no longer than it lasts.
w = scenario("what keeps a page begins within five minutes and ends with it", 30, "ServiceDown", "PageUnacknowledged")
w.daemons().service("tax").probe("tax", "front", (0, "up"), (4, "down"), (17, "up"))
kept = 'group by (alertname, service, kept, page) (ALERTS{alertstate="firing",kept!=""})'
page = {"labels": '{alertname="ServiceDownKept", service="tax", kept="page"}', "value": 1}
deputy = {"labels": '{alertname="PageUnacknowledgedKept", service="tax", kept="escalation", page="ServiceDown"}', "value": 1}
w.query(3, kept, []).query(9, kept, [page]).query(19, kept, [page, deputy])
w.query(9, 'group by (hours) (ALERTS{alertname="ServiceDownKept"})', [{"labels": '{hours="always"}', "value": 1}])
w.expect(9, "ServiceDown tax")

w = scenario("a single failure is not confirmed", 20, "ServiceDown").daemons().service("tax")
w.probe("tax", "front", (0, "up"), (5, "down"), failures=1).expect(15)

w = scenario("one vote of one: after five minutes", 16, "ServiceDown", vantages=("seoul",))
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"))
w.expect(9.75).expect(10.25, "ServiceDown tax")

w = scenario("a tie: after five minutes", 16, "ServiceDown").daemons().service("tax")
w.probe("tax", "front", (0, "up"), (5, "down"), only=("seoul",))
w.expect(9.75).expect(10.25, "ServiceDown tax")

w = slow_scenario("one of three is a message, two of three a page", 54, "ServiceDown",
             "ServiceDegradedFromSomeVantages", vantages=("seoul", "busan", "jeju"))
w.daemons().service("tax").service("bus")
w.probe("tax", "front", (0, "up"), (5, "down"), (28, "up"), only=("jeju",))
w.probe("bus", "front", (0, "up"), (25, "down"), only=("jeju", "busan"))
w.expect(14.5).expect(15.5, "ServiceDegradedFromSomeVantages tax")
w.expect(25, "ServiceDegradedFromSomeVantages tax", "ServiceDown bus")
# kept for ten minutes
w.firing(35, "ServiceDegradedFromSomeVantages", "tax").firing(45, "ServiceDegradedFromSomeVantages")

w = scenario("replicas of a vantage share a vote", 16, "ServiceDown").daemons().service("tax")
w.probe("tax", "front")
# a second replica in each place that sees it down, alone in that
for vantage in w.vantages:
    at = {"service": "tax", "probe": "front", "kind": "http", "instance": "i", "vantage": vantage, "prober": "b"}
    w.plain("bongsu_probe_consecutive_failures", at, (0, 9))
    w.plain("bongsu_probe_verdict", {**at, "verdict": "down"}, (0, 1))
w.expect(15)

w = scenario("a page that nobody acknowledges goes to the deputy", 20, "PageUnacknowledged")
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"))
w.expect(14.5, "ServiceDown tax").expect(15.5, "ServiceDown tax", "PageUnacknowledged tax")

# --- causes -----------------------------------------------------------------------------------
w = scenario("a cause pages alone; a service that stays down after it raises its own page", 50, "CauseDown",
             "ServiceHeldBack", "ServiceDown")
w.daemons().service("gpki", title="행정전자서명 인증")
for name in ("saeol", "resident", "welfare"):
    w.service(name, needs=["gpki"], title={"saeol": "새올"}.get(name, name))
w.probe("gpki", "padded", (0, "up"), (10, "down"), (25, "up"), reason="pki_backend")
for site in range(4):
    w.probe("saeol", "login", (0, "up"), (9.5, "down"), (25, "up"), site=f"s{site}", kind="login")
w.probe("resident", "front", (0, "up"), (10.5, "down"), (25.5, "up"))
w.probe("welfare", "front", (0, "up"), (10, "down"))
held = ["ServiceHeldBack saeol", "ServiceHeldBack resident", "ServiceHeldBack welfare"]
w.expect(9.75).expect(10, "CauseDown gpki", "ServiceHeldBack saeol", "ServiceHeldBack welfare")
w.expect(12, "CauseDown gpki", *held)
w.expect(21, "CauseDown gpki", "PageUnacknowledged gpki", *held)
w.expect(31, "CauseDown gpki", "PageUnacknowledged gpki", "ServiceRecovering gpki")
w.expect(33, "CauseDown gpki", "PageUnacknowledged gpki", "ServiceRecovering gpki", "ServiceDown welfare")

w = scenario("the page names the cause, the reason and who is affected", 8, "CauseDown", "ServiceDown")
w.daemons().service("gpki", title="행정전자서명 인증").service("saeol", needs=["gpki"], title="새올")
w.service("resident", needs=["gpki"], title="주민등록").service("tax", title="홈택스").service("bare", title="")
w.probe("gpki", "padded", (0, "up"), (5, "down"), reason="pki_backend").probe("tax", "front")
for site in range(5):
    w.probe("saeol", "login", (0, "up"), *([(5, "down")] if site < 4 else []), site=f"s{site}", kind="login")
w.probe("resident", "front", (0, "up"), (5, "down"))
w.probe("bare", "front", (0, "up"), (5, "down"), reason="http_status")
w.expect(6, "CauseDown gpki", "ServiceDown bare", "ServiceHeldBack saeol", "ServiceHeldBack resident")
w.text(6, "CauseDown", {"service": "gpki", "severity": "page", "hours": "always"}, {
    "summary": "gpki: pki_backend - affected: saeol (4/5), resident, 2 services",
    "summary_ko": "gpki: 인증 검증 실패 - 영향: 새올 (4/5), 주민등록, 총 2개 서비스",
    "recovered": "gpki: works again", "recovered_ko": "gpki: 다시 정상",
    "description": "gpki is down and others need it; their own pages are held back while it is. Falls within a day, "
                   "this one included: 1. The incident closes after an hour of stability, after five minutes if it "
                   "was short.",
    "runbook_url": "https://ops.example.go.kr/bongsu/runbooks/CauseDown",
    "dashboard": "/d/bongsu-service?var-service=gpki"})
w.text(6, "ServiceDown", {"service": "bare", "severity": "page", "hours": "always"}, {
    "summary": "bare is down: http_status",
    "summary_ko": "bare 접속 불가: http_status",
    "recovered": "bare works again", "recovered_ko": "bare 다시 정상",
    "description": "The front page of bare fails, and nothing it needs is known to be down. ",
    "runbook_url": "https://ops.example.go.kr/bongsu/runbooks/ServiceDown",
    "dashboard": "/d/bongsu-service?var-service=bare"})

w = scenario("the title has the reason of those that vote, not of the vantage that is cut off", 12, "ServiceDown")
w.offline = {"busan": [(0, 1), (3, 0)]}
w.daemons().service("tax", title="홈택스").probe("tax", "front", (0, "up"), (4, "down"), only=("seoul",))
for prober in "bc":
    w.plain("bongsu_probe_failure_info", {"service": "tax", "probe": "front", "kind": "http", "instance": "i",
                                          "vantage": "busan", "prober": prober, "stage": "x", "component": "tax",
                                          "reason": "vantage_offline"}, (0, None), (3, 1))
w.firing(8.5, "ServiceDown").firing(11, "ServiceDown", "tax")
w.text(11, "ServiceDown", {"service": "tax", "severity": "page", "hours": "always"}, {
    "summary": "tax is down: response_timeout",
    "summary_ko": "홈택스(tax) 접속 불가: response_timeout",
    "recovered": "tax works again", "recovered_ko": "홈택스(tax) 다시 정상",
    "description": "The front page of tax fails, and nothing it needs is known to be down. ",
    "runbook_url": "https://ops.example.go.kr/bongsu/runbooks/ServiceDown",
    "dashboard": "/d/bongsu-service?var-service=tax"})

w = scenario("the closure counts: what needs it through another is held back too", 20, "CauseDown",
             "ServiceHeldBack")
w.daemons().service("gpki").service("resident", needs=["gpki"])
w.service("gov24", needs=["resident", "gpki"])
w.probe("gpki", "padded", (0, "up"), (5, "down")).probe("resident", "front")
w.probe("gov24", "issuing", (0, "up"), (5, "down"))
w.expect(9, "CauseDown gpki", "ServiceHeldBack gov24")

w = scenario("a need that was taken out of the configuration holds nobody back", 20, "ServiceDown")
w.daemons().service("gpki").service("tax")
for vantage in w.vantages:
    w.plain("bongsu_service_needs",
            {"service": "tax", "needs": "gpki", "distance": "1", "vantage": vantage, "prober": "a"}, (0, 1), (5, None))
w.probe("gpki", "portal", (0, "up"), (10, "down")).probe("tax", "front", (0, "up"), (12, "down"))
w.expect(16, "ServiceDown gpki", "ServiceDown tax")
w.query(16, 'prober:service:needs_timestamp{service="tax",needs="gpki"}', [])

w = scenario("login steps of two services name their component; its own probes are green", 20,
             "CauseDown", "ServiceHeldBack")
w.daemons().service("gpki").service("saeol").service("resident").service("bank")
w.probe("gpki", "portal")
for name in ("saeol", "resident"):
    w.probe(name, "front")
    w.probe(name, "login", (0, "up"), (5, "down"), kind="login", component="gpki", step="verify",
            reason="pki_backend")
w.probe("bank", "login", kind="login", component="gpki", step="verify", reason="pki_backend")
w.expect(4.75).expect(5, "CauseDown gpki", "ServiceHeldBack saeol", "ServiceHeldBack resident")
w.expect(10, "CauseDown gpki", "ServiceHeldBack saeol", "ServiceHeldBack resident")

w = scenario("a service is no witness for itself, however many sites it has", 12, "CauseDown")
w.daemons().service("saeol").service("petition").service("welfare")
for i in range(8):
    w.probe("saeol", "front", site=f"s{i}")
for name in ("petition", "welfare"):
    w.probe(name, "login", (0, "up"), (5, "down"), kind="login", component="saeol", step="sign_in")
w.firing(4, "CauseDown").firing(10, "CauseDown", "saeol")

w = scenario("one witness of three accuses nobody else", 20, "LoginBroken", "CauseDown")
w.daemons().service("gpki").probe("gpki", "portal")
for name in ("saeol", "resident", "bank"):
    w.service(name, needs=["gpki"]).probe(name, "front")
w.probe("saeol", "login", (0, "up"), (5, "down"), kind="login", component="gpki", step="verify", reason="pki_backend")
w.probe("resident", "login", kind="login", component="gpki", step="verify", reason="pki_backend")
w.probe("bank", "login", kind="login", component="gpki", step="verify", reason="pki_backend")
w.expect(6.5).expect(7.5, "LoginBroken saeol")

w = scenario("a login fails while the front page answers", 14, "LoginBroken", "ServiceDown")
w.daemons().service("tax").probe("tax", "front")
w.probe("tax", "login", (0, "up"), (5, "down"), kind="login", step="password", reason="not_logged_in")
w.expect(4.75).expect(5, "LoginBroken tax")

w = scenario("front page and login fail together: one page", 14, "LoginBroken", "ServiceDown")
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"))
w.probe("tax", "login", (0, "up"), (5, "down"), kind="login", step="password", reason="not_logged_in")
w.expect(5, "ServiceDown tax").expect(12, "ServiceDown tax")

w = scenario("a data centre without probes is inferred", 30, "CauseDown", "ServiceHeldBack")
w.daemons().service("dc")
for i in range(9):
    w.service(f"s{i}", needs=["dc"])
    w.probe(f"s{i}", "front", (0, "up"), *([(5 + i / 4, "down")] if i < 7 else []))
held = [f"ServiceHeldBack s{i}" for i in range(7)]
w.expect(5.75).expect(6.25, "CauseDown dc", *held[:6]).expect(14, "CauseDown dc", *held)

w = scenario("a data centre is inferred from those of its services that are watched", 12, "CauseDown")
w.daemons().service("dc")
for i in range(12):
    w.service(f"s{i}", needs=["dc"])
for i in range(6):
    w.probe(f"s{i}", "front", (0, "up"), *([(5, "down")] if i < 5 else []))
w.firing(4, "CauseDown").firing(10, "CauseDown", "dc")

w = scenario("an inferred cause is over when what needs it answers again", 18, "CauseDown")
w.daemons().service("dc")
for i in range(6):
    w.service(f"s{i}", needs=["dc"]).probe(f"s{i}", "front", (0, "up"), (4, "down"), (7, "up"))
w.firing(6, "CauseDown", "dc").firing(17, "CauseDown")

w = scenario("four that fall together, or five over a long time, are no data centre", 32, "CauseDown",
             "ServiceDown")
w.daemons().service("dc1").service("dc2")
for i in range(4):
    w.service(f"a{i}", needs=["dc1"]).probe(f"a{i}", "front", (0, "up"), (5, "down"))
for i in range(5):
    w.service(f"b{i}", needs=["dc2"]).probe(f"b{i}", "front", (0, "up"), (3 + 4 * i, "down"))
w.expect(8, "ServiceDown b0", *[f"ServiceDown a{i}" for i in range(4)])
w.expect(23, *[f"ServiceDown a{i}" for i in range(4)], *[f"ServiceDown b{i}" for i in range(5)],
         *[f"PageUnacknowledged a{i}" for i in range(4)], *[f"PageUnacknowledged b{i}" for i in range(3)])

w = scenario("a service stopped on purpose is its own alert, also while its cause is down", 20,
             "NoticePage", "CauseDown")
w.daemons().service("gpki").service("gov24", needs=["gpki"])
w.probe("gpki", "padded", (0, "up"), (5, "down"))
w.probe("gov24", "front", (0, "up"), (8, "down"), reason="notice_page")
w.expect(7.75, "CauseDown gpki")
w.expect(8, "CauseDown gpki", "NoticePage gov24", "ServiceHeldBack gov24")

# --- the latch --------------------------------------------------------------------------------
w = scenario("an outage, a daemon killed in it, a false recovery, a relapse, the end", 102,
             "CauseDown", "ServiceRecovering", "ServiceRelapsed", "ServiceUnwatched", "ProberDown")
w.daemons(seoul=[(8, 12)], busan=[(8, 12)])
w.service("gpki").service("saeol", needs=["gpki"]).probe("saeol", "front")
w.probe("gpki", "padded", (0, "up"), (3, "down"), (20, "up"), (35, "down"), (37, "up"))
page = ["CauseDown gpki", "PageUnacknowledged gpki"]
w.expect(7, "CauseDown gpki")
w.expect(11.75, "CauseDown gpki", "ProberDown", "ProberQuorumLost", "ServiceUnwatched gpki",
         "ServiceUnwatched saeol", watchdog=False)
# after a short outage it would have closed at 25
w.expect(13.5, *page).expect(34, *page, "ServiceRecovering gpki").expect(36, *page, "ServiceRelapsed gpki")
w.firing(45, "ServiceRelapsed", "gpki").firing(60, "ServiceRelapsed")
w.query(34, 'service:stability:up{service="gpki"}', [{"labels": 'service:stability:up{service="gpki"}', "value": 1}])
w.query(36, 'service:stability:up{service="gpki"}', [{"labels": 'service:stability:up{service="gpki"}', "value": 0}])
w.expect(95, *page, "ServiceRecovering gpki").expect(102)

w = scenario("who blames a cause whose incident is open waits for it, who fails by itself does not", 102,
             "CauseDown", "ServiceDown", "ServiceHeldBack", "LoginBroken")
w.daemons().service("gpki").probe("gpki", "padded", (0, "up"), (3, "down"), (20, "up"))
for name in ("saeol", "resident", "bank", "welfare"):
    w.service(name, needs=["gpki"]).probe(name, "front")
    w.probe(name, "login", (0, "up"), *([(30, "down")] if name == "saeol" else []), kind="login", component="gpki",
            step="verify", reason="pki_backend")
w.service("tax", needs=["gpki"]).probe("tax", "front", (0, "up"), (30, "down"))
page = ["CauseDown gpki", "PageUnacknowledged gpki", "ServiceRecovering gpki"]
w.expect(29, *page).expect(35, *page, "ServiceDown tax", "ServiceHeldBack saeol")
own = ["ServiceDown tax", "PageUnacknowledged tax"]
w.expect(75, *page, *own, "ServiceHeldBack saeol").expect(90, *own, "LoginBroken saeol")

w = scenario("a prober that starts afresh remembers nothing, and Prometheus remembers for it", 40,
             "ServiceDown")
w.daemons(seoul=[(12, 14)], busan=[(13, 15)])
w.service("tax").probe("tax", "front", (0, "up"), (5, "down"))
w.expect(11, "ServiceDown tax").expect(13.5, "ServiceDown tax", watchdog=False).expect(14.5, "ServiceDown tax")

w = scenario("a service that is taken out of the configuration is forgotten", 20, "ServiceUnwatched",
             "ServiceDown")
w.daemons().service("tax", until=10).service("bus").probe("bus", "front")
w.probe("tax", "front", (0, "up"), (5, "down"), until=10)
w.expect(9, "ServiceDown tax").query(10, 'service:listed{service="tax"}', []).expect(13)

w = scenario("nobody is asked to care six hours after the last daemon died", 480, "ServiceUnwatched", step=900)
w.daemons(seoul=[(30, 999)], busan=[(30, 999)]).service("tax").probe("tax", "front")
w.firing(360, "ServiceUnwatched", "tax").firing(420, "ServiceUnwatched")

# --- sites ------------------------------------------------------------------------------------
w = scenario("one site of forty is a ticket, two of forty are one page", 30, "SitesDown", "ServiceDown")
w.daemons().service("saeol")
for i in range(40):
    changes = {0: [(5, "down")], 1: [(12, "down")]}.get(i, [])
    w.probe("saeol", "front", (0, "up"), *changes, site=f"s{i:02}")
w.expect(6.75).expect(7.25, "SitesDown saeol").expect(11.75, "SitesDown saeol")
w.expect(12, "ServiceDown saeol").expect(14, "ServiceDown saeol")
w.query(14, 'service:sites:down', [{"labels": 'service:sites:down{service="saeol"}', "value": 2}])

w = scenario("a page that has shrunk to one site is no ticket beside it", 20, "SitesDown").daemons()
w.service("saeol")
for i in range(20):
    changes = {0: [(5, "down")], 1: [(5, "down"), (8, "up")]}.get(i, [])
    w.probe("saeol", "front", (0, "up"), *changes, site=f"s{i:02}")
w.expect(11, "ServiceDown saeol", "ServiceRecovering saeol")

w = scenario("a site that is down because of a cause is no ticket", 12, "SitesDown", "CauseDown")
w.daemons().service("gpki").service("saeol", needs=["gpki"]).service("fire")
w.probe("gpki", "padded", (0, "up"), (5, "down")).probe("fire", "front")
for i in range(30):
    w.probe("saeol", "front", (0, "up"), *([(5, "down")] if i == 0 else []), site=f"s{i:02}")
w.service("tax", needs=["fire"])
for i in range(30):
    w.probe("tax", "front", (0, "up"), *([(5, "down")] if i == 0 else []), site=f"s{i:02}")
w.expect(9, "CauseDown gpki", "SitesDown tax")

w = scenario("two of sixty are less than 5 %", 20, "SitesDown", "ServiceDown").daemons().service("saeol")
for i in range(60):
    w.probe("saeol", "front", (0, "up"), *([(5, "down")] if i < 2 else []), site=f"s{i:02}")
w.expect(8, "SitesDown saeol")

# --- maintenance ------------------------------------------------------------------------------
w = scenario("maintenance excuses what was up when it began, and only while it lasts", 40,
             "MaintenanceActive", "ServiceDown")
w.daemons()
for name, start in (("tax", 12), ("bus", 5)):
    w.service(name).probe(name, "front", (0, "up"), (start, "down"))
    for vantage in w.vantages:
        w.plain("bongsu_maintenance_active",
                {"service": name, "name": "patch", "vantage": vantage, "prober": "a"}, (0, 0), (10, 1), (30, 0))
w.expect(9, "ServiceDown bus")
w.expect(14, "ServiceDown bus", "MaintenanceActive tax", "MaintenanceActive bus")
w.expect(29, "ServiceDown bus", "PageUnacknowledged bus", "MaintenanceActive tax", "MaintenanceActive bus")
w.expect(30.5, "ServiceDown bus", "PageUnacknowledged bus", "ServiceDown tax")

w = scenario("an outage of days rings no more, and the page speaks again when it is back", 4420, "OutageLasting",
             step=240).daemons()
w.service("long").probe("long", "front", (0, "up"), (10, "down"), (4350, "up"))
w.service("short").probe("short", "front", (0, "up"), (90, "down"))
both = [f"{alert} {name}" for alert in ("ServiceDown", "PageUnacknowledged") for name in ("long", "short")]
w.expect(4325, *both).expect(4340, *both, "OutageLasting long")
w.firing(4395, "OutageLasting", "long").firing(4405, "OutageLasting").firing(4405, "ServiceDown", "long", "short")
w.firing(4420, "OutageLasting", "short")

w = scenario("emergency work excuses nothing", 20, "ServiceDown", "MaintenanceActive").daemons()
for kind in ("announced", "emergency"):
    w.service(kind).probe(kind, "front", (0, "up"), (8, "down"))
    for vantage in w.vantages:
        w.plain("bongsu_maintenance_active", {"service": kind, "name": "patch", "kind": kind, "vantage": vantage,
                                              "prober": "a"}, (0, 0), (5, 1))
w.expect(7, "MaintenanceActive announced")
w.expect(12, "MaintenanceActive announced", "ServiceDown emergency")

w = scenario("a window that ends while the service is down", 40, "MaintenanceOverrunning", "ServiceDown").daemons()
for name, kind, end in (("still", "announced", 30), ("well", "announced", 30), ("longer", "announced", 60),
                        ("emergency", "emergency", 30)):
    w.service(name).probe(name, "front", (0, "up"), *([] if name == "well" else [(12, "down")]))
    for vantage in w.vantages:
        labels = {"service": name, "name": "patch", "kind": kind, "vantage": vantage, "prober": "a"}
        w.plain("bongsu_maintenance_active", labels, (0, 0), (10, 1), (end, 0))
        w.plain("bongsu_maintenance_end_timestamp_seconds", labels, (0, end * 60))
# One site of forty is not the service.
for name, down in (("one-site", 1), ("sites", 2)):
    w.service(name)
    for i in range(40):
        w.probe(name, "front", (0, "up"), *([(12, "down")] if i < down else []), site=f"s{i:02}")
    for vantage in w.vantages:
        labels = {"service": name, "name": "patch", "kind": "announced", "vantage": vantage, "prober": "a"}
        w.plain("bongsu_maintenance_active", labels, (0, 0), (10, 1), (30, 0))
        w.plain("bongsu_maintenance_end_timestamp_seconds", labels, (0, 1800))
w.firing(19, "MaintenanceOverrunning").firing(20.5, "MaintenanceOverrunning", "still", "sites")
w.firing(29.5, "MaintenanceOverrunning", "still", "sites").firing(31, "MaintenanceOverrunning")
w.firing(29, "ServiceDown", "emergency").firing(32, "ServiceDown", "emergency", "sites", "still")
announced = [f"MaintenanceActive {name}" for name in ("still", "well", "longer", "one-site", "sites")]
w.expect(19, *announced, "ServiceDown emergency")
w.expect(21, *announced, "ServiceDown emergency", "MaintenanceOverrunning still", "MaintenanceOverrunning sites")

w = scenario("maintenance of one site excuses that site", 20, "SitesDown").daemons().service("saeol")
for i in range(40):
    w.probe("saeol", "front", (0, "up"), *([(12, "down")] if i < 2 else []), site=f"s{i:02}")
for vantage in w.vantages:
    w.plain("bongsu_maintenance_active",
            {"service": "saeol", "site": "s00", "name": "patch", "vantage": vantage, "prober": "a"},
            (0, 0), (10, 1))
w.expect(15, "SitesDown saeol")

w = scenario("logins do not accuse a cause in announced maintenance", 20, "CauseDown", "MaintenanceActive")
w.daemons().service("gpki").probe("gpki", "portal")
for name in ("saeol", "resident"):
    w.service(name).probe(name, "login", (0, "up"), (5, "down"), kind="login", component="gpki", step="verify",
                          reason="pki_backend")
for vantage in w.vantages:
    w.plain("bongsu_maintenance_active",
            {"service": "gpki", "name": "patch", "vantage": vantage, "prober": "a"}, (0, 0), (3, 1))
w.firing(12, "CauseDown")

# --- unknown ----------------------------------------------------------------------------------
w = slow_scenario("unknown is a ticket and no page", 40, "ProbeUnknown", "ServiceUnwatched", "LoginBroken")
w.daemons().service("tax").probe("tax", "login", (0, "up"), (5, "unknown"), kind="login", reason="captcha")
# the other place knows
w.service("bus").probe("bus", "login", (0, "up"), (5, "unknown"), kind="login", reason="captcha", only=("seoul",))
w.expect(19).expect(21, "ProbeUnknown tax").expect(40, "ProbeUnknown tax")

w = scenario("a refused test account is a ticket", 30, "LoginProbeCredentialRejected", "ProbeAccountHeld")
w.daemons().service("tax").probe("tax", "front")
w.probe("tax", "login", (0, "up"), (5, "unknown"), (6, "up"), kind="login", reason="bad_credentials")
for vantage in w.vantages:
    w.plain("bongsu_account_held", {"account": "tax_user", "host": "h", "vantage": vantage, "prober": "a"},
            (0, 0), (5, 1), (18, 0))
w.expect(9.5).expect(11, "LoginProbeCredentialRejected tax", "ProbeAccountHeld")
w.expect(23)

for accounts, wanted in ((3, True), (1, False)):
    w = scenario(f"bad passwords of three services, {accounts} accounts", 14, "CauseDown")
    w.daemons().service("gpki").probe("gpki", "portal")
    for i in range(3):
        w.service(f"s{i}", needs=["gpki"]).probe(f"s{i}", "front")
        w.probe(f"s{i}", "login", (0, "up"), (4 + i, "unknown"), kind="login", component="gpki",
                step="password", reason="bad_credentials")
        w.plain("bongsu_account_held", {"account": f"u{i % accounts}", "host": "h", "vantage": "seoul",
                                        "prober": "a"}, (0, 0), (4 + i, 1))
    tickets = [f"LoginProbeCredentialRejected s{i}" for i in range(3)]
    w.expect(5.75).expect(13, "ProbeAccountHeld", *tickets, *(["CauseDown gpki"] if wanted else []))

# --- grades -----------------------------------------------------------------------------------
w = scenario("grades decide when to page; what an urgent service needs is urgent", 12, "ServiceDown")
w.daemons().service("one", grade=1).service("two", grade=2).service("three", grade=3).service("none")
w.service("base", grade=4).service("urgent", grade=1, needs=["base"]).probe("urgent", "front")
for name in ("one", "two", "three", "none", "base"):
    w.probe(name, "front", (0, "up"), (5, "down"))
rows = [{"labels": f'{{service="{s}", hours="{h}"}}', "value": 1}
        for s, h in (("one", "always"), ("two", "always"), ("three", "office"), ("none", "always"),
                     ("base", "always"))]
w.query(6, 'group by (service, hours) (ALERTS{alertstate="firing",severity="page"})', rows)

# --- large packets ----------------------------------------------------------------------------
w = scenario("large packets are lost while small ones pass", 50, "LargePacketsLost").daemons()
for name, reason in (("gpki", "response_timeout"), ("form", "http_status")):
    w.service(name).probe(name, "front", host=name)
    w.probe(name, "padded", (0, "up"), (5, "down"), (25, "up"), host=name, padded="1", reason=reason)
# three segments sent again, in the mean of five minutes
for name, retransmits in (("tax", 4), ("bus", 2)):
    w.service(name).probe(name, "front", host=name).probe(name, "padded", host=name, padded="1")
    for vantage in w.vantages:
        w.plain("bongsu_tcp_retransmits",
                {"service": name, "probe": "padded", "kind": "http", "instance": "i", "vantage": vantage,
                 "prober": "a"}, (0, 0), (15, retransmits))
down = ["ServiceDown gpki", "ServiceDown form"]
w.expect(5.75, *down).expect(6.25, *down, "LargePacketsLost")
w.firing(14, "LargePacketsLost", "gpki", by="host").firing(22, "LargePacketsLost", "gpki", "tax", by="host")
# kept for five minutes
w.firing(29, "LargePacketsLost", "gpki", "tax", by="host").firing(35, "LargePacketsLost", "tax", by="host")

w = scenario("when all is down it is not the size of packets", 10, "LargePacketsLost")
w.daemons().service("gpki").probe("gpki", "front", (0, "up"), (5, "down"), host="g")
w.probe("gpki", "padded", (0, "up"), (5, "down"), host="g", padded="1")
w.expect(9, "ServiceDown gpki")

w = slow_scenario("small segments make the fault invisible", 20, "LargePacketBlind")
w.daemons().service("gpki").service("tax").service("small")
for name, mss, padded in (("gpki", 1398, "1"), ("tax", 1448, "1"), ("small", 1398, "0")):
    w.probe(name, "padded", padded=padded)
    for vantage in w.vantages:
        w.plain("bongsu_tcp_snd_mss_bytes",
                {"service": name, "probe": "padded", "kind": "http", "instance": "i", "vantage": vantage,
                 "prober": "a"}, (0, mss))
w.expect(9.5).expect(10.5, "LargePacketBlind gpki")

# --- the probers ------------------------------------------------------------------------------
w = scenario("a vantage without a network has no vote", 20, "VantageOffline", "AllVantagesOffline",
             "ProberQuorumLost", "ServiceDown")
w.offline = {"busan": [(0, 1), (5, 0)]}
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"), only=("busan",))
w.expect(9.5).expect(10.5, "VantageOffline").expect(20, "VantageOffline")

# Whoever stood still says so of its runs, which is no vote, and the other one has none.
w = scenario("a machine that stood still beside a vantage that is cut off pages nothing", 20, "ServiceDown",
             "CauseDown", "VantageOffline", "ServiceUnwatched")
w.offline = {"busan": [(0, 1), (5, 0)]}
w.daemons()
for name in ("gpki", "tax", "bus", "mail"):
    w.service(name, needs=[] if name == "gpki" else ["gpki"])
    w.probe(name, "front", (0, "up"), (11, "unknown"), (12, "up"), only=("seoul",), reason="response_timeout")
    w.probe(name, "deep", (0, "up"), (5, "unknown"), only=("busan",), reason="vantage_offline")
w.expect(10.5, "VantageOffline").expect(11.5, "VantageOffline").expect(12.5, "VantageOffline")
w.expect(20, "VantageOffline")

# The clues of a standstill may be too small to be told, and the next run is confirmed only when it fails, too.
w = scenario("a failure of seconds beside a vantage that is cut off pages nothing", 20, "ServiceDown", "CauseDown",
             "VantageOffline")
w.offline = {"busan": [(0, 1), (5, 0)]}
w.daemons()
for name in ("gpki", "tax", "bus", "mail"):
    w.service(name, needs=[] if name == "gpki" else ["gpki"])
    w.probe(name, "front", (0, "up"), (11, "down"), (11.5, "up"), only=("seoul",))
w.expect(11.25, "VantageOffline").expect(13, "VantageOffline").expect(20, "VantageOffline")

w = scenario("an outage beside a vantage that is cut off pages by the word of the one that is left", 20, "ServiceDown",
             "VantageOffline")
w.offline = {"busan": [(0, 1), (5, 0)]}
w.daemons().service("tax").probe("tax", "front", (0, "up"), (11, "down"), only=("seoul",))
w.expect(15.5, "VantageOffline").expect(16.5, "VantageOffline", "ServiceDown tax")

w = scenario("no vantage has a network", 20, "AllVantagesOffline", "VantageOffline", "ProberQuorumLost")
w.offline = {v: [(0, 1), (5, 0)] for v in w.vantages}
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"))
w.expect(6.5).expect(7.5, "AllVantagesOffline").expect(11, "AllVantagesOffline", "VantageOffline")

w = scenario("one prober lost of two is a ticket and no page", 12, "ProberDown", "ProberQuorumLost",
             "ServiceUnwatched", "ServiceDown")
w.daemons(busan=[(5, 99)]).service("tax").probe("tax", "front")
w.expect(7.75).expect(8.25, "ProberDown").expect(12, "ProberDown")

w = scenario("a replica that is replaced in an outage is no recovery", 12, "ServiceDown", "ServiceRelapsed")
w.daemons().service("tax").probe("tax", "front", (0, "up"), (2, "down"))
at = {"service": "tax", "probe": "front", "kind": "http", "instance": "i", "vantage": "seoul",
      "prober": "b"}
w.plain("bongsu_probe_consecutive_failures", at, (0, 0), (2, 9), (6, None), (6.5, 1), (7, 9))
w.plain("bongsu_probe_transitions_total", at, (0, 0), (2, 1), (6, None), (6.5, 0))
w.expect(4, "ServiceDown tax").expect(11, "ServiceDown tax")



def silent(world, vantage, minute):
    """Nobody scrapes it from here, so nothing says 0: its series end."""
    world.input = [s for s in world.input if not s["series"].startswith(f'up{{job="bongsu",instance="{vantage}')]
    world.series("up", {"job": "bongsu", "instance": f"{vantage}:1", "vantage": vantage, "prober": "a"},
                 samples([(0, 1), (minute, None)], world.minutes, world.step))


w = scenario("a remote site that fell silent is a ticket", 12, "ProberDown")
w.daemons(busan=[(5, 99)]).service("tax").probe("tax", "front")
silent(w, "busan", 5)
w.expect(7.75).expect(8.25, "ProberDown").expect(12, "ProberDown")

w = scenario("a remote site that fell silent is remembered for six hours", 380, "ProberDown", step=120)
w.daemons(busan=[(6, 999)]).service("tax").probe("tax", "front")
silent(w, "busan", 6)
w.firing(360, "ProberDown", "busan", by="vantage").firing(375, "ProberDown", by="vantage")

w = scenario("two of three probers lost page once", 12, "ProberQuorumLost", "ProberDown",
             vantages=("seoul", "busan", "jeju"))
w.daemons(busan=[(5, 99)], jeju=[(5, 99)]).service("tax").probe("tax", "front")
w.expect(7.75).expect(8.25, "ProberDown", "ProberQuorumLost")

w = scenario("one of three probers is dead and one offline: no quorum", 12, "ProberQuorumLost", "AllVantagesOffline",
             vantages=("seoul", "busan", "jeju"))
w.offline = {"busan": [(0, 1), (5, 0)]}
w.daemons(jeju=[(5, 99)]).service("tax").probe("tax", "front")
w.expect(7.75).expect(8.25, "ProberDown", "ProberQuorumLost")

w = scenario("two of three remote sites fell silent", 12, "ProberQuorumLost", vantages=("seoul", "busan", "jeju"))
w.daemons(busan=[(5, 99)], jeju=[(5, 99)]).service("tax").probe("tax", "front")
for vantage in ("busan", "jeju"):
    silent(w, vantage, 5)
w.expect(7.75).expect(8.25, "ProberDown", "ProberQuorumLost")

w = scenario("a shard that is gone leaves its services unwatched", 12, "ServiceUnwatched", "ProberDown")
w.daemons(busan=[(5, 99)]).service("tax").probe("tax", "front", until=5)
w.input = [s for s in w.input if not (s["series"].startswith("bongsu_probe") and 'vantage="seoul"' in s["series"])]
w.service("bus").probe("bus", "front")
w.expect(6.75).expect(7.25, "ServiceUnwatched tax").expect(9, "ServiceUnwatched tax", "ProberDown")

w = scenario("a service whose probes were taken out of the configuration is not unwatched", 20, "ServiceUnwatched")
w.daemons().service("tax").probe("tax", "front").service("centre").probe("centre", "front", until=8)
w.expect(7).expect(20)
w.query(20, 'prober:service:probed_timestamp{service="centre"}', [])

w = scenario("nothing to scrape", 8, "ProberTargetMissing", "Watchdog")
w.plain("up", {"job": "other", "instance": "x"}, (0, 1))
w.expect(4.75).expect(5.25, "ProberTargetMissing")

w = scenario("verdicts stop while the daemon lives", 20, "ProbeStale", "ServiceUnwatched", "Watchdog")
w.daemons().service("tax").service("bus").probe("bus", "front")
w.probe("tax", "front", (0, "up"), (5, None))
w.expect(6.75).expect(7.25, "ServiceUnwatched tax").expect(11, "ServiceUnwatched tax", "ProbeStale")

w = slow_scenario("the prober's own troubles", 50, "ProberSchedulerLag", "ProberRunsSkipped",
             "ProberConfigReloadFailed", "ProberConfigDrift", "ClockSkewed", "ProberStalled")
w.daemons().service("tax").probe("tax", "front")
for vantage in w.vantages:
    at = {"vantage": vantage, "prober": "a"}
    bad = vantage == "busan"
    # the 99th percentile: 1.2 s here, 0.8 s there
    for le, share in (("0.1", 0.9 if bad else 0.955), ("1.0", 0.9895 if bad else 1), ("5.0", 1), ("+Inf", 1)):
        # healthy until minute 5
        w.counter("bongsu_scheduler_lag_seconds_bucket", {**at, "le": le}, (0, 100), (5, 100 * share))
    w.counter("bongsu_scheduler_skipped_runs_total", at, (0, 0), *([(5, 4)] if bad else []))
    # 6 s in 15 minutes there, 3.75 s here
    w.counter("bongsu_prober_stall_seconds_total", at, (0, 0), (5, 0.4 if bad else 0.25))
    w.plain("bongsu_config_last_reload_successful", at, (0, 1), *([(5, 0), (30, 1)] if bad else []))
    # Of the file of windows, which is mended later.
    w.plain("bongsu_maintenance_file_valid", {**at, "prober": "b"}, (0, 1), *([] if bad else [(5, 0), (30, 1)]))
    w.plain("bongsu_config_info", {**at, "hash": "old"}, (0, 1), *([] if bad else [(5, None)]))
    w.plain("bongsu_config_info", {**at, "hash": "new"}, *([(0, None)] if bad else [(5, 1)]))
    w.plain("bongsu_clock_skew_seconds", at, (0, 2), *([(5, -20)] if bad else [(5, 10)]))
w.expect(4).expect(13).firing(20, "ProberConfigReloadFailed", "busan", "seoul", by="vantage")
for alert in ("ProberSchedulerLag", "ProberRunsSkipped", "ClockSkewed", "ProberStalled"):
    w.firing(28, alert, "busan", by="vantage")
w.expect(28, "ProberSchedulerLag", "ProberRunsSkipped", "ProberConfigReloadFailed",
                                "ClockSkewed", "ProberStalled")
w.expect(45, "ProberSchedulerLag", "ProberRunsSkipped", "ProberConfigDrift", "ClockSkewed", "ProberStalled")

w = slow_scenario("probers that agree on their configuration", 40, "ProberConfigDrift").daemons()
w.service("tax").probe("tax", "front")
for vantage in w.vantages:
    w.plain("bongsu_config_info", {"vantage": vantage, "prober": "a", "hash": "same"}, (0, 1))
w.expect(40)

w = slow_scenario("the pipeline of the compose stack", 30, "PrometheusRuleFailures",
             "PrometheusNotConnectedToAlertmanagers", "AlertmanagerFailedToSendAlerts")
w.daemons().service("tax").probe("tax", "front")
w.counter("prometheus_rule_evaluation_failures_total", {"rule_group": "g"}, (0, 0), (15, 1))
w.counter("prometheus_rule_evaluation_failures_total", {"rule_group": "fine"}, (0, 0))
w.plain("prometheus_notifications_alertmanagers_discovered", {}, (0, 1), (15, 0))
# one in a hundred is allowed
for integration, failed in (("webhook", 1.2), ("email", 0.8)):
    w.counter("alertmanager_notifications_total", {"integration": integration}, (0, 100))
    w.counter("alertmanager_notifications_failed_total", {"integration": integration}, (0, 0), (15, failed))
w.expect(14).expect(18).firing(22, "PrometheusNotConnectedToAlertmanagers")
w.firing(22, "AlertmanagerFailedToSendAlerts", by="integration")
w.expect(28, "PrometheusRuleFailures", "PrometheusNotConnectedToAlertmanagers", "AlertmanagerFailedToSendAlerts")
w.firing(28, "PrometheusRuleFailures", "g", by="rule_group")
w.firing(28, "AlertmanagerFailedToSendAlerts", "webhook", by="integration")

w = slow_scenario("text messages that do not leave", 60, "SmsBridgeCannotSend")
w.daemons().service("tax").probe("tax", "front")
# One instance for each of the reasons.
w.plain("sms_bridge_oldest_queued_seconds", {"instance": "slow"}, (0, 0), (10, 121), (20, 0))
w.counter("sms_bridge_dropped_total", {"instance": "loses", "reason": "rejected"}, (0, 0), (10, 1), (11, 0))
w.counter("sms_bridge_dropped_total", {"instance": "loses", "reason": "expired"}, (0, 0))
w.plain("sms_bridge_numbers_valid", {"instance": "numbers"}, (0, 1), (10, 0), (20, 1))
w.plain("up", {"job": "sms-bridge", "instance": "dead"}, (0, 1), (10, 0), (20, 1))
w.expect(9).expect(15, "SmsBridgeCannotSend").expect(40)
for instance in ("dead", "loses", "numbers", "slow"):
    w.firing(9, "SmsBridgeCannotSend", by="instance")
w.firing(15, "SmsBridgeCannotSend", "dead", "loses", "numbers", "slow", by="instance")

w = slow_scenario("an SMS bridge that works, retries and sends twice nothing", 40, "SmsBridgeCannotSend")
w.daemons().service("tax").probe("tax", "front")
w.plain("sms_bridge_oldest_queued_seconds", {"instance": "a"}, (0, 0), (10, 120), (20, 0))
w.counter("sms_bridge_dropped_total", {"instance": "a", "reason": "rejected"}, (0, 0))
w.plain("sms_bridge_numbers_valid", {"instance": "a"}, (0, 1))
w.plain("up", {"job": "sms-bridge", "instance": "a"}, (0, 1), (10, 0), (10.5, 1))
w.counter("sms_bridge_failures_total", {"instance": "a", "reason": "unreachable"}, (0, 5))
w.expect(11).expect(15).expect(39)

# --- symptoms ---------------------------------------------------------------------------------
# needing something excuses nobody as long as that has no open incident
w = slow_scenario("flapping", 90, "ServiceFlapping").daemons().service("tax", needs=["bus"]).service("bus")
for name, rate in (("tax", 0.2), ("bus", 0.14)):
    w.probe(name, "front")
    for vantage in w.vantages:
        w.counter("bongsu_probe_transitions_total",
                  {"service": name, "probe": "front", "kind": "http", "instance": "i", "vantage": vantage,
                   "prober": "a"}, (0, 0), (10, rate), (60, 0))
# six in half an hour are over five from minute 35 on, and no more after 65
w.expect(37).expect(45, "ServiceFlapping tax").expect(75, "ServiceFlapping tax").expect(89)

w = slow_scenario("slow against yesterday, and over the objective", 120, "ServiceSlow", "ServiceOverLatencyObjective")
w.daemons().service("tax").service("bus")
for name, before, after in (("tax", 1, 4), ("bus", 1, 2.5)):
    w.probe(name, "front")
    for vantage in w.vantages:
        at = {"service": name, "probe": "front", "kind": "http", "instance": "i", "vantage": vantage, "prober": "a"}
        w.plain("probe_duration_seconds", at, (0, before), (60, after))
        if name == "bus":
            w.plain("bongsu_latency_objective_seconds", at, (0, 2))
# a median that turns at minute 67 or 68 (ranges include their start before Prometheus 3), then 10 minutes
w.expect(60).expect(76).expect(80, "ServiceSlow tax").expect(90, "ServiceSlow tax", "ServiceOverLatencyObjective bus")

w = slow_scenario("the budget burns fast in moments that are too short to page", 90, "ErrorBudgetBurnFast")
w.daemons().service("tax").service("bus").service("blip")
# two failures in a row now and then, seen from one vantage at a time
w.probe("tax", "front", (0, "up"), (60, "down"), (61, "up"), (63, "down"), (64, "up"), only=("seoul",))
w.probe("bus", "front").probe("blip", "front", (0, "up"), (60, "down"), (61, "up"), failures=1)
seconds(w, "tax", (0, 0), (60, 0.4), (75, 0))
seconds(w, "bus", (0, 0))
seconds(w, "blip", (0, 0), (60, 0.7), (61, 0))
w.expect(59).expect(61).expect(63, "ErrorBudgetBurnFast tax").firing(65, "ErrorBudgetBurnFast", "tax")
w.expect(71, "ErrorBudgetBurnFast tax")


def flaps(start, end, down, up):
    """Changes of what is down and up in turn, for so many minutes each."""
    line, minute = [(0, "up")], start
    while minute < end:
        line += [(minute, "down"), (minute + down, "up")]
        minute += down + up
    return line


def never(world, minute, alert, service=".*"):
    """The alert has not fired so far."""
    return world.query(minute, f'last_over_time(ALERTS{{alertname="{alert}",alertstate="firing",service=~"{service}"}}[2h])', [])


w = scenario("one vantage: what may be an outage is decided before it burns, and is one page", 45,
             "ErrorBudgetBurnFast", "ServiceDown", "CauseDown", "NoticePage", vantages=("seoul",)).daemons()
w.service("tax").service("gpki").service("gov24")
for name in ("saeol", "resident", "partly"):
    w.service(name, needs=["gpki"])
for name, start, reason in (("tax", 5, "http_status"), ("gpki", 6, "pki_backend"), ("saeol", 5, "pki_backend"),
                            ("resident", 7, "pki_backend"), ("gov24", 5, "notice_page")):
    outage(w, name, (0, "up"), (start, "down"), reason=reason)
outage(w, "partly", *flaps(6, 45, 1.5, 1))
w.expect(9.75).expect(10.5, "ServiceDown tax", "NoticePage gov24")
pages = ["ServiceDown tax", "NoticePage gov24", "CauseDown gpki"]
w.expect(13, *pages, "ServiceHeldBack saeol", "ServiceHeldBack resident")
w.expect(19, *pages, "ServiceHeldBack saeol", "ServiceHeldBack resident")
never(w, 45, "ErrorBudgetBurnFast").firing(45, "ServiceDown", "tax")

w = scenario("one vantage: down since it was first seen", 10, "ErrorBudgetBurnFast", "ServiceDown", vantages=("seoul",))
w.daemons().service("tax")
outage(w, "tax", (0, "down"))
w.expect(4.75).expect(5.25, "ServiceDown tax")
never(w, 10, "ErrorBudgetBurnFast")

w = scenario("one vantage: what never becomes an outage burns", 40, "ErrorBudgetBurnFast", "ServiceDown",
             vantages=("seoul",)).daemons()
w.service("base").probe("base", "front")
for name, changes in (("flaps", flaps(5, 40, 2, 1)), ("mostly", flaps(5, 40, 4.5, 0.75)),
                      ("short", [(0, "up"), (5, "down"), (9, "up")])):
    w.service(name, needs=["base"])
    outage(w, name, *changes)
# One probe after the other, so that something is undecided all the time.
w.service("relay")
outage(w, "relay", *flaps(5, 40, 4, 3))
w.probe("relay", "second", *flaps(8.5, 40, 4, 3))
w.expect(6.75).expect(8.75, "ErrorBudgetBurnFast flaps").expect(10.5, *[f"ErrorBudgetBurnFast {s}" for s in ("flaps", "mostly", "short")])
never(w, 10, "ErrorBudgetBurnFast", "relay")
w.firing(18, "ErrorBudgetBurnFast", "flaps", "mostly", "relay", "short")
w.firing(40, "ErrorBudgetBurnFast", "flaps", "mostly", "relay", "short")
never(w, 40, "ServiceDown")

w = scenario("one vantage: a site that has long been down hides no decision about the others", 20, "ErrorBudgetBurnFast",
             "ServiceDown", vantages=("seoul",)).daemons().service("saeol")
for i in range(4):
    w.probe("saeol", "front", (0, "down" if i == 0 else "up"), (12, "down"), site=f"s{i}")
seconds(w, "saeol", (0, 0.25), (12, 1), slo=0.95)
w.firing(16.75, "ServiceDown").firing(17.5, "ServiceDown", "saeol")
never(w, 20, "ErrorBudgetBurnFast")

w = slow_scenario("a vantage without a way to the services, and with its controls, pages for none of them", 100,
                  "VantageDisagrees", "ServiceDegradedFromSomeVantages", "ErrorBudgetBurnFast", "ServiceDown",
                  vantages=("seoul", "busan", "jeju")).daemons()
for i in range(5):
    w.service(f"s{i}")
    outage(w, f"s{i}", (0, "up"), (10, "down"), (70, "up"), only=("jeju",))
for i in range(4):
    w.service(f"b{i}")
    outage(w, f"b{i}", (0, "up"), (10, "down"), (70, "up"), only=("busan",))
some = [f"ServiceDegradedFromSomeVantages b{i}" for i in range(4)]
w.expect(19.5).expect(21, "VantageDisagrees", *some).expect(69, "VantageDisagrees", *some)
w.firing(69, "VantageDisagrees", "jeju", by="vantage")
never(w, 69, "ErrorBudgetBurnFast").firing(78, "VantageDisagrees", "jeju", by="vantage").expect(85)
w.text(30, "VantageDisagrees", {"vantage": "jeju", "severity": "chat"}, {
    "summary": "jeju sees 5 services down that work from more vantages",
    "summary_ko": "관측 지점 jeju에서만 5개 서비스 실패: 해당 지점의 네트워크 확인 필요",
    "description": "Its controls answer, so its votes count, and the others overrule them. "
                   "Likely its way to: s0 s1 s2 s3 s4 ",
    "runbook_url": "https://ops.example.go.kr/bongsu/runbooks/VantageDisagrees",
    "dashboard": "/d/bongsu-health"})

w = slow_scenario("what was down behind a cause in announced maintenance does not burn afterwards", 60,
                  "ErrorBudgetBurnFast").daemons()
w.service("gpki").probe("gpki", "padded", (0, "up"), (8, "down"), (20, "up")).service("saeol", needs=["gpki"])
outage(w, "saeol", (0, "up"), (8, "down"), (20, "up"))
for vantage in w.vantages:
    w.plain("bongsu_maintenance_active",
            {"service": "gpki", "name": "patch", "vantage": vantage, "prober": "a"}, (0, 0), (5, 1), (25, 0))
w.expect(15, "MaintenanceActive gpki", "ServiceHeldBack saeol")
never(w, 60, "ErrorBudgetBurnFast")

w = slow_scenario("half of the vantages must see it burn", 60, "ErrorBudgetBurnFast",
                  vantages=("seoul", "busan", "jeju", "daegu", "gwangju")).daemons()
for name, seen_by in (("three", w.vantages[:3]), ("two", w.vantages[:2])):
    w.service(name)
    # each another probe, so that it is never down
    for i, vantage in enumerate(seen_by):
        outage(w, name, (0, "up"), (10, "down"), only=(vantage,), probe=f"p{i}", slo=None if i else 0.999)
w.firing(11, "ErrorBudgetBurnFast").firing(20, "ErrorBudgetBurnFast", "three").firing(60, "ErrorBudgetBurnFast", "three")

w = slow_scenario("what a vantage said before it knew that it was offline does not burn", 60, "ErrorBudgetBurnFast")
w.offline = {"busan": [(0, 1), (34, 0)]}
w.daemons().service("tax").probe("tax", "front", (0, "up"), (31, "down"), (34, "unknown"), only=("busan",))
for vantage, *down in (("seoul", (0, 0)), ("busan", (0, 0), (31, 1), (34, 0))):
    seconds_at(w, "tax", "front", vantage, *down, until=34 if vantage == "busan" else None)
w.plain("bongsu_slo_objective_ratio", {"service": "tax", "vantage": "seoul", "prober": "a"}, (0, 0.995))
never(w, 60, "ErrorBudgetBurnFast")

w = scenario("the budget burns slowly", 600, "ErrorBudgetBurnSlow", step=120)
w.daemons().service("tax").service("bus").probe("bus", "front")
w.probe("tax", "front", (0, "up"), (60, "down"), (65, "up"), (540, "down"), (545, "up"), only=("seoul",))
seconds(w, "tax", (0, 0), (60, 0.05))
seconds(w, "bus", (0, 0), (60, 0.0005))
w.expect(355).expect(600, "ErrorBudgetBurnSlow tax")

w = scenario("back, but not for good", 24, "ServiceRecoveryUnstable").daemons().service("tax").service("bus")
for name, end, tail in (("tax", 9, 0.2), ("bus", 6, 0)):
    w.probe(name, "front", (0, "up"), (5, "down"), (end, "up"))
    seconds(w, name, (0, 0), (5, 1), (end, tail))
w.expect(8.5, "ServiceDown tax", "ServiceDown bus", "ServiceRecovering bus")
w.expect(23, "ServiceRecoveryUnstable tax")

w = scenario("the recovery and the flapping of who needs a cause are the cause's", 40, "ServiceRecoveryUnstable",
             "ServiceFlapping", "CauseDown")
w.daemons().service("gpki").service("saeol", needs=["gpki"]).service("tax")
w.probe("gpki", "padded", (0, "up"), (5, "down"), (20, "up"))
for name in ("saeol", "tax"):
    w.probe(name, "front", (0, "up"), (5, "down"), (14, "up"))
    seconds(w, name, (0, 0), (5, 1), (14, 0.3))
    for vantage in w.vantages:
        w.counter("bongsu_probe_transitions_total",
                  {"service": name, "probe": "front", "kind": "http", "instance": "i", "vantage": vantage,
                   "prober": "a"}, (0, 0), (18, 0.5))
w.expect(38, "CauseDown gpki", "PageUnacknowledged gpki", "ServiceRecovering gpki", "ServiceFlapping tax",
         "ServiceRecoveryUnstable tax")
w.query(38, 'ALERTS{alertname="ServiceRecoveryUnstable",alertstate="firing",service="saeol"}', [])

# --- what people read -------------------------------------------------------------------------
w = scenario("a cause that nobody sees any more is not inferred", 12, "CauseDown")
w.daemons(seoul=[(8, 99)], busan=[(8, 99)]).service("gpki").service("saeol", needs=["gpki"], title="새올")
w.probe("gpki", "padded", (0, "up"), (5, "down")).probe("saeol", "front", (0, "up"), (5, "down"))
for minute, summary, summary_ko in (
        (7, "gpki: response_timeout - affected: saeol, 1 services", "gpki: 응답 없음 - 영향: 새올, 총 1개 서비스"),
        (10, "gpki: nobody sees it any more, it was down before - affected: unknown",
         "gpki: 감시 결과 없음, 직전까지 장애 - 영향: 알 수 없음")):
    w.text(minute, "CauseDown", {"service": "gpki", "severity": "page", "hours": "always"}, {
        "summary": summary, "summary_ko": summary_ko,
        "recovered": "gpki: works again", "recovered_ko": "gpki: 다시 정상",
        "description": "gpki is down and others need it; their own pages are held back while it is. Falls within a day, "
                       f"this one included: {'1' if minute < 8 else 'not known'}. The incident closes after an hour of stability, after five "
                       "minutes if it was short.",
        "runbook_url": "https://ops.example.go.kr/bongsu/runbooks/CauseDown",
        "dashboard": "/d/bongsu-service?var-service=gpki"})

w = slow_scenario("what cannot be said, probe by probe", 22, "ProbeUnknown").daemons().service("tax")
for name, reason in (("login", "captcha"), ("issuing", "bad_credentials")):
    w.probe("tax", name, (0, "unknown"), kind="login", reason=reason)
w.text(20, "ProbeUnknown", {"service": "tax", "severity": "ticket"}, {
    "summary": "2 probes of tax cannot say whether it works", "summary_ko": "tax 감시 항목 2개가 판단 불가 상태",
    "description": "No vantage has a verdict: issuing (bad_credentials), login (captcha), at most three are named.",
    "runbook_url": "https://ops.example.go.kr/bongsu/runbooks/ProbeUnknown",
    "dashboard": "/d/bongsu-service?var-service=tax"})

# --- identities -------------------------------------------------------------------------------
def identity(world, name, lifetime, remaining):
    """What logins sign with: its lifetime, and what is left of it at the end, in days."""
    end = round(world.minutes * 60 + remaining * 86400)
    for vantage in world.vantages:
        at = {"identity": name, "vantage": vantage, "prober": "a"}
        world.plain("bongsu_identity_not_after_timestamp_seconds", at, (0, end))
        world.plain("bongsu_identity_not_before_timestamp_seconds", at, (0, end - round(lifetime * 86400)))


w = scenario("what logins sign with is renewed a month ahead", 600, "IdentityRenewalOverdue", "IdentityExpiringSoon",
             step=3600)
w.daemons()
for name, lifetime, remaining in (("well", 820, 31), ("month", 820, 29), ("week", 820, 6), ("short", 10, 3),
                                  ("shorter", 10, 2), ("shortest", 10, 0.9), ("ended", 820, -1)):
    identity(w, name, lifetime, remaining)
w.firing(600, "IdentityRenewalOverdue", "month", "week", "shorter", "shortest", "ended", by="identity")
w.firing(600, "IdentityExpiringSoon", "week", "shortest", "ended", by="identity")

w = scenario("the end of an identity is no matter of minutes", 75, "IdentityRenewalOverdue", "IdentityExpiringSoon",
             step=120)
w.daemons().service("tax").probe("tax", "front")
identity(w, "officer", 820, 6)
w.expect(10).expect(20, "IdentityExpiringSoon").expect(55, "IdentityExpiringSoon", "PageUnacknowledged")
w.expect(70, "IdentityExpiringSoon", "PageUnacknowledged", "IdentityRenewalOverdue")
w.text(20, "IdentityExpiringSoon", {"severity": "page", "hours": "office", "identity": "officer"}, {
    "summary": "Identity officer expires; 6d 0h 55m 0s left, then logins with it see nothing",
    "summary_ko": "감시용 인증서 officer 만료 임박: 6d 0h 55m 0s 남음, 만료되면 로그인 감시 불가",
    "description": "Less than a tenth of its lifetime (at most 7 days) is left. An expired one is no outage of the "
                   "service: its logins are unknown.",
    "runbook_url": "https://ops.example.go.kr/bongsu/runbooks/IdentityExpiringSoon",
    "dashboard": "/d/bongsu-login"})

# --- certificates -----------------------------------------------------------------------------
# Lifetimes and what is left of them after ten hours, in days.
CERTIFICATES = {
    "c200": (200, 28, ["TLSCertificateRenewalOverdue"]),
    "c200ok": (200, 31, []),
    "c47ok": (47, 13, []),
    "c47warn": (47, 11, ["TLSCertificateRenewalOverdue"]),
    "c47page": (47, 4, ["TLSCertificateRenewalOverdue", "TLSCertificateExpiringSoon"]),
    "c47early": (47, 6, ["TLSCertificateRenewalOverdue"]),
    "c730early": (730, 9, ["TLSCertificateRenewalOverdue"]),
    "c6ok": (6.6667, 2, []),
    "c6page": (6.6667, 0.5, ["TLSCertificateRenewalOverdue", "TLSCertificateExpiringSoon"]),
    "c730": (730, 6, ["TLSCertificateRenewalOverdue", "TLSCertificateExpiringSoon"]),
    "dead": (90, -1, ["TLSCertificateExpired"]),
}

w = scenario("certificates are judged by their lifetime", 600, "TLSCertificateRenewalOverdue",
             "TLSCertificateExpiringSoon", "TLSCertificateExpired", step=3600)
w.daemons()
for name, (lifetime, remaining, _) in CERTIFICATES.items():
    w.service(name).probe(name, "cert", kind="tls")
    certificate(w, name, lifetime, remaining)
w.service("cross").probe("cross", "cert", kind="tls")
certificate(w, "cross", 90, -1, in_path="0")
# renewed after five hours: the old one is gone at once
w.service("renewed").probe("renewed", "cert", kind="tls")
certificate(w, "renewed", 90, -0.1, (0, True), (300, False), serial="01")
certificate(w, "renewed", 90, 89, (0, False), (300, True), serial="02")
w.expect(600, *[f"{alert} {name}" for name, (_, _, alerts) in CERTIFICATES.items() for alert in alerts])

w = scenario("certificates are no matter of minutes", 75, "TLSCertificateRenewalOverdue",
             "TLSCertificateExpiringSoon", step=120)
w.daemons().service("tax").probe("tax", "cert", kind="tls")
certificate(w, "tax", 47, 4)
w.expect(10).expect(20, "TLSCertificateExpiringSoon tax")
w.expect(55, "TLSCertificateExpiringSoon tax", "PageUnacknowledged tax")
w.expect(70, "TLSCertificateExpiringSoon tax", "PageUnacknowledged tax", "TLSCertificateRenewalOverdue tax")

w = scenario("a certificate with most of its life ahead", 600, "TLSCertificateRenewalOverdue",
             "TLSCertificateExpiringSoon", "TLSCertificateExpired", step=3600)
w.daemons().service("tax").probe("tax", "cert", kind="tls")
certificate(w, "tax", 90, 60)
w.expect(600)

w = scenario("a refused chain is a matter of certificates and not of the service", 14,
             "TLSCertificateInvalid", "ServiceDown", vantages=("seoul", "busan", "jeju"))
w.daemons()
for name, where in (("tax", w.vantages), ("bus", ("jeju",)), ("soft", w.vantages), ("cat", ("seoul", "busan"))):
    w.service(name).probe(name, "front")
    w.probe(name, "cert", (0, "up"), (5, "down"), kind="tls", only=where, reason="tls_name_mismatch")
    for vantage in where:
        w.plain("bongsu_cert_invalid",
                {"service": name, "probe": "cert", "kind": "tls", "instance": "i", "vantage": vantage,
                 "prober": "a", "reason": "revocation_unavailable" if name == "soft" else "name_mismatch"},
                (0, None), (5, 1))
invalid = ["TLSCertificateInvalid tax", "TLSCertificateInvalid cat"]
w.expect(9.75).expect(10.25, *invalid).expect(14, *invalid)

w = scenario("an expired certificate that breaks the front page is one page", 11, "TLSCertificateExpired",
             "TLSCertificateInvalid", "ServiceDown")
w.daemons().service("tax").probe("tax", "front", (0, "up"), (5, "down"), reason="tls_expired")
certificate(w, "tax", 90, -6 / 1440)
for vantage in w.vantages:
    w.plain("bongsu_cert_invalid", {"service": "tax", "probe": "front", "kind": "http", "instance": "i",
                                    "vantage": vantage, "prober": "a", "reason": "weak"}, (0, None), (5, 1))
w.expect(10, "ServiceDown tax").expect(11, "ServiceDown tax")

w = scenario("an expired certificate is one page with one vantage, too", 20, "TLSCertificateExpired", "ServiceDown", vantages=("seoul",))
w.daemons().service("base").probe("base", "front").service("tax", needs=["base"])
w.probe("tax", "front", (0, "up"), (5.5, "down"), reason="tls_expired")
certificate(w, "tax", 90, -15 / 1440)
w.expect(12).expect(13, "ServiceDown tax").expect(20, "ServiceDown tax")

# --- the calendar -----------------------------------------------------------------------------
# Time begins on Thursday, 1 January 1970, 09:00 in Korea.
w = scenario("the phones are tested on the first Wednesday at ten", 14 * 1440, "TestPage", step=3600)
w.plain("up", {"job": "bongsu", "vantage": "seoul", "prober": "a"}, (0, 1))
for day, hour, fires in ((1, 1, False), (6, 0, False), (6, 1, True), (6, 2, False), (13, 1, False)):
    w.expect(day * 1440 + hour * 60, *(["TestPage"] if fires else []))

# A step as long as the scenario: two evaluations. 8 April 1970 is the second Wednesday of its month.
for name, minute, fires in (("at ten minutes past ten", 6 * 1440 + 70, True),
                            ("no more at twenty past", 6 * 1440 + 80, False),
                            ("not on the second Wednesday, the 8th", 97 * 1440 + 60, False)):
    w = scenario(f"the phones are tested {name}", minute, "TestPage", step=minute * 60)
    w.plain("up", {"job": "bongsu", "vantage": "seoul", "prober": "a"}, (0, 1))
    w.expect(minute, *(["TestPage"] if fires else []))

# 2028-10-17 and 2028-11-28.
w = scenario("the table of holidays has eleven weeks to go", 21474 * 1440, "HolidayTableExpiring",
             step=21474 * 86400)
w.plain("up", {"job": "bongsu", "vantage": "seoul", "prober": "a"}, (0, 1))
w.expect(21474 * 1440)
w = scenario("the table of holidays ends within a month", 21516 * 1440, "HolidayTableExpiring",
             step=21516 * 86400)
w.plain("up", {"job": "bongsu", "vantage": "seoul", "prober": "a"}, (0, 1))
w.expect(21516 * 1440, "HolidayTableExpiring")
