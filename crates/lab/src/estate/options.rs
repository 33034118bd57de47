//! How to start an estate.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::name_server::movable_name;
use crate::peers::PATIENCE;
use crate::signers::challenges::CHALLENGE_LASTS;
use crate::system::SimulatedSystem;

/// The default is what tests want: loopback, any ports.
#[derive(Debug, Clone)]
pub struct EstateOptions {
    pub(super) listen: IpAddr,
    pub(super) ports: PortChoice,
    pub(super) patience: Duration,
    pub(super) challenges_last: Duration,
    hostname: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PortChoice {
    /// Those that the kernel gives.
    Any,
    /// The documented ones, or the next free.
    Preferred,
}

impl Default for EstateOptions {
    fn default() -> EstateOptions {
        EstateOptions {
            listen: Ipv4Addr::LOCALHOST.into(),
            ports: PortChoice::Any,
            patience: PATIENCE,
            challenges_last: CHALLENGE_LASTS,
            hostname: None,
        }
    }
}

impl EstateOptions {
    /// Listens at this address instead of 127.0.0.1.
    pub fn listen(mut self, address: IpAddr) -> EstateOptions {
        self.listen = address;
        self
    }

    /// One name for every system, as other hosts know it, instead of `gpki.localhost` and so on.
    pub fn hostname(mut self, name: impl Into<String>) -> EstateOptions {
        self.hostname = Some(name.into());
        self
    }

    /// The documented ports, or the next free ones.
    pub fn preferred_ports(mut self) -> EstateOptions {
        self.ports = PortChoice::Preferred;
        self
    }

    /// How long one system waits for another before it says that it failed. A drill that runs
    /// faster than the wall clock shortens it.
    pub fn patience(mut self, patience: Duration) -> EstateOptions {
        self.patience = patience;
        self
    }

    /// How long GPKI waits for the answer to a challenge. With none at all every answer is late.
    pub fn challenges_last(mut self, last: Duration) -> EstateOptions {
        self.challenges_last = last;
        self
    }

    pub(super) fn host_of(&self, system: &SimulatedSystem) -> String {
        self.hostname.clone().unwrap_or_else(|| format!("{}.localhost", system.name))
    }

    pub(super) fn control_host(&self) -> String {
        self.hostname.clone().unwrap_or_else(|| "localhost".to_owned())
    }

    /// Whether systems can move: to another address of loopback, by a name that only this machine asks for.
    pub(super) fn can_move(&self) -> bool {
        self.hostname.is_none() && self.listen == Ipv4Addr::LOCALHOST
    }

    /// The names that a system's certificate is for.
    pub(super) fn certificate_names(&self, system: &SimulatedSystem) -> Vec<String> {
        let mut names = vec![self.host_of(system), movable_name(system.name)];
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        if !self.listen.is_loopback() && !self.listen.is_unspecified() {
            names.push(self.listen.to_string());
        }
        names.dedup();
        names
    }
}
