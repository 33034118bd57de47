//! The login flow: does what an official or a citizen does, step by step, and says which step
//! failed and why.
//!
//! A run has one cookie jar and one set of connections. The steps have the time until a reserve
//! that belongs to `finally`; whatever ends the steps (a failure, the time, the daemon's end),
//! `finally` is done after them, because a session that stays open may refuse the next login.
//!
//! [`run`] is the order of a run, [`step`] one step, [`request`] how requests are made, [`judge`]
//! what an answer means, [`page`] what is taken from a page; [`lockout`] decides whether credentials
//! may be sent at all.

mod identity;
mod judge;
pub mod lockout;
mod page;
mod progress;
mod request;
mod run;
mod sign;
mod step;
pub mod totp;
mod values;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::Target;
use crate::config::login::LoginOptions;
use crate::deadline::Deadline;
use crate::offload::TargetShare;
use crate::outcome::{Facts, Failure};
use crate::probe::surroundings::Surroundings;
use crate::probe::{Probe, render};
use crate::transport::Recorder;

use identity::Identities;
use values::FlowValues;

/// A login flow on one target.
pub struct LoginProbe {
    options: Arc<LoginOptions>,
    target: Arc<Target>,
    surroundings: Arc<Surroundings>,
    share: Arc<TargetShare>,
}

impl LoginProbe {
    /// The probe of a flow.
    pub fn new(
        options: &Arc<LoginOptions>,
        target: &Arc<Target>,
        surroundings: &Arc<Surroundings>,
    ) -> LoginProbe {
        LoginProbe {
            options: Arc::clone(options),
            target: Arc::clone(target),
            surroundings: Arc::clone(surroundings),
            share: Arc::default(),
        }
    }
}

impl Probe for LoginProbe {
    fn attempt<'a>(
        &'a self,
        facts: &'a mut Facts,
        deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let route = &self.options.client.route;
            let proxy = render::proxy(&self.surroundings.vault, route.proxy.as_deref())?;
            let context = run::Context {
                options: &self.options,
                surroundings: &self.surroundings,
                component: &self.target.component,
                share: &self.share,
                host: self.target.host(),
            };
            let identities = Identities::open(&self.options, &self.surroundings).await;
            let values = FlowValues::new(&self.options, identities);
            let run = run::LoginRun::new(context, values, &self.target.dial, proxy.as_ref());
            run.attempt(&mut Recorder::new(facts), deadline).await
        }
        .boxed()
    }
}
