#!/usr/bin/env bash
# Installs what the tests need and is not there yet: real servers and tools from Debian, no
# services started. Works as root, or with sudo. Arguments are further needs, as in the list.
set -euo pipefail

# The tool or file that shows whether a package is there, and the package.
needed="
prometheus:prometheus
prometheus-blackbox-exporter:prometheus-blackbox-exporter
promtool:prometheus
amtool:prometheus-alertmanager
alertmanager:prometheus-alertmanager
nginx:nginx-light
openssl:openssl
nft:nftables
ip:iproute2
ethtool:ethtool
squid:squid
systemd-analyze:systemd
curl:curl
chromium:chromium
pdftotext:poppler-utils
/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc:fonts-noto-cjk
xmlsec1:xmlsec1
apache2:apache2
/usr/lib/apache2/modules/mod_auth_mellon.so:libapache2-mod-auth-mellon
/usr/lib/apache2/modules/mod_auth_openidc.so:libapache2-mod-auth-openidc
/usr/lib/apache2/modules/libphp*.so:libapache2-mod-php
/usr/lib/php/*/dom.so:php-xml
/usr/lib/php/*/mbstring.so:php-mbstring
/usr/share/simplesamlphp/www/index.php:simplesamlphp
slapd:slapd
/usr/sbin/exim4:exim4-daemon-light
/usr/sbin/dovecot:dovecot-imapd
/usr/lib/postgresql/*/bin/postgres:postgresql
/usr/lib/*/faketime/libfaketimeMT.so.1:libfaketime
"

PATH="$PATH:/usr/sbin:/sbin"
packages=()
set -f # the stars are those of files elsewhere
for entry in $needed "$@"; do
    tool=${entry%%:*} package=${entry#*:}
    if [[ $tool == /* ]]; then
        compgen -G "$tool" >/dev/null || packages+=("$package")
        continue
    fi
    # Debian names the binary of Alertmanager after its package.
    command -v "$tool" >/dev/null || command -v "$package" >/dev/null || packages+=("$package")
done
set +f
# Debian has python3 in one package and what makes environments in another.
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
# A validator of JSON Schema.
python3 -c 'import jsonschema, yaml' 2>/dev/null || packages+=(python3-jsonschema python3-yaml)
if [ ${#packages[@]} -eq 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
if ! command -v apt-get >/dev/null; then
    echo "the tests need: ${packages[*]}; this system has no apt-get to install them" >&2
    exit 1
fi

# Debian asks this file whether a service may be started; the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

# Somebody else may be installing, and a mirror may not answer at once.
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${packages[@]}"
