#!/usr/bin/env python3
"""Writes the promtool tests from scenarios.py into the folder named by the argument, a file for each
evaluation interval. Files of an earlier run that are no longer made are removed."""

import pathlib
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE.parents[1] / "config/prometheus/rules"

HEAD = "# Written by tests/rules/generate.py from scenarios.py.\n"


def document(worlds):
    """A promtool file with these scenarios."""
    # promtool runs groups in random order unless told.
    groups = [group["name"] for path in sorted(RULES.glob("*.yml"))
              for group in yaml.safe_load(path.read_text())["groups"]]
    body = {"rule_files": [str(RULES / "*.yml")], "evaluation_interval": f"{worlds[0].step}s",
            "group_eval_order": groups, "tests": [world.test() for world in worlds]}
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return HEAD + yaml.dump(body, Dumper=dumper, allow_unicode=True, sort_keys=False, width=10**6,
                            default_flow_style=None)


def files(folder):
    """The evaluation interval is one per file."""
    from scenarios import SCENARIOS

    by_step = {}
    for world in SCENARIOS:
        by_step.setdefault(world.step, []).append(world)
    return {folder / f"every-{step}s.yml": document(worlds) for step, worlds in by_step.items()}


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = files(folder)
    for path in folder.glob("every-*.yml"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
