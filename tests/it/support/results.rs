//! Targets and outcomes as a scheduler and probes would hand them over, with fixed times.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bongsu::config::{
    ClientOptions, DialOptions, Excerpt, Follow, HttpOptions, Kind, Refresh, RequestBody,
    RouteOptions, Rules, Schedule, Target, TargetId, TlsClientOptions, TlsOptions,
};
use bongsu::outcome::{Facts, Failure, HttpFacts, Outcome, Phases, Reason, TcpFacts};
use bongsu::results::LatestResults;
use bongsu::scheduler::{Cadence, Observer, Run};
use chain::{
    Certificate, Chain, ChainFault, ChainFaultKind, OcspAnswer, OcspStaple, OcspStatus, TlsFacts,
};
use tokio::time::Instant;

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// 17 November 2023, 08:40 in Seoul.
pub(crate) fn morning() -> SystemTime {
    SystemTime::UNIX_EPOCH + secs(1_700_178_000)
}

/// What a probe's attempt came to.
pub(crate) type Found = (Result<(), Failure>, Facts);

/// Every 30 s for at most 10 s, rechecked after 5 s.
pub(crate) fn schedule() -> Schedule {
    Schedule::new(secs(30), secs(10), Some(secs(5))).unwrap()
}

pub(crate) fn id(service: &str, probe: &str) -> TargetId {
    TargetId { service: service.into(), probe: probe.into(), site: None }
}

fn target(id: TargetId, instance: &str, kind: Kind) -> Target {
    Target {
        component: Arc::clone(&id.service),
        id,
        instance: instance.into(),
        schedule: schedule(),
        latency_objective: None,
        labels: BTreeMap::new(),
        dial: DialOptions::default(),
        kind,
    }
}

pub(crate) fn http_target(service: &str, probe: &str, url: &str) -> Target {
    let options = HttpOptions {
        url: url.parse().unwrap(),
        method: http::Method::GET,
        headers: Vec::new(),
        body: RequestBody::None,
        auth: None,
        oauth2: None,
        pad_request: None,
        compression: true,
        body_limit: 1 << 20,
        charset: None,
        excerpt: Excerpt::Never,
        follow: Follow { redirects: 10, allow_hosts: Vec::new(), refresh: Refresh::Ignored },
        client: ClientOptions::default(),
        rules: Rules::default(),
    };
    target(id(service, probe), url, Kind::Http(Arc::new(options)))
}

pub(crate) fn tls_target(service: &str, probe: &str, host: &str) -> Target {
    let options = TlsOptions {
        route: RouteOptions::default(),
        host: host.into(),
        port: 443,
        tls: TlsClientOptions::default(),
        alpn: Vec::new(),
        starttls: None,
        expect: Default::default(),
        warn: Default::default(),
    };
    target(id(service, probe), &format!("{host}:443"), Kind::Tls(Arc::new(options)))
}

pub(crate) fn cert(subject: &str, issuer: &str, serial: &str) -> Certificate {
    Certificate {
        subject: subject.into(),
        issuer: issuer.into(),
        serial: serial.into(),
        dns_names: Vec::new(),
        fingerprint_sha256: format!("{serial:0>64}"),
        public_key_sha256: String::new(),
        not_before: 1_690_000_000,
        not_after: 1_720_000_000,
        key: "RSA 2048".into(),
        key_bits: Some(2048),
        signature: "sha256WithRSAEncryption".into(),
    }
}

pub(crate) fn chain() -> Arc<Chain> {
    let mut leaf = cert("CN=www.gpki.go.kr,O=Government of Korea,C=KR", "CN=Example CA", "00a1");
    leaf.dns_names = vec!["www.gpki.go.kr".into(), "gpki.go.kr".into()];
    let mut intermediate = cert("CN=Example CA", "CN=Example Root", "02");
    intermediate.not_after = 1_750_000_000;
    Arc::new(Chain { certs: vec![leaf, intermediate] })
}

pub(crate) fn verified_tls() -> TlsFacts {
    TlsFacts {
        version: Some("TLS 1.3"),
        cipher: None,
        chain: Some(chain()),
        path: vec![0, 1],
        path_not_after: Some(1_720_000_000),
        faults: Vec::new(),
        trusted_by: Some("webpki"),
        root: None,
        staple: None,
    }
}

/// As a TLS probe sees a chain that expired, with an unused certificate at its end.
pub(crate) fn expired_tls() -> TlsFacts {
    let mut certs = chain().certs.clone();
    certs[0].not_after = 1_700_000_000;
    certs.push(cert("CN=Old Cross", "CN=Old Root", "03"));
    let fault = |kind| ChainFault { kind, detail: "as scripted".into() };
    TlsFacts {
        cipher: Some("TLS_AES_128_GCM_SHA256".into()),
        chain: Some(Arc::new(Chain { certs })),
        path: vec![0, 1],
        path_not_after: None,
        faults: vec![fault(ChainFaultKind::Expired), fault(ChainFaultKind::NameMismatch)],
        trusted_by: None,
        staple: Some(OcspStaple {
            answer: Some(OcspAnswer {
                status: OcspStatus::Good,
                produced_at: 1_699_000_000,
                this_update: 1_699_000_000,
                next_update: Some(1_699_600_000),
            }),
            flaw: None,
        }),
        ..verified_tls()
    }
}

pub(crate) fn tcp_facts() -> TcpFacts {
    TcpFacts { rtt: millis(4), retransmits: 2, rcv_out_of_order: 1, snd_mss: 1448 }
}

fn answered(status: u16, tls: Option<TlsFacts>) -> Facts {
    Facts {
        phases: Phases {
            resolve: Some(millis(2)),
            connect: Some(millis(4)),
            tls: tls.as_ref().map(|_| millis(12)),
            processing: Some(millis(80)),
            transfer: Some(millis(20)),
            wait: None,
        },
        dns_lookup: Some(millis(2)),
        address: Some("127.0.0.1".parse::<IpAddr>().unwrap()),
        http: Some(HttpFacts {
            status,
            version: 1.1,
            content_length: -1,
            body_bytes: 20_480,
            redirects: 1,
            tls: tls.is_some(),
            regex_failed: false,
            last_modified: Some(1_699_999_999),
            hops: Vec::new(),
        }),
        tls,
        ..Facts::default()
    }
}

/// A run of an `http://` probe that found what it expects.
pub(crate) fn http_up() -> Found {
    (Ok(()), answered(200, None))
}

/// The same of an `https://` probe.
pub(crate) fn https_up() -> Found {
    (Ok(()), answered(200, Some(verified_tls())))
}

pub(crate) fn https_503() -> Found {
    let failure = Failure::new(Reason::HttpStatus, "got 503, expected 2xx");
    (Err(failure), answered(503, Some(verified_tls())))
}

pub(crate) fn nxdomain() -> Found {
    let facts = Facts {
        phases: Phases { resolve: Some(millis(3)), ..Phases::default() },
        dns_lookup: Some(millis(3)),
        ..Facts::default()
    };
    (Err(Failure::new(Reason::DnsNxdomain, "www.gpki.go.kr does not exist")), facts)
}

pub(crate) fn offline() -> Found {
    (Err(Failure::new(Reason::VantageOffline, "no control answers")), Facts::default())
}

pub(crate) fn tls_expired() -> Found {
    let facts = Facts {
        phases: Phases {
            resolve: Some(millis(2)),
            connect: Some(millis(4)),
            tls: Some(millis(12)),
            ..Phases::default()
        },
        dns_lookup: Some(millis(2)),
        address: Some("::1".parse().unwrap()),
        tls: Some(expired_tls()),
        tcp: Some(tcp_facts()),
        ..Facts::default()
    };
    (Err(Failure::new(Reason::TlsExpired, "the leaf expired yesterday")), facts)
}

pub(crate) fn outcome(started_at: SystemTime, (result, facts): Found) -> Arc<Outcome> {
    Arc::new(Outcome { started_at, elapsed: millis(118), result, facts })
}

/// Results on a clock that only the test moves.
pub(crate) struct Script {
    pub(crate) results: LatestResults,
    start: Instant,
}

impl Script {
    pub(crate) fn new() -> Script {
        Script { results: LatestResults::new(), start: Instant::now() }
    }

    pub(crate) fn at(&self, second: u64) -> Instant {
        self.start + secs(second)
    }

    pub(crate) fn adopt(&self, target: Target) -> Arc<Target> {
        let target = Arc::new(target);
        self.results.adopt(&target, self.start);
        target
    }

    pub(crate) fn run(&self, target: &Arc<Target>, second: u64, found: Found) {
        self.observe(target, second, Cadence::Scheduled, found);
    }

    pub(crate) fn recheck(&self, target: &Arc<Target>, second: u64, found: Found) {
        self.observe(target, second, Cadence::Recheck, found);
    }

    fn observe(&self, target: &Arc<Target>, second: u64, cadence: Cadence, found: Found) {
        let outcome = outcome(morning() + secs(second), found);
        let run = Run { cadence, lag: Duration::ZERO, finished: self.at(second), outcome };
        self.results.observe(target, &run);
    }

    /// The exposition of all targets at this second.
    pub(crate) fn text(&self, second: u64) -> String {
        let mut text = Vec::new();
        let rows = self.results.snapshot(self.at(second)).rows;
        bongsu::metrics::write_probes(&rows, &mut |chunk| {
            text.extend_from_slice(&chunk);
            Ok(())
        })
        .unwrap();
        String::from_utf8(text).unwrap()
    }
}

/// Lines of the text that are samples.
pub(crate) fn samples(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

/// Samples of one family.
pub(crate) fn family<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    samples(text)
        .filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
        })
        .collect()
}
