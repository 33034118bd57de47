//! Access tokens by client credentials (RFC 6749 section 4.4) for HTTP probes.
//!
//! The server of the tokens is another service than the one that the probe looks at. What goes wrong
//! with it is `token_failed`, a reason of our own side: the probe could not ask its question, and
//! nothing is said of the target. Whoever wants to know of the token server gives it a probe.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chain::{ChainMemory, FetchReach};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use http::{Method, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded::byte_serialize;

use crate::build_info;
use crate::config::{
    ClientOptions, DialOptions, Follow, OAuth2Options, Refresh, RouteOptions, TlsClientOptions,
};
use crate::deadline::Deadline;
use crate::offload::TargetShare;
use crate::outcome::{Facts, Failure, Reason, Stage};
use crate::probe::exchange::{
    Answer, BodyRules, ContentCoding, ExchangeRules, Session, Unfollowed,
};
use crate::probe::request::{Outgoing, Payload, Secrecy};
use crate::probe::surroundings::Surroundings;
use crate::probe::{decode, render};
use crate::receiver::Receiver;
use crate::secret::Secret;
use crate::transport::http::{Client, Connections};
use crate::transport::proxy::Proxy;
use crate::transport::{ClientTls, ReadCounters, Recorder, Transport};

/// Of the answer; a token is a few kilobytes at most.
///
/// Limit: bytes of a token server's answer.
/// Share: of each answer.
/// Full: there is no token.
/// Filled: trouble_of_the_token_server_is_not_the_services
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// A client that was taken its rights is noticed within this time, whatever the token says of itself.
const KEPT_MAX: Duration = Duration::from_secs(3600);
/// A token is renewed this long before its end, or in the last tenth of a short life, so that it
/// does not end on its way.
const MARGIN: Duration = Duration::from_secs(30);
/// Characters of an error code that are told. Those of RFC 6749 are shorter.
///
/// No row: it is within the detail of a failure, which is bounded.
const ERROR_CHARS_MAX: usize = 64;

/// Gets tokens for one probe and keeps the last one as long as it lives.
pub(super) struct TokenClient {
    options: OAuth2Options,
    /// As the probe's own, without what is about the probe's own host.
    client: ClientOptions,
    share: Arc<TargetShare>,
    memory: Arc<ChainMemory>,
    /// One token is asked for at a time. Held over the request for it.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    /// Still masked: a server may send back what it no longer takes.
    former: Option<Secret>,
}

#[derive(Clone)]
pub(super) struct Token {
    value: Secret,
    until: Instant,
    /// Whether an earlier run got it, so that it may have ended since.
    pub(super) is_old: bool,
}

/// How a token server is reached.
pub(crate) struct TokenRoad<'a> {
    pub(crate) surroundings: &'a Surroundings,
    pub(crate) client: &'a ClientOptions,
    pub(crate) proxy: Option<&'a Proxy<'a>>,
    pub(crate) dial: &'a DialOptions,
    pub(crate) share: &'a Arc<TargetShare>,
    pub(crate) memory: &'a Arc<ChainMemory>,
    pub(crate) redirects: u32,
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
}

/// A number, which some servers put into quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

impl Token {
    /// RFC 6750.
    pub(super) fn authorization(&self) -> Result<HeaderValue, Failure> {
        HeaderValue::try_from(format!("Bearer {}", self.value.expose()))
            .map_err(|_| Failure::new(Reason::TokenFailed, "the token cannot stand in a header"))
    }
}

impl TokenRoad<'_> {
    /// The answer to a request for a token, over a connection of its own.
    pub(crate) async fn send(
        &self,
        request: Outgoing,
        deadline: &Deadline,
    ) -> Result<Answer, Failure> {
        let tls = &self.client.tls;
        let transport = Transport {
            resolvers: &self.surroundings.resolvers,
            dial: self.dial,
            route: &self.client.route,
            pinned: None,
            tls: Some(ClientTls {
                clients: &self.surroundings.tls_clients,
                options: tls,
                memory: self.memory,
            }),
            proxy: self.proxy,
            counters: ReadCounters::No,
            reach: FetchReach::Anywhere,
        };
        let client = Client::new(transport, self.client.versions, Connections::Fresh);
        let follow = Follow {
            redirects: self.redirects,
            allow_hosts: Vec::new(),
            refresh: Refresh::Ignored,
        };
        let body = BodyRules {
            limit: ANSWER_BYTES_MAX,
            coding: ContentCoding::Decoded,
            unfollowed: Unfollowed::Dropped,
        };
        let rules = ExchangeRules { follow: &follow, body };
        // What is learned on the way is not about the target.
        let mut facts = Facts::default();
        let mut recorder = Recorder::new(&mut facts);
        let mut session = Session::new(self.surroundings, tls, client, self.share);
        session.send(request, rules, &mut recorder, deadline).await
    }
}

impl TokenClient {
    pub(super) fn new(options: &OAuth2Options, client: &ClientOptions) -> TokenClient {
        let route = RouteOptions { proxy: client.route.proxy.clone(), ..RouteOptions::default() };
        let tls = TlsClientOptions { server_name: None, ..client.tls.clone() };
        TokenClient {
            options: options.clone(),
            client: ClientOptions { versions: client.versions, route, tls },
            share: Arc::default(),
            memory: Arc::default(),
            kept: Mutex::default(),
        }
    }

    /// The kept token, or a new one.
    pub(super) async fn token(
        &self,
        surroundings: &Surroundings,
        dial: &DialOptions,
        deadline: &Deadline,
    ) -> Result<Token, Failure> {
        self.other_than(None, surroundings, dial, deadline).await
    }

    /// A token in the place of one that was refused.
    pub(super) async fn renewed(
        &self,
        refused: &Token,
        surroundings: &Surroundings,
        dial: &DialOptions,
        deadline: &Deadline,
    ) -> Result<Token, Failure> {
        self.other_than(Some(refused), surroundings, dial, deadline).await
    }

    /// The values to mask.
    pub(super) fn known(&self) -> Vec<Secret> {
        let Ok(kept) = self.kept.try_lock() else { return Vec::new() };
        let token = kept.token.as_ref().map(|token| token.value.clone());
        token.into_iter().chain(kept.former.clone()).collect()
    }

    async fn other_than(
        &self,
        refused: Option<&Token>,
        surroundings: &Surroundings,
        dial: &DialOptions,
        deadline: &Deadline,
    ) -> Result<Token, Failure> {
        let late = |_| self.failure("it was being asked all the time");
        let mut kept = deadline.within(self.kept.lock()).await.map_err(late)?;
        let is_refused =
            |token: &Token| refused.is_some_and(|r| r.value.expose() == token.value.expose());
        if let Some(token) = &kept.token
            && token.until > Instant::now()
            && !is_refused(token)
        {
            return Ok(token.clone());
        }
        kept.former = kept.token.take().map(|token| token.value);
        let token = self.fetch(surroundings, dial, deadline).await?;
        kept.token = Some(Token { is_old: true, ..token.clone() });
        Ok(token)
    }

    fn failure(&self, detail: impl std::fmt::Display) -> Failure {
        let detail = format!("no token of {}: {detail}", self.options.host());
        Failure::new(Reason::TokenFailed, detail)
    }

    async fn fetch(
        &self,
        surroundings: &Surroundings,
        dial: &DialOptions,
        deadline: &Deadline,
    ) -> Result<Token, Failure> {
        let request = self.request(surroundings)?;
        let proxy = render::proxy(&surroundings.secrets, self.client.route.proxy.as_deref())?;
        let asked = Instant::now();
        let road = TokenRoad {
            surroundings,
            client: &self.client,
            proxy: proxy.as_ref(),
            dial,
            share: &self.share,
            memory: &self.memory,
            redirects: 0,
        };
        let answer = road.send(request, deadline).await;
        let answer = answer.map_err(|failure| match failure.reason.stage() {
            Stage::Probe => failure,
            _ => self.failure(format_args!("{}: {}", failure.reason.as_str(), failure.detail)),
        })?;
        self.read(&answer, asked)
    }

    fn read(&self, answer: &Answer, asked: Instant) -> Result<Token, Failure> {
        let body = answer.body.as_deref().unwrap_or_default();
        if answer.status != StatusCode::OK {
            let code = serde_json::from_slice(body).map_or(String::new(), |said: ErrorAnswer| {
                let shown = said.error.chars().filter(char::is_ascii_graphic);
                format!(" {}", shown.take(ERROR_CHARS_MAX).collect::<String>())
            });
            return Err(self.failure(format_args!("status {}{code}", answer.status.as_u16())));
        }
        if let Err(failure) = &answer.body {
            return Err(self.failure(format_args!(
                "{}: {}",
                failure.reason.as_str(),
                failure.detail
            )));
        }
        // The error of the parser would quote the answer.
        let Ok(said) = serde_json::from_slice::<TokenAnswer>(body) else {
            return Err(self.failure("the answer is no JSON with an access_token"));
        };
        if said.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(self.failure("the token is of another type than Bearer"));
        }
        let fits = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        if !fits(&said.access_token) {
            return Err(self.failure("the token cannot stand in a header"));
        }
        // Without a time of its own it serves this run.
        let lives = match said.expires_in {
            Some(Seconds::Number(seconds)) => Duration::from_secs(seconds),
            Some(Seconds::Text(text)) => Duration::from_secs(text.parse().unwrap_or_default()),
            None => Duration::ZERO,
        };
        let lives = lives.min(KEPT_MAX);
        let until = asked + lives.saturating_sub(MARGIN.min(lives / 10));
        Ok(Token { value: Secret::new(said.access_token), until, is_old: false })
    }

    /// The client says who it is by Basic authorization, each half encoded as in a form (RFC 6749
    /// section 2.3.1).
    fn request(&self, surroundings: &Surroundings) -> Result<Outgoing, Failure> {
        let OAuth2Options { token_url, client_id, client_secret, scope } = &self.options;
        let encoded =
            |secret: Secret| byte_serialize(secret.expose().as_bytes()).collect::<String>();
        let to = Receiver::of(token_url);
        let id = encoded(client_id.fill(&surroundings.secrets, &to)?);
        let password = encoded(client_secret.fill(&surroundings.secrets, &to)?);
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{password}")));
        let basic =
            HeaderValue::try_from(basic).map_err(|_| self.failure("its name is too long"))?;
        let mut pairs = vec![("grant_type", "client_credentials")];
        pairs.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let form = render::encode_form(pairs, encoding_rs::UTF_8);
        let headers = HeaderMap::from_iter([
            (USER_AGENT, HeaderValue::from_static(build_info::USER_AGENT)),
            (ACCEPT, HeaderValue::from_static("application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static(decode::ACCEPT_ENCODING)),
            (CONTENT_TYPE, HeaderValue::from_static(render::FORM)),
        ]);
        let payload = Payload { bytes: Bytes::from(form), secrecy: Secrecy::Open };
        Ok(Outgoing::new(Method::POST, token_url.clone())
            .with_headers(headers)
            .with_credentials(HeaderMap::from_iter([(AUTHORIZATION, basic)]))
            .with_body(Some(payload)))
    }
}
