//! The whole exposition, read by promtool and by a real Prometheus with the shipped scrape job.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bongsu::config::{Config, Service, Window, WindowKind, WindowTarget, WindowTime};
use bongsu::controls::{Contact, Controls, Reading};
use bongsu::metrics::{self, Daemon};
use bongsu::results::LatestResults;
use bongsu::scheduler::{Cadence, Observer, Run};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::support::prometheus::Prometheus;
use crate::support::promtool;
use crate::support::results::{
    http_target, https_503, https_up, millis, offline, outcome, tls_expired, tls_target,
};

/// LatestResults and daemon as the application wires them.
struct Metrics {
    results: LatestResults,
    daemon: Daemon,
}

impl Metrics {
    /// A small estate: one probe up, one down, one unknown, one with a bad chain.
    async fn of_a_small_estate() -> Arc<Metrics> {
        let controls = controls().await;
        let daemon = Daemon::register(&prometheus::Registry::new(), controls).unwrap();
        let metrics = Metrics { results: LatestResults::new(), daemon };
        let found = [
            (http_target("gov24", "front", "https://www.gov.kr/"), https_up()),
            (http_target("gpki", "portal", "https://www.gpki.go.kr/"), https_503()),
            (http_target("saeol", "front", "https://saeol.example.go.kr/"), offline()),
            (tls_target("gpki", "cert", "www.gpki.go.kr"), tls_expired()),
        ];
        for (target, found) in found {
            let target = Arc::new(target);
            metrics.adopt(&target, Instant::now());
            let outcome = outcome(SystemTime::now(), found);
            let cadence = Cadence::Scheduled;
            let run = Run { cadence, lag: millis(3), finished: Instant::now(), outcome };
            metrics.started(&target);
            metrics.observe(&target, &run);
        }
        metrics.daemon.config_loaded(&config(), 4, SystemTime::now());
        Arc::new(metrics)
    }

    fn text(&self) -> String {
        let mut text = Vec::new();
        let snapshot = self.results.snapshot(Instant::now());
        metrics::write(&snapshot, &self.daemon, &mut |chunk| {
            text.extend_from_slice(&chunk);
            Ok(())
        })
        .unwrap();
        String::from_utf8(text).unwrap()
    }
}

impl Observer for Metrics {
    fn adopt(&self, target: &Arc<bongsu::config::Target>, now: Instant) {
        self.results.adopt(target, now);
        self.daemon.adopt(target, now);
    }
    fn started(&self, target: &Arc<bongsu::config::Target>) {
        self.results.started(target);
        self.daemon.started(target);
    }
    fn observe(&self, target: &Arc<bongsu::config::Target>, run: &Run) {
        self.results.observe(target, run);
        self.daemon.observe(target, run);
    }
    fn skipped(&self, target: &Arc<bongsu::config::Target>, cadence: Cadence, runs: u64) {
        self.daemon.skipped(target, cadence, runs);
    }
    fn forget(&self, id: &bongsu::config::TargetId) {
        self.results.forget(id);
        self.daemon.forget(id);
    }
}

/// Controls that answered, a quarter of a second ahead of us.
async fn controls() -> Arc<Controls> {
    struct Ahead;
    impl Contact for Ahead {
        fn anyone(&self) -> BoxFuture<'_, bool> {
            Box::pin(async { true })
        }
        fn everyone(&self, _patience: Duration) -> BoxFuture<'_, Reading> {
            Box::pin(async { Reading { online: true, skew: Some(-0.25) } })
        }
    }
    let controls = Arc::new(Controls::none());
    controls.replace(Some(Arc::new(Ahead)));
    let watched = Arc::clone(&controls);
    tokio::spawn(async move { watched.watch().await });
    while controls.reading().skew.is_none() {
        tokio::task::yield_now().await;
    }
    controls
}

/// Open all day, over one site that it names twice.
fn window() -> Window {
    let seocho = WindowTarget { service: "saeol".into(), site: Some("seocho".into()) };
    Window {
        name: "patch".into(),
        targets: vec![seocho.clone(), seocho],
        reason: None,
        kind: WindowKind::Announced,
        when: WindowTime::Once {
            from: jiff::Timestamp::constant(1_700_000_000, 0),
            until: jiff::Timestamp::MAX,
        },
    }
}

fn config() -> Config {
    let service = |name: &str, grade, needs: &[&str]| {
        Arc::new(Service {
            name: name.into(),
            title: Some("행정전자서명 \"인증\"".into()),
            grade,
            owner: None,
            alternative: Some("관할 주민센터 수기 접수".into()),
            needs: needs.iter().map(|&name| name.into()).collect(),
            slo: 0.9992,
            sites: Default::default(),
        })
    };
    Config {
        services: vec![
            service("dc-daejeon", None, &[]),
            service("gpki", Some(1), &["dc-daejeon"]),
            service("saeol", Some(2), &["gpki"]),
            service("gov24", Some(1), &["saeol"]),
        ],
        hash: "00000000deadbeef".into(),
        targets: Vec::new(),
        controls: Vec::new(),
        maintenance: vec![window()],
        secrets: BTreeMap::new(),
        advice: Vec::new(),
        files: Vec::new(),
        recorded: Vec::new(),
        disabled: Vec::new(),
    }
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_of_in_the_whole_exposition() {
    let metrics = Metrics::of_a_small_estate().await;
    let text = metrics.text();
    promtool::check_metrics(&text);
    for line in [
        r#"bongsu_service_needs{service="gov24",needs="dc-daejeon",distance="3"} 1"#,
        r#"bongsu_service_grade{service="gpki"} 1"#,
        r#"bongsu_slo_objective_ratio{service="saeol"} 0.9992"#,
        r#"bongsu_maintenance_active{service="saeol",site="seocho",name="patch",kind="announced"} 1"#,
        r#"bongsu_maintenance_start_timestamp_seconds{service="saeol",site="seocho",name="patch",kind="announced"} 1700000000"#,
        r#"bongsu_run_duration_seconds_bucket{service="gpki",kind="http",le="0.25"} 1"#,
        r#"bongsu_run_duration_seconds_bucket{service="gpki",kind="http",le="1.0"} 1"#,
        r#"bongsu_run_duration_seconds_sum{service="gpki",kind="http"} 0.118"#,
        r#"bongsu_scheduler_lag_seconds_bucket{le="0.005"} 4"#,
        "bongsu_vantage_online 1",
        "bongsu_clock_skew_seconds -0.25",
        "bongsu_probes_in_flight 0",
        "bongsu_probes_configured 4",
        "bongsu_scheduler_skipped_runs_total 0",
        "bongsu_config_last_reload_successful 1",
        r#"bongsu_config_info{hash="00000000deadbeef"} 1"#,
    ] {
        assert!(text.lines().any(|written| written == line), "no line {line} in\n{text}");
    }
    let names = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(names("# TYPE probe_success "), 1);
    assert_eq!(names("process_resident_memory_bytes "), 1);
    assert_eq!(names("bongsu_build_info{"), 1);
}

#[tokio::test]
async fn a_refused_reload_keeps_the_series_of_the_old_configuration() {
    let metrics = Metrics::of_a_small_estate().await;
    metrics.daemon.config_refused();
    let text = metrics.text();
    assert!(text.contains("\nbongsu_config_last_reload_successful 0\n"));
    assert!(text.contains("bongsu_config_info{hash=\"00000000deadbeef\"} 1"));
    metrics.daemon.config_loaded(&Config { hash: "01".into(), ..config() }, 4, SystemTime::now());
    let text = metrics.text();
    assert!(text.contains("\nbongsu_config_last_reload_successful 1\n"));
    assert!(!text.contains("deadbeef"), "only one hash at a time");
}

#[tokio::test]
async fn runs_in_flight_are_counted_also_when_a_target_goes_during_its_run() {
    let metrics = Metrics::of_a_small_estate().await;
    let target = Arc::new(http_target("gov24", "front", "https://www.gov.kr/"));
    metrics.started(&target);
    assert!(metrics.text().contains("\nbongsu_probes_in_flight 1\n"));
    metrics.forget(&target.id);
    assert!(metrics.text().contains("\nbongsu_probes_in_flight 0\n"));
    metrics.skipped(&target, Cadence::Scheduled, 2);
    metrics.skipped(&target, Cadence::Recheck, 3);
    let text = metrics.text();
    assert!(text.contains("\nbongsu_scheduler_skipped_runs_total 2\n"));
    assert!(text.contains("\nbongsu_scheduler_shed_rechecks_total 3\n"));
}

/// The shipped file, aimed at this address and hurried up.
fn shipped_scrape_config(address: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/prometheus/prometheus.yml");
    let shipped = std::fs::read_to_string(path).unwrap();
    assert!(shipped.contains("[\"bongsu:10915\"]") && shipped.contains("scrape_interval: 5s"));
    shipped.replace("bongsu:10915", address).replace("scrape_interval: 5s", "scrape_interval: 1s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_reads_the_right_values_and_forgets_what_is_forgotten() {
    let metrics = Metrics::of_a_small_estate().await;
    let served = Arc::clone(&metrics);
    let handler = move || async move { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], served.text()) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new().route("/metrics", get(handler));
    let server = tokio::spawn(axum::serve(listener, router).into_future());

    tokio::task::spawn_blocking(move || ask_prometheus(&metrics, &address)).await.unwrap();
    server.abort();
}

fn ask_prometheus(metrics: &Metrics, address: &str) {
    let prometheus = Prometheus::start(&shipped_scrape_config(address));
    prometheus.wait_for("up == 1", |found| found.len() == 1);

    // Labels are ours: honor_labels keeps the endpoint in "instance", the job adds the place.
    let success = prometheus.query("probe_success");
    assert_eq!(success.len(), 3, "absent while unknown: {success:?}");
    let up: Vec<_> = success.iter().filter(|(_, value)| *value == 1.0).collect();
    assert_eq!(up.len(), 1);
    let labels = &up[0].0;
    assert_eq!(labels["instance"], "https://www.gov.kr/");
    assert_eq!(labels["job"], "bongsu");
    assert_eq!(labels["vantage"], "main");
    assert_eq!(labels["prober"], "a");
    assert_eq!(labels.get("exported_instance"), None);

    for (expression, expected) in [
        ("probe_ssl_last_chain_expiry_timestamp_seconds{service=\"gov24\"}", 1_720_000_000.0),
        ("probe_ssl_earliest_cert_expiry{probe=\"cert\"}", 1_700_000_000.0),
        ("probe_ip_addr_hash{service=\"gov24\"}", 3_668_918_509.0),
        ("bongsu_probe_verdict{verdict=\"unknown\"} == 1", 1.0),
        ("count(bongsu_probe_runs_total)", 12.0),
        ("sum(bongsu_run_duration_seconds_count)", 4.0),
        ("count(bongsu_cert_invalid)", 2.0),
        ("count(bongsu_service_needs{service=\"gov24\"})", 3.0),
        ("bongsu_clock_skew_seconds", -0.25),
        ("histogram_quantile(0.5, bongsu_scheduler_lag_seconds_bucket) < bool 0.005", 1.0),
    ] {
        let found: Vec<f64> =
            prometheus.query(expression).into_iter().map(|(_, value)| value).collect();
        assert_eq!(found, [expected], "{expression}");
    }
    let title = prometheus.query("bongsu_service_info{service=\"gpki\"}");
    assert_eq!(title[0].0["title"], "행정전자서명 \"인증\"");

    // The SLI grows by one second a second, in one verdict per probe.
    let sli = "sum by (service, probe) (rate(bongsu_probe_verdict_seconds_total[10s]))";
    prometheus.wait_for(sli, |found| {
        found.len() == 4 && found.iter().all(|(_, rate)| (0.9..1.1).contains(rate))
    });

    let metadata = prometheus.json("/api/v1/metadata");
    for (name, kind) in [
        ("probe_success", "gauge"),
        ("bongsu_probe_verdict_seconds_total", "counter"),
        ("bongsu_run_duration_seconds", "histogram"),
        ("bongsu_scheduler_lag_seconds", "histogram"),
    ] {
        assert_eq!(metadata["data"][name][0]["type"], kind, "{name}");
    }

    // A removed probe is stale at the next scrape, not five minutes later.
    let id = crate::support::results::id("gov24", "front");
    metrics.forget(&id);
    let of_gov24 = "count({probe=~\".+\", service=\"gov24\"})";
    prometheus.wait_for(of_gov24, |found| found.is_empty());
    assert_eq!(prometheus.query("count(probe_success)")[0].1, 2.0, "the others are there");
}
