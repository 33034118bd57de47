//! The road of every request: names are resolved, addresses dialed, proxies asked for a way, TLS
//! shaken, and HTTP spoken over what came of it.
//!
//! Probes of all kinds and the fetches of issuers and revocation lists stand on [`Transport::open`];
//! [`http`] speaks over the connection it gives. Whoever does a phase enters it in the run's
//! [`Stopwatch`]. A failure is never retried here, except that the next address of a name is tried
//! when there was no connection: whatever was sent may have been acted on.

mod chunks;
pub mod dial;
pub mod failure;
pub mod fetch;
pub mod head;
mod hosts;
pub mod http;
mod ldap;
pub mod limited;
mod link;
pub mod name_servers;
pub mod own_address;
pub mod phase;
pub mod proxy;
pub mod resolve;
mod starttls;
pub mod stream;
pub mod tcp_info;
pub mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chain::{ChainMemory, FetchReach, RecordingVerifier, TlsClients};
use futures_util::FutureExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use self::dial::{Dialer, Unconnected};
use self::phase::{Phase, Stopwatch};
use self::proxy::{Proxy, SocksTarget};
use self::resolve::Resolvers;
use self::stream::Stream;
use self::tcp_info::Counters;
use crate::config::{DialOptions, RouteOptions, StartTls, TlsClientOptions};
use crate::deadline::{Deadline, Expired};
use crate::outcome::{Facts, Failure, Reason};

/// How the connections of one run are made.
#[derive(Clone, Copy)]
pub struct Transport<'a> {
    pub resolvers: &'a Resolvers,
    /// Name servers and families.
    pub dial: &'a DialOptions,
    pub route: &'a RouteOptions,
    /// The only address to connect to, of the several that a name has.
    pub pinned: Option<Pinned<'a>>,
    /// Needed wherever TLS is spoken.
    pub tls: Option<ClientTls<'a>>,
    /// Asked for a way, unless the host is one of its exceptions.
    pub proxy: Option<&'a Proxy<'a>>,
    /// Whether the kernel's counters are read, which costs a descriptor and two system calls.
    pub counters: ReadCounters,
    /// Whether this machine itself may be connected to.
    pub reach: FetchReach,
}

/// One address of a host, which is connected to at every port of it.
#[derive(Debug, Clone, Copy)]
pub struct Pinned<'a> {
    /// The host, without brackets.
    pub host: &'a str,
    /// Its address, or that of the fixed destination where there is one.
    pub address: IpAddr,
}

/// The client's side of TLS.
#[derive(Clone, Copy)]
pub struct ClientTls<'a> {
    /// Anchors, and our certificates.
    pub clients: &'a TlsClients,
    /// Who is believed, which name is verified, what is shown.
    pub options: &'a TlsClientOptions,
    /// What the target remembers of the chains that it was shown.
    pub memory: &'a Arc<ChainMemory>,
}

/// Whether the kernel's counters of a connection are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadCounters {
    No,
    /// They are read after each response and each failure.
    Yes,
}

/// Where a connection leads.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// Name or address literal, without brackets.
    pub host: &'a str,
    pub port: u16,
    /// The handshake, where TLS is spoken.
    pub tls: Option<Handshake<'a>>,
    /// What is spoken over it, which decides how an HTTP proxy is asked.
    pub purpose: Purpose,
    /// Whether the dial options' fixed destination counts: not after a redirect to another host.
    pub is_home: bool,
}

/// What is offered in a handshake.
#[derive(Debug, Clone, Copy)]
pub struct Handshake<'a> {
    /// SNI, and the name that is verified: a name in ASCII, or an address literal.
    pub name: &'a str,
    /// Whether the options' `server_name` is the name to verify.
    pub own_name: bool,
    /// ALPN names, the preferred one first. May be empty.
    pub alpn: &'a [&'a [u8]],
    /// The protocol in which the server is asked to begin it, where it does not at once.
    pub starttls: Option<StartTls>,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Plain HTTP requests, which an HTTP proxy takes whole.
    PlainHttp,
    /// Anything else, which needs a tunnel.
    Bytes,
}

/// What a run learns on its way.
pub struct Recorder<'r> {
    /// Facts learned before a failure survive it.
    pub facts: &'r mut Facts,
    pub watch: Stopwatch,
    /// Whom the last request went to, or was to go to. `None` where only a proxy knows.
    pub peer: Option<IpAddr>,
    /// A server has been connected to, so that `facts.address` is settled.
    answered: bool,
}

impl<'r> Recorder<'r> {
    /// Nothing was learned yet.
    pub fn new(facts: &'r mut Facts) -> Recorder<'r> {
        Recorder { facts, watch: Stopwatch::default(), peer: None, answered: false }
    }

    /// Ends the last phase and writes down the sums.
    pub fn finish(&mut self) {
        self.watch.stop();
        self.facts.phases = self.watch.phases();
    }
}

pub struct Connection {
    /// With TLS and through the proxy, as the case may be.
    pub stream: Stream,
    /// Whom it goes to, where that is not up to a proxy.
    pub peer: Option<IpAddr>,
    /// A second look at the socket, where counters are wanted.
    pub counters: Option<Counters>,
    /// What the server's handshake showed; present where there is TLS.
    pub verifier: Option<Arc<RecordingVerifier>>,
    /// A proxy that wants the whole URL of each request is at the other end.
    pub forwarded_by: Option<proxy::Forwarder>,
}

impl Transport<'_> {
    /// Opens a connection. Phases, addresses and what the handshake showed are in the recorder,
    /// also when this fails.
    pub async fn open(
        &self,
        to: &Endpoint<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Connection, Failure> {
        recorder.facts.tls = None;
        recorder.facts.tcp = None;
        recorder.peer = None;
        let proxy = self.proxy.filter(|proxy| proxy.is_for(to.host));
        let (stream, peer, forwarded_by) = match proxy {
            None => {
                let (stream, peer) = self.reach(to, recorder, deadline).await?;
                (Stream::Tcp(stream), Some(peer), None)
            }
            Some(proxy) => {
                // Boxed, like everything that few runs need: a waiting run is to be small.
                let stream = self.reach_by(proxy, to, recorder, deadline).boxed().await?;
                let forwards = self.is_forwarded(proxy, to);
                (stream, None, forwards.then(|| proxy.forwarder()))
            }
        };
        let counters = match self.counters {
            ReadCounters::Yes => Counters::of(stream.socket()),
            ReadCounters::No => None,
        };
        let ip = peer.map(|peer| peer.ip());
        let mut connection =
            Connection { stream, peer: ip, counters, verifier: None, forwarded_by };
        if let Some(handshake) = &to.tls {
            connection = self.secure(connection, handshake, peer, recorder, deadline).await?;
        }
        Ok(connection)
    }

    /// Host and port to connect to.
    fn destination<'e>(&'e self, to: &'e Endpoint<'_>) -> (&'e str, u16) {
        match &self.route.connect_to {
            Some((host, port)) if to.is_home => (host, *port),
            _ => (to.host, to.port),
        }
    }

    /// The address to connect to, where it is given.
    fn pinned(&self, to: &Endpoint<'_>) -> Option<IpAddr> {
        let pinned = self.pinned?;
        let is_meant = match self.route.connect_to {
            Some(_) => to.is_home,
            None => to.host.eq_ignore_ascii_case(pinned.host),
        };
        is_meant.then_some(pinned.address)
    }

    /// Whether the proxy takes the request whole. It would go where the URL says, so a request with
    /// another destination needs a tunnel.
    fn is_forwarded(&self, proxy: &Proxy<'_>, to: &Endpoint<'_>) -> bool {
        let as_the_url_says =
            self.pinned(to).is_none() && self.destination(to) == (to.host, to.port);
        to.purpose == Purpose::PlainHttp && proxy.forwards() && as_the_url_says
    }

    /// Connects straight to the server.
    async fn reach(
        &self,
        to: &Endpoint<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(TcpStream, SocketAddr), Failure> {
        let (host, port) = self.destination(to);
        let pinned = self.pinned(to);
        let addresses = match pinned {
            Some(ip) => vec![ip],
            None => self.resolve(host, recorder, deadline).await?,
        };
        // An address has no other family to ask for.
        let literal = pinned.map(|ip| ip.to_string());
        let host = literal.as_deref().unwrap_or(host);
        recorder.watch.enter(Phase::Connect);
        recorder.peer = addresses.first().copied();
        if !recorder.answered {
            recorder.facts.address = recorder.peer;
        }
        let dialer = Dialer { resolvers: self.resolvers, options: self.dial, reach: self.reach };
        match dialer.connect(host, addresses, port, deadline).await {
            Ok((stream, peer)) => {
                recorder.peer = Some(peer.ip());
                if !recorder.answered {
                    recorder.facts.address = Some(peer.ip());
                    recorder.answered = true;
                }
                Ok((stream, peer))
            }
            Err(Unconnected { failure, address }) => {
                recorder.peer = address;
                if !recorder.answered {
                    recorder.facts.address = address;
                }
                Err(failure)
            }
        }
    }

    async fn resolve(
        &self,
        host: &str,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Vec<IpAddr>, Failure> {
        recorder.watch.enter(Phase::Resolve);
        let start = Instant::now();
        let found = deadline.within(self.resolvers.lookup(host, self.dial)).await;
        recorder.facts.dns_lookup.get_or_insert(start.elapsed());
        let found = found.unwrap_or_else(|Expired| Err(failure::expired(Phase::Resolve)))?;
        if recorder.facts.resolved.is_empty() {
            recorder.facts.resolved.clone_from(&found);
        }
        Ok(found)
    }

    /// Gets a way to the server from a proxy.
    async fn reach_by(
        &self,
        proxy: &Proxy<'_>,
        to: &Endpoint<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Stream, Failure> {
        let (host, port) = self.destination(to);
        if !proxy.resolves_here() {
            recorder.watch.enter(Phase::Connect);
            let stream = self.ask_proxy(proxy, deadline).await?;
            if self.is_forwarded(proxy, to) {
                return Ok(stream);
            }
            let pinned = self.pinned(to);
            recorder.facts.address = pinned.or(recorder.facts.address);
            let target = pinned.map_or_else(|| SocksTarget::of(host), SocksTarget::Ip);
            return within(deadline, proxy.tunnel(stream, target, port)).await;
        }
        let addresses = match self.pinned(to) {
            Some(ip) => vec![ip],
            None => self.resolve(host, recorder, deadline).await?,
        };
        recorder.watch.enter(Phase::Connect);
        let mut best: Option<Failure> = None;
        for (tried, ip) in addresses.iter().enumerate() {
            recorder.facts.address = Some(*ip);
            let left = (addresses.len() - tried) as u32;
            let share = deadline.at_most(Instant::now() + deadline.remaining() / left);
            let stream = self.ask_proxy(proxy, &share).await?;
            let failure =
                match within(&share, proxy.tunnel(stream, SocksTarget::Ip(*ip), port)).await {
                    Ok(stream) => {
                        recorder.answered = true;
                        return Ok(stream);
                    }
                    Err(failure) => failure,
                };
            // What the proxy says of itself holds for every address.
            if failure.reason == Reason::ProxyFailed {
                return Err(failure);
            }
            if best.as_ref().is_none_or(|best| !dial::says_more(best, &failure)) {
                best = Some(failure);
            }
        }
        Err(best.unwrap_or_else(|| {
            Failure::new(Reason::DnsNoAddress, "there is no address to connect to")
        }))
    }

    /// Connects to the proxy itself. Every failure is the proxy's.
    async fn ask_proxy(&self, proxy: &Proxy<'_>, deadline: &Deadline) -> Result<Stream, Failure> {
        let (host, port) = proxy.address();
        let preferring;
        let dial = if proxy.resolves_here() || self.pinned.is_some() {
            // The family is that of the server's address, and says nothing of the proxy's.
            preferring = DialOptions { ip: self.dial.ip.preferring(), ..self.dial.clone() };
            &preferring
        } else {
            self.dial
        };
        let found = deadline.within(self.resolvers.lookup(host, dial)).await;
        let found = found.unwrap_or_else(|Expired| Err(failure::expired(Phase::Resolve)));
        let addresses = found.map_err(|failure| proxy::failed("the proxy's name", failure))?;
        let dialer =
            Dialer { resolvers: self.resolvers, options: dial, reach: FetchReach::Anywhere };
        let (stream, peer) = dialer
            .connect(host, addresses, port, deadline)
            .await
            .map_err(|unconnected| proxy::failed("the proxy", unconnected.failure))?;
        let stream = Stream::Tcp(stream);
        if !proxy.speaks_tls() {
            return Ok(stream);
        }
        let ClientTls { clients, options, memory } = self.tls()?;
        // Who is believed is the probe's choice; its own name and certificate are for the server.
        let options = TlsClientOptions { trust: options.trust.clone(), ..Default::default() };
        let (config, verifier) = clients.client(&options, memory)?;
        verifier.site_is_at(peer.ip(), own_address::is_of_this_machine);
        let shaken = deadline.within(tls::handshake(stream, config, &verifier, host, &[])).await;
        match shaken {
            Ok(Ok(tls)) => Ok(Stream::Tls(Box::new(tls))),
            Ok(Err(error)) => {
                let broken = verifier.broken(&error);
                let failure =
                    clients.explain(&verifier, broken, None, deadline.at()).boxed().await.into();
                Err(proxy::failed("the TLS handshake with the proxy", failure))
            }
            Err(Expired) => Err(proxy::late()),
        }
    }

    fn tls(&self) -> Result<ClientTls<'_>, Failure> {
        self.tls.ok_or_else(|| Failure::new(Reason::Internal, "TLS is not spoken here"))
    }

    /// Shakes hands with the server.
    async fn secure(
        &self,
        connection: Connection,
        handshake: &Handshake<'_>,
        peer: Option<SocketAddr>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Connection, Failure> {
        let Connection { mut stream, peer: ip, counters, forwarded_by, .. } = connection;
        recorder.watch.enter(Phase::Tls);
        if let Some(protocol) = handshake.starttls {
            let local = stream.socket().local_addr().ok().map(|address| address.ip());
            let begun = deadline.within(starttls::begin(&mut stream, protocol, local)).boxed();
            if let Err(failure) =
                begun.await.unwrap_or_else(|Expired| Err(starttls::late(protocol)))
            {
                recorder.facts.tcp = counters.as_ref().and_then(Counters::read);
                return Err(failure);
            }
        }
        let ClientTls { clients, options, memory } = self.tls()?;
        let without_name;
        let options = if handshake.own_name || options.server_name.is_none() {
            options
        } else {
            without_name = TlsClientOptions { server_name: None, ..options.clone() };
            &without_name
        };
        let (config, verifier) = clients.client(options, memory)?;
        if let Some(ip) = ip {
            verifier.site_is_at(ip, own_address::is_of_this_machine);
        }
        let shaken = tls::handshake(stream, config, &verifier, handshake.name, handshake.alpn);
        let shaken = deadline.within(shaken).await;
        recorder.facts.tcp = counters.as_ref().and_then(Counters::read);
        let failure = match shaken {
            Ok(Ok(tls)) => {
                recorder.facts.tls = verifier.facts();
                let stream = Stream::Tls(Box::new(tls));
                return Ok(Connection {
                    stream,
                    peer: ip,
                    counters,
                    verifier: Some(verifier),
                    forwarded_by,
                });
            }
            Ok(Err(error)) => match failure::refused_version(&error) {
                Some(failure) => failure,
                None => {
                    let peer = peer.map(|address| tls::peer(address, handshake));
                    let broken = verifier.broken(&error);
                    clients.explain(&verifier, broken, peer, deadline.at()).boxed().await.into()
                }
            },
            Err(Expired) => failure::expired(Phase::Tls),
        };
        recorder.facts.tls = verifier.facts();
        Err(failure)
    }
}

/// What a proxy does in time.
async fn within(
    deadline: &Deadline,
    work: impl Future<Output = Result<Stream, Failure>>,
) -> Result<Stream, Failure> {
    deadline.within(work).await.unwrap_or_else(|Expired| Err(proxy::late()))
}
