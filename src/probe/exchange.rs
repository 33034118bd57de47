//! A session: sends requests on the connections of one run, follows redirects hop by hop, and
//! writes down what it learns as it goes, so that a failure keeps what came before it.
//!
//! Redirects are followed here and not by the HTTP client, because each hop is a fact of its own
//! and because what may travel with a redirect is ours to decide.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HOST, LAST_MODIFIED, LOCATION};
use http::header::{HeaderMap, HeaderValue};
use http::{StatusCode, Version};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::config::{DialOptions, Follow, IpChoice};
use crate::net::aftermath::Peer;
use crate::net::dial::informs;
use crate::net::{Net, tcp_info};
use crate::outcome::{Facts, Failure, Hop, HttpFacts, Phases, Reason};
use crate::probe::classify::{self, Route};
use crate::probe::client::{self, Names, Ready, Setup, Via, Wish};
use crate::probe::clock::{Clock, Counters, Phase};
use crate::probe::decode::{BodyDecoder, DecodeError};
use crate::probe::jar::Jar;
use crate::probe::request::{Outgoing, shown};
use crate::probe::{Deadline, Expired};

/// How long the last address of the preferred family may be silent before the other family is
/// asked for: long enough for one lost SYN's first repetition.
const OTHER_FAMILY_AFTER: Duration = Duration::from_millis(1_200);

/// What is done with bodies.
#[derive(Debug, Clone, Copy)]
pub struct BodyRules {
    /// Bytes after decoding.
    pub limit: u64,
    /// Whether `Content-Encoding` is undone. It is asked for by the request's headers.
    pub coding: ContentCoding,
    /// Whether the body of a redirect that is not followed is read. blackbox_exporter does not.
    pub unfollowed: Unfollowed,
}

/// Whether `Content-Encoding` is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCoding {
    /// It is.
    Decoded,
    /// Bytes stay as they came.
    AsIs,
}

/// What becomes of the body of a redirect that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfollowed {
    /// It is read like any other.
    Read,
    /// It is dropped.
    Dropped,
}

/// The final response of a chain.
pub struct Answer {
    /// The URL that gave it.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// All of them.
    pub headers: HeaderMap,
    /// The body after decoding, or why it could not be had. What the head says counts either way.
    pub body: Result<Vec<u8>, Failure>,
}

/// The connections, cookies and clock of one run.
pub struct Session<'a> {
    net: &'a Net,
    dial: &'a DialOptions,
    setup: Setup<'a>,
    clock: Arc<Clock>,
    names: Arc<Names>,
    jar: Jar,
    ready: Option<Ready>,
    answered: bool,
}

impl<'a> Session<'a> {
    /// Nothing is connected yet.
    pub fn new(net: &'a Net, dial: &'a DialOptions, setup: Setup<'a>) -> Session<'a> {
        let (clock, names) = (Arc::default(), Arc::default());
        let (jar, ready, answered) = (Jar::default(), None, false);
        Session { net, dial, setup, clock, names, jar, ready, answered }
    }

    /// The cookies of the run.
    pub fn jar(&self) -> &Jar {
        &self.jar
    }

    /// Where the time went so far.
    pub fn phases(&self) -> Phases {
        self.clock.phases()
    }

    /// Sends a request and follows its redirects. Everything learned is in `facts`, also when this
    /// fails; `facts.http` is that of the last response.
    pub async fn send(
        &mut self,
        request: Outgoing,
        rules: (&Follow, BodyRules),
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Answer, Failure> {
        let result = self.follow(request, rules, facts, deadline).await;
        self.clock.stop();
        facts.phases = self.clock.phases();
        result
    }

    async fn follow(
        &mut self,
        first: Outgoing,
        (follow, rules): (&Follow, BodyRules),
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Answer, Failure> {
        let own_host = first.url().host_str().unwrap_or_default().to_owned();
        let mut request = first;
        facts.http.get_or_insert_default().redirects = 0;
        loop {
            let start = Instant::now();
            let response = self.ask(&request, facts, deadline).await?;
            let url = request.url().clone();
            self.jar.store(&url, response.headers());
            let http = facts.http.get_or_insert_default();
            note(http, &url, &response);
            let status = response.status();
            let elapsed = start.elapsed();
            http.hops.push(Hop { url: shown(&url), status: status.as_u16(), elapsed });
            if let Some(warning) = self.confirm(&url, facts, deadline).await? {
                facts.warnings.push(warning);
            }
            let Some(location) = redirect(&response) else {
                return Ok(self.answer(url, response, rules, (facts, deadline)).await);
            };
            let http = facts.http.get_or_insert_default();
            http.redirects += 1;
            if follow.redirects == 0 {
                if rules.unfollowed == Unfollowed::Read {
                    return Ok(self.answer(url, response, rules, (facts, deadline)).await);
                }
                return Ok(answer_of(url, &response, Ok(Vec::new())));
            }
            if http.redirects > follow.redirects {
                return Err(Failure::new(
                    Reason::RedirectLimit,
                    format!(
                        "more than {} redirects, the last from {}",
                        follow.redirects,
                        shown(&url)
                    ),
                ));
            }
            let next = target(&url, location)?;
            allowed(&next, &own_host, &follow.allow_hosts)?;
            request = request.redirected(status, next)?;
        }
    }

    /// One request up to the head of its response.
    async fn ask(
        &mut self,
        request: &Outgoing,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Response, Failure> {
        facts.tls = None;
        facts.tcp = None;
        self.clock.forget_endpoints();
        let url = request.url();
        let host = url.host_str().unwrap_or_default();
        let sni = self.server_name(request);
        let mut addresses = self.resolve(host, facts, deadline).await?;

        let mut dialled = url.clone();
        let _ = dialled.set_username("");
        let _ = dialled.set_password(None);
        if let Some(name) = &sni
            && dialled.set_host(Some(name)).is_err()
        {
            return Err(Failure::new(Reason::Internal, format!("\"{name}\" is no server name")));
        }
        let same_authority = dialled.host_str() == Some(host);
        let host_header = match request.host() {
            // HTTP/2 has the URL's authority in place of Host; where they agree none is set.
            Some(value) if value.as_bytes() == authority(&dialled).as_bytes() => None,
            Some(value) => Some(value.clone()),
            None if same_authority => None,
            None => HeaderValue::try_from(authority(url)).ok(),
        };
        let wish = Wish {
            secure: url.scheme() == "https",
            own_name: request.is_home(),
            http2: host_header.is_none()
                || self.setup.versions == crate::config::HttpVersions::Http2,
        };
        self.make_ready(wish)?;

        let mut headers = request.headers();
        if let Some(cookies) = self.jar.header(url)
            && let Ok(mut cookies) = HeaderValue::try_from(cookies)
        {
            cookies.set_sensitive(true);
            headers.insert(COOKIE, cookies);
        }
        headers.extend(host_header.map(|value| (HOST, value)));

        let mut failed: Option<Failure> = None;
        let mut tried = 0;
        let mut other_family = OtherFamily::of(self.dial.ip);
        while let Some(&address) = addresses.get(tried) {
            tried += 1;
            if !self.answered {
                facts.address = address;
            }
            if let Some(ip) = address {
                let name = dialled.host_str().unwrap_or_default();
                self.names.pin(name, vec![ip]);
            }
            let mut message = reqwest::Request::new(request.method().clone(), dialled.clone());
            *message.headers_mut() = headers.clone();
            *message.body_mut() = request.body().map(Into::into);
            let call = Call { host, address, sni: sni.as_deref().unwrap_or(host), url };
            let rest = (&mut addresses, tried, &mut other_family);
            match self.attempt(message, call, rest, (facts, deadline)).await {
                Ok(response) => return Ok(response),
                Err(Stopped::Failed(failure)) => return Err(failure),
                Err(Stopped::Unreached(failure)) => {
                    let better = failed
                        .as_ref()
                        .is_none_or(|best| informs(failure.reason) >= informs(best.reason));
                    if better {
                        failed = Some(failure);
                    }
                }
            }
            if tried == addresses.len() && other_family == OtherFamily::Unasked {
                other_family = OtherFamily::Asked;
                let more = self.net.resolvers.other_family(host, self.dial);
                let more = deadline.within(more).await.unwrap_or_default();
                addresses.extend(more.into_iter().map(Some));
            }
            if deadline.remaining().is_zero() {
                break;
            }
        }
        Err(failed.unwrap_or_else(|| classify::expired(Phase::Connect, self.route())))
    }

    /// Sends on one address. Whether to try the next one is told by the failure's kind.
    async fn attempt(
        &mut self,
        message: reqwest::Request,
        call: Call<'_>,
        (addresses, tried, other_family): (&mut Vec<Option<IpAddr>>, usize, &mut OtherFamily),
        (facts, deadline): (&mut Facts, &Deadline),
    ) -> Result<Response, Stopped> {
        let Some(ready) = &self.ready else {
            return Err(Stopped::Failed(Failure::new(Reason::Internal, "no HTTP client")));
        };
        let (client, witness) = (ready.client.clone(), ready.witness.clone());
        let witness = witness.as_deref();
        let route = self.route();
        let last = |addresses: &[Option<IpAddr>]| tried == addresses.len();
        let share = |addresses: &[Option<IpAddr>]| {
            let left = (addresses.len() - tried + 1) as u32;
            Instant::now() + deadline.remaining() / left
        };
        self.clock.enter(Phase::Processing);
        let mut sending = pin!(client.execute(message));
        let mut limit = if last(addresses) && *other_family == OtherFamily::Unasked {
            deadline.at().min(Instant::now() + OTHER_FAMILY_AFTER)
        } else {
            share(addresses)
        };
        let result = loop {
            match timeout_at(limit, &mut sending).await {
                Ok(result) => break result,
                Err(_) if self.clock.current() == Some(Phase::Connect) && limit < deadline.at() => {
                    if !last(addresses) || *other_family != OtherFamily::Unasked {
                        return Err(Stopped::Unreached(classify::expired(Phase::Connect, route)));
                    }
                    // The connection attempt goes on while the other family is asked for.
                    *other_family = OtherFamily::Asked;
                    let more = Box::pin(self.net.resolvers.other_family(call.host, self.dial));
                    match select(&mut sending, pin!(timeout_at(deadline.at(), more))).await {
                        Either::Left((result, _)) => break result,
                        Either::Right((more, _)) => {
                            addresses.extend(more.unwrap_or_default().into_iter().map(Some));
                        }
                    }
                    limit = share(addresses);
                }
                // Connected: the rest of the time is for this address.
                Err(_) if limit < deadline.at() => limit = deadline.at(),
                Err(_) => {
                    let phase = self.clock.current().unwrap_or(Phase::Processing);
                    self.learn(call.url, facts);
                    let failure = classify::expired(phase, route);
                    return Err(match phase {
                        Phase::Connect => Stopped::Unreached(failure),
                        _ => Stopped::Failed(failure),
                    });
                }
            }
        };
        self.learn(call.url, facts);
        let error = match result {
            Ok(response)
                if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                    && route == Route::Proxied =>
            {
                let detail = "the proxy wants authentication (status 407)";
                return Err(Stopped::Failed(Failure::new(Reason::ProxyFailed, detail)));
            }
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let phase = self.clock.current().unwrap_or(Phase::Processing);
        if let (Phase::Tls, Some(witness)) = (phase, witness) {
            let port = call.url.port_or_known_default().unwrap_or_default();
            let peer = call
                .address
                .filter(|_| route == Route::Direct)
                .map(|ip| Peer { address: SocketAddr::new(ip, port), name: call.sni });
            if let Some(failure) = classify::refused_version(&error) {
                return Err(Stopped::Failed(failure));
            }
            let broken = witness.broken(classify::root(&error));
            let failure = self.net.trust.explain(witness, broken, peer, deadline).await;
            facts.tls = witness.facts();
            return Err(Stopped::Failed(failure));
        }
        let failure = classify::failed(&error, phase, route, witness);
        Err(match phase {
            Phase::Connect => Stopped::Unreached(failure),
            _ => Stopped::Failed(failure),
        })
    }

    /// Addresses to try, one after the other; `None` stands for "whatever the proxy finds".
    async fn resolve(
        &mut self,
        host: &str,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Vec<Option<IpAddr>>, Failure> {
        if let Some(proxy) = self.setup.proxy {
            self.clock.enter(Phase::Connect);
            let name = proxy.host_str().unwrap_or_default();
            let found = deadline.within(self.net.resolvers.lookup(name, self.dial)).await;
            let found = found
                .unwrap_or_else(|Expired| Err(classify::expired(Phase::Resolve, Route::Proxied)));
            let found = found.map_err(|failure| {
                let detail = format!("the proxy's name: {}", failure.detail);
                Failure::new(Reason::ProxyFailed, detail)
            })?;
            self.names.pin(name, found);
            if self.setup.via() == Via::ProxyByName {
                return Ok(vec![None]);
            }
        }
        self.clock.enter(Phase::Resolve);
        let start = Instant::now();
        let found = deadline.within(self.net.resolvers.lookup(host, self.dial)).await;
        facts.dns_lookup.get_or_insert(start.elapsed());
        let found = match found {
            Ok(found) => found?,
            Err(Expired) => return Err(classify::expired(Phase::Resolve, Route::Direct)),
        };
        Ok(found.into_iter().map(Some).collect())
    }

    /// The name for SNI when it is not the URL's host: the options' `server_name`, else a custom
    /// `Host` (as blackbox_exporter). The connector sends the name of the URL it is given, so this
    /// becomes the URL's host and is pinned to the right address. A proxy that resolves by itself
    /// must see the true host, so there the URL keeps it.
    fn server_name(&self, request: &Outgoing) -> Option<String> {
        let url = request.url();
        if url.scheme() != "https" || self.setup.via() == Via::ProxyByName || !request.is_home() {
            return None;
        }
        let name = match &self.setup.tls.server_name {
            Some(name) => name.clone(),
            None => {
                let host = request.host()?.to_str().ok()?;
                host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()
            }
        };
        let is_name = matches!(Host::parse(&name), Ok(Host::Domain(_)));
        (is_name && Some(name.as_str()) != url.host_str()).then_some(name)
    }

    fn make_ready(&mut self, wish: Wish) -> Result<(), Failure> {
        if self.ready.as_ref().is_none_or(|ready| ready.wish != wish) {
            let hooks = (&self.clock, &self.names);
            self.ready = Some(client::make(self.net, &self.setup, wish, hooks)?);
        }
        Ok(())
    }

    fn route(&self) -> Route {
        if self.setup.proxy.is_some() { Route::Proxied } else { Route::Direct }
    }

    /// Takes what the connection has shown so far, as long as it is open.
    fn learn(&mut self, url: &Url, facts: &mut Facts) {
        if let Some(ends) = self.clock.endpoints() {
            if !self.answered && self.route() == Route::Direct {
                facts.address = Some(ends.remote.ip());
            }
            self.answered = true;
            if self.setup.counters == Counters::Wanted {
                let now = tcp_info::lookup(ends.local, ends.remote);
                facts.tcp = now.or(facts.tcp).or_else(|| self.clock.opened_with());
            }
        }
        // Until the server's own handshake began, what the witness saw is the proxy's.
        let begun = !matches!(self.clock.current(), Some(Phase::Resolve | Phase::Connect));
        if url.scheme() == "https" && begun {
            facts.tls =
                self.ready.as_ref().and_then(|r| r.witness.as_ref()).and_then(|w| w.facts());
        }
    }

    async fn confirm(
        &self,
        url: &Url,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Option<Failure>, Failure> {
        let witness = self.ready.as_ref().and_then(|ready| ready.witness.as_ref());
        let (Some(witness), "https") = (witness, url.scheme()) else { return Ok(None) };
        let confirmed = self.net.trust.confirm(witness, deadline).await;
        facts.tls = witness.facts();
        if confirmed.is_err() {
            facts.http.get_or_insert_default().tls = false;
        }
        confirmed
    }

    async fn answer(
        &mut self,
        url: Url,
        mut response: Response,
        rules: BodyRules,
        (facts, deadline): (&mut Facts, &Deadline),
    ) -> Answer {
        self.clock.enter(Phase::Transfer);
        let body = self.body(&mut response, rules, deadline).await;
        self.clock.stop();
        self.learn(&url, facts);
        facts.http.get_or_insert_default().body_bytes = match &body {
            Ok(bytes) => bytes.len() as u64,
            Err(failure) if failure.reason == Reason::BodyTooLarge => rules.limit,
            Err(_) => 0,
        };
        answer_of(url, &response, body)
    }

    async fn body(
        &self,
        response: &mut Response,
        rules: BodyRules,
        deadline: &Deadline,
    ) -> Result<Vec<u8>, Failure> {
        let coding = match rules.coding {
            ContentCoding::AsIs => None,
            ContentCoding::Decoded => response.headers().get(CONTENT_ENCODING),
        };
        let coding = coding.map(|value| value.to_str().unwrap_or("?"));
        let mut decoder = BodyDecoder::new(coding, rules.limit).map_err(undecoded)?;
        loop {
            match deadline.within(response.chunk()).await {
                Ok(Ok(Some(piece))) => decoder.push(&piece).map_err(undecoded)?,
                Ok(Ok(None)) => return decoder.finish().map_err(undecoded),
                Ok(Err(error)) => {
                    let witness = self.ready.as_ref().and_then(|ready| ready.witness.as_deref());
                    return Err(classify::failed(&error, Phase::Transfer, self.route(), witness));
                }
                Err(Expired) => return Err(classify::expired(Phase::Transfer, self.route())),
            }
        }
    }
}

/// One request on one address.
#[derive(Clone, Copy)]
struct Call<'a> {
    host: &'a str,
    address: Option<IpAddr>,
    sni: &'a str,
    url: &'a Url,
}

/// Why an attempt gave no response.
enum Stopped {
    /// No connection: the next address may do better.
    Unreached(Failure),
    /// There was one: nothing else is tried, for the server may have acted on the request.
    Failed(Failure),
}

/// The address family that was left out at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OtherFamily {
    Unasked,
    Asked,
}

impl OtherFamily {
    fn of(choice: IpChoice) -> OtherFamily {
        match choice {
            IpChoice::PreferV4 | IpChoice::PreferV6 => OtherFamily::Unasked,
            IpChoice::OnlyV4 | IpChoice::OnlyV6 => OtherFamily::Asked,
        }
    }
}

fn undecoded(error: DecodeError) -> Failure {
    let reason = match error {
        DecodeError::TooLarge(_) => Reason::BodyTooLarge,
        DecodeError::Corrupt(_) | DecodeError::Unknown => Reason::BodyDecode,
    };
    Failure::new(reason, format!("the body is {error}"))
}

fn answer_of(url: Url, response: &Response, body: Result<Vec<u8>, Failure>) -> Answer {
    let (version, _) = version(response.version());
    Answer { url, status: response.status(), version, headers: response.headers().clone(), body }
}

fn version(version: Version) -> (&'static str, f64) {
    match version {
        Version::HTTP_09 => ("0.9", 0.9),
        Version::HTTP_10 => ("1.0", 1.0),
        Version::HTTP_2 => ("2", 2.0),
        Version::HTTP_3 => ("3", 3.0),
        _ => ("1.1", 1.1),
    }
}

/// Writes down what the head of a response says; the last response wins.
fn note(http: &mut HttpFacts, url: &Url, response: &Response) {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    http.status = response.status().as_u16();
    http.version = version(response.version()).1;
    http.tls = url.scheme() == "https";
    http.body_bytes = 0;
    http.content_length = text(CONTENT_LENGTH)
        .and_then(|length| length.parse().ok())
        .or_else(|| response.content_length().and_then(|length| length.try_into().ok()))
        .unwrap_or(-1);
    http.last_modified = text(LAST_MODIFIED).and_then(unix_seconds);
}

/// An HTTP date is one of RFC 2822's forms (RFC 9110 section 5.6.7).
fn unix_seconds(date: &str) -> Option<i64> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    parser.parse_timestamp(date).ok().map(|time| time.as_second())
}

/// The `Location` of a response that asks to be followed. Without one it is an answer like any
/// other.
fn redirect(response: &Response) -> Option<&HeaderValue> {
    match response.status().as_u16() {
        301 | 302 | 303 | 307 | 308 => response.headers().get(LOCATION),
        _ => None,
    }
}

fn target(from: &Url, location: &HeaderValue) -> Result<Url, Failure> {
    // Raw UTF-8 is common and percent-encoded by the parser.
    let text = String::from_utf8_lossy(location.as_bytes());
    let broken = |what: &str| {
        let detail = format!("the redirect from {} {what}", shown(from));
        Failure::new(Reason::ProtocolError, detail)
    };
    let mut next = from.join(&text).map_err(|_| broken("does not lead to a URL"))?;
    if !matches!(next.scheme(), "http" | "https") {
        let detail = format!(
            "the redirect from {} leads to {}:, no web address",
            shown(from),
            next.scheme()
        );
        return Err(Failure::new(Reason::RedirectUnexpectedHost, detail));
    }
    if next.fragment().is_none() {
        next.set_fragment(from.fragment());
    }
    Ok(next)
}

fn allowed(next: &Url, own: &str, allow_hosts: &[String]) -> Result<(), Failure> {
    let host = next.host_str().unwrap_or_default();
    let fits = allow_hosts.is_empty()
        || host == own
        || allow_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    if fits {
        return Ok(());
    }
    let detail = format!("redirected to {}, a host outside allow_hosts", shown(next));
    Err(Failure::new(Reason::RedirectUnexpectedHost, detail))
}

/// `host` or `host:port`, as `Host` and `:authority` have it.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
