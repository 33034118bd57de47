#!/usr/bin/env python3
"""Writes what is in the repository once already into the forms that a cluster takes it in:

    config/prometheus/rules/*.yml  ->  monitoring/rules/*.yaml       PrometheusRule
    dashboards/*.json              ->  monitoring/dashboards/*.yaml  ConfigMap for Grafana's sidecar
    config/bongsu.yml              ->  base/bongsu.yml               the starting configuration

`generate.py` writes; `generate.py --check` writes nothing and fails when a file is not current.
Needs PyYAML.
"""

import json
import pathlib
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MONITORING = HERE / "monitoring"

# In the cluster's Prometheus the global interval is somebody else's, mostly 30 s. Groups without an
# interval of their own are part of the time to a page.
INTERVAL = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())[
    "global"]["evaluation_interval"]

# A ConfigMap may hold 1 MiB; `kubectl apply` keeps a copy in an annotation, and all annotations
# together may have 256 KiB.
SIZE_MAX = 256 * 1024

HEADER = "# Written by deploy/kubernetes/generate.py from {source}; change that and run `make kubernetes`.\n"


class Text(str):
    """Written as a block, for people."""


class Dumper(yaml.SafeDumper):
    pass


def _text(dumper, value):
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style="|")


def _string(dumper, value):
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(Text, _text)
Dumper.add_representer(str, _string)


def dump(source, document):
    """The file of an object, which must be small enough for `kubectl apply`."""
    size = len(json.dumps(document, ensure_ascii=False).encode())
    if size >= SIZE_MAX:
        sys.exit(f"{source}: {size} bytes as an object; kubectl apply takes less than {SIZE_MAX}")
    body = yaml.dump(document, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100)
    return HEADER.format(source=source) + body


def rule(path):
    """A PrometheusRule with the groups of a rules file."""
    groups = yaml.safe_load(path.read_text())["groups"]
    groups = [
        {"name": group.pop("name"), "interval": group.pop("interval", INTERVAL), **group}
        for group in groups
    ]
    # "2-verdicts.yml" -> "bongsu-verdicts".
    name = "bongsu-" + path.stem.split("-", 1)[1]
    return dump(path.relative_to(ROOT), {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "bongsu"}},
        "spec": {"groups": groups},
    })


def dashboard(path, name):
    """A ConfigMap that Grafana's sidecar turns into a dashboard. One line for each panel and other
    top-level value: small, and a change still shows where it is."""
    board = json.loads(path.read_text())
    return dump(path.relative_to(ROOT), {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"bongsu-dashboard-{name}",
            "labels": {"app.kubernetes.io/name": "bongsu", "grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "Bongsu"},
        },
        "data": {path.name: Text(_lines(board))},
    })


def _lines(board):
    """A JSON object with a line for each of its values, and for each member of a list in it."""
    def line(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    rows = []
    for key, value in board.items():
        if isinstance(value, list) and value:
            members = ",\n".join(line(member) for member in value)
            rows.append(f"{line(key)}:[\n{members}\n]")
        else:
            rows.append(f"{line(key)}:{line(value)}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def kustomization(files):
    return (
        "# Written by deploy/kubernetes/generate.py. For the namespace of Prometheus and Grafana.\n"
        + yaml.dump({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "monitoring",
            "resources": sorted(files),
        }, Dumper=Dumper, sort_keys=False))


def wanted():
    """Every generated file and what must be in it."""
    files = {}
    for path in sorted((ROOT / "config/prometheus/rules").glob("*.yml")):
        files[MONITORING / f"rules/{path.stem}.yaml"] = rule(path)
    for path in sorted((ROOT / "dashboards").rglob("*.json")):
        name = "-".join(path.relative_to(ROOT / "dashboards").with_suffix("").parts)
        files[MONITORING / f"dashboards/{name}.yaml"] = dashboard(path, name)
    listed = [str(path.relative_to(MONITORING)) for path in files]
    files[MONITORING / "kustomization.yaml"] = kustomization(listed)
    # The line for editors names a file beside the original.
    starting_point = (ROOT / "config/bongsu.yml").read_text().split("\n", 1)[1]
    files[HERE / "base/bongsu.yml"] = starting_point
    return files


def main():
    files = wanted()
    there = {path for path in MONITORING.rglob("*") if path.is_file()}
    stale = sorted(there - files.keys())
    changed = [path for path, text in files.items()
               if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in changed + stale:
            print(f"{path.relative_to(ROOT)} is not current; run: make kubernetes")
        print(f"{len(files)} generated files, {len(changed) + len(stale)} not current")
        sys.exit(1 if changed or stale else 0)
    for path in stale:
        path.unlink()
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
