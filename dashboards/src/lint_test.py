#!/usr/bin/env python3
"""Each rule of lint.py is broken once, on a good board, and must say so; nothing else may."""

import copy
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lint  # noqa: E402
import lint_boards  # noqa: E402
import lint_panels  # noqa: E402


def panel(board, title):
    return next(one for one in board["panels"] if title in one["title"])


def replace(board, title, old, new):
    """Changes the first query of the panel."""
    target = panel(board, title)["targets"][0]
    assert old in target["expr"], f"{title}: no {old} in {target['expr']}"
    target["expr"] = target["expr"].replace(old, new)


def variable(board, name):
    return next(one for one in board["templating"]["list"] if one["name"] == name)


def unused(board):
    board["templating"]["list"].append({**variable(board, "site"), "name": "nobody"})


def without_freshness(board):
    replace(board, "Age of this board", "bongsu_probe_last_run_timestamp_seconds",
            "bongsu_probe_verdict")


def lone_counter(board):
    replace(board, "Runs per second", "rate(bongsu_probe_runs_total", "avg_over_time(bongsu_probe_runs_total")


# A rule, and how it is broken on the board of the prober's health.
BREAKS = [
    ("classic_format", lambda b: b.pop("schemaVersion")),
    ("classic_format", lambda b: b.update(id=7)),
    ("classic_format", lambda b: b.update(schemaVersion=38)),
    ("stable_uid", lambda b: b.update(uid="bongsu-new", links=b["links"] + [
        {**b["links"][0], "url": "/d/bongsu-health"}])),
    ("uneditable", lambda b: b.update(editable=True)),
    ("tags", lambda b: b.update(tags=["other"])),
    ("timezone", lambda b: b.update(timezone="utc")),
    ("described", lambda b: b.update(description="English only")),
    ("described", lambda b: b.update(title="Prober health")),
    ("variables", lambda b: variable(b, "datasource").update(type="textbox")),
    ("variables", lambda b: variable(b, "site").update(refresh=1)),
    ("variables", lambda b: variable(b, "site").update(label="")),
    ("variables", lambda b: variable(b, "site").update(datasource={"uid": "P1809F7CD0C75ACF3"})),
    ("variables", lambda b: b["templating"]["list"].remove(variable(b, "grade"))),
    ("variables_used", unused),
    ("annotated", lambda b: b["annotations"]["list"].pop()),
    ("annotated", lambda b: b["annotations"]["list"].pop(0)),
    ("board_links", lambda b: b["links"][0].update(keepTime=False)),
    ("board_links", lambda b: b["links"].pop()),
    ("unique_ids", lambda b: b["panels"][1].update(id=b["panels"][0]["id"])),
    ("no_overlaps", lambda b: b["panels"][1]["gridPos"].update(x=0)),
    ("no_overlaps", lambda b: b["panels"][-1]["gridPos"].update(x=23)),
    ("own_freshness", without_freshness),
    ("texts", lambda b: b["panels"][0].update(title="프로버")),
    ("texts", lambda b: b["panels"][0].update(description="설명")),
    ("kind", lambda b: b["panels"][0].update(type="graph")),
    ("unit", lambda b: b["panels"][0]["fieldConfig"]["defaults"].update(unit="parsecs")),
    ("no_data_text", lambda b: b["panels"][0]["fieldConfig"]["defaults"].pop("noValue")),
    ("has_targets", lambda b: b["panels"][0].update(targets=[])),
    ("has_targets", lambda b: b["panels"][0]["targets"].append(b["panels"][0]["targets"][0])),
    ("datasource", lambda b: b["panels"][0].update(datasource={"uid": "P1809F7CD0C75ACF3"})),
    ("alerts_exist", lambda b: b["panels"][0].update(
        description="설명.\n\nText.\n\n경보 · Alerts: ProberGone")),
    ("same_thresholds", lambda b: panel(b, "Clock skew")["fieldConfig"]["defaults"]["thresholds"]
        ["steps"][1].update(value=14)),
    ("same_thresholds", lambda b: panel(b, "Share that can vote")["fieldConfig"]["defaults"]["thresholds"]
        ["steps"][-1].update(value=0.4)),
    ("stale_is_not_green", lambda b: panel(b, "Share that can vote")["fieldConfig"]["defaults"]["thresholds"]
        ["steps"][0].update(color="#2f7d32")),
    ("links_carry", lambda b: b["panels"][0]["fieldConfig"]["defaults"].update(
        links=[{"title": "x", "url": "/d/bongsu-service?var-service=x"}])),
    ("rate_interval", lambda b: replace(b, "Runs per second", "$__rate_interval", "5m")),
    ("counters_in_rates", lone_counter),
    ("no_fixed_place", lambda b: replace(b, "Runs per second", '$job', "bongsu")),
    ("joined_by_what_they_have", lambda b: panel(b, "Versions")["transformations"][0].update(
        id="joinByField", options={"byField": "service", "mode": "outer"})),
    ("parses", lambda b: replace(b, "Share that can vote", "avg(", "avg((")),
    ("known_names", lambda b: replace(b, "Share that can vote", "prober:up unless", "prober:nothing unless")),
]


def main():
    good = json.loads((HERE.parent / "health.json").read_text())
    faults = [f"the good board: {said}" for said in lint.problems(good)]
    for rule, broken in BREAKS:
        board = copy.deepcopy(good)
        broken(board)
        said = list(lint.problems(board))
        if {name for name, _ in said} != {rule}:
            faults.append(f"{rule}: {said or 'nothing was said'}")
    rules = {rule.__name__ for rule in [*lint_boards.RULES, *lint_panels.RULES]}
    faults += [f"{rule} is never broken" for rule in sorted(
        (rules | {"parses", "known_names"}) - {name for name, _ in BREAKS})]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(BREAKS)} passed, 0 failed")


if __name__ == "__main__":
    main()
