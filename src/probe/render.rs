//! Requests from templates: each value is encoded as its place demands, at the last moment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use http::header::HeaderValue;
use url::form_urlencoded::byte_serialize;

use crate::config::{Auth, ProxyOptions, RequestBody};
use crate::outcome::{Failure, Reason};
use crate::probe::request::{Payload, Secrecy};
use crate::receiver::Receiver;
use crate::secret::Secret;
use crate::template::fill::Values;
use crate::template::{SecretOnly, Source, Template};
use crate::transport::proxy::Proxy;

/// The `Content-Type` of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";

pub fn header<S: Source>(
    values: &dyn Values<S>,
    template: &Template<S>,
    to: &Receiver,
) -> Result<HeaderValue, Failure> {
    value(template.fill(values, to)?.expose(), Secrecy::of(template))
}

/// `Authorization: Basic` (RFC 7617, UTF-8) or `Bearer` (RFC 6750).
pub fn authorization<S: Source>(
    values: &dyn Values<S>,
    auth: &Auth<S>,
    to: &Receiver,
) -> Result<HeaderValue, Failure> {
    let text = match auth {
        Auth::Basic { username, password } => {
            let username = username.fill(values, to)?;
            let password = password.fill(values, to)?;
            let pair = format!("{}:{}", username.expose(), password.expose());
            format!("Basic {}", STANDARD.encode(pair))
        }
        Auth::Bearer(token) => format!("Bearer {}", token.fill(values, to)?.expose()),
    };
    value(&text, Secrecy::Secret)
}

/// The proxy of a probe, with its credentials written out.
pub fn proxy<'p>(
    values: &dyn Values<SecretOnly>,
    options: Option<&'p ProxyOptions>,
) -> Result<Option<Proxy<'p>>, Failure> {
    let Some(options) = options else { return Ok(None) };
    let credentials = match &options.credentials {
        Some((username, password)) => {
            let to = &Receiver::of(&options.url);
            Some((username.fill(values, to)?, password.fill(values, to)?))
        }
        None => None,
    };
    Ok(Some(Proxy { options, credentials }))
}

/// A body and the `Content-Type` it has unless the configuration names one. `charset` is that of
/// the page the form would stand on.
pub fn body<S: Source>(
    values: &dyn Values<S>,
    body: &RequestBody<S>,
    to: &Receiver,
    charset: Option<&'static Encoding>,
) -> Result<Option<(Payload, Option<&'static str>)>, Failure> {
    let (text, content_type) = match body {
        RequestBody::None => return Ok(None),
        RequestBody::Raw(template) => (template.fill(values, to)?.expose().to_owned(), None),
        RequestBody::Form(fields) => {
            let fields = form(values, fields, to)?;
            let pairs = fields.iter().map(|(name, value)| (*name, value.expose()));
            (encode_form(pairs, charset.unwrap_or(UTF_8)), Some(FORM))
        }
        RequestBody::Json(document) => {
            let text = document.fill_json(values, to)?.expose().to_owned();
            (text, Some("application/json"))
        }
    };
    let payload = Payload { bytes: Bytes::from(text), secrecy: Secrecy::of_all(body.templates()) };
    Ok(Some((payload, content_type)))
}

/// The fields of a form or a query with their values.
pub fn form<'f, S: Source>(
    values: &dyn Values<S>,
    fields: &'f [(String, Template<S>)],
    to: &Receiver,
) -> Result<Vec<(&'f str, Secret)>, Failure> {
    let filled = |(name, template): &'f (String, Template<S>)| {
        Ok((name.as_str(), template.fill(values, to)?))
    };
    fields.iter().map(filled).collect()
}

/// `application/x-www-form-urlencoded` in a page's charset. What the charset does not have becomes
/// a numeric character reference, as browsers do.
pub fn encode_form<'f>(
    pairs: impl IntoIterator<Item = (&'f str, &'f str)>,
    charset: &'static Encoding,
) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(byte_serialize(&charset.encode(name).0));
        text.push('=');
        text.extend(byte_serialize(&charset.encode(value).0));
    }
    text
}

impl Secrecy {
    /// Of what is written from a template.
    pub fn of<S: Source>(template: &Template<S>) -> Secrecy {
        Secrecy::of_all([template])
    }

    /// Of what is written from several.
    pub fn of_all<'t, S: Source + 't>(
        templates: impl IntoIterator<Item = &'t Template<S>>,
    ) -> Secrecy {
        if templates.into_iter().any(Template::is_credential) {
            Secrecy::Secret
        } else {
            Secrecy::Open
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
    use crate::secrets::SecretStore;

    fn text(text: &str) -> Template {
        Template::plain(text)
    }

    fn rendered(template: &RequestBody, charset: Option<&'static Encoding>) -> String {
        let (payload, _) =
            body(&SecretStore::default(), template, &Receiver::any_port("h"), charset)
                .unwrap()
                .unwrap();
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

    #[test]
    fn a_newline_in_a_header_is_refused_without_showing_it() {
        let failure = header(&SecretStore::default(), &text("a\ncanary"), &Receiver::any_port("h"))
            .unwrap_err();
        assert_eq!(failure.reason, Reason::Internal);
        assert!(!failure.detail.contains("canary"));
    }
}
