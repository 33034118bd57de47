//! The HTTP probe: one request, its redirects, and what the answer should be.
//!
//! The order is that of a login step: send, follow, `fail_if`, status and `expect`, `warn`. A rule
//! of `fail_if` sees the page also when the status is bad, because it names the better cause.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use tokio::time::Instant;

use crate::config::{Auth, DialOptions, HttpOptions, Kind, Part, Target, Template};
use crate::deadline::Deadline;
use crate::net::Net;
use crate::outcome::{Facts, Failure, HttpFacts, Reason};
use crate::probe::addresses::{self, Look, Looked};
use crate::probe::exchange::{Answer, BodyRules, ContentCoding, Rules, Session, Unfollowed};
use crate::probe::expect::{self, HasBody, Miss};
use crate::probe::page::{Head, Page};
use crate::probe::request::{self, Outgoing};
use crate::probe::unread::{self, Body};
use crate::probe::{Probe, decode, render};
use crate::transport::http::{Client, Connections};
use crate::transport::{ClientTls, ReadCounters, Recorder, Transport};

/// What is sent when the configuration names no `User-Agent`.
const DEFAULT_USER_AGENT: &str = concat!("bongsu/", env!("CARGO_PKG_VERSION"));

/// One HTTP exchange with one target.
pub struct HttpProbe {
    target: Arc<Target>,
    net: Arc<Net>,
    /// Headers without secrets, made once.
    headers: HeaderMap,
    /// Of these, the ones that are credentials even when no secret is in them.
    bare: Vec<(HeaderName, HeaderValue)>,
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
        let names: Vec<HeaderName> =
            headers.keys().filter(|name| request::is_credential(name)).cloned().collect();
        let taken = |name| headers.remove(&name).map(|value| (name, value));
        let bare = names.into_iter().filter_map(taken).collect();
        HttpProbe { target, net, headers, bare, unfollowed }
    }

    async fn look(&self, facts: &mut Facts, deadline: &Deadline) -> Result<(), Failure> {
        let Kind::Http(options) = &self.target.kind else {
            return Err(Failure::new(Reason::Internal, "not an HTTP target"));
        };
        facts.http = Some(HttpFacts::default());
        let (dial, route) = (&self.target.dial, &options.route);
        let host = options.url.host_str().unwrap_or_default();
        let looks =
            addresses::looks(&self.net.resolvers, dial, route, host, facts, deadline).await?;
        let Some(looks) = looks else {
            return self.look_at(options, dial, None, facts, deadline).await;
        };
        let looked = looks.into_iter().map(|Look { dial, address }| {
            let look = async move {
                let mut facts = Facts { http: Some(HttpFacts::default()), ..Facts::default() };
                let result = self.look_at(options, &dial, address, &mut facts, deadline).await;
                Looked { address, facts, result }
            };
            look.boxed()
        });
        let looked = join_all(looked).await;
        addresses::conclude(route.addresses, looked, facts)
    }

    async fn look_at(
        &self,
        options: &HttpOptions,
        dial: &DialOptions,
        pinned: Option<IpAddr>,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        let request = self.request(options)?;
        let padded = options.pad_request.is_some();
        let proxy = render::proxy(&self.net.vault, options.route.proxy.as_deref())?;
        let transport = Transport {
            resolvers: &self.net.resolvers,
            dial,
            route: &options.route,
            pinned,
            tls: Some(ClientTls { trusts: &self.net.trust, options: &options.tls }),
            proxy: proxy.as_ref(),
            counters: if padded { ReadCounters::Yes } else { ReadCounters::No },
        };
        let client = Client::new(transport, options.http, Connections::Fresh);
        let rules = Rules {
            follow: &options.follow,
            body: BodyRules {
                limit: options.body_limit,
                coding: match options.compression {
                    true => ContentCoding::Decoded,
                    false => ContentCoding::AsIs,
                },
                unfollowed: self.unfollowed,
            },
        };
        let mut session = Session::new(&self.net, &options.tls, client);
        let mut recorder = Recorder::new(facts);
        let answer = session.send(request, rules, &mut recorder, deadline).await?;
        let Answer { url, status, version, headers, body } = answer;
        let head = Head { url: &url, status: status.as_u16(), version, headers: &headers };
        let bytes = body.as_deref().unwrap_or_default();
        let mut page = Page::new(head, bytes, options.charset, session.jar());
        page.elapsed = start.elapsed();
        page.coding = rules.body.coding;
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
        for (name, value) in &self.bare {
            credentials.entry(name).or_insert_with(|| value.clone());
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
        Expect, Follow, HttpVersions, Refresh, RequestBody, RouteOptions, Schedule, TargetId,
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
            follow: Follow { redirects: 0, allow_hosts: Vec::new(), refresh: Refresh::Ignored },
            http: HttpVersions::Any,
            route: RouteOptions::default(),
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
