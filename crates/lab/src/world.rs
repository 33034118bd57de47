//! What the control page, a replay and the program that started the estate share.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use crate::drill::DrillState;
use crate::pki::Pki;
use crate::signers::officers::SignerPki;
use crate::site::SystemSite;
use crate::switchboard::Switchboard;
use crate::system::SimulatedSystem;
use crate::systems;

pub struct LabWorld {
    pub faults: Switchboard,
    /// The running systems, in the order of [`systems::ALL`].
    pub sites: Vec<Arc<SystemSite>>,
    /// Where the drill is; `None` while none has been played.
    pub drill: watch::Sender<Option<DrillState>>,
    /// Address of the control page, with a final slash.
    pub control_url: String,
    /// Who knows the names by which systems move. Absent where they cannot.
    pub name_server: Option<SocketAddr>,
    /// Address of the daemon that probes the estate, with a final slash. Empty until one has started.
    pub daemon_url: OnceLock<String>,
    pub pki: Pki,
    pub signers: Arc<SignerPki>,
}

impl LabWorld {
    pub fn site(&self, system: &SimulatedSystem) -> &Arc<SystemSite> {
        &self.sites[systems::index(system)]
    }
}
