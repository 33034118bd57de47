"""The end-to-end checks that belong to CI. Those that mostly wait run six at a time, the replay, forty
times as fast as life, after them. All of them run, also when one has failed, and the last lines say
which failed and why.

    python3 tests/stack/run.py            all of them
    python3 tests/stack/run.py --together all but the replay, which needs the machine for itself
    python3 tests/stack/run.py storm      these
"""

import concurrent.futures
import pathlib
import subprocess
import sys
import threading
import time

from stack import die_with_parent

HERE = pathlib.Path(__file__).resolve().parent
# The longest first, and between them those that are soon over: the others begin when these end.
TOGETHER = ("storm", "killed", "large_packets", "shards", "vantages", "compose", "dashboards", "remote_site",
            "first_page")
ALONE = ("replay",)
AT_A_TIME = 6
# Some three times what the longest takes; whatever takes longer hangs.
LIMIT_SECONDS = 20 * 60
# From SIGTERM to SIGKILL for such a one.
END_SECONDS = 60
# What the end of the log repeats of each that failed.
REASON_LINES = 20
LINE_CHARACTERS = 600

_printing = threading.Lock()


def run(name):
    """(name, exit status, seconds, what it printed)"""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, HERE / f"{name}.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", preexec_fn=die_with_parent)
    try:
        said, _ = child.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        child.terminate()
        kill = threading.Timer(END_SECONDS, child.kill)
        kill.start()
        said, _ = child.communicate()
        kill.cancel()
        said += f"FAILED: {name}.py: not over after {LIMIT_SECONDS} s\n"
    seconds = time.monotonic() - began
    with _printing:
        verdict = "ok" if child.returncode == 0 else "FAILED"
        print(f"--- {name}: {verdict}, {seconds:.0f} s ---\n{said}", flush=True)
    return name, child.returncode, seconds, said


def reason(said):
    """Why a check failed: what was seen and its last word, or else its last lines."""
    lines = said.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("FAILED: ")]
    if not starts:
        return lines[-REASON_LINES:]
    return [line for line in lines if line.startswith("seen: ")] + lines[starts[-1]:][:REASON_LINES]


def main(names):
    together = [name for name in TOGETHER if not names or name in names]
    alone = [name for name in (*ALONE, *names) if name not in together and (not names or name in names)]
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        results = list(pool.map(run, together))
    results += [run(name) for name in dict.fromkeys(alone)]
    failed = [one for one in results if one[1] != 0]
    for name, status, seconds, _ in results:
        print(f"{name:12} {'ok' if status == 0 else 'FAILED':6} {seconds:5.0f} s")
    for name, status, _, said in failed:
        print(f"\n{name} failed (exit status {status}), `make e2e-{name}` runs it alone:")
        print("\n".join(f"  {line[:LINE_CHARACTERS]}" for line in reason(said)))
    sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(TOGETHER if sys.argv[1:] == ["--together"] else sys.argv[1:])
