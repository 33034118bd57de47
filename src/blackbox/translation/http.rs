//! `http`: the request, who it says it is, and the rules.

use std::collections::BTreeMap;

use ::http::{HeaderName, Method};
use base::files::read_regular;
use url::Url;

use super::super::body::BODY_KEPT_MAX;
use super::super::go_regex::GoPattern;
use super::super::http_module::HttpModule;
use super::{NewSecretSource, Translation, oauth2, tls};
use crate::config::{is_set_by_client, is_spoken_method};
use crate::redact::is_credential;
use crate::secret::Secret;
use crate::yaml_text::Yaml;

/// Of `body_limit` in our files.
///
/// No row: the file is the operator's.
const BODY_LIMIT_MAX: u64 = 64 << 20;

/// A body that is copied into a configuration.
///
/// No row: the file is the operator's.
const BODY_FILE_BYTES_MAX: u64 = 64 << 10;

pub(super) fn translation(module: &HttpModule, prefix: &str) -> Result<Translation, String> {
    let (protocol, falls_back) = (module.preferred_ip_protocol, module.ip_protocol_fallback);
    let mut made = Translation::new("http", protocol, falls_back, prefix);
    request(&mut made, module)?;
    identity(&mut made, module)?;
    client(&mut made, module)?;
    rules(&mut made, module);
    Ok(made)
}

fn request(made: &mut Translation, module: &HttpModule) -> Result<(), String> {
    let method = module.method();
    if !is_spoken_method(&method) {
        return Err(format!("method {method}: probes of ours send none such"));
    }
    if method != Method::GET {
        made.set("method", Yaml::text(method.as_str()));
    }
    let body = body(module)?;
    if !body.is_empty() {
        if matches!(method, Method::GET | Method::HEAD) {
            return Err(format!("a body with {method}: probes of ours send none with it"));
        }
        made.set("body", Yaml::text(body));
        made.note("body: it is written as it was; if a password is in it, write ${secret.NAME}");
    }
    headers(made, module)
}

fn body(module: &HttpModule) -> Result<String, String> {
    let bytes = match module.body_file.as_str() {
        "" => module.body.0.clone(),
        file => read_regular(file.as_ref(), BODY_FILE_BYTES_MAX)
            .map_err(|error| format!("body_file {file}: {error}"))?,
    };
    String::from_utf8(bytes).map_err(|_| "its body is no UTF-8 text".to_owned())
}

fn headers(made: &mut Translation, module: &HttpModule) -> Result<(), String> {
    let mut headers = Vec::new();
    let mut asks_for_coding = false;
    for (name, value) in &module.headers {
        if name.eq_ignore_ascii_case("accept-encoding") {
            asks_for_coding = true;
        } else if is_set_by_client(name) {
            made.note(format!("headers.{name}: the client sets it itself"));
        } else {
            headers.push((name.clone(), value_of(made, name, value)));
        }
    }
    for (name, wanted) in &module.http_headers {
        let (values, secrets, files) = wanted.parts();
        if values.len() + secrets.len() + files.len() > 1 {
            made.note(format!("http_headers.{name}: the first value is sent, the others are not"));
        }
        let what = secret_name(name);
        let value = match (values, secrets, files) {
            ([value, ..], _, _) => value_of(made, name, value),
            (_, [secret, ..], _) => Yaml::Template(made.secret_of(&what, Some(secret), "")?),
            (_, _, [file, ..]) => {
                let file = file.display().to_string();
                Yaml::Template(made.secret_of(&what, None, &file)?)
            }
            _ => continue,
        };
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        headers.push((name.clone(), value));
    }
    if !headers.is_empty() {
        made.set("headers", Yaml::Map(headers));
    }
    let decodes = !matches!(module.compression.to_ascii_lowercase().as_str(), "" | "identity");
    if !decodes && !asks_for_coding {
        made.set("compression", Yaml::Flag(false));
    }
    Ok(())
}

/// Plain, or a secret where the name says that it is one.
fn value_of(made: &mut Translation, name: &str, value: &str) -> Yaml {
    let is_secret = HeaderName::try_from(name).is_ok_and(|name| is_credential(name.as_str()));
    if !is_secret || value.is_empty() {
        return Yaml::text(value);
    }
    let source = NewSecretSource::Text(Secret::new(value));
    Yaml::Template(made.secret(&secret_name(name), source))
}

/// `X-Api-Key` as a part of a secret's name.
fn secret_name(header: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    header.chars().map(letter).collect()
}

fn identity(made: &mut Translation, module: &HttpModule) -> Result<(), String> {
    let names = |map: &[(String, Yaml)]| {
        map.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
    };
    let has_own = made.options.iter().any(
        |(key, value)| matches!(value, Yaml::Map(headers) if key == "headers" && names(headers)),
    );
    if let Some(config) = &module.oauth2 {
        if has_own {
            return Err("oauth2 beside a header Authorization, which it replaces".to_owned());
        }
        return oauth2::set(made, module, config);
    }
    if has_own {
        return Ok(());
    }
    if let Some(basic) = &module.basic_auth {
        let username = match basic.username_file.as_str() {
            "" => Yaml::text(&basic.username),
            file => Yaml::Template(made.secret_of("username", None, file)?),
        };
        let password = made.secret_of("password", basic.password.as_ref(), &basic.password_file)?;
        let pair = [("username".into(), username), ("password".into(), Yaml::Template(password))];
        made.set("basic_auth", Yaml::Map(pair.into()));
    } else if let Some(given) = &module.authorization {
        let credentials =
            made.secret_of("credentials", given.credentials.as_ref(), &given.credentials_file)?;
        match given.kind.trim() {
            "" | "Bearer" => made.set("bearer", Yaml::Template(credentials)),
            kind => {
                let value = Yaml::Template(format!("{} {credentials}", kind.replace("${", "$${")));
                add_header(made, "Authorization", value);
            }
        }
    } else if module.bearer_token.is_some() || !module.bearer_token_file.is_empty() {
        let token =
            made.secret_of("token", module.bearer_token.as_ref(), &module.bearer_token_file)?;
        made.set("bearer", Yaml::Template(token));
    } else {
        made.takes_userinfo = true;
    }
    Ok(())
}

fn add_header(made: &mut Translation, name: &str, value: Yaml) {
    let entry = (name.to_owned(), value);
    let headers = made.options.iter_mut().find(|(key, _)| key == "headers");
    match headers {
        Some((_, Yaml::Map(headers))) => headers.push(entry),
        _ => made.set("headers", Yaml::Map(vec![entry])),
    }
}

fn client(made: &mut Translation, module: &HttpModule) -> Result<(), String> {
    if !module.enable_http2 {
        made.set("http_version", Yaml::text("1.1"));
    }
    if !module.follows() {
        made.set("follow", Yaml::one("redirects", Yaml::Number(0)));
    }
    let limit = match module.body_size_limit.0 {
        0 => BODY_KEPT_MAX,
        limit if limit > BODY_LIMIT_MAX => {
            made.note("body_size_limit: the most is 64MiB here");
            BODY_LIMIT_MAX
        }
        limit => limit,
    };
    made.set("body_limit", size(limit));
    if module.proxy_from_environment {
        return Err("proxy_from_environment; write proxy_url, which a probe has as proxy".into());
    }
    if let Ok(mut url) = Url::parse(&module.proxy_url) {
        let userinfo = userinfo(&mut url)?;
        let mut entries = vec![("url".to_owned(), Yaml::text(url.as_str()))];
        if let Some((username, password)) = userinfo {
            let password = made.secret("proxy_password", NewSecretSource::Text(password));
            entries.push(("username".into(), Yaml::text(username)));
            entries.push(("password".into(), Yaml::Template(password)));
        }
        let mut exceptions = module.direct_hosts().map(Yaml::text).collect::<Vec<_>>();
        if !exceptions.is_empty() {
            // Go reaches this machine directly where there are exceptions.
            exceptions.extend(["localhost", "127.0.0.0/8", "::1"].map(Yaml::text));
            entries.push(("no_proxy".into(), Yaml::List(exceptions)));
        }
        made.set("proxy", Yaml::Map(entries));
    }
    tls::set(made, &module.tls_config)?;
    if module.tls_config.min_version == "TLS13" {
        made.note(
            "tls_config.min_version: an http probe takes TLS 1.2, too; add a tls probe with expect: \
             { min_version: 1.3 }",
        );
    }
    Ok(())
}

/// Takes user name and password out of a URL.
fn userinfo(url: &mut Url) -> Result<Option<(String, Secret)>, String> {
    let decoded = |text: &str| {
        super::super::request::percent_decoded(text).ok_or("its user name is no text".to_owned())
    };
    let username = decoded(url.username())?;
    let password = url.password().map(decoded).transpose()?;
    let _ = url.set_username("");
    let _ = url.set_password(None);
    match (username, password) {
        (username, None) if username.is_empty() => Ok(None),
        (username, Some(password)) if !username.is_empty() && !password.is_empty() => {
            Ok(Some((username, Secret::new(password))))
        }
        _ => Err("proxy_url has a user name or a password and not both".to_owned()),
    }
}

fn size(bytes: u64) -> Yaml {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => Yaml::text(format!("{}MiB", bytes >> 20)),
        bytes if bytes % (1 << 10) == 0 => Yaml::text(format!("{}KiB", bytes >> 10)),
        bytes => Yaml::Number(bytes),
    }
}

fn rules(made: &mut Translation, module: &HttpModule) {
    let mut expect = vec![("status".to_owned(), statuses(&module.valid_status_codes))];
    let versions: Vec<Yaml> = module
        .valid_http_versions
        .iter()
        .map(|text| text.trim_start_matches("HTTP/"))
        .map(|text| Yaml::text(if text == "2.0" { "2" } else { text }))
        .collect();
    if !versions.is_empty() {
        expect.push(("version".into(), Yaml::List(versions)));
    }
    if module.fail_if_ssl || module.fail_if_not_ssl {
        expect.push(("tls".into(), Yaml::Flag(module.fail_if_not_ssl)));
    }
    let not = module.fail_if_body_matches_regexp.iter().map(|regexp| ("not_matches", regexp));
    let yes = module.fail_if_body_not_matches_regexp.iter().filter(|regexp| !is_any(regexp));
    let bodies: Vec<Yaml> = not
        .chain(yes.map(|regexp| ("matches", regexp)))
        .map(|(key, regexp)| Yaml::one(key, Yaml::text(regexp.for_texts())))
        .collect();
    if !bodies.is_empty() {
        expect.push(("body".into(), Yaml::List(bodies)));
    }
    let (expected, refused) = header_rules(made, module);
    if !expected.is_empty() {
        expect.push(("header".into(), Yaml::Map(expected)));
    }
    made.set("expect", Yaml::Map(expect));
    if !refused.is_empty() {
        made.set("fail_if", Yaml::List(refused));
    }
}

fn statuses(codes: &[u16]) -> Yaml {
    if codes.is_empty() {
        return Yaml::text("2xx");
    }
    Yaml::List(codes.iter().map(|code| Yaml::Number((*code).into())).collect())
}

/// What `expect.header` holds, and what `fail_if` does: a header there may have several values, of
/// which one that matches is enough.
fn header_rules(made: &mut Translation, module: &HttpModule) -> (Vec<(String, Yaml)>, Vec<Yaml>) {
    let mut expected: BTreeMap<String, Yaml> = BTreeMap::new();
    let mut refused = Vec::new();
    let refuse = |name: &str, matcher: Yaml| {
        let reason = ("reason".to_owned(), Yaml::text("header_mismatch"));
        Yaml::Map(vec![reason, ("header".to_owned(), Yaml::one(name, matcher))])
    };
    let pattern = |key: &str, regexp: &GoPattern| Yaml::one(key, Yaml::text(regexp.for_texts()));
    let met = |regexp: &GoPattern| match is_any(regexp) {
        true => Yaml::text("exists"),
        false => pattern("matches", regexp),
    };
    for rule in &module.fail_if_header_matches {
        if !rule.allow_missing {
            refused.push(refuse(&rule.header, Yaml::text("absent")));
        }
        refused.push(refuse(&rule.header, met(&rule.regexp)));
    }
    for rule in &module.fail_if_header_not_matches {
        let name = rule.header.to_ascii_lowercase();
        let is_taken = expected.keys().any(|other| other.eq_ignore_ascii_case(&name));
        if !rule.allow_missing && !is_taken {
            expected.insert(rule.header.clone(), met(&rule.regexp));
            continue;
        }
        if !rule.allow_missing {
            refused.push(refuse(&rule.header, Yaml::text("absent")));
        }
        if !is_any(&rule.regexp) {
            refused.push(refuse(&rule.header, pattern("not_matches", &rule.regexp)));
            made.note(format!(
                "fail_if_header_not_matches of {}: where the header is there more than once, every \
                 value must match",
                rule.header
            ));
        }
    }
    (expected.into_iter().collect(), refused)
}

/// Whether a pattern matches every text, so that it only asks for a subject to be there.
fn is_any(regexp: &GoPattern) -> bool {
    const ANYTHING: &str = "\u{1}\u{fffe}";
    regexp.regex.is_match(b"") && regexp.regex.is_match(ANYTHING.as_bytes())
}
