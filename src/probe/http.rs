//! The HTTP probe: one request, its redirects, and what the answer should be.
//!
//! The order is that of a login step: send, follow, `fail_if`, status and `expect`, `warn`. A rule
//! of `fail_if` sees the page also when the status is bad, because it names the better cause.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use tokio::time::Instant;

use crate::config::{Auth, HttpOptions, Kind, Part, Target, Template};
use crate::net::Net;
use crate::outcome::{Facts, Failure, HttpFacts, Reason};
use crate::probe::client::{Connections, Setup};
use crate::probe::clock::Counters;
use crate::probe::exchange::{Answer, BodyRules, ContentCoding, Session, Unfollowed};
use crate::probe::expect::{self, HasBody, Miss};
use crate::probe::page::{Head, Page};
use crate::probe::request::Outgoing;
use crate::probe::unread::{self, Body};
use crate::probe::{Deadline, Probe, decode, render};

/// What is sent when the configuration names no `User-Agent`.
const DEFAULT_USER_AGENT: &str = concat!("bongsu/", env!("CARGO_PKG_VERSION"));

/// One HTTP exchange with one target.
pub struct HttpProbe {
    target: Arc<Target>,
    net: Arc<Net>,
    /// Headers without secrets, made once.
    headers: HeaderMap,
    unfollowed: Unfollowed,
}

impl HttpProbe {
    /// The probe of a target whose kind is HTTP.
    pub fn new(target: Arc<Target>, net: Arc<Net>) -> HttpProbe {
        let mut headers = HeaderMap::new();
        let mut unfollowed = Unfollowed::Dropped;
        if let Kind::Http(options) = &target.kind {
            for (name, template) in &options.headers {
                if let (Some(text), true) = (plain(template), *name != HOST)
                    && let Ok(value) = HeaderValue::from_bytes(text.as_bytes())
                {
                    headers.append(name.clone(), value);
                }
            }
            if !options.headers.iter().any(|(name, _)| name == USER_AGENT) {
                headers.insert(USER_AGENT, HeaderValue::from_static(DEFAULT_USER_AGENT));
            }
            if options.compression {
                headers
                    .entry(ACCEPT_ENCODING)
                    .or_insert(HeaderValue::from_static(decode::ACCEPT_ENCODING));
            }
            let rules = options.fail_if.iter().map(|rule| &rule.when);
            let mut rules = rules.chain([&options.expect, &options.warn]);
            if rules.any(expect::needs_body) {
                unfollowed = Unfollowed::Read;
            }
        }
        HttpProbe { target, net, headers, unfollowed }
    }

    async fn look(&self, facts: &mut Facts, deadline: &Deadline) -> Result<(), Failure> {
        let Kind::Http(options) = &self.target.kind else {
            return Err(Failure::new(Reason::Internal, "not an HTTP target"));
        };
        let start = Instant::now();
        facts.http = Some(HttpFacts::default());
        let request = self.request(options)?;
        let padded = options.pad_request.is_some();
        let setup = Setup {
            tls: &options.tls,
            versions: options.http,
            proxy: options.proxy.as_ref(),
            // The connection must still be there when its counters are read.
            connections: if padded { Connections::Kept } else { Connections::Fresh },
            counters: if padded { Counters::Wanted } else { Counters::Unwanted },
        };
        let rules = BodyRules {
            limit: options.body_limit,
            coding: match options.compression {
                true => ContentCoding::Decoded,
                false => ContentCoding::AsIs,
            },
            unfollowed: self.unfollowed,
        };
        let mut session = Session::new(&self.net, &self.target.dial, setup);
        let answer = session.send(request, (&options.follow, rules), facts, deadline).await?;
        let Answer { url, status, version, headers, body } = answer;
        let head = Head { url: &url, status: status.as_u16(), version, headers: &headers };
        let bytes = body.as_deref().unwrap_or_default();
        let mut page = Page::new(head, bytes, options.charset, session.jar());
        page.elapsed = start.elapsed();
        page.coding = rules.coding;
        judge(options, &page, body.as_ref().err(), facts)
    }

    fn request(&self, options: &HttpOptions) -> Result<Outgoing, Failure> {
        let host = options.url.host_str().unwrap_or_default();
        let vault = &self.net.vault;
        let mut credentials = HeaderMap::new();
        let mut own_host = None;
        for (name, template) in &options.headers {
            if name == HOST {
                own_host = Some(render::header(vault, template, host)?);
            } else if plain(template).is_none() {
                credentials.append(name.clone(), render::header(vault, template, host)?);
            }
        }
        if let Some(auth) = &options.auth {
            credentials.insert(AUTHORIZATION, self.authorization(auth, host)?);
        }
        let (body, content_type) =
            render::body(vault, &options.body, host, options.charset)?.unzip();
        let mut headers = self.headers.clone();
        if let Some(content_type) = content_type.flatten() {
            let given = |name: &HeaderName| options.headers.iter().any(|(given, _)| given == name);
            if !given(&CONTENT_TYPE) {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            }
        }
        // A bare `authorization` header is a credential even when no secret is in it.
        if let Some(value) = headers.remove(AUTHORIZATION) {
            credentials.entry(AUTHORIZATION).or_insert(value);
        }
        Ok(Outgoing::new(options.method.clone(), options.url.clone())
            .with_headers(headers)
            .with_credentials(credentials)
            .with_host(own_host)
            .with_body(body)
            .padded(options.pad_request))
    }

    fn authorization(&self, auth: &Auth, host: &str) -> Result<HeaderValue, Failure> {
        match auth {
            Auth::Basic { username, password } => {
                render::basic(&self.net.vault, (username, password), host)
            }
            Auth::Bearer(token) => render::bearer(&self.net.vault, token, host),
        }
    }
}

impl Probe for HttpProbe {
    fn attempt<'a>(
        &'a self,
        facts: &'a mut Facts,
        deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.look(facts, deadline).boxed()
    }
}

/// The text of a template without secrets.
fn plain(template: &Template) -> Option<&str> {
    match template.parts.as_slice() {
        [] => Some(""),
        [Part::Text(text)] => Some(text),
        _ => None,
    }
}

fn judge(
    options: &HttpOptions,
    page: &Page<'_>,
    body_failure: Option<&Failure>,
    facts: &mut Facts,
) -> Result<(), Failure> {
    let mut fail = |miss: Miss| {
        facts.http.get_or_insert_default().regex_failed = miss.pattern;
        Err(miss.failure)
    };
    let has_body = if body_failure.is_none() { HasBody::Yes } else { HasBody::No };
    if let Some(miss) = expect::forbidden(&options.fail_if, page, has_body) {
        return fail(miss);
    }
    if let Some(miss) = expect::status_miss(&options.expect, page) {
        return fail(miss);
    }
    let mut rules = options.fail_if.iter().map(|rule| &rule.when).chain([&options.expect]);
    let body = if rules.any(expect::needs_body) { Body::Needed } else { Body::NotNeeded };
    unread::settle(body_failure, page, body)?;
    if let Some(miss) = expect::first_miss(&options.expect, page) {
        return fail(miss);
    }
    facts.warnings.extend(expect::warnings(&options.warn, page));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        DialOptions, Expect, Follow, HttpVersions, RequestBody, Schedule, TargetId,
        TlsClientOptions,
    };

    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn a_waiting_attempt_is_small() {
        // In a national outage thousands of attempts wait at once: 17,000 have 512 MB together.
        let options = HttpOptions {
            url: "http://127.0.0.1/".parse().unwrap(),
            method: ::http::Method::GET,
            headers: Vec::new(),
            body: RequestBody::None,
            auth: None,
            pad_request: None,
            compression: false,
            body_limit: 1,
            charset: None,
            follow: Follow { redirects: 0, allow_hosts: Vec::new() },
            http: HttpVersions::Any,
            proxy: None,
            tls: TlsClientOptions::default(),
            expect: Expect::default(),
            fail_if: Vec::new(),
            warn: Expect::default(),
        };
        let target = Target {
            id: TargetId { service: "s".into(), probe: "p".into(), site: None },
            component: "s".into(),
            instance: String::new(),
            schedule: Schedule::new(Duration::from_secs(2), Duration::from_secs(1), None).unwrap(),
            latency_objective: None,
            labels: BTreeMap::new(),
            dial: DialOptions::default(),
            kind: Kind::Http(Box::new(options)),
        };
        let net = Net::default();
        let probe = HttpProbe::new(Arc::new(target), Arc::new(net));
        let (mut facts, deadline) = (Facts::default(), Deadline::after(Duration::from_secs(1)));
        let size = size_of_val(&probe.look(&mut facts, &deadline));
        assert!(size < 8 * 1024, "{size} bytes");
    }
}
