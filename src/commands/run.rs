//! `bongsu run`: the daemon.

use std::sync::Arc;

use tracing::{error, info, warn};

use super::{exec_steps, load, shard, until_signalled};
use crate::app::{App, BuildError, Lifecycle, Options};
use crate::blackbox::Blackbox;
use crate::build_info::{REVISION, VERSION};
use crate::calendar;
use crate::cli::{Exit, Flags};
use crate::limits::raise_descriptors;
use crate::scheduler::permits::Limits;
use crate::server::AnyTarget;
use crate::server::external::External;
use crate::server::times::LocalTime;
use crate::systemd::Said;

pub(super) fn run(flags: Flags) -> Exit {
    let (config, blackbox) = match load(&flags) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    info!(version = VERSION, revision = REVISION, vantage = flags.vantage, "starting");
    if !calendar::has_now() {
        error!(
            "the clock of this machine is before 1970 or beyond 9999, and nothing that has a date can be judged or \
             answered; set it (timedatectl set-ntp true, chronyc makestep) and start again"
        );
        return Exit::Failed;
    }
    for advice in &config.advice {
        warn!(advice, "configuration");
    }
    if let Some(blackbox) = &blackbox {
        for (module, why) in blackbox.modules().kept_elsewhere() {
            warn!(module, why, "this module is to be kept on blackbox_exporter");
        }
    }
    let options = options(flags, blackbox);
    until_signalled(async |signals| match App::build(config, options).await {
        Ok(app) => app.run(signals).await,
        Err(error) => {
            error!("{error}");
            match error {
                BuildError::Web(_) => Exit::Usage,
                BuildError::Listen { .. }
                | BuildError::Controls(_)
                | BuildError::Prometheus(_)
                | BuildError::Claimed { .. }
                | BuildError::State { .. }
                | BuildError::Metrics(_) => Exit::Failed,
            }
        }
    })
}

fn options(flags: Flags, blackbox: Option<Blackbox>) -> Options {
    let lifecycle = if flags.enable_lifecycle { Lifecycle::Enabled } else { Lifecycle::Disabled };
    let any_target = if flags.probe_any_target { AnyTarget::Probed } else { AnyTarget::Refused };
    Options {
        shard: shard(&flags),
        exec_steps: exec_steps(&flags),
        config_file: flags.config_file,
        listen: flags.listen_address,
        external: External::new(flags.external_url.0),
        web_config_file: flags.web_config_file,
        lifecycle,
        any_target,
        blackbox: blackbox.map(Arc::new),
        local_time: LocalTime::named(flags.time_zone.as_deref()),
        systemd: Said {
            notify_socket: flags.systemd.notify_socket,
            watchdog_usec: flags.systemd.watchdog_usec,
            watchdog_pid: flags.systemd.watchdog_pid,
        },
        vantage: flags.vantage,
        prometheus: flags.prometheus_url,
        state_dir: flags.state_dir,
        maintenance_file: flags.maintenance_file,
        grace: flags.shutdown_grace,
        limits: Limits { permits: None, descriptors: raise_descriptors().now },
    }
}
