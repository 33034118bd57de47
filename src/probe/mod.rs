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
pub mod exchange;
pub mod expect;
mod hits;
pub mod http;
pub mod jar;
mod judge;
pub mod login;
pub mod markup;
mod mask;
pub mod matcher;
mod media;
mod oauth2;
pub mod page;
mod prescan;
pub mod render;
pub mod request;
mod set_cookie;
pub mod surroundings;
pub mod tls;
mod unread;

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
    let attempt = AssertUnwindSafe(probe.attempt(&mut facts, &deadline)).catch_unwind();
    let result = match tokio::time::timeout_at(deadline.at() + DROP_AFTER, attempt).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Failure::new(Reason::Internal, "the probe panicked")),
        Err(_) => Err(Failure::new(Reason::Internal, "the probe ignored its deadline")),
    };
    Outcome { started_at, elapsed: start.elapsed(), result, facts }
}
