#!/usr/bin/env python3
"""Runs parts of the Makefile one after the other, stops at the first that fails, and prints at the end
how long each took.

    parts.py PART... [PART+ PART... wait PART...]

`PART+` computes beside those that follow it; at `wait`, or at the end, it has to be over. What it says
is printed then. Where another fails first, it is ended.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time


class Beside:
    """A part that runs while others do."""

    def __init__(self, part):
        self.part, self.began, self.seconds = part, time.monotonic(), 0
        self.said = tempfile.TemporaryFile("w+", errors="replace")
        self.make = subprocess.Popen(
            make(part), stdout=self.said, stderr=subprocess.STDOUT, start_new_session=True)
        self.waiter = threading.Thread(target=self.wait)
        self.waiter.start()

    def wait(self):
        self.make.wait()
        self.seconds = time.monotonic() - self.began

    def end(self):
        """Its row, when it is over."""
        self.waiter.join()
        self.said.seek(0)
        print(f"--- {self.part} ---\n{self.said.read()}", flush=True)
        return self.part, self.make.returncode, self.seconds

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.make.pid, signal.SIGTERM)
        return self.end()


def make(part):
    return ["make", "--no-print-directory", part]


def main():
    rows, beside, failed = [], [], False
    began = time.monotonic()

    def row(part, status, seconds):
        rows.append((part, "ok" if status == 0 else "FAILED", seconds))
        return status != 0

    try:
        for part in [*sys.argv[1:], "wait"]:
            if failed:
                rows.extend([(part, "not run", 0)] if part != "wait" else [])
            elif part == "wait":
                while beside:
                    failed |= row(*beside.pop().end())
            elif part.endswith("+"):
                beside.append(Beside(part.removesuffix("+")))
            else:
                start = time.monotonic()
                status = subprocess.run(make(part)).returncode
                failed = row(part, status, time.monotonic() - start)
    finally:
        for one in beside:
            row(*one.kill())
    row("together", int(failed), time.monotonic() - began)
    print()
    for part, state, seconds in rows:
        print(f"{part:18} {state:8} {seconds:5.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
