"""promtool as the judge of one world, given only the rules that the world's questions can stand on.

Most of promtool's time would go to alerts that nobody asks for, and to annotations, which are queries of
their own. Both are left out. An alert is left out only where a label that its rule writes as it stands
contradicts every question: one for pages leaves out what is written `severity: chat`, whatever the
timeline does to it. Everything else (which service, which hours, whether it fires at all) is never
guessed, and what is asked without a name ("at most three pages") keeps every alert that could page. What the
kept rules read is kept with them, alerts included. alike.py compares this with a judge that has all rules.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import slices

RULES = pathlib.Path(__file__).resolve().parents[2] / "config/prometheus/rules"


def rules():
    """The shipped rules by file."""
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml"))}


def promtool(rules_text, tests_text):
    """What promtool says against it; "" if nothing."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "rules.yml").write_text(rules_text)
        (pathlib.Path(folder) / "tests.yml").write_text(tests_text)
        run = subprocess.run(["promtool", "test", "rules", "tests.yml"], cwd=folder, capture_output=True, text=True,
                             env={**os.environ, "GOGC": "400"})  # a fifth less processor time
    return (run.stdout + run.stderr) if run.returncode else ""


def asked(world, documents):
    """The groups with the rules that the world asks for and what these read, without annotations."""
    if world.texts:
        sys.exit(f"{world.name}: annotations are asked for, and here they are left out")
    graph = slices.Graph(documents)
    names = graph.below(set().union(*(graph.named(query["expr"]) for query in world.expected)))
    groups = []
    for group in (group for document in documents.values() for group in document["groups"]):
        kept = [{key: value for key, value in rule.items() if key != "annotations"}
                for rule in group["rules"] if slices.name_of(rule) in names]
        if kept:
            groups.append({**group, "rules": kept})
    return groups


def wrong(world, groups):
    """The questions that promtool answers otherwise than expected: moment, expected, got."""
    said = promtool(*slices.text(groups, [world.test()], world.step))
    found = re.findall(r"time: (\S+),\n\s+exp: (.*)\n\s+got: (.*)", said)
    if said and not found:
        sys.exit(said)
    return found


def judge(world):
    return wrong(world, asked(world, rules()))
