#!/usr/bin/env bash
# Breaks the modules that .cargo/mutants.toml names in every small way and sees that their tests notice.
# A build and the tests for each, at the lowest priority: a minute or two, and there are 1,300. So name
# files, or what a change touched; what follows them are arguments of cargo mutants:
#
#   mutants-code.sh                                 everything that is named
#   mutants-code.sh src/maintenance.rs              these files instead
#   mutants-code.sh --in-diff target/change.diff    of what is named, the lines of this diff
#   mutants-code.sh --list                          what would be broken
#
# Builds cargo-mutants into target/cargo-mutants unless it is there; results are in target/mutants.out.
set -euo pipefail
cd "$(dirname "$0")/.."
version=27.1.0
tools=$PWD/target/cargo-mutants
mkdir -p target

files=()
while [ $# -gt 0 ] && [[ $1 != -* ]]; do
    files+=("$1")
    shift
done

# The configuration, for these files. A module that has moved would be left out in silence.
python3 - "${files[@]}" <<'PYTHON'
import json, pathlib, re, sys, tomllib

text = pathlib.Path(".cargo/mutants.toml").read_text()
globs = sys.argv[1:] or tomllib.loads(text)["examine_globs"]
if gone := [glob for glob in globs if not any(pathlib.Path().glob(glob))]:
    sys.exit(f"no file is called {', '.join(gone)} (.cargo/mutants.toml names the modules)")
listed = f"examine_globs = {json.dumps(globs)}"
pathlib.Path("target/mutants.toml").write_text(
    re.sub(r"^examine_globs = \[.*?^\]", lambda _: listed, text, flags=re.M | re.S))
PYTHON

if [ "$("$tools/bin/cargo-mutants" mutants --version 2>/dev/null)" != "cargo-mutants $version" ]; then
    nice -n 19 cargo install --locked --root "$tools" --version "$version" cargo-mutants
fi
PATH="$tools/bin:$PATH"
exec nice -n 19 cargo mutants --config target/mutants.toml --output target --cargo-arg=--locked "$@"
