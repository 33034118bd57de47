#!/usr/bin/env python3
"""Draws what collect.py collected and photographs it: docs/img/*.png, 1920 pixels wide.

    shoot.py DATA PACKAGES [NAME]...    PACKAGES is where npm installed preview/package.json
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs/img"
BOARDS = HERE.parents[1] / "dashboards"
# Nothing is asked of any network, and no profile is left behind.
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=8000"]
WIDTH, WALL_HEIGHT = 1920, 1080
ROW, GAP, HEAD = 30, 8, 44
CAPTION = "미리보기 (Grafana 구성 요소로 그림) · a preview, not Grafana"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css">
<body style="margin:0;background:#111217"><div id="root"></div>
<script>window.preview = {data}; Date.now = () => window.preview.end * 1000;</script><script src="page.js"></script>
"""


def bundle(packages, folder):
    """One script of page.js and the packages."""
    for source in HERE.glob("*.js"):
        shutil.copy(source, packages)
    subprocess.run(
        [packages / "node_modules/.bin/esbuild", packages / "page.js", "--bundle",
         f"--alias:react-custom-scrollbars-2={packages / 'scrollbars.js'}",
         f"--outfile={folder / 'page.js'}", "--format=iife", "--log-level=error", "--minify",
         *(f"--loader:.{kind}=dataurl" for kind in ("svg", "png", "woff", "woff2", "ttf")),
         '--define:process.env.NODE_ENV="production"', "--define:global=window"], check=True)


def height(board):
    """The wall has to fit the screen; the others are as long as they are."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    needed = HEAD + bottom * (ROW + GAP)
    if board["uid"] == "bongsu-overview":
        if needed > WALL_HEIGHT:
            sys.exit(f"the overview is {needed} pixels high")
        return WALL_HEIGHT
    return needed


def photograph(folder, source):
    data = json.loads(source.read_text())
    data["caption"] = CAPTION
    # Answers as collected, looks as they are now.
    name = data["board"]["uid"].removeprefix("bongsu-")
    data["board"] = json.loads((BOARDS / f"{name}.json").read_text())
    page = folder / f"{source.stem}.html"
    # "</" would end the script.
    page.write_text(PAGE.replace("{data}", json.dumps(data, ensure_ascii=False).replace("</", "<\\/")))
    IMAGES.mkdir(parents=True, exist_ok=True)
    image = IMAGES / f"{source.stem}.png"
    subprocess.run(
        [*CHROMIUM, f"--user-data-dir={folder / 'profile'}", f"--screenshot={image}",
         f"--window-size={WIDTH},{height(data['board'])}", page.as_uri()],
        check=True, stderr=subprocess.DEVNULL, timeout=180)
    print(image)


def main():
    data, packages, *names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        bundle(pathlib.Path(packages).resolve(), folder)
        for source in sorted(pathlib.Path(data).glob("*.json")):
            if not names or source.stem in names:
                photograph(folder, source)


if __name__ == "__main__":
    main()
