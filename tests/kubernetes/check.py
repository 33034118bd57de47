"""Checks deploy/kubernetes as a cluster would, and for what a cluster would not say.

Each variant is built by kustomize; each object is validated against the schemas of the oldest and
of a recent Kubernetes, and of the Prometheus operator. Then what schemas cannot know: names that
must meet, privileges, times that must be longer than others, and rules that must be the shipped
ones. `tests/kubernetes/install.sh` makes the environment this runs in.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
BONGSU = os.environ.get("BONGSU_BINARY", ROOT / "target/debug/bongsu")
KUSTOMIZE = pathlib.Path(sys.executable).parent / "kustomize"
# Pods know their number since 1.28.
VERSIONS = ["1.28", "1.34"]
# After the daemon's own grace: the rest of its end, and of the kubelet's.
END_SECONDS = 5
PORT = 10915

problems = []


def expect(truth, what):
    if not truth:
        problems.append(what)


def build(folder):
    """The objects of a kustomization."""
    made = subprocess.run([KUSTOMIZE, "build", folder], capture_output=True, text=True)
    if made.returncode:
        problems.append(f"{folder.relative_to(KUBERNETES)}: {made.stderr.strip()}")
        return []
    if made.stderr.strip():
        problems.append(f"{folder.relative_to(KUBERNETES)}: {made.stderr.strip()}")
    return list(yaml.safe_load_all(made.stdout))


def lost(given, kept, path=""):
    """Paths of what was given and not kept: the models ignore what they do not know."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                yield f"{path}.{key}"
            else:
                yield from lost(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list):
        for number, (one, other) in enumerate(zip(given, kept)):
            yield from lost(one, other, f"{path}[{number}]")


def schema(where, thing):
    """Validates one object."""
    if thing["apiVersion"].startswith("monitoring.coreos.com/"):
        model = getattr(operator, thing["kind"])
        try:
            kept = model.model_validate(thing).model_dump(
                by_alias=True, exclude_unset=True, mode="json")
        except ValueError as error:
            problems.append(f"{where}: {error}")
            return
        for path in lost(thing, kept):
            problems.append(f"{where}: {path[1:]} is unknown to the operator")
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            problems.append(f"{where} ({version}): {'.'.join(map(str, error.path))}: {error.message}")


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def flag(container, name):
    """The value of a flag, or nothing."""
    found = [argument.split("=", 1)[1] for argument in container["args"]
             if argument.startswith(f"--{name}=")]
    return found[0] if found else ""


def selects(selector, labels):
    return selector.items() <= labels.items()


def privileges(where, pod, container):
    """Pod Security "restricted", and a root file system that nobody writes to."""
    security, own = pod["securityContext"], container["securityContext"]
    expect(security.get("runAsNonRoot") is True and security.get("runAsUser") == 65532, f"{where}: a user")
    expect(security.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{where}: seccomp")
    expect(own.get("capabilities") == {"drop": ["ALL"]}, f"{where}: capabilities")
    expect(own.get("allowPrivilegeEscalation") is False, f"{where}: escalation")
    expect(own.get("readOnlyRootFilesystem") is True, f"{where}: a writable root")
    expect(pod.get("automountServiceAccountToken") is False, f"{where}: a token")
    expect(pod.get("enableServiceLinks") is False, f"{where}: BONGSU_* variables of the Service")


def daemon(where, work, objects):
    """One Deployment or StatefulSet, and what must fit to it."""
    pod, labels = work["spec"]["template"]["spec"], work["spec"]["template"]["metadata"]["labels"]
    [container] = pod["containers"]
    privileges(where, pod, container)
    expect(selects(work["spec"]["selector"]["matchLabels"], labels), f"{where}: its own selector")
    expect("vantage" in labels, f"{where}: no vantage")

    environment = {one["name"]: one for one in container["env"]}
    if work["kind"] == "Deployment":
        expect(work["spec"]["strategy"] == {"type": "Recreate"}, f"{where}: two at a time")
        expect(work["spec"]["replicas"] == 1, f"{where}: replicas of one prober")
        expect("prober" in labels, f"{where}: no prober")
    else:
        expect("prober" not in labels, f"{where}: all pods are the same prober")
        names = [one["metadata"]["name"] for one in objects if one["kind"] == "Service"]
        expect(work["spec"]["serviceName"] in names, f"{where}: its Service is missing")
        expect("BONGSU_SHARD_INDEX" not in environment
               or int(environment["BONGSU_SHARD_COUNT"]["value"]) == work["spec"]["replicas"],
               f"{where}: as many shards as pods")

    grace = seconds(flag(container, "shutdown.grace"))
    expect(pod["terminationGracePeriodSeconds"] >= grace + END_SECONDS,
           f"{where}: killed within its grace of {grace} s")
    [port] = container["ports"]
    expect(port["containerPort"] == PORT, f"{where}: its port")
    for probe in ("livenessProbe", "readinessProbe"):
        expect(container[probe]["httpGet"]["port"] == port["name"], f"{where}: {probe}")
    expect(container["livenessProbe"]["httpGet"]["path"] == "/-/healthy", f"{where}: liveness")
    expect(container["readinessProbe"]["httpGet"]["path"] == "/-/ready", f"{where}: readiness")

    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    expect({volume["name"] for volume in pod["volumes"]} == mounts.keys(), f"{where}: volumes")
    for name in ("config.file", "state.dir"):
        expect(any(flag(container, name).startswith(path) for path in mounts.values()),
               f"{where}: --{name} lies in no volume")
    for volume in pod["volumes"]:
        if "configMap" in volume:
            there = [one for one in objects if one["kind"] == "ConfigMap"
                     and one["metadata"]["name"] == volume["configMap"]["name"]]
            expect(there and pathlib.Path(flag(container, "config.file")).name in there[0]["data"],
                   f"{where}: no configuration in {volume['configMap']['name']}")
        if "persistentVolumeClaim" in volume:
            expect(any(one["kind"] == "PersistentVolumeClaim" and one["metadata"]["name"]
                       == volume["persistentVolumeClaim"]["claimName"] for one in objects),
                   f"{where}: no claim for its state")

    if pod.get("hostNetwork"):
        [space] = [one for one in objects if one["kind"] == "Namespace"]
        expect(space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged",
               f"{where}: its namespace refuses the host's network")
    for other in objects:
        chosen = {
            "NetworkPolicy": lambda: other["spec"]["podSelector"]["matchLabels"],
            "PodDisruptionBudget": lambda: other["spec"]["selector"]["matchLabels"],
            "PodMonitor": lambda: other["spec"]["selector"]["matchLabels"],
            "Service": lambda: other["spec"]["selector"],
        }.get(other["kind"])
        expect(chosen is None or selects(chosen(), labels), f"{where}: {other['kind']} misses it")
    return container


def flags_exist(where, container):
    """The daemon itself reads the arguments, with the configuration that is mounted."""
    arguments = [
        f"--config.file={KUBERNETES / 'base/bongsu.yml'}" if "--config.file=" in one else one
        for one in container["args"]
    ]
    ran = subprocess.run(
        [BONGSU, "check", *arguments], capture_output=True, text=True)
    expect(ran.returncode == 0, f"{where}: bongsu check: {ran.stderr}")


def variant(folder):
    """A kustomization that runs daemons."""
    objects = build(folder)
    name = str(folder.relative_to(KUBERNETES))
    before = len(problems)
    for thing in objects:
        where = f"{name} {thing['kind']}/{thing['metadata']['name']}"
        schema(where, thing)
        expect(thing["kind"] == "Namespace" or thing["metadata"].get("namespace"),
               f"{where}: no namespace")
    # What is not of its shape cannot be looked into.
    if len(problems) > before:
        return len(objects)
    work = [one for one in objects if one["kind"] in ("Deployment", "StatefulSet")]
    expect(work, f"{name}: no daemon")
    for one in work:
        where = f"{name} {one['kind']}/{one['metadata']['name']}"
        flags_exist(where, daemon(where, one, objects))
    kinds = {one["kind"] for one in objects}
    needed = {"ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "ConfigMap"}
    expect(needed <= kinds, f"{name}: no {', '.join(needed - kinds)}")
    return len(objects)


def same_rules(given):
    """The rules by group, without intervals."""
    return {group["name"]: group["rules"] for group in given}


def monitoring():
    """Rules and dashboards."""
    objects = build(KUBERNETES / "monitoring")
    shipped, here = {}, {}
    for path in sorted((ROOT / "config/prometheus/rules").glob("*.yml")):
        shipped |= same_rules(yaml.safe_load(path.read_text())["groups"])
    with tempfile.TemporaryDirectory() as folder:
        for thing in objects:
            where = f"monitoring {thing['kind']}/{thing['metadata']['name']}"
            schema(where, thing)
            if thing["kind"] == "PrometheusRule":
                here |= same_rules(thing["spec"]["groups"])
                file = pathlib.Path(folder) / "rules.yml"
                file.write_text(yaml.safe_dump(thing["spec"], allow_unicode=True))
                ran = subprocess.run(["promtool", "check", "rules", file],
                                     capture_output=True, text=True)
                expect(ran.returncode == 0, f"{where}: {ran.stdout}{ran.stderr}")
            elif thing["kind"] == "ConfigMap":
                expect(thing["metadata"]["labels"].get("grafana_dashboard") == "1",
                       f"{where}: Grafana's sidecar does not see it")
    expect(shipped == here, "monitoring: not the shipped rules")
    boards = [one for one in objects if one["kind"] == "ConfigMap"]
    files = list((ROOT / "dashboards").rglob("*.json"))
    expect(len(boards) == len(files), f"monitoring: {len(boards)} of {len(files)} dashboards")
    return len(objects)


def main():
    counted = 0
    for folder in sorted((KUBERNETES / "variants").iterdir()):
        counted += variant(folder)
    counted += monitoring()
    for problem in problems:
        print(problem)
    print(f"{counted} objects, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
