//! Requests from templates: each value is encoded as its place demands, at the last moment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use http::header::HeaderValue;
use url::form_urlencoded::byte_serialize;

use crate::config::{JsonTemplate, ProxyOptions, RequestBody, Template};
use crate::outcome::{Failure, Reason};
use crate::probe::request::{Payload, Secrecy};
use crate::secret::Secret;
use crate::transport::proxy::Proxy;
use crate::vault::Vault;

/// Whatever knows the values of templates.
pub trait Fill {
    /// The text to send to `host`, or why it may not be sent there.
    fn fill(&self, template: &Template, host: &str) -> Result<Secret, Failure>;
}

impl Fill for Vault {
    fn fill(&self, template: &Template, host: &str) -> Result<Secret, Failure> {
        self.render(template, host)
    }
}

/// A header's value.
pub fn header(fill: &dyn Fill, template: &Template, host: &str) -> Result<HeaderValue, Failure> {
    let text = fill.fill(template, host)?;
    value(text.expose(), secrecy(template))
}

/// `Authorization: Basic` (RFC 7617, UTF-8).
pub fn basic(
    fill: &dyn Fill,
    username: &Template,
    password: &Template,
    host: &str,
) -> Result<HeaderValue, Failure> {
    let username = fill.fill(username, host)?;
    let password = fill.fill(password, host)?;
    let pair = STANDARD.encode(format!("{}:{}", username.expose(), password.expose()));
    value(&format!("Basic {pair}"), Secrecy::Secret)
}

/// `Authorization: Bearer` (RFC 6750).
pub fn bearer(fill: &dyn Fill, token: &Template, host: &str) -> Result<HeaderValue, Failure> {
    let token = fill.fill(token, host)?;
    value(&format!("Bearer {}", token.expose()), Secrecy::Secret)
}

/// The proxy of a probe, with its credentials written out.
pub fn proxy<'p>(
    fill: &dyn Fill,
    options: Option<&'p ProxyOptions>,
) -> Result<Option<Proxy<'p>>, Failure> {
    let Some(options) = options else { return Ok(None) };
    let credentials = match &options.credentials {
        Some((username, password)) => {
            let host = options.host();
            Some((fill.fill(username, host)?, fill.fill(password, host)?))
        }
        None => None,
    };
    Ok(Some(Proxy { options, credentials }))
}

/// A body and the `Content-Type` it has unless the configuration names one. `charset` is that of
/// the page the form would stand on.
pub fn body(
    fill: &dyn Fill,
    body: &RequestBody,
    host: &str,
    charset: Option<&'static Encoding>,
) -> Result<Option<(Payload, Option<&'static str>)>, Failure> {
    let (text, secrecy, content_type) = match body {
        RequestBody::None => return Ok(None),
        RequestBody::Raw(template) => {
            (fill.fill(template, host)?.expose().to_owned(), secrecy(template), None)
        }
        RequestBody::Form(fields) => (
            form(fill, fields, host, charset.unwrap_or(UTF_8))?,
            any_secret(fields.iter().map(|(_, template)| secrecy(template))),
            Some("application/x-www-form-urlencoded"),
        ),
        RequestBody::Json(document) => {
            let mut text = String::new();
            json(fill, document, host, &mut text)?;
            (text, json_secrecy(document), Some("application/json"))
        }
    };
    Ok(Some((Payload { bytes: Bytes::from(text), secrecy }, content_type)))
}

/// `application/x-www-form-urlencoded` in a page's charset. What the charset does not have becomes
/// a numeric character reference, as browsers do.
fn form(
    fill: &dyn Fill,
    fields: &[(String, Template)],
    host: &str,
    charset: &'static Encoding,
) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, template) in fields {
        let rendered = fill.fill(template, host)?;
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(byte_serialize(&charset.encode(name).0));
        text.push('=');
        text.extend(byte_serialize(&charset.encode(rendered.expose()).0));
    }
    Ok(text)
}

fn json(
    fill: &dyn Fill,
    document: &JsonTemplate,
    host: &str,
    out: &mut String,
) -> Result<(), Failure> {
    match document {
        JsonTemplate::Literal(literal) => out.push_str(&literal.to_string()),
        JsonTemplate::Text(template) => quote(fill.fill(template, host)?.expose(), out),
        JsonTemplate::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json(fill, item, host, out)?;
            }
            out.push(']');
        }
        JsonTemplate::Object(members) => {
            out.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(name, out);
                out.push(':');
                json(fill, member, host, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn secrecy(template: &Template) -> Secrecy {
    if template.is_credential() { Secrecy::Secret } else { Secrecy::Open }
}

fn any_secret(mut all: impl Iterator<Item = Secrecy>) -> Secrecy {
    if all.any(|secrecy| secrecy == Secrecy::Secret) { Secrecy::Secret } else { Secrecy::Open }
}

fn json_secrecy(document: &JsonTemplate) -> Secrecy {
    match document {
        JsonTemplate::Literal(_) => Secrecy::Open,
        JsonTemplate::Text(template) => secrecy(template),
        JsonTemplate::Array(items) => any_secret(items.iter().map(json_secrecy)),
        JsonTemplate::Object(members) => {
            any_secret(members.iter().map(|(_, member)| json_secrecy(member)))
        }
    }
}

fn value(text: &str, secrecy: Secrecy) -> Result<HeaderValue, Failure> {
    // The error would quote nothing, but a newline in a secret is a common mistake worth naming.
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        let reason = match secrecy {
            Secrecy::Secret => Reason::SecretMissing,
            Secrecy::Open => Reason::Internal,
        };
        Failure::new(reason, "a header's value holds characters that no header can carry")
    })?;
    value.set_sensitive(secrecy == Secrecy::Secret);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Part;
    use proptest::prelude::*;

    fn text(text: &str) -> Template {
        Template { parts: vec![Part::Text(text.to_owned())] }
    }

    fn rendered(template: &RequestBody, charset: Option<&'static Encoding>) -> String {
        let (payload, _) = body(&Vault::default(), template, "h", charset).unwrap().unwrap();
        String::from_utf8(payload.bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_form_is_encoded_in_the_charset_of_its_page() {
        let form = RequestBody::Form(vec![
            ("이름".to_owned(), text("홍 길동&")),
            ("x".to_owned(), text("😀")),
        ]);
        assert_eq!(
            rendered(&form, Some(encoding_rs::EUC_KR)),
            "%C0%CC%B8%A7=%C8%AB+%B1%E6%B5%BF%26&x=%26%23128512%3B"
        );
        assert_eq!(
            rendered(&form, None),
            "%EC%9D%B4%EB%A6%84=%ED%99%8D+%EA%B8%B8%EB%8F%99%26&x=%F0%9F%98%80"
        );
    }

    proptest! {
        #[test]
        fn any_text_in_a_json_template_is_that_text_when_parsed(name in ".*", value in ".*") {
            let document = JsonTemplate::Object(vec![
                (name.clone(), JsonTemplate::Array(vec![JsonTemplate::Text(text(&value))])),
                ("n".to_owned(), JsonTemplate::Literal(serde_json::json!(1.5))),
            ]);
            let parsed: serde_json::Value =
                serde_json::from_str(&rendered(&RequestBody::Json(document), None)).unwrap();
            if name != "n" {
                prop_assert_eq!(&parsed[&name][0], &serde_json::json!(value));
            }
            prop_assert_eq!(&parsed["n"], &serde_json::json!(1.5));
        }
    }

    #[test]
    fn a_newline_in_a_header_is_refused_without_showing_it() {
        let failure = header(&Vault::default(), &text("a\ncanary"), "h").unwrap_err();
        assert_eq!(failure.reason, Reason::Internal);
        assert!(!failure.detail.contains("canary"));
    }
}
