//! What a run does with credentials: leave to send them (the account's turn, what the ledger says,
//! one login at a time after an outage, one-time codes), and what is told of it at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use url::Url;

use crate::config::Schedule;
use crate::config::login::LockoutPolicy;
use crate::deadline::{Deadline, Expired};
use crate::outcome::{Failure, Reason};
use crate::probe::surroundings::{SKEW_MAX, Surroundings};
use crate::receiver::Receiver;
use crate::secret::Secret;
use crate::template::{FlowSource, Template};

use super::super::program::ProgramPlaces;
use super::super::run::StepFailure;
use super::super::totp::Totp;
use super::ending::Ending;
use super::ledger::{AccountKey, Admission};
use super::recovery::RecoveryTurn;
use super::store::AccountTurn;

/// One-time codes of a step, by secret.
pub(in crate::probe::login) type Codes = BTreeMap<Arc<str>, Secret>;

/// What a step wants to send.
pub(in crate::probe::login) struct Wish<'w> {
    /// Whose account it is; the first secret's when the flow does not say.
    pub(in crate::probe::login) account: Option<&'w Arc<str>>,
    /// Stands for the account where there is neither.
    pub(in crate::probe::login) fallback: &'w Arc<str>,
    /// The service that the step tests.
    pub(in crate::probe::login) component: &'w Arc<str>,
    pub(in crate::probe::login) to: &'w Url,
    /// All that is filled in.
    pub(in crate::probe::login) templates: &'w [&'w Template<FlowSource>],
    /// The page that the credentials are typed into.
    pub(in crate::probe::login) page: Option<&'w Url>,
    /// Where a program that is given them needs a place to run in.
    pub(in crate::probe::login) places: Option<&'w ProgramPlaces>,
}

/// What a run has done with credentials.
pub(in crate::probe::login) struct Attempt<'a> {
    surroundings: &'a Surroundings,
    policy: LockoutPolicy,
    /// How long other runs may be waited for, and what a run has when its turn has come.
    patience: Duration,
    timeout: Duration,
    /// No other run uses these meanwhile.
    turns: Vec<(AccountKey, AccountTurn)>,
    recovery: Option<RecoveryTurn<'a>>,
    /// For the program that runs next.
    place: Option<OwnedSemaphorePermit>,
    /// Where credentials were sent, in order.
    sent_to: Vec<AccountKey>,
    typed_into: Option<Url>,
    proven: bool,
    sent_code: bool,
    /// A step did not send its credentials: the ledger refused, or the request could not be written.
    turned_away: bool,
    /// What it failed with is what another run found.
    relayed: bool,
    /// The end was told; `finally` is under way.
    is_concluded: bool,
    waited: Duration,
    /// The status of the last answer after credentials were sent; 0 while there is none.
    status: u16,
}

impl<'a> Attempt<'a> {
    pub(in crate::probe::login) fn new(
        surroundings: &'a Surroundings,
        policy: LockoutPolicy,
        schedule: &Schedule,
    ) -> Attempt<'a> {
        let timeout = schedule.timeout();
        let patience = schedule.interval().saturating_sub(timeout);
        Attempt {
            surroundings,
            policy,
            patience,
            timeout,
            turns: Vec::new(),
            recovery: None,
            place: None,
            sent_to: Vec::new(),
            typed_into: None,
            proven: false,
            sent_code: false,
            turned_away: false,
            relayed: false,
            is_concluded: false,
            waited: Duration::ZERO,
            status: 0,
        }
    }

    /// Whether credentials were sent in this run.
    pub(in crate::probe::login) fn has_sent(&self) -> bool {
        !self.sent_to.is_empty()
    }

    /// Whether a one-time code was among them.
    pub(in crate::probe::login) fn has_sent_code(&self) -> bool {
        self.sent_code
    }

    /// Whether an expectation was met that only a logged-in user meets.
    pub(in crate::probe::login) fn is_proven(&self) -> bool {
        self.proven
    }

    /// Such an expectation was met.
    pub(in crate::probe::login) fn prove(&mut self) {
        self.proven = true;
    }

    /// The page that the credentials were typed into.
    pub(in crate::probe::login) fn typed_into(&self) -> Option<&Url> {
        self.typed_into.as_ref()
    }

    /// How long the present step waited for leave, which is not the service's time.
    pub(in crate::probe::login) fn waited(&self) -> Duration {
        self.waited
    }

    /// Whether what it failed with is what another run found before.
    pub(in crate::probe::login) fn is_relayed(&self) -> bool {
        self.relayed
    }

    pub(in crate::probe::login) fn begin_step(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// An answer came with this status.
    pub(in crate::probe::login) fn answered(&mut self, status: u16) {
        if self.has_sent() {
            self.status = status;
        }
    }

    /// Asks for leave to send the secrets of a step to a host. On success the credentials count as
    /// sent there.
    pub(in crate::probe::login) async fn ask(
        &mut self,
        wish: Wish<'_>,
        deadline: &Deadline,
    ) -> Result<Codes, Failure> {
        let (mut secrets, to) = (BTreeMap::new(), Receiver::of(wish.to));
        let names: Vec<_> =
            wish.templates.iter().flat_map(|template| template.secrets()).cloned().collect();
        // They may have been changed since the run began.
        self.surroundings.look_at_secrets(&names, deadline).await;
        for name in wish.templates.iter().flat_map(|template| template.secrets()) {
            // Not bound or not readable: nothing is asked of the ledger.
            secrets.insert(name.clone(), self.surroundings.secrets.reveal(name, &to)?);
        }
        let account = wish.account.or_else(|| secrets.keys().next()).unwrap_or(wish.fallback);
        let account = account.clone();
        let key = AccountKey { account, host: to.host.into() };
        // What is waited for from here on is not the service's time.
        let waited_before = deadline.waited();
        let _own_wait = deadline.own_wait();
        let leave = Deadline::after(self.patience.saturating_sub(waited_before));
        self.take_turn(wish.component, &key, &leave).await?;
        let prints = self.surroundings.accounts.prints(&secrets);
        let admission = self.surroundings.accounts.admit(&key, &prints);
        self.surroundings.accounts.settled().await;
        match admission {
            Admission::Go => {}
            Admission::Held(failure) | Admission::Slowed(failure) => {
                self.turned_away = true;
                return Err(failure);
            }
        }
        if self.recovery.is_none() && !self.is_concluded {
            // Longer, and those who wait would tell of the outage later than without it.
            let by = Instant::now() + self.timeout;
            let leave = leave.at_most(by);
            let turn = self.surroundings.recoveries.enter(wish.component, &leave).await;
            self.relayed = turn.is_err();
            self.recovery = Some(turn?);
        }
        if let Some(places) = wish.places {
            self.place = Some(places.take(&leave).await?);
        }
        // Last, because they are good for a moment.
        let codes = self.codes(wish.templates, &secrets, &leave).await?;
        self.typed_into = wish.page.cloned();
        self.sent_code |= !codes.is_empty();
        self.sent_to.push(key);
        self.status = 0;
        // What was shown so far was shown before these were sent.
        self.proven = false;
        self.waited = deadline.waited() - waited_before;
        Ok(codes)
    }

    /// Waits for a place for a program that is given no credentials.
    pub(in crate::probe::login) async fn wait_for_place(
        &mut self,
        places: &ProgramPlaces,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let waited_before = deadline.waited();
        let _own_wait = deadline.own_wait();
        let leave = Deadline::after(self.patience.saturating_sub(waited_before));
        self.place = Some(places.take(&leave).await?);
        self.waited = deadline.waited() - waited_before;
        Ok(())
    }

    /// The place that was waited for.
    pub(in crate::probe::login) fn take_place(&mut self) -> Option<OwnedSemaphorePermit> {
        self.place.take()
    }

    /// The request could not be written: what leave was given for was not sent, and nothing is
    /// learned about the account.
    pub(in crate::probe::login) fn withdraw(&mut self) {
        self.sent_to.pop();
        self.turned_away = true;
    }

    /// Two runs of one account at one host at once could end each other's session. Who gets no turn
    /// knows nothing new: an outage of the component keeps the reason that it has.
    async fn take_turn(
        &mut self,
        component: &str,
        key: &AccountKey,
        leave: &Deadline,
    ) -> Result<(), Failure> {
        if self.turns.iter().any(|(had, _)| had == key) {
            return Ok(());
        }
        match leave.within(self.surroundings.accounts.turn(key)).await {
            Ok(turn) => {
                self.turns.push((key.clone(), turn));
                Ok(())
            }
            Err(Expired) => {
                let known = self.surroundings.recoveries.failure(component);
                self.relayed = known.is_some();
                Err(known.unwrap_or_else(|| {
                    let AccountKey { account, host } = key;
                    let detail = format!(
                        "account {account} at {host} was in use by other runs all the time"
                    );
                    Failure::new(Reason::NoTurn, detail)
                }))
            }
        }
    }

    /// The code of every secret that is piped through `totp`, each for a time-step that no code
    /// was sent for before.
    async fn codes(
        &self,
        templates: &[&Template<FlowSource>],
        secrets: &BTreeMap<Arc<str>, Secret>,
        leave: &Deadline,
    ) -> Result<Codes, Failure> {
        let mut codes = Codes::new();
        for source in templates.iter().flat_map(|template| template.sources()) {
            let FlowSource::Code(name) = source else { continue };
            if codes.contains_key(name) {
                continue;
            }
            let Some(secret) = secrets.get(name) else { continue };
            let totp = Totp::parse(secret).map_err(|why| {
                let detail = format!("secret {name} is no TOTP key: {why}");
                Failure::new(Reason::SecretMissing, detail)
            })?;
            codes.insert(name.clone(), self.code(name, &totp, leave).await?);
        }
        Ok(codes)
    }

    async fn code(
        &self,
        name: &Arc<str>,
        totp: &Totp,
        leave: &Deadline,
    ) -> Result<Secret, Failure> {
        let skew = self.surroundings.clock_skew();
        if let Some(skew) = skew.filter(|s| s.abs() > SKEW_MAX.as_secs_f64()) {
            let detail = format!("our clock is off by {skew:.0} s, so no one-time code was sent");
            return Err(Failure::new(Reason::ClockWrong, detail));
        }
        loop {
            let now = self.surroundings.accounts.now();
            let step = totp.step(now);
            let used = self.surroundings.accounts.use_step(name, step).await;
            self.surroundings.accounts.settled().await;
            let Err(next) = used else {
                return Ok(totp.code(step));
            };
            let wait = totp.begins(next).saturating_sub(now).max(Duration::from_millis(1));
            if wait >= leave.remaining() {
                let detail = format!(
                    "the one-time code of {name} was used already and the next comes in {} s, after \
                     the next run is due",
                    wait.as_secs()
                );
                return Err(Failure::new(Reason::NoTurn, detail));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Tells the ledger, and who waits for a recovery, how the steps ended.
    pub(in crate::probe::login) fn conclude(&mut self, result: &Result<(), StepFailure>) {
        self.is_concluded = true;
        let ending = if result.is_err() && self.turned_away {
            // The ledger's own answer is nothing new about the account.
            Ending::Silence
        } else {
            Ending::of_steps(result, self.status, self.proven)
        };
        // Only the last host refused; the earlier ones accepted the credentials.
        let last = self.sent_to.pop();
        let accounts = &self.surroundings.accounts;
        for key in self.sent_to.iter().filter(|key| Some(*key) != last.as_ref()) {
            accounts.note(key, self.policy, &Ending::Success);
        }
        if let Some(key) = &last {
            accounts.note(key, self.policy, &ending);
        }
        let Some(turn) = self.recovery.take() else { return };
        match result {
            Ok(()) => turn.succeeded(),
            Err(_) if self.proven => turn.succeeded(),
            Err(failed) if !failed.failure.reason.says_nothing_about_the_service() => {
                if last.is_some() {
                    turn.failed(&failed.failure);
                }
            }
            Err(_) => {}
        }
    }
}
