//! The running estate: every system on its port, and the control page beside them.
//!
//! `bongsu lab` and the integration tests start the same thing; only names and ports differ.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::control;
use super::drill::DrillState;
use super::faults::Switchboard;
use super::host::{self, Host};
use super::peers::{PATIENCE, Peers, PeersError, Place};
use super::pki::Pki;
use super::site::Site;
use super::systems::{self, System};

/// The control page's port when it is free; the systems follow from the port after the next.
pub const CONTROL_PORT: u16 = 10_916;
/// The first system's port when it is free.
pub const FIRST_SYSTEM_PORT: u16 = 10_921;
/// How many ports after a taken one are tried.
const PORTS_TRIED: u16 = 200;
/// Open answers of the control page get this long at the end.
const CONTROL_GRACE: Duration = Duration::from_millis(300);

/// How to start an estate. The default is what tests want: loopback, any ports.
#[derive(Debug, Clone)]
pub struct Options {
    listen: IpAddr,
    hostname: Option<String>,
    ports: Ports,
    patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// Whatever the kernel gives.
    Any,
    /// The documented ones, or the next free.
    Preferred,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen: Ipv4Addr::LOCALHOST.into(),
            hostname: None,
            ports: Ports::Any,
            patience: PATIENCE,
        }
    }
}

impl Options {
    /// Listens here instead of on 127.0.0.1.
    pub fn listen(mut self, address: IpAddr) -> Options {
        self.listen = address;
        self
    }

    /// One name for every system, as other hosts know it, instead of `gpki.localhost` and so on.
    pub fn hostname(mut self, name: impl Into<String>) -> Options {
        self.hostname = Some(name.into());
        self
    }

    /// The documented ports, or the next free ones.
    pub fn preferred_ports(mut self) -> Options {
        self.ports = Ports::Preferred;
        self
    }

    /// How long one system waits for another before it says that it failed. A drill that runs
    /// faster than the wall clock shortens it.
    pub fn patience(mut self, patience: Duration) -> Options {
        self.patience = patience;
        self
    }

    fn host_of(&self, system: &System) -> String {
        self.hostname.clone().unwrap_or_else(|| format!("{}.localhost", system.name))
    }

    fn control_host(&self) -> String {
        self.hostname.clone().unwrap_or_else(|| "localhost".to_owned())
    }
}

/// What the control page, the drill and whoever started the estate share.
pub struct World {
    /// What is broken.
    pub faults: Switchboard,
    /// The systems, in the order of [`systems::ALL`].
    pub sites: Vec<Arc<Site>>,
    /// Where the drill is; `None` when none is played.
    pub drill: watch::Sender<Option<DrillState>>,
    /// Address of the control page, with a final slash.
    pub control_url: String,
    /// Address of the daemon that probes the estate, once there is one.
    pub daemon_url: OnceLock<String>,
    /// The authorities.
    pub pki: Pki,
}

impl World {
    /// A running system.
    pub fn site(&self, system: &System) -> &Arc<Site> {
        &self.sites[system.index()]
    }
}

/// A running estate; dropping it stops it.
pub struct Estate {
    world: Arc<World>,
    addresses: Vec<SocketAddr>,
    control: SocketAddr,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl Estate {
    /// Takes the ports, makes the certificates and starts to serve.
    pub async fn start(options: Options) -> Result<Estate, EstateError> {
        let mut ports = PortFinder { listen: options.listen, ports: options.ports };
        let control = ports.find(CONTROL_PORT, bind_control)?;
        let control_address = control.local_addr().map_err(EstateError::bind(CONTROL_PORT))?;
        let control_url = format!("http://{}:{}/", options.control_host(), control_address.port());

        let mut hosts = Vec::with_capacity(systems::ALL.len());
        let mut preferred = FIRST_SYSTEM_PORT;
        for _ in systems::ALL {
            let host = ports.find(preferred, Host::bind)?;
            preferred = host.address().port().max(preferred).saturating_add(1);
            hosts.push(host);
        }

        let pki = Pki::new()?;
        let places: BTreeMap<_, _> = systems::ALL
            .iter()
            .zip(&hosts)
            .map(|(system, host)| {
                let base = format!("https://{}:{}", options.host_of(system), host.address().port());
                (system.name, Place { base, address: reachable(host.address()) })
            })
            .collect();
        let peers = Arc::new(Peers::new(places, pki.root_der(), options.patience)?);
        let faults = Switchboard::new();
        let issuer_url = format!("{control_url}pki/intermediate.cer");
        let mut sites = Vec::with_capacity(hosts.len());
        let mut acceptors = Vec::with_capacity(hosts.len());
        for system in systems::ALL {
            let names = certificate_names(&options, system);
            let chains = pki.chains(&names, &issuer_url, faults.subscribe(system))?;
            acceptors.push(host::acceptor(chains)?);
            let base = peers.base(system.name).to_owned();
            let site = Site::new(system, base, Arc::clone(&peers), faults.subscribe(system));
            sites.push(Arc::new(site));
        }

        let (drill, daemon_url) = (watch::Sender::new(None), OnceLock::new());
        let world = Arc::new(World { faults, sites, drill, control_url, daemon_url, pki });
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let addresses = hosts.iter().map(Host::address).collect();
        for ((host, acceptor), site) in hosts.into_iter().zip(acceptors).zip(&world.sites) {
            let app = site.with_faults((site.system.app)(Arc::clone(site)));
            let faults = world.faults.subscribe(site.system);
            tasks.spawn(host.serve(acceptor, app, faults, stop.clone()));
        }
        tasks.spawn(serve_control(control, Arc::clone(&world), stop.clone()));
        let guard = stop.clone().drop_guard();
        Ok(Estate { world, addresses, control: control_address, tasks, stop, _guard: guard })
    }

    /// Faults, sessions, addresses.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The switches.
    pub fn faults(&self) -> &Switchboard {
        &self.world.faults
    }

    /// The public address of a system: `https://gpki.localhost:10921`.
    pub fn base(&self, system: &System) -> &str {
        &self.world.site(system).base
    }

    /// The socket of a system.
    pub fn address(&self, system: &System) -> SocketAddr {
        reachable(self.addresses[system.index()])
    }

    /// The socket of the control page.
    pub fn control_address(&self) -> SocketAddr {
        reachable(self.control)
    }

    /// Stops everything and waits for it.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Serves the control page until told to stop.
async fn serve_control(listener: TcpListener, world: Arc<World>, stop: CancellationToken) {
    let served = axum::serve(listener, control::router(world))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(CONTROL_GRACE).await;
    };
    tokio::select! {
        _ = served => {}
        () = late => {}
    }
}

/// Where a socket can be reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            (std::net::Ipv6Addr::LOCALHOST, address.port()).into()
        }
        _ => address,
    }
}

fn certificate_names(options: &Options, system: &System) -> Vec<String> {
    let mut names = vec![options.host_of(system)];
    let others = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    names.extend(others);
    if !options.listen.is_loopback() && !options.listen.is_unspecified() {
        names.push(options.listen.to_string());
    }
    names.dedup();
    names
}

struct PortFinder {
    listen: IpAddr,
    ports: Ports,
}

impl PortFinder {
    /// The preferred port or the next free one.
    fn find<T>(
        &mut self,
        preferred: u16,
        bind: impl Fn(SocketAddr) -> io::Result<T>,
    ) -> Result<T, EstateError> {
        if self.ports == Ports::Any {
            return bind((self.listen, 0).into()).map_err(EstateError::bind(0));
        }
        let mut port = preferred;
        loop {
            match bind((self.listen, port).into()) {
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && port - preferred < PORTS_TRIED =>
                {
                    port += 1;
                }
                bound => return bound.map_err(EstateError::bind(port)),
            }
        }
    }
}

fn bind_control(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// The estate cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    /// No port.
    #[error("cannot listen on port {port}: {error}")]
    Bind {
        /// The last one tried.
        port: u16,
        /// Why not.
        error: io::Error,
    },
    /// No certificates.
    #[error("cannot make the lab's certificates: {0}")]
    Pki(#[from] rcgen::Error),
    /// No TLS.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No client.
    #[error(transparent)]
    Peers(#[from] PeersError),
}

impl EstateError {
    fn bind(port: u16) -> impl Fn(io::Error) -> EstateError {
        move |error| EstateError::Bind { port, error }
    }
}
