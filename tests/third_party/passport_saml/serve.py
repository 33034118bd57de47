"""djangosaml2idp (PyPI) as the identity provider and passport-saml (npm) as the service provider.

The provider is at 127.0.0.1, the portal at 127.0.0.2; request and answer are forms that a script
of the page submits. Prints `READY {json}` and ends with its standard input.
"""

import argparse
import contextlib
import glob
import json
import os
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port(host):
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def signing_pair(place, name):
    """A key for messages and its certificate."""
    key, certificate = (os.path.join(place, f"{name}.{end}") for end in ["key", "pem"])
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
         f"/CN={name}", "-keyout", key, "-out", certificate],
        check=True, stderr=subprocess.DEVNULL)
    return key, certificate


def answers(url):
    """Whether a server speaks TLS there."""
    host, port = url.removeprefix("https://").split(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            with context.wrap_socket(connection):
                return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    for name in ["dir", "cert", "key", "user", "password", "modules", "node"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--clock", help="how wrong the provider's clock is, in the words of faketime(1)")
    parser.add_argument("--unknown-key", action="store_true",
                        help="the provider signs with a key that the portal was never told of")
    args = parser.parse_args()
    idp = f"https://127.0.0.1:{free_port('127.0.0.1')}"
    sp = f"https://127.0.0.2:{free_port('127.0.0.2')}"
    key, certificate = signing_pair(args.dir, "signing")
    known = signing_pair(args.dir, "former")[1] if args.unknown_key else certificate
    tls = ["--cert", args.cert, "--key", args.key, "--idp", idp, "--sp", sp]
    clock = {}
    if args.clock:
        clock = {"LD_PRELOAD": glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")[0],
                 "FAKETIME": args.clock}
    processes = {
        "idp": subprocess.Popen(
            [sys.executable, os.path.join(HERE, "provider.py"), *tls, "--dir", args.dir,
             "--signing-key", key, "--signing-cert", certificate,
             "--user", args.user, "--password", args.password],
            env={**os.environ, "PYTHONWARNINGS": "ignore", **clock}, stdin=subprocess.DEVNULL, stdout=sys.stderr),
        "sp": subprocess.Popen(
            [args.node, os.path.join(HERE, "portal.mjs"), *tls, "--modules", args.modules,
             "--idp-cert", known],
            stdin=subprocess.DEVNULL, stdout=sys.stderr),
    }
    try:
        end = time.monotonic() + 60
        while not (answers(idp) and answers(sp)):
            ended = [name for name, process in processes.items() if process.poll() is not None]
            if ended or time.monotonic() > end:
                raise SystemExit(f"did not start: {ended}")
            time.sleep(0.05)
        pids = {name: process.pid for name, process in processes.items()}
        print("READY " + json.dumps({"idp": idp, "sp": sp, "pids": pids}), flush=True)
        sys.stdin.read()
    finally:
        for process in processes.values():
            process.kill()
        for process in processes.values():
            process.wait()
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"/tmp/djangosaml2idp/{idp.rpartition(':')[2]}.xml")


main()
