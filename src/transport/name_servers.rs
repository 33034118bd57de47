//! A set of name servers: how they are asked, and whether they are of any use.
//!
//! Questions go by UDP. A truncated answer is asked for again over a TCP connection of its own
//! (RFC 7766 section 5), so that a server that is silent about one name there keeps no other name
//! waiting: a shared connection would be taken for the next question, too.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use crate::outcome::{Failure, Reason};

/// One query's time before it is sent again: a lost datagram must not cost a 10 s run.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// First try included. More would outlast any sensible probe timeout.
const QUERY_ATTEMPTS: usize = 3;
/// How long servers may take to show that they are of use.
const PATIENCE: Duration = Duration::from_secs(2);
/// One lost datagram is not held against a server.
const PATIENCE_OF_ONE: Duration = Duration::from_millis(900);
/// How long it holds what they showed.
const FRESH: Duration = Duration::from_secs(1);

/// Whether name servers are of any use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServersState {
    Silent,
    /// They answer, and to every question with an error.
    Refusing,
    /// One answers a question: what it says of another name is about that name.
    Useful,
}

pub(super) struct NameServers {
    config: ResolverConfig,
    options: ResolverOpts,
    by_datagram: TokioResolver,
    /// The last name that somebody asked for and that was answered.
    answered: Mutex<Option<Name>>,
    /// Held by whoever asks for the state; all others wait for that one answer.
    state: tokio::sync::Mutex<Option<(Instant, ServersState)>>,
}

impl NameServers {
    pub(super) fn new(
        config: ResolverConfig,
        options: ResolverOpts,
    ) -> Result<NameServers, Failure> {
        let by_datagram = make(over(&config, Way::Udp), options.clone())?;
        let (answered, state) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(NameServers { config, options, by_datagram, answered, state })
    }

    pub(super) async fn lookup(&self, name: Name, kind: RecordType) -> Result<Lookup, NetError> {
        let mut found = self.by_datagram.lookup(name.clone(), kind).await;
        // Some send more than fits into a datagram (RFC 1035 section 2.3.4) and do not say so: then it is cut
        // on its way to us, and no message.
        if let Err(NetError::Truncated | NetError::Proto(_)) = found
            && let Ok(connected) = make(over(&self.config, Way::Tcp), self.options.clone())
        {
            found = connected.lookup(name.clone(), kind).await;
        }
        if shown(&found) == ServersState::Useful {
            *self.answered.lock() = Some(name);
        }
        found
    }

    /// Each server is asked for the root and for the last name that was answered.
    pub(super) async fn state(&self) -> ServersState {
        let mut state = self.state.lock().await;
        if let Some((at, state)) = *state
            && at.elapsed() <= FRESH
        {
            return state;
        }
        let found = timeout(PATIENCE, self.ask_all()).await.unwrap_or(ServersState::Silent);
        *state = Some((Instant::now(), found));
        found
    }

    async fn ask_all(&self) -> ServersState {
        let answered = self.answered.lock().clone();
        let questions = [(Name::root(), RecordType::SOA)]
            .into_iter()
            .chain(answered.map(|name| (name, RecordType::A)));
        let questions: Vec<_> = questions.collect();
        let mut asked = FuturesUnordered::new();
        for server in over(&self.config, Way::Udp).name_servers() {
            let alone = ResolverConfig::from_parts(None, Vec::new(), vec![server.clone()]);
            let mut options = self.options.clone();
            options.timeout = PATIENCE_OF_ONE;
            let Ok(alone) = make(alone, options) else { continue };
            for (name, kind) in questions.clone() {
                let alone = alone.clone();
                asked.push(async move { shown(&alone.lookup(name, kind).await) });
            }
        }
        let mut best = ServersState::Silent;
        while let Some(state) = asked.next().await {
            best = best.max(state);
            if best == ServersState::Useful {
                break;
            }
        }
        best
    }
}

/// What the answer to one question shows of the server. That there is no such name is an answer.
fn shown(found: &Result<Lookup, NetError>) -> ServersState {
    match found {
        Ok(_) | Err(NetError::Truncated) => ServersState::Useful,
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => ServersState::Useful,
            _ => ServersState::Refusing,
        },
        Err(NetError::Dns(_)) => ServersState::Refusing,
        Err(_) => ServersState::Silent,
    }
}

/// How a question travels.
#[derive(Clone, Copy)]
enum Way {
    Udp,
    Tcp,
}

/// The same servers, asked in one way only.
fn over(config: &ResolverConfig, way: Way) -> ResolverConfig {
    let servers = config.name_servers().iter().cloned().map(|mut server| {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let mut connection = match way {
            Way::Udp => ConnectionConfig::udp(),
            Way::Tcp => ConnectionConfig::tcp(),
        };
        connection.port = port;
        server.connections = vec![connection];
        server
    });
    let servers = servers.collect();
    ResolverConfig::from_parts(config.domain().cloned(), config.search().to_vec(), servers)
}

pub(super) fn name_server(server: SocketAddr) -> NameServerConfig {
    let mut config = NameServerConfig::udp(server.ip());
    config.connections.iter_mut().for_each(|connection| connection.port = server.port());
    config
}

fn make(config: ResolverConfig, mut options: ResolverOpts) -> Result<TokioResolver, Failure> {
    options.cache_size = 0;
    options.timeout = options.timeout.min(QUERY_TIMEOUT);
    options.attempts = QUERY_ATTEMPTS;
    // Old middleboxes answer FORMERR to EDNS; a truncated answer is asked for again over TCP.
    options.edns0 = false;
    // The kernel's choice of port is random too, and costs no search for a free one.
    options.os_port_selection = true;
    // One server at a time: several in parallel would multiply the load and hide a sick one.
    options.num_concurrent_reqs = 1;
    // That is looked at before: see `Hosts`.
    options.use_hosts_file = ResolveHosts::Never;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .map_err(|error| Failure::new(Reason::Internal, format!("no resolver: {error}")))
}
