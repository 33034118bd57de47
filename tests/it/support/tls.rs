//! A TLS probe of a local port, and what its outcome says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu::config::{
    self, ClientCert, DialOptions, Kind, Nothing, Revocation, Roots, RouteOptions, Schedule,
    StartTls, Target, TargetId, TimeLimit, TlsClientOptions, TlsExpect, TlsOptions, TrustOptions,
};
use bongsu::outcome::{Outcome, Reason};
use bongsu::probe;
use bongsu::probe::surroundings::Surroundings;
use bongsu::stop::Stop;

use super::http::Site;

/// Generous: a loaded machine must not make a slow test a failed one.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// The world for probes of one test.
pub(crate) fn net() -> Arc<Surroundings> {
    Arc::new(Surroundings::default())
}

/// A TLS probe of `127.0.0.1` that expects the name `probe.test`.
pub(crate) struct Look {
    options: TlsOptions,
    trust: TrustOptions,
    timeout: Duration,
    surroundings: Arc<Surroundings>,
}

impl Look {
    pub(crate) fn at(port: u16) -> Look {
        Look {
            options: TlsOptions {
                route: RouteOptions::default(),
                host: "127.0.0.1".to_owned(),
                port,
                tls: TlsClientOptions {
                    server_name: Some("probe.test".to_owned()),
                    ..TlsClientOptions::default()
                },
                alpn: Vec::new(),
                starttls: None,
                expect: Default::default(),
                warn: Default::default(),
            },
            trust: TrustOptions::default(),
            timeout: TIMEOUT,
            surroundings: net(),
        }
    }

    pub(crate) fn host(mut self, host: &str) -> Look {
        self.options.host = host.to_owned();
        self.options.tls.server_name = None;
        self
    }

    pub(crate) fn named(mut self, name: &str) -> Look {
        self.options.tls.server_name = Some(name.to_owned());
        self
    }

    pub(crate) fn trusting(mut self, roots: PathBuf) -> Look {
        self.trust.roots = Roots::File(roots);
        self
    }

    pub(crate) fn trusting_also(mut self, roots: PathBuf) -> Look {
        self.trust.roots = Roots::Both(roots);
        self
    }

    pub(crate) fn intermediates(mut self, path: PathBuf) -> Look {
        self.trust.intermediates = Some(path);
        self
    }

    pub(crate) fn revocation(mut self, revocation: Revocation) -> Look {
        self.options.tls.revocation = revocation;
        self
    }

    pub(crate) fn showing(mut self, cert: PathBuf, key: PathBuf) -> Look {
        self.options.tls.client_cert = Some(ClientCert { cert, key });
        self
    }

    pub(crate) fn post_quantum(mut self) -> Look {
        self.options.tls.post_quantum = true;
        self
    }

    pub(crate) fn within(mut self, timeout: Duration) -> Look {
        self.timeout = timeout;
        self
    }

    pub(crate) fn expecting_less_than(mut self, limit: Duration) -> Look {
        self.options.expect.time = Some(TimeLimit { lt: limit });
        self
    }

    pub(crate) fn warning_from(mut self, limit: Duration) -> Look {
        self.options.warn.time = Some(TimeLimit { lt: limit });
        self
    }

    /// With these keys under `expect`, as a file has them.
    pub(crate) fn expecting(mut self, expect: &str) -> Look {
        self.options.expect = written(expect);
        self
    }

    /// With these keys under `warn`.
    pub(crate) fn warning(mut self, warn: &str) -> Look {
        self.options.warn = written(warn);
        self
    }

    pub(crate) fn starttls(mut self, protocol: StartTls) -> Look {
        self.options.starttls = Some(protocol);
        self
    }

    /// Asks this proxy for a way.
    pub(crate) fn through(mut self, proxy: &Site) -> Look {
        let text = format!(
            "services:\n  - name: a\n    interval: 60s\n    timeout: 20s\n    probes:\n      - {{ name: p, proxy: \
             'http://{}', tls: {{ address: 'a.test:443' }} }}\n",
            proxy.address
        );
        let config = config::parse(&text, Path::new("bongsu.yml"), &Nothing).unwrap();
        let Kind::Tls(options) = &config.targets[0].kind else { panic!("no TLS probe: {text}") };
        self.options.route = options.route.clone();
        self
    }

    /// Shares caches with other probes.
    pub(crate) fn in_world(mut self, surroundings: &Arc<Surroundings>) -> Look {
        self.surroundings = Arc::clone(surroundings);
        self
    }

    pub(crate) async fn run(&self) -> Outcome {
        let mut options = self.options.clone();
        options.tls.trust = Arc::new(self.trust.clone());
        let target = Target {
            id: TargetId { service: "service".into(), probe: "cert".into(), site: None },
            component: "service".into(),
            instance: format!("{}:{}", options.host, options.port),
            schedule: Schedule::new(2 * self.timeout, self.timeout, None).unwrap(),
            latency_objective: None,
            labels: BTreeMap::new(),
            dial: DialOptions::default(),
            kind: Kind::Tls(Arc::new(options)),
        };
        let probe = probe::build(&Arc::new(target), &self.surroundings);
        probe::run(probe.as_ref(), self.timeout, &Stop::default()).await
    }

    /// The first run that ends with this reason, or without one: a change of a file may be noticed by a later
    /// run than the next.
    pub(crate) async fn run_until(&self, wanted: Option<Reason>) -> Outcome {
        let began = Instant::now();
        loop {
            let outcome = self.run().await;
            if reason(&outcome) == wanted {
                return outcome;
            }
            assert!(began.elapsed() < TIMEOUT, "not {wanted:?} but {:?}", outcome.result);
        }
    }
}

fn written(expect: &str) -> TlsExpect {
    let file = format!(
        "services:\n  - name: a\n    interval: 60s\n    timeout: 20s\n    probes:\n      - name: p\n        \
         tls: {{ address: probe.test, expect: {{ {expect} }} }}\n"
    );
    let config = config::parse(&file, Path::new("bongsu.yml"), &Nothing);
    let target = &config.unwrap_or_else(|error| panic!("{error}")).targets[0];
    let Kind::Tls(options) = &target.kind else { panic!("not a TLS probe: {target:?}") };
    options.expect.clone()
}

/// The reason a run failed for.
pub(crate) fn reason(outcome: &Outcome) -> Option<Reason> {
    outcome.result.as_ref().err().map(|failure| failure.reason)
}

/// The reasons of every fault of the chain.
pub(crate) fn faults(outcome: &Outcome) -> Vec<Reason> {
    let tls = outcome.facts.tls.as_ref();
    tls.map(|tls| tls.faults.iter().map(|fault| fault.kind.into()).collect()).unwrap_or_default()
}

/// The subjects of the exported chain.
pub(crate) fn subjects(outcome: &Outcome) -> Vec<String> {
    let chain = outcome.facts.tls.as_ref().and_then(|tls| tls.chain.as_ref());
    chain
        .map(|chain| chain.certs.iter().map(|cert| cert.subject.clone()).collect())
        .unwrap_or_default()
}
