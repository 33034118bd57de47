//! `bongsu lab`: the simulated estate, and the daemon probing it.

mod announcement;
mod daemon;
mod error;
mod run;

use std::net::{IpAddr, Ipv4Addr};

use lab::drill::{Drill, SPEED_RANGE};
use tracing::error;

use super::{tell, until_signalled};
use crate::cli::{DEFAULT_PORT, Exit, Flags, LabArgs, ListenAddress};

use run::{Participants, Plan};

pub(super) fn lab(flags: Flags, args: LabArgs) -> Exit {
    let drill = match args.replay.as_deref().map(Drill::read).transpose() {
        Ok(drill) => drill.map(|drill| {
            let speed = args.speed.unwrap_or(drill.speed);
            (drill, speed)
        }),
        Err(problems) => {
            tell(&format!("{problems}\n"));
            return Exit::Usage;
        }
    };
    if let Some((_, speed)) = drill.as_ref().filter(|(_, speed)| !SPEED_RANGE.contains(speed)) {
        let (least, most) = (SPEED_RANGE.start(), SPEED_RANGE.end());
        tell(&format!("--speed {speed} is not from {least} to {most}\n"));
        return Exit::Usage;
    }
    let participants = if args.targets_only {
        let listen = args.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Participants::TargetsOnly { listen, hostname: args.hostname }
    } else {
        Participants::WithDaemon { listen: asked_for(flags.listen_address) }
    };
    let plan = Plan { participants, drill, out: args.out, patience: args.patience };
    until_signalled(|signals| async move {
        run::run(plan, signals).await.unwrap_or_else(|error| {
            error!("{error}");
            Exit::Failed
        })
    })
}

/// `None` for the default: it means every address, and a lab listens on loopback.
fn asked_for(listen: ListenAddress) -> Option<ListenAddress> {
    (listen != ListenAddress { host: None, port: DEFAULT_PORT }).then_some(listen)
}
