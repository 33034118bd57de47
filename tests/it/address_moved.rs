//! A service that comes back elsewhere: the log, the metric, the page and the JSON answer say so.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::daemon::{Setup, eventually};
use crate::support::dns::{NameServer, Says};
use crate::support::http::page;

/// A site at every address of loopback.
async fn everywhere() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(page("200 OK", "", "ok").as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}

fn addresses(ips: &[&str]) -> Says {
    Says::Addresses(ips.iter().map(|ip| ip.parse::<IpAddr>().unwrap()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_is_told_and_one_that_takes_turns_is_not() {
    let port = everywhere().await;
    let moving = Arc::new(Mutex::new(addresses(&["127.0.0.1", "127.0.0.2"])));
    let turning = Arc::new(Mutex::new(addresses(&["127.0.0.1", "127.0.0.2"])));
    let names = NameServer::with(&[
        ("moving.test", Says::Now(Arc::clone(&moving))),
        ("turning.test", Says::Now(Arc::clone(&turning))),
    ])
    .await;
    let daemon = tokio::task::spawn_blocking(move || {
        let service = |name: &str| {
            format!(
                "  - name: {name}\n    probes: [{{ name: front, interval: 1s, timeout: 900ms, dns: {{ servers: \
                 [\"{}\"] }}, http: {{ url: \"http://{name}.test:{port}/\" }} }}]\n",
                names.address
            )
        };
        let setup = Setup::new(&format!("services:\n{}{}", service("moving"), service("turning")));
        let daemon = setup.start();
        daemon.wait_until_ready();
        let runs = |name: &str| {
            daemon.sample(&format!("bongsu_probe_runs_total{{service=\"{name}\",probe=\"front\""))
        };
        let after_another = |name: &str| {
            let before = runs(name);
            eventually("another run", || (runs(name) >= before + 1.0).then_some(()));
        };
        after_another("moving");
        after_another("turning");
        assert!(!daemon.metrics().contains("bongsu_probe_address_moved_timestamp_seconds{"));
        *turning.lock().unwrap() = addresses(&["127.0.0.3", "127.0.0.2"]);
        *moving.lock().unwrap() = addresses(&["127.0.0.9"]);
        daemon.logged(&["probe.address_moved", "moving/front", "127.0.0.1", "127.0.0.9"]);
        let at = daemon.sample(
            "bongsu_probe_address_moved_timestamp_seconds{service=\"moving\",probe=\"front\"",
        );
        assert!(at > 1_700_000_000.0, "{at}");
        let status = daemon.get("/api/v1/status").json();
        let moved = &status["services"][0]["probes"][0]["address_moved"];
        assert_eq!(moved["to"], serde_json::json!(["127.0.0.9"]), "{status:#}");
        let page = daemon.get("/probes/moving/front?lang=ko").text();
        assert!(page.contains("주소 바뀜") && page.contains("127.0.0.9"), "{page}");

        after_another("turning");
        after_another("turning");
        *turning.lock().unwrap() = addresses(&["127.0.0.1"]);
        after_another("turning");
        after_another("turning");
        let log = daemon.log();
        assert_eq!(log.matches("probe.address_moved").count(), 1, "{log}");
        assert!(status["services"][1]["probes"][0]["address_moved"].is_null());
    });
    daemon.await.unwrap();
}
