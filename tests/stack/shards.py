"""Three daemons that share one configuration under one Prometheus: every probe is run by exactly
one of them, and when one is gone, what it watched is unwatched: exactly that, in one page."""

import site_server
import yaml
from kubernetes import relabelled
from stack import (
    PATIENCE, RULES, Alertmanager, Daemon, Prometheus, Stack, Webhook, check, free_port, main, until,
)

SHARDS = 3
SERVICES = 40
SITES = ["busan", "jeju", "sejong"]


def configuration(url):
    """Services of one and of two probes, some with sites, and a place without probes."""
    services = [{"name": "dc-daejeon"}]
    for number in range(SERVICES):
        service = {"name": f"agency-{number:02}", "probes": [
            {"name": "front", "http": {"url": f"{url}/{number}"}}]}
        if number % 4 == 0:
            service["probes"].append({"name": "forms", "http": {"url": f"{url}/{number}/forms"}})
        if number % 10 == 0:
            service["for_each"] = {"site": SITES}
        services.append(service)
    return {"defaults": {"interval": "3s", "timeout": "2s", "recheck": "off"}, "services": services}


def expected(config):
    """Every (service, probe, site) of it."""
    return {
        (service["name"], probe["name"], site)
        for service in config["services"]
        for probe in service.get("probes", [])
        for site in (SITES if "for_each" in service else [""])
    }


def shard(service):
    """FNV-1a, written down a second time."""
    value = 0xCBF29CE484222325
    for byte in service.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value % SHARDS


def rules(stack):
    """The shipped rules; services go unwatched for 15 s before somebody is paged, not two minutes."""
    folder = stack.subfolder("rules")
    for path in RULES.glob("*.yml"):
        text = path.read_text()
        if path.name.startswith("6-"):
            before, after = text.split("- alert: ServiceUnwatched", 1)
            text = before + "- alert: ServiceUnwatched" + after.replace("for: 2m", "for: 15s", 1)
        (folder / path.name).write_text(text)
    return folder


def watched(prometheus):
    """Who runs what, from the verdicts: probe to probers."""
    found = {}
    for labels, _ in prometheus.query("bongsu_probe_verdict == 1"):
        key = (labels["service"], labels["probe"], labels.get("site", ""))
        found.setdefault(key, []).append(labels["prober"])
    return found


def unwatched(prometheus, state):
    return sorted(labels["service"] for labels, _ in prometheus.query(
        f"ALERTS{{alertname='ServiceUnwatched',alertstate='{state}'}}"))


def scenario():
    with Stack("shards") as stack:
        config = configuration(site_server.serve(stack, "127.0.0.1", free_port()))
        file = stack.folder / "bongsu.yml"
        file.write_text(yaml.safe_dump(config))
        wanted = expected(config)
        daemons = [
            Daemon(stack, file, prober=str(index),
                   arguments=[f"--shard.index={index}", f"--shard.count={SHARDS}"])
            for index in range(SHARDS)
        ]
        webhook = Webhook(stack)
        alertmanager = Alertmanager(stack, webhook)
        prometheus = Prometheus(
            stack, daemons, [alertmanager], rules=rules(stack),
            edit=relabelled(lambda vantage, prober: {
                "vantage": vantage, "apps.kubernetes.io/pod-index": prober}))

        until(lambda: watched(prometheus).keys() >= wanted, PATIENCE, "every probe has a verdict")
        exactly = {probe: [str(shard(probe[0]))] for probe in wanted}
        check(watched(prometheus) == exactly, f"who runs what: {watched(prometheus)}")
        sizes = [sum(owner == [str(index)] for owner in exactly.values()) for index in range(SHARDS)]
        print(f"{len(wanted)} probes of {SERVICES} services, each run once: {sizes}")
        # Whoever is asked knows the whole file.
        listed = prometheus.query("count by (service) (bongsu_service_info)")
        check({labels["service"]: count for labels, count in listed}
              == {service["name"]: SHARDS for service in config["services"]}, f"listed: {listed}")
        until(lambda: len(prometheus.query("service:probed")) == SERVICES, PATIENCE, "it is remembered")
        # What was scraped before its first run is about to be unwatched, until the next evaluation.
        until(lambda: not unwatched(prometheus, "pending"), PATIENCE, "nothing is about to be unwatched")
        check(not prometheus.query("ALERTS{severity='page'}") and not webhook.all("page"),
              "a page though all is well")

        lost = daemons[1]
        lost.kill()
        owned = sorted({service for service, _, _ in wanted if shard(service) == 1})
        check(0 < len(owned) < SERVICES, f"owned by one shard: {owned}")
        until(lambda: unwatched(prometheus, "firing"), PATIENCE, "somebody is unwatched")
        until(lambda: not unwatched(prometheus, "pending"), PATIENCE, "all of them have waited")
        check(unwatched(prometheus, "firing") == owned,
              f"unwatched: {unwatched(prometheus, 'firing')}, not {owned}")
        until(lambda: webhook.alerts("page", "firing"), PATIENCE, "the page")
        messages = webhook.all("page")
        check(len(messages) == 1, f"{len(messages)} pages for one shard")
        said = sorted(alert["labels"]["service"] for alert in messages[0]["body"]["alerts"])
        check(said == owned, f"the page names {said}, not {owned}")
        check(not prometheus.query("service:down == 1"), "a service is down")
        print(f"shard 1 killed: one page, {len(owned)} services unwatched, the other "
              f"{SERVICES - len(owned)} are watched")

        lost.start()
        lost.wait()
        until(lambda: watched(prometheus) == exactly, PATIENCE, "every probe runs once again")
        until(lambda: not prometheus.query("ALERTS{alertname='ServiceUnwatched'}"), PATIENCE, "no alert")
        check(not prometheus.rule_errors(), f"rules: {prometheus.rule_errors()}")
        print("shard 1 is back: everything is watched once")


if __name__ == "__main__":
    main(scenario)
