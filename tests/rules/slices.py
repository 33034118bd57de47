"""The part of a scenario that a broken rule can change, with many mutants of the rule side by side,
so that a mutant costs a second and not a minute of promtool.

A change of one rule reaches only what reads it. So only the alerts that stand on the changed rule
are kept, of these only the ones the scenario speaks of, and whatever they read. What is expected is
narrowed to the same alerts. A slice can only notice less than the whole: what it does not notice
is to be run whole.

Several mutants share a run. What a change can reach is there once for each of them under a name of
its own (`service:down__m3`), what it cannot reach is there once. Number 0 is no mutant: if what is
expected does not hold for it, the slice says nothing.
"""

import re

import yaml


def name_of(rule):
    return rule.get("alert") or rule["record"]


class Graph:
    """Which rule reads which. An alert is a name as a recorded series is."""

    def __init__(self, documents):
        rules = all_rules(documents)
        self.alerting = [r for r in rules if "alert" in r]
        self.alerts = {r["alert"] for r in self.alerting}
        self.pages = {r["alert"] for r in self.alerting if r["labels"]["severity"] == "page"}
        self.recorded = {r["record"] for r in rules if "record" in r}
        # Of these the alerts are what it finds in ALERTS.
        self.reads = {name_of(r): set() for r in rules}
        for rule in rules:
            self.reads[name_of(rule)] |= self.named(rule["expr"])

    def named(self, expr):
        """What an expression reads of the rules: recorded names, and every alert that its selectors of ALERTS
        could find. What a rule does not fix, such as the service, could be anything."""
        if "__name__" in expr:
            return self.alerts | self.recorded
        found = words(expr) & self.recorded
        for selector in re.findall(r"\bALERTS(?:_FOR_STATE)?\b\s*({(?:[^}\"]|\"[^\"]*\")*})?", expr):
            matchers = MATCHER.findall(selector)
            found |= {r["alert"] for r in self.alerting if all(could_match(r, *matcher) for matcher in matchers)}
        return found

    def below(self, names):
        """All that these read, directly or not, themselves included."""
        found, queue = set(names), list(names)
        while queue:
            name = queue.pop()
            more = self.reads.get(name, set())
            queue += more - found
            found |= more
        return found

    def above(self, name):
        """All that read this, directly or not, itself included; but not who reads ALERTS."""
        found, queue = {name}, [name]
        while queue:
            wanted = queue.pop()
            more = {n for n, reads in self.reads.items() if wanted in reads and wanted not in self.alerts}
            queue += more - found
            found |= more
        return found


# One with a backslash is not read, so it excludes nothing.
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"\\]*)"')


def could_match(rule, label, operator, value):
    """Whether an alert of this rule could have such a label."""
    fixed = {"alertname": rule["alert"], **rule["labels"]}.get(label)
    if fixed is None or "{{" in fixed:
        return True
    same = re.fullmatch(value, fixed) is not None if "~" in operator else fixed == value
    return same != operator.startswith("!")


def spoken_of(graph, world):
    """Alerts the scenario is about, or expects."""
    said = " ".join(row["labels"] for q in world.expected for row in q["exp_samples"])
    pages = graph.pages if any(unnamed_pages(q) for q in world.expected) else set()
    return set(world.alerts) | pages | set(re.findall(r'alertname="(\w+)"', said))


def unnamed_pages(query):
    """Whether it asks for pages without saying which."""
    return 'severity="page"' in query["expr"] and "alertname" not in query["expr"]


def narrowed(query, alerts, names):
    """The query for these alerts only; None if it asks for something else."""
    expr = query["expr"]
    if "ALERTS{" not in expr:
        return query if words(expr) & names else None
    if named := re.search(r'alertname="(\w+)"', expr):
        return query if named[1] in alerts else None
    if not alerts:
        return None
    expr = expr.replace("ALERTS{", f'ALERTS{{alertname=~"{"|".join(sorted(alerts))}",')
    rows = []
    for row in query["exp_samples"]:
        said = re.search(r'alertname="(\w+)"', row["labels"])
        if not said or said[1] in alerts:
            rows.append(row)
    return {**query, "expr": expr, "exp_samples": rows}


class Slice:
    """What of a scenario is run for changes of one rule."""

    def __init__(self, graph, world, changed):
        self.world, self.changed = world, changed
        affected = graph.above(changed)
        alerts = affected & graph.alerts & spoken_of(graph, world)
        self.queries = [n for q in world.expected if (n := narrowed(q, alerts, affected - graph.alerts))]
        asked = {word for q in self.queries for word in words(q["expr"])}
        self.names = graph.below(alerts | (asked & graph.reads.keys()))
        # Without the changed rule in it, nothing can be noticed.
        self.sees = changed in self.names and bool(self.queries)
        self.copied = affected & self.names

    def rules(self, documents):
        """The rules as they are, without annotations: their queries cost more than the rules."""
        return [{**r, "annotations": {}} for r in all_rules(documents) if name_of(r) in self.names]

    def files(self, documents, changes):
        """Rules and tests of one run. `changes` is number -> change of the rule; 0 is added."""
        changes = {0: {}, **changes}
        pattern = re.compile(r"(?<![\w:])(" + "|".join(sorted(self.copied, key=len, reverse=True)) + r")(?![\w:])")
        rename = lambda expr, number: pattern.sub(rf"\1__m{number}", expr)
        groups = []
        for group in (g for d in documents.values() for g in d["groups"]):
            kept = []
            for rule in group["rules"]:
                name = name_of(rule)
                if name not in self.names:
                    continue
                rule = {k: v for k, v in rule.items() if k != "annotations"}
                if name not in self.copied:
                    kept.append(rule)
                    continue
                for number, change in changes.items():
                    copy = {**rule, **(change if name == self.changed else {})}
                    copy["alert" if "alert" in rule else "record"] = f"{name}__m{number}"
                    kept.append({**copy, "expr": rename(copy["expr"], number)})
            if kept:
                groups.append({**group, "rules": kept})
        queries = []
        for query in self.queries:
            for number in changes:
                rows = [{**row, "labels": rename(row["labels"], number)} for row in query["exp_samples"]]
                queries.append({**query, "expr": rename(query["expr"], number), "exp_samples": rows})
        test = {**self.world.test(), "promql_expr_test": queries}
        test.pop("alert_rule_test", None)
        return text(groups, [test], self.world.step)


def all_rules(documents):
    return [r for d in documents.values() for g in d["groups"] for r in g["rules"]]


def words(expr):
    return set(re.findall(r"[A-Za-z_][\w:]*", expr))


def text(groups, tests, step):
    """The two files of a run of promtool: the rules, the tests."""
    body = {"rule_files": ["rules.yml"], "evaluation_interval": f"{step}s",
            "group_eval_order": [g["name"] for g in groups], "tests": tests}
    dump = lambda value: yaml.dump(value, Dumper=DUMPER, allow_unicode=True, sort_keys=False, width=10**6)
    return dump({"groups": groups}), dump(body)


DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
