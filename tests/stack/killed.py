"""The daemon is killed in the middle of an outage, and then Prometheus is: what must not happen is
that anything looks well because nobody is looking.

Real daemons against the lab at two vantages, real Prometheus and Alertmanager as shipped, times
divided by one factor (scale.py).

1. gpki breaks: one page.
2. Both daemons are killed (SIGKILL). The Watchdog stops and its heartbeats end, ServiceUnwatched is
   raised for every service that has probes, nothing is resolved, and no service is shown as well.
3. They come back while gpki is still broken, and Prometheus is killed and away for five and a half
   minutes, longer than Alertmanager believes what nobody repeats: no "resolved", no second page.
4. gpki answers again, and Prometheus is killed and started a minute later. Nothing but the latch says now that there is an incident: it stays open, there is no
   second page, and the one "resolved" comes when gpki was stable for five minutes, not before.
"""

import time

import scale
from stack import (
    PATIENCE, RULES, Alertmanager, Daemon, Lab, Prometheus, Stack, Webhook, check, main, until,
)

FACTOR = 10
CAUSE = "gpki"
# Heartbeats come every minute; three that stay away are a dead man.
SILENCE_SECONDS = 3 * 60 / FACTOR
# Alertmanager takes for over what nobody has repeated for four minutes.
LONG_AWAY_SECONDS = 5.5 * 60 / FACTOR
# Prometheus is gone for a minute; a restart of nearly no time would prove nothing.
AWAY_SECONDS = 60 / FACTOR
# A short incident closes after five minutes of stability, which are counted by evaluations.
STABLE_SECONDS = 5 * 60 / FACTOR
EVALUATION_SECONDS = 5 / FACTOR
# What a board calls well.
WELL = "service:down == 0"


def pages(webhook, status):
    return [one for one in webhook.all("page")
            if one["body"]["status"] == status and one["body"]["groupLabels"].get("service") == CAUSE]


def firing(prometheus, alert):
    return {labels.get("service", "") for labels, _ in
            prometheus.query(f'ALERTS{{alertname="{alert}",alertstate="firing"}}')}


def fresh(prometheus, selector, since):
    """The values of what was evaluated since then."""
    return [values[-1][1] for _, values in prometheus.samples(selector, "1m") if values[-1][0] > since]


def became(prometheus, selector, wanted):
    """Since when a series has this value, as Prometheus stored it."""
    [(_, values)] = prometheus.samples(selector, "1m")
    others = [at for at, value in values if value != wanted]
    return min(at for at, _ in values if not others or at > max(others))


def nothing_looks_well(prometheus, webhook, since, seconds):
    """For so long: no service is shown as well, nothing is resolved, no heartbeat is sent."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        well = prometheus.query(WELL)
        check(not well, f"shown as well though nobody looks: {well}")
        check(not pages(webhook, "resolved"), "resolved though nobody looks")
        time.sleep(0.2)
    beats = [one for one in webhook.all("deadman") if one["time"] > since]
    check(not beats, f"{len(beats)} heartbeats though nobody looks")


def scenario():
    with Stack("killed") as stack:
        lab = Lab(stack)
        daemons = [Daemon(stack, lab.config, vantage=vantage) for vantage in ("daejeon", "gwangju")]
        webhook = Webhook(stack)
        alertmanager = Alertmanager(stack, webhook, edit=lambda config: config.update(
            scale.alertmanager(config, FACTOR)))
        prometheus = Prometheus(
            stack, daemons, [alertmanager],
            rules=scale.rule_folder(RULES, stack.folder / "rules", FACTOR),
            edit=lambda config: config.update(scale.prometheus(config, FACTOR)),
            arguments=scale.flags(FACTOR))
        until(lambda: prometheus.query("service:probed")
              and not prometheus.query(f"service:probed unless on (service) ({WELL})")
              and prometheus.query("min(probe:votes) == 2"), PATIENCE, "every service is well, by two votes")
        until(lambda: webhook.all("deadman"), PATIENCE, "a heartbeat")

        lab.set(CAUSE, "stall_large")
        page = until(lambda: pages(webhook, "firing"), PATIENCE, f"a page for {CAUSE}")[0]
        print("page:", page["body"]["alerts"][0]["annotations"]["summary_ko"])
        watched = {labels["service"] for labels, _ in prometheus.query("service:probed")}

        for daemon in daemons:
            daemon.kill()
        killed = time.time()
        until(lambda: not prometheus.query("service:down"), PATIENCE, "the verdicts are gone")
        until(lambda: not firing(prometheus, "Watchdog"), PATIENCE, "the Watchdog stops")
        until(lambda: firing(prometheus, "ServiceUnwatched") == watched, PATIENCE, f"{watched} are unwatched")
        told = until(lambda: [one for one in webhook.all("page")
                              if one["time"] > killed and one["body"]["groupLabels"]["alertname"]
                              in ("ServiceUnwatched", "ProberQuorumLost")], PATIENCE, "a page that nobody watches")
        print(f"killed: {time.time() - killed:.0f} s later {len(watched)} services are unwatched, paged as",
              {one["body"]["groupLabels"]["alertname"] for one in told})
        # a heartbeat that was under way may still arrive
        quiet = time.time() + 1
        nothing_looks_well(prometheus, webhook, quiet, SILENCE_SECONDS)
        check(firing(prometheus, "CauseDown") == {CAUSE}, "the incident was forgotten")
        print(f"no heartbeat for {SILENCE_SECONDS:.0f} s, nothing resolved, `{WELL}` is empty")

        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            daemon.wait()
        until(lambda: prometheus.query(f'service:down{{service="{CAUSE}"}} == 1'), PATIENCE, f"{CAUSE} is seen down again")
        until(lambda: CAUSE in firing(prometheus, "CauseDownKept"), PATIENCE, "the page is kept")
        prometheus.kill()
        gone = time.time()
        while time.time() < gone + LONG_AWAY_SECONDS:
            check(not pages(webhook, "resolved"), f"resolved {time.time() - gone:.0f} s after Prometheus was killed")
            time.sleep(0.2)
        prometheus.start()
        prometheus.wait()
        back = time.time()
        until(lambda: len([one for one in webhook.all("deadman") if one["time"] > back]) > 1, PATIENCE,
              "heartbeats after the long absence")
        check(CAUSE in firing(prometheus, "CauseDown"), "the incident was forgotten")
        check(len(pages(webhook, "firing")) == 1 and not pages(webhook, "resolved"),
              f"{len(pages(webhook, 'firing'))} pages and {len(pages(webhook, 'resolved'))} resolved")
        print(f"Prometheus killed, gone for {back - gone:.1f} s in the outage: nothing resolved, no second page")

        lab.clear(CAUSE)
        until(lambda: prometheus.query(f'service:down{{service="{CAUSE}"}} == 0'), PATIENCE, f"{CAUSE} answers again")
        well = became(prometheus, f'service:down{{service="{CAUSE}"}}', 0)
        prometheus.kill()
        gone = time.time()
        time.sleep(AWAY_SECONDS)
        prometheus.start()
        prometheus.wait()
        restarted = time.time()
        # By new evaluations, and not what the database remembers.
        until(lambda: fresh(prometheus, f'service:down{{service="{CAUSE}"}}', restarted) == [0]
              and fresh(prometheus, f'service:incident:open{{service="{CAUSE}"}}', restarted) == [1], PATIENCE,
              "the incident is open after the restart")
        until(lambda: [one for one in webhook.all("deadman") if one["time"] > restarted], PATIENCE,
              "heartbeats after the restart")
        resolved = until(lambda: pages(webhook, "resolved"), PATIENCE, "the incident is resolved")
        open_for = resolved[0]["time"] - well
        check(open_for > STABLE_SECONDS - EVALUATION_SECONDS,
              f"resolved {open_for:.0f} s after {CAUSE} answered, and stable is {STABLE_SECONDS:.0f} s")
        check(len(resolved) == 1 and len(pages(webhook, "firing")) == 1,
              f"{len(pages(webhook, 'firing'))} pages and {len(resolved)} resolved for one incident")
        check(not prometheus.rule_errors(), str(prometheus.rule_errors()))
        print(f"Prometheus killed, gone for {restarted - gone:.1f} s: one page, resolved {open_for:.0f} s after {CAUSE} answered")


if __name__ == "__main__":
    main(scenario)
