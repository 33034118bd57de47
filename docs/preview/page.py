#!/usr/bin/env python3
"""Photographs the daemon's own page, docs/img/page-*.png, and has axe-core judge it.

    page.py BONGSU AXE    BONGSU is the program, AXE is axe.min.js of the package axe-core

The program probes a small estate: a portal that 226 municipalities need, a sign-in, a service of its own. It is
photographed well, and once the portal is gone; what a Prometheus would remember of the last month is made up.
Then every field that a stranger or the configuration fills holds markup. Exits 1 when axe finds anything serious
or critical, when it finds nothing in a page that was made worse on purpose, and when anything of the markup runs.
"""

import datetime
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
import urllib.parse
import urllib.request

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "docs/img"
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--disable-sync"]
DESK, PHONE, WALL = (1280, 900), (500, 900), (1920, 1080)
MUNICIPALITIES = 226
PATIENCE_SECONDS = 60
# Runs of a probe in a state until its picture is taken.
RUNS = {"healthy": 12, "outage": 6}

# On a busy machine a picture is otherwise taken of a page that is drawn in part.
WHOLE = ["--run-all-compositor-stages-before-draw", "--virtual-time-budget=5000"]
# Of Chromium's settings: preferredColorScheme, 0 is dark.
DARK = ["--blink-settings=preferredColorScheme=0"]
# Picture: path, size and how the browser is set. Each in both states.
PICTURES = {
    "ko": ("/?lang=ko", DESK, []),
    "en": ("/?lang=en", DESK, []),
    "phone-ko": ("/?lang=ko", PHONE, []),
    "phone-en": ("/?lang=en", PHONE, []),
    "wall-ko": ("/?lang=ko&wall=1", WALL, []),
    "wall-en": ("/?lang=en&wall=1", WALL, []),
    "dark-ko": ("/?lang=ko", DESK, DARK),
    "wall-dark-ko": ("/?lang=ko&wall=1", WALL, DARK),
    "service-ko": ("/services/muni?lang=ko", DESK, []),
    "service-en": ("/services/portal?lang=en", DESK, []),
    "probe-phone-ko": ("/probes/portal/front?lang=ko", PHONE, []),
    "probe-dark-ko": ("/probes/portal/front?lang=ko", DESK, DARK),
    "probe-ko": ("/probes/portal/front?lang=ko", DESK, []),
    "probe-en": ("/probes/portal/front?lang=en", DESK, []),
}
JUDGED = ["/?lang=ko", "/?lang=en", "/?lang=ko&wall=1", "/services/muni?lang=ko", "/probes/portal/front?lang=en",
          "/probes/portal/front?lang=ko", "/probes/muni/front@m001?lang=ko", "/probes/none/none?lang=ko"]
# In a page that axe must refuse: text that hardly differs from its ground, a picture and a field without a word.
WORSE = '<p style="color:#999;background:#aaa">faint</p><img src="data:,"><input>'
# What must stay text, whoever says it; and the sign that turns a line round.
MARKUP = '"><script>window.obeyed=1</script><img src=x onerror="window.obeyed=1">\u202e'


class Site(http.server.BaseHTTPRequestHandler):
    broken = set()
    page = "<!doctype html><title>503</title><h1>서비스 점검 중입니다</h1><p>잠시 후 다시 이용하여 주십시오.</p>\n"
    phrase = "Service Unavailable"

    def do_GET(self):
        is_broken = self.path.split("/")[1] in self.broken
        body = self.page.encode() if is_broken else b""
        self.send_response(503 if is_broken else 200, self.phrase if is_broken else "OK")
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "JSESSIONID=0A1B2C3D4E5F; Path=/; HttpOnly")
        if is_broken:
            self.send_header("X-Message", self.phrase)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Memory(http.server.BaseHTTPRequestHandler):
    """Answers as a Prometheus that knows how available the services were over a day, a week and a month."""
    shares = {"portal": ("1", "0.99971", "0.99952"), "muni": ("0.9979", "0.99893", "0.99934"),
              "gov24": ("0.99931", "0.9998", "0.99985"), "welfare": ("1", "1", "0.99999")}

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = urllib.parse.parse_qs(form)["query"][0]
        window = ["[1d]", "[7d]", "[30d]"].index(re.search(r"\[\w+\]", query)[0])
        result = [{"metric": {"service": service}, "value": [time.time(), shares[window]]}
                  for service, shares in self.shares.items()]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    # Every probe may come at once.
    request_queue_size = 512


def configuration(url):
    sites = ", ".join(
        f"m{number:03}: {{ title: 제{number}구, owner: 정보통신과, telephone: 02-0000-{number:04} }}"
        for number in range(1, MUNICIPALITIES + 1))
    return f"""
defaults: {{ interval: 5s, timeout: 4s }}
services:
  - {{ name: portal, title: 대국민 포털, owner: 국가정보자원관리원 042-000-0000, grade: 1,
      probes: [ {{ name: front, http: {{ url: "{url}/portal" }} }} ] }}
  - {{ name: muni, title: 지방자치단체 민원, owner: 각 지방자치단체, grade: 2, needs: [portal], alternative: 주민센터 방문,
      for_each: {{ site: {{ {sites} }} }}, probes: [ {{ name: front, http: {{ url: "{url}/muni/${{site}}" }} }} ] }}
  - {{ name: gov24, title: 정부24, owner: 행정안전부, grade: 1, needs: [portal],
      probes: [ {{ name: front, http: {{ url: "{url}/gov24" }} }} ] }}
  - {{ name: welfare, title: 복지로, owner: 한국사회보장정보원, grade: 2,
      probes: [ {{ name: front, http: {{ url: "{url}/welfare" }} }} ] }}
  - {{ name: archive, title: 기록관리, owner: 국가기록원, grade: 3,
      probes: [ {{ name: front, http: {{ url: "{url}/archive" }} }} ] }}
"""


def hostile(url):
    """An estate whose every text is markup."""
    text = json.dumps(MARKUP)
    begin, end = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours) for hours in (-1, 24))
    return f"""
defaults: {{ interval: 5s, timeout: 4s }}
maintenance:
  - {{ name: window, reason: {text}, targets: [welfare], from: {begin:%FT%T}, until: {end:%FT%T},
      timezone: UTC }}
services:
  - {{ name: portal, title: {text}, owner: {text}, alternative: {text},
      for_each: {{ site: {{ m001: {{ title: {text}, owner: {text}, telephone: {text} }} }} }},
      probes: [ {{ name: front, http: {{ url: "{url}/portal", expect: {{ body: {{ contains: {text} }} }} }} }} ] }}
  - {{ name: welfare, title: {text}, needs: [portal], probes: [ {{ name: front, http: {{ url: "{url}/portal" }} }} ] }}
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


def runs(url):
    """How often the portal was probed."""
    series = re.findall(r'^bongsu_probe_runs_total\{service="portal".* (\d+)$', get(f"{url}/metrics"), re.M)
    return sum(map(int, series))


def wait_for_runs(url, count):
    """Until the portal was probed so often from now on: a bar for each run is in the picture."""
    before = runs(url)
    until = time.monotonic() + count * 10 + PATIENCE_SECONDS
    while time.monotonic() < until:
        if runs(url) - before >= count:
            return
        time.sleep(0.5)
    sys.exit(f"never {count} runs")


def photograph(folder, url, name, path, size, settings):
    image = IMAGES / f"page-{name}.png"
    subprocess.run([*CHROMIUM, *WHOLE, *settings, f"--user-data-dir={folder / 'profile'}", f"--screenshot={image}",
                    f"--window-size={size[0]},{size[1]}", url + path], check=True, stderr=subprocess.DEVNULL, timeout=180)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "32", str(image)], check=True)
    print(image)


def judge(folder, axe, url, path, worse="", settings=()):
    """What axe finds on a copy of the page: the page itself forbids scripts."""
    html = get(url + path, Accept="text/html")
    html = re.sub("</body>", lambda _: f"""{worse}<script>{axe}</script><script>axe.run().then(found => {{
        const pre = document.createElement("pre"); pre.id = "found";
        pre.textContent = JSON.stringify(found.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)]));
        if (window.obeyed) document.body.append("markup was obeyed");
        document.body.append(pre); }});</script></body>""", html)
    copy = folder / "copy.html"
    copy.write_text(html)
    dom = subprocess.run([*CHROMIUM, *settings, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", "--dump-dom",
                          copy.as_uri()], check=True, capture_output=True, text=True, timeout=180).stdout
    found = re.search('<pre id="found">(.*?)</pre>', dom, re.S)
    if not found:
        sys.exit(f"axe said nothing of {path}")
    if "markup was obeyed" in dom.replace('"markup was obeyed"', ""):
        sys.exit(f"{path} obeys markup")
    if "\u202e" in html:
        sys.exit(f"{path} lets a line be turned round")
    grave = 0
    for impact, rule, nodes in json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")):
        grave += impact in ("serious", "critical")
        print(f"{path}: {impact} {rule}: {len(nodes)}, such as {nodes[0][:200]}")
    return grave


def running(bongsu, folder, text, port, *flags):
    """The program with this configuration; whoever gets it ends it."""
    file = folder / "bongsu.yml"
    file.write_text(text)
    subprocess.run([bongsu, "check", "--config.file", file], check=True, stdout=subprocess.DEVNULL)
    return subprocess.Popen([bongsu, "--config.file", file, "--web.listen-address", f"127.0.0.1:{port}", *flags],
                            stderr=subprocess.DEVNULL)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def photographs(bongsu, axe, folder, site, memory):
    """Pictures of both states. Answers with the number of grave findings."""
    port, grave = free_port(), 0
    url = f"http://127.0.0.1:{port}"
    daemon = running(bongsu, folder, configuration(site), port, "--prometheus.url", memory)
    try:
        total = MUNICIPALITIES + 4
        wait_for(url, "up", total)
        for state in "healthy", "outage":
            if state == "outage":
                Site.broken = {"portal", "muni", "gov24", "archive"}
                wait_for(url, "down", total - 1)
            wait_for_runs(url, RUNS[state])
            for name, (path, size, settings) in PICTURES.items():
                photograph(folder, url, f"{state}-{name}", path, size, settings)
            for settings in [], DARK:
                grave += sum(judge(folder, axe, url, path, settings=settings) for path in JUDGED)
        if judge(folder, axe, url, JUDGED[0], WORSE) < 3:
            sys.exit("axe does not see what was made worse on purpose")
    finally:
        daemon.terminate()
        daemon.wait()
    return grave


def texts_of_strangers(bongsu, axe, folder, site):
    """Nothing of what they say is obeyed. Answers with the number of grave findings."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    Site.page, Site.phrase = MARKUP, MARKUP.replace("\u202e", "")
    daemon = running(bongsu, folder, hostile(site), port)
    try:
        wait_for(url, "down", 2)
        paths = ["/?lang=ko", "/services/portal?lang=en", "/probes/portal/front@m001?lang=ko",
                 "/probes/welfare/front?lang=en", "/?lang=ko&q=%22%3E%3Cscript%3Ewindow.obeyed%3D1%3C/script%3E"]
        return sum(judge(folder, axe, url, path) for path in paths)
    finally:
        daemon.terminate()
        daemon.wait()


def served(handler):
    """Where this handler answers from now on."""
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def main():
    bongsu, axe = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).read_text()
    if not subprocess.run(["fc-list", ":lang=ko"], capture_output=True, check=True).stdout:
        sys.exit("no font has Korean letters: apt-get install fonts-noto-cjk")
    site, memory = served(Site), served(Memory)
    with tempfile.TemporaryDirectory() as folder:
        grave = photographs(bongsu, axe, pathlib.Path(folder), site, memory)
        grave += texts_of_strangers(bongsu, axe, pathlib.Path(folder), site)
    print(f"{grave} serious or critical findings")
    sys.exit(1 if grave else 0)


if __name__ == "__main__":
    main()
