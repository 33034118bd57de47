//! An HTTP probe of one URL, built with names that read as what a test is about.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bongsu::config::{
    Auth, ClientCert, ClientOptions, DialOptions, Excerpt, Expect, FailIf, Follow, HttpOptions,
    IpChoice, Kind, Matcher, ProxyOptions, Refresh, RequestBody, Roots, Rules, Schedule, SecretRef,
    SecretSource, StatusSet, Target, TargetId, TimeLimit, TrustOptions,
};
use bongsu::outcome::{HttpFacts, Outcome, Reason};
use bongsu::probe;
use bongsu::probe::surroundings::Surroundings;
use bongsu::receiver::Receiver;
use bongsu::stop::Stop;
use bongsu::template::{Part, SecretOnly, Template};

/// Generous: a loaded machine must not make a slow test a failed one.
const TIMEOUT: Duration = Duration::from_secs(20);

const USER_AGENT: &str = concat!("bongsu/", env!("CARGO_PKG_VERSION"));

/// A visit to a URL.
pub(crate) struct Visit {
    pub(crate) options: HttpOptions,
    dial: DialOptions,
    timeout: Duration,
    secrets: BTreeMap<Arc<str>, SecretRef>,
}

impl Visit {
    /// GET, default expectations, up to ten redirects.
    pub(crate) fn to(url: impl AsRef<str>) -> Visit {
        let options = HttpOptions {
            url: url.as_ref().parse().unwrap(),
            method: http::Method::GET,
            // As the configuration sets it where the file does not.
            headers: vec![(http::header::USER_AGENT, Template::plain(USER_AGENT))],
            body: RequestBody::None,
            auth: None,
            oauth2: None,
            pad_request: None,
            compression: true,
            body_limit: 1 << 20,
            charset: None,
            excerpt: Excerpt::OnFailure,
            follow: Follow { redirects: 10, allow_hosts: Vec::new(), refresh: Refresh::Ignored },
            client: ClientOptions::default(),
            rules: Rules {
                expect: Expect { status: Some(StatusSet(vec![200..=299])), ..Expect::default() },
                ..Rules::default()
            },
        };
        let (dial, secrets) = (DialOptions::default(), BTreeMap::new());
        Visit { options, dial, timeout: TIMEOUT, secrets }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut HttpOptions)) -> Visit {
        change(&mut self.options);
        self
    }

    pub(crate) fn header(self, name: &'static str, value: Template) -> Visit {
        self.with(|options| options.headers.push((name.parse().unwrap(), value)))
    }

    pub(crate) fn posting(self, body: RequestBody) -> Visit {
        self.with(|options| {
            options.method = http::Method::POST;
            options.body = body;
        })
    }

    pub(crate) fn auth(self, auth: Auth) -> Visit {
        self.with(|options| options.auth = Some(auth))
    }

    pub(crate) fn expecting_status(self, status: u16) -> Visit {
        self.with(|options| options.rules.expect.status = Some(StatusSet(vec![status..=status])))
    }

    pub(crate) fn expecting_body(self, matcher: Matcher) -> Visit {
        self.with(|options| options.rules.expect.body.push(matcher))
    }

    pub(crate) fn failing_if_body(self, reason: Reason, matcher: Matcher) -> Visit {
        let when = Expect { body: vec![matcher], ..Expect::default() };
        self.with(|options| options.rules.fail_if.push(FailIf { reason, when }))
    }

    pub(crate) fn warning_from(self, lt: Duration) -> Visit {
        self.with(|options| options.rules.warn.time = Some(TimeLimit { lt }))
    }

    pub(crate) fn redirects(self, limit: u32) -> Visit {
        self.with(|options| options.follow.redirects = limit)
    }

    pub(crate) fn allowing_hosts(self, hosts: &[&str]) -> Visit {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        self.with(|options| options.follow.allow_hosts = hosts)
    }

    pub(crate) fn trusting(self, roots: &Path) -> Visit {
        let roots = Roots::File(roots.to_owned());
        let trust = Arc::new(TrustOptions { roots, intermediates: None });
        self.with(|options| options.client.tls.trust = trust)
    }

    pub(crate) fn showing(self, cert: PathBuf, key: PathBuf) -> Visit {
        self.with(|options| options.client.tls.client_cert = Some(ClientCert { cert, key }))
    }

    pub(crate) fn proxied_by(self, proxy: &str) -> Visit {
        let proxy = ProxyOptions::at(proxy.parse().unwrap());
        self.with(|options| options.client.route.proxy = Some(Arc::new(proxy)))
    }

    pub(crate) fn asking(mut self, dns: SocketAddr) -> Visit {
        self.dial.dns_servers = vec![dns];
        self
    }

    pub(crate) fn on(mut self, ip: IpChoice) -> Visit {
        self.dial.ip = ip;
        self
    }

    pub(crate) fn within(mut self, timeout: Duration) -> Visit {
        self.timeout = timeout;
        self
    }

    /// A secret in a file, bound to these hosts.
    pub(crate) fn secret(mut self, name: &str, file: &Path, hosts: &[&str]) -> Visit {
        let hosts = hosts.iter().map(|host| Receiver::any_port(host)).collect();
        let source = SecretSource::File(file.to_owned());
        self.secrets.insert(name.into(), SecretRef { source, hosts });
        self
    }

    pub(crate) async fn run(self) -> Outcome {
        let surroundings = Arc::new(Surroundings::with_secrets(&self.secrets));
        let interval = self.timeout * 2;
        let target = Arc::new(Target {
            id: TargetId { service: "s".into(), probe: "p".into(), site: None },
            component: "s".into(),
            instance: self.options.url.to_string(),
            schedule: Schedule::new(interval, self.timeout, None).unwrap(),
            latency_objective: None,
            labels: BTreeMap::new(),
            dial: self.dial,
            kind: Kind::Http(Arc::new(self.options)),
        });
        let probe = probe::build(&target, &surroundings);
        probe::run(&*probe, self.timeout, &Stop::default()).await
    }
}

pub(crate) fn text(text: &str) -> Template {
    Template::plain(text)
}

/// A reference to a secret.
pub(crate) fn secret(name: &str) -> Template {
    Template { parts: vec![SecretOnly(name.into()).into()] }
}

/// `{"name": "value"}`
pub(crate) fn json(name: &str, value: Template) -> RequestBody {
    let mut document = Template::plain("{");
    document.push_json_string(text(name));
    document.push(Part::Text(":".to_owned()));
    document.push_json_string(value);
    document.push(Part::Text("}".to_owned()));
    RequestBody::Json(document)
}

pub(crate) fn contains(text: &str) -> Matcher {
    Matcher::Contains(text.to_owned())
}

/// What a run failed with; panics with the whole outcome when it did not fail.
#[track_caller]
pub(crate) fn reason(outcome: &Outcome) -> Reason {
    match &outcome.result {
        Err(failure) => failure.reason,
        Ok(()) => panic!("the run succeeded: {outcome:?}"),
    }
}

/// What a run that failed says.
#[track_caller]
pub(crate) fn detail(outcome: &Outcome) -> &str {
    match &outcome.result {
        Err(failure) => &failure.detail,
        Ok(()) => panic!("the run succeeded: {outcome:?}"),
    }
}

#[track_caller]
pub(crate) fn up(outcome: &Outcome) -> &HttpFacts {
    assert!(outcome.result.is_ok(), "{outcome:?}");
    facts(outcome)
}

#[track_caller]
pub(crate) fn facts(outcome: &Outcome) -> &HttpFacts {
    outcome.facts.http.as_ref().unwrap()
}

pub(crate) fn phase_sum(outcome: &Outcome) -> Duration {
    outcome.facts.phases.named().iter().filter_map(|(_, time)| *time).sum()
}

/// Asserts that the phases account for the run but for a small rest: building the client, judging.
#[track_caller]
pub(crate) fn assert_accounted(outcome: &Outcome) {
    let (sum, elapsed) = (phase_sum(outcome), outcome.elapsed);
    let rest = elapsed.checked_sub(sum).expect("phases overlap");
    let allowed = Duration::from_millis(150) + elapsed / 10;
    assert!(rest < allowed, "{sum:?} of {elapsed:?}: {:?}", outcome.facts.phases);
}
