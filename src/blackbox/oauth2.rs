//! `oauth2` of a module: a token for each run (RFC 6749 section 4.4), asked for and read as Go's client
//! does it, which takes more for a token than a probe of ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::http::Method;
use ::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{self, byte_serialize};

use super::ModuleRun;
use super::credentials::{basic, secret, sensitive};
use super::go_values::{Hidden, is_default, or_default};
use super::http::{REDIRECTS_MAX, userinfo};
use super::http_module::without_password;
use super::proxies::{Proxies, ProxyKeys};
use super::tls::TlsConfig;
use crate::build_info::USER_AGENT as OWN_USER_AGENT;
use crate::config::{
    ClientOptions, DialOptions, Files, HttpVersions, RouteOptions, TlsClientOptions,
};
use crate::probe::exchange::Answer;
use crate::probe::oauth2::TokenRoad;
use crate::probe::request::{Outgoing, Payload, Secrecy};
use crate::probe::{decode, render};
use crate::transport::proxy::Proxy;

/// The only grant that is not the client's own credentials.
const SIGNED_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub(super) struct OAuth2 {
    pub(super) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_secret: Option<Hidden>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) client_secret_file: String,
    #[serde(skip_serializing_if = "is_default")]
    client_secret_ref: String,
    #[serde(skip_serializing_if = "is_default")]
    grant_type: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    #[serde(serialize_with = "without_password")]
    pub(super) token_url: String,
    /// Some servers take passwords and assertions in them.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_empty")]
    pub(super) endpoint_params: BTreeMap<String, Hidden>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub(super) tls_config: TlsConfig,
    #[serde(skip_serializing_if = "is_default", serialize_with = "without_password")]
    proxy_url: String,
    #[serde(skip_serializing_if = "is_default")]
    no_proxy: String,
    #[serde(skip_serializing_if = "is_default")]
    proxy_from_environment: bool,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_empty")]
    proxy_connect_header: BTreeMap<String, Vec<Hidden>>,

    // Of the grant with a signature, and without a meaning in the other one.
    #[serde(rename = "client_certificate_key_id", skip_serializing)]
    _client_certificate_key_id: IgnoredAny,
    #[serde(rename = "client_certificate_key", skip_serializing)]
    _client_certificate_key: IgnoredAny,
    #[serde(rename = "client_certificate_key_file", skip_serializing)]
    _client_certificate_key_file: IgnoredAny,
    #[serde(rename = "client_certificate_key_ref", skip_serializing)]
    _client_certificate_key_ref: IgnoredAny,
    #[serde(rename = "signature_algorithm", skip_serializing)]
    _signature_algorithm: IgnoredAny,
    #[serde(rename = "iss", skip_serializing)]
    _iss: IgnoredAny,
    #[serde(rename = "audience", skip_serializing)]
    _audience: IgnoredAny,
    #[serde(rename = "claims", skip_serializing)]
    _claims: IgnoredAny,

    #[serde(skip)]
    proxies: Proxies,
    /// Whether its server was found to want name and secret in the form. Known from one run to the next.
    #[serde(skip)]
    wants_form: Arc<AtomicBool>,
}

/// RFC 6749 section 5.1, as Go reads it.
#[derive(Deserialize)]
struct Said {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

/// Where a request says which client it is (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, PartialEq)]
enum Named {
    InHeader,
    InForm,
}

impl OAuth2 {
    /// What of it we do not have.
    pub(super) fn beyond_us(&self) -> Option<String> {
        if self.grant_type == SIGNED_GRANT {
            return Some("oauth2.grant_type asks for a signed assertion".to_owned());
        }
        if !self.client_secret_ref.is_empty() {
            return Some("oauth2 takes a secret from a secret manager".to_owned());
        }
        if !self.proxy_connect_header.is_empty() {
            return Some(
                "oauth2.proxy_connect_header: Bongsu sends a proxy no headers of the file"
                    .to_owned(),
            );
        }
        self.tls_config.beyond_us().map(|why| format!("oauth2.{why}"))
    }

    /// What is wrong with it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.client_id.is_empty() {
            found.push("has no client_id".to_owned());
        }
        if self.token_url.is_empty() {
            found.push("has no token_url".to_owned());
        } else if self.url().is_none() {
            found.push("token_url: is no URL of http or https".to_owned());
        }
        if self.client_secret.is_some() && !self.client_secret_file.is_empty() {
            found.push("has client_secret and client_secret_file; write one".to_owned());
        }
        if !self.scopes.is_empty() && self.endpoint_params.contains_key("scope") {
            found.push("has scopes and endpoint_params.scope; write one".to_owned());
        }
        let at_odds = self.proxy_keys().at_odds().map(|(key, text)| (key, text.to_owned()));
        let keys = self.tls_config.problem().into_iter().chain(at_odds);
        found.extend(keys.map(|(key, text)| format!("{key}: {text}")));
        found
    }

    pub(super) fn proxy_keys(&self) -> ProxyKeys<'_> {
        ProxyKeys {
            url: &self.proxy_url,
            no_proxy: &self.no_proxy,
            from_environment: self.proxy_from_environment,
            has_connect_header: !self.proxy_connect_header.is_empty(),
        }
    }

    /// Finds out which proxies its server is asked through; `Err` is what is wrong with them.
    pub(super) fn find_proxies(&mut self, files: &dyn Files) -> Result<(), String> {
        let found = self.proxy_keys().find(files);
        self.proxies = found.map_err(|(key, text)| format!("{key}: {text}"))?;
        Ok(())
    }

    fn url(&self) -> Option<Url> {
        let url = Url::parse(&self.token_url).ok();
        url.filter(|url| matches!(url.scheme(), "http" | "https"))
    }

    /// What a run's requests say of themselves. `Err` is why there is no token.
    pub(super) async fn authorization(&self, run: &ModuleRun<'_>) -> Result<HeaderValue, String> {
        let url = self.url().ok_or("token_url is no URL")?;
        let first =
            if self.wants_form.load(Ordering::Relaxed) { Named::InForm } else { Named::InHeader };
        let answer = self.ask(&url, first, run).await?;
        match header(&answer) {
            // An answer without a token may mean that the name is wanted in the other place.
            Err(_) if first == Named::InHeader => {
                let answer = self.ask(&url, Named::InForm, run).await?;
                let value = header(&answer)?;
                self.wants_form.store(true, Ordering::Relaxed);
                Ok(value)
            }
            given => given,
        }
    }

    async fn ask(&self, url: &Url, named: Named, run: &ModuleRun<'_>) -> Result<Answer, String> {
        let request = self.request(url, named, run).await?;
        let name = Some(self.tls_config.server_name.clone()).filter(|name| !name.is_empty());
        let tls = TlsClientOptions { server_name: name, ..self.tls_config.options() };
        run.look_at_certificates(&tls).await;
        // As Go's client for tokens, which offers nothing newer.
        let versions = HttpVersions::Http1;
        let client = ClientOptions { versions, route: RouteOptions::default(), tls };
        let proxy = self.proxies.of(url);
        let proxy = proxy.map(|options| Proxy { options, credentials: userinfo(options) });
        let road = TokenRoad {
            surroundings: run.surroundings,
            client: &client,
            proxy: proxy.as_ref(),
            dial: &DialOptions::default(),
            share: &run.share,
            memory: &Arc::default(),
            redirects: REDIRECTS_MAX,
        };
        let answer = road.send(request, run.deadline).await;
        answer.map_err(|failure| format!("{}: {}", failure.reason.as_str(), failure.detail))
    }

    async fn request(
        &self,
        url: &Url,
        named: Named,
        run: &ModuleRun<'_>,
    ) -> Result<Outgoing, String> {
        let read =
            secret(self.client_secret.as_ref(), &self.client_secret_file, &run.surroundings.files);
        let late = |_| Err("the client's secret was not read in time".to_owned());
        let secret = run.deadline.within(read).await.unwrap_or_else(late)?;
        let mut form = BTreeMap::from([("grant_type", "client_credentials")]);
        let scope = self.scopes.join(" ");
        if !scope.is_empty() {
            form.insert("scope", &scope);
        }
        let more = self.endpoint_params.iter();
        form.extend(more.map(|(name, value)| (name.as_str(), value.0.expose())));
        let mut credentials = HeaderMap::new();
        if named == Named::InForm {
            form.insert("client_id", &self.client_id);
            form.insert("client_secret", secret.expose());
        } else {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let value = basic(&encoded(&self.client_id), &encoded(secret.expose()))?;
            credentials.insert(AUTHORIZATION, value);
        }
        let body = render::encode_form(form, encoding_rs::UTF_8);
        let headers = HeaderMap::from_iter([
            (USER_AGENT, HeaderValue::from_static(OWN_USER_AGENT)),
            (ACCEPT, HeaderValue::from_static("application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static(decode::ACCEPT_ENCODING)),
            (CONTENT_TYPE, HeaderValue::from_static(render::FORM)),
        ]);
        let payload = Payload { bytes: Bytes::from(body), secrecy: Secrecy::Secret };
        Ok(Outgoing::new(Method::POST, url.clone())
            .with_headers(headers)
            .with_credentials(credentials)
            .with_body(Some(payload)))
    }
}

/// The token of an answer, as requests show it.
fn header(answer: &Answer) -> Result<HeaderValue, String> {
    if !answer.status.is_success() {
        return Err(format!("the token server answered with status {}", answer.status.as_u16()));
    }
    let body = answer
        .body
        .as_deref()
        .map_err(|failure| format!("{}: {}", failure.reason.as_str(), failure.detail))?;
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_form = [render::FORM, "text/plain"].iter().any(|form| kind.eq_ignore_ascii_case(form));
    // The error of a parser would quote the answer.
    let said =
        if is_form { of_form(body) } else { of_json(body).ok_or("the answer is no token")? };
    let token = said.access_token.filter(|token| !token.is_empty());
    let token = token.ok_or("the answer has no access_token")?;
    let kind = said.token_type.unwrap_or_default();
    let kind = match kind.to_ascii_lowercase().as_str() {
        "" | "bearer" => "Bearer",
        "mac" => "MAC",
        "basic" => "Basic",
        _ => &kind,
    };
    sensitive(format!("{kind} {token}"))
}

fn of_json(body: &[u8]) -> Option<Said> {
    let said: Said = serde_json::from_slice(body).ok()?;
    let is_whole = match &said.expires_in {
        None => true,
        Some(Value::String(text)) => text.parse::<i64>().is_ok(),
        Some(value) => value.is_i64(),
    };
    is_whole.then_some(said)
}

fn of_form(body: &[u8]) -> Said {
    let pairs: Vec<_> = form_urlencoded::parse(body).collect();
    let value = |wanted: &str| {
        let mut found = pairs.iter().filter(|(name, _)| name == wanted);
        found.next().map(|(_, value)| value.clone().into_owned())
    };
    Said { access_token: value("access_token"), token_type: value("token_type"), expires_in: None }
}

fn is_empty<T>(map: &BTreeMap<String, T>) -> bool {
    map.is_empty()
}
