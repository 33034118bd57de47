//! The exposition: a [`Snapshot`] of the latest results and the state of the daemon as Prometheus text.
//!
//! Series of targets are written by a streaming writer of our own, family by family and in chunks:
//! at 17,000 targets the text has 800,000 lines and 100 MB, which a registry would hold twice. The
//! `prometheus` crate keeps the few series of the process. `/metrics` calls [`write()`]; a one-off
//! probe observes its run on results of its own and calls [`write_probes`], so that scheduled and
//! on-demand results cannot differ.
//!
//! To add a series of a target, add a row to the table in `own.rs`.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bongsu::results::LatestResults;
//! use bongsu::controls::Controls;
//! use bongsu::metrics::{self, Daemon};
//! use tokio::time::Instant;
//!
//! let registry = prometheus::Registry::new();
//! let daemon = Daemon::register(&registry, Arc::new(Controls::none()))?;
//! let results = LatestResults::new();
//! let mut text = Vec::new();
//! let written = metrics::write(&results.snapshot(Instant::now()), &daemon, &mut |chunk| {
//!     text.extend_from_slice(&chunk);
//!     Ok(())
//! });
//! assert_eq!(written, Ok(()));
//! # Ok::<(), prometheus::Error>(())
//! ```

pub mod blackbox;
mod daemon;
mod own;
mod probe;
mod service;
pub mod text;

pub use self::daemon::Daemon;
pub use self::text::{Gone, Sink};
use crate::results::{Row, Snapshot};

/// Prometheus 3 refuses an exposition without it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes everything. This takes CPU for as long as the reader reads (about 0.2 s for 17,000
/// targets), so call it on a blocking thread with a sink that waits for a bounded channel. Ends
/// early with [`Gone`] when the sink says so.
pub fn write(snapshot: &Snapshot, daemon: &Daemon, sink: &mut Sink<'_>) -> Result<(), Gone> {
    let mut text = text::Text::new(sink);
    probe::write(&snapshot.rows, &mut text)?;
    daemon.write(snapshot, &mut text);
    text.finish()
}

/// Writes only what blackbox_exporter would of one target, without labels of ours.
pub fn write_blackbox(row: &Row, sink: &mut Sink<'_>) -> Result<(), Gone> {
    let mut text = text::Text::new(sink);
    probe::write_blackbox(row, &mut text);
    text.finish()
}

/// Writes only the series of these targets.
pub fn write_probes(rows: &[Row], sink: &mut Sink<'_>) -> Result<(), Gone> {
    let mut text = text::Text::new(sink);
    probe::write(rows, &mut text)?;
    text.finish()
}
