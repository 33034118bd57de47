//! Servers that show ever new chains, large ones, and ones that name slow servers of others.

use std::fmt::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, Stream};
use time::Duration;

use crate::strangers::{answers, runs, wait_for_runs};
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::{Reply, Routes};
use crate::support::pki::{Authority, Files, Issued, Leaf, authority_info_access};

/// Chains by the number of the handshake.
type Chains = dyn Fn(u32) -> Vec<CertificateDer<'static>> + Send + Sync;

/// A TLS server whose chain changes with every handshake. Its threads end with the process.
pub(crate) struct Changing {
    pub(crate) port: u16,
    shown: Arc<AtomicU32>,
}

struct Shown {
    chains: Box<Chains>,
    key: Arc<dyn rustls::sign::SigningKey>,
    shown: Arc<AtomicU32>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let turn = self.shown.fetch_add(1, Ordering::Relaxed);
        let key = Arc::clone(&self.key);
        Some(Arc::new(CertifiedKey::new((self.chains)(turn), key)))
    }
}

impl Changing {
    /// `key_pem` is the key of every leaf.
    pub(crate) fn showing(
        key_pem: &str,
        chains: impl Fn(u32) -> Vec<CertificateDer<'static>> + Send + Sync + 'static,
    ) -> Changing {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let shown = Arc::new(AtomicU32::new(0));
        let resolver = Shown { chains: Box::new(chains), key, shown: Arc::clone(&shown) };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                thread::spawn(move || {
                    let mut session = ServerConnection::new(config).unwrap();
                    // Until the client goes away.
                    let mut stream = Stream::new(&mut session, &mut stream);
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                });
            }
        });
        Changing { port, shown }
    }

    fn shown(&self) -> u32 {
        self.shown.load(Ordering::Relaxed)
    }
}

pub(crate) fn der(issued: &Issued) -> CertificateDer<'static> {
    issued.der.clone().into()
}

fn start(probes: &str, interval: &str) -> Daemon {
    let config = format!(
        "defaults: {{ interval: {interval}, timeout: 900ms }}\n\
         services:\n  - name: s\n    probes:\n{probes}"
    );
    let daemon = Setup::new(&config).start();
    daemon.wait_until_ready();
    daemon
}

/// Probes of the hostile server.
const TARGETS: u32 = 40;
/// Handshakes until memory is looked at. Before the bound each left half a megabyte.
const HANDSHAKES: u32 = 20 * TARGETS;
/// What may be kept: of each target a share of 128 KiB, its last result, and one that is on its way,
/// beside what a process that works takes for itself.
const GROWTH_MAX: u64 = 60 << 20;

#[test]
fn chains_that_change_with_every_handshake_take_a_bounded_share() {
    let (files, authority) = (Files::new(), Authority::root("Test Authority"));
    let leaf = authority.issue(Leaf::named("127.0.0.1"));
    let names: Vec<String> = (0..256).map(|number| format!("n{number}")).collect();
    let padding = CertificateParams::new(names).unwrap();
    let padding = padding.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
    let leaf_der = der(&leaf);
    let hostile = Changing::showing(&leaf.key_pem, move |turn| {
        let mut altered = padding.to_vec();
        let end = altered.len() - 4;
        altered[end..].copy_from_slice(&turn.to_be_bytes());
        let mut chain = vec![leaf_der.clone()];
        chain.extend(std::iter::repeat_n(padding.clone(), 30));
        chain.push(altered.into());
        chain
    });
    let roots = files.write(&authority.cert.pem);
    let mut probes = String::new();
    for number in 0..TARGETS {
        let port = hostile.port;
        writeln!(
            probes,
            "      - {{ name: p{number}, tls: {{ address: '127.0.0.1:{port}', \
             trust: {{ roots: '{}' }} }} }}",
            roots.display()
        )
        .unwrap();
    }
    let daemon = start(&probes, "1s");
    eventually("handshakes", || (hostile.shown() >= 2 * TARGETS).then_some(()));
    let before = daemon.peak_memory();
    eventually("many handshakes", || (hostile.shown() >= HANDSHAKES).then_some(()));
    let grown = daemon.peak_memory() - before;
    println!("{before} bytes before, {grown} more after {HANDSHAKES} handshakes");
    assert!(grown < GROWTH_MAX, "{before} bytes before, {grown} more");
    answers(&daemon);
    for number in 0..TARGETS {
        let name = format!("p{number}");
        assert!(runs(&daemon, &name, "success") > 0.0, "{name}: {}", daemon.log());
    }
}

/// A server of issuers that takes requests and never answers.
struct Silent {
    port: u16,
    /// Connections that are open at the same time, at most.
    most: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

impl Silent {
    fn start() -> Silent {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (seen, highest) = (Arc::clone(&asked), Arc::clone(&most));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                seen.fetch_add(1, Ordering::Relaxed);
                highest.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let open = Arc::clone(&open);
                thread::spawn(move || {
                    // Until the client goes away.
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Silent { port, most, asked }
    }
}

/// Targets that show chains of an unknown issuer.
const STRANGERS: u32 = 100;
/// Fetches at a time from one host, and a few connections that the server has not yet seen closed.
const OPEN_MAX: usize = 4 + 4;

#[tokio::test(flavor = "multi_thread")]
async fn slow_issuers_hold_up_nobody_elses_lists() {
    let (files, authority) = (Files::new(), Authority::root("Test Authority"));
    let silent = Silent::start();
    let unknown = Authority::root("Unknown Authority");
    let key = KeyPair::generate().unwrap();
    let key_pem = key.serialize_pem();
    let port = silent.port;
    let hostile = Changing::showing(&key_pem, move |turn| {
        let mut leaf = Leaf::named("127.0.0.1");
        let urls: Vec<String> =
            (0..4).map(|n| format!("http://127.0.0.1:{port}/{turn}/{n}")).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        leaf.params.custom_extensions.push(authority_info_access(&urls));
        vec![der(&unknown.issue_for(leaf, &key))]
    });

    // Its list is good for moments, so that it is fetched again and again.
    let routes = Routes::new();
    let web = routes.clone().serve().await;
    let url = web.url("/ca.crl");
    let leaf = authority.issue(Leaf::named("127.0.0.1").crl_at(&url));
    let roots = files.write(&authority.cert.pem);
    let _ = routes
        .on("GET", "/ca.crl", move |_| Reply::bytes(authority.revoke(&[], Duration::seconds(3))));
    let healthy = Changing::showing(&leaf.key_pem, {
        let leaf = der(&leaf);
        move |_| vec![leaf.clone()]
    });

    let mut probes = format!(
        "      - {{ name: healthy, tls: {{ address: '127.0.0.1:{}', revocation: hard, \
         trust: {{ roots: '{}' }} }} }}\n",
        healthy.port,
        roots.display()
    );
    for number in 0..STRANGERS {
        let port = hostile.port;
        writeln!(probes, "      - {{ name: p{number}, tls: {{ address: '127.0.0.1:{port}' }} }}")
            .unwrap();
    }
    tokio::task::block_in_place(|| {
        let daemon = start(&probes, "2s");
        daemon.sample("bongsu_fetches_refused_total{kind=\"issuer\"}");
        eventually("refused fetches", || {
            let refused = daemon.sample("bongsu_fetches_refused_total{kind=\"issuer\"}");
            (refused >= f64::from(STRANGERS)).then_some(())
        });
        let lists = web.paths().len();
        let before = runs(&daemon, "healthy", "success");
        wait_for_runs(&daemon, "healthy", "success", before + 4.0);
        assert!(web.paths().len() > lists, "no list was fetched meanwhile");
        for result in ["failure", "unknown"] {
            assert_eq!(runs(&daemon, "healthy", result), 0.0, "{result}: {}", daemon.log());
        }
        assert_eq!(runs(&daemon, "healthy", "degraded"), 0.0);
        let most = silent.most.load(Ordering::Relaxed);
        assert!((1..=OPEN_MAX).contains(&most), "{most} connections at a time");
        let asked = silent.asked.load(Ordering::Relaxed);
        println!("{asked} fetches, {most} at a time; {} chains", hostile.shown());
        assert_eq!(daemon.sample("bongsu_fetches_refused_total{kind=\"revocation_list\"}"), 0.0);
    });
}
