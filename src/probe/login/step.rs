//! One step: leave, request, redirects and forms that submit themselves, judgement, captures.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use url::Url;

use crate::config::Follow;
use crate::config::login::{Action, LoginStep};
use crate::deadline::Deadline;
use crate::outcome::{Failure, Reason, Stage};
use crate::probe::exchange::{Answer, BodyRules, ContentCoding, Rules, Unfollowed};
use crate::probe::expect;
use crate::probe::page::{Head, Page};
use crate::probe::request::{Outgoing, shown};
use crate::transport::Recorder;

use super::capture;
use super::judge::judge;
use super::run::{LastPage, Progress, Run, Stumble};

impl Run<'_> {
    /// Does a step. `self.done` tells how far it got, also when it is dropped in the middle.
    pub(super) async fn step(
        &mut self,
        step: &LoginStep,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), Stumble> {
        self.reached(step, Progress::Begun);
        self.login.waited = Duration::ZERO;
        if let Action::Wait(time) = step.action {
            return self.wait(step, time, deadline).await;
        }
        let Some(draft) = self.draft(step)? else { return Ok(()) };
        self.may_go(step, draft.url())?;
        let host = draft.url().host_str().unwrap_or_default().to_owned();
        let asked = Instant::now();
        let codes = if self.options.is_credential(step) {
            tokio::select! {
                biased;
                codes = self.permit(step, &host, deadline) => codes?,
                // Nothing was sent yet, so nothing is lost.
                _ = deadline.stop().wait() => return Err(self.stopped(step).into()),
            }
        } else {
            Default::default()
        };
        let start = Instant::now();
        self.login.waited = start - asked;
        let request = self.request(step, draft, &codes)?;
        let answer = self.exchange(step, request, recorder, deadline).await?;
        self.answered(step, answer, start, recorder)
    }

    fn reached(&mut self, step: &LoginStep, progress: Progress) {
        self.done.insert(step.step.name.clone(), progress);
    }

    async fn wait(
        &mut self,
        step: &LoginStep,
        time: Duration,
        deadline: &Deadline,
    ) -> Result<(), Stumble> {
        if time >= deadline.remaining() {
            let detail = "the steps before took so long that no time is left to wait";
            return Err(Failure::new(Reason::TooSlow, detail).into());
        }
        tokio::select! {
            () = sleep(time) => {
                self.reached(step, Progress::Ok);
                Ok(())
            }
            _ = deadline.stop().wait() => Err(self.stopped(step).into()),
        }
    }

    /// A form may have been changed to lead elsewhere.
    fn may_go(&self, step: &LoginStep, url: &Url) -> Result<(), Failure> {
        let (Action::Submit(_), Some(page)) = (&step.action, &self.page) else { return Ok(()) };
        self.is_allowed(step, url, &page.url)
    }

    fn is_allowed(&self, step: &LoginStep, url: &Url, from: &Url) -> Result<(), Failure> {
        let allowed = self.allow_hosts(step);
        let host = url.host_str().unwrap_or_default();
        let own = from.host_str() == Some(host);
        if own || allowed.is_empty() || allowed.iter().any(|a| a.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        let detail = format!("a form leads to {}, a host outside allow_hosts", shown(url));
        Err(Failure::new(Reason::RedirectUnexpectedHost, detail))
    }

    fn allow_hosts<'s>(&'s self, step: &'s LoginStep) -> &'s [String] {
        if step.follow.allow_hosts.is_empty() {
            &self.options.allow_hosts
        } else {
            &step.follow.allow_hosts
        }
    }

    /// Sends, follows, and submits what submits itself.
    async fn exchange(
        &mut self,
        step: &LoginStep,
        request: Outgoing,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Answer, Stumble> {
        let before = hops(recorder);
        let mut answer = self.send(step, request, recorder, deadline).await?;
        while let Some(selector) = &step.follow.auto_submit {
            if !answer.status.is_success() {
                break;
            }
            self.keep(&answer);
            let Some(page) = &self.page else { break };
            let form = match page.form(&selector.0, None, self.options.charset) {
                Err(failure) if failure.reason == Reason::FormMissing => break,
                form => form?,
            };
            if hops(recorder) - before >= step.follow.max_hops as usize {
                let most = step.follow.max_hops;
                let detail = format!("more than {most} redirects and self-submitting forms");
                return Err(Failure::new(Reason::RedirectLimit, detail).into());
            }
            self.is_allowed(step, &form.action, &page.url)?;
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
        let follow = Follow {
            redirects: step.follow.redirects,
            allow_hosts: self.allow_hosts(step).to_vec(),
            refresh: step.follow.refresh,
        };
        let body = BodyRules {
            limit: self.options.body_limit,
            coding: ContentCoding::Decoded,
            unfollowed: Unfollowed::Read,
        };
        let rules = Rules { follow: &follow, body };
        let request = request.once(self.options.is_credential(step));
        let own = self.own_step(step, request.url());
        // From here on a session may be open, whatever becomes of the answer.
        let before = hops(recorder);
        let progress = self.done.get(&step.step.name).copied();
        self.reached(step, Progress::Sent);
        let told = recorder.facts.warnings.len();
        let result = self.session.send(request, rules, recorder, deadline).await;
        for warning in recorder.facts.warnings.iter_mut().skip(told) {
            warning.step.get_or_insert_with(|| step.step.clone());
        }
        if let Err(failure) = &result
            && never_left(failure)
            && hops(recorder) == before
        {
            self.reached(step, progress.unwrap_or(Progress::Begun));
            // Nobody behind this host was asked.
            return result.map_err(|failure| Failure { step: own, ..failure });
        }
        result
    }

    fn keep(&mut self, answer: &Answer) {
        let content_type = answer.headers.get(http::header::CONTENT_TYPE);
        self.page = Some(LastPage {
            url: answer.url.clone(),
            body: answer.body.as_deref().unwrap_or_default().to_vec(),
            content_type: content_type.and_then(|v| v.to_str().ok()).map(str::to_owned),
        });
    }

    /// Judges the answer and keeps what later steps need.
    fn answered(
        &mut self,
        step: &LoginStep,
        answer: Answer,
        start: Instant,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Stumble> {
        self.keep(&answer);
        let Answer { url, status, version, headers, body } = &answer;
        if !self.login.sent_to.is_empty() {
            self.login.status = status.as_u16();
        }
        let head = Head { url, status: status.as_u16(), version, headers };
        let bytes = body.as_deref().unwrap_or_default();
        let mut page = Page::new(head, bytes, self.options.charset, self.session.jar());
        page.elapsed = start.elapsed();
        let own = self.own_step(step, url);
        judge(step, &page, body.as_ref().err(), &mut self.login).map_err(|mut stumble| {
            if stumble.failure.reason == Reason::NoticePage {
                stumble.failure.step = own;
            }
            stumble
        })?;
        let mut taken = Vec::new();
        for capture in &step.captures {
            let value = capture::take(capture, &page)?;
            if capture.secret {
                self.private.push(value.clone());
            }
            taken.push((capture.name.clone(), value));
        }
        let warnings = expect::warnings(&step.warn, &page).into_iter();
        let of_step = |warning| Failure { step: Some(step.step.clone()), ..warning };
        recorder.facts.warnings.extend(warnings.map(of_step));
        drop(page);
        self.captured.extend(taken);
        self.reached(step, Progress::Ok);
        Ok(())
    }
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
