"""Fills the variables of a query as Grafana would, and asks a Prometheus.

A Prometheus is anything with `query(expression, at)` and `query_range(expression, start, end,
step)` that return lists of (labels, value) and (labels, [(time, value)...]).
"""

import math
import re

ALL = {"grade": ".*", "service": ".*", "site": ".*", "vantage": ".*", "job": ".*"}
INTERVALS = {"__rate_interval": "1m", "__range": "6h", "__interval": "15s"}


def filled(text, values):
    """`values` are those of variables; what is not given is "All", or the usual interval."""
    known = {**ALL, **INTERVALS, **values}

    def value(found):
        name = found[1] or found[2]
        if name not in known:
            return found[0]
        chosen = known[name]
        return "(" + "|".join(chosen) + ")" if isinstance(chosen, (list, tuple)) else chosen

    # "$1" of label_replace stays.
    return re.sub(r"\$(?:\{([a-z_]\w*)\}|([a-z_]\w*))", value, text)


def answer(prometheus, target, values, span):
    """What one target of a panel shows: [(labels, [(time, value)...])...], without NaN. `span` is
    (start, end, step) in unix time and seconds."""
    start, end, step = span
    expression = filled(target["expr"], {"__range": f"{round(end - start)}s", **values})
    if target["instant"]:
        series = [(labels, [(end, value)]) for labels, value in prometheus.query(expression, end)]
    else:
        series = prometheus.query_range(expression, start, end, step)
    series = [(labels, [(at, value) for at, value in points if not math.isnan(value)])
              for labels, points in series]
    return [(labels, points) for labels, points in series if points]


def choices(prometheus, variable, values):
    """The values a query variable offers, as Grafana reads them."""
    asked = filled(variable["query"]["query"], values)
    labels = re.fullmatch(r"label_values\((.*), (\w+)\)", asked)
    if labels:
        return sorted({found[labels[2]] for found, _ in prometheus.query(labels[1])
                       if found.get(labels[2])})
    # query_result and a regular expression with a named group, read from a series' text.
    inner = re.fullmatch(r"query_result\((.*)\)", asked)[1]
    wanted = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
    texts = (", ".join(f'{name}="{value}"' for name, value in sorted(found.items()))
             for found, _ in prometheus.query(inner))
    return sorted({found["value"] for found in map(wanted.search, texts) if found})
