"""Verdaccio, a registry of packages whose page is an application of its own.

The page posts the password as JSON and sends the token of the answer with every further request.
Prints `READY {json}` and ends with its standard input.
"""

import argparse
import base64
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time

CONFIG = """
storage: {dir}/storage
auth:
  htpasswd: {{ file: {dir}/htpasswd, max_users: -1 }}
uplinks: {{}}
packages:
  '**': {{ access: $authenticated, publish: $authenticated }}
web: {{ enable: true }}
log: {{ type: stdout, format: json, level: warn }}
listen: https://127.0.0.1:{port}
https: {{ key: {key}, cert: {cert} }}
"""


# A package that only users may see, in the form in which Verdaccio stores it.
PACKAGE = {
    "name": "agency-forms",
    "dist-tags": {"latest": "1.0.0"},
    "versions": {"1.0.0": {
        "name": "agency-forms", "version": "1.0.0",
        "dist": {"tarball": "https://localhost/agency-forms/-/agency-forms-1.0.0.tgz",
                 "shasum": "0" * 40},
    }},
    "time": {"1.0.0": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"},
    "_attachments": {}, "_uplinks": {}, "_distfiles": {}, "_rev": "1-0", "readme": "",
}


def answers(port):
    """Whether a server speaks TLS there."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            with context.wrap_socket(connection):
                return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    for name in ["dir", "cert", "key", "user", "password", "modules", "node"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    digest = base64.b64encode(hashlib.sha1(args.password.encode()).digest()).decode()
    os.makedirs(os.path.join(args.dir, "storage", PACKAGE["name"]))

    def write(name, text):
        with open(os.path.join(args.dir, name), "w", encoding="utf-8") as file:
            file.write(text)

    write(f"storage/{PACKAGE['name']}/package.json", json.dumps(PACKAGE))
    write("storage/.verdaccio-db.json",
          json.dumps({"list": [PACKAGE["name"]], "secret": os.urandom(16).hex()}))
    write("htpasswd", f"{args.user}:{{SHA}}{digest}\n")
    write("config.yaml", CONFIG.format(dir=args.dir, port=port, key=args.key, cert=args.cert))
    program = os.path.join(args.modules, "node_modules", "verdaccio", "bin", "verdaccio")
    process = subprocess.Popen([args.node, program, "--config", os.path.join(args.dir, "config.yaml")],
                               stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        end = time.monotonic() + 60
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("verdaccio did not start")
            time.sleep(0.05)
        print("READY " + json.dumps({"url": f"https://127.0.0.1:{port}"}), flush=True)
        sys.stdin.read()
    finally:
        process.kill()
        process.wait()


main()
