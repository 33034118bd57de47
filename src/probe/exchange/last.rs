//! The last request of a session and the head of what came for it, until it is known whether
//! anybody has to see them.

use std::net::IpAddr;

use http::header::{
    CONTENT_LOCATION, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, REFRESH, SET_COOKIE,
};
use http::{Method, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use url::Url;

use crate::outcome::{Evidence, Phases};
use crate::probe::excerpt::without_tokens;
use crate::probe::exchange::hop;
use crate::probe::request::{Outgoing, shown};
use crate::redact::{MASK, is_credential};

/// A request, whether or not it was answered.
pub struct LastExchange {
    method: Method,
    pub(super) url: Url,
    answer: Option<AnswerHead>,
}

struct AnswerHead {
    status: StatusCode,
    version: Version,
    /// Where it is not the usual one.
    phrase: Option<ReasonPhrase>,
    headers: HeaderMap,
}

impl LastExchange {
    pub(super) fn of(request: &Outgoing) -> LastExchange {
        let (method, url) = (request.method().clone(), request.url().clone());
        LastExchange { method, url, answer: None }
    }

    pub(super) fn answered(&mut self, response: &Response<Incoming>) {
        self.answer = Some(AnswerHead {
            status: response.status(),
            version: response.version(),
            phrase: response.extensions().get().cloned(),
            headers: response.headers().clone(),
        });
    }

    /// As people may see it, but for secrets that the server sends back.
    pub fn evidence(&self, address: Option<IpAddr>, phases: Phases) -> Evidence {
        let answer = self.answer.as_ref();
        let headers = answer.into_iter().flat_map(|answer| &answer.headers);
        Evidence {
            step: None,
            method: self.method.to_string(),
            url: shown(&self.url),
            address,
            phases,
            status_line: answer.map(AnswerHead::status_line),
            headers: headers.map(|(name, value)| line(name, value)).collect(),
            body: None,
        }
    }
}

impl AnswerHead {
    fn status_line(&self) -> String {
        let (version, _) = hop::version(self.version);
        let phrase = match &self.phrase {
            Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()),
            None => self.status.canonical_reason().unwrap_or_default().into(),
        };
        format!("HTTP/{version} {} {phrase}", self.status.as_u16()).trim_end().to_owned()
    }
}

/// A header without what it gives away: sessions, tokens, and the queries of addresses.
fn line(name: &HeaderName, value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    let told = match name {
        name if *name == SET_COOKIE => cookie(&text),
        name if [LOCATION, CONTENT_LOCATION, REFRESH, LINK].contains(name) => {
            match text.split_once(['?', '#']) {
                Some((address, _)) => format!("{}?{MASK}", without_tokens(address)),
                None => without_tokens(&text),
            }
        }
        name if is_credential(name.as_str()) => MASK.to_owned(),
        _ => without_tokens(&text),
    };
    format!("{name}: {told}")
}

/// `JSESSIONID=0A1B; Path=/` with its value masked.
fn cookie(text: &str) -> String {
    let (pair, attributes) = text.split_at(text.find(';').unwrap_or(text.len()));
    let name = pair.split_once('=').map_or("", |(name, _)| name);
    format!("{name}={MASK}{attributes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_no_session_away() {
        for (name, value, told) in [
            (
                "set-cookie",
                "JSESSIONID=0A1B; Path=/; Secure",
                "JSESSIONID=[masked]; Path=/; Secure",
            ),
            ("set-cookie", "0A1B", "=[masked]"),
            ("location", "https://a.kr/cb?code=0A1B&state=x", "https://a.kr/cb?[masked]"),
            ("location", "/login;jsessionid=0A1B", "/login;jsessionid=[masked]"),
            ("location", "/#access_token=0A1B", "/?[masked]"),
            ("www-authenticate", "Digest nonce=\"0A1B\"", "[masked]"),
            ("x-csrf-token", "0A1B", "[masked]"),
            ("retry-after", "120", "120"),
            ("server", "JEUS WebServer", "JEUS WebServer"),
        ] {
            let line = line(&HeaderName::from_static(name), &HeaderValue::from_static(value));
            assert_eq!(line, format!("{name}: {told}"));
        }
    }
}
