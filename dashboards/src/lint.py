#!/usr/bin/env python3
"""Judges dashboards/*.json. Prints every problem; exit 1 if there is any.

The rules are those of Grafana's dashboard-linter, and ours. Exempt are its rules about the label
`instance` and about a `job` matcher in every query: series are found by service and vantage here,
and recorded ones have no job. Its rules about Loki have no object.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lint_boards  # noqa: E402
import lint_panels  # noqa: E402
import thresholds  # noqa: E402
from evaluate import filled  # noqa: E402

# Names that are neither recorded nor the daemon's.
FROM_PROMETHEUS = {"up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds",
                   "scrape_samples_scraped"}
PREFIXES = ("bongsu_", "probe_", "process_", "prometheus_", "alertmanager_")
NAME = re.compile(r"(?<![\w:.$\"{])([a-zA-Z_:][\w:]*)\b(?!\s*\()")


def problems(board):
    """(rule, message) of a board."""
    for rule in lint_boards.RULES:
        for message in rule(board):
            yield rule.__name__, message
            if rule is lint_boards.classic_format:
                return
    for panel in board["panels"]:
        for rule in lint_panels.RULES:
            for message in rule(panel):
                yield rule.__name__, f"panel {panel['id']} {panel.get('title', '')!r}: {message}"
    yield from (("parses", message) for message in unparsed(board))
    yield from (("known_names", message) for message in unknown_names(board))


def queries(board):
    """Every expression with variables filled, and where it stands."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['id']} {target['refId']}", filled(target["expr"], {})
    for one in board["annotations"]["list"]:
        yield f"annotation {one['name']}", filled(one["expr"], {})


def unparsed(board):
    """Asks Prometheus's own parser, once for the whole board."""
    named = dict(queries(board))
    rules = [{"record": f"query:{index}", "expr": text} for index, text in enumerate(named.values())]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML.
        json.dump({"groups": [{"name": "queries", "rules": rules}]}, file)
        file.flush()
        run = subprocess.run(["promtool", "check", "rules", "--lint=none", file.name],
                             capture_output=True, text=True)
    if run.returncode:
        places = list(named)
        for index, said in re.findall(r"query:(\d+)\"[^\n]*?: (.*)", run.stderr) or [(None, run.stderr)]:
            yield f"{places[int(index)] if index else 'a query'}: {said.strip()}"


def names(expression):
    """Metric names of an expression: what looks like one, and is one by prefix or by colon."""
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', expression)
    text = re.sub(r"\{[^}]*\}|\b(by|on|ignoring|group_left|group_right|without)\s*\([^)]*\)", " ", text)
    return {name for name in NAME.findall(text)
            if ":" in name or name.startswith(PREFIXES) or name in FROM_PROMETHEUS}


def unknown_names(board):
    """Recorded names must exist. Those of the daemon are compared with a real scrape elsewhere."""
    records = thresholds.records()
    for place, expression in queries(board):
        for name in names(expression):
            if ":" in name and name not in records:
                yield f"{place}: nothing records {name}"


def main():
    found = []
    for path in sorted(HERE.parent.glob("*.json")):
        found += [f"{path.name}: {rule}: {message}"
                  for rule, message in problems(json.loads(path.read_text()))]
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
