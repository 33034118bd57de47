#!/usr/bin/env python3
"""Breaks each rule in every small way and sees that its scenarios notice. `make mutants`.

A mutant changes one thing: a threshold is raised or lowered by half, a comparison turned, an
`unless` or `and` clause removed, a `for` or `keep_firing_for` dropped or lengthened. It is run
against the scenarios of its alert only; mutants of recording rules against those of the alerts
that depend on them.

First each scenario is cut down to what the changed rule can reach, and the mutants of a rule share
its runs (slices.py). What no slice notices is run whole. What survives that is printed, and so is
the count.

Every result is kept in mutants-judged.jsonl, with a digest of the rules and the scenario that it
stands on, and holds for as long as they do: a run that was broken off, or a rule that was changed,
costs only the rest. `--fresh` believes none of them.

    mutants.py [--alert NAME]... [--sample N [--seed S]] [--jobs N] [--fresh | --count]

`--count` runs nothing: it says what the record holds. `--sample 60` takes sixty of them at random, the same
ones for the same seed and rules, because all of them take hours.
"""

import argparse
import collections
import concurrent.futures
import copy
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import sys
import threading

import yaml

import slices
from judge import promtool, rules
from scenarios import SCENARIOS

HERE = pathlib.Path(__file__).resolve().parent

# Mutants that change nothing a user could see, each with its reason.
EQUIVALENT = yaml.safe_load((HERE / "mutants-equivalent.yml").read_text())
# Copies of the rules in one run; more are slower to load than they save.
BATCH = 16
RESULTS = HERE / "mutants-judged.jsonl"


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


Mutant = collections.namedtuple("Mutant", "file group rule name what change")


def all_mutants(documents, only):
    users = dependents(documents)
    for file, original in documents.items():
        for g, group in enumerate(original["groups"]):
            for r, rule in enumerate(group["rules"]):
                name = slices.name_of(rule)
                alerts = {rule["alert"]} if "alert" in rule else users[name]
                if only and not alerts & only and name not in only:
                    continue
                changes = [(what, {"expr": expr}) for what, expr in mutations(rule["expr"])]
                for key in ("for", "keep_firing_for"):
                    if key in rule:
                        number, unit = re.match(r"(\d+)(\w+)", rule[key]).groups()
                        changes += [(f"no {key}", {key: "0s"}),
                                    (f"three times {key}", {key: f"{3 * int(number)}{unit}"})]
                seen = collections.Counter()
                for what, change in changes:
                    seen[what] += 1
                    again = f" ({seen[what]})" if seen[what] > 1 else ""
                    yield Mutant(file, g, r, name, what + again, change)


def numbers(lines):
    return {int(n) for line in lines for n in re.findall(r"__m(\d+)", line)}


def noticed(slice_, documents, changes):
    """Which of these changes the slice notices, and which are no PromQL. `changes` is number ->
    change; 0 among the noticed means that the slice fails without any."""
    left, caught, refused = dict(changes), set(), set()
    while left:
        said = promtool(*slice_.files(documents, left))
        lines = said.splitlines()
        if bad := numbers(line for line in lines if "could not parse expression" in line):
            refused |= bad
        # Prometheus cannot evaluate it (many-to-many...): promtool stops there.
        elif bad := numbers(line for line in lines if re.match(r"\s*rule: ", line)):
            caught |= bad
        else:
            wrong = numbers(line for line in lines if line.lstrip().startswith("expr: "))
            if said and not wrong:
                sys.exit(f"promtool, unexpectedly:\n{said}")
            return caught | wrong, refused
        if 0 in bad:
            return bad, refused
        left = {n: change for n, change in left.items() if n not in bad}
    return caught, refused


def digest(*values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Hunt:
    """Runs the mutants of one rule after the other, and knows what was found before."""

    def __init__(self, documents, quick, fresh):
        self.quick, self.documents, self.graph = quick, documents, slices.Graph(documents)
        self.lock = threading.Lock()
        self.known = {}
        if RESULTS.exists() and not fresh:
            for line in RESULTS.read_text().splitlines():
                entry = json.loads(line)
                self.known[entry["mutant"]] = entry

    @functools.lru_cache(maxsize=None)
    def slices(self, name):
        """What can notice a change of this rule, the cheapest first."""
        cut = [slices.Slice(self.graph, world, name) for world in SCENARIOS]
        return sorted((s for s in cut if s.sees), key=lambda s: s.world.count * (1 + len(s.world.input) / 100))

    def cost(self, name):
        """How many rules are evaluated how often for one mutant."""
        return sum(s.world.count * len(s.copied) for s in self.slices(name))

    def worlds(self, name):
        """The scenarios of the alerts that stand on this rule."""
        alerts = self.graph.above(name) & self.graph.alerts
        return [w for w in SCENARIOS if set(w.alerts) & alerts]

    def stands_on(self, mutant, entry):
        """The digest of what a result stands on."""
        rule = self.documents[mutant.file]["groups"][mutant.group]["rules"][mutant.rule]
        if entry["caught_by"] == "refused":
            return digest(rule, mutant.change)
        for slice_ in self.slices(mutant.name):
            if slice_.world.name == entry["caught_by"] and not entry["whole"]:
                return digest(slice_.rules(self.documents), mutant.change, slice_.world.test())
        return digest(self.documents, mutant.change, [w.test() for w in self.worlds(mutant.name)])

    def judged(self, mutant):
        """What was found before, if it still holds: the scenario that catches it, or "refused"."""
        entry = self.known.get(title(mutant))
        return entry["caught_by"] if entry and entry["digest"] == self.stands_on(mutant, entry) else None

    def hunt(self, mutants):
        """Mutants of one rule; yields each with the scenario that catches it, "refused", or None."""
        left = {}
        for number, mutant in enumerate(mutants, 1):
            if caught_by := self.judged(mutant):
                yield mutant, caught_by
            else:
                left[number] = mutant
        for slice_ in self.slices(mutants[0].name):
            for some in batches(left):
                caught, refused = noticed(slice_, self.documents, {n: left[n].change for n in some})
                if 0 in caught:
                    break  # cut too small to mean what it meant
                for number in caught | refused:
                    mutant = left.pop(number)
                    yield mutant, self.keep(mutant, "refused" if number in refused else slice_.world.name, False)
        for mutant in left.values():
            if self.quick:
                yield mutant, None
            else:
                caught_by = next((w.name for w in self.worlds(mutant.name) if self.whole(mutant, w)), None)
                yield mutant, self.keep(mutant, caught_by, True)

    def whole(self, mutant, world):
        documents = copy.deepcopy(self.documents)
        documents[mutant.file]["groups"][mutant.group]["rules"][mutant.rule].update(mutant.change)
        groups = [g for d in documents.values() for g in d["groups"]]
        return promtool(*slices.text(groups, [world.test()], world.step))

    def keep(self, mutant, caught_by, whole):
        entry = {"mutant": title(mutant), "caught_by": caught_by, "whole": whole}
        entry["digest"] = self.stands_on(mutant, entry)
        with self.lock:
            self.known[entry["mutant"]] = entry
            with RESULTS.open("a") as file:
                file.write(line(entry))
        return caught_by

    def tidy(self, titles):
        """One line for each of these mutants, in their order."""
        RESULTS.write_text("".join(line(self.known[t]) for t in titles if t in self.known))


def line(entry):
    return json.dumps(entry, ensure_ascii=False) + "\n"


def tell(hunt, by_rule, left_out, found):
    """The record in numbers, and what it does not hold."""
    unjudged = {name: sum(hunt.judged(m) is None for m in mutants) for name, mutants in by_rule.items()}
    asked = sum(len(mutants) for mutants in by_rule.values())
    print(f"{found} mutants: {asked - sum(unjudged.values())} caught or refused by PromQL, {sum(unjudged.values())} not (yet), "
          f"{found - left_out - asked} equivalent, {left_out} of what no alert stands on")
    for name, number in unjudged.items():
        if number:
            print(f"not (yet): {number} of {len(by_rule[name])} of {name}")


def title(mutant):
    return f"{mutant.name}: {mutant.what}"


def batches(items):
    items = list(items)
    return [items[i:i + BATCH] for i in range(0, len(items), BATCH)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alert", action="append", default=[], help="an alert and what it stands on, or a recorded name")
    parser.add_argument("--sample", type=int, help="so many of them, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--alerts-only", action="store_true", help="not the recording rules")
    parser.add_argument("--quick", action="store_true", help="slices only: a survivor may yet be caught by the whole")
    parser.add_argument("--fresh", action="store_true", help="judge again what was judged before")
    parser.add_argument("--count", action="store_true", help="say what the record holds, and run nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    documents = rules()
    found = [m for m in all_mutants(documents, set(options.alert))
             if not (options.alerts_only and ":" in m.name)]
    if options.sample is not None:
        found = random.Random(options.seed).sample(found, min(options.sample, len(found)))
    titles = [title(m) for m in all_mutants(documents, set())]
    if gone := EQUIVALENT.keys() - set(titles):
        sys.exit("mutants-equivalent.yml names mutants that do not exist:\n" + "\n".join(sorted(gone)))
    by_rule = collections.defaultdict(list)
    for mutant in found:
        if title(mutant) not in EQUIVALENT:
            by_rule[mutant.name].append(mutant)
    hunt = Hunt(documents, options.quick, options.fresh)
    # What boards alone show, no scenario asks for.
    unasked = [name for name in by_rule if ":" in name and not hunt.worlds(name) and not hunt.slices(name)]
    left_out = sum(len(by_rule.pop(name)) for name in unasked)
    if options.count:
        return tell(hunt, by_rule, left_out, len(found))
    count = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        # the quick ones first, so that a run that is broken off has done many
        order = sorted(by_rule, key=lambda name: hunt.cost(name) * len(by_rule[name]))
        runs = {pool.submit(lambda ms: list(hunt.hunt(ms)), by_rule[name]): name for name in order}
        for run in concurrent.futures.as_completed(runs):
            here = collections.Counter()
            for mutant, caught_by in run.result():
                here["survived" if caught_by is None else "refused" if caught_by == "refused" else "caught"] += 1
                if caught_by is None:
                    print("SURVIVED", title(mutant), flush=True)
            print(f"{runs[run]}: {sum(here.values())} mutants, {here['caught']} caught", flush=True)
            count += here
    hunt.tidy(titles)
    print(f"{len(found)} mutants: {count['caught']} caught, {count['survived']} survived, "
          f"{len(found) - left_out - count.total()} equivalent, {count['refused']} that PromQL refuses, "
          f"{left_out} of what no alert stands on ({', '.join(unasked) or 'nothing'})")
    sys.exit(bool(count["survived"]))


if __name__ == "__main__":
    main()
