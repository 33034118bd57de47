#!/usr/bin/env python3
"""Runs parts of the Makefile one after the other, stops at the first that fails, and prints at the end
how long each took.

    parts.py PART...
"""

import subprocess
import sys
import time


def main():
    rows, status = [], 0
    began = time.monotonic()
    for part in sys.argv[1:]:
        start = time.monotonic()
        status = subprocess.run(["make", "--no-print-directory", part]).returncode
        rows.append((part, "ok" if status == 0 else "FAILED", time.monotonic() - start))
        if status:
            break
    rows += [(part, "not run", 0) for part in sys.argv[1 + len(rows):]]
    rows.append(("together", "ok" if status == 0 else "FAILED", time.monotonic() - began))
    print()
    for part, state, seconds in rows:
        print(f"{part:16} {state:8} {seconds:5.0f} s")
    sys.exit(1 if status else 0)


if __name__ == "__main__":
    main()
