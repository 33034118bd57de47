#!/usr/bin/env python3
"""Writes dashboards/*.json from the boards. `--check` fails if they are not current."""

import importlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from frame import BOARDS  # noqa: E402


def boards():
    """Every board, as an object that knows more than its JSON."""
    modules = (importlib.import_module(f"boards.{uid.removeprefix('bongsu-')}") for uid in BOARDS)
    return [module.board() for module in modules]


def files():
    return {
        HERE.parent / f"{board.uid.removeprefix('bongsu-')}.json":
            json.dumps(board.json(), ensure_ascii=False, indent=2) + "\n"
        for board in boards()
    }


def main():
    wanted = files()
    stale = [path.name for path in HERE.parent.glob("*.json") if path not in wanted]
    for path, text in wanted.items():
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"not what dashboards/src makes, run `make dashboards`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
