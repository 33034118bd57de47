//! Pages, forms and cookies as the systems use them, in UTF-8 or EUC-KR.

use axum::body::Body;
use axum::response::Response;
use base::EscapedText;
use encoding_rs::Encoding;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// Further fields of a form are ignored.
const MAX_FIELDS: usize = 64;

pub struct HtmlPage {
    status: StatusCode,
    charset: &'static Encoding,
    html: String,
    cookies: Vec<String>,
}

impl HtmlPage {
    /// A whole document around `body`, which is HTML already.
    pub fn new(charset: &'static Encoding, title: &str, body: &str) -> HtmlPage {
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"ko\"><head><meta charset=\"{}\"><title>{}</title></head>\n\
             <body>{body}</body></html>\n",
            charset.name(),
            EscapedText(title)
        );
        HtmlPage { status: StatusCode::OK, charset, html, cookies: Vec::new() }
    }

    /// The status is 200 unless set here.
    pub fn status(mut self, status: StatusCode) -> HtmlPage {
        self.status = status;
        self
    }

    pub fn cookie(mut self, name: &str, value: &str) -> HtmlPage {
        self.cookies.push(session_cookie(name, value));
        self
    }
}

impl From<HtmlPage> for Response {
    fn from(page: HtmlPage) -> Response {
        let (bytes, _, _) = page.charset.encode(&page.html);
        let mut response = Response::new(Body::from(bytes.into_owned()));
        *response.status_mut() = page.status;
        let kind = format!("text/html; charset={}", page.charset.name());
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        for cookie in &page.cookies {
            set_cookie(&mut response, cookie);
        }
        response
    }
}

pub fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(format!("{value}\n")));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// `Secure` and `HttpOnly`, as an audit requires.
pub fn session_cookie(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=None")
}

/// Makes a browser delete the cookie.
pub fn expired_cookie(name: &str) -> String {
    format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None")
}

pub fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// The fields of a form or a query.
#[derive(Debug, Default)]
pub struct FormFields(Vec<(String, String)>);

impl FormFields {
    /// Reads `a=b&c=d` whose percent-encoded bytes are in `charset`.
    pub fn parse(text: &[u8], charset: &'static Encoding) -> FormFields {
        let decode = |piece: &[u8]| charset.decode(&percent_decode(piece)).0.into_owned();
        let fields =
            text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).take(MAX_FIELDS).map(
                |pair| {
                    let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
                    let value = pair.get(equals + 1..).unwrap_or_default();
                    (decode(&pair[..equals]), decode(value))
                },
            );
        FormFields(fields.collect())
    }

    /// A field's text; empty if there is no such field.
    pub fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().enumerate();
    while let Some((at, &byte)) = rest.next() {
        match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest.nth(1);
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_in_the_charset_of_the_page() {
        let fields =
            FormFields::parse(b"name=%B1%E8+%C3%B6%BC%F6&empty=&odd=%4&last", encoding_rs::EUC_KR);
        assert_eq!(fields.text("name"), "김 철수");
        assert_eq!(fields.text("odd"), "%4");
        assert_eq!((fields.text("empty"), fields.text("last"), fields.text("none")), ("", "", ""));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=1; SID=x=y; b=2"));
        assert_eq!(cookie(&headers, "SID").as_deref(), Some("x=y"));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
