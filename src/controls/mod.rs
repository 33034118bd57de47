//! "Am I online?" Places that should always answer, tried every few seconds and whenever a run
//! fails: when none of them answers, this vantage has no vote, and what a run could not reach is
//! `vantage_offline` instead of somebody's outage. Their `Date` headers show how wrong our clock
//! is. They answer again as soon as a stall of ours is over, so that one is asked of
//! [`OwnTime`] first.
//!
//! [`Controls`] remembers and judges; the network is behind [`Contact`] ([`wire`]), so that the
//! judgement can be tested on a paused clock.

mod dated_chains;
mod own_clock;
mod own_resolver;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use self::dated_chains::{ClockOffset, DatedChains, OurClock};
use crate::calendar;
use crate::config::{DialOptions, Target};
use crate::outcome::{Failure, Outcome, Reason, Stage};
use crate::own_time::OwnTime;
use crate::transport::name_servers::ServersState;
use crate::transport::resolve::Resolvers;

/// Short enough that a scrape never sees a state older than itself, long enough that a thousand
/// vantages do not trouble a shared control.
const EVERY: Duration = Duration::from_secs(5);

/// A reading older than this does not judge a failure. A link that broke a moment ago must be
/// noticed by the first run that fails for it; and while runs fail in masses, controls are asked
/// no more often than this.
const FRESH: Duration = Duration::from_secs(1);

/// How long all controls together may take to answer. One lost SYN is sent again after 1 s.
const PATIENCE: Duration = Duration::from_secs(2);

/// A control that answers in the rest of the patience is a good one.
const STALL_SHARE: u32 = 10;

/// Ways to ask the controls.
pub trait Contact: Send + Sync + 'static {
    /// Whether any of them answers; returns with the first answer. Bounded by the caller.
    fn anyone(&self) -> BoxFuture<'_, bool>;
    /// Asks all of them, and takes no longer than `patience`.
    fn everyone(&self, patience: Duration) -> BoxFuture<'_, Reading>;
}

/// What the controls showed last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Whether any answered. True while there are none, or none was asked yet.
    pub online: bool,
    /// Seconds by which our clock is ahead of theirs, the median; `None` when none told the time.
    /// Good to about half a second and half a round trip.
    pub skew: Option<f64>,
}

impl Reading {
    /// Nothing is known against us.
    const UNASKED: Reading = Reading { online: true, skew: None };
}

/// The state of our own connection.
pub struct Controls {
    state: Mutex<State>,
    /// Held by whoever asks on behalf of a failed run; all others wait for that one answer.
    asking: tokio::sync::Mutex<()>,
    replaced: Notify,
    own_time: Arc<OwnTime>,
    resolvers: Option<Arc<Resolvers>>,
    dated_chains: DatedChains,
}

struct State {
    contact: Option<Arc<dyn Contact>>,
    reading: Reading,
    read_at: Option<Instant>,
    /// When all were last asked, and with that for the time, and our clock just before that.
    all_read_at: Option<(Instant, ClockOffset)>,
}

impl Controls {
    /// Without controls, and without knowing our own time, everything is judged as it was found.
    pub fn none() -> Controls {
        Controls::timed_by(Arc::new(OwnTime::unwatched()))
    }

    /// Without controls until [`Controls::replace`].
    pub fn timed_by(own_time: Arc<OwnTime>) -> Controls {
        let state =
            State { contact: None, reading: Reading::UNASKED, read_at: None, all_read_at: None };
        Controls {
            state: Mutex::new(state),
            asking: tokio::sync::Mutex::new(()),
            replaced: Notify::new(),
            own_time,
            resolvers: None,
            dated_chains: DatedChains::new(),
        }
    }

    /// With the name servers that runs ask.
    #[must_use]
    pub fn resolving_by(self, resolvers: Arc<Resolvers>) -> Controls {
        Controls { resolvers: Some(resolvers), ..self }
    }

    /// How much of the time this process did not get to run.
    pub fn own_time(&self) -> &OwnTime {
        &self.own_time
    }

    /// Asks these from now on; for start and reload. What the old ones showed is dropped.
    pub fn replace(&self, contact: Option<Arc<dyn Contact>>) {
        *self.state.lock() =
            State { contact, reading: Reading::UNASKED, read_at: None, all_read_at: None };
        self.replaced.notify_one();
    }

    pub fn reading(&self) -> Reading {
        self.state.lock().reading
    }

    /// Asks now, for whoever has no watch running. Takes at most [`PATIENCE`].
    pub async fn ask(&self) -> Reading {
        let contact = self.state.lock().contact.clone();
        if let Some(contact) = contact {
            self.ask_all(&contact).await;
        }
        self.reading()
    }

    /// Keeps the reading current. Never returns; one task does this for the whole process.
    pub async fn watch(&self) {
        loop {
            let contact = self.state.lock().contact.clone();
            if let Some(contact) = contact {
                self.ask_all(&contact).await;
                tokio::select! {
                    () = sleep(EVERY) => {}
                    () = self.replaced.notified() => {}
                }
            } else {
                self.replaced.notified().await;
            }
        }
    }

    async fn ask_all(&self, contact: &Arc<dyn Contact>) {
        let clock = OurClock::read().offset;
        let reading = self.everyone(&**contact).await;
        if self.store(contact, reading) {
            self.state.lock().all_read_at = Some((Instant::now(), clock));
        }
    }

    /// What all of them show. While we stood still, that was nothing: the last reading stays, and of
    /// the new one only that somebody answered.
    async fn everyone(&self, contact: &dyn Contact) -> Reading {
        let asked = Instant::now();
        let reading = contact.everyone(PATIENCE).await;
        if self.stood_still(asked).await {
            let last = self.reading();
            return Reading { online: last.online || reading.online, ..last };
        }
        reading
    }

    /// Whether we stood still for a part of the patience that matters.
    async fn stood_still(&self, since: Instant) -> bool {
        let lost = self.own_time.lost(since, Instant::now()).await;
        lost.is_some_and(|lost| lost.time >= PATIENCE / STALL_SHARE)
    }

    /// Turns a failure of a run that has just ended into `prober_stalled` where our own stall
    /// explains it, into `clock_wrong` where our clock does, into `no_resolver` where none of our name servers
    /// is of use, and else into `vantage_offline` where our own lack of a connection does. Takes at most
    /// twice [`PATIENCE`] plus the wait for one who is asking already.
    pub async fn judge(&self, dial: &DialOptions, outcome: &mut Outcome) {
        let ended = Instant::now();
        let began = ended.checked_sub(outcome.elapsed).unwrap_or(ended);
        self.own_time.judge(outcome, began, ended).await;
        if own_clock::concerns(outcome) {
            match self.skew().await {
                Some(skew) => {
                    let set = own_clock::set_by(outcome, ended.elapsed());
                    own_clock::judge(outcome, skew, set);
                }
                None if !calendar::has_now() => own_clock::judge_undated(outcome),
                None => {}
            }
        }
        let Err(failure) = &outcome.result else { return };
        let servers = match &self.resolvers {
            Some(resolvers) if own_resolver::concerns(failure, dial) => resolvers.state(dial).await,
            _ => ServersState::Useful,
        };
        // Servers that answer are reached: then it is not our connection.
        if servers == ServersState::Refusing {
            outcome.result = Err(own_resolver::none(failure, servers));
            return;
        }
        if !may_be_ours(failure.reason) {
            return;
        }
        if self.is_online().await {
            if servers == ServersState::Silent {
                outcome.result = Err(own_resolver::none(failure, servers));
            }
            return;
        }
        let found = Failure { step: None, ..failure.clone() };
        outcome.result = Err(Failure {
            reason: Reason::VantageOffline,
            step: failure.step.clone(),
            detail: format!("no control answers, so this vantage is offline; the run had {found}"),
        });
    }

    /// [`judge`](Self::judge) for a run of the schedule: where no control tells the time, the
    /// certificates that all targets showed tell of our clock.
    pub async fn judge_scheduled(&self, target: &Target, outcome: &mut Outcome) {
        let ended = Instant::now();
        self.judge(&target.dial, outcome).await;
        if self.reading().skew.is_none() {
            self.dated_chains.judge(&target.id, outcome, ended).await;
        }
    }

    /// How far our clock is ahead of the controls'. They are asked unless they were just now, by the clock
    /// that we have now; however many want to know, one asks.
    async fn skew(&self) -> Option<f64> {
        let _turn = self.asking.lock().await;
        let (contact, all_read_at) = {
            let state = self.state.lock();
            (state.contact.clone()?, state.all_read_at)
        };
        let clock = OurClock::read().offset;
        let is_old = |(at, then): (Instant, ClockOffset)| {
            at.elapsed() > FRESH || own_clock::is_off(clock.moved_since(then))
        };
        if all_read_at.is_none_or(is_old) {
            self.ask_all(&contact).await;
        }
        self.reading().skew
    }

    /// Asks unless there is a fresh answer; however many want to know, one asks.
    async fn is_online(&self) -> bool {
        if let Some(online) = self.fresh() {
            return online;
        }
        let _turn = self.asking.lock().await;
        if let Some(online) = self.fresh() {
            return online;
        }
        let Some(contact) = self.state.lock().contact.clone() else { return true };
        let asked = Instant::now();
        let online = timeout(PATIENCE, contact.anyone()).await.unwrap_or(false);
        let Reading { online: was_online, skew } = self.reading();
        if !online && self.stood_still(asked).await {
            return was_online;
        }
        self.store(&contact, Reading { online, skew });
        online
    }

    fn fresh(&self) -> Option<bool> {
        let state = self.state.lock();
        if state.contact.is_none() {
            return Some(true);
        }
        let age = state.read_at?.elapsed();
        (age <= FRESH).then_some(state.reading.online)
    }

    /// Answers of controls that were replaced meanwhile do not count. Whether they did.
    fn store(&self, asked: &Arc<dyn Contact>, reading: Reading) -> bool {
        let mut state = self.state.lock();
        if !state.contact.as_ref().is_some_and(|contact| Arc::ptr_eq(contact, asked)) {
            return false;
        }
        let was_online = state.reading.online;
        state.reading = reading;
        state.read_at = Some(Instant::now());
        drop(state);
        match (was_online, reading.online) {
            (true, false) => warn!("no control answers: this vantage is offline and has no vote"),
            (false, true) => info!("a control answers: this vantage is online again"),
            _ => {}
        }
        true
    }
}

/// Whether a vantage without a connection could have caused it. An answer that was received and
/// found wrong could not.
fn may_be_ours(reason: Reason) -> bool {
    matches!(reason.stage(), Stage::Dns | Stage::Tcp | Stage::Tls)
        || matches!(reason, Reason::ResponseTimeout | Reason::BodyTimeout)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::SystemTime;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;
    use crate::outcome::{Facts, Step, Verdict};

    /// Answers as told, after `takes`, and counts.
    struct Scripted {
        online: AtomicBool,
        asked: AtomicUsize,
        takes: Duration,
    }

    impl Scripted {
        fn new(online: bool, takes: Duration) -> Arc<Scripted> {
            Arc::new(Scripted { online: online.into(), asked: 0.into(), takes })
        }
    }

    impl Contact for Scripted {
        fn anyone(&self) -> BoxFuture<'_, bool> {
            async {
                self.asked.fetch_add(1, Ordering::Relaxed);
                sleep(self.takes).await;
                self.online.load(Ordering::Relaxed)
            }
            .boxed()
        }

        fn everyone(&self, _patience: Duration) -> BoxFuture<'_, Reading> {
            async { Reading { online: self.anyone().await, skew: Some(0.25) } }.boxed()
        }
    }

    fn asking(contact: &Arc<Scripted>) -> Arc<Controls> {
        let controls = Controls::none();
        controls.replace(Some(Arc::clone(contact) as Arc<dyn Contact>));
        Arc::new(controls)
    }

    fn failed(reason: Reason) -> Outcome {
        Outcome {
            started_at: SystemTime::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            result: Err(Failure::new(reason, "as told")),
            facts: Facts::default(),
        }
    }

    async fn judged(controls: &Controls, reason: Reason) -> Failure {
        let mut outcome = failed(reason);
        controls.judge(&DialOptions::default(), &mut outcome).await;
        outcome.result.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_failure_of_an_offline_vantage_has_no_vote() {
        let controls = asking(&Scripted::new(false, Duration::ZERO));
        let mut outcome = failed(Reason::ConnectTimeout);
        controls.judge(&DialOptions::default(), &mut outcome).await;
        assert_eq!(outcome.verdict(), Verdict::Unknown);
        let failure = outcome.result.unwrap_err();
        assert_eq!(failure.reason, Reason::VantageOffline);
        assert!(failure.detail.contains("connect_timeout: as told"), "{}", failure.detail);
        assert!(!controls.reading().online);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_answered_is_never_our_connection() {
        let contact = Scripted::new(false, Duration::ZERO);
        let controls = asking(&contact);
        for reason in [Reason::HttpStatus, Reason::NoticePage, Reason::BadCredentials] {
            assert_eq!(judged(&controls, reason).await.reason, reason);
        }
        assert_eq!(contact.asked.load(Ordering::Relaxed), 0);
        for reason in [Reason::DnsTimeout, Reason::TlsHandshake, Reason::ResponseTimeout] {
            assert_eq!(judged(&controls, reason).await.reason, Reason::VantageOffline);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_step_of_a_login_survives() {
        let controls = asking(&Scripted::new(false, Duration::ZERO));
        let step = Step { name: "submit".into(), component: "gpki".into() };
        let mut outcome = failed(Reason::ConnectTimeout);
        outcome.result = Err(Failure {
            step: Some(step.clone()),
            ..Failure::new(Reason::ConnectTimeout, "as told")
        });
        controls.judge(&DialOptions::default(), &mut outcome).await;
        assert_eq!(outcome.result.unwrap_err().step, Some(step));
    }

    #[tokio::test(start_paused = true)]
    async fn a_mass_of_failures_asks_once() {
        let contact = Scripted::new(false, Duration::from_millis(300));
        let controls = asking(&contact);
        let all = join_all((0..17_000).map(|_| judged(&controls, Reason::ConnectTimeout))).await;
        assert!(all.iter().all(|failure| failure.reason == Reason::VantageOffline));
        assert_eq!(contact.asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_reading_does_not_judge() {
        let contact = Scripted::new(true, Duration::ZERO);
        let controls = asking(&contact);
        assert_eq!(judged(&controls, Reason::ConnectTimeout).await.reason, Reason::ConnectTimeout);
        contact.online.store(false, Ordering::Relaxed);
        tokio::time::advance(FRESH).await;
        assert_eq!(judged(&controls, Reason::ConnectTimeout).await.reason, Reason::ConnectTimeout);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(judged(&controls, Reason::ConnectTimeout).await.reason, Reason::VantageOffline);
        assert_eq!(contact.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn controls_that_never_answer_cost_a_failure_two_seconds() {
        let controls = asking(&Scripted::new(true, Duration::from_secs(3600)));
        let start = Instant::now();
        assert_eq!(judged(&controls, Reason::ConnectTimeout).await.reason, Reason::VantageOffline);
        assert_eq!(start.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn without_controls_nothing_is_judged() {
        let controls = Controls::none();
        assert_eq!(judged(&controls, Reason::ConnectTimeout).await.reason, Reason::ConnectTimeout);
        assert_eq!(controls.reading(), Reading::UNASKED);
    }

    #[tokio::test(start_paused = true)]
    async fn the_watch_follows_the_connection_and_a_reload() {
        let contact = Scripted::new(true, Duration::ZERO);
        let controls = asking(&contact);
        let watch = tokio::spawn({
            let controls = Arc::clone(&controls);
            async move { controls.watch().await }
        });
        sleep(Duration::from_millis(1)).await;
        assert_eq!(controls.reading(), Reading { online: true, skew: Some(0.25) });
        contact.online.store(false, Ordering::Relaxed);
        sleep(EVERY + Duration::from_millis(10)).await;
        assert!(!controls.reading().online);
        controls.replace(None);
        let asked = contact.asked.load(Ordering::Relaxed);
        assert_eq!(controls.reading(), Reading::UNASKED);
        sleep(10 * EVERY).await;
        assert_eq!(contact.asked.load(Ordering::Relaxed), asked, "replaced controls are asked");
        watch.abort();
    }
}
