"""Fills the variables of a query as Grafana would, and asks a Prometheus."""

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
