"""The list of scenarios, and what several of them are made of."""

from world import World

SCENARIOS = []


def scenario(name, minutes, *alerts, **options):
    world = World(name, minutes, alerts=alerts, **options)
    SCENARIOS.append(world)
    return world


def slow_scenario(name, minutes, *alerts, **options):
    """With a sample a minute, for what does not count samples."""
    return scenario(name, minutes, *alerts, step=60, **options)


def outage(world, service, *changes, only=None, probe="front", slo=0.999, **options):
    """A probe over time, with the seconds of its verdicts."""
    world.probe(service, probe, *changes, only=only, **options)
    down = [(minute, int(state == "down")) for minute, state in changes]
    seconds(world, service, *down, probe=probe, slo=slo, only=only)


def seconds(world, service, *down, probe="front", slo=0.999, only=None):
    """Verdict seconds: `down` is (minute, share of the time that is down), 0 where it is not `only`."""
    for vantage in world.vantages:
        if only and vantage not in only:
            seconds_at(world, service, probe, vantage, (0, 0))
        else:
            seconds_at(world, service, probe, vantage, *down)
    if slo:  # once a service
        world.plain("bongsu_slo_objective_ratio", {"service": service, "vantage": "seoul", "prober": "a"}, (0, slo))


def seconds_at(world, service, probe, vantage, *down, until=None):
    """The same of one vantage; after `until` it counts nothing."""
    at = {"service": service, "probe": probe, "kind": "http", "instance": "i", "vantage": vantage, "prober": "a"}
    for verdict, share in (("down", lambda s: s), ("up", lambda s: 1 - s)):
        world.counter("bongsu_probe_verdict_seconds_total", {**at, "verdict": verdict},
                      *[(minute, 60 * share(s)) for minute, s in down], *([(until, 0)] if until else []))


def certificate(world, service, lifetime, remaining, *changes, in_path="1", serial="01"):
    """`remaining` days at the end of the scenario."""
    end = world.minutes * 60 + remaining * 86400
    for vantage in world.vantages:
        labels = {"service": service, "probe": "cert", "kind": "tls", "instance": "i", "position": "0",
                  "subject": "CN", "serial": serial, "in_path": in_path, "vantage": vantage, "prober": "a"}
        for metric, value in (("not_before", end - lifetime * 86400), ("not_after", end)):
            world.plain(f"bongsu_cert_{metric}_timestamp_seconds", labels,
                        *(changes and [(t, value if on else None) for t, on in changes] or [(0, value)]))
