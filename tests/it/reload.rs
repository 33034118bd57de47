//! Hot reload: all or nothing, by signal and over HTTP.

use rustix::process::Signal;

use crate::support::client::Request;
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

fn config(probes: &[(&str, &str)]) -> String {
    let mut text = String::from(
        "defaults: { interval: 1s, timeout: 500ms }\nservices:\n  - name: gpki\n    probes:\n",
    );
    for (name, url) in probes {
        text.push_str(&format!("      - name: {name}\n        http: {{ url: \"{url}\" }}\n"));
    }
    text
}

const BAD: &str = "services:\n  - name: gpki\n    probs: []\n";

fn runs(daemon: &Daemon, probe: &str) -> f64 {
    daemon.sample(&format!("bongsu_probe_runs_total{{service=\"gpki\",probe=\"{probe}\""))
}

fn has_series(daemon: &Daemon, probe: &str) -> bool {
    daemon.metrics().contains(&format!("service=\"gpki\",probe=\"{probe}\""))
}

#[test]
fn a_reload_starts_stops_and_keeps() {
    let target = Target::answering("ok");
    let url = target.url();
    let daemon = Setup::new(&config(&[("kept", &url), ("removed", &url)]))
        .flag("--web.enable-lifecycle")
        .start();
    daemon.wait_until_ready();
    runs(&daemon, "removed");
    let before = eventually("two runs", || {
        let runs = runs(&daemon, "kept");
        (runs >= 2.0).then_some(runs)
    });
    let hash = daemon.get("/api/v1/status").json()["config"]["hash"].clone();

    daemon.setup.write("bongsu.yml", config(&[("kept", &url), ("added", &url)]));
    let answer = daemon.post("/-/reload");
    assert_eq!((answer.status, answer.text().as_str()), (200, "reloaded\n"));
    assert!(!has_series(&daemon, "removed"), "series of a removed probe are still there");
    assert!(runs(&daemon, "kept") >= before, "the counters of an unchanged probe began again");
    runs(&daemon, "added");
    daemon.logged(&["configuration reloaded", "started=1", "stopped=1", "kept=1"]);
    assert_ne!(daemon.get("/api/v1/status").json()["config"]["hash"], hash);
}

#[test]
fn a_bad_file_changes_nothing_and_says_what_is_wrong() {
    let target = Target::answering("ok");
    let daemon =
        Setup::new(&config(&[("portal", &target.url())])).flag("--web.enable-lifecycle").start();
    daemon.wait_until_ready();
    let before = runs(&daemon, "portal");
    assert_eq!(daemon.sample("bongsu_config_last_reload_successful"), 1.0);

    daemon.setup.write("bongsu.yml", BAD);
    let answer = daemon.post("/-/reload");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("3:5  services[0].probs: unknown key"), "{}", answer.text());
    assert!(answer.text().contains("the running configuration is kept"), "{}", answer.text());
    assert_eq!(daemon.sample("bongsu_config_last_reload_successful"), 0.0);
    daemon.logged(&["level=error", "configuration refused", "services[0].probs: unknown key"]);
    eventually("the probe goes on", || (runs(&daemon, "portal") > before).then_some(()));
    assert_eq!(daemon.get("/-/ready").status, 200);

    daemon.setup.write("bongsu.yml", config(&[("portal", &target.url())]));
    assert_eq!(daemon.post("/-/reload").status, 200);
    assert_eq!(daemon.sample("bongsu_config_last_reload_successful"), 1.0);
}

#[test]
fn a_hangup_reloads_too() {
    let target = Target::answering("ok");
    let url = target.url();
    let daemon = Setup::new(&config(&[("portal", &url)])).start();
    daemon.wait_until_ready();
    daemon.setup.write("bongsu.yml", config(&[("portal", &url), ("added", &url)]));
    daemon.signal(Signal::HUP);
    runs(&daemon, "added");
    daemon.setup.write("bongsu.yml", BAD);
    daemon.signal(Signal::HUP);
    daemon.logged(&["configuration refused"]);
    assert_eq!(daemon.sample("bongsu_config_last_reload_successful"), 0.0);
    assert!(has_series(&daemon, "added"));
}

#[test]
fn reloading_over_http_is_off_unless_enabled() {
    let daemon = Setup::new(&config(&[("portal", "http://127.0.0.1:9/")])).start();
    let answer = daemon.post("/-/reload");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("--web.enable-lifecycle"));
    assert_eq!(daemon.get("/-/reload").status, 405);
}

#[test]
fn another_sites_page_cannot_ask_for_a_reload() {
    let daemon = Setup::new(&config(&[("portal", "http://127.0.0.1:9/")]))
        .flag("--web.enable-lifecycle")
        .start();
    daemon.wait_until_ready();
    let own = format!("http://{}", daemon.address);
    for path in ["/-/reload", "/-/resume"] {
        for (name, value, wanted) in [
            ("Origin", "http://evil.example.kr", 403),
            ("Origin", "null", 403),
            ("Sec-Fetch-Site", "cross-site", 403),
            ("Sec-Fetch-Site", "same-site", 403),
            ("Sec-Fetch-Site", "same-origin", 200),
            ("User-Agent", "curl/8", 200),
        ] {
            let answer = Request::new("POST", path).header(name, value).send(daemon.address);
            assert_eq!(answer.status, wanted, "{path} with {name}: {value}");
        }
    }
    // A name that somebody lets point here for a moment.
    let rebound = Request::new("POST", "/-/reload")
        .header("Host", "evil.example.kr:10915")
        .header("Origin", "http://evil.example.kr:10915");
    assert_eq!(rebound.send(daemon.address).status, 403);
    // The support's requests go to localhost, as a page there would.
    let answer = Request::new("POST", "/-/reload").header("Origin", &own).send(daemon.address);
    assert_eq!(answer.status, 403, "127.0.0.1 is not localhost");
    assert!(answer.text().contains("another site"), "{}", answer.text());
}

#[test]
fn many_reloads_at_once_are_done_one_after_the_other() {
    let daemon = Setup::new(&config(&[("portal", "http://127.0.0.1:9/")]))
        .flag("--web.enable-lifecycle")
        .start();
    daemon.wait_until_ready();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..20).map(|_| scope.spawn(|| daemon.post("/-/reload").status)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert_eq!(daemon.get("/-/ready").status, 200);
}
