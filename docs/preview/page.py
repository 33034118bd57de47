#!/usr/bin/env python3
"""Photographs the daemon's own page, docs/img/page-*.png, and has axe-core judge it.

    page.py BONGSU AXE    BONGSU is the program, AXE is axe.min.js of the package axe-core

The program probes a small estate: a portal that 226 municipalities need, a sign-in, a service of its own. It is
photographed well, and once the portal is gone. Exits 1 when axe finds anything serious or critical.
"""

import http.server
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "docs/img"
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--disable-sync"]
DESK, PHONE, WALL = (1280, 900), (500, 900), (1920, 1080)
MUNICIPALITIES = 226
PATIENCE_SECONDS = 60

# Picture: path, size. Each in both states.
PICTURES = {
    "ko": ("/?lang=ko", DESK),
    "en": ("/?lang=en", DESK),
    "phone-ko": ("/?lang=ko", PHONE),
    "wall-ko": ("/?lang=ko&wall=1", WALL),
}
JUDGED = ["/?lang=ko", "/?lang=en", "/?lang=ko&wall=1", "/services/muni?lang=ko", "/probes/portal/front?lang=en",
          "/probes/none/none?lang=ko"]


class Site(http.server.BaseHTTPRequestHandler):
    broken = set()

    def do_GET(self):
        name = self.path.split("/")[1]
        self.send_response(503 if name in self.broken else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    # Every probe may come at once.
    request_queue_size = 512


def configuration(url):
    sites = ", ".join(f"m{number:03}" for number in range(1, MUNICIPALITIES + 1))
    return f"""
defaults: {{ interval: 5s, timeout: 4s }}
services:
  - {{ name: portal, title: 대국민 포털, owner: 국가정보자원관리원 042-000-0000, grade: 1,
      probes: [ {{ name: front, http: {{ url: "{url}/portal" }} }} ] }}
  - {{ name: muni, title: 지방자치단체 민원, owner: 각 지방자치단체, grade: 2, needs: [portal], alternative: 주민센터 방문,
      for_each: {{ site: [{sites}] }}, probes: [ {{ name: front, http: {{ url: "{url}/muni/${{site}}" }} }} ] }}
  - {{ name: gov24, title: 정부24, owner: 행정안전부, grade: 1, needs: [portal],
      probes: [ {{ name: front, http: {{ url: "{url}/gov24" }} }} ] }}
  - {{ name: welfare, title: 복지로, owner: 한국사회보장정보원, grade: 2,
      probes: [ {{ name: front, http: {{ url: "{url}/welfare" }} }} ] }}
  - {{ name: archive, title: 기록관리, owner: 국가기록원, grade: 3,
      probes: [ {{ name: front, http: {{ url: "{url}/archive" }} }} ] }}
"""


def get(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=5).read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def wait_for(url, state, count):
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            if json.loads(get(f"{url}/api/v1/status"))["summary"][state] == count:
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(f"never {count} {state}")


def photograph(folder, url, name, path, size):
    image = IMAGES / f"page-{name}.png"
    subprocess.run([*CHROMIUM, f"--user-data-dir={folder / 'profile'}", f"--screenshot={image}",
                    f"--window-size={size[0]},{size[1]}", url + path], check=True, stderr=subprocess.DEVNULL, timeout=180)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "32", str(image)], check=True)
    print(image)


def judge(folder, axe, url, path):
    """What axe finds on a copy of the page: the page itself forbids scripts."""
    html = get(url + path, Accept="text/html")
    html = re.sub("</body>", lambda _: f"""<script>{axe}</script><script>axe.run().then(found => {{
        const pre = document.createElement("pre"); pre.id = "found";
        pre.textContent = JSON.stringify(found.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)]));
        document.body.append(pre); }});</script></body>""", html)
    copy = folder / "copy.html"
    copy.write_text(html)
    dom = subprocess.run([*CHROMIUM, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", "--dump-dom",
                          copy.as_uri()], check=True, capture_output=True, text=True, timeout=180).stdout
    found = re.search('<pre id="found">(.*?)</pre>', dom, re.S)
    if not found:
        sys.exit(f"axe said nothing of {path}")
    grave = 0
    for impact, rule, nodes in json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")):
        grave += impact in ("serious", "critical")
        print(f"{path}: {impact} {rule}: {len(nodes)}, such as {nodes[0][:200]}")
    return grave


def main():
    bongsu, axe = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).read_text()
    server = Server(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    grave = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        file = folder / "bongsu.yml"
        file.write_text(configuration(f"http://127.0.0.1:{server.server_address[1]}"))
        daemon = subprocess.Popen([bongsu, "--config.file", file, "--web.listen-address", f"127.0.0.1:{port}"],
                                  stderr=subprocess.DEVNULL)
        try:
            total = MUNICIPALITIES + 4
            wait_for(url, "up", total)
            for state in "healthy", "outage":
                if state == "outage":
                    Site.broken = {"portal", "muni", "gov24", "archive"}
                    wait_for(url, "down", total - 1)
                for name, (path, size) in PICTURES.items():
                    photograph(folder, url, f"{state}-{name}", path, size)
                grave += sum(judge(folder, axe, url, path) for path in JUDGED)
        finally:
            daemon.terminate()
            daemon.wait()
    print(f"{grave} serious or critical findings")
    sys.exit(1 if grave else 0)


if __name__ == "__main__":
    main()
