//! Leave to send credentials: the account's turn, the guard's admission, the component's gate,
//! and the one-time codes of the step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::login::{LoginStep, Pipe, Source};
use crate::config::{Part, Template};
use crate::deadline::{Deadline, Expired};
use crate::outcome::{Failure, Reason};
use crate::secret::Secret;

use super::guard::{Admission, Key};
use super::run::Run;
use super::totp::{SKEW_MAX, Totp};

impl Run<'_> {
    /// Asks for leave to send the secrets of a step to a host. On success the credentials count as
    /// sent there.
    pub(super) async fn permit(
        &mut self,
        step: &LoginStep,
        host: &str,
        deadline: &Deadline,
    ) -> Result<BTreeMap<Arc<str>, Secret>, Failure> {
        let own = step.templates();
        let all: Vec<&Template> =
            own.chain(self.options.headers.iter().map(|(_, value)| value)).collect();
        let mut secrets = BTreeMap::new();
        for name in all.iter().flat_map(|template| template.secrets()) {
            // Not bound or not readable: nothing is asked of the guard.
            secrets.insert(name.clone(), self.net.vault.reveal(name, host)?);
        }
        let account = self.options.account.clone().or_else(|| secrets.keys().next().cloned());
        let account = account.unwrap_or_else(|| self.component().clone());
        self.take_turn(step, &account, deadline).await?;
        let key = Key { account, host: host.to_ascii_lowercase().into() };
        let prints = self.net.accounts.prints(&secrets);
        match self.net.accounts.admit(&key, &prints) {
            Admission::Go => {}
            Admission::Held(failure) | Admission::Slowed(failure) => {
                self.login.turned_away = true;
                return Err(failure);
            }
        }
        if self.login.pass.is_none() && !self.login.is_concluded {
            let component = &step.step.component;
            self.login.pass = Some(self.net.gates.enter(component, deadline).await?);
        }
        let codes = self.codes(&all, &secrets, deadline).await?;
        self.private.extend(codes.values().cloned());
        self.login.page = self.page.as_ref().map(|page| page.url.clone());
        self.login.sent_to.push(key);
        self.login.status = 0;
        // What was shown so far was shown before these were sent.
        self.login.proven = false;
        Ok(codes)
    }

    /// Two runs of one account at once could end each other's session.
    async fn take_turn(
        &mut self,
        step: &LoginStep,
        account: &Arc<str>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        if self.login.turn.is_some() {
            return Ok(());
        }
        match deadline.within(self.net.accounts.turn(account)).await {
            Ok(turn) => {
                self.login.turn = Some(turn);
                Ok(())
            }
            Err(Expired) => {
                Err(self.net.gates.failure(&step.step.component).unwrap_or_else(|| {
                    let detail =
                        format!("account {account} was in use by another run all the time");
                    Failure::new(Reason::AccountHeld, detail)
                }))
            }
        }
    }

    /// The code of every secret that is piped through `totp`, each for a time-step that no code
    /// was sent for before.
    async fn codes(
        &self,
        templates: &[&Template],
        secrets: &BTreeMap<Arc<str>, Secret>,
        deadline: &Deadline,
    ) -> Result<BTreeMap<Arc<str>, Secret>, Failure> {
        let mut codes = BTreeMap::new();
        for name in templates.iter().flat_map(|template| one_time(template)) {
            if codes.contains_key(name) {
                continue;
            }
            let Some(secret) = secrets.get(name) else { continue };
            let totp = Totp::parse(secret).map_err(|why| {
                let detail = format!("secret {name} is no TOTP key: {why}");
                Failure::new(Reason::SecretMissing, detail)
            })?;
            codes.insert(name.clone(), self.code(name, &totp, deadline).await?);
        }
        Ok(codes)
    }

    async fn code(
        &self,
        name: &Arc<str>,
        totp: &Totp,
        deadline: &Deadline,
    ) -> Result<Secret, Failure> {
        if let Some(skew) = self.net.clock_skew().filter(|s| s.abs() > SKEW_MAX.as_secs_f64()) {
            let detail = format!("our clock is off by {skew:.0} s, so no one-time code was sent");
            return Err(Failure::new(Reason::Internal, detail));
        }
        loop {
            let now = self.net.accounts.now();
            let step = totp.step(now);
            let Err(next) = self.net.accounts.use_step(name, step) else {
                return Ok(totp.code(step));
            };
            let wait = totp.begins(next).saturating_sub(now).max(Duration::from_millis(1));
            if wait >= deadline.remaining() {
                let detail = format!(
                    "the one-time code of {name} was used already and the next comes in {} s, \
                     which the timeout does not leave",
                    wait.as_secs()
                );
                return Err(Failure::new(Reason::Internal, detail));
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// The secrets that a template pipes through `totp`.
fn one_time(template: &Template) -> impl Iterator<Item = &Arc<str>> {
    template.parts.iter().filter_map(|part| match part {
        Part::Value(value) if value.pipes.first() == Some(&Pipe::Totp) => match &value.source {
            Source::Secret(name) => Some(name),
            _ => None,
        },
        _ => None,
    })
}
