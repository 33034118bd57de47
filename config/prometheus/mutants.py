#!/usr/bin/env python3
"""Breaks each rule in every small way and sees that its scenarios notice. `make mutants`.

A mutant changes one thing: a threshold is raised or lowered by half, a comparison turned, an
`unless` or `and` clause removed, a `for` or `keep_firing_for` dropped or lengthened. It is run
against the scenarios of its alert only; mutants of recording rules against those of the alerts
that depend on them. What survives is printed, and so is the count.

    mutants.py [--alert NAME]... [--jobs N]
"""

import argparse
import concurrent.futures
import copy
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "tests"))
from generate import document  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402

# Mutants that change nothing a user could see, each with its reason.
EQUIVALENT = yaml.safe_load((HERE / "mutants-equivalent.yml").read_text())


def rules():
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted(HERE.glob("rules/*.yml"))}


def clauses(expr):
    """Spans of `unless ...` and `and ...` to the end of their operand."""
    for match in re.finditer(r"\b(unless|and)\b(\s+on\s*\([^)]*\))?\s+", expr):
        depth, end = 0, match.end()
        while end < len(expr):
            char = expr[end]
            if char in "([{":
                depth += 1
            elif char in ")]}":
                if depth == 0:
                    break
                depth -= 1
            elif depth == 0 and end > match.end() and re.match(r"(unless|and|or)\b", expr[end:]) and expr[end - 1].isspace():
                break
            end += 1
        yield match.start(), end, " ".join(expr[match.start():end].split())


def mutations(expr):
    for match in re.finditer(r"(==|!=|>=|<=|>|<)( bool)? ", expr):
        turned = {"==": "!=", "!=": "==", ">": "<=", "<": ">=", ">=": "<", "<=": ">"}[match[1]]
        yield f"{match[1]} to {turned} at {match.start()}", expr[:match.start(1)] + turned + expr[match.end(1):]
    # numbers that stand alone, not in ranges or strings
    for match in re.finditer(r"(?<![\w.\"\[:$])(\d+(?:\.\d+)?)(?![\w.\"\]])", expr):
        value = float(match[1])
        for factor in (0.5, 1.5):
            changed = f"{value * factor:g}" if value else f"{factor - 1:g}"
            yield (f"{match[1]} to {changed} at {match.start()}",
                   expr[:match.start()] + changed + expr[match.end():])
    for start, end, clause in clauses(expr):
        yield f"without '{clause[:60]}'", expr[:start] + expr[end:]


def dependents(documents):
    """For each recorded name the alerts that use it, directly or not."""
    expressions = [(r.get("alert"), r.get("record"), r["expr"])
                   for d in documents.values() for g in d["groups"] for r in g["rules"]]
    users = {}
    for _, record, _ in expressions:
        if record:
            found, seen, queue = set(), {record}, [record]
            while queue:
                name = queue.pop()
                for alert, other, expr in expressions:
                    if re.search(re.escape(name) + r"(?![\w:])", expr):
                        if alert:
                            found.add(alert)
                        elif other not in seen:
                            seen.add(other)
                            queue.append(other)
            users[record] = found
    return users


def all_mutants(only):
    documents = rules()
    users = dependents(documents)
    for file, original in documents.items():
        for g, group in enumerate(original["groups"]):
            for r, rule in enumerate(group["rules"]):
                name = rule.get("alert") or rule["record"]
                alerts = {rule["alert"]} if "alert" in rule else users[name]
                if only and not alerts & only:
                    continue
                changes = [(what, {"expr": expr}) for what, expr in mutations(rule["expr"])]
                for key in ("for", "keep_firing_for"):
                    if key in rule:
                        number, unit = re.match(r"(\d+)(\w+)", rule[key]).groups()
                        changes += [(f"no {key}", {key: "0s"}),
                                    (f"three times {key}", {key: f"{3 * int(number)}{unit}"})]
                for what, change in changes:
                    yield file, g, r, name, alerts, what, change


def survives(mutant):
    """None if it was caught, else its description."""
    file, g, r, name, alerts, what, change = mutant
    documents = copy.deepcopy(rules())
    documents[file]["groups"][g]["rules"][r].update(change)
    worlds = [world for world in SCENARIOS if set(world.alerts) & alerts]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "rules").mkdir()
        (folder / "tests").mkdir()
        for other, document_ in documents.items():
            (folder / "rules" / other).write_text(yaml.safe_dump(document_, allow_unicode=True))
        by_step = {}
        for world in worlds:
            by_step.setdefault(world.step, []).append(world)
        # A few scenarios at a time: most mutants die in the first.
        for same in by_step.values():
            for i in range(0, len(same), 3):
                test = folder / "tests" / "t.yml"
                test.write_text(document(same[i:i + 3]))
                run = subprocess.run(["promtool", "test", "rules", str(test)], capture_output=True)
                if run.returncode:
                    return None
    return f"{name}: {what}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alert", action="append", default=[])
    parser.add_argument("--alerts-only", action="store_true", help="not the recording rules")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    mutants = [m for m in all_mutants(set(options.alert))
               if f"{m[3]}: {m[5]}" not in EQUIVALENT and not (options.alerts_only and ":" in m[3])]
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(survives, mutants):
            if result:
                survivors.append(result)
                print("SURVIVED", result, flush=True)
    print(f"{len(mutants)} mutants, {len(mutants) - len(survivors)} caught, {len(survivors)} survived")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
