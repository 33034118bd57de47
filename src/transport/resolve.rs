//! Names to addresses, uncached: a prober that answers from a cache does not see DNS fail.
//!
//! `/etc/hosts` is looked at first, by the name as it stands, as the C library does.
//!
//! The preferred family is asked first and the other one only when that has no address (or, by
//! [`Resolvers::other_family`], when none of its addresses answers): with thousands of probes the
//! second query would double the load on the name servers for nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::files::FileStamp;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::hosts::{HOSTS_FILE, Hosts};
use super::name_servers::{NameServers, ServersState, name_server};
use super::own_address;
use crate::config::{DialOptions, IpChoice};
use crate::file_work::{self, FileWork};
use crate::outcome::{Failure, Reason};

/// How long the question for the preferred family may be unanswered before the other is asked,
/// too: a server that drops AAAA questions must not cost the run.
const OTHER_FAMILY_AFTER: Duration = Duration::from_millis(1_200);
/// Addresses of one name that are tried. A name with more is a joke or an attack.
///
/// Limit: addresses of one name.
/// Share: of each name.
/// Full: further ones are not tried.
/// Filled: eight_addresses_are_looked_at_and_no_more
pub const MAX_ADDRESSES: usize = 8;
/// How often the system's files are looked at for changes.
const SYSTEM_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// The files whose change makes a new [`System`].
const SYSTEM_FILES: [&str; 2] = ["/etc/resolv.conf", HOSTS_FILE];

/// One resolver per distinct set of servers.
#[derive(Default)]
pub struct Resolvers {
    known: Mutex<Known>,
    /// Held by whoever looks at the system's files; all others wait for that one look.
    looking: tokio::sync::Mutex<()>,
    looks: FileWork,
}

#[derive(Default)]
struct Known {
    /// Made at first use. The configuration bounds how many sets there are, and a reload empties
    /// the map.
    by_servers: HashMap<Vec<SocketAddr>, Arc<NameServers>>,
    system: Option<System>,
    /// When the system's files were looked at last, whether that came to an end or not.
    looked_at: Option<Instant>,
}

/// What the system's files say.
#[derive(Clone)]
struct System {
    sources: Sources,
    stamps: [Option<FileStamp>; 2],
}

/// Who knows the addresses of a name.
#[derive(Clone)]
struct Sources {
    /// Comes first.
    hosts: Arc<Hosts>,
    servers: Arc<NameServers>,
}

#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn record(self) -> RecordType {
        match self {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        }
    }

    fn has(self, address: &IpAddr) -> bool {
        matches!((self, address), (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_)))
    }
}

/// First choice, and what remains when it fails.
fn families(choice: IpChoice) -> (Family, Option<Family>) {
    match choice {
        // Where both are asked for, each has a look of its own; a proxy's name needs one of them.
        IpChoice::PreferV4 | IpChoice::Both => (Family::V4, Some(Family::V6)),
        IpChoice::PreferV6 => (Family::V6, Some(Family::V4)),
        IpChoice::OnlyV4 => (Family::V4, None),
        IpChoice::OnlyV6 => (Family::V6, None),
    }
}

impl Resolvers {
    /// Nothing is read or bound yet.
    pub fn new() -> Resolvers {
        Resolvers::default()
    }

    /// Forgets every resolver, so that the sets of a former configuration do not pile up. What the system's
    /// files said stays until they are looked at again.
    pub fn reset(&self) {
        let mut known = self.known.lock();
        known.by_servers.clear();
        known.looked_at = None;
    }

    /// Looks at the system's files, where that was not done of late: for whoever begins a run. No lookup
    /// waits for them afterwards.
    pub async fn look_again(&self) {
        if self.must_look() {
            // Whether they are of use is told by who needs them.
            let _ = self.look_at_system().await;
        }
    }

    /// Addresses in the order they should be tried. An address literal is returned as it is. The
    /// caller minds the time; a lookup that fails has one of the dns reasons.
    ///
    /// When the preferred family has no address, or its question is answered with an error or not
    /// at all, the other family is asked: many name servers are wrong about one of them only
    /// (RFC 4074).
    pub async fn lookup(&self, host: &str, dial: &DialOptions) -> Result<Vec<IpAddr>, Failure> {
        let (first, second) = families(dial.ip);
        if let Some(address) = literal(host) {
            // Where a redirect leads: to connect there is to probe this machine.
            if address.to_canonical().is_unspecified() {
                let detail = format!("{host} is no address to connect to");
                return Err(Failure::new(Reason::DnsNoAddress, detail));
            }
            let usable = first.has(&address) || second.is_some();
            return if usable { Ok(vec![address]) } else { Err(no_address(host)) };
        }
        let sources = self.sources(&dial.dns_servers).await?;
        let listed = sources.listed(host, first);
        if !listed.is_empty() {
            return Ok(listed);
        }
        sources.ask_in_turn(host, first, second).boxed().await
    }

    /// The addresses that [`lookup`](Self::lookup) left out because the preferred family had some:
    /// for when none of those answered. Empty when there are none or the choice forbids them.
    pub async fn other_family(&self, host: &str, dial: &DialOptions) -> Vec<IpAddr> {
        let (_, Some(second)) = families(dial.ip) else { return Vec::new() };
        if literal(host).is_some() {
            return Vec::new();
        }
        match self.sources(&dial.dns_servers).await {
            Ok(sources) => sources.ask(host, second).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    async fn sources(&self, servers: &[SocketAddr]) -> Result<Sources, Failure> {
        let is_unknown = self.known.lock().system.is_none();
        if is_unknown && self.must_look() {
            // Rarely, and kept out of what every lookup holds.
            self.look_at_system().boxed().await?;
        }
        let mut known = self.known.lock();
        let Some(System { sources: system, .. }) = known.system.clone() else {
            let detail = format!(
                "{} and {} were not read within {} ms",
                SYSTEM_FILES[0],
                SYSTEM_FILES[1],
                file_work::PATIENCE.as_millis()
            );
            return Err(Failure::new(Reason::NoResolver, detail));
        };
        if servers.is_empty() {
            return Ok(system);
        }
        if let Some(servers) = known.by_servers.get(servers) {
            return Ok(Sources { servers: servers.clone(), ..system });
        }
        let name_servers = servers.iter().map(|server| name_server(*server)).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), name_servers);
        let asked = Arc::new(NameServers::new(config, ResolverOpts::default())?);
        known.by_servers.insert(servers.to_vec(), asked.clone());
        Ok(Sources { servers: asked, ..system })
    }

    pub fn must_look(&self) -> bool {
        let known = self.known.lock();
        // As long as nothing is known, whoever comes later tries again.
        let every = known.system.as_ref().map_or(file_work::PATIENCE, |_| SYSTEM_CHECK_INTERVAL);
        known.looked_at.is_none_or(|at| at.elapsed() >= every)
    }

    /// Reads `/etc/resolv.conf` and `/etc/hosts` anew when one of them has changed: a daemon outlives many a
    /// DHCP lease. What they said last stays where their file system hangs.
    async fn look_at_system(&self) -> Result<(), Failure> {
        let turn = self.looking.lock().await;
        if !self.must_look() {
            return Ok(());
        }
        let before = self.known.lock().system.clone();
        let look = move || System::read(before);
        let read = self.looks.run(Path::new(HOSTS_FILE), file_work::PATIENCE, look).await;
        let mut known = self.known.lock();
        known.looked_at = Some(Instant::now());
        if let Some(read) = read {
            known.system = Some(read?);
        }
        drop(turn);
        Ok(())
    }

    /// Whether the name servers are of any use now, whatever they say of one name. Takes two seconds at
    /// most, and asks them once a second however many want to know.
    pub async fn state(&self, dial: &DialOptions) -> ServersState {
        match self.sources(&dial.dns_servers).await {
            Ok(sources) => sources.servers.state().await,
            Err(_) => ServersState::Silent,
        }
    }
}

impl System {
    /// As its files are now: what is known of it already, unless one has changed.
    fn read(before: Option<System>) -> Result<System, Failure> {
        let stamps = stamps();
        if let Some(before) = before.filter(|before| before.stamps == stamps) {
            return Ok(before);
        }
        // Without a usable file: the local host, as the C library does, so that /etc/hosts still works.
        let read = read_system_conf().ok().filter(|(config, _)| !config.name_servers().is_empty());
        let (config, options) = read.unwrap_or_else(|| {
            let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
            (
                ResolverConfig::from_parts(None, Vec::new(), vec![name_server(local)]),
                ResolverOpts::default(),
            )
        });
        let servers = Arc::new(NameServers::new(config, options)?);
        Ok(System { sources: Sources { hosts: Arc::new(Hosts::read()), servers }, stamps })
    }
}

fn stamps() -> [Option<FileStamp>; 2] {
    SYSTEM_FILES.map(|path| FileStamp::of(Path::new(path)).ok())
}

impl Sources {
    async fn ask_in_turn(
        &self,
        host: &str,
        first: Family,
        second: Option<Family>,
    ) -> Result<Vec<IpAddr>, Failure> {
        let Some(second) = second else { return self.ask(host, first).await };
        let mut preferred = pin!(self.ask(host, first));
        let failed = match timeout(OTHER_FAMILY_AFTER, &mut preferred).await {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(failure)) => failure,
            // The question goes on while the other family is asked for.
            Err(_) => match select(preferred, pin!(self.ask(host, second))).await {
                Either::Left((Ok(addresses), _)) | Either::Right((Ok(addresses), _)) => {
                    return Ok(addresses);
                }
                Either::Left((Err(failure), other)) => {
                    return other.await.map_err(|second| worse(host, failure, second));
                }
                Either::Right((Err(second), preferred)) => {
                    return preferred.await.map_err(|failure| worse(host, failure, second));
                }
            },
        };
        self.ask(host, second).await.map_err(|second| worse(host, failed, second))
    }

    async fn ask(&self, host: &str, family: Family) -> Result<Vec<IpAddr>, Failure> {
        let listed = self.listed(host, family);
        if !listed.is_empty() {
            return Ok(listed);
        }
        let Some(name) = dns_name(host) else {
            return Err(Failure::new(
                Reason::DnsNxdomain,
                format!("\"{host}\" is not a name that can exist in the DNS"),
            ));
        };
        let asked = self.servers.lookup(name, family.record()).await;
        let found = asked.map_err(|error| explain(host, &error))?;
        if found.message().metadata.response_code == ResponseCode::NXDomain {
            let detail =
                format!("the name server says that {host} does not exist, and an address of it");
            return Err(Failure::new(Reason::DnsNxdomain, detail));
        }
        let found = found.answers().iter().filter_map(|record| record.data.ip_addr());
        let (here, found): (Vec<_>, Vec<_>) =
            found.partition(|&address| own_address::is_refused(host, address));
        let addresses = usable(found.into_iter(), family);
        match here.first() {
            _ if !addresses.is_empty() => Ok(addresses),
            // To connect there is to probe this machine.
            Some(&address) => Err(own_address::refused(host, address)),
            None => Err(no_address(host)),
        }
    }

    /// What `/etc/hosts` says.
    fn listed(&self, host: &str, family: Family) -> Vec<IpAddr> {
        usable(self.hosts.addresses(host).iter().copied(), family)
    }
}

/// Those of a family, each once, and no more than are tried.
fn usable(found: impl Iterator<Item = IpAddr>, family: Family) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for address in found.filter(|address| family.has(address)) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

/// Of two failures about one name the one that says more: "no address of this family" says least. An address
/// that is refused is no such thing.
fn worse(host: &str, preferred: Failure, other: Failure) -> Failure {
    if preferred == no_address(host) { other } else { preferred }
}

/// A name as the DNS takes it: any bytes in its labels (RFC 2181 section 11), for real names have
/// underscores and worse. What is not ASCII is converted (IDNA).
fn dns_name(host: &str) -> Option<Name> {
    if !host.is_ascii() {
        return Name::from_utf8(host).ok();
    }
    let labels = host.strip_suffix('.').unwrap_or(host).split('.');
    let mut name =
        Name::from_labels(labels.map(|label| label.to_ascii_lowercase().into_bytes())).ok()?;
    name.set_fqdn(host.ends_with('.'));
    Some(name)
}

fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn no_address(host: &str) -> Failure {
    Failure::new(Reason::DnsNoAddress, format!("{host} has no address of a usable family"))
}

/// RFC 2308: NXDOMAIN is about the name, an empty NOERROR about the type only.
fn explain(host: &str, error: &NetError) -> Failure {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => {
                Failure::new(Reason::DnsNxdomain, format!("{host} does not exist"))
            }
            ResponseCode::NoError => no_address(host),
            code => answered(host, code),
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::NXDomain)) => {
            Failure::new(Reason::DnsNxdomain, format!("{host} does not exist"))
        }
        NetError::Dns(DnsError::ResponseCode(code)) => answered(host, *code),
        NetError::Timeout => {
            Failure::new(Reason::DnsTimeout, format!("no answer about {host} from the name server"))
        }
        NetError::Io(io) if out_of_descriptors(io) => {
            Failure::new(Reason::Internal, format!("no socket for a lookup: {io}"))
        }
        NetError::Busy => Failure::new(Reason::Internal, "too many lookups at once"),
        other => Failure::new(
            Reason::DnsServfail,
            format!("the name server gave no usable answer about {host}: {other}"),
        ),
    }
}

fn answered(host: &str, code: ResponseCode) -> Failure {
    Failure::new(Reason::DnsServfail, format!("the name server answered \"{code}\" about {host}"))
}

/// EMFILE or ENFILE: our own fault, never the service's.
pub fn out_of_descriptors(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_literal_is_not_looked_up() {
        let resolvers = Resolvers::new();
        let dial = DialOptions::default();
        let v6: IpAddr = "::1".parse().unwrap();
        assert_eq!(resolvers.lookup("[::1]", &dial).await, Ok(vec![v6]));
        assert_eq!(resolvers.lookup("::1", &dial).await, Ok(vec![v6]));
        assert!(resolvers.other_family("::1", &dial).await.is_empty());
    }

    #[tokio::test]
    async fn nobody_is_sent_to_the_address_that_is_none() {
        let (resolvers, dial) = (Resolvers::new(), DialOptions::default());
        for host in ["0.0.0.0", "[::]", "::ffff:0.0.0.0"] {
            let failure = resolvers.lookup(host, &dial).await.unwrap_err();
            assert_eq!(failure.reason, Reason::DnsNoAddress, "{host}");
        }
    }

    #[test]
    fn the_dns_takes_names_that_hosts_may_not_have() {
        for host in ["my_host.probe.test", "-a.probe.test", "a~b.probe.test.", "_x.A.kr"] {
            let name = dns_name(host).unwrap();
            let labels: Vec<&[u8]> = name.iter().collect();
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            assert_eq!(labels, host.split('.').map(str::as_bytes).collect::<Vec<_>>());
        }
        let long = "a".repeat(64);
        for host in ["a..b", "", long.as_str()] {
            assert!(dns_name(host).is_none(), "{host}");
        }
    }

    #[tokio::test]
    async fn a_literal_of_a_forbidden_family_has_no_address() {
        let dial = DialOptions { ip: IpChoice::OnlyV4, ..DialOptions::default() };
        let failure = Resolvers::new().lookup("::1", &dial).await.unwrap_err();
        assert_eq!(failure.reason, Reason::DnsNoAddress);
    }

    #[tokio::test]
    async fn the_hosts_file_is_looked_at_before_anybody_is_asked() {
        // Whoever asked this name server would wait.
        let nobody = name_server("127.0.0.1:9".parse().unwrap());
        let search = vec![Name::from_ascii("probe.test.").unwrap()];
        let config = ResolverConfig::from_parts(None, search, vec![nobody]);
        let servers = Arc::new(NameServers::new(config, ResolverOpts::default()).unwrap());
        let hosts = "10.0.0.2 intranet\n::2 intranet v6\n10.0.0.2 intranet\n10.0.0.3 intranet\n";
        let sources = Sources { hosts: Arc::new(Hosts::of(hosts)), servers };
        let of = |family| sources.ask("intranet", family);
        let addresses = ["10.0.0.2", "10.0.0.3"].map(|ip| ip.parse().unwrap());
        assert_eq!(of(Family::V4).now_or_never(), Some(Ok(addresses.to_vec())));
        assert_eq!(of(Family::V6).now_or_never(), Some(Ok(vec!["::2".parse().unwrap()])));
        assert_eq!(sources.ask("v6", Family::V4).now_or_never(), None, "the DNS is asked");
    }
}
