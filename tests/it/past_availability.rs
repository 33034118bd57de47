//! How available services were over days: asked of a real Prometheus, and never in a page's way.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;
use crate::support::prometheus::Prometheus;

fn start(target: &Target, prometheus: Option<String>) -> Daemon {
    let setup = Setup::new(&format!(
        "services:\n  - name: gov24\n    probes: [ {{ name: front, http: {{ url: \"{0}\" }} }} ]\n  - name: \
         new\n    probes: [ {{ name: front, http: {{ url: \"{0}\" }} }} ]\n",
        target.url()
    ));
    let setup = match prometheus {
        Some(url) => setup.flag(format!("--prometheus.url={url}")),
        None => setup,
    };
    let daemon = setup.start();
    daemon.wait_until_ready();
    daemon
}

fn availability(daemon: &Daemon, service: usize) -> serde_json::Value {
    daemon.get("/api/v1/status").json()["services"][service]["availability"].clone()
}

#[test]
fn three_windows_are_shown_where_a_prometheus_knows_them() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut history = "# TYPE service:unavailability:ratio_5m gauge\n".to_owned();
    for (days, hours, ratio) in [(20, 0, 1.0), (5, 0, 0.5), (0, 1, 0.0005)] {
        let at = now - days * 86_400 - hours * 3_600;
        history += &format!("service:unavailability:ratio_5m{{service=\"gov24\"}} {ratio} {at}\n");
    }
    let prometheus = Prometheus::remembering(&(history + "# EOF\n"));
    let target = Target::answering("봉수");
    let daemon = start(&target, Some(format!("http://{}", prometheus.address())));
    let shares =
        eventually("it was asked", || Some(availability(&daemon, 0)).filter(|a| !a.is_null()));
    let close = |key: &str, wanted: f64| (shares[key].as_f64().unwrap() - wanted).abs() < 1e-9;
    assert!(close("24h", 0.9995), "{shares}");
    assert!(close("7d", 1.0 - 0.5005 / 2.0) && close("30d", 1.0 - 1.5005 / 3.0), "{shares}");
    for (path, label) in
        [("/services/gov24?lang=ko", "가용률"), ("/probes/gov24/front?lang=en", "Availability")]
    {
        let page = daemon.get(path).text();
        let shares =
            ["99.95", "74.975", "49.983"].map(|share| format!("\u{a0}<b>{share}\u{a0}%</b>"));
        for part in shares.iter().map(String::as_str).chain([label]) {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
    assert!(availability(&daemon, 1).is_null(), "of a service that it does not know");
    assert!(!daemon.get("/services/new?lang=en").text().contains("Availability"));
}

#[test]
fn without_a_prometheus_that_answers_nothing_is_shown_and_nothing_waits() {
    let target = Target::answering("봉수");
    let daemon = start(&target, None);
    assert!(availability(&daemon, 0).is_null());

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = start(&target, Some(format!("http://{}", silent.local_addr().unwrap())));
    let (_asked, _) = silent.accept().unwrap();
    let began = Instant::now();
    assert!(!daemon.get("/services/gov24?lang=en").text().contains("Availability"));
    assert!(availability(&daemon, 0).is_null());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let daemon = start(&target, Some(format!("http://{gone}")));
    daemon.logged(&["level=warn", "past availability is not known", &gone.to_string()]);
    assert!(availability(&daemon, 0).is_null());
}
