//! What is sent to each place that a run comes to.

use std::net::IpAddr;
use std::path::Path;

use ::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use ::http::{Method, StatusCode};
use bytes::Bytes;
use url::Url;

use super::credentials;
use super::http_module::HttpModule;
use crate::build_info::USER_AGENT as OWN_USER_AGENT;
use crate::file_work::FileWork;
use crate::probe::jar::Jar;
use crate::redact::is_credential;

/// Of `body_file`.
///
/// No row: the file is the operator's.
const BODY_FILE_BYTES_MAX: u64 = 16 << 20;

/// The request of one run, as redirects change it.
pub(super) struct Asking {
    pub(super) method: Method,
    /// With the names that the target or a redirect has.
    pub(super) url: Url,
    /// Where the target is.
    home: Url,
    /// The target's address, which stands in place of its name.
    address: Option<IpAddr>,
    headers: HeaderMap,
    own_host: Option<HeaderValue>,
    body: Bytes,
}

impl Asking {
    pub(super) async fn new(
        module: &HttpModule,
        url: Url,
        address: Option<IpAddr>,
        files: &FileWork,
    ) -> Result<Asking, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &module.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
            let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
            if name != HOST {
                headers.insert(name, value);
            }
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(OWN_USER_AGENT));
        headers.extend(credentials::more_headers(&module.http_headers, files).await?);
        if !headers.contains_key(AUTHORIZATION)
            && let Some(value) = authorization(module, &url, files).await?
        {
            headers.insert(AUTHORIZATION, value);
        }
        let own_host = module.own_host().map(HeaderValue::try_from).transpose();
        let own_host = own_host.map_err(|error| error.to_string())?;
        let body = match module.body_file.as_str() {
            "" => Bytes::from(module.body.0.clone()),
            file => {
                let read = files.read(Path::new(file), BODY_FILE_BYTES_MAX).await;
                read.map_err(|why| format!("{file}: {why}"))?.into()
            }
        };
        let method = module.method();
        Ok(Asking { method, home: url.clone(), url, address, headers, own_host, body })
    }

    /// Says this of who we are, whatever else the module has for it.
    pub(super) fn authorize(&mut self, value: HeaderValue) {
        self.headers.insert(AUTHORIZATION, value);
    }

    /// Whether this goes to the target itself, for whom the module's names are meant.
    pub(super) fn is_home(&self) -> bool {
        self.is_to_its_host()
            && self.url.port_or_known_default() == self.home.port_or_known_default()
    }

    /// Whether this goes to the target's host, whose address is known.
    pub(super) fn is_to_its_host(&self) -> bool {
        self.url.host_str() == self.home.host_str()
    }

    /// The URL as it is connected to: without userinfo, and with the address that was chosen.
    pub(super) fn on_the_wire(&self) -> Url {
        let mut url = self.url.clone();
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        if let Some(address) = self.address.filter(|_| self.is_to_its_host()) {
            let _ = url.set_ip_host(address);
        }
        url
    }

    /// Who is spoken to, where it is not the host of the URL on the wire. What says who we are goes to
    /// the target only; blackbox_exporter sends it wherever a redirect leads.
    pub(super) fn headers(&self, jar: &Jar) -> HeaderMap {
        let mut headers = self.headers.clone();
        let authority = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let own_host = self.own_host.clone().filter(|_| self.is_home());
        let host = own_host.or_else(|| HeaderValue::try_from(authority).ok());
        headers.extend(host.map(|host| (HOST, host)));
        if !self.is_to_its_host() {
            let secret: Vec<HeaderName> =
                headers.keys().filter(|name| is_credential(name.as_str())).cloned().collect();
            for name in secret {
                headers.remove(name);
            }
        }
        if let Some(cookies) = jar.header(&self.url) {
            let own = headers.get(COOKIE).map(|own| own.as_bytes().to_vec());
            let all: Vec<Vec<u8>> = own.into_iter().chain([cookies]).collect();
            if let Ok(mut value) = HeaderValue::from_bytes(&all.join(b"; ".as_slice())) {
                value.set_sensitive(true);
                headers.insert(COOKIE, value);
            }
        }
        headers
    }

    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// As a client goes on after a redirect (RFC 9110 section 15.4, as every client reads it).
    pub(super) fn redirected(&mut self, status: StatusCode, to: Url) {
        if matches!(status.as_u16(), 301..=303) {
            if !matches!(self.method, Method::GET | Method::HEAD) {
                self.method = Method::GET;
            }
            self.body = Bytes::new();
            for name in ["content-type", "content-length", "content-encoding"] {
                self.headers.remove(name);
            }
        }
        self.url = to;
    }
}

async fn authorization(
    module: &HttpModule,
    url: &Url,
    files: &FileWork,
) -> Result<Option<HeaderValue>, String> {
    if let Some(basic) = &module.basic_auth {
        return basic.header(files).await.map(Some);
    }
    if let Some(authorization) = &module.authorization {
        return authorization.header(files).await.map(Some);
    }
    if module.bearer_token.is_some() || !module.bearer_token_file.is_empty() {
        let (token, file) = (module.bearer_token.as_ref(), &module.bearer_token_file);
        return credentials::bearer(token, file, files).await.map(Some);
    }
    let userinfo = (url.username(), url.password().unwrap_or_default());
    if userinfo == ("", "") {
        return Ok(None);
    }
    let decoded =
        |text: &str| percent_decoded(text).ok_or("the target's user name is no text".to_owned());
    credentials::basic(&decoded(userinfo.0)?, &decoded(userinfo.1)?).map(Some)
}

/// Undoes the percent signs of userinfo.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    // A plus is a plus in userinfo.
    let text = format!("x={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned())
}
