"""Rules about single panels and their queries."""

import re

import panels
import thresholds

UNITS = {"none", "short", "s", "m", "bytes", "percentunit", "ops", "dthms", "dateTimeAsIso",
         "suffix: 일"}
# Angular panels of old Grafanas are not migrated reliably.
KINDS = {"stat", "bargauge", "timeseries", "state-timeline", "table"}
RATE = re.compile(r"\b(rate|irate|increase)\s*\(")
COUNTER = re.compile(r"\b[a-z_:]+_total\b(?!\")")
CARRIED = ("${__url_time_range}", "queryparam}")


def texts(panel):
    """Title and description, in both languages."""
    title, description = panel.get("title", ""), panel.get("description", "")
    if " · " not in title:
        yield f"title {title!r} is not Korean · English"
    parts = description.split("\n\n")
    if len(parts) < 2 or not re.search("[가-힣]", parts[0]) or not re.search("[A-Za-z]", parts[1]):
        yield "no description in both languages"


def kind(panel):
    if panel["type"] not in KINDS:
        yield f"type {panel['type']}"


def unit(panel):
    if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
        yield f"unit {panel['fieldConfig']['defaults'].get('unit')}"
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "unit" and one["value"] not in UNITS:
                yield f"unit {one['value']}"


def no_data_text(panel):
    if " · " not in panel["fieldConfig"]["defaults"].get("noValue", ""):
        yield "no text in both languages for no data"


def has_targets(panel):
    if not panel.get("targets"):
        yield "no query"
    references = [target["refId"] for target in panel.get("targets", [])]
    if len(references) != len(set(references)):
        yield "two queries have one refId"


def datasource(panel):
    for one in [panel, *panel.get("targets", [])]:
        if one.get("datasource", {}).get("uid") != "${datasource}":
            yield "a data source that is not the variable"


def alerts_named(panel):
    """Alerts whose threshold the panel claims to share."""
    found = re.search(r"경보 · Alerts: (.+)$", panel.get("description", ""))
    return found[1].split(", ") if found else []


def alerts_exist(panel):
    for name in alerts_named(panel):
        if name not in thresholds.ALERTS:
            yield f"no alert {name}"


def steps_of(panel):
    """Every threshold of the panel, also those of columns."""
    defaults = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    columns = [step for override in panel["fieldConfig"]["overrides"]
               for one in override["properties"] if one["id"] == "thresholds"
               for step in one["value"]["steps"]]
    return {step["value"] for step in [*defaults, *columns] if step["value"] is not None}


def same_thresholds(panel):
    """A panel that names an alert has the alert's number: as a threshold, where a whole count may
    stand one above a strict limit, or inside its query. Mapped states and tables need none."""
    drawn, asked = steps_of(panel), " ".join(expressions(panel))
    if panel["type"] == "table" or panel["fieldConfig"]["defaults"].get("mappings"):
        return
    for name in alerts_named(panel):
        numbers = [thresholds.of(key) for key in thresholds.keys(name)]
        asks_the_same = thresholds.fragments().get(name, "\0") in asked
        if numbers and not asks_the_same and not any(n in drawn or n + 1 in drawn for n in numbers):
            yield f"thresholds {sorted(drawn)}, {name} has {numbers}"


def stale_is_not_green(panel):
    """Grafana gives a value that is missing the colour of the lowest step."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    if panel["type"] == "stat" and steps[0]["color"] == panels.GREEN:
        yield "no data would be green"


def links_carry(panel):
    links = list(panel["fieldConfig"]["defaults"].get("links", []))
    for override in panel["fieldConfig"]["overrides"]:
        links += [link for one in override["properties"] if one["id"] == "links"
                  for link in one["value"]]
    for link in links:
        if link["url"].startswith("/d/") and not all(part in link["url"] for part in CARRIED):
            yield f"link {link['url']} loses the time or the variables"


def expressions(panel):
    return [target["expr"] for target in panel.get("targets", [])]


def rate_interval(panel):
    """`$__rate_interval` in every rate, unless an alert of this panel has the same window."""
    for expression in expressions(panel):
        for found in RATE.finditer(expression):
            window = re.search(r"\[([^\]]+)\]", expression[found.end():])
            fixed = [name for name in alerts_named(panel)
                     if window and f"[{window[1]}]" in thresholds.ALERTS[name]["expr"]]
            if not window or window[1] != "$__rate_interval" and not fixed:
                yield f"{found[1]} without $__rate_interval: {expression}"


def counters_in_rates(panel):
    for expression in expressions(panel):
        for found in COUNTER.finditer(expression):
            if not re.search(r"(rate|irate|increase)\s*\(\s*$", expression[:found.start()]):
                yield f"{found[0]} outside rate: {expression}"


def no_fixed_place(panel):
    """A place or a service written into a query would be true at one installation only."""
    for expression in expressions(panel):
        for label, value in re.findall(r'\b(service|site|vantage|job|instance)=~?"([^"]*)"', expression):
            if "$" not in value:
                yield f"{label} is fixed to {value!r}: {expression}"


def joined_by_what_they_have(panel):
    """Of tables that lack the field by which they are joined Grafana shows nothing."""
    for one in panel.get("transformations", []):
        field = one["options"].get("byField")
        for expression in expressions(panel) if field else ():
            if not re.search(rf"\b{field}\b", expression):
                yield f"joined by {field}: {expression}"


RULES = [texts, kind, unit, no_data_text, has_targets, datasource, alerts_exist, same_thresholds,
         stale_is_not_green, links_carry, rate_interval, counters_in_rates, no_fixed_place,
         joined_by_what_they_have]
