"""Prometheus behind Apache's mod_auth_openidc, whose provider is the one of `../oidc`.

Nothing of Prometheus is seen without a session of the proxy: the usual way in which a product
without users of its own gets a single sign-on. Prints `READY {json}` and ends with its standard
input.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import apache  # noqa: E402

SITE = """
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCCABundlePath {root}
OIDCClientID proxy
OIDCClientSecret {secret}
OIDCRedirectURI {proxy}/oauth2/callback
OIDCCryptoPassphrase {passphrase}
OIDCPKCEMethod S256
OIDCScope openid
OIDCRemoteUserClaim sub
OIDCCacheType file
OIDCCacheDir {cache}
DocumentRoot {place}/www
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location /bye>
  ForceType text/html
  AuthType None
  Require all granted
</Location>
ProxyPass /oauth2/ !
ProxyPass /bye !
ProxyPass / {app}/
ProxyPassReverse / {app}/
"""


def main():
    parser = argparse.ArgumentParser()
    for name in ["dir", "cert", "key", "root", "user", "password", "modules"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    secret = os.urandom(24).hex()
    port = apache.free_port("127.0.0.2")
    proxy = f"https://127.0.0.2:{port}"
    os.chmod(args.dir, 0o755)
    processes = {}
    try:
        processes["app"], app = prometheus(os.path.join(args.dir, "prometheus"))
        processes["provider"], issuer = provider(args, proxy, secret)
        place = os.path.join(args.dir, "proxy")
        cache = os.path.join(place, "cache")
        os.makedirs(os.path.join(place, "www"))
        os.makedirs(cache)
        os.chmod(cache, 0o1777)
        with open(os.path.join(place, "www", "bye"), "w", encoding="utf-8") as file:
            file.write("<p id=goodbye>로그아웃되었습니다.</p>\n")
        site = SITE.format(issuer=issuer, root=args.root, secret=secret, proxy=proxy, app=app,
                           passphrase=os.urandom(24).hex(), cache=cache, place=place)
        modules = ["auth_openidc", "proxy", "proxy_http"]
        processes["proxy"] = apache.start(place, "127.0.0.2", port, args.cert, args.key, modules,
                                          site)
        pids = {name: process.pid for name, process in processes.items()}
        ready = {"proxy": proxy, "issuer": issuer, "pids": pids}
        print("READY " + json.dumps(ready), flush=True)
        sys.stdin.read()
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait()


def prometheus(place):
    """Prometheus that watches nothing, and its URL once it answers."""
    os.makedirs(place)
    config = os.path.join(place, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("global: {}\n")
    address = f"127.0.0.1:{apache.free_port('127.0.0.1')}"
    process = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={place}/data",
         f"--web.listen-address={address}", "--log.level=error"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    url = f"http://{address}"
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
                return process, url
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise SystemExit("prometheus did not start") from None
            time.sleep(0.05)


def provider(args, proxy, secret):
    """The OpenID provider with the proxy as its client, and its issuer."""
    process = subprocess.Popen(
        [os.path.join(args.modules, "bin", "node"), os.path.join(HERE, "..", "oidc", "serve.mjs"),
         "--modules", args.modules, "--cert", args.cert, "--key", args.key,
         "--user", args.user, "--password", args.password, "--proxy", proxy],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": args.root, "CLIENT_SECRET": secret})
    line = process.stdout.readline()
    if not line.startswith("READY "):
        raise SystemExit(f"the OpenID provider did not start; it says: {line}")
    return process, json.loads(line[len("READY "):])["issuer"]


main()
