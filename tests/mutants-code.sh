#!/usr/bin/env bash
# Breaks the modules that .cargo/mutants.toml names in every small way and sees that their tests notice.
# A build for each: hours, at the lowest priority. Arguments are those of cargo mutants:
#
#   mutants-code.sh --list                       what would be broken
#   mutants-code.sh --file src/maintenance.rs    this file only
#   mutants-code.sh --iterate                    what was missed last time
#
# Builds cargo-mutants into target/cargo-mutants unless it is there; results are in target/mutants.out.
set -euo pipefail
cd "$(dirname "$0")/.."
version=27.1.0
tools=$PWD/target/cargo-mutants

# A module that has moved would be left out in silence.
python3 - <<'CHECK'
import pathlib, sys, tomllib

globs = tomllib.loads(pathlib.Path(".cargo/mutants.toml").read_text())["examine_globs"]
gone = [glob for glob in globs if not any(pathlib.Path().glob(glob))]
if gone:
    sys.exit(f".cargo/mutants.toml names no file by {', '.join(gone)}")
CHECK

if [ "$("$tools/bin/cargo-mutants" mutants --version 2>/dev/null)" != "cargo-mutants $version" ]; then
    nice -n 19 cargo install --locked --root "$tools" --version "$version" cargo-mutants
fi
PATH="$tools/bin:$PATH"
exec nice -n 19 cargo mutants --output target --cargo-arg=--locked "$@"
