//! What dashboards and rules made for blackbox_exporter ask for is found by a real Prometheus that
//! scrapes modules, and the migration that `docs/from-blackbox-exporter.md` describes works.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::both::Both;
use super::daemon_beside;
use crate::support::daemon::Setup;
use crate::support::nginx::Nginx;
use crate::support::prometheus::Prometheus;

/// A board's number and a query, a line each.
const QUERIES: &str = include_str!("../../fixtures/blackbox/board-queries.txt");

/// The mixin's alerts, by what they notice: a failing probe, availability of a month, a certificate
/// that ends. Written anew, with a limit that every certificate of the tests is below.
const ALERTS: &str = "groups:
  - name: blackbox
    rules:
      - { alert: ProbeFailed, expr: 'probe_success{job=\"blackbox-exporter\"} == 0', for: 1s }
      - { alert: LowUptime, expr: 'avg_over_time(probe_success{job=\"blackbox-exporter\"}[30d]) * 100 < 99.9' }
      - { alert: CertificateEnds, expr: 'probe_ssl_earliest_cert_expiry{job=\"blackbox-exporter\"} - time() < 1e12' }
      - { alert: NotReloaded, expr: 'blackbox_exporter_config_last_reload_successful == 0' }
";

/// By `/probe`, as blackbox_exporter is scraped, and by the `bongsu` job of the documentation.
#[test]
fn dashboards_and_alerts_find_their_data() {
    let nginx = Nginx::serving("location / { return 200 'hello'; }", &[]);
    let url = nginx.tls("/");
    let roots = nginx.path("ca.pem").display().to_string();
    let modules = format!(
        "modules:\n  http_2xx: {{ prober: http, timeout: 5s, http: {{ tls_config: {{ ca_file: '{roots}' }} \
         }} }}\n"
    );
    let setup = Setup::new("");
    let own = format!(
        "defaults: {{ interval: 2s, timeout: 1s, trust: {{ roots: '{roots}' }} }}\nservices:\n  - name: \
         gov24\n    probes: [{{ name: front, http: {{ url: '{url}' }} }}]\n"
    );
    let daemon = daemon_beside(&own, setup, &modules, &["--web.enable-lifecycle"]);
    let address = daemon.address;
    let down = "http://127.0.0.1:9/";
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("alerts.yml"), ALERTS).unwrap();
    let prometheus = Prometheus::start_in(
        directory,
        &format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [alerts.yml]\n\
             scrape_configs:\n  - job_name: blackbox-exporter\n    metrics_path: /probe\n    params: {{ \
             module: [http_2xx] }}\n    static_configs: [{{ targets: ['{url}', '{down}'] }}]\n    \
             relabel_configs:\n      - {{ source_labels: [__address__], target_label: __param_target \
             }}\n      - {{ source_labels: [__param_target], target_label: instance }}\n      - {{ \
             target_label: __address__, replacement: \"{address}\" }}\n  - job_name: bongsu\n    \
             honor_labels: true\n    static_configs: [{{ targets: ['{address}'] }}]\n"
        ),
        &[],
    )
    .when_ready();
    let queries = QUERIES.lines().filter(|line| !line.starts_with('#'));
    for (board, query) in queries.map(|line| line.split_once(' ').unwrap()) {
        for job in ["blackbox-exporter", "bongsu"] {
            // Of all targets, and of one.
            for target in [".*", &url] {
                let query = query.replace("$job", job).replace("$target", target);
                let found = prometheus.wait_for(&query, |found| !found.is_empty());
                assert!(!found.is_empty(), "{board}: {query}");
            }
        }
    }
    let instances = |found: &[(serde_json::Value, f64)]| {
        let names = found.iter().map(|(labels, _)| labels["instance"].as_str().unwrap_or_default());
        names.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    for (alert, instance) in
        [("ProbeFailed", down), ("LowUptime", down), ("CertificateEnds", url.as_str())]
    {
        let firing = format!("ALERTS{{alertname='{alert}', alertstate='firing'}}");
        let found = prometheus.wait_for(&firing, |found| !found.is_empty());
        assert_eq!(instances(&found), BTreeSet::from([instance.to_owned()]), "{alert}");
    }
    let not_reloaded = "ALERTS{alertname='NotReloaded', alertstate='firing'}";
    assert_eq!(prometheus.query(not_reloaded), []);
    daemon.setup.write("blackbox.yml", "modules: [none]\n");
    assert_eq!(daemon.post("/-/reload").status, 500);
    prometheus.wait_for(not_reloaded, |found| !found.is_empty());
}

/// The blocks of one language in the migration's section, without the indentation of its list.
fn migration(language: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/from-blackbox-exporter.md")).unwrap();
    let after = page.split("## A week with both").nth(1).unwrap();
    let fence = format!("   ```{language}\n");
    let blocks = after.split(fence.as_str()).skip(1);
    let bare = |line: &str| line.strip_prefix("   ").unwrap_or(line).to_owned() + "\n";
    blocks.map(|block| block.split("```").next().unwrap().lines().map(bare).collect()).collect()
}

/// As a reader would do it, with the two addresses and the files of the test.
#[test]
fn the_migration_of_the_documentation_runs() {
    let nginx = Nginx::serving("location / { return 200 'hello'; }", &[]);
    let both = Both::with("modules:\n  http_2xx: { prober: http, timeout: 5s }\n");
    let [scrapes, _, rules] = &migration("yaml")[..] else { panic!("three files") };
    let directory = tempfile::tempdir().unwrap();
    let targets = directory.path().join("targets.yml");
    let good = nginx.plain("/");
    fs::write(&targets, format!("- targets: ['{good}', 'http://127.0.0.1:9/']\n")).unwrap();
    fs::write(directory.path().join("rules.yml"), rules).unwrap();
    let config = scrapes
        .replace("/etc/prometheus/targets.yml", targets.to_str().unwrap())
        .replace("blackbox-exporter:9115", &both.theirs.address.to_string())
        .replace("bongsu:10915", &both.ours.address.to_string());
    let config = format!("global: {{ scrape_interval: 1s }}\nrule_files: [rules.yml]\n{config}");
    let prometheus = Prometheus::start_in(directory, &config, &[]).when_ready();
    let queries = migration("promql");
    let [disagreed, times, only_ours] = &queries[..] else { panic!("three queries") };
    // A subquery looks at whole minutes; the test has seconds.
    let disagreed = disagreed.replace("[1w:1m]", "[1w:1s]");
    let found = prometheus.wait_for(&disagreed, |found| found.len() == 2);
    assert!(found.iter().all(|(_, minutes)| *minutes == 0.0), "{found:?}");
    assert!(found.iter().all(|(labels, _)| labels["module"] == "http_2xx"), "{found:?}");
    let found = prometheus.wait_for(times, |found| found.len() == 2);
    assert!(found.iter().all(|(_, ratio)| *ratio > 0.0), "{found:?}");
    let found = prometheus.wait_for(only_ours, |found| !found.is_empty());
    let names: BTreeSet<_> =
        found.iter().filter_map(|(labels, _)| labels["__name__"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["probe_timeout_seconds"]));
}

#[test]
fn the_migration_of_the_documentation_finds_a_disagreement() {
    let rules = migration("yaml").pop().unwrap();
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
