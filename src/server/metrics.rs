//! `/metrics`: the text format, version 0.0.4, with the state of the vantage and the windows as
//! they are at the moment of the scrape.

use std::io::{self, Write};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Site;
use crate::board::Board;
use crate::config::Config;
use crate::controls::Controls;
use crate::maintenance;
use crate::metrics::{self, ControlsState, Daemon, Gone, MaintenanceRow};

/// Where the numbers come from.
pub struct Sources {
    /// The probes'.
    pub board: Arc<Board>,
    /// Our own.
    pub daemon: Arc<Daemon>,
    /// The vantage's.
    pub controls: Arc<Controls>,
    /// The windows.
    pub config: watch::Receiver<Arc<Config>>,
}

impl Sources {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let config = Arc::clone(&self.config.borrow());
        let reading = self.controls.reading();
        self.daemon.set_controls((!config.controls.is_empty()).then_some(ControlsState {
            is_online: reading.online,
            clock_skew_seconds: reading.skew,
        }));
        let windows = maintenance::rows(&config.maintenance, Timestamp::now()).into_iter();
        self.daemon.set_maintenance(windows.map(row).collect());
        let snapshot = self.board.snapshot(Instant::now());
        let mut broken = None;
        let written = metrics::write(&snapshot, &self.daemon, &mut |chunk| {
            out.write_all(&chunk).map_err(|error| {
                broken = Some(error);
                Gone
            })
        });
        match (written, broken) {
            (Ok(()), _) => Ok(()),
            (Err(Gone), error) => Err(error.unwrap_or(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

fn row(window: maintenance::Row) -> MaintenanceRow {
    MaintenanceRow {
        service: window.service,
        site: window.site,
        name: window.name,
        is_active: window.active,
        start: Some(window.start.as_second()),
    }
}

pub(super) async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let shown = Arc::clone(&site);
    site.writers.answer(&headers, metrics::CONTENT_TYPE, move |out| shown.sources.write(out))
}
