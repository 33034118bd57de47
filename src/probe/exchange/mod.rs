//! A session: sends requests on the connections of one run, follows redirects hop by hop, and
//! writes down what it learns as it goes, so that a failure keeps what came before it.
//!
//! Redirects are followed here and not by the transport, because each hop is a fact of its own and
//! because what may travel with a redirect is decided by the probe.

mod body;
pub(crate) mod hop;
mod last;
mod refresh;

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Response, StatusCode, Version};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;
use url::{Host, Url};

use self::body::PlainBody;
pub use self::body::{BodyRules, ContentCoding, Unfollowed};
pub use self::last::LastExchange;
use crate::config::{Follow, TlsClientOptions};
use crate::deadline::Deadline;
use crate::offload::{Desk, TargetShare};
use crate::outcome::{Failure, Hop, Reason, TraceId};
use crate::probe::jar::Jar;
use crate::probe::request::{Outgoing, shown};
use crate::probe::surroundings::Surroundings;
use crate::run_watch::{self, RunEvent};
use crate::transport::Recorder;
use crate::transport::http::{Client, Message};
use crate::transport::phase::Phase;

/// W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The final response of a chain.
pub struct Answer {
    /// The URL that gave it.
    pub url: Url,
    pub status: StatusCode,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    pub headers: HeaderMap,
    /// The body after decoding, or why it could not be had. What the head says counts either way.
    pub body: Result<Vec<u8>, Failure>,
}

/// How far a request is followed, and what is done with bodies on the way.
#[derive(Clone, Copy)]
pub struct ExchangeRules<'r> {
    pub follow: &'r Follow,
    pub body: BodyRules,
}

/// The connections and cookies of one run.
pub struct Session<'a> {
    surroundings: &'a Surroundings,
    tls: &'a TlsClientOptions,
    client: Client<'a>,
    desk: Desk<'a>,
    jar: Jar,
    /// The last request, and the head of its answer.
    last: Option<LastExchange>,
    /// Names the session to whoever is asked.
    trace_id: TraceId,
}

impl<'a> Session<'a> {
    /// Nothing is connected yet.
    pub fn new(
        surroundings: &'a Surroundings,
        tls: &'a TlsClientOptions,
        client: Client<'a>,
        share: &'a Arc<TargetShare>,
    ) -> Session<'a> {
        let desk = Desk { offload: &surroundings.offload, share };
        let trace_id = TraceId::of(random());
        Session { surroundings, tls, client, desk, jar: Jar::default(), last: None, trace_id }
    }

    /// Where the last request went, whether or not it was answered; forgotten when it is taken.
    pub fn take_asked(&mut self) -> Option<Url> {
        self.last.take().map(|last| last.url)
    }

    /// As above, with the head of its answer.
    pub fn take_last(&mut self) -> Option<LastExchange> {
        self.last.take()
    }

    /// The last request with the head of its answer, until it is taken.
    pub fn last(&self) -> Option<&LastExchange> {
        self.last.as_ref()
    }

    /// The cookies, when nothing more is sent.
    pub fn into_jar(self) -> Jar {
        self.jar
    }

    /// Where pages of this run are worked on.
    pub fn desk(&self) -> Desk<'a> {
        self.desk
    }

    /// The cookies of the run.
    pub fn jar(&self) -> &Jar {
        &self.jar
    }

    /// Sends a request and follows its redirects. Everything learned is in `recorder`, also when
    /// this fails; `facts.http` is that of the last response.
    pub async fn send(
        &mut self,
        request: Outgoing,
        rules: ExchangeRules<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Answer, Failure> {
        recorder.facts.trace_id = Some(self.trace_id);
        let result = self.follow(request, rules, recorder, deadline).await;
        recorder.finish();
        result
    }

    async fn follow(
        &mut self,
        first: Outgoing,
        rules: ExchangeRules<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Answer, Failure> {
        let ExchangeRules { follow, body } = rules;
        let mut request = first;
        recorder.facts.http.get_or_insert_default().redirects = 0;
        loop {
            let start = Instant::now();
            self.last = Some(LastExchange::of(&request));
            let response = self.ask(&request, recorder, deadline).await?;
            if let Some(last) = &mut self.last {
                last.answered(&response);
            }
            recorder.facts.warnings.extend(self.client.flaws(false));
            let url = request.url().clone();
            self.jar.store(&url, response.headers());
            let http = recorder.facts.http.get_or_insert_default();
            hop::note(http, &url, &response);
            let status = response.status();
            let elapsed = start.elapsed();
            run_watch::tell(|| RunEvent::Answered(status.as_u16(), shown(&url), elapsed));
            http.hops.push(Hop { url: shown(&url), status: status.as_u16(), elapsed });
            self.confirm(&url, recorder, deadline).await?;
            let Some(location) = hop::redirect(&response)?.cloned() else {
                let answer = self.answer(url, response, body, recorder, deadline).await;
                let (answer, next) = refresh::follow(self.desk, follow, answer, deadline).await?;
                let Some(next) = next else { return Ok(answer) };
                redirect_once_more(follow, &answer.url, recorder)?;
                hop::allowed(&next, request.home(), &follow.allow_hosts)?;
                // A page that sends its reader on is left like a link is followed.
                request = request.redirected(StatusCode::SEE_OTHER, next)?;
                continue;
            };
            if follow.redirects == 0 {
                recorder.facts.http.get_or_insert_default().redirects += 1;
                if body.unfollowed == Unfollowed::Read {
                    return Ok(self.answer(url, response, body, recorder, deadline).await);
                }
                return Ok(answer_of(url, response, Ok(Vec::new())));
            }
            redirect_once_more(follow, &url, recorder)?;
            let next = hop::target(&url, &location)?;
            hop::allowed(&next, request.home(), &follow.allow_hosts)?;
            request = request.told_less_by(response.headers()).redirected(status, next)?;
        }
    }

    /// One request up to the head of its response.
    async fn ask(
        &mut self,
        request: &Outgoing,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Response<Incoming>, Failure> {
        let url = request.url();
        let mut headers = request.headers();
        // Cookies of the file come first, then those of the jar.
        let own = headers.remove(COOKIE).map(|value| value.as_bytes().to_vec());
        let cookies: Vec<Vec<u8>> = own.into_iter().chain(self.jar.header(url)).collect();
        if !cookies.is_empty()
            && let Ok(mut cookies) = HeaderValue::from_bytes(&cookies.join(b"; ".as_slice()))
        {
            cookies.set_sensitive(true);
            headers.insert(COOKIE, cookies);
        }
        headers.extend(request.host().map(|value| (HOST, value.clone())));
        if !headers.contains_key(TRACEPARENT) {
            headers.extend(self.traceparent().map(|value| (TRACEPARENT, value)));
        }
        let server_name = self.server_name(request);
        let mut bare = Cow::Borrowed(url);
        if url.has_authority() && !(url.username().is_empty() && url.password().is_none()) {
            let _ = bare.to_mut().set_username("");
            let _ = bare.to_mut().set_password(None);
        }
        let message = Message {
            method: request.method().clone(),
            url: &bare,
            headers,
            body: request.body().unwrap_or_default(),
            server_name: server_name.as_deref(),
            is_home: request.is_home(),
            repeat: request.repeat(),
        };
        self.client.send(&message, recorder, deadline).await
    }

    /// Says of a request to which run it belongs. Each request is a span of its own, and it is to be
    /// recorded, because somebody may have to look for it.
    fn traceparent(&self) -> Option<HeaderValue> {
        let span = u64::from_be_bytes(random()).max(1);
        HeaderValue::try_from(format!("00-{}-{span:016x}-01", self.trace_id)).ok()
    }

    /// The name for SNI when it is not the URL's host: the options' `server_name`, else a custom
    /// `Host` (as blackbox_exporter).
    fn server_name(&self, request: &Outgoing) -> Option<String> {
        let url = request.url();
        if url.scheme() != "https" || !request.is_home() {
            return None;
        }
        let name = match &self.tls.server_name {
            Some(name) => name.clone(),
            None => {
                let host = request.host()?.to_str().ok()?;
                host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()
            }
        };
        let is_name = matches!(Host::parse(&name), Ok(Host::Domain(_)));
        (is_name && Some(name.as_str()) != url.host_str()).then_some(name)
    }

    /// Asks whether the certificate is revoked.
    async fn confirm(
        &self,
        url: &Url,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let (Some(verifier), "https") = (self.client.verifier(), url.scheme()) else {
            return Ok(());
        };
        let confirmed = self.surroundings.tls_clients.confirm(verifier, deadline.at()).await;
        recorder.facts.tls = verifier.facts();
        if confirmed.is_err() {
            recorder.facts.http.get_or_insert_default().tls = false;
        }
        for warning in confirmed?.into_iter().map(Failure::from) {
            // The hops of a chain of redirects often have one certificate.
            if !recorder.facts.warnings.contains(&warning) {
                recorder.facts.warnings.push(warning);
            }
        }
        Ok(())
    }

    async fn answer(
        &mut self,
        url: Url,
        mut response: Response<Incoming>,
        rules: BodyRules,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Answer {
        recorder.watch.enter(Phase::Transfer);
        self.client.expect_body(rules.limit);
        let ends_with_connection = ends_with_connection(&response);
        let read = body::read(&mut self.client, &mut response, rules, self.desk, deadline).await;
        let body = read.map(|PlainBody { body, warning }| {
            recorder.facts.warnings.extend(warning);
            body
        });
        recorder.watch.stop();
        self.client.count(recorder);
        let read_to_close = ends_with_connection && body.is_ok();
        recorder.facts.warnings.extend(self.client.flaws(read_to_close));
        recorder.facts.http.get_or_insert_default().body_bytes = match &body {
            Ok(bytes) => bytes.len() as u64,
            Err(failure) if failure.reason == Reason::BodyTooLarge => rules.limit,
            Err(_) => 0,
        };
        answer_of(url, response, body)
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no TLS works; the identifier is then merely not unique.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}

/// Whether the end of the connection is the end of the body (RFC 9112 section 6.3, rule 8).
fn ends_with_connection(response: &Response<Incoming>) -> bool {
    let is_chunked = response.headers().contains_key(TRANSFER_ENCODING);
    response.version() < Version::HTTP_2
        && !is_chunked
        && response.body().size_hint().exact().is_none()
}

fn redirect_once_more(
    follow: &Follow,
    from: &Url,
    recorder: &mut Recorder<'_>,
) -> Result<(), Failure> {
    let http = recorder.facts.http.get_or_insert_default();
    http.redirects += 1;
    if http.redirects <= follow.redirects {
        return Ok(());
    }
    let detail = format!("more than {} redirects, the last from {}", follow.redirects, shown(from));
    Err(Failure::new(Reason::RedirectLimit, detail))
}

fn answer_of(url: Url, response: Response<Incoming>, body: Result<Vec<u8>, Failure>) -> Answer {
    let (head, _) = response.into_parts();
    let (version, _) = hop::version(head.version);
    Answer { url, status: head.status, version, headers: head.headers, body }
}
