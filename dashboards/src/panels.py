"""Panels of classic Grafana JSON: what this project uses of it, with its own defaults.

A panel knows more than its JSON: at which moments each of its queries must find data (`expected`
of a Query), and which alerts share its thresholds. The build writes the JSON; lint.py and
tests/stack/dashboards.py ask for the rest.
"""

from dataclasses import dataclass, field

import thresholds

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Moments of the end-to-end check at which a query must find data.
ALWAYS = frozenset({"healthy", "broken"})
BROKEN = frozenset({"broken"})
# Needs Prometheus to scrape itself and its Alertmanager, which the check lets it do.
PIPELINE = ALWAYS

GREEN, YELLOW, ORANGE, RED = "#2f7d32", "#c8a200", "orange", "dark-red"
BLUE, GREY, TEXT = "blue", "#6e7077", "text"


@dataclass
class Query:
    """One query. `table` asks for rows at the end of the range, `instant` for single values."""

    expr: str
    legend: str = ""
    instant: bool = False
    table: bool = False
    expected: frozenset = ALWAYS

    def json(self, ref):
        at_end = self.instant or self.table
        return {
            "refId": ref, "datasource": DATASOURCE, "expr": " ".join(self.expr.split()),
            "legendFormat": self.legend or "__auto", "instant": at_end, "range": not at_end,
            "format": "table" if self.table else "time_series", "editorMode": "code",
        }


def now(expr, legend="", expected=ALWAYS):
    """The value at the end of the range."""
    return Query(expr, legend, instant=True, expected=expected)


def rows(expr, expected=ALWAYS):
    """The rows of a table."""
    return Query(expr, table=True, expected=expected)


@dataclass
class Panel:
    """`empty` is shown when there is no data. `alerts` share the panel's thresholds, or ask what its
    query asks; `related` are worth reading beside it."""

    kind: str
    title: str
    korean: str
    english: str
    queries: list
    unit: str = "none"
    empty: str = "데이터 없음 · no data"
    steps: list = field(default_factory=lambda: [(None, TEXT)])
    alerts: tuple = ()
    related: tuple = ()
    defaults: dict = field(default_factory=dict)
    overrides: list = field(default_factory=list)
    options: dict = field(default_factory=dict)
    transformations: list = field(default_factory=list)

    def description(self):
        text = f"{self.korean}\n\n{self.english}"
        if self.alerts:
            text += "\n\n경보 · Alerts: " + ", ".join(self.alerts)
        if self.related:
            text += "\n\n관련 경보 · Related alerts: " + ", ".join(self.related)
        return text

    def json(self, number, place):
        x, y, w, h = place
        return {
            "id": number, "type": self.kind, "title": self.title,
            "description": self.description(), "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": w, "h": h},
            "targets": [query.json(ref(index)) for index, query in enumerate(self.queries)],
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit, "noValue": self.empty,
                    "thresholds": steps(self.steps),
                    "color": {"mode": "thresholds"}, "mappings": [], **self.defaults,
                },
                "overrides": self.overrides,
            },
            "options": self.options, "transformations": self.transformations,
            "links": [
                {"title": f"대응 절차 · Runbook {alert}", "targetBlank": True,
                 "url": f"{thresholds.runbooks()}/{alert}"} for alert in (*self.alerts, *self.related)
            ],
        }


def ref(index):
    """A, B, C..."""
    return chr(ord("A") + index)


def steps(pairs):
    return {"mode": "absolute",
            "steps": [{"value": value, "color": color} for value, color in pairs]}


def stat(title, korean, english, queries, **more):
    """Big numbers, or tiles when there are many."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background_solid", "graphMode": "none", "justifyMode": "center",
        "textMode": "auto", "orientation": "auto", "wideLayout": False,
        **more.pop("options", {}),
    }
    more.setdefault("steps", [(None, GREY)])
    return Panel("stat", title, korean, english, queries, options=options, **more)


def bars(title, korean, english, queries, **more):
    """One horizontal bar a series, in the order of the query."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal", "displayMode": "basic", "valueMode": "color",
        "namePlacement": "left", "showUnfilled": True, "sizing": "auto", "minVizHeight": 12,
        "minVizWidth": 8, "maxVizHeight": 40, "text": {"titleSize": 13, "valueSize": 15},
        **more.pop("options", {}),
    }
    return Panel("bargauge", title, korean, english, queries, options=options, **more)


def graph(title, korean, english, queries, **more):
    """Lines over time; a threshold other than the first is drawn as a line."""
    style = {
        "drawStyle": "line", "lineWidth": 2, "fillOpacity": 10, "showPoints": "never",
        "spanNulls": False, "lineInterpolation": "linear",
        "thresholdsStyle": {"mode": "line" if len(more.get("steps", [])) > 1 else "off"},
        "stacking": {"mode": "none", "group": "A"}, **more.pop("style", {}),
    }
    defaults = {"custom": style, "color": {"mode": "palette-classic"}, **more.pop("defaults", {})}
    options = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"}, **more.pop("options", {}),
    }
    return Panel("timeseries", title, korean, english, queries, defaults=defaults,
                 options=options, **more)


def stacked(title, korean, english, queries, **more):
    """Areas on top of each other."""
    style = {"stacking": {"mode": "normal", "group": "A"}, "fillOpacity": 50, "lineWidth": 1,
             **more.pop("style", {})}
    return graph(title, korean, english, queries, style=style, **more)


def timeline(title, korean, english, queries, mapping, **more):
    """Coloured states over time, a row a series; more than twelve are on further pages, lest their
    names overlap."""
    defaults = {"mappings": [mapping], "custom": {"fillOpacity": 85, "lineWidth": 0},
                **more.pop("defaults", {})}
    options = {
        "showValue": "never", "rowHeight": 0.85, "mergeValues": True, "alignValue": "left",
        "perPage": 12,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"}, **more.pop("options", {}),
    }
    return Panel("state-timeline", title, korean, english, queries, defaults=defaults,
                 options=options, **more)


def table(title, korean, english, queries, columns, sort, **more):
    """Queries joined by one label, or by all that they share where `key` is None. `columns` are
    (field, Column) in order; what is not named is left out. `sort` are columns, each with its way."""
    key = more.pop("key", "service")
    names = [name for name, _ in columns]
    joined = [{"id": "joinByField", "options": {"byField": key, "mode": "outer"}} if key
              else {"id": "merge", "options": {}}]
    transformations = (joined if len(queries) > 1 else []) + [
        {"id": "filterFieldsByName", "options": {"include": {"names": names}}},
        {"id": "organize", "options": {
            "excludeByName": {}, "renameByName": {},
            "indexByName": {name: index for index, name in enumerate(names)}}},
    ]
    options = {"showHeader": True, "cellHeight": more.pop("cell", "md"), "footer": {"show": False},
               "sortBy": [{"displayName": name, "desc": way == "desc"} for name, way in sort]}
    defaults = {"custom": {"align": "left", "cellOptions": {"type": "auto"}, "filterable": False},
                "color": {"mode": "thresholds"}, **more.pop("defaults", {})}
    # An empty cell is not an empty table.
    blank = {"matcher": {"id": "byRegexp", "options": ".*"},
             "properties": [{"id": "noValue", "value": "–"}]}
    overrides = [blank, *(column.json(name) for name, column in columns)]
    return Panel("table", title, korean, english, queries, defaults=defaults, options=options,
                 overrides=overrides, transformations=transformations, **more)


@dataclass
class Column:
    """How a field of a table looks."""

    title: str
    unit: str = ""
    width: int = 0
    mapping: dict = None
    steps: list = None
    cell: str = ""
    decimals: int = None
    links: list = None
    limits: tuple = None

    def json(self, name):
        properties = [{"id": "displayName", "value": self.title}]
        if self.unit:
            properties.append({"id": "unit", "value": self.unit})
        if self.width:
            properties.append({"id": "custom.width", "value": self.width})
        if self.mapping:
            properties.append({"id": "mappings", "value": [self.mapping]})
        if self.steps:
            properties.append({"id": "thresholds", "value": steps(self.steps)})
        if self.cell:
            cell = {"type": self.cell}
            if self.cell == "color-background":
                cell["mode"] = "basic"
            if self.cell == "gauge":
                cell.update(mode="basic", valueDisplayMode="text")
            properties.append({"id": "custom.cellOptions", "value": cell})
        if self.decimals is not None:
            properties.append({"id": "decimals", "value": self.decimals})
        if self.limits:
            properties += [{"id": "min", "value": self.limits[0]},
                           {"id": "max", "value": self.limits[1]}]
        if self.links:
            properties.append({"id": "links", "value": self.links})
        return {"matcher": {"id": "byName", "options": name}, "properties": properties}
