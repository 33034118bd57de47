//! What dashboards and rules made for blackbox_exporter ask for is found by a real Prometheus that
//! scrapes modules, and the migration that `docs/from-blackbox-exporter.md` describes works.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::daemon;
use crate::support::nginx::Nginx;
use crate::support::prometheus::Prometheus;

/// Of what the community's dashboards and the mixin ask: every metric, by instance and by job, as
/// they write it.
const QUERIES: [&str; 14] = [
    "probe_success{instance=~\"https://.*\"}",
    "probe_duration_seconds{instance=~\"https://.*\"}",
    "avg by (instance) (probe_dns_lookup_time_seconds)",
    "sum by (phase) (probe_http_duration_seconds{instance=~\"https://.*\"})",
    "probe_http_status_code{job=\"blackbox-exporter\"}",
    "probe_http_version",
    "probe_http_ssl",
    "probe_http_redirects",
    "probe_ssl_earliest_cert_expiry - time()",
    "min by (instance) (probe_ssl_last_chain_expiry_timestamp_seconds - time())",
    "probe_tls_version_info{version=~\"TLS 1.[23]\"}",
    "probe_ip_protocol == 4",
    "avg_over_time(probe_success{job=\"blackbox-exporter\"}[1m])",
    "blackbox_exporter_config_last_reload_successful == 1",
];

#[test]
fn dashboards_and_rules_find_their_data() {
    let nginx = Nginx::serving("location / { return 200 'hello'; }", &[]);
    let modules = format!(
        "modules:\n  http_2xx: {{ prober: http, timeout: 5s, http: {{ tls_config: {{ ca_file: '{}' }} \
         }} }}\n",
        nginx.path("ca.pem").display()
    );
    let daemon = daemon(&modules, &[]);
    let address = daemon.address;
    let prometheus = Prometheus::start(&format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: blackbox-exporter\n    \
         metrics_path: /probe\n    params: {{ module: [http_2xx] }}\n    static_configs: [{{ targets: \
         ['{}'] }}]\n    relabel_configs:\n      - {{ source_labels: [__address__], target_label: \
         __param_target }}\n      - {{ source_labels: [__param_target], target_label: instance }}\n      \
         - {{ target_label: __address__, replacement: \"{address}\" }}\n  - job_name: exporter\n    \
         static_configs: [{{ targets: ['{address}'] }}]\n",
        nginx.tls("/")
    ));
    for query in QUERIES {
        prometheus.wait_for(query, |found| !found.is_empty());
    }
}

#[test]
fn the_migration_of_the_documentation_finds_a_disagreement() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/from-blackbox-exporter.md")).unwrap();
    let after = page.split("## A week with both").nth(1).unwrap();
    let rules = after.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("rules.yml"), rules).unwrap();
    let series = |job: &str, instance: &str, values: &str| {
        format!(
            "      - {{ series: 'probe_success{{job=\"{job}\",instance=\"{instance}\"}}', values: \
             '{values}' }}\n"
        )
    };
    let input = series("blackbox", "a", "1x30")
        + &series("bongsu-blackbox", "a", "1x5 0x25")
        + &series("blackbox", "b", "1x30")
        + &series("bongsu-blackbox", "b", "1x30");
    let test = format!(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    \
         input_series:\n{input}    alert_rule_test:\n      - {{ eval_time: 10m, alertname: \
         ProbersDisagree, exp_alerts: [] }}\n      - eval_time: 25m\n        alertname: \
         ProbersDisagree\n        exp_alerts:\n          - exp_labels: {{ severity: info, instance: a \
         }}\n            exp_annotations: {{ summary: \"a: blackbox_exporter and Bongsu disagree\" \
         }}\n"
    );
    fs::write(directory.path().join("test.yml"), test).unwrap();
    let tested = Command::new("promtool")
        .args(["test", "rules", "test.yml"])
        .current_dir(directory.path())
        .output()
        .expect("tests/install.sh installs promtool");
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
}
