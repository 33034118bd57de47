#!/usr/bin/env python3
"""Collects what the boards show of a small outage: a real daemon watches the lab with 226 sites, a
real Prometheus remembers, and each board's queries are asked when all is well and when it is not.
Takes about five minutes. Writes one JSON file a picture into the folder it is given.
"""

import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "dashboards/src"), str(ROOT / "tests/stack")]

from build import boards  # noqa: E402
from frame import BOARDS  # noqa: E402
from dashboards import world  # noqa: E402
from evaluate import answer, choices  # noqa: E402
import stack as harness  # noqa: E402
from stack import Stack, main, until  # noqa: E402

# Municipalities by province: 226.
PROVINCES = {
    "seoul": 25, "busan": 16, "daegu": 9, "incheon": 10, "gwangju": 5, "daejeon": 5, "ulsan": 5,
    "gyeonggi": 31, "gangwon": 18, "chungbuk": 11, "chungnam": 15, "jeonbuk": 14, "jeonnam": 22,
    "gyeongbuk": 22, "gyeongnam": 18,
}
STEP_SECONDS = 10
# The story in minutes: all is well, it fails, it seems to be over; then it fails as long again.
HEALTHY, FAULT, RECOVERY = 1.25, 1.25, 0.6
# Rules look at 15 s which services there are; until then what a login names is taken for a component of others.
KNOWN = 'service:card and on () component:down{component="gpki"} unless on () component:down{component="bypass"}'
# Which service fills a board about one.
ONE = {"bongsu-service": "saeol"}
# Queries over all of it may take their time.
harness.REQUEST_SECONDS = 90


def municipalities(config):
    """Saeol at 226 places of the lab's three, and a sample of its logins as a service of its own:
    one test account is not used at 226 places at once."""
    patient(config)
    saeol = next(one for one in config["services"] if one["name"] == "saeol")
    three = saeol["for_each"]["site"]
    login = next(probe for probe in saeol["probes"] if probe["name"] == "login")
    pages = [probe for probe in saeol["probes"] if probe["name"] != "login"]
    urls = [place["url"] for place in three.values()]
    names = [f"{province}-{number:02}" for province, count in PROVINCES.items()
             for number in range(1, count + 1)]
    config["services"].append({
        "name": "saeol-login", "title": "새올 로그인(표본)", "grade": 1, "needs": ["gpki"],
        "alternative": saeol["alternative"], "for_each": saeol["for_each"], "probes": [login]})
    saeol["for_each"] = {"site": {
        name: {"title": name, "url": urls[index % len(urls)]} for index, name in enumerate(names)}}
    saeol["probes"] = [{**probe, "interval": "60s", "timeout": "6s"} for probe in pages
                       if probe["name"] == "cert-check"]


def collected(prometheus, board, span):
    """The answers to all queries of a board, as page.js reads them."""
    shown, values = board.json(), {}
    for variable in shown["templating"]["list"]:
        if variable["type"] == "query":
            offered = choices(prometheus, variable, values)
            values[variable["name"]] = ".*" if "allValue" in variable else offered
    if board.one_service:
        values["service"] = ONE[board.uid]
    start, end, step = span
    answers = {
        panel["id"]: {"step": step, "results": [
            [{"labels": labels, "points": points}
             for labels, points in answer(prometheus, target, values, span)]
            for target in panel["targets"]]}
        for panel in shown["panels"]}
    return {"board": shown, "answers": answers, "start": start, "end": end}


def patient(config):
    """A debug build beside other work is slow: what is watched here are the boards, not the speed."""
    for service in config["services"]:
        for probe in service.get("probes", []):
            probe.update(interval="20s", timeout="6s")
            for rules in [probe.get("http", {}), *probe.get("login", {}).get("steps", [])]:
                rules.pop("warn", None)


def seldom(config):
    """A wall of 226 sites by a debug build on a busy machine need not be scraped every 5 s."""
    config["global"]["scrape_interval"] = "10s"


def take(prometheus, folder, uids, suffix, began):
    end = time.time() // STEP_SECONDS * STEP_SECONDS
    span = (-(-began // STEP_SECONDS) * STEP_SECONDS, end, STEP_SECONDS)
    for board in boards():
        if board.uid in uids:
            name = board.uid.removeprefix("bongsu-") + suffix
            (folder / f"{name}.json").write_text(
                json.dumps(collected(prometheus, board, span), ensure_ascii=False))
            print(f"collected {name}")


def wait(minutes, what):
    print(f"{minutes} minutes: {what}")
    time.sleep(minutes * 60)


def scenario():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with Stack("pictures") as stack:
        lab, _, prometheus = world(stack, municipalities, edit=seldom)
        until(lambda: prometheus.query(KNOWN), 120, "services and their components are known")
        began = time.time()
        wait(HEALTHY, "all is well")
        take(prometheus, folder, ["bongsu-overview"], "-healthy", began)
        lab.set("gpki", "stall_large")
        lab.set("document-exchange", "expired_certificate")
        wait(FAULT, "GPKI loses large requests, a certificate has expired")
        lab.clear("gpki")
        wait(RECOVERY, "it seems to be over")
        lab.set("gpki", "stall_large")
        lab.set("gov24", "notice_page")
        wait(FAULT, "it is not; Government24 is stopped on purpose")
        take(prometheus, folder, list(BOARDS), "", began)


if __name__ == "__main__":
    main(scenario)
