//! The order of a run: steps, what is learned about the account, `finally`, and the mask over
//! everything that is reported.

use std::sync::Arc;

use chain::{ChainMemory, FetchReach};
use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until};
use url::Url;

use crate::config::login::{LoginOptions, LoginStep, Presence};
use crate::config::{DialOptions, Schedule};
use crate::deadline::Deadline;
use crate::offload::TargetShare;
use crate::outcome::{Failure, Nature, Reason, Stage, Step, StepFacts, TcpFacts};
use crate::probe::exchange::Session;
use crate::probe::mask::mask;
use crate::probe::surroundings::Surroundings;
use crate::redact::Redactor;
use crate::run_watch::{self, RunEvent};
use crate::transport::http::{Client, Connections};
use crate::transport::proxy::Proxy;
use crate::transport::{ClientTls, ReadCounters, Recorder, Transport};

use super::lockout::admission::Attempt;
use super::lockout::ending::{Ending, Named};
use super::page::LastPage;
use super::progress::Reached;
use super::trail::Trail;
use super::values::FlowValues;

/// What a run is about; nothing of it changes.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) options: &'a LoginOptions,
    pub(super) surroundings: &'a Surroundings,
    /// The service that a step without a component tests.
    pub(super) component: &'a Arc<str>,
    /// What the target has of the threads for pages.
    pub(super) share: &'a Arc<TargetShare>,
    /// What the target remembers of the chains that it was shown.
    pub(super) memory: &'a Arc<ChainMemory>,
    /// The host that the probe is about.
    pub(super) host: &'a str,
    /// How long it may wait for others.
    pub(super) schedule: &'a Schedule,
}

impl Context<'_> {
    /// A step as the probe's own service is tested by it, where `url` is on the probe's own host: a
    /// step's component names what is asked through that host, and it is not to blame for what the
    /// host says of itself.
    pub(super) fn own_step(&self, step: &LoginStep, url: &Url) -> Option<Step> {
        let own = || Step { name: step.step.name.clone(), component: self.component.clone() };
        (url.host_str() == Some(self.host)).then(own)
    }

    /// The service that a host stands for, where the file says so.
    fn service_at(&self, url: &Url) -> Option<Arc<str>> {
        self.options.components.get(&url.host_str()?.to_ascii_lowercase()).cloned()
    }

    pub(super) fn stopped(&self, step: &LoginStep) -> Failure {
        let detail = "the daemon ends; the flow was not finished";
        Failure { step: Some(step.step.clone()), ..Failure::new(Reason::Internal, detail) }
    }
}

/// One run of a flow.
pub(super) struct LoginRun<'a> {
    pub(super) context: Context<'a>,
    pub(super) session: Session<'a>,
    /// The page that the next `submit` finds its form on.
    pub(super) page: Option<Arc<LastPage>>,
    /// What was captured, and what is masked.
    pub(super) values: FlowValues<'a>,
    /// The identities that steps have signed with.
    pub(super) signers: Vec<Arc<str>>,
    /// The counters of the connection that sent most segments again: a logout after a failed step
    /// goes over another one.
    pub(super) tcp: Option<TcpFacts>,
    /// What each step sent last, and what came.
    pub(super) trail: Trail,
    /// How far each step got.
    pub(super) reached: Reached,
    /// What was done with credentials.
    pub(super) login: Attempt<'a>,
}

/// A failure and who named it.
pub(super) struct StepFailure {
    pub(super) failure: Failure,
    pub(super) named: Named,
}

impl StepFailure {
    /// Whether an optional step merely had nothing to do.
    fn is_nothing_to_do(&self) -> bool {
        let reason = self.failure.reason;
        let is_missing = reason.is(Nature::NothingToDo) || reason.is(Nature::MissedExpectation);
        self.named == Named::ByUs && is_missing
    }

    /// Whether it is the failure of the host that was asked last: not ours, and not of something
    /// that the host itself asks.
    fn is_the_hosts(&self) -> bool {
        self.failure.reason.stage() != Stage::Probe && self.failure.reason != Reason::PkiBackend
    }
}

impl From<Failure> for StepFailure {
    fn from(failure: Failure) -> StepFailure {
        StepFailure { failure, named: Named::ByUs }
    }
}

impl<'a> LoginRun<'a> {
    pub(super) fn new(
        context: Context<'a>,
        values: FlowValues<'a>,
        dial: &'a DialOptions,
        proxy: Option<&'a Proxy<'a>>,
    ) -> LoginRun<'a> {
        let Context { options, surroundings, share, memory, schedule, .. } = context;
        let transport = Transport {
            resolvers: &surroundings.resolvers,
            dial,
            route: &options.client.route,
            pinned: None,
            tls: Some(ClientTls {
                clients: &surroundings.tls_clients,
                options: &options.client.tls,
                memory,
            }),
            proxy,
            // A login's requests are large: lost segments show here first.
            counters: ReadCounters::Yes,
            reach: FetchReach::Anywhere,
        };
        let client = Client::new(transport, options.client.versions, Connections::Kept);
        LoginRun {
            context,
            session: Session::new(surroundings, &options.client.tls, client, share),
            page: None,
            values,
            signers: Vec::new(),
            tcp: None,
            trail: Trail::default(),
            reached: Reached::default(),
            login: Attempt::new(surroundings, options.guard, schedule),
        }
    }

    pub(super) async fn attempt(
        mut self,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let options = self.context.options;
        let until = deadline.at_most(options.end_of_steps(deadline.at()));
        let began = Instant::now();
        let steps = match self.steps(recorder, &until).await {
            Err(failed) => Err(self.unless_stalled(failed, recorder, began).await),
            done => done,
        };
        self.login.conclude(&steps);
        let result = steps.map_err(|failed| failed.failure);
        let trail = std::mem::take(&mut self.trail);
        if result.is_err() {
            recorder.facts.evidence = trail.into_evidence(options.charset);
        }
        self.finally(recorder, &deadline.last()).await;
        recorder.facts.tcp = self.tcp.or(recorder.facts.tcp);
        recorder.finish();
        self.mask(recorder, result).await
    }

    async fn steps(
        &mut self,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), StepFailure> {
        let context = self.context;
        for step in &context.options.steps {
            let before = self.page.clone().filter(|_| step.presence == Presence::Optional);
            if deadline.stop().asked().is_some() {
                return Err(context.stopped(step).into());
            }
            let start = Instant::now();
            // An answer that is about to come brings the cookie that the logout needs.
            let told = async {
                let by = deadline.stop().wait().await;
                sleep_until(context.options.end_of_steps(by)).await;
            };
            let result = tokio::select! {
                biased;
                result = self.step(step, recorder, deadline) => result,
                () = told => Err(context.stopped(step).into()),
            };
            let success = result.is_ok();
            let elapsed = start.elapsed().saturating_sub(self.login.waited());
            let asked = self.session.take_asked().or_else(|| self.page_of(&result));
            if let Err(failed) = &result
                && step.presence == Presence::Optional
                && failed.is_nothing_to_do()
            {
                base::traced!(step = %step.step.name, "optional login step passed over");
                self.page = before;
                continue;
            }
            run_watch::tell(|| RunEvent::StepEnded(step.step.name.to_string(), elapsed, success));
            recorder.facts.steps.push(StepFacts { step: step.step.clone(), elapsed, success });
            let reached = self.reached.of(&step.step.name);
            base::traced!(step = %step.step.name, ?elapsed, success, ?reached, "login step");
            result.map_err(|mut failed| {
                if let Some(service) = asked.and_then(|url| context.service_at(&url))
                    && failed.is_the_hosts()
                {
                    let name = step.step.name.clone();
                    failed.failure.step = Some(Step { name, component: service });
                }
                failed.failure.step.get_or_insert_with(|| step.step.clone());
                failed
            })?;
        }
        Ok(())
    }

    /// A failure that comes of our own stall, as such: nothing of it counts against the account or
    /// closes the gate for others. A one-time code that was sent late is a matter of time, too.
    async fn unless_stalled(
        &self,
        failed: StepFailure,
        recorder: &Recorder<'_>,
        began: Instant,
    ) -> StepFailure {
        let own_time = &self.context.surroundings.own_time;
        let now = Instant::now();
        let excused = match own_time.excuse(&failed.failure, recorder.facts, began, now).await {
            None if self.login.has_sent_code() => {
                own_time.excuse_late_code(&failed.failure, began, now).await
            }
            excused => excused,
        };
        excused.map_or(failed, StepFailure::from)
    }

    /// Where the page came from that a step found wrong before it asked anybody.
    fn page_of(&self, result: &Result<(), StepFailure>) -> Option<Url> {
        let reason = result.as_ref().err()?.failure.reason;
        let of_page = matches!(reason, Reason::FormMissing | Reason::FormChanged);
        self.page.as_ref().filter(|_| of_page).map(|page| page.url.clone())
    }

    /// Each step by its own condition; a failure degrades and does not keep the next from being
    /// done.
    async fn finally(&mut self, recorder: &mut Recorder<'_>, deadline: &Deadline) {
        let context = self.context;
        // A logout without a login is impossible, and nothing is said about it.
        let is_open = self.login.is_proven() || !context.options.has_credentials();
        for step in &context.options.finally {
            if !self.reached.meets(&step.condition) {
                continue;
            }
            let start = Instant::now();
            let result = self.step(step, recorder, deadline).await;
            let (success, elapsed) = (result.is_ok(), start.elapsed());
            if !success && !is_open {
                continue;
            }
            run_watch::tell(|| RunEvent::StepEnded(step.step.name.to_string(), elapsed, success));
            recorder.facts.steps.push(StepFacts { step: step.step.clone(), elapsed, success });
            if let Err(StepFailure { failure, .. }) = result {
                let detail = format!("{}: {}", failure.reason.as_str(), failure.detail);
                let step = Some(step.step.clone());
                let warning = Failure { reason: Reason::LogoutFailed, step, detail };
                recorder.facts.warnings.push(warning);
            }
        }
    }

    /// Masks everything that is reported, when there is anything to mask.
    async fn mask(
        &self,
        recorder: &mut Recorder<'_>,
        result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        let private = self.values.private();
        let Context { options, surroundings, .. } = self.context;
        // A run that went well shows addresses that it was led to, and what programs have said.
        let is_silent = result.is_ok() && recorder.facts.warnings.is_empty();
        if is_silent && private.is_empty() && !options.has_credentials() {
            return result;
        }
        // A host can send back whatever it was ever sent, by other probes too.
        let mut names = surroundings.secrets.known_to(&options.hosts()).boxed().await;
        names.extend(options.secrets().into_iter().chain(options.account.clone()));
        let secrets = surroundings.secrets.peek(&names);
        let cookies = self.session.jar().secrets().collect::<Vec<_>>();
        let redactor = Redactor::new(secrets.values().chain(&private).chain(cookies.iter()));
        mask(recorder.facts, result, &redactor)
    }
}

impl Ending {
    /// How a run's steps ended, for the account that they were done with.
    pub(super) fn of_steps(result: &Result<(), StepFailure>, status: u16, proven: bool) -> Ending {
        let Err(failed) = result else { return Ending::Success };
        match Ending::of(&failed.failure, failed.named, status) {
            refused @ Ending::Refused(_) => refused,
            // What failed after the proof is not about the account.
            _ if proven => Ending::Success,
            ending => ending,
        }
    }
}
