//! The order of a run: steps, what is learned about the account, `finally`, and the mask over
//! everything that is reported.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until};
use tracing::trace;
use url::Url;

use crate::config::Target;
use crate::config::login::{Condition, Excerpt, LoginOptions, LoginStep};
use crate::deadline::Deadline;
use crate::net::Net;
use crate::outcome::{Failure, Reason, Step, StepFacts};
use crate::probe::exchange::Session;
use crate::redact::Redactor;
use crate::secret::Secret;
use crate::transport::http::{Client, Connections};
use crate::transport::proxy::Proxy;
use crate::transport::{ClientTls, ReadCounters, Recorder, Transport};

use super::ending::{Ending, Named};
use super::gate::Pass;
use super::guard::{Key, Policy};
use super::identity::Identities;

/// Of a page that failed the run.
const EXCERPT_BYTES: usize = 2048;

/// One run of a flow.
pub(super) struct Run<'a> {
    pub(super) options: &'a LoginOptions,
    pub(super) net: &'a Net,
    pub(super) session: Session<'a>,
    pub(super) identities: Identities,
    pub(super) captured: BTreeMap<Arc<str>, Secret>,
    /// The page that the next `submit` finds its form on.
    pub(super) page: Option<LastPage>,
    /// By step: how far it got.
    pub(super) done: BTreeMap<Arc<str>, Progress>,
    /// Values that are masked beside the secrets of the configuration.
    pub(super) private: Vec<Secret>,
    pub(super) login: Login<'a>,
    component: &'a Arc<str>,
    /// The host that the probe is about.
    host: &'a str,
}

/// What the run has done with credentials.
#[derive(Default)]
pub(super) struct Login<'a> {
    /// No other run uses the account meanwhile.
    pub(super) turn: Option<OwnedMutexGuard<()>>,
    pub(super) pass: Option<Pass<'a>>,
    /// Where credentials were sent, in order.
    pub(super) sent_to: Vec<Key>,
    /// The page that the credentials were typed into.
    pub(super) page: Option<Url>,
    /// An expectation was met that only a logged-in user meets.
    pub(super) proven: bool,
    /// The guard refused to let a step send its credentials.
    pub(super) turned_away: bool,
    /// The guard and the gate have been told; `finally` is under way.
    pub(super) is_concluded: bool,
    /// How long the present step waited for leave, which is not the service's time.
    pub(super) waited: Duration,
    /// The status of the last answer after credentials were sent; 0 while there is none.
    pub(super) status: u16,
}

/// A page, kept for its forms.
pub(super) struct LastPage {
    pub(super) url: Url,
    pub(super) body: Vec<u8>,
    pub(super) content_type: Option<String>,
}

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing left this process.
    Begun,
    /// The request was sent; a session may be open.
    Sent,
    /// It found what it expects.
    Ok,
}

/// A failure and who named it.
pub(super) struct Stumble {
    pub(super) failure: Failure,
    pub(super) named: Named,
}

impl From<Failure> for Stumble {
    fn from(failure: Failure) -> Stumble {
        Stumble { failure, named: Named::ByUs }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        options: &'a LoginOptions,
        target: &'a Target,
        net: &'a Net,
        proxy: Option<&'a Proxy<'a>>,
    ) -> Run<'a> {
        let transport = Transport {
            resolvers: &net.resolvers,
            dial: &target.dial,
            route: &options.route,
            pinned: None,
            tls: Some(ClientTls { clients: &net.trust, options: &options.tls }),
            proxy,
            // A login's requests are large: lost segments show here first.
            counters: ReadCounters::Yes,
        };
        let client = Client::new(transport, options.http, Connections::Kept);
        Run {
            options,
            net,
            session: Session::new(net, &options.tls, client),
            identities: Identities::new(&options.identities),
            captured: BTreeMap::new(),
            page: None,
            done: BTreeMap::new(),
            private: Vec::new(),
            login: Login::default(),
            component: &target.component,
            host: target.host(),
        }
    }

    pub(super) async fn attempt(
        mut self,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let until = deadline.at_most(self.options.end_of_steps(deadline.at()));
        let steps = self.steps(recorder, &until).await;
        self.conclude(&steps);
        let result = steps.map_err(|stumble| stumble.failure);
        if result.is_err() && self.options.excerpt == Excerpt::OnFailure {
            recorder.facts.excerpt = self.page.as_ref().map(LastPage::excerpt);
        }
        self.finally(recorder, &deadline.last()).await;
        recorder.finish();
        self.mask(recorder, result)
    }

    async fn steps(
        &mut self,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), Stumble> {
        let options = self.options;
        for step in &options.steps {
            if deadline.stop().asked().is_some() {
                return Err(self.stopped(step).into());
            }
            let start = Instant::now();
            // An answer that is about to come brings the cookie that the logout needs.
            let told = async {
                let by = deadline.stop().wait().await;
                sleep_until(options.end_of_steps(by)).await;
            };
            let result = tokio::select! {
                biased;
                result = self.step(step, recorder, deadline) => result,
                () = told => Err(self.stopped(step).into()),
            };
            let success = result.is_ok();
            let elapsed = start.elapsed().saturating_sub(self.login.waited);
            recorder.facts.steps.push(StepFacts { step: step.step.clone(), elapsed, success });
            let reached = self.done.get(&step.step.name);
            trace!(step = %step.step.name, ?elapsed, success, ?reached, "login step");
            result.map_err(|stumble| Stumble {
                failure: Failure {
                    step: stumble.failure.step.or_else(|| Some(step.step.clone())),
                    ..stumble.failure
                },
                ..stumble
            })?;
        }
        Ok(())
    }

    pub(super) fn stopped(&self, step: &LoginStep) -> Failure {
        let detail = "the daemon ends; the flow was not finished";
        Failure { step: Some(step.step.clone()), ..Failure::new(Reason::Internal, detail) }
    }

    /// Tells the guard and the gate how the login ended.
    fn conclude(&mut self, result: &Result<(), Stumble>) {
        self.login.is_concluded = true;
        let policy = Policy {
            max_failures: self.options.guard.max_failures,
            slow_to: self.options.guard.slow_to,
        };
        let ending = match result {
            Ok(()) => Ending::Success,
            // The guard's own answer is nothing new about the account.
            Err(_) if self.login.turned_away => Ending::Silence,
            Err(stumble) => {
                match Ending::of(&stumble.failure, stumble.named, self.login.status) {
                    refused @ Ending::Refused(_) => refused,
                    // What failed after the proof is not about the account.
                    _ if self.login.proven => Ending::Success,
                    ending => ending,
                }
            }
        };
        // A refusal is about the last place that was asked; the others had let us pass.
        let last = self.login.sent_to.pop();
        for key in self.login.sent_to.iter().filter(|key| Some(*key) != last.as_ref()) {
            self.net.accounts.note(key, policy, &Ending::Success);
        }
        if let Some(key) = &last {
            self.net.accounts.note(key, policy, &ending);
        }
        let Some(pass) = self.login.pass.take() else { return };
        match result {
            Ok(()) => pass.succeeded(),
            Err(_) if self.login.proven => pass.succeeded(),
            Err(stumble) if !stumble.failure.reason.says_nothing_about_the_service() => {
                if last.is_some() {
                    pass.failed(&stumble.failure);
                }
            }
            Err(_) => {}
        }
    }

    /// Each step by its own condition; a failure degrades and does not keep the next from being
    /// done.
    async fn finally(&mut self, recorder: &mut Recorder<'_>, deadline: &Deadline) {
        let options = self.options;
        for step in &options.finally {
            let reached = |name: &Arc<str>| self.done.get(name).copied();
            let due = match &step.condition {
                Condition::Always => true,
                Condition::Ok(name) => reached(name) == Some(Progress::Ok),
                Condition::Sent(name) => reached(name) >= Some(Progress::Sent),
            };
            if !due {
                continue;
            }
            let start = Instant::now();
            let result = self.step(step, recorder, deadline).await;
            let (success, elapsed) = (result.is_ok(), start.elapsed());
            recorder.facts.steps.push(StepFacts { step: step.step.clone(), elapsed, success });
            if let Err(Stumble { failure, .. }) = result {
                let detail = format!("{}: {}", failure.reason.as_str(), failure.detail);
                let step = Some(step.step.clone());
                recorder.facts.warnings.push(Failure {
                    reason: Reason::LogoutFailed,
                    step,
                    detail,
                });
            }
        }
    }

    /// Masks everything that is reported, when there is anything to mask.
    fn mask(
        &self,
        recorder: &mut Recorder<'_>,
        result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        if result.is_ok() && recorder.facts.warnings.is_empty() && self.private.is_empty() {
            return result;
        }
        // A host can send back whatever it was ever sent, by other probes too.
        let mut names = self.net.vault.bound_to(&self.options.hosts());
        names.extend(self.options.secrets().into_iter().chain(self.options.account.clone()));
        let secrets = self.net.vault.peek(&names);
        let cookies = self.session.jar().values().map(Secret::new).collect::<Vec<_>>();
        let redactor = Redactor::new(secrets.values().chain(&self.private).chain(cookies.iter()));
        let mask = |failure: &mut Failure| failure.detail = redactor.mask(&failure.detail);
        recorder.facts.warnings.iter_mut().for_each(mask);
        recorder.facts.excerpt = recorder.facts.excerpt.as_deref().map(|text| {
            let masked = redactor.mask(text);
            let mut end = masked.len().min(EXCERPT_BYTES);
            while !masked.is_char_boundary(end) {
                end -= 1;
            }
            masked[..end].to_owned()
        });
        if let Some(http) = &mut recorder.facts.http {
            http.hops.iter_mut().for_each(|hop| hop.url = redactor.mask(&hop.url));
        }
        result.map_err(|mut failure| {
            mask(&mut failure);
            failure
        })
    }

    /// A step as the probe's own service is tested by it, where `url` is on the probe's own host: a
    /// step's component names what is asked through that host, and it is not to blame for what the
    /// host says of itself.
    pub(super) fn own_step(&self, step: &LoginStep, url: &Url) -> Option<Step> {
        let own = || Step { name: step.step.name.clone(), component: self.component.clone() };
        (url.host_str() == Some(self.host)).then(own)
    }

    /// The service that a step without a component tests.
    pub(super) fn component(&self) -> &Arc<str> {
        self.component
    }
}

impl LastPage {
    /// More than is kept, so that a secret across the end is seen whole by the mask.
    fn excerpt(&self) -> String {
        let bytes = &self.body[..self.body.len().min(4 * EXCERPT_BYTES)];
        crate::probe::charset::text(bytes, self.content_type.as_deref(), None).into_owned()
    }
}
