#!/usr/bin/env bash
# Puts what the checks of rules and of what is deployed need from PyPI into the folder named by the first argument.
# Does nothing when the same versions are already there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: install.sh DIR}

if cmp -s "$here/requirements.txt" "$target/requirements.txt"; then
  exit 0
fi
python3 -m venv "$target"
"$target/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
cp "$here/requirements.txt" "$target/"
