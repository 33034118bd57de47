"""Scraping as the PodMonitor of deploy/kubernetes does it, on a Prometheus without a cluster."""

import re

import yaml
from stack import ROOT

POD_LABEL = "__meta_kubernetes_pod_label_"


def relabelled(labels_of):
    """An `edit` of Prometheus: targets with the labels that a cluster would show, `labels_of` the
    pod's own among them, and then the relabellings of the PodMonitor."""
    monitor = yaml.safe_load((ROOT / "deploy/kubernetes/base/podmonitor.yaml").read_text())
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]

    def edit(config):
        job = config["scrape_configs"][0]
        job["job_name"] = "podMonitor/bongsu/bongsu/0"
        job["scrape_interval"], job["honor_labels"] = endpoint["interval"], endpoint["honorLabels"]
        job["relabel_configs"] = [
            {_snake(key): value for key, value in rule.items()} for rule in endpoint["relabelings"]]
        for target in job["static_configs"]:
            own = labels_of(target["labels"]["vantage"], target["labels"]["prober"])
            # The first three are what the operator adds by itself.
            target["labels"] = {
                "namespace": "bongsu", "pod": target["targets"][0], "container": "bongsu",
                **{POD_LABEL + re.sub("[^a-z_]", "_", name): value for name, value in own.items()}}

    return edit


def _snake(name):
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)
