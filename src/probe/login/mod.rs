//! The login flow: does what an official or a citizen does, step by step, and says which step
//! failed and why.
//!
//! A run has one cookie jar and one set of connections. The steps have the time until a reserve
//! that belongs to `finally`; whatever ends the steps (a failure, the time, the daemon's end),
//! `finally` is done after them, because a session that stays open may refuse the next login.
//!
//! [`run`] is the order of a run, [`step`] one step, [`send`] how requests are made, [`judge`] what
//! an answer means; [`guard`], [`ending`], [`accounts`] and [`gate`] decide whether credentials may be sent at
//! all.

pub mod accounts;
mod capture;
pub mod ending;
mod entries;
mod form;
pub mod gate;
pub mod guard;
mod identity;
mod judge;
mod permit;
mod run;
mod send;
mod step;
mod template;
pub mod totp;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::{Kind, Target};
use crate::deadline::Deadline;
use crate::net::Net;
use crate::outcome::{Facts, Failure, Reason};
use crate::probe::{Probe, render};
use crate::transport::Recorder;

/// A login flow on one target.
pub struct LoginProbe {
    target: Arc<Target>,
    net: Arc<Net>,
}

impl LoginProbe {
    /// The probe of a target whose kind is a login.
    pub fn new(target: Arc<Target>, net: Arc<Net>) -> LoginProbe {
        LoginProbe { target, net }
    }
}

impl Probe for LoginProbe {
    fn attempt<'a>(
        &'a self,
        facts: &'a mut Facts,
        deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let Kind::Login(options) = &self.target.kind else {
            let failure = Failure::new(Reason::Internal, "not a login target");
            return std::future::ready(Err(failure)).boxed();
        };
        async move {
            let proxy = render::proxy(&self.net.vault, options.route.proxy.as_deref())?;
            let run = run::Run::new(options, &self.target, &self.net, proxy.as_ref());
            run.attempt(&mut Recorder::new(facts), deadline).await
        }
        .boxed()
    }
}
