//! The login flow: does what an official or a citizen does, step by step, and says which step
//! failed and why.
//!
//! A run has one cookie jar and one set of connections. The steps have the time until a reserve
//! that belongs to `finally`; whatever ends the steps (a failure, the time, the daemon's end),
//! `finally` is done after them, because a session that stays open may refuse the next login.
//!
//! [`run`] is the order of a run, [`step`] one step, [`request`] how requests are made, [`judge`]
//! what an answer means, [`page`] what is taken from a page; [`exec`] is a step that runs a program,
//! [`program`] how that is run; [`lockout`] decides whether credentials may be sent at all.

mod exec;
mod identity;
mod judge;
pub mod lockout;
mod page;
pub mod program;
mod progress;
mod request;
mod run;
mod sign;
mod step;
pub mod totp;
mod trail;
mod values;

use std::sync::Arc;

use chain::ChainMemory;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::config::Target;
use crate::config::login::{FormChanged, LoginOptions};
use crate::deadline::Deadline;
use crate::offload::TargetShare;
use crate::outcome::{Facts, Failure, Reason};
use crate::probe::surroundings::Surroundings;
use crate::probe::{Probe, render};
use crate::transport::Recorder;

use identity::Identities;
use parking_lot::Mutex;
use values::FlowValues;

/// A login flow on one target.
pub struct LoginProbe {
    options: Arc<LoginOptions>,
    target: Arc<Target>,
    surroundings: Arc<Surroundings>,
    share: Arc<TargetShare>,
    memory: Arc<ChainMemory>,
    /// Since when every run has ended in a waiting room.
    waiting_since: Mutex<Option<Instant>>,
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
            memory: Arc::default(),
            waiting_since: Mutex::default(),
        }
    }

    /// The verdicts that the file gives to failures which are not plainly the service's.
    fn weighed(&self, facts: &mut Facts, result: Result<(), Failure>) -> Result<(), Failure> {
        let mut since = self.waiting_since.lock();
        let reason = result.as_ref().err().map(|failure| failure.reason);
        if reason == Some(Reason::FormChanged) {
            facts.counts_as_down = self.options.form_changed == FormChanged::Down;
        }
        match result {
            Err(failure) if failure.reason == Reason::WaitingRoom => {
                let waited = since.get_or_insert_with(Instant::now).elapsed();
                if waited >= self.options.waiting_room.degraded_for {
                    return Err(failure);
                }
                facts.warnings.insert(0, failure);
                Ok(())
            }
            result => {
                // What is our own fault says nothing about the waiting room.
                if !reason.is_some_and(Reason::says_nothing_about_the_service) {
                    *since = None;
                }
                result
            }
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
            let (route, tls) = (&self.options.client.route, &self.options.client.tls);
            let mut secrets = self.options.secrets();
            secrets.extend(self.options.account.clone());
            secrets.extend(route.proxy.iter().flat_map(|proxy| proxy.secrets()).cloned());
            self.surroundings.look_at_files(&secrets, tls, deadline).await;
            let proxy = render::proxy(&self.surroundings.secrets, route.proxy.as_deref())?;
            let host = self.target.host();
            let context = run::Context {
                options: &self.options,
                surroundings: &self.surroundings,
                component: &self.target.component,
                share: &self.share,
                memory: &self.memory,
                host: &host,
                schedule: &self.target.schedule,
            };
            let identities = {
                let _own_wait = deadline.own_wait();
                Identities::open(&self.options, &self.surroundings).await
            };
            let values = FlowValues::new(&self.options, identities);
            let run = run::LoginRun::new(context, values, &self.target.dial, proxy.as_ref());
            let result = run.attempt(&mut Recorder::new(facts), deadline).await;
            self.weighed(facts, result)
        }
        .boxed()
    }
}
