//! Names at the real daemon: when no name server of ours is of use, nobody is blamed; when one is, what it
//! says of a name is about that name, and a name's trouble is its own.

use std::net::SocketAddr;

use bongsu::outcome::Reason;
use hickory_proto::op::ResponseCode;

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::dns::{NameServer, Says};
use crate::support::estate::date_server;
use crate::support::http::Target;

/// Probes of these names below `test` (`www-gov-kr` is `www.gov.kr`) by this name server, which is named in `defaults` or in the service.
fn watching(
    names: &[&str],
    server: SocketAddr,
    port: u16,
    named_in: &str,
    controls: &str,
) -> Daemon {
    let dns = format!("dns: {{ servers: ['{server}'] }}");
    let (ours, theirs) = match named_in {
        "defaults" => (format!(", {dns}"), String::new()),
        _ => (String::new(), format!("    {dns}\n")),
    };
    let probes: String = names
        .iter()
        .map(|name| {
            let host =
                if name.contains('-') { name.replace('-', ".") } else { format!("{name}.test") };
            format!("      - {{ name: {name}, http: {{ url: 'http://{host}:{port}/' }} }}\n")
        })
        .collect();
    let text = format!(
        "{controls}defaults: {{ interval: 1500ms, timeout: 1s, recheck: off{ours} }}\nservices:\n  \
         - name: s\n{theirs}    probes:\n{probes}"
    );
    let daemon = Setup::new(&text).start();
    daemon.wait_until_ready();
    daemon
}

fn count(daemon: &Daemon, series: &str, probe: &str, label: &str) -> f64 {
    let start = format!("{series}{{service=\"s\",probe=\"{probe}\"");
    let metrics = daemon.metrics();
    let line = metrics.lines().find(|line| line.starts_with(&start) && line.contains(label));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

fn runs(daemon: &Daemon, probe: &str, result: &str) -> f64 {
    count(daemon, "bongsu_probe_runs_total", probe, &format!("result=\"{result}\""))
}

fn port(site: &Target) -> u16 {
    url::Url::parse(&site.url()).unwrap().port().unwrap()
}

fn failed(daemon: &Daemon, probe: &str, reason: &str, times: f64) {
    eventually(&format!("{probe}: {reason}\n{}", daemon.log()), || {
        let label = format!("reason=\"{reason}\"");
        (count(daemon, "bongsu_probe_failures_total", probe, &label) >= times).then_some(())
    });
}

/// What each run found is known, unless the machine stood still, which is no name's doing.
fn known(daemon: &Daemon, probe: &str) {
    let label = "reason=\"prober_stalled\"";
    let stalled = count(daemon, "bongsu_probe_failures_total", probe, label);
    assert_eq!(runs(daemon, probe, "unknown"), stalled, "{probe}\n{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_usable_name_server_nobody_is_down() {
    let unused = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let code = |code| Says::Code(code);
    let mut servers = vec![(unused, None)];
    for says in [Says::Silence, code(ResponseCode::ServFail), code(ResponseCode::Refused)] {
        let names = [("a.test", says.clone()), ("b.test", says.clone()), ("", says)];
        let server = NameServer::with(&names).await;
        servers.push((server.address, Some(server)));
    }
    let online = format!("controls: ['http://{}/']\n", date_server());
    let ways =
        servers.iter().flat_map(|(address, _)| [(*address, ""), (*address, online.as_str())]);
    let daemons: Vec<Daemon> = ways
        .map(|(address, controls)| watching(&["a", "b"], address, 80, "defaults", controls))
        .collect();
    for daemon in &daemons {
        for probe in ["a", "b"] {
            failed(daemon, probe, Reason::NoResolver.as_str(), 2.0);
            assert_eq!(runs(daemon, probe, "failure"), 0.0, "{probe}\n{}", daemon.log());
        }
    }
}

/// The local host is asked then, as the C library does, and nobody answers there.
#[test]
fn a_resolv_conf_that_names_no_server_blames_nobody() {
    let texts = ["", "search go.kr\noptions edns0\n", "nameserver none\n", "\0\0\0"];
    let daemons = texts.map(|text| {
        let setup = Setup::new(
            "defaults: { interval: 1500ms, timeout: 1s, recheck: off }\nservices:\n  - name: s\n    probes:\n      - { name: \
             a, http: { url: 'http://a.test/' } }\n      - { name: refuse, http: { url: 'http://127.0.0.1:9/' } }\n",
        );
        setup.seeing("/etc/resolv.conf", text).start()
    });
    for (text, daemon) in texts.iter().zip(&daemons) {
        failed(daemon, "a", Reason::NoResolver.as_str(), 2.0);
        assert_eq!(runs(daemon, "a", "failure"), 0.0, "{text:?}: {}", daemon.log());
        failed(daemon, "refuse", "connect_refused", 2.0);
    }
}

/// The control's name is refused as every other one: whoever is told so by a server is not offline.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_refuse_everything_are_not_called_offline() {
    let refused = Says::Code(ResponseCode::Refused);
    let names = [("a.test", refused.clone()), ("", refused)];
    let server = NameServer::with(&names).await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let controls = format!("controls: ['tcp://{gone}']\n");
    let daemon = watching(&["a"], server.address, 80, "defaults", &controls);
    failed(&daemon, "a", "no_resolver", 2.0);
    assert_eq!(runs(&daemon, "a", "failure"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broken_zone_beside_a_working_server_is_the_services() {
    let site = Target::answering("ok");
    let port = port(&site);
    let here = Says::Addresses(vec!["127.0.0.1".parse().unwrap()]);
    let broken = Says::Code(ResponseCode::ServFail);
    let names = [("a.test", here), ("b.test", broken), ("c.test", Says::Silence)];
    let server = NameServer::with(&names).await;
    let daemon = watching(&["a", "b", "c"], server.address, port, "defaults", "");
    failed(&daemon, "b", "dns_servfail", 2.0);
    failed(&daemon, "c", "dns_timeout", 2.0);
    assert_eq!(runs(&daemon, "a", "failure"), 0.0);
    for probe in ["a", "b", "c"] {
        known(&daemon, probe);
    }
    // Whoever names a service's own name servers watches them, too.
    let silent = NameServer::with(&[("a.test", Says::Silence), ("", Says::Silence)]).await;
    let daemon = watching(&["a"], silent.address, port, "service", "");
    failed(&daemon, "a", "dns_timeout", 2.0);
    known(&daemon, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_silent_over_tcp_disturbs_no_other() {
    let site = Target::answering("ok");
    let here = Says::Addresses(vec!["127.0.0.1".parse().unwrap()]);
    let names = [
        ("healthy.test", here),
        ("large.test", Says::OverTcp(vec!["127.0.0.1".parse().unwrap()])),
        ("long.test", Says::SilenceOverTcp),
        ("longer.test", Says::SilenceOverTcp),
        ("silent.test", Says::Silence),
    ];
    let server = NameServer::with(&names).await;
    let probes = ["healthy", "large", "long", "longer", "silent"];
    let daemon = watching(&probes, server.address, port(&site), "defaults", "");
    failed(&daemon, "long", "dns_timeout", 8.0);
    failed(&daemon, "silent", "dns_timeout", 8.0);
    // One by UDP, and one whose answers come over TCP as those of the silent ones would.
    for probe in ["healthy", "large"] {
        assert!(runs(&daemon, probe, "success") >= 6.0, "{probe}\n{}", daemon.log());
        assert_eq!(runs(&daemon, probe, "failure"), 0.0, "{probe}\n{}", daemon.log());
        known(&daemon, probe);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_contradict_themselves_are_down() {
    let site = Target::answering("ok");
    let ips = |ip: &str| vec![ip.parse().unwrap()];
    let names = [
        ("none.test", Says::Contradiction(ResponseCode::NXDomain, ips("127.0.0.1"))),
        ("nowhere.test", Says::Addresses(ips("0.0.0.0"))),
        ("nowhere6.test", Says::Addresses(ips("::"))),
        ("www.gov.kr", Says::Addresses(ips("127.0.0.1"))),
        ("www6.gov.kr", Says::Addresses(ips("::1"))),
        ("mapped.gov.kr", Says::Addresses(ips("::ffff:127.0.0.1"))),
    ];
    let server = NameServer::with(&names).await;
    let here = ["nowhere", "nowhere6", "www-gov-kr", "www6-gov-kr", "mapped-gov-kr"];
    let probes: Vec<&str> = here.into_iter().chain(["none"]).collect();
    let daemon = watching(&probes, server.address, port(&site), "defaults", "");
    failed(&daemon, "none", "dns_nxdomain", 1.0);
    for probe in here {
        failed(&daemon, probe, "dns_no_address", 1.0);
    }
    for probe in probes {
        assert_eq!(runs(&daemon, probe, "success"), 0.0, "{probe}");
    }
}
