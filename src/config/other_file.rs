//! A file that is no configuration of ours: it is named, with who reads it, instead of each of its keys
//! being unknown.

use read::{Node, Value};

use super::load::KEYS;

/// What the file is, and which command reads it.
pub(super) fn told(root: &Node, text: &str) -> Option<&'static str> {
    match &root.value {
        Value::Map(_) if is_of_compose(root) => Some(COMPOSE),
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
        _ => told_of_text(text),
    }
}

/// What a text is that is no YAML, or several documents of it.
pub(super) fn told_of_text(text: &str) -> Option<&'static str> {
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.clone().find(|line| !line.is_empty() && !line.starts_with(['#', ';']))?;
    let begins = |begin: &&str| lines.clone().any(|line| line.starts_with(begin));
    if ["apiVersion:", "kind:"].iter().all(begins) {
        return Some(KUBERNETES);
    }
    if lines.any(|line| KEYS.iter().any(|key| line.strip_prefix(key) == Some(":"))) {
        return None;
    }
    OF_FIRST_LINES
        .iter()
        .find(|(begins, _)| begins.iter().any(|begin| first.starts_with(begin)))
        .map(|(_, said)| *said)
}

/// How the first line begins that is no comment.
const OF_FIRST_LINES: &[(&[&str], &str)] = &[
    (
        &["[Unit]", "[Service]", "[Install]"],
        "is a unit of systemd; systemd-analyze verify FILE checks it, and systemctl cat UNIT shows \
         which configuration its ExecStart names",
    ),
    (
        &["<!DOCTYPE", "<!doctype", "<html", "<HTML"],
        "is a web page, perhaps the page around the file; download the file itself",
    ),
    (&["FROM ", "ARG "], "is a Dockerfile; docker build -f FILE . reads it"),
];

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
    (&["apiVersion", "kind"], KUBERNETES),
    (
        &["apiVersion", "datasources"],
        "tells Grafana its data sources; Grafana reads it from provisioning/datasources",
    ),
    (
        &["apiVersion", "providers"],
        "tells Grafana where dashboards are; Grafana reads it from provisioning/dashboards",
    ),
    (
        &["panels", "title"],
        "is a dashboard of Grafana; Dashboards > New > Import reads it, or a folder that Grafana's \
         provisioning names",
    ),
    (
        &["rule_files", "tests"],
        "holds tests of Prometheus's rules; promtool test rules FILE runs them",
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
    (&["rule_files"], "is a configuration of Prometheus; promtool check config FILE checks it"),
    (&["receivers"], "is a configuration of Alertmanager; amtool check-config FILE checks it"),
];

const KUBERNETES: &str =
    "is a manifest of Kubernetes; kubectl apply --dry-run=server -f FILE checks it";

const COMPOSE: &str = "is a Compose file; docker compose -f FILE config checks it";

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

/// Compose has `services`, too: by name, and each comes from somewhere.
fn is_of_compose(root: &Node) -> bool {
    let services = value(root, "services").map(|services| &services.value);
    let Some(Value::Map(services)) = services else { return false };
    services.iter().any(|service| ["image", "build"].iter().any(|from| has(&service.node, from)))
}

fn has(node: &Node, key: &str) -> bool {
    value(node, key).is_some()
}

fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.node)
}
