//! Makes the reqwest client of a run, which connects: which hooks and names it gets.
//!
//! A client lives for one run at most, so that connections, sessions and cookies never leak into
//! the next one; what costs time to make (anchors, resolvers) is shared underneath. Everything
//! that reqwest would do by itself and hide (redirects, retries, decoding, names, system proxies)
//! is off.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chain::RecordingVerifier;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Proxy};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::config::{HttpVersions, TlsClientOptions};
use crate::net::Net;
use crate::outcome::{Failure, Reason};
use crate::probe::carrier::{Handover, Protocol};
use crate::probe::clock::{Alpn, Clock, ConnectHook, Counters, HelloHook};

/// Whether connections outlive a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// Each request has its own.
    Fresh,
    /// The next request to the same authority may reuse one, as a browser's would; and the last
    /// one stays open until its kernel counters were read.
    Kept,
}

/// How a proxy is used, which decides who resolves the server's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// No proxy.
    Direct,
    /// `socks5`: we resolve.
    ProxyByAddress,
    /// `http`, `https`, `socks5h`: the proxy resolves.
    ProxyByName,
}

/// How a run's clients are made.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// The TLS side.
    pub tls: &'a TlsClientOptions,
    /// Which versions may be spoken.
    pub versions: HttpVersions,
    /// Its URL.
    pub proxy: Option<&'a Url>,
    /// Whether connections outlive a request.
    pub connections: Connections,
    /// Whether the kernel's counters are wanted; `connections` should then be kept, so that they
    /// can be read after the response.
    pub counters: Counters,
}

impl Setup<'_> {
    /// How a proxy is used.
    pub fn via(&self) -> Via {
        match self.proxy.map(Url::scheme) {
            None => Via::Direct,
            Some("socks5") => Via::ProxyByAddress,
            Some(_) => Via::ProxyByName,
        }
    }
}

/// What distinguishes the clients of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Whether the server speaks TLS.
    pub secure: bool,
    /// Whether the options' server name counts: not after a redirect to another authority.
    pub own_name: bool,
    /// Whether HTTP/2 may be offered.
    pub http2: bool,
}

/// A client, of which only the connector is used, and what it leaves behind.
pub struct Ready {
    /// What it was made for.
    pub wish: Wish,
    /// Connects and hands over.
    pub client: Client,
    /// Where it leaves its connections.
    pub handover: Arc<Handover>,
    /// Present where there is TLS.
    pub verifier: Option<Arc<RecordingVerifier>>,
}

/// The addresses that the connector gets for a name: those that were looked up before, one at a
/// time, so that the fallback from one address to the next can be seen.
#[derive(Debug, Default)]
pub struct Names(Mutex<Vec<(String, Vec<IpAddr>)>>);

impl Names {
    /// Sets what a name stands for from now on.
    pub fn pin(&self, name: &str, addresses: Vec<IpAddr>) {
        let mut pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pins.iter_mut().find(|(pinned, _)| pinned == name) {
            Some((_, pinned)) => *pinned = addresses,
            None => pins.push((name.to_owned(), addresses)),
        }
    }
}

/// The connector asked for a name that was not looked up before.
#[derive(Debug, thiserror::Error)]
#[error("a name that was not looked up")]
struct Unpinned;

struct Pinned(Arc<Names>);

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let pins = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = pins.iter().find(|(pinned, _)| pinned == name.as_str());
        let result = match found {
            // Port 0 is replaced by the URL's.
            Some((_, ips)) => {
                let ips = ips.clone();
                Ok(Box::new(ips.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
            }
            None => Err(Unpinned.into()),
        };
        Box::pin(std::future::ready(result))
    }
}

/// Makes a client. Its failure is `internal`: a file that was readable at load is not now.
pub fn make(
    net: &Net,
    setup: &Setup<'_>,
    wish: Wish,
    hooks: (&Arc<Clock>, &Arc<Names>),
) -> Result<Ready, Failure> {
    let (clock, names) = hooks;
    let tls_proxy = setup.proxy.filter(|proxy| proxy.scheme() == "https");
    let (config, verifier) = if wish.secure || tls_proxy.is_some() {
        let (mut config, verifier) = if wish.own_name || setup.tls.server_name.is_none() {
            net.trust.client(setup.tls)?
        } else {
            let tls = TlsClientOptions { server_name: None, ..setup.tls.clone() };
            net.trust.client(&tls)?
        };
        let h2 = wish.http2 && setup.versions != HttpVersions::Http1;
        let h1 = setup.versions != HttpVersions::Http2;
        let offers = [(h2, "h2"), (h1, "http/1.1")];
        config.alpn_protocols = offers
            .iter()
            .filter(|(offer, _)| *offer)
            .map(|(_, name)| name.as_bytes().to_vec())
            .collect();
        config.resumption = Resumption::store(Arc::new(HelloHook {
            clock: Arc::clone(clock),
            verifier: Arc::clone(&verifier),
            proxy: tls_proxy.and_then(Url::host_str).map(Into::into),
        }));
        (config, Some(verifier))
    } else {
        (no_tls()?, None)
    };
    let counters = setup.counters;
    let protocol = match setup.versions {
        HttpVersions::Http2 => Protocol::Http2,
        HttpVersions::Any | HttpVersions::Http1 => Protocol::Http1,
    };
    let handover = Arc::new(Handover::default());
    let must_be_http2 = setup.versions == HttpVersions::Http2 && wish.secure;
    let alpn = if must_be_http2 { Alpn::Http2 } else { Alpn::Any };
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_keepalive(None)
        .tcp_user_timeout(None)
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(Pinned(Arc::clone(names))))
        .connector_layer(ConnectHook {
            clock: Arc::clone(clock),
            alpn,
            counters,
            unless_negotiated: protocol,
            handover: Arc::clone(&handover),
        })
        .tls_backend_preconfigured(config);
    if let Some(proxy) = setup.proxy {
        let proxy =
            Proxy::all(proxy.clone()).map_err(|_| unmade("the proxy's URL is not usable"))?;
        builder = builder.proxy(proxy);
    }
    let client = builder.build().map_err(|_| unmade("reqwest refused the options"))?;
    Ok(Ready { wish, client, handover, verifier })
}

/// A configuration for clients that never speak TLS: without one reqwest would read the platform's
/// certificates for each of them.
pub(crate) fn no_tls() -> Result<ClientConfig, Failure> {
    static CONFIG: OnceLock<Option<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().ok()?;
        Some(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    });
    config.clone().ok_or_else(|| unmade("the TLS library refused its own defaults"))
}

fn unmade(why: &str) -> Failure {
    Failure::new(Reason::Internal, format!("no HTTP client: {why}"))
}
