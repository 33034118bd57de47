#!/usr/bin/env bash
# Checks what is shipped for running Bongsu: the Dockerfile, compose.yaml, the systemd unit. The
# argument is the folder with the tools of tests/rules/requirements.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${1:?usage: lint.sh FOLDER}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$1" >&2
    exit 1
}

"$tools/hadolint" Dockerfile
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
grep -qx "ARG BONGSU_VERSION=$version" Dockerfile ||
    fail "Dockerfile: BONGSU_VERSION is not $version, which is what Cargo.toml says"

"$tools/check-jsonschema" --quiet --builtin-schema vendor.compose-spec compose.yaml
for file in alertmanager.yml links.tmpl; do
    deploy/compose/derive.sh "$file" | cmp - "deploy/compose/$file" ||
        fail "deploy/compose/$file is not current: deploy/compose/derive.sh $file"
done

command -v systemd-analyze >/dev/null ||
    fail "systemd-analyze is not installed: tests/install.sh installs it"
# The programs need not be installed here.
for unit in deploy/systemd/bongsu.service deploy/bridge/sms-bridge.service; do
    copy="$work/$(basename "$unit")"
    sed -e ':a;/^ExecStart=.*\\$/{N;ba}' -e 's#^ExecStart=.*#ExecStart=/bin/true#' "$unit" >"$copy"
    said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --recursive-errors=no --man=no "$copy" 2>&1) ||
        fail "$said"
    # Unknown keys are warnings only.
    [ -z "$said" ] || fail "$said"
    # Exposure in tenths, from 0 (none) to 100: the network is what remains, which is the work.
    systemd-analyze security --offline=true --threshold=20 "$copy" >"$work/exposure" ||
        fail "$(cat "$work/exposure")"
    tail -n 1 "$work/exposure"
done
