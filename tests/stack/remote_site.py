"""A site that the central Prometheus cannot reach: the shipped agent beside its daemon sends what it
scrapes. Its votes count like any other's, and when nothing arrives from it any more, that is said:
there is no `up` that could be 0."""

import site_server
import yaml
from stack import (
    PATIENCE, ROOT, Daemon, Process, Prometheus, Stack, check, free_port, main, tool, until,
)

# For how long the last sample of a site that fell silent is taken for current. Five minutes unless
# told otherwise; the scenario has less patience.
LOOKBACK = "25s"
# Tell of a machine that is busy: they are about to fire as soon as a run is late.
BUSY = "ProberSchedulerLag|ProberRunsSkipped"


class Agent(Process):
    """The shipped configuration with these addresses."""

    def __init__(self, stack, daemon, central):
        folder = stack.subfolder("agent")
        config = yaml.safe_load((ROOT / "config/prometheus/agent.yml").read_text())
        [target] = config["scrape_configs"][0]["static_configs"]
        target["targets"] = [daemon.target]
        check(target["labels"] == {"vantage": daemon.vantage, "prober": daemon.prober}, "its labels")
        config["remote_write"][0]["url"] = f"{central.url}/api/v1/write"
        file = folder / "agent.yml"
        file.write_text(yaml.safe_dump(config))
        super().__init__(
            stack, "agent",
            [tool("PROMETHEUS", "prometheus"), "--enable-feature=agent", f"--config.file={file}",
             f"--storage.agent.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{free_port()}"])


def names(prometheus, vantage):
    """The labels of a daemon and of a probe, as the centre has them."""
    return {
        (metric, name)
        for metric in ("up", "probe_success")
        for labels, _ in prometheus.query(f"{metric}{{vantage='{vantage}'}}")
        for name in labels
    }


def scenario():
    with Stack("remote-site") as stack:
        url = site_server.serve(stack, "127.0.0.1", free_port())
        config = stack.folder / "bongsu.yml"
        config.write_text(yaml.safe_dump({
            "defaults": {"interval": "3s", "timeout": "2s", "recheck": "1s"},
            "services": [{"name": "gov24", "probes": [{"name": "front", "http": {"url": url}}]}]}))
        near, far = [Daemon(stack, config, vantage) for vantage in ("seoul", "gwangju")]
        central = Prometheus(
            stack, [near],
            arguments=["--web.enable-remote-write-receiver", f"--query.lookback-delta={LOOKBACK}"])
        agent = Agent(stack, far, central)

        until(lambda: central.query("probe:votes == 2"), PATIENCE, "both sites vote")
        until(lambda: central.query("count(prober:alive) == 2"), PATIENCE, "both are remembered")
        check(names(central, "seoul") == names(central, "gwangju"),
              f"labels: {names(central, 'seoul')}, {names(central, 'gwangju')}")
        # What was scraped before its first run is about to be unwatched, until the next evaluation.
        until(lambda: not central.query(f"ALERTS{{alertname!~'Watchdog|{BUSY}'}}"), PATIENCE,
              "no alert while all is well")
        print("a site behind an agent votes like one that is scraped")

        agent.kill()
        until(lambda: central.query("probe:votes == 1"), PATIENCE, "its vote is gone")
        until(lambda: central.query("ALERTS{alertname='ProberDown',vantage='gwangju'}"), PATIENCE,
              "its silence is noticed")
        check(not central.query("ALERTS{alertname='ProberDown',vantage='seoul'}"), "seoul is there")
        check(not central.query("ALERTS{severity='page'}"), "a page for one site of two")
        print("its agent killed: the vote is gone, ProberDown is on its way")

        agent.start()
        until(lambda: central.query("probe:votes == 2"), PATIENCE, "both vote again")
        until(lambda: not central.query("ALERTS{alertname='ProberDown'}"), PATIENCE, "no alert")
        check(not central.rule_errors(), f"rules: {central.rule_errors()}")
        print("its agent is back: both vote")


if __name__ == "__main__":
    main(scenario)
