#!/usr/bin/env python3
"""Every query of every board finds data when it should, and says what is true.

A real daemon watches the lab, a real Prometheus holds what it said, and the boards' queries are
asked with their variables filled, all of them and one by one. Twice: while all is well, and after
GPKI stopped answering large requests and a certificate expired. Then the queries of well-known
boards for blackbox_exporter are asked as well.
"""

import pathlib
import re
import subprocess
import sys
import time
import types

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "dashboards/src")]

import community  # noqa: E402
import lint  # noqa: E402
import thresholds  # noqa: E402
from build import boards  # noqa: E402
from evaluate import answer, choices, filled  # noqa: E402
from stack import (  # noqa: E402
    Alertmanager, Daemon, Lab, PATIENCE, Prometheus, RULES, Stack, Webhook, check, main, settles, tool,
    until)

VANTAGES = ("sejong", "gwangju")
STEP_SECONDS = 15
# These have everything a service can have, so they are tried first.
RICH = ("saeol", "gpki", "document-exchange")
# Whose logins are down when GPKI is.
SIGN_BY_GPKI = ("gpki", "saeol", "resident", "welfare", "bypass")


def configuration(lab, change=None):
    """The lab's configuration with what its estate has no need of: controls, an objective, and a
    maintenance window that is open now."""
    config = yaml.safe_load(lab.config.read_text())
    config["controls"] = [f"{lab.control}/"]
    config["defaults"]["latency_objective"] = "2s"
    day = lambda offset: time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + offset * 86400))
    config["maintenance"] = [{
        "name": "patch", "targets": ["disclosure"], "from": day(-1), "until": day(1),
        "timezone": "Asia/Seoul", "reason": "보안 패치"}]
    if change:
        change(config)
    path = lab.out / "boards.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False))
    return path


def quicker_rules(stack):
    """The shipped rules; those that run once a minute run every 15 s, but for the minutes of the
    month, which count them."""
    folder = stack.subfolder("rules")
    for path in RULES.glob("*.yml"):
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            if group.get("interval") == "1m" and group["name"] != "bongsu-boards-month":
                group["interval"] = "15s"
        (folder / path.name).write_text(yaml.safe_dump(document, allow_unicode=True))
    return folder


def half_an_hour_ago(stack):
    """What one rule recorded before this Prometheus began: a limit looks back for half an hour."""
    now = int(time.time())
    series = 'probe:duration:median1d{service="gpki",probe="front"} 0.02 '
    lines = [f"{series}{at}" for at in range(now - 50 * 60, now - 15 * 60, STEP_SECONDS)]
    file = stack.folder / "earlier.txt"
    file.write_text("\n".join([*lines, "# EOF", ""]))
    subprocess.run([tool("PROMTOOL", "promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet",
                    str(file), str(stack.subfolder("prometheus") / "data")], check=True)


def world(stack, change=None, rules=None, edit=None):
    """One daemon, scraped as two vantages: a page needs two that agree."""
    half_an_hour_ago(stack)
    lab = Lab(stack)
    alertmanager = Alertmanager(stack, Webhook(stack))
    by_hand = stack.subfolder("by-hand") / "windows.yml"
    daemon = Daemon(stack, configuration(lab, change), VANTAGES[0], arguments=[f"--maintenance.file={by_hand}"])
    places = [types.SimpleNamespace(target=daemon.target, vantage=name, prober="a")
              for name in VANTAGES]

    def scraping(config):
        config["scrape_configs"].append({"job_name": "alertmanager", "static_configs": [
            {"targets": [f"127.0.0.1:{alertmanager.port}"]}]})
        if edit:
            edit(config)

    prometheus = Prometheus(stack, places, [alertmanager], rules=rules or RULES, edit=scraping,
                            scrapes_itself=True)
    return lab, daemon, prometheus


class Moment:
    """The boards while all is well, or while it is not. Each look at them is at one moment: two
    queries of which one came after the next evaluation need not agree."""

    def __init__(self, name, prometheus, began):
        self.name, self.prometheus, self.began = name, prometheus, began
        self.look()

    def look(self):
        self.now = time.time()

    def fillings(self, board):
        """All of everything, and each single service at one site and one vantage."""
        offered, values = {}, {}
        for variable in board.json()["templating"]["list"]:
            if variable["type"] == "query":
                offered[variable["name"]] = choices(self.prometheus, variable, values)
        check(set(offered["vantage"]) == set(VANTAGES), f"vantages to choose: {offered['vantage']}")
        check(set(offered["grade"]) == {"1", "2", "3"}, f"grades to choose: {offered['grade']}")
        check("jongno" in offered["site"], f"sites to choose: {offered['site']}")
        everything = {"service": offered["service"], "grade": offered["grade"],
                      "job": offered["job"], "site": ".*", "vantage": ".*"}
        single = [{**everything, "service": service, "vantage": VANTAGES[0],
                   "site": "jongno" if service == "saeol" else ".*"}
                  for service in [*RICH, *offered["service"]]]
        return ([] if board.one_service else [everything]), single

    def span(self):
        return self.began, self.now, STEP_SECONDS

    def due(self):
        """What must have data now: (where it stands, target, how variables may be filled). One
        filling of a tuple is enough: not every service has sites or logins, but one of them must."""
        for board in boards():
            everything, single = self.fillings(board)
            for number, panel in board.panels():
                shown = panel.json(number, (0, 0, 1, 1))
                for query, target in zip(panel.queries, shown["targets"]):
                    if self.name in query.expected:
                        where = f"{board.uid} / {panel.title} {target['refId']}: {query.expr}"
                        for values in everything:
                            yield f"All: {where}", target, [values]
                        yield f"single: {where}", target, single

    def is_empty(self, one):
        _, target, fillings = one
        return not any(answer(self.prometheus, target, values, self.span()) for values in fillings)

    def asked(self):
        return sum(len(panel.queries) for board in boards() for _, panel in board.panels())

    def value(self, uid, title, **wanted):
        """The first query's values of a panel, as {labels' values: value}; `wanted` may say which
        `query` and how variables are filled."""
        number = wanted.pop("query", 0)
        board = next(one for one in boards() if one.uid == uid)
        panel = next(one for _, one in board.panels() if one.title.endswith(f"· {title}"))
        target = panel.json(1, (0, 0, 1, 1))["targets"][number]
        return [(labels, points[-1][1])
                for labels, points in answer(self.prometheus, target, wanted, self.span())]

    def alone(self, uid, title, **wanted):
        values = self.value(uid, title, **wanted)
        check(len(values) == 1, f"{title}: {values}")
        return values[0][1]

    def by(self, label, uid, title, **wanted):
        return {labels.get(label): value for labels, value in self.value(uid, title, **wanted)}


def filled_within(moment, what):
    """Asks again only what found nothing, since a rule that runs once a minute takes its time."""
    missing = settles(lambda: list(moment.due()))

    def ask():
        moment.look()
        missing[:] = [one for one in missing if moment.is_empty(one)]
        places = "\n".join(where for where, _, _ in missing)
        check(not missing, f"{what}: {len(missing)} queries find nothing\n{places}")

    settles(ask)


class Sheet:
    """Assertions, printed one by one when all of them hold. Services, sites, logins and certificates
    fail by runs of their own, and groups of rules notice it at moments of their own."""

    def __init__(self):
        self.lines = []

    def says(self, what, truth, seen):
        check(truth, f"{what}: {seen}")
        self.lines.append(f"  ok  {what}: {seen}")

    def read(self, moment, board):
        """All that `board(moment, self)` asserts, of one moment."""
        before = self.lines

        def once():
            self.lines = []
            moment.look()
            board(moment, self)

        settles(once)
        print("\n".join(self.lines))
        self.lines = before + self.lines

    def equal(self, what, seen, wanted):
        self.says(what, seen == wanted, seen)

    def near(self, what, seen, wanted, tolerance):
        self.says(what, abs(seen - wanted) <= tolerance, round(seen, 3))


def with_login(services):
    return [service["name"] for service in services
            if any("login" in probe for probe in service.get("probes", []))]


def healthy(moment, sheet, services):
    overview = "bongsu-overview"
    sheet.equal("services down", moment.alone(overview, "Services down"), 0)
    sheet.equal("logins broken", moment.alone(overview, "Logins broken"), 0)
    sheet.equal("sites down", moment.alone(overview, "Sites down"), 0)
    sheet.equal("sites watched", moment.alone(overview, "Sites down", query=1), 3)
    sheet.equal("vantages online", moment.alone(overview, "Vantages online"), 2)
    sheet.equal("pages", moment.alone(overview, "Pages firing"), 0)
    sheet.says("age of the board", moment.alone(overview, "Age of this board") < 30,
               round(moment.alone(overview, "Age of this board")))
    tiles = moment.by("title", overview, "Services, worst first")
    sheet.equal("tiles", len(tiles), len(services))
    sheet.equal("in maintenance", [name for name, state in tiles.items() if state == 1], ["정보공개포털"])
    sheet.equal("the others are up", set(tiles.values()), {0, 1})
    sheet.equal("nothing is wrong", moment.value(overview, "What is wrong now"), [])
    left = moment.by("service", overview, "Minutes left this month, mean")
    sheet.near("minutes left, grade 1", left["gpki"], 34.56, 0.001)
    sheet.near("minutes left, grade 2", left["welfare"], 43.2, 0.001)
    logins = moment.by("service", "bongsu-login", "Logins")
    sheet.equal("logins", logins, dict.fromkeys(with_login(services), 0))
    sheet.near("availability of gpki", moment.alone("bongsu-service", "Availability", service="gpki"),
               1, 0)
    sheet.equal("expired certificates", moment.alone("bongsu-tls", "Expired"), 0)
    sheet.equal("configurations", moment.alone("bongsu-health", "Configs"), 1)
    runs = moment.by("result", "bongsu-health", "Runs per second")
    sheet.says("runs a second", runs["success"] > 2 and runs["failure"] == 0, runs)


def broken(moment, sheet, since, services):
    overview, incident = "bongsu-overview", "bongsu-incident"
    elapsed = moment.now - since
    tiles = moment.value(overview, "Services, worst first")
    state = {labels["service"]: value for labels, value in tiles}
    reason = {labels["service"]: labels.get("reason") for labels, value in tiles}
    sheet.equal("down", {name for name, value in state.items() if value == 5},
                {*SIGN_BY_GPKI, "document-exchange"})
    sheet.equal("the worst is first", [value for _, value in tiles],
                sorted(state.values(), reverse=True))
    sheet.says("why saeol", reason["saeol"] in {"pki_backend", "response_timeout"}, reason["saeol"])
    sheet.equal("why document-exchange", reason["document-exchange"], "tls_expired")
    sheet.equal("in maintenance still", state["disclosure"], 1)
    sheet.equal("common cause", moment.by("cause", overview, "Common causes"), {"gpki": len(SIGN_BY_GPKI)})
    cause = {labels["service"]: labels["cause"]
             for labels, _ in moment.value(overview, "What is wrong now", query=3)}
    sheet.equal("likely cause of saeol", cause["saeol"], "gpki")
    clock = moment.by("service", overview, "What is wrong now", query=4)
    sheet.says("outage clock of gpki", 0 < clock["gpki"] <= elapsed, round(clock["gpki"]))
    used = moment.by("service", overview, "What is wrong now", query=5)
    sheet.near("share of two hours", used["gpki"] * 7200, clock["gpki"], 5)
    sheet.near("share of three hours", used["document-exchange"] * 10800,
               clock["document-exchange"], 5)
    card = {labels["service"]: labels
            for labels, _ in moment.value(overview, "What is wrong now", query=1)}
    sheet.equal("alternative", card["saeol"]["alternative"], "관할 주민센터 수기 접수")
    sheet.equal("sites down", moment.alone(overview, "Sites down"), 3)
    sheet.equal("site tiles", moment.by("site", "bongsu-service", "Every site, worst first",
                                        service="saeol"), {"jongno": 5, "haeundae": 5, "yuseong": 5})
    left = moment.by("service", overview, "Minutes left this month, mean")
    sheet.says("minutes left, gpki", left["gpki"] < 34.56, round(left["gpki"], 2))
    sheet.near("minutes left, anyid", left["anyid"], 34.56, 0.001)
    spent = moment.by("service", incident, "Minutes spent in this range")
    sheet.near("spent and left are the month", spent["gpki"] + left["gpki"], 34.56, 1.1)
    # Of those that need gpki, directly or not; Government24 needs it for a login that no probe makes by it.
    total = moment.by("grade", incident, "Restored", query=1)
    sheet.equal("who needs gpki, by grade", total, {"1": 3, "2": 1, "3": 1})
    sheet.equal("and is up", moment.by("grade", incident, "Restored"), {"1": 1, "2": 0, "3": 0})
    fell = moment.by("service", incident, "What fell first")
    # All of them fell by one blow; which probe came first is chance, and rules look every 15 s.
    sheet.says("fell first", len(fell) == 1 and fell.keys() <= {*SIGN_BY_GPKI, "document-exchange"},
               fell)
    sheet.says("and when", since - 15 <= min(fell.values()) / 1000 <= moment.now,
               round(min(fell.values()) / 1000 - since))
    spread = moment.by("distance", incident, "Spread along needs")
    sheet.equal("one need away", spread, {"1": len(SIGN_BY_GPKI) - 1})
    sheet.equal("expired certificates", moment.by(
        "reason", "bongsu-tls", "Why chains are refused"), {"expired": 2})
    blame = moment.value("bongsu-login", "Logins that fail now")
    sheet.equal("who is blamed for saeol's logins", {
        labels["component"] for labels, _ in blame if labels["service"] == "saeol"}, {"gpki"})
    logins = moment.by("service", "bongsu-login", "Logins")
    sheet.equal("logins", logins, {
        **dict.fromkeys(with_login(services), 0),
        **dict.fromkeys([*SIGN_BY_GPKI, "document-exchange"], 2)})


def named_and_exported(exported):
    """Names in boards and rules are a subset of what the daemon exports and the rules record."""
    used = set()
    for board in boards():
        shown = board.json()
        used |= {name for _, expression in lint.queries(shown) for name in lint.names(expression)}
        for variable in shown["templating"]["list"]:
            used |= lint.names(filled(str(variable.get("definition", "")), {}))
    for group in thresholds.documents():
        for rule in group["rules"]:
            used |= lint.names(rule["expr"])
    ours = {name for name in used if name.startswith(("bongsu_", "probe_", "process_"))}
    missing = ours - exported
    check(not missing, f"no daemon exports {', '.join(sorted(missing))}")
    print(f"{len(ours)} names of the daemon in boards and rules, all exported")


def exported(daemon):
    return set(re.findall(r"^([a-z_]+)[{ ]", daemon.metrics(), re.MULTILINE))


def scenario():
    began = time.time()
    with Stack("dashboards") as stack:
        lab, daemon, prometheus = world(stack, rules=quicker_rules(stack))
        sheet = Sheet()

        moment = Moment("healthy", prometheus, began)
        until(lambda: prometheus.query("service:card"), PATIENCE, "services are known")
        services = yaml.safe_load(lab.config.read_text())["services"]
        until(lambda: len(prometheus.query("service:state <= 1")) == len(services), PATIENCE, "all is well")
        filled_within(moment, "while all is well")
        print(f"{time.time() - began:.0f} s: all is well; {moment.asked()} queries in {len(boards())} boards")
        sheet.read(moment, lambda moment, sheet: healthy(moment, sheet, services))
        names = exported(daemon)

        broke = time.time()
        lab.set("gpki", "stall_large")
        lab.set("document-exchange", "expired_certificate")
        until(lambda: len(prometheus.query("service:state == 5")) == len(SIGN_BY_GPKI) + 1, PATIENCE,
              "all that sign in by GPKI are down, and one more")
        until(lambda: len(prometheus.query("site:state == 5")) == 3, PATIENCE,
              "all sites are down")
        moment = Moment("broken", prometheus, began)
        filled_within(moment, "after the fault")
        print(f"{time.time() - began:.0f} s: gpki stalls, a certificate has expired")
        sheet.read(moment, lambda moment, sheet: broken(moment, sheet, broke, services))
        named_and_exported(names | exported(daemon))
        settles(lambda: community.check_boards(prometheus))
        check(not prometheus.rule_errors(), str(prometheus.rule_errors()))
        print(f"{len(sheet.lines)} passed, 0 failed ({time.time() - began:.0f} s)")


if __name__ == "__main__":
    main(scenario)
