//! The running estate: every system on its port, and the control page beside them.
//!
//! `bongsu lab` and the integration tests start the same thing; only names and ports differ.

mod error;
mod options;
mod ports;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::control;
use crate::name_server::{MovableNames, NameServer, movable_name};
use crate::peers::{PeerAddress, Peers};
use crate::pki::{self, Pki};
use crate::port::SystemPort;
use crate::signers::challenges::OpenChallenges;
use crate::signers::officers::SignerPki;
use crate::site::SystemSite;
use crate::switchboard::Switchboard;
use crate::system::SimulatedSystem;
use crate::systems;
use crate::world::LabWorld;

pub use error::EstateError;
pub use options::EstateOptions;

use ports::{PortFinder, reachable};

/// The control page's port when it is free; the systems follow from the port after the next.
pub const CONTROL_PORT: u16 = 10_916;
/// The first system's port when it is free.
pub const FIRST_SYSTEM_PORT: u16 = 10_921;
/// Unfinished answers of the control page get this long when the estate stops.
const CONTROL_GRACE: Duration = Duration::from_millis(300);

/// A running estate; dropping it stops it.
pub struct SimulatedEstate {
    world: Arc<LabWorld>,
    addresses: Vec<SocketAddr>,
    control: SocketAddr,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl SimulatedEstate {
    /// Binds the ports, makes the certificates and starts to serve.
    pub async fn start(options: EstateOptions) -> Result<SimulatedEstate, EstateError> {
        let finder = PortFinder { listen: options.listen, ports: options.ports };
        let control = finder.find(CONTROL_PORT, bind_control)?;
        let control_address = control.local_addr().map_err(EstateError::bind(CONTROL_PORT))?;
        let control_url = format!("http://{}:{}/", options.control_host(), control_address.port());
        let ports = bind_systems(&finder)?;
        let name_server = match options.can_move() {
            true => Some(NameServer::bind().await.map_err(EstateError::NameServer)?),
            false => None,
        };

        let pki = Pki::new()?;
        let places: BTreeMap<_, _> = systems::ALL
            .iter()
            .zip(&ports)
            .map(|(system, port)| {
                let base = format!("https://{}:{}", options.host_of(system), port.address().port());
                (system.name, PeerAddress { base, address: reachable(port.address()) })
            })
            .collect();
        let mut signers = SignerPki::new()?;
        signers.challenges = OpenChallenges::lasting(options.challenges_last);
        let signers = Arc::new(signers);
        let peers = Peers::new(places, pki.root_der(), options.patience, Arc::clone(&signers))
            .map(Arc::new)?;
        let faults = Switchboard::new();
        let issuer_url = format!("{control_url}pki/intermediate.cer");
        let mut sites = Vec::with_capacity(ports.len());
        let mut acceptors = Vec::with_capacity(ports.len());
        for system in systems::ALL {
            let names = options.certificate_names(system);
            let chains = pki.chains(&names, &issuer_url, faults.subscribe(system))?;
            acceptors.push(TlsAcceptor::from(Arc::new(pki::server_config(chains)?)));
            let base = peers.base(system.name).to_owned();
            let site = SystemSite::new(system, base, Arc::clone(&peers), faults.subscribe(system));
            sites.push(Arc::new(site));
        }

        let (drill, daemon_url) = (watch::Sender::new(None), OnceLock::new());
        let world = Arc::new(LabWorld {
            faults,
            sites,
            drill,
            control_url,
            name_server: name_server.as_ref().map(NameServer::address),
            daemon_url,
            pki,
            signers,
        });
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let addresses = ports.iter().map(SystemPort::address).collect();
        for ((port, acceptor), site) in ports.into_iter().zip(acceptors).zip(&world.sites) {
            let faults = world.faults.subscribe(site.system);
            tasks.spawn(port.serve(acceptor, systems::app(site), faults, stop.clone()));
        }
        if let Some(name_server) = name_server {
            let names = systems::ALL
                .iter()
                .map(|system| (movable_name(system.name), world.faults.subscribe(system)))
                .collect::<MovableNames>();
            tasks.spawn(name_server.serve(names, stop.clone()));
        }
        let router = control::router(Arc::clone(&world), control_address);
        tasks.spawn(serve_control(control, router, stop.clone()));
        let guard = stop.clone().drop_guard();
        Ok(SimulatedEstate {
            world,
            addresses,
            control: control_address,
            tasks,
            stop,
            _guard: guard,
        })
    }

    pub fn world(&self) -> &Arc<LabWorld> {
        &self.world
    }

    pub fn faults(&self) -> &Switchboard {
        &self.world.faults
    }

    /// The public address of a system: `https://gpki.localhost:10921`.
    pub fn base(&self, system: &SimulatedSystem) -> &str {
        &self.world.site(system).base
    }

    /// Where a system's socket is reached from this machine.
    pub fn address(&self, system: &SimulatedSystem) -> SocketAddr {
        reachable(self.addresses[systems::index(system)])
    }

    /// Where the control page's socket is reached from this machine.
    pub fn control_address(&self) -> SocketAddr {
        reachable(self.control)
    }

    /// Stops every system and the control page, and waits until they have ended.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Binds a port for every system, in the order of [`systems::ALL`].
fn bind_systems(finder: &PortFinder) -> Result<Vec<SystemPort>, EstateError> {
    let mut ports = Vec::with_capacity(systems::ALL.len());
    let mut preferred = FIRST_SYSTEM_PORT;
    for _ in systems::ALL {
        let port = finder.find(preferred, SystemPort::bind)?;
        preferred = port.address().port().max(preferred).saturating_add(1);
        ports.push(port);
    }
    Ok(ports)
}

fn bind_control(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves the control page until told to stop.
async fn serve_control(listener: TcpListener, router: Router, stop: CancellationToken) {
    let served =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(CONTROL_GRACE).await;
    };
    tokio::select! {
        _ = served => {}
        () = late => {}
    }
}
