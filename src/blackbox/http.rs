//! The `http` prober: one request, its redirects, and the module's rules, in blackbox_exporter's order:
//! status, headers, body, version, TLS. A rule that fails spares the later ones of the first three.

use std::net::IpAddr;

use ::http::header::LOCATION;
use ::http::{Response, Version};
use chain::FetchReach;
use futures_util::FutureExt;
use hyper::body::Incoming;
use url::Url;

use super::ModuleRun;
use super::body;
use super::findings::{Findings, HttpFindings};
use super::headers;
use super::http_module::HttpModule;
use super::log::Log;
use super::request::Asking;
use crate::config::{DialOptions, HttpVersions, ProxyOptions, RouteOptions};
use crate::deadline::Expired;
use crate::outcome::Facts;
use crate::probe::exchange::hop;
use crate::probe::jar::Jar;
use crate::probe::request::shown;
use crate::secret::Secret;
use crate::transport::http::{Client, Connections, Message, Repeat};
use crate::transport::phase::Phase;
use crate::transport::proxy::Proxy;
use crate::transport::{ClientTls, Pinned, ReadCounters, Recorder, Transport};

/// As blackbox_exporter, and Go's client before it, has it.
///
/// No row: a run holds one of them at a time.
pub(super) const REDIRECTS_MAX: u32 = 10;

/// Probes once. What was found is written down also when this fails.
pub(super) async fn probe(
    run: &ModuleRun<'_>,
    module: &HttpModule,
    target: &str,
    findings: &mut Findings,
    log: &mut Log,
) -> bool {
    findings.http = Some(HttpFindings::default());
    let Some(url) = url(target) else {
        log.error("Could not parse target URL", &[]);
        return false;
    };
    let resolves = module.proxies.of(&url).is_none() || !module.skip_resolve_phase_with_proxy;
    let mut address = None;
    if resolves {
        let host = bare_host(&url);
        let (protocol, falls_back) = (module.preferred_ip_protocol, module.ip_protocol_fallback);
        address =
            run.addresses.choose(host, protocol, falls_back, run.deadline, findings, log).await;
        http(findings).resolve = findings.lookup();
        if address.is_none() {
            return false;
        }
    }
    // Files that are not there are told before anybody is connected to.
    let options = module.tls_config.options();
    run.look_at_certificates(&options).await;
    if let Err(failure) = run.surroundings.tls_clients.client(&options, &run.memory) {
        log.error("Error generating HTTP client", &[("err", &failure.detail)]);
        return false;
    }
    let asking = match asking(run, module, url, address).await {
        Ok(asking) => asking,
        Err(error) => {
            log.error("Error creating request", &[("err", &error)]);
            http(findings).phases = Some(Facts::default().phases);
            return false;
        }
    };
    let mut facts = Facts::default();
    let exchange = Exchange { run, module };
    let success = exchange.follow(asking, &mut facts, findings, log).await;
    let http = http(findings);
    // That of the first hop is known already, unless a proxy resolves; what later ones took comes on top.
    if http.redirects > 0 && module.follows() {
        let later = facts.phases.resolve.unwrap_or_default();
        *http.resolve.get_or_insert_default() += later;
    }
    http.phases = Some(facts.phases);
    success
}

/// The first request, with the token that it shows. As blackbox_exporter's, the time for that is in no
/// phase.
async fn asking(
    run: &ModuleRun<'_>,
    module: &HttpModule,
    url: Url,
    address: Option<IpAddr>,
) -> Result<Asking, String> {
    let asking = Asking::new(module, url, address, &run.surroundings.files);
    let late = |Expired| Err("the module's files were not read in time".to_owned());
    let mut asking = run.deadline.within(asking).await.unwrap_or_else(late)?;
    if let Some(oauth2) = &module.oauth2 {
        // Rarely needed, and kept out of what every run holds.
        let token = oauth2.authorization(run).boxed().await;
        asking.authorize(token.map_err(|why| format!("no token: {why}"))?);
    }
    Ok(asking)
}

fn http(findings: &mut Findings) -> &mut HttpFindings {
    findings.http.get_or_insert_default()
}

/// As blackbox_exporter reads a target: `http://` where there is no such scheme.
fn url(target: &str) -> Option<Url> {
    let lower = target.get(..8).unwrap_or(target).to_ascii_lowercase();
    let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
    let url = if has_scheme { Url::parse(target) } else { Url::parse(&format!("http://{target}")) };
    url.ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
}

fn bare_host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

/// One run's way from its target to the last answer.
struct Exchange<'a> {
    run: &'a ModuleRun<'a>,
    module: &'a HttpModule,
}

/// The end of the way.
struct Last<'c> {
    response: Response<Incoming>,
    client: Client<'c>,
    /// A redirect that was not followed, whose body is not read.
    is_redirect: bool,
}

impl Exchange<'_> {
    async fn follow(
        &self,
        mut asking: Asking,
        facts: &mut Facts,
        findings: &mut Findings,
        log: &mut Log,
    ) -> bool {
        let tls = self.module.tls_config.options();
        let route = RouteOptions::default();
        let dial = DialOptions::default();
        let mut recorder = Recorder::new(facts);
        let mut jar = Jar::default();
        loop {
            let pin = match self.pin(&asking, &mut recorder).await {
                Ok(pin) => pin,
                Err(error) => {
                    log.error("Error for HTTP request", &[("err", &error)]);
                    recorder.finish();
                    return false;
                }
            };
            let wire = asking.on_the_wire();
            // Exceptions may name the host, although the wire has its address.
            let proxy = self.module.proxies.of(&asking.url).filter(|proxy| {
                !proxy.no_proxy.iter().any(|except| except.covers(bare_host(&asking.url)))
            });
            let proxy = proxy.map(|options| Proxy { options, credentials: userinfo(options) });
            let transport = Transport {
                resolvers: &self.run.surroundings.resolvers,
                dial: &dial,
                route: &route,
                pinned: pin.map(|address| Pinned { host: bare_host(&wire), address }),
                tls: Some(ClientTls {
                    clients: &self.run.surroundings.tls_clients,
                    options: &tls,
                    memory: &self.run.memory,
                }),
                proxy: proxy.as_ref(),
                counters: ReadCounters::No,
                reach: FetchReach::Anywhere,
            };
            let versions =
                if self.module.enable_http2 { HttpVersions::Any } else { HttpVersions::Http1 };
            let mut client = Client::new(transport, versions, Connections::Fresh);
            let name = self.server_name(&asking);
            let message = Message {
                method: asking.method.clone(),
                url: &wire,
                headers: asking.headers(&jar),
                body: asking.body(),
                server_name: Some(&name),
                is_home: asking.is_home(),
                repeat: Repeat::Allowed,
            };
            log.debug("Making HTTP request", &[("url", &shown(&asking.url)), ("host", &name)]);
            let sent = client.send(&message, &mut recorder, self.run.deadline).await;
            let response = match sent {
                Ok(response) => response,
                Err(failure) => {
                    recorder.finish();
                    findings.tls = recorder.facts.tls.clone();
                    log.error("Error for HTTP request", &[("err", &failure.detail)]);
                    return false;
                }
            };
            jar.store(&asking.url, response.headers());
            let Some(location) = location(&response) else {
                let last = Last { response, client, is_redirect: false };
                return self.judge(last, &asking.url, recorder, findings, log).await;
            };
            http(findings).redirects += 1;
            log.info("Received redirect", &[("location", &without_query(&location))]);
            if http(findings).redirects > REDIRECTS_MAX || !self.module.follows() {
                log.info("Not following redirect", &[]);
                let last = Last { response, client, is_redirect: true };
                return self.judge(last, &asking.url, recorder, findings, log).await;
            }
            let next = asking.url.join(&location).ok();
            let Some(next) = next.filter(|next| matches!(next.scheme(), "http" | "https")) else {
                log.error(
                    "Error for HTTP request",
                    &[("err", &"the redirect leads to no web address")],
                );
                recorder.finish();
                return false;
            };
            asking.redirected(response.status(), next);
        }
    }

    /// The address to connect to, where the transport may not find one by itself.
    async fn pin(
        &self,
        asking: &Asking,
        recorder: &mut Recorder<'_>,
    ) -> Result<Option<IpAddr>, String> {
        let addresses = &self.run.addresses;
        let wire = asking.on_the_wire();
        let host = bare_host(&wire);
        if let Ok(literal) = host.parse() {
            return addresses.allowed(literal).map(|()| None);
        }
        if !addresses.are_judged() {
            return Ok(None);
        }
        recorder.watch.enter(Phase::Resolve);
        addresses.of_redirect(host, self.run.deadline).await.map(Some)
    }

    /// SNI, and the name to verify.
    fn server_name(&self, asking: &Asking) -> String {
        let config = &self.module.tls_config;
        let meant = if asking.is_home() {
            let given = Some(config.server_name.as_str()).filter(|name| !name.is_empty());
            given.or_else(|| self.module.own_host()).map(str::to_owned)
        } else {
            None
        };
        meant.unwrap_or_else(|| bare_host(&asking.url).to_owned())
    }

    async fn judge(
        &self,
        last: Last<'_>,
        url: &Url,
        mut recorder: Recorder<'_>,
        findings: &mut Findings,
        log: &mut Log,
    ) -> bool {
        let Last { mut response, mut client, is_redirect } = last;
        let module = self.module;
        let status = response.status().as_u16();
        log.debug("Received HTTP response", &[("status_code", &status)]);
        note(http(findings), &response, url);
        findings.tls = recorder.facts.tls.clone();
        if let Some(tls) = &mut findings.tls {
            tls.cipher = client.cipher().map(super::tls::cipher_name);
        }
        let mut success = match module.valid_status_codes.as_slice() {
            [] => (200..300).contains(&status),
            codes => codes.contains(&status),
        };
        if !success {
            log.error("Invalid HTTP response status code", &[("status_code", &status)]);
        }
        if success && !headers::fit(module, response.headers(), log) {
            success = false;
            http(findings).regex_failed = true;
        }
        recorder.watch.enter(Phase::Transfer);
        if is_redirect {
            if success && module.searches_body() {
                log.error("Error reading HTTP body", &[("err", &"a redirect's body is not read")]);
                success = false;
                http(findings).regex_failed = true;
            }
        } else {
            let read = body::read(self.run, module, &mut client, &mut response, success, log).await;
            let found = http(findings);
            found.body_bytes = read.bytes;
            found.regex_failed |= read.regex_failed;
            success &= read.is_whole && !read.regex_failed;
        }
        recorder.finish();
        let spoken = name_of(response.version());
        let wanted = &module.valid_http_versions;
        if !wanted.is_empty() && !wanted.iter().any(|version| version == spoken) {
            log.error("Invalid HTTP version number", &[("version", &spoken)]);
            success = false;
        }
        let is_tls = http(findings).is_tls;
        if is_tls && module.fail_if_ssl {
            log.error("Final request was over SSL", &[]);
            success = false;
        }
        if !is_tls && module.fail_if_not_ssl && success {
            log.error("Final request was not over SSL", &[]);
            success = false;
        }
        success
    }
}

/// Who we are to a proxy whose URL says so.
pub(super) fn userinfo(options: &ProxyOptions) -> Option<(Secret, Secret)> {
    let url = &options.url;
    let is_named = !url.username().is_empty() || url.password().is_some();
    let decoded = |text: &str| super::request::percent_decoded(text).map(Secret::new);
    is_named
        .then(|| Some((decoded(url.username())?, decoded(url.password().unwrap_or_default())?)))
        .flatten()
}

/// Where a response leads, if it is to be followed.
fn location(response: &Response<Incoming>) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.as_bytes().trim_ascii();
    let location = base::percent::encode(location, |_| true);
    (!location.is_empty()).then_some(location)
}

/// What a redirect carries in its query may be a token.
fn without_query(location: &str) -> &str {
    location.split(['?', '#']).next().unwrap_or_default()
}

fn note(http: &mut HttpFindings, response: &Response<Incoming>, url: &Url) {
    http.status = response.status().as_u16();
    http.version = hop::version(response.version()).1;
    http.is_tls = url.scheme() == "https";
    http.content_length = hop::announced_length(response);
    http.last_modified = hop::last_modified(response);
}

/// As Go names them.
fn name_of(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_a_web_scheme_is_http() {
        for (target, expected) in [
            ("www.gov.kr", Some("http://www.gov.kr/")),
            ("HTTPS://www.gov.kr", Some("https://www.gov.kr/")),
            ("www.gov.kr:443/x", Some("http://www.gov.kr:443/x")),
            ("[::1]:80", Some("http://[::1]/")),
            ("http://", None),
            ("정부", Some("http://xn--or3bn7q/")),
        ] {
            assert_eq!(url(target).map(String::from).as_deref(), expected, "{target}");
        }
    }
}
