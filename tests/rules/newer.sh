#!/usr/bin/env bash
# Prometheus 3 and the newest Alertmanager of Debian's unstable release, beside the stable ones: are
# rules, scenarios and configuration good for them too? Unpacked into target/newer, not installed;
# apt's own lists are left alone. Fails if they cannot be had, with 75: what was not tried is not known.
#
#   newer.sh              all scenario files
#   newer.sh FILE...      only these, such as every-60s.yml
#   newer.sh --tools      none: only the programs
#
# Leaves target/newer/bin, so that other checks can run with them:
#   PROMETHEUS=target/newer/bin/prometheus ALERTMANAGER=target/newer/bin/prometheus-alertmanager ...
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
to="$root/target/newer"
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
packages="prometheus promtool prometheus-alertmanager"

not_to_be_had() {
  echo "newer.sh: $*" >&2
  exit 75
}

# One at a time, and others wait for what it brings.
mkdir -p "$root/target"
exec 9>"$to.lock"
flock 9
if [ ! -x "$to/bin/promtool" ] || [ ! -x "$to/bin/amtool" ]; then
  rm -rf "$to"
  mkdir -p "$to"/apt/{state/lists/partial,cache/archives/partial} "$to/unpacked"
  touch "$to/apt/state/status"
  cat > "$to/apt/apt.conf" <<CONF
Dir::State "$to/apt/state";
Dir::State::status "$to/apt/state/status";
Dir::Cache "$to/apt/cache";
Dir::Etc::SourceList "$to/apt/sources.list";
Dir::Etc::SourceParts "-";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "20";
CONF
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > "$to/apt/sources.list"
  export APT_CONFIG="$to/apt/apt.conf"
  apt-get --quiet update || not_to_be_had "no lists of Debian unstable from $mirror"
  # shellcheck disable=SC2086
  (cd "$to/apt" && apt-get --quiet download $packages) || not_to_be_had "cannot download $packages"
  for package in "$to"/apt/*.deb; do
    dpkg -x "$package" "$to/unpacked"
  done
  mkdir -p "$to/bin"
  for tool in prometheus promtool prometheus-alertmanager amtool; do
    [ -x "$to/unpacked/usr/bin/$tool" ] || not_to_be_had "the packages hold no $tool"
    ln -sf "$to/unpacked/usr/bin/$tool" "$to/bin/$tool"
    "$to/bin/$tool" --version > "$to/version" 2>&1 || not_to_be_had "$tool does not start here: $(cat "$to/version")"
  done
fi

flock -u 9
[ "${1:-}" != --tools ] || exit 0

PATH="$to/bin:$PATH"
promtool --version 2>&1 | head -n 1
amtool --version 2>&1 | head -n 1
promtool check config "$root/config/prometheus/prometheus.yml"
amtool check-config "$root/config/alertmanager/alertmanager.yml"
"$root/tests/rules/install.sh" "$root/target/tmp/rule-tools"
python="$root/target/tmp/rule-tools/bin/python3"
"$python" "$root/tests/rules/generate.py" "$to/scenarios"
cd "$to/scenarios"
files=("$@")
[ ${#files[@]} -gt 0 ] || files=(every-*.yml)
"$python" "$root/tests/rules/once.py" newer promtool test rules "${files[@]}"
