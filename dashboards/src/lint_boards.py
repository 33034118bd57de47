"""Rules about a board as a whole: identity, variables, annotations, links, places."""

import re

import frame

TIMEZONES = {"Asia/Seoul", "browser"}
SCHEMA_VERSIONS = range(39, 43)
NEEDED_VARIABLES = {"datasource", "job", "grade", "service", "site", "vantage"}
# The uids that alerts link to, and that people have bookmarked.
UIDS = set(frame.BOARDS)
BOTH = re.compile(r"[가-힣].* · .*[A-Za-z]|^Alertmanager · |^CPU · ", re.DOTALL)


def classic_format(board):
    """File provisioning refuses the V2 format of Grafana 13."""
    for key in ("panels", "uid", "schemaVersion", "title"):
        if key not in board:
            yield f"no {key} at the top: not the classic format"
    if board.get("schemaVersion") not in SCHEMA_VERSIONS:
        yield f"schemaVersion {board.get('schemaVersion')}"
    if "id" in board:
        yield "id: it belongs to one Grafana, uid is the stable one"


def stable_uid(board):
    if board.get("uid") not in UIDS:
        yield f"uid {board.get('uid')} is none that alerts link to"


def uneditable(board):
    if board.get("editable") is not False:
        yield "editable: it is written from dashboards/src"


def tags(board):
    if frame.TAG not in board.get("tags", []):
        yield f"not tagged {frame.TAG}"


def timezone(board):
    if board.get("timezone") not in TIMEZONES:
        yield f"timezone {board.get('timezone')}"


def described(board):
    if not BOTH.search(board.get("title", "")):
        yield f"title {board.get('title')!r} is not Korean · English"
    if not re.search("[가-힣].*[A-Za-z]", board.get("description", "")):
        yield "no description in both languages"


def variables(board):
    named = {one["name"]: one for one in board["templating"]["list"]}
    if missing := NEEDED_VARIABLES - named.keys():
        yield f"no variable {', '.join(sorted(missing))}"
    if [one["name"] for one in named.values() if one["type"] == "datasource"] != ["datasource"]:
        yield "there must be one variable of type datasource, named datasource"
    for name, one in named.items():
        if one["type"] != "query":
            continue
        if one.get("refresh") != 2:
            yield f"variable {name} is not asked again when the time changes"
        if one.get("datasource", {}).get("uid") != "${datasource}":
            yield f"variable {name} does not use the variable datasource"
        if not one.get("label"):
            yield f"variable {name} has no label"


def variables_used(board):
    text = str(board["panels"]) + str(board["templating"]) + str(board["annotations"])
    for one in board["templating"]["list"]:
        if one["type"] == "query" and not re.search(rf"\$(\{{)?{one['name']}\b", text):
            yield f"variable {one['name']} is used by nothing"


def annotated(board):
    expressions = [one.get("expr", "") for one in board["annotations"]["list"]]
    for what in ("ALERTS", "bongsu_maintenance_active"):
        if not any(what in expression for expression in expressions):
            yield f"no annotation from {what}"


def board_links(board):
    """Links to all other boards; time and variables travel along."""
    linked = set()
    for link in board["links"]:
        if not (link.get("keepTime") and link.get("includeVars")):
            yield f"link {link['url']} loses the time or the variables"
        linked.add(link["url"].removeprefix("/d/"))
    if missing := UIDS - linked - {board["uid"]}:
        yield f"no link to {', '.join(sorted(missing))}"


def unique_ids(board):
    numbers = [panel["id"] for panel in board["panels"]]
    if len(numbers) != len(set(numbers)):
        yield "two panels have one id"


def no_overlaps(board):
    taken = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        if place["x"] + place["w"] > frame.COLUMNS:
            yield f"panel {panel['id']} leaves the {frame.COLUMNS} columns"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if taken.setdefault((x, y), panel["id"]) != panel["id"]:
                    yield f"panels {taken[x, y]} and {panel['id']} overlap"
                    return


def own_freshness(board):
    if not any("bongsu_probe_last_run_timestamp_seconds" in target["expr"]
               for panel in board["panels"] for target in panel["targets"]):
        yield "no panel shows how old the data is"


RULES = [classic_format, stable_uid, uneditable, tags, timezone, described, variables,
         variables_used, annotated, board_links, unique_ids, no_overlaps, own_freshness]
