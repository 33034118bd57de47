#!/usr/bin/env python3
"""Breaks the program on purpose, one rule at a time, and sees that the named tests notice.
`make mutants-code`; the standard library is enough.

Every `*.toml` beside this file is a list of mutants:

    [[mutant]]
    name = "login 5: status before fail_if"     # the rule that is removed
    file = "src/probe/login/judge.rs"
    old = '''...'''                             # exactly once in the file
    new = '''...'''
    fails = ["it login::rules::the_first_cause", "lib probe::expect::tests::order"]

A mutant that needs more than one change has `[[mutant.edit]]` tables with file, old and new
instead. `lib` are unit tests, `it` the integration tests; a name is a test's full path. Work is
done on a copy below `target/mutants`, which keeps its build between runs.

A mutant survives when one of its tests still passes. It is stale when its text is no longer in
the file once, when it does not compile, or when a test is not there: also a failure, because it
shows nothing any more. All tests are run once without any change before: what fails by itself
proves nothing.

    run.py [--check] [--only TEXT]... [--from NAME] [--together]

`--check` compiles nothing and only looks whether each text is there once. `--together` applies all
chosen mutants in one build and prints what each test said: a test that passes there has noticed
nothing, one that fails may have failed for another mutant, which its words show. Choose mutants
that do not meet.
"""

import argparse
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "target" / "mutants"
TREE = WORK / "tree"
# A test that hangs because its rule is gone has noticed it too.
PATIENCE_S = 600
RESULT = re.compile(r"^test (\S+) \.\.\. (ok|FAILED)$|^test (\S+) has been running", re.M)
TARGETS = {"lib": ["--lib"], "it": ["--test", "it"]}


def mutants():
    for path in sorted(HERE.glob("*.toml")):
        for mutant in tomllib.loads(path.read_text())["mutant"]:
            edits = mutant.get("edit") or [{key: mutant[key] for key in ("file", "old", "new")}]
            yield {"name": mutant["name"], "edits": edits, "fails": mutant["fails"]}


def stale(mutant):
    for edit in mutant["edits"]:
        path = ROOT / edit["file"]
        found = path.read_text().count(edit["old"]) if path.exists() else 0
        if found != 1:
            return f"its text is {found} times in {edit['file']}"
    for test in mutant["fails"]:
        if test.split(" ")[0] not in TARGETS:
            return f"{test!r} is neither of lib nor of it"
    return None


def copy():
    """Brings the copy up to date. Unchanged files keep their time, so cargo builds little."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout
    wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in wanted:
        write(TREE / name, (ROOT / name).read_bytes(), (ROOT / name).stat().st_mode)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in wanted:
            path.unlink()


def write(path, content, mode=None):
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if mode is not None:
        path.chmod(mode)


def test(names):
    """Runs tests by their full names; a dictionary from name to whether it passed, and the output
    where cargo came to no result."""
    results, output = {}, ""
    for target, arguments in TARGETS.items():
        wanted = [name.split(" ", 1)[1] for name in names if name.startswith(target + " ")]
        if not wanted:
            continue
        command = ["nice", "-n", "19", "cargo", "test", "--locked", "-j", "2", *arguments]
        # Building takes what it takes; only the tests may hang.
        built = cargo([*command, "--no-run"], None)
        if "error: could not compile" in built:
            return results, built
        said = cargo([*command, "--", "--exact", *wanted], PATIENCE_S)
        output += said
        for passed, result, hangs in RESULT.findall(said):
            name = f"{target} {passed or hangs}"
            results[name] = result == "ok" or (result == "" and results.get(name, False))
    return results, output


def cargo(command, patience):
    environment = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "build"))
    run = subprocess.Popen(command, cwd=TREE, env=environment, text=True, errors="replace",
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        return run.communicate(timeout=patience)[0]
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, 9)
        return run.communicate()[0]


@contextlib.contextmanager
def broken(edits):
    paths = [TREE / edit["file"] for edit in edits]
    whole = {path: path.read_bytes() for path in paths}
    try:
        for path, edit in zip(paths, edits):
            path.write_text(path.read_text().replace(edit["old"], edit["new"]))
        yield
    finally:
        for path, content in whole.items():
            path.write_bytes(content)


def together(chosen):
    """All at once; what each test said, for a person to judge."""
    names = [test for mutant in chosen for test in mutant["fails"]]
    with broken([edit for mutant in chosen for edit in mutant["edits"]]):
        results, output = test(names)
    if "error: could not compile" in output:
        print("\n".join(output.splitlines()[-60:]))
        return 1
    survived = 0
    for mutant in chosen:
        for name in mutant["fails"]:
            passed = results.get(name)
            survived += passed is not False
            state = {True: "SURVIVED", False: "noticed", None: "not run"}[passed]
            print(f"{state:9} {mutant['name']}: {name}")
            print(words(output, name))
    return 1 if survived else 0


def words(output, name):
    """What a failing test said first; a test that was stopped because it hung said nothing."""
    said = re.search(rf"^---- {re.escape(name.split(' ', 1)[1])} stdout ----\n\s*(.*?)^\n",
                     output, re.M | re.S)
    return "\n".join("    " + line for line in (said[1] if said else "no words").splitlines()[:6])


def judge(mutant):
    """`None` when every test noticed, else what is wrong; and what the tests said."""
    why = stale(mutant)
    if why:
        return f"stale: {why}", ""
    with broken(mutant["edits"]):
        results, output = test(mutant["fails"])
    if "error: could not compile" in output:
        return "stale: it does not compile\n" + "\n".join(output.splitlines()[-40:]), ""
    passed = [name for name in mutant["fails"] if results.get(name) is True]
    absent = [name for name in mutant["fails"] if name not in results]
    if absent:
        return "stale: not run: " + ", ".join(absent), ""
    said = "\n".join(words(output, name) for name in mutant["fails"] if name not in passed)
    return ("SURVIVED: " + ", ".join(passed) if passed else None), said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--from", dest="start", metavar="NAME")
    parser.add_argument("--together", action="store_true")
    arguments = parser.parse_args()
    chosen = list(mutants())
    if arguments.start:
        names = [mutant["name"] for mutant in chosen]
        chosen = chosen[names.index(arguments.start):]
    if arguments.only:
        chosen = [m for m in chosen if any(text in m["name"] for text in arguments.only)]
    bad = {m["name"]: why for m in chosen if (why := stale(m))}
    for name, why in bad.items():
        print(f"stale     {name}: {why}", flush=True)
    if arguments.check:
        print(f"{len(chosen)} mutants, {len(bad)} stale")
        return 1 if bad else 0
    copy()
    if arguments.together:
        return together([mutant for mutant in chosen if mutant["name"] not in bad])
    names = sorted({test for mutant in chosen for test in mutant["fails"]})
    results, output = test(names)
    failing = [name for name in names if not results.get(name)]
    if failing:
        print("\n".join(output.splitlines()[-60:]))
        print("without any change these fail or are not there: " + ", ".join(failing))
        return 1
    print(f"{len(names)} tests pass without a change", flush=True)
    for mutant in chosen:
        if mutant["name"] in bad:
            continue
        start = time.monotonic()
        why, said = judge(mutant)
        took = time.monotonic() - start
        print(f"{'noticed' if why is None else 'FAILED':9} {mutant['name']} ({took:.0f} s)"
              + (f": {why}" if why else "") + (f"\n{said}" if said else ""), flush=True)
        if why:
            bad[mutant["name"]] = why
    print(f"{len(chosen)} mutants, {len(chosen) - len(bad)} noticed")
    return 1 if bad else 0


sys.exit(main())
