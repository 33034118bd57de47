#!/usr/bin/env python3
"""What no other tool checks of rules, runbooks and tests. Prints every problem; exit 1 if any."""

import json
import pathlib
import re
import subprocess
import sys
from datetime import date, datetime, timezone

import holidays
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RULES = ROOT / "config/prometheus/rules"

ANNOTATIONS = {"summary", "summary_ko", "description", "runbook_url", "dashboard"}
SEVERITIES = {"page", "escalation", "chat", "ticket", "none"}
# These change while an alert fires, and would start it anew.
CHANGING = {"reason", "step", "title", "stage", "component"}
SECTIONS = ["## Meaning", "## First look", "## Silence", "## Tested by"]
FIRST_LOOKS = 3

problems = []


def all_alerts():
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield rule


def alerts():
    return [rule for rule in all_alerts() if "kept" not in rule["labels"]]


def check_kept():
    """What keeps an alert in Alertmanager is the same alert there, word for word."""
    kept = {rule["alert"].removesuffix("Kept"): rule for rule in all_alerts() if "kept" in rule["labels"]}
    own = {rule["alert"]: rule for rule in alerts()}
    for name, rule in kept.items():
        if rule["alert"] != f"{name}Kept" or name not in own:
            problems.append(f"{rule['alert']} keeps no alert")
            continue
        if rule["annotations"] != own[name]["annotations"]:
            problems.append(f"{rule['alert']}: other texts than {name}")
        if rule["labels"] != {"severity": "none", "kept": own[name]["labels"]["severity"]}:
            problems.append(f"{rule['alert']}: labels {rule['labels']}")
    # Whatever the latch keeps open over an absence is kept in Alertmanager, too.
    latched = {name for name, rule in own.items()
               if rule["labels"]["severity"] == "page" and "(service:incident:open{how=" in rule["expr"]}
    if missing := (latched | {"PageUnacknowledged", "OutageLasting"}) - kept.keys():
        problems.append(f"nothing keeps {', '.join(sorted(missing))}")


def check_alert(rule):
    name, notes = rule["alert"], rule.get("annotations", {})
    if missing := ANNOTATIONS - notes.keys():
        problems.append(f"{name}: no {', '.join(sorted(missing))}")
    severity = rule["labels"].get("severity")
    if severity not in SEVERITIES:
        problems.append(f"{name}: severity {severity}")
    if severity == "page" and "hours" not in rule["labels"] and "hours" not in rule["expr"]:
        problems.append(f"{name}: a page without hours reaches nobody in office hours only")
    if not notes.get("runbook_url", "").endswith(f"/{name}"):
        problems.append(f"{name}: runbook_url {notes.get('runbook_url')}")
    if not re.search("[가-힣]", notes.get("summary_ko", "")):
        problems.append(f"{name}: summary_ko is not Korean")
    for label in CHANGING & set(re.findall(r"\$labels\.(\w+)", " ".join(notes.values()))):
        problems.append(f"{name}: {label} changes while it fires")
    runbook = ROOT / "docs" / "runbooks" / f"{name}.md"
    if not runbook.exists():
        problems.append(f"{name}: no {runbook.relative_to(ROOT)}")
    else:
        check_runbook(runbook.name, runbook.read_text())


def check_runbook(name, text):
    """Every section says something, and what tested the alert exists."""
    from scenarios import SCENARIOS

    parts = {}
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        parts[f"## {title}"] = body.strip()
    problems.extend(f"{name}: nothing under {s}" for s in SECTIONS if not parts.get(s))
    looks = re.findall(r"^\d\. ", parts.get("## First look", ""), re.M)
    if len(looks) != FIRST_LOOKS:
        problems.append(f"{name}: {len(looks)} things to look at first")
    about = {w.name for w in SCENARIOS if name.removesuffix(".md") in w.alerts}
    said = set(re.findall(r"^- (.+)$", parts.get("## Tested by", ""), re.M))
    problems.extend(f"{name}: tested by '{s}' too" for s in sorted(about - said))
    problems.extend(f"{name}: no scenario '{s}' is about it" for s in sorted(said - about))


def check_groups():
    """From the vote to the page is one group at the global interval: each further one adds its own to the time
    to a page, and samples are counted by the interval of stability."""
    asked = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())["global"]["evaluation_interval"]
    groups = {group["name"]: group for path in sorted(RULES.glob("*.yml"))
              for group in yaml.safe_load(path.read_text())["groups"]}
    if asked != "5s" or "interval" in groups["bongsu-verdicts"]:
        problems.append("a vote is not evaluated every 5 s")
    one = {rule.get("record") or rule["alert"] for rule in groups["bongsu-verdicts"]["rules"]}
    if missing := {"vantage:probe:down", "service:incident:open", "CauseDown", "ServiceDown", "LoginBroken", "NoticePage"} - one:
        problems.append(f"not in the group of the votes: {', '.join(sorted(missing))}")
    if groups["bongsu-stability"].get("interval") != "15s":
        problems.append("stability counts samples of 15 s")


def check_tests(names):
    """Every alert fires at one moment and is silent at another, in a scenario that is about it."""
    from scenarios import SCENARIOS

    fires, silent = set(), set()
    for world in SCENARIOS:
        for query in world.expected:
            said = " ".join(row["labels"] for row in query["exp_samples"])
            if not query["expr"].startswith("group by (alertname"):
                continue
            for name in world.alerts:
                (fires if f'alertname="{name}"' in said else silent).add(name)
    problems.extend(f"{name}: no scenario in which it fires" for name in sorted(names - fires))
    problems.extend(f"{name}: no scenario in which it is silent" for name in sorted(names - silent))
    for world in SCENARIOS:
        problems.extend(f"scenario '{world.name}': no alert {n}" for n in set(world.alerts) - names)


def check_reasons():
    """What a summary calls a reason is what page and boards call it."""
    short = {row["reason"]: row["short"]["ko"]
             for row in json.loads((ROOT / "docs/reasons.json").read_text())}
    for rule in alerts():
        for reason, said in re.findall(r'eq \$reason "(\w+)" }}([^{]+){{', rule["annotations"]["summary_ko"]):
            # There it is about many accounts at once, which is no reason of a probe.
            if reason != "bad_credentials" and said != short.get(reason):
                problems.append(f"{rule['alert']}: {reason} is {said!r} and not {short.get(reason)!r}")


def check_holidays():
    config = yaml.safe_load((ROOT / "config/alertmanager/alertmanager.yml").read_text())
    table = next(t for t in config["time_intervals"] if t["name"] == "holidays")["time_intervals"]
    ours = set()
    for entry in table:
        year, month = int(entry["years"][0]), int(entry["months"][0])
        first, _, last = entry["days_of_month"][0].partition(":")
        ours |= {date(year, month, day) for day in range(int(first), int(last or first) + 1)}
    years = {day.year for day in ours}
    theirs = holidays.country_holidays("KR", years=years)
    weekdays = {day for day in theirs if day.weekday() < 5}
    problems.extend(f"holiday {day} ({theirs[day]}) is not in the table" for day in sorted(weekdays - ours))
    problems.extend(f"{day} is in the table of holidays and is none" for day in sorted(ours - weekdays))
    expr = next(a["expr"] for a in alerts() if a["alert"] == "HolidayTableExpiring")
    ends = datetime.fromtimestamp(int(re.search(r"vector\((\d+)\)", expr)[1]), timezone.utc)
    if ends != datetime(max(years), 12, 31, 15, tzinfo=timezone.utc):
        problems.append(f"HolidayTableExpiring says {ends}, the table ends with {max(years)}")


def check_test_page():
    """The phones and the deputy's are tested, and not on holidays."""
    routes = yaml.safe_load((ROOT / "config/alertmanager/alertmanager.yml").read_text())["route"]["routes"]
    tests = [route for route in routes if any('"TestPage"' in matcher for matcher in route["matchers"])]
    if len(tests) != 2 or any(route.get("mute_time_intervals") != ["holidays"] for route in tests):
        problems.append("TestPage and the page about it need a route each that is mute on holidays")


def check_templates():
    """Renders every definition. Needs amtool."""
    base = ROOT / "config/alertmanager"
    for name in ("bongsu.title.ko", "bongsu.body.ko", "bongsu.title.en", "bongsu.body.en",
                 "bongsu.chat.title", "bongsu.chat.body", "bongsu.chat.text"):
        run = subprocess.run(
            ["amtool", "template", "render", f"--template.glob={base}/templates/*.tmpl",
             f"--template.data={ROOT}/tests/alertmanager/notification.json",
             f'--template.text={{{{ template "{name}" . }}}}'], capture_output=True, text=True)
        wanted = "[DOWN]" if name == "bongsu.title.en" else "runbook" if name == "bongsu.body.en" else "인증 검증 실패"
        if run.returncode or wanted not in run.stdout:
            problems.append(f"template {name}: {run.stdout}{run.stderr}")


def check_ends():
    """The title of an end says what is well again, or what is over, and how long it lasted."""
    base = ROOT / "config/alertmanager"
    for language, notes, wanted in (
            ("ko", {"recovered_ko": "gpki: 다시 정상"}, "[복구] gpki: 다시 정상, 장애 3.5시간"),
            ("en", {"recovered": "gpki: works again"}, "[RECOVERED] gpki: works again, down for 3.5 h"),
            ("ko", {"summary_ko": "정족수 33.33%만 남음"}, "[해제] 정족수 33.33%만 남음, 72분"),
            ("en", {"summary": "33.33% left"}, "[OVER] 33.33% left, lasted 72 min")):
        data = json.loads((ROOT / "tests/alertmanager/notification.json").read_text())
        end = "20:12:35" if "3.5" in wanted else "17:54:35"
        data["status"] = "resolved"
        data["alerts"][0].update(status="resolved", endsAt=f"2023-11-16T{end}Z")
        data["alerts"][0]["annotations"] = notes
        data["commonAnnotations"] = notes
        run = subprocess.run(
            ["amtool", "template", "render", f"--template.glob={base}/templates/*.tmpl", "--template.data=/dev/stdin",
             f'--template.text={{{{ template "bongsu.title.{language}" . }}}}'],
            input=json.dumps(data), capture_output=True, text=True)
        if run.stdout.strip() != wanted:
            problems.append(f"the end of {notes} is told as {run.stdout}{run.stderr}")


def main():
    rules = list(alerts())
    for rule in rules:
        check_alert(rule)
    names = {rule["alert"] for rule in rules}
    for path in (ROOT / "docs/runbooks").glob("*.md"):
        if path.stem not in names and path.stem != "README":
            problems.append(f"docs/runbooks/{path.name}: no such alert")
    check_kept()
    check_groups()
    check_tests(names)
    check_reasons()
    check_holidays()
    check_test_page()
    check_templates()
    check_ends()
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
