"""Queries of well-known Grafana boards for blackbox_exporter, which must work with the shipped
scrape job. The boards find targets by `instance` (some by `target`) of any job; what differs
between them is how they ask. Queries are written anew here from what those boards show.
"""

import re

from stack import check

# Board, query. $target is any value of label_values(probe_success, instance).
QUERIES = [
    # 7587, Prometheus Blackbox Exporter
    ("7587", "probe_success{instance=~\"$target\"}"),
    ("7587", "probe_duration_seconds{instance=~\"$target\"}"),
    ("7587", "probe_http_status_code{instance=~\"$target\"}"),
    ("7587", "probe_http_version{instance=~\"$target\"}"),
    ("7587", "probe_http_ssl{instance=~\"$target\"}"),
    ("7587", "probe_http_duration_seconds{instance=~\"$target\"}"),
    ("7587", "probe_ssl_earliest_cert_expiry{instance=~\"$target\"} - time()"),
    ("7587", "avg(probe_duration_seconds{instance=~\"$target\"})"),
    ("7587", "avg(probe_dns_lookup_time_seconds{instance=~\"$target\"})"),
    # 13659, Blackbox Exporter (HTTP prober)
    ("13659", "probe_success{job=~\"$job\", instance=~\"$target\"} == 1"),
    ("13659", "sum by (instance) (probe_http_duration_seconds{instance=~\"$target\"})"),
    ("13659", "max(probe_ssl_earliest_cert_expiry{instance=~\"$target\"}) by (instance) - time()"),
    ("13659", "probe_tls_version_info{instance=~\"$target\"}"),
    ("13659", "avg_over_time(probe_success{instance=~\"$target\"}[5m])"),
    ("13659", "probe_http_duration_seconds{phase=\"resolve\", instance=~\"$target\"}"),
    # 5345, Blackbox Exporter Overview
    ("5345", "count(probe_success{job=~\"$job\"} == 1)"),
    ("5345", "probe_http_duration_seconds{phase=\"connect\", job=~\"$job\", instance=~\"$target\"}"),
    ("5345", "probe_http_duration_seconds{phase=\"tls\", job=~\"$job\", instance=~\"$target\"}"),
    ("5345", "probe_http_duration_seconds{phase=\"processing\", job=~\"$job\", instance=~\"$target\"}"),
    ("5345", "probe_http_duration_seconds{phase=\"transfer\", job=~\"$job\", instance=~\"$target\"}"),
    ("5345", "avg_over_time(probe_duration_seconds{job=~\"$job\", instance=~\"$target\"}[1m])"),
    # 14928, Prometheus Blackbox Exporter (with a map of all targets)
    ("14928", "count by (instance) (probe_success{job=~\"$job\"})"),
    ("14928", "min_over_time(probe_success{instance=~\"$target\"}[5m])"),
    ("14928", "probe_http_redirects{instance=~\"$target\"}"),
    ("14928", "probe_http_content_length{instance=~\"$target\"}"),
    ("14928", "avg by (phase) (probe_http_duration_seconds{job=~\"$job\"})"),
    ("14928", "(probe_ssl_earliest_cert_expiry{instance=~\"$target\"} - time()) / 3600 / 24"),
    # The blackbox mixin
    ("mixin", "sum by (job, instance) (probe_success{job=~\"$job\"})"),
    ("mixin", "avg by (instance) (avg_over_time(probe_success{job=~\"$job\", instance=~\"$target\"}[5m]))"),
    ("mixin", "probe_failed_due_to_regex{job=~\"$job\", instance=~\"$target\"}"),
]


def check_boards(prometheus):
    """Asks all of them, with all targets and with a single one over HTTPS."""
    targets = sorted({labels["instance"] for labels, _ in prometheus.query("probe_success")})
    jobs = sorted({labels["job"] for labels, _ in prometheus.query("probe_success")})
    check(jobs == ["bongsu"], f"jobs: {jobs}")
    check(all(not re.fullmatch(r"127\.0\.0\.1:\d+", target) for target in targets),
          f"instance is the prober's address, not the target's: {targets}")
    single = next(target for target in targets if target.startswith("https://gov24."))
    empty = []
    for board, query in QUERIES:
        for target in (".*", re.escape(single).replace("\\", "\\\\")):
            asked = query.replace("$target", target).replace("$job", jobs[0])
            if not prometheus.query(asked):
                empty.append(f"{board}: {asked}")
    check(not empty, "boards of the community find nothing:\n" + "\n".join(empty))
    print(f"{len(QUERIES)} queries of {len({board for board, _ in QUERIES})} community boards find data")
