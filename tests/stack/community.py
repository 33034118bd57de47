"""Queries of well-known Grafana boards for blackbox_exporter (`tests/fixtures/blackbox/board-queries.txt`),
which must work with the shipped scrape job. The boards find targets by `instance` (some by `target`)
of any job; what differs between them is how they ask. `tests/it/drop_in/dashboards.rs` asks the same
of `/probe`.
"""

import pathlib
import re

from stack import check

FILE = pathlib.Path(__file__).resolve().parents[1] / "fixtures/blackbox/board-queries.txt"
# Board, query.
QUERIES = [line.split(" ", 1) for line in FILE.read_text().splitlines() if not line.startswith("#")]


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
