//! Probes: each knows one target and returns facts plus a verdict. None of them sees a registry,
//! a scheduler, a log policy or another probe.
//!
//! [`run`] is the only place that sets a deadline and reads the clock around an attempt. The
//! `match` in [`build`] is the one place that knows every kind.

pub mod carrier;
pub mod charset;
pub mod classify;
pub mod client;
pub mod clock;
pub mod coding;
mod cookie_date;
pub mod decode;
pub mod exchange;
pub mod expect;
mod hits;
pub mod http;
pub mod jar;
pub mod login;
pub mod markup;
pub mod matcher;
mod media;
pub mod page;
mod prescan;
pub mod render;
pub mod request;
mod set_cookie;
pub mod stop;
pub mod tls;
mod unread;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::config::{Kind, Target};
use crate::net::Net;
use crate::outcome::{Facts, Failure, Outcome, Reason};

use self::stop::Stop;

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

/// When an attempt must end. Only `stop` is shared between clones.
#[derive(Debug, Clone)]
pub struct Deadline {
    at: Instant,
    stop: Stop,
}

impl Deadline {
    /// A deadline this far from now.
    pub fn after(timeout: Duration) -> Deadline {
        Deadline { at: Instant::now() + timeout, stop: Stop::default() }
    }

    /// The same deadline for an attempt that may also be asked to come to an end.
    pub fn stopped_by(self, stop: &Stop) -> Deadline {
        Deadline { stop: stop.clone(), ..self }
    }

    /// An earlier deadline for a part of the attempt; never a later one.
    pub fn at_most(&self, at: Instant) -> Deadline {
        Deadline { at: self.at.min(at), stop: self.stop.clone() }
    }

    /// The wish that the attempt end early.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// For what has to be done also when the attempt was asked to end: earlier if it was, and not
    /// asked again.
    pub fn last(&self) -> Deadline {
        let at = self.stop.asked().map_or(self.at, |by| self.at.min(by));
        Deadline { at, stop: Stop::default() }
    }

    /// The instant itself.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// What is left; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Waits for `work`, at most until the deadline.
    pub async fn within<F: Future>(&self, work: F) -> Result<F::Output, Expired> {
        tokio::time::timeout_at(self.at, work).await.map_err(|_| Expired)
    }
}

/// The deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired;

/// Makes the probe of a target.
pub fn build(target: &Arc<Target>, net: &Arc<Net>) -> Arc<dyn Probe> {
    match &target.kind {
        Kind::Http(_) => Arc::new(http::HttpProbe::new(Arc::clone(target), Arc::clone(net))),
        Kind::Tls(options) => Arc::new(tls::TlsProbe::new(options, &target.dial, net)),
        Kind::Login(_) => Arc::new(login::LoginProbe::new(Arc::clone(target), Arc::clone(net))),
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
    let result = match tokio::time::timeout_at(deadline.at + DROP_AFTER, attempt).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Failure::new(Reason::Internal, "the probe panicked")),
        Err(_) => Err(Failure::new(Reason::Internal, "the probe ignored its deadline")),
    };
    Outcome { started_at, elapsed: start.elapsed(), result, facts }
}
