//! A file that is no configuration of ours: it is named, with who reads it, instead of each of its keys
//! being unknown.

use read::{Node, Value};

use super::load::KEYS;

/// What the file is, and which command reads it.
pub(super) fn told(root: &Node) -> Option<&'static str> {
    match &root.value {
        Value::Map(_) if KEYS.iter().any(|key| has(root, key)) => None,
        Value::Map(_) => OF_MAPPINGS
            .iter()
            .find(|(keys, _)| keys.iter().all(|key| has(root, key)))
            .map(|(_, said)| *said),
        Value::List(items) => {
            let first = items.first()?;
            OF_LISTS
                .iter()
                .find(|(keys, _)| keys.iter().all(|key| has(first, key)))
                .map(|(_, said)| *said)
        }
        _ => None,
    }
}

/// Keys that a file of this kind has at its top.
const OF_MAPPINGS: &[(&[&str], &str)] = &[
    (&["events", "starts"], "is a drill; run it by bongsu lab --replay FILE"),
    (&["tls_server_config"], WEB_CONFIGURATION),
    (&["basic_auth_users"], WEB_CONFIGURATION),
    (&["http_server_config"], WEB_CONFIGURATION),
    (
        &["modules"],
        "holds modules of blackbox_exporter; bongsu --blackbox.config.file=FILE answers /probe with \
         them, and bongsu import blackbox FILE --targets=prometheus.yml makes a configuration of them",
    ),
    (
        &["apiVersion", "kind"],
        "is a manifest of Kubernetes; kubectl apply --dry-run=server -f FILE checks it",
    ),
    (
        &["groups"],
        "holds rules of Prometheus, which reads it by rule_files; promtool check rules FILE checks it",
    ),
    (
        &["scrape_configs"],
        "is a configuration of Prometheus; promtool check config FILE checks it, and bongsu import \
         blackbox blackbox.yml --targets=FILE makes a configuration of what it has probed",
    ),
    (&["receivers"], "is a configuration of Alertmanager; amtool check-config FILE checks it"),
];

const WEB_CONFIGURATION: &str = "is a web configuration (TLS and users); bongsu --web.config.file=FILE reads it, and bongsu check \
                                 --web.config.file=FILE checks it with the rest";

/// Keys of the first item.
const OF_LISTS: &[(&[&str], &str)] = &[
    (&["add", "until"], MAINTENANCE),
    (&["end", "by"], MAINTENANCE),
    (
        &["targets"],
        "is a list of targets for Prometheus (file_sd); bongsu import blackbox blackbox.yml \
         --targets=FILE makes a configuration of it",
    ),
];

const MAINTENANCE: &str = "is the record of maintenance; bongsu maintenance writes it, and bongsu \
                           --maintenance.file=FILE reads it";

fn has(node: &Node, key: &str) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    entries.iter().any(|entry| &*entry.key == key)
}
