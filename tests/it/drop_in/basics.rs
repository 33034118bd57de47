//! What `/probe`, `/config` and the flags do with modules.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bongsu::cli::DEFAULT_CONFIG_FILE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{daemon, path, series};
use crate::support::client::Request;
use crate::support::daemon::{PATIENCE, Setup, eventually};
use crate::support::http::{Reply, Routes, Site, Target, page, redirect};
use crate::support::promtool;

const PLAIN: &str = "modules:\n  http_2xx: { prober: http, timeout: 5s }\n";

#[test]
fn a_target_is_probed_when_it_is_asked_for() {
    let target = Target::answering("봉수");
    let daemon = daemon(PLAIN, &[]);
    assert_eq!(target.requests(), 0);
    for asked in 1..=2 {
        let answer = daemon.get(&path(&target.url(), "http_2xx"));
        assert_eq!(series(&answer)["probe_success"], 1.0);
        assert_eq!(target.requests(), asked);
        promtool::check_metrics(&answer.text());
    }
    // The module by default, a target without a scheme, and one that is encoded twice.
    let bare = target.url().replace("http://", "");
    let twice = "http%253A%252F%252F".to_owned() + &bare;
    for wanted in [&bare, &twice] {
        let answer = daemon.get(&format!("/probe?target={wanted}"));
        assert_eq!(series(&answer)["probe_success"], 1.0, "{wanted}");
    }
    // What is ours goes on, and says nothing of the modules' targets.
    let metrics = daemon.metrics();
    assert!(metrics.contains("service=\"own\"") && !metrics.contains(&bare), "{metrics}");
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let daemon = daemon(
        "modules:\n  http_2xx: { prober: http }\n  ping: { prober: icmp, icmp: { ttl: 5 } }\n",
        &[],
    );
    for (path, status, said) in [
        ("/probe", 400, "Target parameter is missing"),
        ("/probe?target=a.kr&module=nope", 400, "Unknown module \"nope\""),
        ("/probe?target=a.kr&module=ping", 400, "keep it on blackbox_exporter"),
    ] {
        let answer = daemon.get(path);
        assert_eq!((answer.status, answer.text().contains(said)), (status, true), "{path}");
    }
    let answer = Request::get("/probe?target=a.kr")
        .header("X-Prometheus-Scrape-Timeout-Seconds", "soon")
        .send(daemon.address);
    assert_eq!(answer.status, 500, "{}", answer.text());
    let metrics = daemon.metrics();
    assert!(metrics.contains("\nblackbox_module_unknown_total 1\n"), "{metrics}");
    assert!(metrics.contains("\nblackbox_exporter_config_last_reload_successful 1\n"));
    let log = daemon.logged(&["kept on blackbox_exporter", "ping"]);
    assert!(log.contains("Bongsu has no icmp prober"), "{log}");
}

#[test]
fn another_sites_page_cannot_ask_for_a_probe() {
    let target = Target::answering("봉수");
    let daemon = daemon(PLAIN, &[]);
    let answer = Request::get(&path(&target.url(), "http_2xx"))
        .header("Sec-Fetch-Site", "cross-site")
        .send(daemon.address);
    assert_eq!((answer.status, target.requests()), (403, 0));
}

#[test]
fn secrets_of_modules_are_shown_nowhere() {
    let target = Target::answering("봉수");
    let modules = "modules:\n  secret:\n    prober: http\n    http:\n      method: POST\n      body: \
                   canary-body\n      basic_auth: { username: ops, password: canary-password }\n      \
                   headers: { X-Api-Key: canary-header, X-Plain: plain }\n      http_headers: { \
                   X-More: { secrets: [canary-more] } }\n      proxy_url: \
                   http://u:canary-proxy@127.0.0.1:9/\n  bearer: { prober: http, http: { bearer_token: \
                   canary-bearer } }\n  typed: { prober: http, http: { authorization: { credentials: \
                   canary-typed } } }\n  token: { prober: http, http: { oauth2: { client_id: bongsu, \
                   client_secret: canary-client, endpoint_params: { password: canary-param }, \
                   token_url: 'http://u:canary-url@127.0.0.1:9/', proxy_url: \
                   'http://u:canary-token-proxy@127.0.0.1:9/' } } }\n";
    let daemon = daemon(modules, &[]);
    let config = daemon.get("/config").text();
    assert!(config.contains("client_id: bongsu"), "{config}");
    assert!(config.contains("X-Plain: plain") && config.contains("<secret>"), "{config}");
    let mut shown = config;
    for module in ["secret", "bearer", "typed", "token"] {
        let url = target.url().replace("http://", "http://u:canary-userinfo@");
        shown += &daemon.get(&format!("{}&debug=true", path(&url, module))).text();
        shown += &daemon.get(&path(&url, module)).text();
    }
    shown += &daemon.metrics();
    shown += &daemon.log();
    assert!(shown.contains("Logs for the probe:"), "{shown}");
    let found = shown.lines().find(|line| line.contains("canary"));
    assert_eq!(found, None);
}

#[test]
fn debug_shows_what_was_done_the_metrics_and_the_module() {
    let target = Target::answering("봉수");
    let daemon = daemon(PLAIN, &[]);
    let answer = daemon.get(&format!("{}&debug=true", path(&target.url(), "http_2xx")));
    let text = answer.text();
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    for part in [
        "Logs for the probe:\ntime=",
        "msg=\"Beginning probe\"",
        "\n\n\nMetrics that would have been returned:\n",
        "\nprobe_success 1\n",
        "\n\n\nModule configuration:\nprober: http\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn modules_are_read_again_with_the_configuration_or_both_stay() {
    let target = Target::answering("봉수");
    let daemon = daemon(PLAIN, &["--web.enable-lifecycle"]);
    daemon.setup.write("blackbox.yml", "modules:\n  other: { prober: http }\n");
    assert_eq!(daemon.post("/-/reload").status, 200);
    assert_eq!(series(&daemon.get(&path(&target.url(), "other")))["probe_success"], 1.0);
    assert_eq!(daemon.get(&path(&target.url(), "http_2xx")).status, 400);
    daemon.setup.write("blackbox.yml", "modules:\n  other: { prober: http, htp: {} }\n");
    let answer = daemon.post("/-/reload");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("did you mean \"http\"?"), "{}", answer.text());
    assert_eq!(daemon.get(&path(&target.url(), "other")).status, 200);
    assert_eq!(daemon.sample("blackbox_exporter_config_last_reload_successful"), 0.0);
}

#[test]
fn without_a_configuration_of_its_own_it_only_answers() {
    let setup = Setup::new("");
    let file = setup.write("blackbox.yml", PLAIN);
    let flag = format!("--blackbox.config.file={}", file.display());
    let check = |config: &str| {
        let config = format!("--config.file={config}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
        command.args(["check", &config, &flag]).output().unwrap()
    };
    // A file that is named must be there; the one by default need not.
    let output = check("/nowhere.yml");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere.yml"), "{output:?}");
    assert!(!Path::new(DEFAULT_CONFIG_FILE).exists(), "this machine has a configuration");
    let output = check(DEFAULT_CONFIG_FILE);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text, "/probe runs 1 module: http_2xx\n");
    // What is wrong with modules is no reason to advise a first configuration.
    setup.write("blackbox.yml", "modules:\n  a: { prober: htpp }\n");
    let output = check(DEFAULT_CONFIG_FILE);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text.contains("1 problem") && !text.contains("without a configuration"), "{text}");
}

#[test]
fn a_run_ends_before_the_scrape_does() {
    let (slow, _held) = Target::holding();
    let daemon =
        daemon("modules:\n  http_2xx: { prober: http }\n", &["--blackbox.timeout-offset=1"]);
    let start = Instant::now();
    let answer = Request::get(&path(&slow.url(), "http_2xx"))
        .header("X-Prometheus-Scrape-Timeout-Seconds", "2")
        .send(daemon.address);
    let found = series(&answer);
    assert_eq!((found["probe_success"], found["probe_timeout_seconds"]), (0.0, 1.0));
    assert!((1.0..2.0).contains(&found["probe_duration_seconds"]), "{found:?}");
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn only_so_many_modules_run_at_once() {
    let (slow, _held) = Target::holding();
    let daemon = daemon(
        "modules:\n  http_2xx: { prober: http, timeout: 3s }\n",
        &["--blackbox.max-concurrent-probes=4"],
    );
    let path_of_slow = path(&slow.url(), "http_2xx");
    let ask = || Request::get(&path_of_slow).send(daemon.address).status;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 4, "{statuses:?}");
    let target = Target::answering("봉수");
    eventually("places are free again", || {
        (daemon.get(&path(&target.url(), "http_2xx")).status == 200).then_some(())
    });
}

/// By the URL, by a name, and by a redirect: what counts is the address that would be connected to.
#[tokio::test(flavor = "multi_thread")]
async fn private_targets_are_refused_by_their_address() {
    let site = Routes::new().on("GET", "/", |_| Reply::html("봉수")).serve().await;
    let modules = "modules:\n  http_2xx: { prober: http, http: { preferred_ip_protocol: ip4 } }\n  \
                   tcp: { prober: tcp, tcp: { preferred_ip_protocol: ip4 } }\n";
    let daemon = daemon(modules, &["--blackbox.refuse-private-targets"]);
    let port = site.address.port();
    for (target, module) in [
        (format!("http://127.0.0.1:{port}/"), "http_2xx"),
        (format!("http://localhost:{port}/"), "http_2xx"),
        (format!("http://2130706433:{port}/"), "http_2xx"),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), "http_2xx"),
        (format!("127.0.0.1:{port}"), "tcp"),
        (format!("localhost:{port}"), "tcp"),
    ] {
        let answer = daemon.get(&format!("{}&debug=true", path(&target, module))).text();
        assert!(answer.contains("\nprobe_success 0\n"), "{target}: {answer}");
        assert!(answer.contains("is not an address of the internet"), "{target}: {answer}");
    }
    assert!(site.asked().is_empty());
}

/// Addresses of the internet that nobody has (RFC 5737). What stands for them is a proxy, whose own
/// address is the operator's choice and not judged.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_into_a_private_network_is_refused_at_its_hop() {
    const START: &str = "http://203.0.113.7/";
    let places = [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/",
        "http://198.51.100.9/twice",
    ];
    let internet = Site::routed(move |request| {
        let url = request.split(' ').nth(1).unwrap_or_default();
        let number = url.strip_prefix(START).and_then(|number| number.parse::<usize>().ok());
        match (number, url) {
            (Some(number), _) => redirect(302, places[number]),
            // The second hop is judged as the first is.
            (None, "http://198.51.100.9/twice") => redirect(307, "http://10.0.0.1/"),
            (None, "http://203.0.113.7/away") => redirect(302, "http://198.51.100.9/"),
            _ => page("200 OK", "", "hello"),
        }
    })
    .await;
    let modules = format!(
        "modules:\n  http_2xx: {{ prober: http, timeout: 20s, http: {{ proxy_url: '{}', \
         preferred_ip_protocol: ip4 }} }}\n",
        internet.url("")
    );
    let daemon = daemon(&modules, &["--blackbox.refuse-private-targets"]);
    // From one address of the internet to another.
    let answer = daemon.get(&path(&format!("{START}away"), "http_2xx"));
    assert_eq!(series(&answer)["probe_success"], 1.0, "{}", answer.text());
    for (number, place) in places.iter().enumerate() {
        let target = format!("{START}{number}");
        let answer = daemon.get(&format!("{}&debug=true", path(&target, "http_2xx"))).text();
        assert!(answer.contains("\nprobe_success 0\n"), "{place}: {answer}");
        assert!(answer.contains("is not an address of the internet"), "{place}: {answer}");
    }
    let asked: Vec<String> = internet.requests();
    let asked: Vec<&str> = asked.iter().filter_map(|request| request.split(' ').nth(1)).collect();
    let is_of_the_internet =
        |url: &&&str| url.starts_with(START) || url.starts_with("http://198.51.100.9/");
    assert_eq!(asked.iter().filter(is_of_the_internet).count(), asked.len(), "{asked:?}");
    assert_eq!(asked.len(), 2 + places.len() + 1, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_searched_is_bounded() {
    let site = Routes::new().on("GET", "/", |_| Reply::endless()).serve().await;
    let modules = "modules:\n  search: { prober: http, timeout: 60s, http: { \
                   fail_if_body_matches_regexp: [never-there] } }\n";
    let daemon = daemon(modules, &[]);
    let answer = daemon.get(&format!("{}&debug=true", path(&site.url("/"), "search"))).text();
    assert!(answer.contains("the body is larger than 8388608 bytes"), "{answer}");
    assert!(answer.contains("\nprobe_success 0\n"), "{answer}");
    assert!(daemon.peak_memory() < 200 << 20, "{}", daemon.peak_memory());
}

/// Debian's blackbox_exporter has no labels yet, so there is nothing to compare with.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_expectation_captures_is_a_series() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.send(b"SSH-2.0-OpenSSH_9.6 Debian-1\r\n").await;
        visitor.close().await;
    })
    .await;
    let modules = "modules:\n  banner: { prober: tcp, timeout: 20s, tcp: { query_response: [{ expect: \
                   '^SSH-2.0-([^ -]+)(?: (.*))?$', labels: [{ name: ssh_version, value: '${1}' }, { \
                   name: ssh_comments, value: '${2}' }] }] } }\n";
    let daemon = daemon(modules, &[]);
    let answer = daemon.get(&path(&site.address.to_string(), "banner"));
    let found = series(&answer);
    let info = "probe_expect_info{ssh_comments=\"Debian-1\",ssh_version=\"OpenSSH_9.6\"}";
    assert_eq!(found.get(info), Some(&1.0), "{found:?}");
    promtool::check_metrics(&answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_fails_the_probe() {
    let site = Site::scripted(|mut visitor| async move {
        let line = vec![b'x'; 1 << 20];
        let _ = visitor.stream.write_all(&line).await;
        let _ = visitor.stream.read(&mut [0; 1]).await;
    })
    .await;
    let modules = "modules:\n  line: { prober: tcp, timeout: 60s, tcp: { query_response: [{ expect: OK }] } }\n";
    let daemon = daemon(modules, &[]);
    let start = Instant::now();
    let target = site.address.to_string();
    let answer = daemon.get(&format!("{}&debug=true", path(&target, "line"))).text();
    assert!(answer.contains("the line is too long"), "{answer}");
    assert!(answer.contains("\nprobe_success 0\n"), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(30));
}
