#!/usr/bin/env python3
"""Runs parts of the Makefile one after the other, stops at the first that fails, and prints at the end
how long each took.

    parts.py PART...
"""

import subprocess
import sys
import time


def main():
    rows, failed = [], False
    began = time.monotonic()
    for part in sys.argv[1:]:
        if failed:
            rows.append((part, "not run", 0))
            continue
        start = time.monotonic()
        failed = subprocess.run(["make", "--no-print-directory", part]).returncode != 0
        rows.append((part, "FAILED" if failed else "ok", time.monotonic() - start))
    rows.append(("together", "FAILED" if failed else "ok", time.monotonic() - began))
    print()
    for part, state, seconds in rows:
        print(f"{part:18} {state:8} {seconds:5.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
