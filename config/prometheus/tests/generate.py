#!/usr/bin/env python3
"""Writes the promtool tests from scenarios.py. `--check` fails if the files are not current."""

import pathlib
import sys

import yaml

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

HEAD = "# Written by generate.py from scenarios.py; do not edit.\n"


def document(worlds, rules="*"):
    """A promtool file with these scenarios; `rules` is a pattern of rule files."""
    # promtool runs groups in random order unless told.
    groups = [group["name"] for path in sorted(HERE.parent.glob(f"rules/{rules}.yml"))
              for group in yaml.safe_load(path.read_text())["groups"]]
    body = {"rule_files": [f"../rules/{rules}.yml"], "evaluation_interval": f"{worlds[0].step}s",
            "group_eval_order": groups, "tests": [world.test() for world in worlds]}
    return HEAD + yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=10**6,
                                 default_flow_style=None)


def files():
    """The evaluation interval is one per file."""
    from scenarios import SCENARIOS

    by_step = {}
    for world in SCENARIOS:
        by_step.setdefault(world.step, []).append(world)
    return {HERE / f"every-{step}s.yml": document(worlds) for step, worlds in by_step.items()}


def main():
    stale = []
    for path, text in files().items():
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                stale.append(path.name)
        else:
            path.write_text(text)
    if stale:
        sys.exit(f"not current, run {__file__}: {', '.join(stale)}")


if __name__ == "__main__":
    main()
