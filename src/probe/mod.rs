//! Probes: each knows one target and returns facts plus a verdict. None of them sees a registry,
//! a scheduler, a log policy or another probe.
//!
//! [`run`] is the only place that sets a deadline and reads the clock around an attempt. The
//! `match` in [`build`] is the one place that knows every kind.

pub mod addresses;
pub mod charset;
pub mod coding;
mod cookie_date;
pub mod decode;
mod excerpt;
pub mod exchange;
pub mod expect;
mod hits;
pub mod http;
mod inflate;
pub mod jar;
mod json_cost;
mod judge;
pub mod login;
pub mod markup;
mod mask;
pub mod matcher;
mod media;
pub(crate) mod oauth2;
pub mod page;
mod prescan;
pub mod referrer;
pub mod render;
pub mod request;
mod set_cookie;
pub mod surroundings;
pub mod tls;
pub mod tls_expect;
mod unread;
mod xml;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::config::{Kind, Target};
use crate::deadline::Deadline;
use crate::outcome::{Facts, Failure, Outcome, Reason};
use crate::probe::surroundings::Surroundings;
use crate::stop::Stop;

/// How long after its deadline an attempt that ignores it is dropped.
const DROP_AFTER: Duration = Duration::from_secs(1);

/// Whoever asks for leave and gets it at once has not waited.
const WAIT_TOLD: Duration = Duration::from_millis(1);

/// One attempt at a time on one target.
pub trait Probe: Send + Sync + 'static {
    /// Looks once. Facts learned before a failure stay in `facts`. An attempt minds `deadline` by
    /// itself, so that it can say in which phase the time ran out.
    fn attempt<'a>(
        &'a self,
        facts: &'a mut Facts,
        deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Makes the probe of a target.
pub fn build(target: &Arc<Target>, surroundings: &Arc<Surroundings>) -> Arc<dyn Probe> {
    let dial = &target.dial;
    match &target.kind {
        Kind::Http(options) => Arc::new(http::HttpProbe::new(options, dial, surroundings)),
        Kind::Tls(options) => Arc::new(tls::TlsProbe::new(options, dial, surroundings)),
        Kind::Login(options) => Arc::new(login::LoginProbe::new(options, target, surroundings)),
    }
}

/// Runs one attempt to its end. A panic inside it is `internal`, never the daemon's end. `stop`
/// asks the attempt to come to its end early, in order; it is never dropped for that.
pub async fn run(probe: &dyn Probe, timeout: Duration, stop: &Stop) -> Outcome {
    let started_at = SystemTime::now();
    let start = Instant::now();
    let deadline = Deadline::after(timeout).stopped_by(stop);
    let mut facts = Facts::default();
    let mut attempt = AssertUnwindSafe(probe.attempt(&mut facts, &deadline)).catch_unwind();
    let result = loop {
        let drop_at = deadline.at() + DROP_AFTER;
        match tokio::time::timeout_at(drop_at, &mut attempt).await {
            Ok(Ok(result)) => break result,
            Ok(Err(_panic)) => break Err(Failure::new(Reason::Internal, "the probe panicked")),
            // Something of ours was waited for meanwhile.
            Err(_) if deadline.at() + DROP_AFTER > drop_at => {}
            Err(_) => {
                let detail = "the probe ignored its deadline";
                break Err(Failure::new(Reason::Internal, detail));
            }
        }
    };
    drop(attempt);
    facts.phases.wait = Some(deadline.waited()).filter(|waited| *waited >= WAIT_TOLD);
    let elapsed = start.elapsed().saturating_sub(deadline.waited());
    Outcome { started_at, elapsed, result, facts }.settled()
}
