#!/usr/bin/env python3
"""compose.yaml as it is, without an engine: its commands, files, users and addresses. Every service
becomes healthy, every service of the estate is up, the documented curl breaks GPKI, and the pager
gets one page, about GPKI.

Of each image the program alone is stood in for: the binary under test, and this machine's
Prometheus, Alertmanager and Python. Grafana cannot be had and is left out; that its files are where
its configuration says is checked. Flags that the local version does not know are left out and named.
"""

import os
import pathlib
import re
import subprocess
import urllib.parse

import yaml

from container import Addresses, Container, bridge, publish
from stack import CALENDAR, PATIENCE, ROOT, Failed, Stack, bongsu, call, check, main, tool, until

# What our image starts.
BINARY = "/bongsu"
# Of every service.
HARDENED = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}


def interpolated(text):
    """${NAME:-default}, the one form that compose.yaml uses."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: os.environ.get(m[1]) or m[2], text)


def entrypoint(image):
    """What the image runs, as a program of this machine; None for what cannot be had."""
    name = image.split(":")[0]
    if name == "bongsu":
        return [BINARY]
    if name == "prom/prometheus":
        return [tool("PROMETHEUS", "prometheus")]
    if name == "prom/alertmanager":
        return [tool("ALERTMANAGER", "prometheus-alertmanager", "alertmanager")]
    if name == "python":
        return []
    return None


def known_flags(program, command):
    """Without those that an older version would refuse."""
    if not program or program == [BINARY]:
        return command
    said = subprocess.run([*program, "--help"], capture_output=True, text=True)
    usage = said.stdout + said.stderr
    for flag in command:
        if flag.split("=")[0] not in usage:
            print(f"left out, {program[0]} here is too old: {flag}")
    return [flag for flag in command if flag.split("=")[0] in usage]


def order(services):
    """Services after what they depend on."""
    done = []
    while len(done) < len(services):
        ready = [name for name, service in services.items()
                 if name not in done and set(service.get("depends_on", {})) <= set(done)]
        if not ready:
            raise Failed(f"depends_on is a circle among {set(services) - set(done)}")
        done += ready
    return done


def mounts(stack, service, user):
    """Bind mounts and volumes; an engine gives a new volume the owner of the folder in the image."""
    for entry in service.get("volumes", []):
        source, target, mode = (entry.split(":") + ["rw"])[:3]
        if source.startswith("./"):
            path = ROOT / source
            check(path.exists(), f"compose.yaml mounts {source}, which is not there")
        else:
            path = stack.folder / f"volume-{source}"
            if not path.exists():
                path.mkdir()
                os.chown(path, *user)
        yield path, target, mode


def check_hardened(name, service):
    for key, wanted in HARDENED.items():
        check(service.get(key) == wanted, f"{name}: {key} is {service.get(key)}, not {wanted}")
    for entry in service["ports"]:
        check(entry.startswith("127.0.0.1:"), f"{name} publishes {entry} beyond loopback")


def check_state(name, service):
    """A new container of a vantage still knows which accounts are held."""
    directory = service["environment"].get("BONGSU_STATE_DIR")
    kept = [entry.split(":")[1] for entry in service["volumes"]
            if not entry.startswith(".") and not entry.endswith(":ro")]
    check(directory in kept, f"{name}: its state in {directory} is in none of its volumes {kept}")


def start(stack, addresses, name, service):
    program = entrypoint(service["image"])
    user = tuple(int(part) for part in service["user"].split(":"))
    binds = list(mounts(stack, service, user))
    if program == [BINARY]:
        binds.append((bongsu(), BINARY, "ro"))
    command = known_flags(program, service.get("command", []))
    container = Container(
        stack, addresses, name, None, [*program, *command], user, binds,
        service.get("tmpfs", []), service.get("environment"))
    for entry in service["ports"]:
        _, port, target = entry.split(":")
        publish(int(port), container.address, int(target))
    return container


def healthy(container, service):
    return container.inside(service["healthcheck"]["test"][1:])[0] == 0


def documented_curl():
    """The command by which compose.yaml tells its reader to break GPKI."""
    found = re.search(r"^# +(curl -d .*)$", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    check(found, "compose.yaml no longer says how to break GPKI")
    return found[1]


def check_grafana(service):
    """What can be said without a Grafana: its files are where its settings say, and its source of
    data is a service of this file."""
    mounted = {entry.split(":")[1]: ROOT / entry.split(":")[0] for entry in service["volumes"]}
    settings = mounted["/etc/grafana/provisioning"]
    sources = yaml.safe_load((settings / "datasources/prometheus.yml").read_text())["datasources"]
    check(sources[0]["url"] == "http://prometheus:9090", f"data come from {sources[0]['url']}")
    provider = yaml.safe_load((settings / "dashboards/bongsu.yml").read_text())["providers"][0]
    home = pathlib.Path(service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    folder = provider["options"]["path"]
    check(str(home.parent) == folder, f"the first board is not in {folder}")
    check((mounted[folder] / home.name).exists(), f"no {home.name} in {mounted[folder]}")


def all_up(port):
    """Nothing is down or unknown; on a busy machine an answer may be slow."""
    services = call(f"http://127.0.0.1:{port}/api/v1/status")["services"]
    states = {probe["state"] for service in services for probe in service["probes"]}
    return len(services) >= 9 and states <= {"up", "degraded"}


def pages():
    told = call("http://127.0.0.1:10917/api/messages")["messages"]
    return [one for one in told if one["to"] == "pager"
            and one["body"]["groupLabels"]["alertname"] not in CALENDAR]


def query(expression, at=None):
    """What the Prometheus of compose.yaml answers."""
    asked = urllib.parse.urlencode({"query": expression, **({} if at is None else {"time": at})})
    return call(f"http://127.0.0.1:9090/api/v1/query?{asked}")["data"]["result"]


def affected(page):
    """What the rules knew to be down because of GPKI when they raised this page: titles. Whether
    Saeol's failures are confirmed before GPKI's own is chance."""
    [alert] = page["body"]["alerts"]
    down = query("max by (service, title) (bongsu_service_info) and on (service) service:down == 1"
                 ' and on (service) service:needs{needs="gpki"}', alert["startsAt"])
    return {one["metric"]["title"] for one in down}


def scenario():
    bridge()
    services = yaml.safe_load(interpolated((ROOT / "compose.yaml").read_text()))["services"]
    for name, service in services.items():
        check_hardened(name, service)
        if "BONGSU_VANTAGE" in service.get("environment", {}):
            check_state(name, service)
    check_grafana(services.pop("grafana"))
    addresses = Addresses(services)
    with Stack("compose") as stack:
        running = {}
        for name in order(services):
            for needed in services[name].get("depends_on", {}):
                until(lambda: healthy(running[needed], services[needed]), PATIENCE,
                      f"{needed} is healthy")
            running[name] = start(stack, addresses, name, services[name])
        for name, container in running.items():
            until(lambda: healthy(container, services[name]), PATIENCE, f"{name} is healthy")
        print(f"healthy by their own checks: {', '.join(running)}")
        for port in (10915, 10918):
            until(lambda: all_up(port), PATIENCE, f"all services up at {port}")
        until(prometheus_is_green, PATIENCE, "Prometheus has both vantages' votes for all")
        check(not pages(), f"a page before anything broke: {pages()}")
        print("green: both vantages, Prometheus, no page")

        command = documented_curl()
        subprocess.run(["sh", "-c", command], check=True, capture_output=True)
        page = until(pages, PATIENCE, f"a page after {command}")[-1]
        print(f"paged:\n  {page['text']}".replace("\n", "\n  "))
        missing = {title for title in affected(page) if title not in page["text"]}
        check(not missing, f"the page does not name {missing}, which is affected")
        # Saeol is down as well, and has no page of its own.
        until(lambda: query('service:down{service="saeol"} == 1'), PATIENCE, "Saeol is down")
        for vantage in ("daejeon", "gwangju"):
            folder = stack.folder / f"volume-{vantage}"
            until(lambda: any(folder.iterdir()), PATIENCE, f"{vantage} keeps its state")
        about = {one["body"]["commonLabels"]["service"] for one in pages()}
        check(about == {"gpki"}, f"pages about {about}")


def prometheus_is_green():
    return query("count(service:down == 0) >= 9 and on () min(probe:votes) == 2")


if __name__ == "__main__":
    main(scenario)
