//! One GET or POST to a server that the operator named, and a clear word for each way in which it fails.
//!
//! Unlike the client of the controls this one believes nobody whose certificate is not vouched for: it
//! carries a password, and a report is money.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::error_chain::{deepest, find};
use base::files::read_regular;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use url::Url;

use crate::build_info::USER_AGENT;
use crate::secret::Secret;

/// For a connection and its handshake; what answers does so at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer to a report may be longer than anybody's memory is large: a piece of a month of 17,000
/// services takes 30 MB.
pub const ANSWER_MAX_BYTES: usize = 256 << 20;

/// A password or a token; a file given by mistake ends here.
const SECRET_MAX_BYTES: u64 = 64 << 10;

/// A bundle of certificate authorities.
const CA_MAX_BYTES: u64 = 4 << 20;

/// Enough of an answer to know whose it is.
const EXCERPT_MAX_BYTES: usize = 200;

/// Why a server cannot be asked, or did not answer as it should.
#[derive(Debug, Error)]
pub enum AskError {
    #[error("{0}")]
    Settings(String),
    #[error("{url}: {problem}; is it running, and may this host reach it?")]
    Connect { url: String, problem: String },
    #[error("{url}: TLS: {problem}; give the authority that vouches for it with --ca-file")]
    Tls { url: String, problem: String },
    #[error("{url}: no answer within {}; give it more time with --timeout", humantime::format_duration(*.after))]
    Timeout { url: String, after: Duration },
    #[error("{url}: it answered {status}: {advice}")]
    Refused { url: String, status: StatusCode, advice: String },
    #[error(
        "{url}: it redirects to {location}; name the server itself, without a sign-in page before it"
    )]
    Redirected { url: String, location: String },
    #[error("{url}: it refused the question: {problem}")]
    Question { url: String, problem: String },
    #[error(
        "{url}: it answered {status}: {excerpt:?}; is it the right server, and the path in front of /api complete?"
    )]
    Unexpected { url: String, status: StatusCode, excerpt: String },
    #[error("{url}: the answer broke off: {problem}")]
    BrokenOff { url: String, problem: String },
    #[error("{url}: the answer is longer than {} MiB", max >> 20)]
    TooLong { url: String, max: usize },
    #[error("{url}: the answer is only a part: {warning}; a report of a part would be wrong")]
    Partial { url: String, warning: String },
}

/// Where a server is and how it wants to be asked.
#[derive(Debug, Clone)]
pub struct Access {
    /// Without user and password.
    pub url: Url,
    /// `user:password` in one line.
    pub basic_file: Option<PathBuf>,
    /// A token in one line.
    pub bearer_file: Option<PathBuf>,
    /// Certificate authorities in PEM, instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// For one answer.
    pub timeout: Duration,
    /// Of one answer.
    pub answer_bytes_max: usize,
    /// How to say who asks, for whoever is told that the server wants to know.
    pub password_advice: &'static str,
}

enum Credentials {
    None,
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

pub struct Asker {
    client: Client,
    /// Without a slash at its end.
    base: String,
    credentials: Credentials,
    timeout: Duration,
    answer_bytes_max: usize,
    password_advice: &'static str,
}

impl Asker {
    /// Reads the files of the access.
    ///
    /// # Errors
    ///
    /// A file cannot be read or says something else than it should.
    pub fn new(access: &Access) -> Result<Asker, AskError> {
        let settings = AskError::Settings;
        let roots = match &access.ca_file {
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            Some(file) => authorities(file).map_err(settings)?,
        };
        let tls = ClientConfig::builder_with_provider(chain::crypto_provider(false))
            .with_safe_default_protocol_versions()
            // The versions are the provider's own, so they always fit it.
            .unwrap_or_else(|_| unreachable!("aws-lc-rs knows TLS 1.2 and 1.3"))
            .with_root_certificates(Arc::new(roots))
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT.min(access.timeout))
            .timeout(access.timeout)
            .build()
            .map_err(|error| settings(deepest(&error)))?;
        let credentials = credentials(access).map_err(settings)?;
        let base = access.url.as_str().trim_end_matches('/').to_owned();
        let Access { timeout, answer_bytes_max, password_advice, .. } = *access;
        Ok(Asker { client, base, credentials, timeout, answer_bytes_max, password_advice })
    }

    /// The body of the answer to a GET.
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, AskError> {
        self.answer(path, self.request(Method::GET, path)).await
    }

    /// The body of the answer to a form, which may be longer than a URL.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Vec<u8>, AskError> {
        let body: String =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .request(Method::POST, path)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        self.answer(path, request).await
    }

    /// The server, for messages.
    pub fn name(&self) -> &str {
        &self.base
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.name()));
        match &self.credentials {
            Credentials::None => request,
            Credentials::Basic { user, password } => {
                request.basic_auth(user, Some(password.expose()))
            }
            Credentials::Bearer(token) => request.bearer_auth(token.expose()),
        }
    }

    async fn answer(&self, path: &str, request: RequestBuilder) -> Result<Vec<u8>, AskError> {
        let url = format!("{}{path}", self.name());
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.unsent(url, &error)),
        };
        let status = answer.status();
        if status.is_redirection() {
            let location = answer.headers().get(http::header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
            return Err(AskError::Redirected { url, location: location.to_owned() });
        }
        let advice = match status {
            StatusCode::UNAUTHORIZED => {
                Some(format!("it wants to know who asks; {}", self.password_advice))
            }
            StatusCode::FORBIDDEN => {
                Some("whoever asks so may not; see what its proxy allows".to_owned())
            }
            _ => None,
        };
        if let Some(advice) = advice {
            return Err(AskError::Refused { url, status, advice });
        }
        let body = self.body(&url, &mut answer).await?;
        match status {
            StatusCode::OK => Ok(body),
            _ => Err(match question_problem(&body) {
                Some(problem) => AskError::Question { url, problem },
                None => AskError::Unexpected { url, status, excerpt: excerpt(&body) },
            }),
        }
    }

    async fn body(&self, url: &str, answer: &mut Response) -> Result<Vec<u8>, AskError> {
        let mut body = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(None) => return Ok(body),
                Ok(Some(chunk)) if body.len() + chunk.len() > self.answer_bytes_max => {
                    let max = self.answer_bytes_max;
                    return Err(AskError::TooLong { url: url.to_owned(), max });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(error) if error.is_timeout() => {
                    return Err(AskError::Timeout { url: url.to_owned(), after: self.timeout });
                }
                Err(error) => {
                    let problem = deepest(&error);
                    return Err(AskError::BrokenOff { url: url.to_owned(), problem });
                }
            }
        }
    }

    fn unsent(&self, url: String, error: &reqwest::Error) -> AskError {
        if let Some(problem) = find::<rustls::Error>(error) {
            return match problem {
                rustls::Error::InvalidMessage(_) => AskError::Connect {
                    url,
                    problem: "it does not speak TLS; write http://".to_owned(),
                },
                problem => AskError::Tls { url, problem: problem.to_string() },
            };
        }
        if error.is_timeout() {
            return AskError::Timeout { url, after: self.timeout };
        }
        AskError::Connect { url, problem: deepest(error) }
    }
}

/// What is wrong with a body that should be JSON of the server, where it is something else.
pub fn unexpected(asker: &Asker, path: &str, body: &[u8]) -> AskError {
    let url = format!("{}{path}", asker.name());
    AskError::Unexpected { url, status: StatusCode::OK, excerpt: excerpt(body) }
}

/// `{"status":"error","errorType":"bad_data","error":"..."}` of Prometheus.
fn question_problem(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = answer.get("error")?.as_str()?;
    let kind = answer.get("errorType").and_then(|kind| kind.as_str()).unwrap_or("error");
    Some(format!("{kind}: {text}"))
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_MAX_BYTES)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let wrong = |problem: String| format!("{}: {problem}", file.display());
    let text = read_regular(file, CA_MAX_BYTES).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it; it should be PEM".to_owned()));
    }
    Ok(roots)
}

fn credentials(access: &Access) -> Result<Credentials, String> {
    let line = |file: &Path| -> Result<String, String> {
        let wrong = |problem: &str| format!("{}: {problem}", file.display());
        let bytes =
            read_regular(file, SECRET_MAX_BYTES).map_err(|error| wrong(&error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.contains('\n') {
            return Err(wrong("it should have exactly one line"));
        }
        Ok(text.to_owned())
    };
    if let Some(file) = &access.bearer_file {
        return Ok(Credentials::Bearer(Secret::new(line(file)?)));
    }
    if let Some(file) = &access.basic_file {
        let text = line(file)?;
        let (user, password) = text
            .split_once(':')
            .ok_or_else(|| format!("{}: write user:password in one line", file.display()))?;
        let password = Secret::new(password);
        return Ok(Credentials::Basic { user: user.to_owned(), password });
    }
    Ok(Credentials::None)
}
