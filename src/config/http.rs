//! The keys of an HTTP probe.

use std::sync::Arc;

use read::Value;
use serde_json::Number;

use super::headers::{self, credential};
use super::inherit::Shared;
use super::names::Nameable;
use super::reading::{At, ConfigValue, Fields};
use super::{
    Auth, Excerpt, Expect, HttpOptions, OAuth2Options, RequestBody, exchange, oauth2, value,
};
use crate::build_info;
use crate::redact::is_credential;
use crate::template::{Part, SecretOnly, Template};
use ::http::{HeaderName, Method, header};

pub(super) const KEYS: &[&str] = &[
    "url",
    "method",
    "headers",
    "body",
    "form",
    "json",
    "basic_auth",
    "bearer",
    "oauth2",
    "client_cert",
    "trust",
    "server_name",
    "revocation",
    "post_quantum",
    "proxy",
    "connect_to",
    "addresses",
    "http_version",
    "follow",
    "compression",
    "body_limit",
    "charset",
    "excerpt",
    "pad_request",
    "expect",
    "fail_if",
    "warn",
];

/// Of a decoded body, when the file does not say; no front page of a service is larger.
///
/// Limit: bytes of a body after decoding, unless `body_limit` says otherwise.
/// Share: of each response.
/// Full: the run fails with `body_too_large`.
/// Filled: a_gzip_bomb_is_too_large
pub(super) const BODY_LIMIT: u64 = 1 << 20;
pub(super) const BODY_LIMIT_MAX: u64 = 64 << 20;

/// Servers refuse larger request heads (nginx and Tomcat at 8 KiB unless told otherwise).
const PAD_REQUEST_MAX: u64 = 32 << 10;

const METHODS: &[(&str, Method)] = &[
    ("GET", Method::GET),
    ("HEAD", Method::HEAD),
    ("POST", Method::POST),
    ("PUT", Method::PUT),
    ("PATCH", Method::PATCH),
    ("DELETE", Method::DELETE),
    ("OPTIONS", Method::OPTIONS),
];

/// Whether a probe can send it.
pub fn is_spoken_method(method: &Method) -> bool {
    METHODS.iter().any(|(_, known)| known == method)
}

/// Reads the mapping under `http`.
pub(super) fn http(at: &At<'_>, shared: &Shared<'_>) -> Option<HttpOptions> {
    let fields = at.fields(KEYS)?;
    let url = fields.need("url").and_then(|at| at.parse(|text| value::url(text, &value::PROBED)));
    let body = body(&fields);
    let method = method(&fields, &body);
    let follows = fields.take("follow");
    let follows = follows.and_then(|at| at.fields(&["redirects", "allow_hosts", "refresh"]));
    let follow = exchange::follow(follows.as_ref(), url.as_ref());
    let size = |key, max| fields.parse(key, value::size_up_to(max));
    let rules = exchange::rules(&fields, &follow);
    if method == Method::HEAD {
        no_body_to_look_at(&fields, &rules.expect);
    }
    let mut options = HttpOptions {
        excerpt: Excerpt::Never,
        method,
        headers: request_headers(&fields, shared),
        body,
        auth: auth(&fields),
        oauth2: oauth2(&fields),
        pad_request: size("pad_request", PAD_REQUEST_MAX).and_then(|size| size.try_into().ok()),
        compression: fields.take("compression").and_then(|at| at.flag()).unwrap_or(true),
        body_limit: size("body_limit", BODY_LIMIT_MAX).unwrap_or(BODY_LIMIT),
        charset: fields.parse("charset", charset),
        follow,
        client: exchange::client(&fields, shared),
        rules,
        url: {
            let mut url = url?;
            url.set_fragment(None);
            url
        },
    };
    // A page that is shown to anybody may be shown here.
    let usual = if options.is_anonymous() { Excerpt::OnFailure } else { Excerpt::Never };
    options.excerpt = exchange::excerpt(&fields, usual);
    Some(options)
}

impl HttpOptions {
    /// Whether nothing in its request says who asks.
    fn is_anonymous(&self) -> bool {
        let by_name = |(name, _): &(HeaderName, Template)| is_credential(name.as_str());
        self.secrets().is_empty()
            && self.auth.is_none()
            && self.oauth2.is_none()
            && self.client.tls.client_cert.is_none()
            && !self.headers.iter().any(by_name)
    }

    /// The names of the secrets that its request to the target holds.
    pub fn secrets(&self) -> Vec<Arc<str>> {
        let mut found: Vec<&Template> = self.headers.iter().map(|(_, value)| value).collect();
        found.extend(self.body.templates());
        found.extend(self.auth.iter().flat_map(Auth::templates));
        let mut names: Vec<Arc<str>> =
            found.into_iter().flat_map(Template::secrets).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

fn method(fields: &Fields<'_>, body: &RequestBody) -> Method {
    let default = if *body == RequestBody::None { Method::GET } else { Method::POST };
    let Some(at) = fields.take("method") else { return default };
    let index: Vec<(&str, usize)> =
        METHODS.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
    let said = at.parse(value::word(&index)).and_then(|index| METHODS.get(index));
    let method = said.map_or(default, |(_, method)| method.clone());
    if *body != RequestBody::None && matches!(method, Method::GET | Method::HEAD) {
        at.problem(format!("{method} sends no body; remove the body or write POST"));
    }
    method
}

/// `body`, `form` or `json`.
pub(super) fn body<S: Nameable>(fields: &Fields<'_>) -> RequestBody<S> {
    let given = fields.present(&["body", "form", "json"]);
    if let [_, second, ..] = given[..]
        && let Some(at) = fields.take(second)
    {
        at.problem(format!("a request has one body; keep one of {}", given.join(", ")));
    }
    let Some(at) = given.first().and_then(|key| fields.take(key)) else {
        return RequestBody::None;
    };
    match given[0] {
        "body" => at.template().map(RequestBody::Raw),
        "form" => form(&at).map(RequestBody::Form),
        _ => {
            let mut document = Template { parts: Vec::new() };
            json(&at, &mut document).map(|()| RequestBody::Json(document))
        }
    }
    .unwrap_or_default()
}

pub(super) fn form<S: Nameable>(at: &At<'_>) -> Option<Vec<(String, Template<S>)>> {
    let mut pairs = Vec::new();
    for (name, at) in at.entries()? {
        for at in at.one_or_many() {
            pairs.push((name.to_owned(), at.template()?));
        }
    }
    Some(pairs)
}

/// Writes a JSON document with templates in its strings.
pub(super) fn json<S: Nameable>(at: &At<'_>, out: &mut Template<S>) -> Option<()> {
    let number = |number: Option<Number>| {
        if number.is_none() {
            at.problem("JSON has no such number; put it in quotes");
        }
        number
    };
    let push = |out: &mut Template<S>, text: &str| out.push(Part::Text(text.to_owned()));
    match &at.node.value {
        Value::Null => push(out, "null"),
        Value::Bool(text) => {
            push(out, if read::boolean(text) == Some(true) { "true" } else { "false" });
        }
        Value::Int(text) => {
            push(out, &number(read::integer(text).and_then(Number::from_i128))?.to_string())
        }
        Value::Float(text) => {
            push(out, &number(read::float(text).and_then(Number::from_f64))?.to_string())
        }
        Value::Text(_) | Value::Tagged => out.push_json_string(at.template()?),
        Value::List(_) => {
            push(out, "[");
            for (index, item) in at.items()?.iter().enumerate() {
                push(out, if index == 0 { "" } else { "," });
                json(item, out)?;
            }
            push(out, "]");
        }
        Value::Map(_) => {
            push(out, "{");
            for (index, (name, member)) in at.entries()?.iter().enumerate() {
                push(out, if index == 0 { "" } else { "," });
                push(out, &format!("{}:", serde_json::Value::from(*name)));
                json(member, out)?;
            }
            push(out, "}");
        }
    }
    Some(())
}

/// `basic_auth` or `bearer`.
pub(super) fn auth<S: Nameable>(fields: &Fields<'_>) -> Option<Auth<S>> {
    let basic = fields.take("basic_auth").and_then(|at| basic_auth(&at));
    let Some(at) = fields.take("bearer") else { return basic };
    if fields.has("basic_auth") {
        at.problem("a request has one Authorization; keep basic_auth or bearer");
    }
    credential(&at).map(Auth::Bearer)
}

/// `oauth2`, alone.
fn oauth2(fields: &Fields<'_>) -> Option<OAuth2Options> {
    let at = fields.take("oauth2")?;
    if fields.has("basic_auth") || fields.has("bearer") {
        at.problem("a request has one Authorization; keep one of basic_auth, bearer, oauth2");
    }
    oauth2::oauth2(&at)
}

fn basic_auth<S: Nameable>(at: &At<'_>) -> Option<Auth<S>> {
    let fields = at.fields(&["username", "password"])?;
    let username = fields.need("username").and_then(|at| at.template());
    let password = fields.need("password").and_then(|at| credential(&at));
    Some(Auth::Basic { username: username?, password: password? })
}

/// Inherited headers, then the probe's own, then who we are.
pub(super) fn request_headers<S: Nameable + From<SecretOnly>>(
    fields: &Fields<'_>,
    shared: &Shared<'_>,
) -> Vec<(HeaderName, Template<S>)> {
    let inherited = shared.headers.iter();
    let mut all = inherited.map(|(name, value)| (name.clone(), value.widened())).collect();
    if let Some(at) = fields.take("headers") {
        headers::headers(&at, &mut all);
    }
    if !all.iter().any(|(name, _)| *name == header::USER_AGENT) {
        let agent = shared.user_agent.as_ref().map(Template::widened);
        all.insert(
            0,
            (header::USER_AGENT, agent.unwrap_or_else(|| Template::plain(build_info::USER_AGENT))),
        );
    }
    all
}

pub(super) fn charset(text: &str) -> Result<&'static encoding_rs::Encoding, String> {
    let text = text.trim();
    // The name that Korean programs use; browsers know it as windows-949.
    let label = if text.eq_ignore_ascii_case("cp949") { "windows-949" } else { text };
    encoding_rs::Encoding::for_label(label.as_bytes())
        .ok_or_else(|| format!("\"{text}\" is not a charset; write one such as euc-kr or utf-8"))
}

/// A HEAD response has no body (RFC 9110 section 9.3.2).
fn no_body_to_look_at(fields: &Fields<'_>, expect: &Expect) {
    if expect.needs_body()
        && let Some(at) = fields.take("method")
    {
        at.problem("the response to HEAD has no body to expect anything of; write GET");
    }
}
