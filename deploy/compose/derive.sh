#!/usr/bin/env bash
# Makes the demonstration's Alertmanager configuration from the shipped one, on standard output: the
# same routes, times and texts; only the addresses lead to the pager and to the local Grafana.
# `make lint-deploy` sees that the file here is current.
set -euo pipefail
cd "$(dirname "$0")/../.."
case ${1:-} in
alertmanager.yml)
    echo "# Made from config/alertmanager/alertmanager.yml by deploy/compose/derive.sh: change it there."
    sed -E 's#https://(pager|chat|tickets|deadman)\.example\.go\.kr#http://pager:8080/\1#' \
        config/alertmanager/alertmanager.yml
    ;;
links.tmpl)
    sed 's#https://grafana.example.go.kr#http://localhost:3000#' config/alertmanager/templates/links.tmpl
    ;;
*)
    echo "usage: derive.sh alertmanager.yml|links.tmpl" >&2
    exit 2
    ;;
esac
