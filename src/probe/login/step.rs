//! One step: leave, request, redirects and forms that submit themselves, judgement, captures.

use std::sync::Arc;
use std::time::Duration;

use encoding_rs::Encoding;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::config::login::{Action, Button, Capture, CaptureFrom, LoginStep, SelfSubmit};
use crate::config::{Excerpt, Expect, Rules};
use crate::deadline::Deadline;
use crate::offload::Budget;
use crate::outcome::{Failure, Reason, Stage};
use crate::probe::exchange::{Answer, BodyRules, ContentCoding, ExchangeRules, Unfollowed};
use crate::probe::expect;
use crate::probe::jar::Jar;
use crate::probe::judge::{self as probe_judge, Missed};
use crate::probe::page::{Head, Page};
use crate::probe::request::{Outgoing, shown};
use crate::probe::unread::Body;
use crate::redact;
use crate::secret::Secret;
use crate::template::{FlowSource, Template};
use crate::transport::Recorder;

use super::judge::{SessionState, judge};
use super::lockout::admission::{Codes, Wish};
use super::lockout::ending::Named;
use super::page::LastPage;
use super::page::capture;
use super::page::form::Pressed;
use super::progress::Progress;
use super::run::{LoginRun, StepFailure};

impl LoginRun<'_> {
    /// Does a step. `self.reached` tells how far it got, also when it is dropped in the middle.
    pub(super) async fn step(
        &mut self,
        step: &LoginStep,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), StepFailure> {
        self.reached.set(step, Progress::Begun);
        self.login.begin_step();
        self.values.begin_step();
        if let Action::Wait(time) = step.action {
            return self.wait(step, time, deadline).await;
        }
        if let Action::Sign(action) = &step.action {
            return self.sign(step, action).await;
        }
        if let Action::Exec(action) = &step.action {
            return self.exec(step, action, recorder, deadline).await;
        }
        let Some(mut draft) = self.draft(step, deadline).await? else { return Ok(()) };
        self.may_go(step, draft.url())?;
        let codes = if self.context.options.is_credential(step) {
            // Nothing was sent yet, so nothing is lost.
            tokio::select! {
                biased;
                codes = self.ask(step, draft.url(), deadline) => {
                    recorder.facts.is_relayed = self.login.is_relayed();
                    codes?
                }
                _ = deadline.stop().wait() => return Err(self.context.stopped(step).into()),
            }
        } else {
            Codes::new()
        };
        let start = Instant::now();
        let mut tries = 0;
        loop {
            let request = match self.request(step, draft, &codes) {
                Ok(request) => request,
                Err(failure) => {
                    self.login.withdraw();
                    return Err(failure.into());
                }
            };
            let answer = self.exchange(step, request, recorder, deadline).await?;
            tries += 1;
            let came = self.answered(step, answer, start, recorder, deadline).await?;
            let Some(poll) = step.poll.as_ref().filter(|_| came == Arrival::Waits) else {
                if tries > 1 && step.poll.as_ref().is_some_and(|p| p.reason == Reason::WaitingRoom)
                {
                    let detail = format!("waited {} s to be let in", start.elapsed().as_secs());
                    let warning = Failure::new(Reason::WaitingRoom, detail);
                    let step = Some(step.step.clone());
                    recorder.facts.warnings.push(Failure { step, ..warning });
                }
                return Ok(());
            };
            let left = poll.at_most.map(|most| most.saturating_sub(start.elapsed()));
            if poll.every >= left.unwrap_or(Duration::MAX).min(deadline.remaining()) {
                let waited = start.elapsed().as_secs();
                let detail = format!("still not through after {tries} requests in {waited} s");
                return Err(Failure::new(poll.reason, detail).into());
            }
            tokio::select! {
                () = sleep(poll.every) => {}
                _ = deadline.stop().wait() => return Err(self.context.stopped(step).into()),
            }
            let Some(again) = self.draft(step, deadline).await? else { return Ok(()) };
            draft = again;
        }
    }

    /// Asks for leave to send credentials.
    async fn ask(
        &mut self,
        step: &LoginStep,
        to: &Url,
        deadline: &Deadline,
    ) -> Result<Codes, Failure> {
        let options = self.context.options;
        let headers = options.headers.iter().map(|(_, value)| value);
        let templates: Vec<&Template<FlowSource>> = step.templates().chain(headers).collect();
        let wish = Wish {
            account: options.account.as_ref(),
            fallback: self.context.component,
            component: &step.step.component,
            to,
            templates: &templates,
            page: self.page.as_ref().map(|page| &page.url),
            places: None,
        };
        let codes = self.login.ask(wish, deadline).await?;
        codes.values().for_each(|code| self.values.hide(code));
        Ok(codes)
    }

    async fn wait(
        &mut self,
        step: &LoginStep,
        time: Duration,
        deadline: &Deadline,
    ) -> Result<(), StepFailure> {
        if time >= deadline.remaining() {
            let detail = "the steps before took so long that no time is left to wait";
            return Err(Failure::new(Reason::TooSlow, detail).into());
        }
        tokio::select! {
            () = sleep(time) => {
                self.reached.set(step, Progress::Ok);
                Ok(())
            }
            _ = deadline.stop().wait() => Err(self.context.stopped(step).into()),
        }
    }

    /// A form may have been changed to lead elsewhere.
    fn may_go(&self, step: &LoginStep, url: &Url) -> Result<(), Failure> {
        let (Action::Submit(_), Some(page)) = (&step.action, &self.page) else { return Ok(()) };
        LoginRun::is_allowed(step, url, &page.url)
    }

    fn is_allowed(step: &LoginStep, url: &Url, from: &Url) -> Result<(), Failure> {
        let allowed = &step.follow.allow_hosts;
        let host = url.host_str().unwrap_or_default();
        let own = from.host_str() == Some(host);
        if own || allowed.is_empty() || allowed.iter().any(|a| a.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        let detail = format!("a form leads to {}, a host outside allow_hosts", shown(url));
        Err(Failure::new(Reason::RedirectUnexpectedHost, detail))
    }

    /// Sends, follows, and submits what submits itself.
    async fn exchange(
        &mut self,
        step: &LoginStep,
        request: Outgoing,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Answer, StepFailure> {
        let before = hops(recorder);
        let mut answer = self.send(step, request, recorder, deadline).await?;
        while let Some(SelfSubmit { form: selector, max_hops }) = &step.self_submit {
            if !answer.status.is_success() {
                break;
            }
            self.page = Some(Arc::new(LastPage::of(&answer)));
            let Some(page) = &self.page else { break };
            let (desk, charset) = (self.session.desk(), self.context.options.charset);
            // A script that sends a form presses no button.
            let how = Pressed { button: &Button::None, has_action: false };
            let form = match page.form_at(desk, &selector.0, how, charset, deadline).await {
                Err(failure) if failure.reason == Reason::FormMissing => break,
                form => form?,
            };
            if hops(recorder) - before >= *max_hops as usize {
                let detail = format!("more than {max_hops} redirects and self-submitting forms");
                return Err(Failure::new(Reason::RedirectLimit, detail).into());
            }
            LoginRun::is_allowed(step, &form.action, &page.url)?;
            let request = self.auto_submit(form, step)?;
            answer = self.send(step, request, recorder, deadline).await?;
        }
        Ok(answer)
    }

    /// One request with its redirects. Credentials are sent once, and over a connection of their
    /// own.
    async fn send(
        &mut self,
        step: &LoginStep,
        request: Outgoing,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Answer, Failure> {
        let body = BodyRules {
            limit: self.context.options.body_limit,
            coding: ContentCoding::Decoded,
            unfollowed: Unfollowed::Read,
        };
        let rules = ExchangeRules { follow: &step.follow, body };
        let request = request.once(self.context.options.is_credential(step));
        let own = self.context.own_step(step, request.url());
        // From here on a session may be open, whatever becomes of the answer.
        let before = hops(recorder);
        let progress = self.reached.of(&step.step.name);
        self.reached.set(step, Progress::Sent);
        let told = recorder.facts.warnings.len();
        let spent = recorder.watch.phases();
        let result = self.session.send(request, rules, recorder, deadline).await;
        if let Some(last) = self.session.last() {
            let evidence = last.evidence(recorder.peer, recorder.watch.phases().since(&spent));
            let page =
                result.as_ref().ok().filter(|_| self.context.options.excerpt == Excerpt::OnFailure);
            self.trail.add(&step.step.name, evidence, page);
        }
        let worst = self.tcp.into_iter().chain(recorder.facts.tcp);
        self.tcp = worst.max_by_key(|tcp| tcp.retransmits);
        for warning in recorder.facts.warnings.iter_mut().skip(told) {
            warning.step.get_or_insert_with(|| step.step.clone());
        }
        if let Err(failure) = &result
            && never_left(failure)
            && hops(recorder) == before
        {
            self.reached.set(step, progress.unwrap_or(Progress::Begun));
            // Nobody behind this host was asked.
            return result.map_err(|failure| Failure { step: own, ..failure });
        }
        result
    }

    /// Judges the answer and keeps what later steps need.
    async fn answered(
        &mut self,
        step: &LoginStep,
        answer: Answer,
        start: Instant,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Arrival, StepFailure> {
        self.page = Some(Arc::new(LastPage::of(&answer)));
        self.login.answered(answer.status.as_u16());
        let own = self.context.own_step(step, &answer.url);
        let bytes = answer.body.as_ref().map_or(0, Vec::len);
        let came = Came {
            answer,
            jar: self.session.jar().clone(),
            elapsed: start.elapsed(),
            charset: self.context.options.charset,
            session: SessionState::of(&self.login),
            step: step.clone(),
        };
        let desk = self.session.desk();
        let judged = desk.run(bytes, deadline.at(), |budget| came.judge(budget)).await?;
        if judged.is_proof {
            self.login.prove();
        }
        for capture in step.captures.iter().filter(|capture| capture.secret) {
            let taken = judged.taken.iter().filter(|(name, _)| *name == capture.name);
            taken.for_each(|(name, value)| self.values.hide_capture(name, &hidden(capture, value)));
        }
        judged.result.map_err(|mut failed| {
            if failed.failure.reason == Reason::NoticePage {
                failed.failure.step = own;
            }
            self.name_signers(&mut failed.failure);
            failed
        })?;
        let of_step = |warning| Failure { step: Some(step.step.clone()), ..warning };
        recorder.facts.warnings.extend(judged.warnings.into_iter().map(of_step));
        judged.taken.into_iter().for_each(|(name, value)| self.values.keep(&name, value));
        if judged.arrival == Arrival::There {
            self.reached.set(step, Progress::Ok);
        }
        Ok(judged.arrival)
    }
}

/// Whether a step that polls has got what it polls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    There,
    Waits,
}

/// The answer to a step, to be judged beside the runtime.
struct Came {
    answer: Answer,
    jar: Jar,
    elapsed: Duration,
    charset: Option<&'static Encoding>,
    session: SessionState,
    step: LoginStep,
}

struct JudgedStep {
    arrival: Arrival,
    result: Result<(), StepFailure>,
    /// Whether it shows that the login worked.
    is_proof: bool,
    /// Captures, as far as they were taken.
    taken: Vec<(Arc<str>, Secret)>,
    warnings: Vec<Failure>,
}

impl Came {
    fn judge(self, budget: Budget) -> JudgedStep {
        let Came { answer, jar, elapsed, charset, session, step } = &self;
        let Answer { url, status, version, headers, body } = answer;
        let head = Head { url, status: status.as_u16(), version, headers };
        let bytes = body.as_deref().unwrap_or_default();
        let mut page = Page::new(head, bytes, *charset, jar);
        page.elapsed = *elapsed;
        page.budget = budget;
        let mut judged = JudgedStep {
            arrival: Arrival::There,
            result: Ok(()),
            is_proof: false,
            taken: Vec::new(),
            warnings: Vec::new(),
        };
        if let Some(poll) = &step.poll
            && body.is_ok()
            && expect::first_miss(&poll.until, &page).is_some()
        {
            return waiting(step, &page, judged);
        }
        match judge(step, &page, body.as_ref().err(), session) {
            Ok(is_proof) => judged.is_proof = is_proof,
            Err(failed) => return JudgedStep { result: Err(failed), ..judged },
        }
        for capture in &step.captures {
            match capture::take(capture, &page) {
                Ok(value) => judged.taken.push((capture.name.clone(), value)),
                Err(failure) => {
                    let failure = page.unjudged().unwrap_or(failure);
                    return JudgedStep { result: Err(failure.into()), ..judged };
                }
            }
        }
        judged.warnings = expect::warnings(&step.rules.warn, &page);
        judged.result = page.unjudged().map_or(Ok(()), |failure| Err(failure.into()));
        judged
    }
}

/// What of a captured value is masked.
fn hidden(capture: &Capture, value: &Secret) -> Secret {
    match &capture.from {
        CaptureFrom::Cookie(name) => redact::named(&format!("{name}="), value.expose()),
        CaptureFrom::Header(name) => redact::named(&format!("{name}: "), value.expose()),
        _ => value.clone(),
    }
}

/// The answer of a step that polls, while it does not show the end. It must be a good one all the
/// same, and what it captures counts for the next request.
fn waiting(step: &LoginStep, page: &Page<'_>, judged: JudgedStep) -> JudgedStep {
    let status = step.rules.expect.status.clone();
    let rules = Rules {
        fail_if: step.rules.fail_if.clone(),
        expect: Expect { status, ..Expect::default() },
        warn: Expect::default(),
    };
    let result = match probe_judge::judge(&rules, page, None, Body::Needed) {
        Ok(()) => page.unjudged().map_or(Ok(()), |failure| Err(failure.into())),
        Err(Missed::ByRule(miss)) => {
            Err(StepFailure { failure: miss.failure, named: Named::ByRule })
        }
        Err(Missed::Answer(miss) | Missed::Expectation(miss)) => Err(miss.failure.into()),
    };
    let take = |capture: &Capture| Some((capture.name.clone(), capture::take(capture, page).ok()?));
    let taken = step.captures.iter().filter_map(take).collect();
    JudgedStep { arrival: Arrival::Waits, result, taken, ..judged }
}

/// Failures before a request can have been read by anybody.
fn never_left(failure: &Failure) -> bool {
    matches!(failure.reason.stage(), Stage::Dns | Stage::Tls | Stage::Probe)
        || matches!(
            failure.reason,
            Reason::ConnectRefused | Reason::ConnectTimeout | Reason::ConnectUnreachable
        )
}

fn hops(recorder: &Recorder<'_>) -> usize {
    recorder.facts.http.as_ref().map_or(0, |http| http.hops.len())
}
