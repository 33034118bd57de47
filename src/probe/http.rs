//! The HTTP probe: one request, its redirects, and what the answer should be.
//!
//! The order is that of a login step: send, follow, `fail_if`, status and `expect`, `warn`. A rule
//! of `fail_if` sees the page also when the status is bad, because it names the better cause.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chain::{ChainMemory, FetchReach};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use tokio::time::Instant;

use crate::config::{DialOptions, Excerpt, Expect, HttpOptions, OAuth2Options, Rules};
use crate::deadline::Deadline;
use crate::offload::{Budget, TargetShare};
use crate::outcome::{Evidence, Facts, Failure, HttpFacts, Phases};
use crate::probe::addresses::{self, Look, Looked};
use crate::probe::exchange::{
    Answer, BodyRules, ContentCoding, ExchangeRules, LastExchange, Session, Unfollowed,
};
use crate::probe::expect::{self, Miss};
use crate::probe::jar::Jar;
use crate::probe::judge;
use crate::probe::mask::{mask, mask_evidence};
use crate::probe::oauth2::{Token, TokenClient};
use crate::probe::page::{Head, Page};
use crate::probe::request::Outgoing;
use crate::probe::surroundings::Surroundings;
use crate::probe::unread::Body;
use crate::probe::{Probe, decode, excerpt, media, render};
use crate::receiver::Receiver;
use crate::redact::{Redactor, is_credential};
use crate::secret::Secret;
use crate::transport::http::{Client, Connections};
use crate::transport::{ClientTls, Pinned, ReadCounters, Recorder, Transport};

/// Of a page that is judged without another thread, where nothing in it has to be parsed or searched
/// for a pattern.
///
/// No row: what is larger is worked on elsewhere.
const IN_PASSING_MAX: usize = 16 << 10;

/// What one look goes to, and what it shows there.
#[derive(Clone, Copy)]
struct Goal<'g> {
    dial: &'g DialOptions,
    /// One of the addresses, where each is looked at.
    pinned: Option<IpAddr>,
    token: Option<&'g Token>,
}

/// One HTTP exchange with one target.
pub struct HttpProbe {
    options: Arc<HttpOptions>,
    dial: DialOptions,
    surroundings: Arc<Surroundings>,
    /// Headers without secrets, made once.
    headers: HeaderMap,
    /// Of these, the ones that are credentials even when no secret is in them.
    bare: Vec<(HeaderName, HeaderValue)>,
    unfollowed: Unfollowed,
    share: Arc<TargetShare>,
    memory: Arc<ChainMemory>,
    /// Whether a small page is judged in passing.
    is_light: bool,
    /// Who gets the token that its requests carry.
    tokens: Option<TokenClient>,
    /// What a run sends.
    secrets: Vec<Arc<str>>,
}

impl HttpProbe {
    /// The probe of one URL.
    pub fn new(
        options: &Arc<HttpOptions>,
        dial: &DialOptions,
        surroundings: &Arc<Surroundings>,
    ) -> HttpProbe {
        let mut headers = HeaderMap::new();
        for (name, template) in &options.headers {
            if let (Some(text), true) = (template.as_plain(), *name != HOST)
                && let Ok(value) = HeaderValue::from_bytes(text.as_bytes())
            {
                headers.append(name.clone(), value);
            }
        }
        if options.compression {
            headers
                .entry(ACCEPT_ENCODING)
                .or_insert(HeaderValue::from_static(decode::ACCEPT_ENCODING));
        }
        let names: Vec<HeaderName> =
            headers.keys().filter(|name| is_credential(name.as_str())).cloned().collect();
        let taken = |name| headers.remove(&name).map(|value| (name, value));
        let bare = names.into_iter().filter_map(taken).collect();
        let Rules { warn, .. } = &options.rules;
        let reads = options.rules.decisive().chain([warn]).any(Expect::needs_body);
        let mut secrets = options.secrets();
        secrets.extend(options.oauth2.iter().flat_map(OAuth2Options::secrets).cloned());
        secrets
            .extend(options.client.route.proxy.iter().flat_map(|proxy| proxy.secrets()).cloned());
        HttpProbe {
            secrets,
            options: Arc::clone(options),
            dial: dial.clone(),
            surroundings: Arc::clone(surroundings),
            headers,
            bare,
            share: Arc::default(),
            memory: Arc::default(),
            is_light: options.rules.decisive().chain([warn]).all(Expect::is_light),
            unfollowed: if reads { Unfollowed::Read } else { Unfollowed::Dropped },
            tokens: options.oauth2.as_ref().map(|oauth2| TokenClient::new(oauth2, &options.client)),
        }
    }

    async fn look(&self, facts: &mut Facts, deadline: &Deadline) -> Result<(), Failure> {
        let options = &*self.options;
        facts.http = Some(HttpFacts::default());
        self.surroundings.look_at_files(&self.secrets, &options.client.tls, deadline).await;
        let (dial, route) = (&self.dial, &options.client.route);
        let token = match &self.tokens {
            // Rarely needed, and kept out of what every waiting attempt holds.
            Some(tokens) => Some(tokens.token(&self.surroundings, dial, deadline).boxed().await?),
            None => None,
        };
        let token = token.as_ref();
        let host = options.url.host_str().unwrap_or_default();
        let looks =
            addresses::looks(&self.surroundings.resolvers, dial, route, host, facts, deadline)
                .await?;
        let Some(looks) = looks else {
            let goal = Goal { dial, pinned: None, token };
            return self.look_at(options, goal, facts, deadline).await;
        };
        let looked = looks.into_iter().map(|Look { dial, address }| {
            let look = async move {
                let mut facts = Facts { http: Some(HttpFacts::default()), ..Facts::default() };
                let goal = Goal { dial: &dial, pinned: address, token };
                let result = self.look_at(options, goal, &mut facts, deadline).await;
                Looked { address, family: dial.ip, facts, result }
            };
            look.boxed()
        });
        let looked = join_all(looked).await;
        addresses::conclude(route.addresses, looked, facts)
    }

    async fn look_at(
        &self,
        options: &HttpOptions,
        Goal { dial, pinned, token }: Goal<'_>,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let mut start = Instant::now();
        let request = self.request(options, token)?;
        let padded = options.pad_request.is_some();
        let host = options.url.host_str().unwrap_or_default();
        let proxy =
            render::proxy(&self.surroundings.secrets, options.client.route.proxy.as_deref())?;
        let transport = Transport {
            resolvers: &self.surroundings.resolvers,
            dial,
            route: &options.client.route,
            pinned: pinned.map(|address| Pinned {
                host: host.trim_start_matches('[').trim_end_matches(']'),
                address,
            }),
            tls: Some(ClientTls {
                clients: &self.surroundings.tls_clients,
                options: &options.client.tls,
                memory: &self.memory,
            }),
            proxy: proxy.as_ref(),
            counters: if padded { ReadCounters::Yes } else { ReadCounters::No },
            reach: FetchReach::Anywhere,
        };
        let client = Client::new(transport, options.client.versions, Connections::Fresh);
        let rules = ExchangeRules {
            follow: &options.follow,
            body: BodyRules {
                limit: options.body_limit,
                coding: if options.compression {
                    ContentCoding::Decoded
                } else {
                    ContentCoding::AsIs
                },
                unfollowed: self.unfollowed,
            },
        };
        let mut session =
            Session::new(&self.surroundings, &options.client.tls, client, &self.share);
        let mut recorder = Recorder::new(facts);
        let mut answer = match session.send(request, rules, &mut recorder, deadline).await {
            Ok(answer) => answer,
            Err(failure) => return Err(without_answer(failure, &session, &mut recorder)),
        };
        if answer.status == StatusCode::UNAUTHORIZED
            && let (Some(tokens), Some(refused)) =
                (&self.tokens, token.filter(|token| token.is_old))
        {
            let token = tokens.renewed(refused, &self.surroundings, &self.dial, deadline);
            let token = token.boxed().await?;
            start = Instant::now();
            let request = self.request(options, Some(&token))?;
            answer = match session.send(request, rules, &mut recorder, deadline).await {
                Ok(answer) => answer,
                Err(failure) => return Err(without_answer(failure, &session, &mut recorder)),
            };
        }
        let desk = session.desk();
        let (peer, phases) = (recorder.peer, recorder.facts.phases);
        let evidence = session.take_last().map(|last| Unwritten { last, peer, phases });
        let bytes = answer.body.as_ref().map_or(0, Vec::len);
        let came = Came {
            answer,
            evidence,
            jar: session.into_jar(),
            elapsed: start.elapsed(),
            coding: rules.body.coding,
            options: Arc::clone(&self.options),
        };
        let judged = match self.is_light && bytes <= IN_PASSING_MAX {
            true => came.judge(Budget::default()),
            false => desk.run(bytes, deadline.at(), |budget| came.judge(budget)).await?,
        };
        facts.evidence.extend(judged.evidence);
        facts.http.get_or_insert_default().regex_failed = judged.regex_failed;
        facts.warnings.extend(judged.warnings);
        judged.result
    }

    /// Hides secrets that the server sent back, when there is anything to hide them in.
    async fn masked(&self, facts: &mut Facts, result: Result<(), Failure>) -> Result<(), Failure> {
        let hops = facts.http.as_ref().map_or(0, |http| http.hops.len());
        if result.is_ok() && facts.warnings.is_empty() && hops < 2 {
            return result;
        }
        let secrets = &self.surroundings.secrets;
        let host = self.options.url.host_str().unwrap_or_default();
        let mut names = secrets.known_to(&BTreeSet::from([host.to_owned()])).boxed().await;
        names.extend(self.secrets.iter().cloned());
        let mut known = self.tokens.as_ref().map(TokenClient::known).unwrap_or_default();
        known.extend(self.sent());
        if names.is_empty() && known.is_empty() {
            return result;
        }
        mask(facts, result, &Redactor::new(secrets.peek(&names).values().chain(&known)))
    }

    /// What stands in the request and is nobody's business, although no secret of the file: its query,
    /// and its authorization as a whole.
    fn sent(&self) -> Vec<Secret> {
        let HttpOptions { url, auth, .. } = &*self.options;
        let pairs = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let mut sent: Vec<Secret> = pairs.map(Secret::new).collect();
        let (secrets, to) = (&self.surroundings.secrets, &Receiver::of(url));
        let whole = auth.as_ref().and_then(|auth| render::authorization(secrets, auth, to).ok());
        sent.extend(whole.as_ref().and_then(|value| value.to_str().ok()).map(Secret::new));
        sent
    }

    fn request(&self, options: &HttpOptions, token: Option<&Token>) -> Result<Outgoing, Failure> {
        let to = &Receiver::of(&options.url);
        let secrets = &self.surroundings.secrets;
        let mut credentials = HeaderMap::new();
        let mut own_host = None;
        for (name, template) in &options.headers {
            if name == HOST {
                own_host = Some(render::header(secrets, template, to)?);
            } else if template.as_plain().is_none() {
                credentials.append(name.clone(), render::header(secrets, template, to)?);
            }
        }
        if let Some(auth) = &options.auth {
            credentials.insert(AUTHORIZATION, render::authorization(secrets, auth, to)?);
        }
        if let Some(token) = token {
            credentials.insert(AUTHORIZATION, token.authorization()?);
        }
        let (body, content_type) =
            render::body(secrets, &options.body, to, options.charset)?.unzip();
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
}

impl Probe for HttpProbe {
    fn attempt<'a>(
        &'a self,
        facts: &'a mut Facts,
        deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let result = self.look(facts, deadline).await;
            self.masked(facts, result).await
        }
        .boxed()
    }
}

/// What is known of a request that no answer could be judged of.
fn without_answer(failure: Failure, session: &Session<'_>, recorder: &mut Recorder<'_>) -> Failure {
    let phases = recorder.facts.phases;
    let evidence = session.last().map(|last| last.evidence(recorder.peer, phases));
    recorder.facts.evidence.extend(evidence.map(|mut evidence| {
        let cookies: Vec<Secret> = session.jar().secrets().collect();
        mask_evidence(&mut evidence, &Redactor::new(&cookies));
        evidence
    }));
    failure
}

/// What came, to be judged wherever there is time.
struct Came {
    answer: Answer,
    evidence: Option<Unwritten>,
    jar: Jar,
    elapsed: Duration,
    coding: ContentCoding,
    options: Arc<HttpOptions>,
}

struct Judged {
    result: Result<(), Failure>,
    regex_failed: bool,
    warnings: Vec<Failure>,
    /// What came, where it failed.
    evidence: Option<Evidence>,
}

/// What is told of an exchange if its answer fails.
struct Unwritten {
    last: LastExchange,
    peer: Option<IpAddr>,
    phases: Phases,
}

impl Came {
    fn judge(self, budget: Budget) -> Judged {
        let Answer { url, status, version, headers, body } = &self.answer;
        let head = Head { url, status: status.as_u16(), version, headers };
        let bytes = body.as_deref().unwrap_or_default();
        let mut page = Page::new(head, bytes, self.options.charset, &self.jar);
        page.elapsed = self.elapsed;
        page.coding = self.coding;
        page.budget = budget;
        let rules = &self.options.rules;
        if let Err(missed) = judge::judge(rules, &page, body.as_ref().err(), Body::NotNeeded) {
            let Miss { failure, pattern } = missed.into_miss();
            return self.failed(failure, pattern);
        }
        let warnings = expect::warnings(&rules.warn, &page);
        match page.unjudged() {
            Some(failure) => self.failed(failure, false),
            None => Judged { result: Ok(()), regex_failed: false, warnings, evidence: None },
        }
    }

    fn failed(&self, failure: Failure, regex_failed: bool) -> Judged {
        let bytes = self.answer.body.as_deref().unwrap_or_default();
        let content_type = media::content_type(&self.answer.headers);
        let excerpt = match self.options.excerpt {
            Excerpt::Never => None,
            Excerpt::OnFailure => excerpt::beginning(bytes, content_type, self.options.charset),
        };
        let cookies: Vec<Secret> = self.jar.secrets().collect();
        let evidence = self.evidence.as_ref().map(|Unwritten { last, peer, phases }| {
            let mut evidence = last.evidence(*peer, *phases);
            evidence.body = excerpt;
            mask_evidence(&mut evidence, &Redactor::new(&cookies));
            evidence
        });
        Judged { result: Err(failure), regex_failed, warnings: Vec::new(), evidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ClientOptions, Follow, Refresh, RequestBody};

    #[test]
    fn a_waiting_attempt_is_small() {
        // In a national outage thousands of attempts wait at once: 17,000 have 512 MB together.
        let options = HttpOptions {
            url: "http://127.0.0.1/".parse().unwrap(),
            method: ::http::Method::GET,
            headers: Vec::new(),
            body: RequestBody::None,
            auth: None,
            oauth2: None,
            pad_request: None,
            compression: false,
            body_limit: 1,
            charset: None,
            excerpt: Excerpt::Never,
            follow: Follow { redirects: 0, allow_hosts: Vec::new(), refresh: Refresh::Ignored },
            client: ClientOptions::default(),
            rules: Rules::default(),
        };
        let surroundings = Arc::new(Surroundings::default());
        let probe = HttpProbe::new(&Arc::new(options), &DialOptions::default(), &surroundings);
        let (mut facts, deadline) = (Facts::default(), Deadline::after(Duration::from_secs(1)));
        let size = size_of_val(&probe.look(&mut facts, &deadline));
        assert!(size < 8 * 1024, "{size} bytes");
    }
}
