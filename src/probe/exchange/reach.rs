//! Reaching the server: its addresses are tried one after the other until one of them answers.
//!
//! Sequential and not raced, because a prober should find out that the first address is dead
//! instead of hiding it. Only what failed before there was a connection is tried elsewhere: a
//! request that was sent may have been acted on.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::header::{COOKIE, HOST, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::Session;
use crate::config::IpChoice;
use crate::net::dial::{self, informs};
use crate::outcome::{Facts, Failure, Reason};
use crate::probe::carrier::{Carrier, CarryError, Message, authority};
use crate::probe::classify::{self, Route};
use crate::probe::client::{Via, Wish};
use crate::probe::clock::Phase;
use crate::probe::request::Outgoing;
use crate::probe::{Deadline, Expired};

/// How long the last address of the preferred family may be silent before the other family is
/// asked for: long enough for one lost SYN's first repetition.
const OTHER_FAMILY_AFTER: Duration = Duration::from_millis(1_200);

impl Session<'_> {
    /// One request up to the head of its response.
    pub(super) async fn ask(
        &mut self,
        request: &Outgoing,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Response<Incoming>, Failure> {
        facts.tls = None;
        facts.tcp = None;
        self.clock.forget_endpoints();
        let url = request.url();
        let host = url.host_str().unwrap_or_default();
        let sni = self.server_name(request);
        let mut addresses = self.resolve(host, facts, deadline).await?;

        let mut dialled = url.clone();
        let _ = dialled.set_username("");
        let _ = dialled.set_password(None);
        if let Some(name) = &sni
            && dialled.set_host(Some(name)).is_err()
        {
            return Err(Failure::new(Reason::Internal, format!("\"{name}\" is no server name")));
        }
        let same_authority = dialled.host_str() == Some(host);
        let host_header = match request.host() {
            // HTTP/2 has the URL's authority in place of Host; where they agree none is set.
            Some(value) if value.as_bytes() == authority(&dialled).as_bytes() => None,
            Some(value) => Some(value.clone()),
            None if same_authority => None,
            None => HeaderValue::try_from(authority(url)).ok(),
        };
        let wish = Wish {
            secure: url.scheme() == "https",
            own_name: request.is_home(),
            http2: host_header.is_none()
                || self.setup.versions == crate::config::HttpVersions::Http2,
        };
        self.make_ready(wish)?;

        let mut headers = request.headers();
        if let Some(cookies) = self.jar.header(url)
            && let Ok(mut cookies) = HeaderValue::try_from(cookies)
        {
            cookies.set_sensitive(true);
            headers.insert(COOKIE, cookies);
        }
        headers.extend(host_header.map(|value| (HOST, value)));

        let mut failed: Option<Failure> = None;
        let mut tried = 0;
        let mut other_family = OtherFamily::of(self.dial.ip);
        while let Some(&address) = addresses.get(tried) {
            tried += 1;
            if !self.answered {
                facts.address = address;
            }
            if let Some(ip) = address {
                let name = dialled.host_str().unwrap_or_default();
                self.names.pin(name, vec![ip]);
            }
            let message = Message {
                method: request.method().clone(),
                url: &dialled,
                headers: headers.clone(),
                body: request.body().unwrap_or_default(),
            };
            let call = Call { host, address, sni: sni.as_deref().unwrap_or(host), url };
            let rest = (&mut addresses, tried, &mut other_family);
            match self.attempt(message, call, rest, (facts, deadline)).await {
                Ok(response) => return Ok(response),
                Err(Stopped::Failed(failure)) => return Err(failure),
                Err(Stopped::Unreached(failure)) => {
                    let better = failed
                        .as_ref()
                        .is_none_or(|best| informs(failure.reason) >= informs(best.reason));
                    if better {
                        failed = Some(failure);
                    }
                }
            }
            if tried == addresses.len() && other_family == OtherFamily::Unasked {
                other_family = OtherFamily::Asked;
                let more = self.net.resolvers.other_family(host, self.dial);
                let more = deadline.within(more).await.unwrap_or_default();
                addresses.extend(more.into_iter().map(Some));
            }
            if deadline.remaining().is_zero() {
                break;
            }
        }
        Err(failed.unwrap_or_else(|| classify::expired(Phase::Connect, self.route())))
    }

    /// Sends on one address. Whether to try the next one is told by the failure's kind.
    async fn attempt(
        &mut self,
        message: Message<'_>,
        call: Call<'_>,
        (addresses, tried, other_family): (&mut Vec<Option<IpAddr>>, usize, &mut OtherFamily),
        (facts, deadline): (&mut Facts, &Deadline),
    ) -> Result<Response<Incoming>, Stopped> {
        let Some(ready) = &self.ready else {
            return Err(Stopped::Failed(Failure::new(Reason::Internal, "no HTTP client")));
        };
        let (client, handover) = (ready.client.clone(), Arc::clone(&ready.handover));
        let verifier = ready.verifier.clone();
        let verifier = verifier.as_deref();
        let route = self.route();
        let last = |addresses: &[Option<IpAddr>]| tried == addresses.len();
        let share = |addresses: &[Option<IpAddr>]| {
            let left = (addresses.len() - tried + 1) as u32;
            Instant::now() + deadline.remaining() / left
        };
        self.clock.enter(Phase::Processing);
        // Its connections come back with a response; those of a failure are closed.
        let mut carrier = mem::replace(&mut self.carrier, Carrier::new(self.setup.connections));
        let mut sending = pin!(async move {
            let response = carrier.send((&client, &handover), message).await?;
            Ok::<_, CarryError>((carrier, response))
        });
        let mut limit = if last(addresses) && *other_family == OtherFamily::Unasked {
            deadline.at().min(Instant::now() + OTHER_FAMILY_AFTER)
        } else {
            share(addresses)
        };
        let result = loop {
            match timeout_at(limit, &mut sending).await {
                Ok(result) => break result,
                Err(_) if self.clock.current() == Some(Phase::Connect) && limit < deadline.at() => {
                    if !last(addresses) || *other_family != OtherFamily::Unasked {
                        return Err(Stopped::Unreached(classify::expired(Phase::Connect, route)));
                    }
                    // The connection attempt goes on while the other family is asked for.
                    *other_family = OtherFamily::Asked;
                    let more = Box::pin(self.net.resolvers.other_family(call.host, self.dial));
                    match select(&mut sending, pin!(timeout_at(deadline.at(), more))).await {
                        Either::Left((result, _)) => break result,
                        Either::Right((more, _)) => {
                            addresses.extend(more.unwrap_or_default().into_iter().map(Some));
                        }
                    }
                    limit = share(addresses);
                }
                // Connected: the rest of the time is for this address.
                Err(_) if limit < deadline.at() => limit = deadline.at(),
                Err(_) => {
                    let phase = self.clock.current().unwrap_or(Phase::Processing);
                    self.learn(call.url, facts);
                    let failure = classify::expired(phase, route);
                    return Err(match phase {
                        Phase::Connect => Stopped::Unreached(failure),
                        _ => Stopped::Failed(failure),
                    });
                }
            }
        };
        self.learn(call.url, facts);
        let result = result.map(|(carrier, response)| {
            self.carrier = carrier;
            response
        });
        let error = match result {
            Ok(response)
                if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                    && route == Route::Proxied =>
            {
                let detail = "the proxy wants authentication (status 407)";
                return Err(Stopped::Failed(Failure::new(Reason::ProxyFailed, detail)));
            }
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let phase = self.clock.current().unwrap_or(Phase::Processing);
        if let (Phase::Tls, Some(verifier)) = (phase, verifier) {
            let port = call.url.port_or_known_default().unwrap_or_default();
            let peer = call
                .address
                .filter(|_| route == Route::Direct)
                .map(|ip| dial::peer(SocketAddr::new(ip, port), call.sni));
            if let Some(failure) = classify::refused_version(&*error) {
                return Err(Stopped::Failed(failure));
            }
            let broken = verifier.broken(classify::root(&*error));
            let failure = self.net.trust.explain(verifier, broken, peer, deadline.at()).await;
            facts.tls = verifier.facts();
            return Err(Stopped::Failed(failure.into()));
        }
        let failure = classify::failed(&*error, phase, route, verifier);
        Err(match phase {
            Phase::Connect => Stopped::Unreached(failure),
            _ => Stopped::Failed(failure),
        })
    }

    /// Addresses to try, one after the other; `None` stands for "whatever the proxy finds".
    async fn resolve(
        &mut self,
        host: &str,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<Vec<Option<IpAddr>>, Failure> {
        if let Some(proxy) = self.setup.proxy {
            self.clock.enter(Phase::Connect);
            let name = proxy.host_str().unwrap_or_default();
            let found = deadline.within(self.net.resolvers.lookup(name, self.dial)).await;
            let found = found
                .unwrap_or_else(|Expired| Err(classify::expired(Phase::Resolve, Route::Proxied)));
            let found = found.map_err(|failure| {
                let detail = format!("the proxy's name: {}", failure.detail);
                Failure::new(Reason::ProxyFailed, detail)
            })?;
            self.names.pin(name, found);
            if self.setup.via() == Via::ProxyByName {
                return Ok(vec![None]);
            }
        }
        self.clock.enter(Phase::Resolve);
        let start = Instant::now();
        let found = deadline.within(self.net.resolvers.lookup(host, self.dial)).await;
        facts.dns_lookup.get_or_insert(start.elapsed());
        let found = match found {
            Ok(found) => found?,
            Err(Expired) => return Err(classify::expired(Phase::Resolve, Route::Direct)),
        };
        Ok(found.into_iter().map(Some).collect())
    }

    /// The name for SNI when it is not the URL's host: the options' `server_name`, else a custom
    /// `Host` (as blackbox_exporter). The connector sends the name of the URL it is given, so this
    /// becomes the URL's host and is pinned to the right address. A proxy that resolves by itself
    /// must see the true host, so there the URL keeps it.
    fn server_name(&self, request: &Outgoing) -> Option<String> {
        let url = request.url();
        if url.scheme() != "https" || self.setup.via() == Via::ProxyByName || !request.is_home() {
            return None;
        }
        let name = match &self.setup.tls.server_name {
            Some(name) => name.clone(),
            None => {
                let host = request.host()?.to_str().ok()?;
                host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()
            }
        };
        let is_name = matches!(Host::parse(&name), Ok(Host::Domain(_)));
        (is_name && Some(name.as_str()) != url.host_str()).then_some(name)
    }
}

/// One request on one address.
#[derive(Clone, Copy)]
struct Call<'a> {
    host: &'a str,
    address: Option<IpAddr>,
    sni: &'a str,
    url: &'a Url,
}

/// Why an attempt gave no response.
enum Stopped {
    /// No connection: the next address may do better.
    Unreached(Failure),
    /// There was one: nothing else is tried, for the server may have acted on the request.
    Failed(Failure),
}

/// The address family that was left out at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OtherFamily {
    Unasked,
    Asked,
}

impl OtherFamily {
    fn of(choice: IpChoice) -> OtherFamily {
        match choice {
            IpChoice::PreferV4 | IpChoice::PreferV6 => OtherFamily::Unasked,
            IpChoice::OnlyV4 | IpChoice::OnlyV6 => OtherFamily::Asked,
        }
    }
}
