//! A session: sends requests on the connections of one run, follows redirects hop by hop, and
//! writes down what it learns as it goes, so that a failure keeps what came before it.
//!
//! Redirects are followed here and not by the HTTP client, because each hop is a fact of its own
//! and because what may travel with a redirect is ours to decide.

mod body;
mod hop;
mod reach;

use std::sync::Arc;

use http::header::HeaderMap;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;
use url::Url;

use self::body::Unread;
pub use self::body::{BodyRules, ContentCoding, Unfollowed};
use crate::config::{DialOptions, Follow};
use crate::net::{Net, tcp_info};
use crate::outcome::{Facts, Failure, Hop, Phases, Reason};
use crate::probe::Deadline;
use crate::probe::carrier::Carrier;
use crate::probe::classify::{self, Route};
use crate::probe::client::{self, Names, Ready, Setup, Wish};
use crate::probe::clock::{Clock, Counters, Phase};
use crate::probe::jar::Jar;
use crate::probe::request::{Outgoing, shown};

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
    carrier: Carrier,
    answered: bool,
}

impl<'a> Session<'a> {
    /// Nothing is connected yet.
    pub fn new(net: &'a Net, dial: &'a DialOptions, setup: Setup<'a>) -> Session<'a> {
        let (clock, names) = (Arc::default(), Arc::default());
        let carrier = Carrier::new(setup.connections);
        let (jar, ready, answered) = (Jar::default(), None, false);
        Session { net, dial, setup, clock, names, jar, ready, carrier, answered }
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
            hop::note(http, &url, &response);
            let status = response.status();
            let elapsed = start.elapsed();
            http.hops.push(Hop { url: shown(&url), status: status.as_u16(), elapsed });
            for warning in self.confirm(&url, facts, deadline).await? {
                // Every hop to the same server would say it again.
                if !facts.warnings.contains(&warning) {
                    facts.warnings.push(warning);
                }
            }
            let Some(location) = hop::redirect(&response) else {
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
            let next = hop::target(&url, location)?;
            hop::allowed(&next, &own_host, &follow.allow_hosts)?;
            request = request.redirected(status, next)?;
        }
    }

    fn make_ready(&mut self, wish: Wish) -> Result<(), Failure> {
        if self.ready.as_ref().is_none_or(|ready| ready.wish != wish) {
            // Connections of another client were made by other rules.
            self.carrier.clear();
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
        // Until the server's own handshake began, what the verifier saw is the proxy's.
        let begun = !matches!(self.clock.current(), Some(Phase::Resolve | Phase::Connect));
        if url.scheme() == "https" && begun {
            facts.tls =
                self.ready.as_ref().and_then(|r| r.verifier.as_ref()).and_then(|v| v.facts());
        }
    }

    async fn confirm(
        &self,
        url: &Url,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Vec<Failure>, Failure> {
        let verifier = self.ready.as_ref().and_then(|ready| ready.verifier.as_ref());
        let (Some(verifier), "https") = (verifier, url.scheme()) else { return Ok(Vec::new()) };
        let confirmed = self.net.trust.confirm(verifier, deadline.at()).await;
        facts.tls = verifier.facts();
        if confirmed.is_err() {
            facts.http.get_or_insert_default().tls = false;
        }
        let warnings = confirmed?;
        Ok(warnings.into_iter().map(Failure::from).collect())
    }

    async fn answer(
        &mut self,
        url: Url,
        mut response: Response<Incoming>,
        rules: BodyRules,
        (facts, deadline): (&mut Facts, &Deadline),
    ) -> Answer {
        self.clock.enter(Phase::Transfer);
        self.carrier.expect_body(rules.limit);
        let body = match body::read(&mut response, rules, deadline).await {
            Ok(bytes) => Ok(bytes),
            Err(Unread::Bad(failure)) => Err(failure),
            Err(Unread::Broken(_)) if self.carrier.was_endless() => {
                Err(classify::endless(Phase::Transfer))
            }
            Err(Unread::Broken(error)) => {
                let verifier = self.ready.as_ref().and_then(|ready| ready.verifier.as_deref());
                Err(classify::failed(&error, Phase::Transfer, self.route(), verifier))
            }
            Err(Unread::Late) => Err(classify::expired(Phase::Transfer, self.route())),
        };
        self.clock.stop();
        self.learn(&url, facts);
        facts.http.get_or_insert_default().body_bytes = match &body {
            Ok(bytes) => bytes.len() as u64,
            Err(failure) if failure.reason == Reason::BodyTooLarge => rules.limit,
            Err(_) => 0,
        };
        answer_of(url, &response, body)
    }
}

fn answer_of(url: Url, response: &Response<Incoming>, body: Result<Vec<u8>, Failure>) -> Answer {
    let (version, _) = hop::version(response.version());
    Answer { url, status: response.status(), version, headers: response.headers().clone(), body }
}
