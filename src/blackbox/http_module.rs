//! `http` of a module: what its file may say, which of it we do not have, and what is wrong with it.

use std::collections::BTreeMap;

use ::http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::address::IpProtocol;
use super::credentials::{Authorization, BasicAuth, HeaderValues};
use super::go_regex::GoPattern;
use super::go_values::{AnyBytes, ByteSize, Hidden, is_default, is_yes, or_default, yes};
use super::headers::HeaderMatch;
use super::oauth2::OAuth2;
use super::proxies::{Proxies, ProxyKeys};
use super::tls::TlsConfig;
use crate::config::Files;
use crate::redact::is_credential;

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub(super) struct HttpModule {
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) valid_status_codes: Vec<u16>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) valid_http_versions: Vec<String>,
    #[serde(default)]
    pub(super) preferred_ip_protocol: IpProtocol,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub(super) ip_protocol_fallback: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) skip_resolve_phase_with_proxy: bool,
    /// The older, opposite spelling of `follow_redirects`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    no_follow_redirects: Option<bool>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) fail_if_ssl: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) fail_if_not_ssl: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    method: String,
    #[serde(default, deserialize_with = "or_default", serialize_with = "without_credentials")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) fail_if_body_matches_regexp: Vec<GoPattern>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) fail_if_body_not_matches_regexp: Vec<GoPattern>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fail_if_body_json_matches_cel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fail_if_body_json_not_matches_cel: Option<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) fail_if_header_matches: Vec<HeaderMatch>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) fail_if_header_not_matches: Vec<HeaderMatch>,
    /// Often a password is in it: it is never shown.
    #[serde(default, skip_serializing_if = "is_default", serialize_with = "hidden")]
    pub(super) body: AnyBytes,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) body_file: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) compression: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) body_size_limit: ByteSize,
    #[serde(default, skip_serializing_if = "is_default")]
    enable_http3: bool,

    // What follows is Prometheus' client configuration, whose keys stand among the others.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub(super) basic_auth: Option<BasicAuth>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub(super) authorization: Option<Authorization>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub(super) oauth2: Option<OAuth2>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bearer_token: Option<Hidden>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) bearer_token_file: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub(super) tls_config: TlsConfig,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    follow_redirects: bool,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub(super) enable_http2: bool,
    #[serde(default, skip_serializing_if = "is_default", serialize_with = "without_password")]
    pub(super) proxy_url: String,
    #[serde(default, skip_serializing_if = "is_default")]
    no_proxy: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) proxy_from_environment: bool,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_empty")]
    proxy_connect_header: BTreeMap<String, Vec<Hidden>>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_empty")]
    pub(super) http_headers: BTreeMap<String, HeaderValues>,
    /// What the keys above say of proxies, once they were read.
    #[serde(skip)]
    pub(super) proxies: Proxies,
}

impl Default for HttpModule {
    fn default() -> HttpModule {
        HttpModule {
            valid_status_codes: Vec::new(),
            valid_http_versions: Vec::new(),
            preferred_ip_protocol: IpProtocol::default(),
            ip_protocol_fallback: true,
            skip_resolve_phase_with_proxy: false,
            no_follow_redirects: None,
            fail_if_ssl: false,
            fail_if_not_ssl: false,
            method: String::new(),
            headers: BTreeMap::new(),
            fail_if_body_matches_regexp: Vec::new(),
            fail_if_body_not_matches_regexp: Vec::new(),
            fail_if_body_json_matches_cel: None,
            fail_if_body_json_not_matches_cel: None,
            fail_if_header_matches: Vec::new(),
            fail_if_header_not_matches: Vec::new(),
            body: AnyBytes::default(),
            body_file: String::new(),
            compression: String::new(),
            body_size_limit: ByteSize::default(),
            enable_http3: false,
            basic_auth: None,
            authorization: None,
            oauth2: None,
            bearer_token: None,
            bearer_token_file: String::new(),
            tls_config: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy_url: String::new(),
            no_proxy: String::new(),
            proxy_from_environment: false,
            proxy_connect_header: BTreeMap::new(),
            http_headers: BTreeMap::new(),
            proxies: Proxies::default(),
        }
    }
}

impl PartialEq for HttpModule {
    /// Only what tells a configuration from none.
    fn eq(&self, other: &HttpModule) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl HttpModule {
    /// What of it we do not have.
    pub(super) fn beyond_us(&self) -> Option<String> {
        let said = |is_set: bool, what: &str| is_set.then(|| what.to_owned());
        said(self.enable_http3, "enable_http3: Bongsu speaks no HTTP/3")
            .or_else(|| {
                let has_cel = self.fail_if_body_json_matches_cel.is_some()
                    || self.fail_if_body_json_not_matches_cel.is_some();
                said(has_cel, "it has CEL expressions; a probe of ours would have expect.json")
            })
            .or_else(|| {
                let message = "proxy_connect_header: Bongsu sends a proxy no headers of the file";
                said(!self.proxy_connect_header.is_empty(), message)
            })
            .or_else(|| self.oauth2.as_ref()?.beyond_us())
            .or_else(|| self.basic_auth.as_ref()?.beyond_us())
            .or_else(|| self.authorization.as_ref()?.beyond_us())
            .or_else(|| self.tls_config.beyond_us())
    }

    /// What is wrong, each with its key.
    pub(super) fn problems(&self) -> Vec<(&str, String)> {
        let mut found: Vec<(&str, String)> = Vec::new();
        found.extend(self.tls_config.problem());
        found.extend(self.basic_auth.as_ref().and_then(BasicAuth::problem));
        found.extend(self.authorization.as_ref().and_then(Authorization::problem));
        let oauth2 = self.oauth2.iter().flat_map(OAuth2::problems);
        found.extend(oauth2.map(|message| ("oauth2", message)));
        let ways = [
            self.basic_auth.is_some(),
            self.authorization.is_some(),
            self.oauth2.is_some(),
            self.bearer_token.is_some() || !self.bearer_token_file.is_empty(),
        ];
        if ways.iter().filter(|is_set| **is_set).count() > 1 {
            let message = "has more than one of basic_auth, authorization, oauth2 and \
                           bearer_token; write one";
            found.push(("authorization", message.to_owned()));
        }
        if !self.body.0.is_empty() && !self.body_file.is_empty() {
            found.push(("body_file", "has body and body_file; write one".to_owned()));
        }
        if Method::from_bytes(self.method.as_bytes()).is_err() && !self.method.is_empty() {
            found.push(("method", format!("{:?} is no method", self.method)));
        }
        for (name, value) in &self.headers {
            if HeaderName::try_from(name.as_str()).is_err() {
                found.push(("headers", format!("{name:?} is no name of a header")));
            } else if HeaderValue::try_from(value.as_str()).is_err() {
                found.push(("headers", format!("{name} has characters that no value may have")));
            }
        }
        if !matches!(
            self.compression.to_ascii_lowercase().as_str(),
            "" | "gzip" | "br" | "deflate" | "identity"
        ) {
            let message = format!("{:?} is none of gzip, br, deflate, identity", self.compression);
            found.push(("compression", message));
        }
        found.extend(self.codings_at_odds());
        found.extend(self.proxy_keys().at_odds().map(|(key, message)| (key, message.to_owned())));
        found.extend(self.versions_at_odds().map(|(key, message)| (key, message.to_owned())));
        let rules = [
            ("fail_if_header_matches", &self.fail_if_header_matches),
            ("fail_if_header_not_matches", &self.fail_if_header_not_matches),
        ];
        for (key, rules) in rules {
            found.extend(rules.iter().filter_map(HeaderMatch::problem).map(|text| (key, text)));
        }
        found
    }

    /// A coding that is expected and not asked for.
    fn codings_at_odds(&self) -> Option<(&'static str, String)> {
        let mut asked = self.headers.iter();
        let (_, asked) = asked.find(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"))?;
        let accepts = |entry: &str| {
            let (coding, quality) = entry.split_once(';').unwrap_or((entry, "q=1"));
            let quality = quality.trim().trim_start_matches("q=").parse().unwrap_or(0.0);
            (coding.trim() == self.compression || coding.trim() == "*") && quality > 0.0
        };
        let is_odd = !self.compression.is_empty() && !asked.is_empty();
        (is_odd && !asked.split(',').any(accepts)).then(|| {
            let message = format!(
                "{:?} is expected, and the header Accept-Encoding: {asked} does not ask for it",
                self.compression
            );
            ("compression", message)
        })
    }

    pub(super) fn proxy_keys(&self) -> ProxyKeys<'_> {
        ProxyKeys {
            url: &self.proxy_url,
            no_proxy: &self.no_proxy,
            from_environment: self.proxy_from_environment,
            has_connect_header: !self.proxy_connect_header.is_empty(),
        }
    }

    fn versions_at_odds(&self) -> Option<(&'static str, &'static str)> {
        let wants = |versions: &[&str]| {
            self.valid_http_versions.iter().any(|text| versions.contains(&text.as_str()))
        };
        if !self.enable_http3 {
            return wants(&["HTTP/3.0"]).then_some((
                "valid_http_versions",
                "has HTTP/3.0, which is spoken only with enable_http3",
            ));
        }
        if self.enable_http2 {
            return Some(("enable_http3", "goes with enable_http2: false only"));
        }
        wants(&["HTTP/1.1", "HTTP/2.0"]).then_some((
            "valid_http_versions",
            "has HTTP/1.1 or HTTP/2.0, which are not spoken with enable_http3",
        ))
    }

    /// Whether a rule asks for the body's text.
    pub(super) fn searches_body(&self) -> bool {
        !(self.fail_if_body_matches_regexp.is_empty()
            && self.fail_if_body_not_matches_regexp.is_empty())
    }

    pub(super) fn method(&self) -> Method {
        Method::from_bytes(self.method.as_bytes()).unwrap_or_default()
    }

    pub(super) fn follows(&self) -> bool {
        self.no_follow_redirects.map_or(self.follow_redirects, |no| !no)
    }

    /// Finds out which proxies the module has; `Err` is the key and what is wrong with it.
    pub(super) fn find_proxies(&mut self, files: &dyn Files) -> Result<(), (&'static str, String)> {
        self.proxies = self.proxy_keys().find(files)?;
        match &mut self.oauth2 {
            Some(oauth2) => oauth2.find_proxies(files).map_err(|message| ("oauth2", message)),
            None => Ok(()),
        }
    }

    /// The entries of `no_proxy`.
    pub(super) fn direct_hosts(&self) -> impl Iterator<Item = &str> {
        self.no_proxy.split(',').map(str::trim).filter(|text| !text.is_empty())
    }

    /// The header of this name in `headers`.
    pub(super) fn own_host(&self) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        named.next().map(|(_, value)| value.as_str())
    }

    /// With a `Host` that a request gives.
    pub(super) fn name_host(&mut self, hostname: &str) -> Result<(), String> {
        if let Some(own) = self.own_host()
            && own != hostname
        {
            return Err(format!(
                "host header defined both in module configuration ({own}) and with \
                 URL-parameter 'hostname' ({hostname})"
            ));
        }
        if HeaderValue::try_from(hostname).is_err() {
            return Err("URL-parameter 'hostname' is no host".to_owned());
        }
        self.headers.insert("Host".to_owned(), hostname.to_owned());
        Ok(())
    }
}

fn is_empty<T>(map: &BTreeMap<String, T>) -> bool {
    map.is_empty()
}

fn hidden<S: Serializer>(_: &AnyBytes, serializer: S) -> Result<S::Ok, S::Error> {
    Hidden::from(String::new()).serialize(serializer)
}

fn without_credentials<S: Serializer>(
    headers: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let is_secret =
        |name: &str| HeaderName::try_from(name).is_ok_and(|name| is_credential(name.as_str()));
    let shown = |(name, value): (&String, &String)| {
        let value = if is_secret(name) { "<secret>" } else { value };
        (name.clone(), value.to_owned())
    };
    headers.iter().map(shown).collect::<BTreeMap<_, _>>().serialize(serializer)
}

pub(super) fn without_password<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match Url::parse(url) {
        Ok(mut url) => {
            if url.password().is_some() {
                let _ = url.set_password(Some("<secret>"));
            }
            serializer.serialize_str(url.as_str())
        }
        Err(_) => serializer.serialize_str("<secret>"),
    }
}
