#!/usr/bin/env python3
"""Runs a command that judges the alert rules, unless it passed before on the same rules, scenarios
and promtool. Then its words of that time are repeated, and no minute is spent.

    once.py NAME COMMAND [ARGUMENT]...

What passed is kept in target/tmp/rules-judged, so a fresh clone knows nothing and runs all.
BONGSU_JUDGE_AGAIN=1 believes nothing either.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEPT = ROOT / "target/tmp/rules-judged"


def stands_on(command):
    """A digest of all that can change what the command finds."""
    version = subprocess.run(["promtool", "--version"], check=True, capture_output=True)
    parts = [repr(command).encode(), version.stdout, version.stderr]
    for path in sorted([*ROOT.glob("config/prometheus/rules/*.yml"), *HERE.glob("*.py")]):
        parts += [path.name.encode(), path.read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: once.py NAME COMMAND [ARGUMENT]...")
    name, command = sys.argv[1], sys.argv[2:]
    kept, digest = KEPT / name, stands_on(command)
    if kept.exists() and not os.environ.get("BONGSU_JUDGE_AGAIN"):
        passed_on, _, said = kept.read_text().partition("\n")
        if passed_on == digest:
            print(f"{name}: nothing has changed since this passed:\n{said}", end="")
            return
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(run.stdout, end="", flush=True)
    if run.returncode:
        sys.exit(run.returncode)
    KEPT.mkdir(parents=True, exist_ok=True)
    kept.write_text(f"{digest}\n{run.stdout}")


if __name__ == "__main__":
    main()
