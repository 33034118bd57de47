//! `/sd` and `/probe`: what was made for blackbox_exporter goes on working, by a real Prometheus
//! with its usual scrape job.

use std::time::{Duration, Instant};

use crate::support::client::{Answer, Request};
use crate::support::daemon::{Daemon, PATIENCE, Setup, eventually};
use crate::support::http::Target;
use crate::support::prometheus::Prometheus;
use crate::support::promtool;

fn config(url: &str) -> String {
    format!(
        "defaults: {{ interval: 60s, timeout: 5s }}\nservices:\n  - name: gov24\n    probes:\n      - \
         name: front\n        http: {{ url: \"{url}\" }}\n      - name: search\n        http: {{ url: \
         \"{url}?q=1\" }}\n  - name: saeol\n    for_each: {{ site: [seocho] }}\n    probes:\n      - \
         name: portal\n        http: {{ url: \"http://127.0.0.1:9/\" }}\n      - name: cert\n        \
         tls: {{ address: \"127.0.0.1:9\" }}\n"
    )
}

/// Takes any target, which is probed when somebody asks, whatever is scheduled.
fn taking_any(target: &Target) -> Daemon {
    let daemon = Setup::new(&config(&target.url())).flag("--web.probe-any-target").start();
    daemon.wait_until_ready();
    daemon
}

/// Every configured target has been probed.
fn running(target: &Target, flags: &[&str]) -> Daemon {
    let setup =
        flags.iter().fold(Setup::new(&config(&target.url())), |setup, flag| setup.flag(*flag));
    let daemon = setup.start();
    daemon.wait_until_ready();
    // Above 30 s of interval the first run comes early: within half a minute.
    let deadline = Instant::now() + 2 * PATIENCE;
    while daemon.get("/api/v1/status").json()["summary"]["unobserved"] != 0 {
        assert!(Instant::now() < deadline, "not every probe has run");
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon
}

fn probe(daemon: &Daemon, target: &str, module: &str) -> Answer {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    daemon.get(&format!("/probe?target={}&module={}", encode(target), encode(module)))
}

#[test]
fn a_configured_target_is_answered_from_its_last_result() {
    let target = Target::answering("봉수");
    let daemon = running(&target, &[]);
    let asked = target.requests();
    let answer = probe(&daemon, &target.url(), "gov24/front");
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in ["probe_success 1", "probe_http_status_code 200", "probe_ip_protocol 4"] {
        assert!(text.contains(&format!("\n{line}\n")), "{line} is not in {text}");
    }
    assert!(text.contains("probe_http_duration_seconds{phase=\"connect\"} "), "{text}");
    for ours in ["bongsu_", "service=", "instance="] {
        assert!(!text.contains(ours), "{ours} is in {text}");
    }
    promtool::check_metrics(&text);

    // By URL with its query, by a usual module name, by kind, by name, without a scheme.
    let url = target.url();
    let bare = url.strip_prefix("http://").unwrap();
    for (wanted, module) in [
        (format!("{url}?q=1"), "http_2xx"),
        (url.clone(), "search"),
        (bare.to_owned(), "front"),
        (bare.trim_end_matches('/').to_owned(), "front"),
    ] {
        let answer = probe(&daemon, &wanted, module);
        assert_eq!(answer.status, 200, "{wanted} {module}: {}", answer.text());
        assert!(answer.text().contains("\nprobe_success 1\n"));
    }
    for (wanted, module) in
        [("http://127.0.0.1:9/", ""), ("127.0.0.1:9", "tcp_connect"), ("127.0.0.1:9", "tls")]
    {
        let answer = probe(&daemon, wanted, module);
        assert!(answer.text().contains("\nprobe_success 0\n"), "{wanted}: {}", answer.text());
    }
    assert_eq!(target.requests(), asked, "asking probed");
}

#[test]
fn what_is_not_configured_or_not_clear_is_refused() {
    let target = Target::answering("봉수");
    let daemon = running(&target, &[]);
    let asked = target.requests();
    for (path, said) in [
        ("/probe", "target is missing"),
        ("/probe?module=http_2xx", "target is missing"),
        ("/probe?target=http://169.254.169.254/", "--web.probe-any-target"),
        ("/probe?target=file:///etc/passwd", "is not configured"),
        ("/probe?target=http://127.0.0.1:9/&module=icmp", "saeol/portal@seocho"),
    ] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains(said), "{path}: {}", answer.text());
    }
    // Two probes of one instance.
    let answer = probe(&daemon, &target.url(), "http");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("gov24/front, gov24/search"), "{}", answer.text());
    let answer = probe(&daemon, &format!("{}other", target.url()), "http_2xx");
    assert_eq!(answer.status, 400);
    assert_eq!(target.requests(), asked);
}

#[test]
fn a_probe_without_a_recent_result_is_an_error() {
    let (target, _held) = Target::holding();
    let url = target.url();
    let daemon = Setup::new(&config(&url)).start();
    daemon.wait_until_ready();
    let answer = probe(&daemon, &url, "gov24/front");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("no recent result"), "{}", answer.text());
}

#[test]
fn every_probe_is_a_target_of_the_service_discovery() {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&config(&target.url())).start();
    daemon.wait_until_ready();
    let answer = daemon.get("/sd");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let groups = answer.json();
    let groups = groups.as_array().unwrap();
    assert_eq!(groups.len(), 4);
    assert_eq!(groups[0]["targets"], serde_json::json!([target.url()]));
    assert_eq!(
        groups[2],
        serde_json::json!({"targets": ["127.0.0.1:9"], "labels": {
            "service": "saeol", "probe": "cert", "kind": "tls", "site": "seocho",
            "instance": "127.0.0.1:9", "__param_target": "127.0.0.1:9",
            "__param_module": "saeol/cert@seocho",
        }})
    );
}

#[test]
fn a_real_prometheus_scrapes_it_as_it_would_blackbox_exporter() {
    let target = Target::answering("봉수");
    let daemon = running(&target, &[]);
    let (address, url) = (daemon.address, target.url());
    let prometheus = Prometheus::start(&format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: discovered\n    \
         metrics_path: /probe\n    http_sd_configs: [{{ url: \"http://{address}/sd\" }}]\n    \
         relabel_configs: [{{ target_label: __address__, replacement: \"{address}\" }}]\n  - \
         job_name: blackbox-exporter\n    metrics_path: /probe\n    params: {{ module: [http_2xx] \
         }}\n    static_configs: [{{ targets: ['{url}?q=1', 'http://127.0.0.1:9/'] }}]\n    \
         relabel_configs:\n      - {{ source_labels: [__address__], target_label: __param_target \
         }}\n      - {{ source_labels: [__param_target], target_label: instance }}\n      - {{ \
         target_label: __address__, replacement: \"{address}\" }}\n"
    ));
    let found = prometheus.wait_for("probe_success{job=\"discovered\"}", |found| found.len() == 4);
    let up = found.iter().filter(|(_, value)| *value == 1.0).count();
    assert_eq!(up, 2, "{found:?}");
    let saeol = prometheus.query("probe_success{site=\"seocho\",kind=\"http\"}");
    assert_eq!(saeol[0].0["instance"], "http://127.0.0.1:9/");
    assert_eq!((&saeol[0].0["service"], &saeol[0].0["probe"]), (&"saeol".into(), &"portal".into()));
    let classic = "probe_success{job=\"blackbox-exporter\"}";
    let found = prometheus.wait_for(classic, |found| found.len() == 2);
    let value =
        |instance: &str| found.iter().find(|(labels, _)| labels["instance"] == instance).unwrap().1;
    assert_eq!((value(&format!("{url}?q=1")), value("http://127.0.0.1:9/")), (1.0, 0.0));
}

#[test]
fn any_target_is_probed_when_that_is_switched_on() {
    let target = Target::answering("봉수");
    let other = Target::answering("다른 곳");
    let daemon = running(&target, &["--web.probe-any-target"]);
    let answer = probe(&daemon, &other.url(), "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    for line in ["probe_success 1", "probe_http_status_code 200", "probe_timeout_seconds 10"] {
        assert!(answer.text().contains(&format!("\n{line}\n")), "{line}: {}", answer.text());
    }
    assert_eq!(other.requests(), 1);
    promtool::check_metrics(&answer.text());
    // What is configured is still answered from its last result.
    let asked = target.requests();
    assert_eq!(probe(&daemon, &target.url(), "gov24/front").status, 200);
    assert_eq!(target.requests(), asked);
    // It leaves no trace among the configured ones.
    assert!(!daemon.metrics().contains("service=\"any\""));
    let plain = other.url();
    let answer = probe(&daemon, &plain.replace("http://", "https://"), "tls");
    assert!(answer.text().contains("\nprobe_success 0\n"), "{}", answer.text());
    for (wanted, module, said) in [
        ("file:///etc/passwd", "", "\"file:///etc/passwd\" is no http or https address to probe"),
        ("http://a.kr/", "login", "module is http or tls for a target that is not configured"),
        ("a.kr:99999", "tls", "\"a.kr:99999\" is no host and port for TLS; write www.gov.kr:443"),
        ("a.kr:0", "tls", "\"a.kr:0\" cannot be probed: "),
    ] {
        let answer = probe(&daemon, wanted, module);
        assert_eq!(answer.status, 400, "{wanted}");
        let text = answer.text();
        assert!(text.starts_with(said) && text.lines().count() == 1, "{wanted}: {text}");
    }
    for twice in ["target=http://a.kr/&target=http://b.kr/", "target=x&module=tls&module=http"] {
        let answer = daemon.get(&format!("/probe?{twice}"));
        assert_eq!(answer.status, 400, "{twice}");
        assert!(answer.text().contains(" is given more than once; ask for one at a time"));
    }
}

#[test]
fn the_address_of_any_target_is_decoded_once() {
    let target = Target::answering("봉수");
    let other = Target::answering("다른 곳");
    let daemon = taking_any(&target);
    for path in ["/a%2520b", "/a%2Fb?c=d%26e&f=g+h", "/%ED%95%9C?q=%25", "/$%7Bsecret.x%7D"] {
        let answer = probe(&daemon, &format!("{}{}", other.url(), &path[1..]), "");
        assert!(answer.text().contains("\nprobe_success 1\n"), "{path}: {}", answer.text());
        assert_eq!(other.asked(), path);
    }
}

/// Neither by a request of its own nor under a name that its owner lets point here.
#[test]
fn another_sites_page_cannot_let_any_target_be_probed() {
    let target = Target::answering("봉수");
    let other = Target::answering("다른 곳");
    let daemon = taking_any(&target);
    let path = format!("/probe?target={}", other.url());
    let rebound = "evil.example.kr:10915";
    for headers in [
        [("Sec-Fetch-Site", "cross-site"), ("Accept", "image/*")],
        [("Origin", "http://evil.example.kr"), ("Accept", "*/*")],
        [("Origin", "http://evil.example.kr:10915"), ("Host", rebound)],
        [("Sec-Fetch-Site", "same-origin"), ("Host", rebound)],
    ] {
        let request = headers
            .iter()
            .fold(Request::get(&path), |request, (name, value)| request.header(name, value));
        assert_eq!(request.send(daemon.address).status, 403, "{headers:?}");
    }
    assert_eq!(other.requests(), 0);
    let typed = Request::get(&path).header("Sec-Fetch-Site", "none").send(daemon.address);
    assert_eq!((typed.status, other.requests()), (200, 1));
}

#[test]
fn a_run_for_any_target_ends_before_the_scrape_and_only_so_many_run_at_once() {
    let target = Target::answering("봉수");
    let (slow, _held) = Target::holding();
    let daemon = taking_any(&target);
    let path = format!("/probe?target={}", slow.url());
    let start = Instant::now();
    let answer = Request::get(&path)
        .header("X-Prometheus-Scrape-Timeout-Seconds", "1.5")
        .send(daemon.address);
    assert!(answer.text().contains("\nprobe_success 0\n"), "{}", answer.text());
    assert!(answer.text().contains("\nprobe_timeout_seconds 1\n"), "{}", answer.text());
    assert!(start.elapsed() < Duration::from_secs(10));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..24)
            .map(|_| scope.spawn(|| Request::get(&path).send(daemon.address).status))
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 16, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 503).count(), 8, "{statuses:?}");
    eventually("places are free again", || {
        let answer = Request::get(&format!(
            "/probe?target={}",
            target.url().replace("127.0.0.1", "127.0.0.2")
        ))
        .send(daemon.address);
        (answer.status == 200).then_some(())
    });
}
