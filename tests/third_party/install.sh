#!/usr/bin/env bash
# Puts the third-party login pages into the folder named by the first argument. Does nothing when
# the same versions are already there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: install.sh DIR}
mkdir -p "$target"

stamp() { cat "$here/django/requirements.txt" "$here/oidc/package.json" "$here/install.sh" | sha256sum; }
if [ -f "$target/stamp" ] && [ "$(cat "$target/stamp")" = "$(stamp)" ]; then
  exit 0
fi

python3 -m venv "$target/django"
"$target/django/bin/pip" install --quiet --disable-pip-version-check -r "$here/django/requirements.txt"

mkdir -p "$target/oidc"
cp "$here/oidc/package.json" "$target/oidc/"
npm install --prefix "$target/oidc" --no-audit --no-fund --omit=dev --loglevel=error

stamp > "$target/stamp"
