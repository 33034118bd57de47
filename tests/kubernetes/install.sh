#!/usr/bin/env bash
# Puts what the check of the Kubernetes manifests needs into the folder named by the first argument:
# schemas from PyPI, and kustomize from Debian. Does nothing when the same versions are there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: install.sh DIR}"
target=$(cd "$1" && pwd)

if cmp -s "$here/requirements.txt" "$target/requirements.txt" && [ -x "$target/bin/kustomize" ]; then
  exit 0
fi
python3 -m venv "$target"
"$target/bin/pip" install --quiet --no-compile --disable-pip-version-check -r "$here/requirements.txt"

if command -v kustomize >/dev/null; then
  ln -sf "$(command -v kustomize)" "$target/bin/kustomize"
else
  # Debian has it since trixie, and that package runs on bookworm. Nothing is installed: its own
  # package lists, and the one binary is unpacked. The mirror is the one of this system.
  apt=$target/apt
  mkdir -p "$apt"/{etc,lists/partial,cache/archives/partial,root}
  mirror=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
  : "${mirror:?kustomize is not installed, and this system has no Debian mirror to get it from}"
  cat >"$apt/etc/trixie.sources" <<END
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
  own=(-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt/etc"
    -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache"
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    # The user apt downloads as cannot reach this folder.
    -o APT::Sandbox::User="$(id -un)")
  apt-get "${own[@]}" -qq update
  (cd "$apt" && apt-get "${own[@]}" -qq download kustomize)
  dpkg -x "$apt"/kustomize_*.deb "$apt/root"
  install -m 755 "$apt/root/usr/bin/kustomize" "$target/bin/kustomize"
  rm -rf "$apt"
fi
cp "$here/requirements.txt" "$target/"
