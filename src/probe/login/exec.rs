//! The step that runs a program: leave to give it credentials, what it is told, and what its answer
//! means.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::time::Instant;

use crate::config::login::LoginStep;
use crate::config::login::exec::ExecAction;
use crate::deadline::Deadline;
use crate::outcome::{Failure, Reason, Stage, StepStderr};
use crate::receiver::Receiver;
use crate::secret::Secret;
use crate::transport::Recorder;

use super::lockout::admission::{Codes, Wish};
use super::lockout::ending::Named;
use super::program::{self, Ran};
use super::progress::Progress;
use super::run::{LoginRun, StepFailure};

/// Characters of a program's own words about a failure.
///
/// No row: the program is the operator's, and details are bounded.
const DETAIL_MAX: usize = 500;

/// What a program says.
enum Said {
    Captures(BTreeMap<String, Secret>),
    Failed(Failure),
}

impl LoginRun<'_> {
    /// Runs a program, and keeps what it gives for later steps.
    pub(super) async fn exec(
        &mut self,
        step: &LoginStep,
        action: &ExecAction,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), StepFailure> {
        // Nothing was told to anybody yet, so nothing is lost.
        let codes = tokio::select! {
            biased;
            codes = self.may_run(step, action, deadline) => {
                recorder.facts.is_relayed = self.login.is_relayed();
                codes?
            }
            _ = deadline.stop().wait() => return Err(self.context.stopped(step).into()),
        };
        let _place = self.login.take_place();
        let to = action.to.as_ref().map_or_else(|| Receiver::any_port(""), Receiver::of);
        let input = self.values.with(self.context.surroundings, &codes);
        let input = match action.stdin.fill_json(&input, &to) {
            Ok(input) => input,
            Err(failure) => {
                self.login.withdraw();
                return Err(failure.into());
            }
        };
        let by =
            action.timeout.map_or(deadline.at(), |own| deadline.at().min(Instant::now() + own));
        // From here on a session may be open, whatever becomes of the program.
        self.reached.set(step, Progress::Sent);
        let Ran { said, stderr } = program::run(action, input, by).await;
        if !stderr.is_empty() {
            let text = String::from_utf8_lossy(&stderr).into_owned();
            let name = step.step.name.clone();
            recorder.facts.stderr.push(StepStderr { step: name, text });
        }
        let said = understand(&said?).map_err(|failure| program::about(action, failure))?;
        let captures = match said {
            Said::Captures(captures) => captures,
            Said::Failed(failure) => return Err(StepFailure { failure, named: Named::ByRule }),
        };
        // What is of no use is not shown either.
        captures.values().for_each(|value| self.values.hide(value));
        for name in &action.captures {
            let value = captures.get(&**name).ok_or_else(|| {
                let detail = format!("gave no capture \"{name}\"");
                program::about(action, Failure::new(Reason::ExecFailed, detail))
            })?;
            self.values.keep_made(name, value.clone());
        }
        if self.context.options.is_credential(step) {
            self.login.prove();
        }
        self.reached.set(step, Progress::Ok);
        Ok(())
    }

    /// Asks for leave to give a program its credentials, and for a place to run in.
    async fn may_run(
        &mut self,
        step: &LoginStep,
        action: &ExecAction,
        deadline: &Deadline,
    ) -> Result<Codes, Failure> {
        let places = &self.context.surroundings.programs;
        let Some(to) = action.to.as_ref().filter(|_| self.context.options.is_credential(step))
        else {
            self.login.wait_for_place(places, deadline).await?;
            return Ok(Codes::new());
        };
        let wish = Wish {
            account: self.context.options.account.as_ref(),
            fallback: self.context.component,
            component: &step.step.component,
            to,
            templates: &[&action.stdin],
            page: None,
            places: Some(places),
        };
        let codes = self.login.ask(wish, deadline).await?;
        codes.values().for_each(|code| self.values.hide(code));
        Ok(codes)
    }
}

/// `{"captures": {"name": "text"}}`, or `{"reason": "bad_credentials", "detail": "..."}`.
fn understand(output: &[u8]) -> Result<Said, Failure> {
    let wrong = |said: String| Failure::new(Reason::ExecFailed, said);
    // The parser's own words may quote what it read.
    let said: Value = serde_json::from_slice(output).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let size = output.len();
        wrong(format!("wrote {size} bytes that are no JSON (line {line}, column {column})"))
    })?;
    let Value::Object(mut said) = said else {
        return Err(wrong("wrote JSON that is no object".into()));
    };
    let (captures, reason) = (said.remove("captures"), said.remove("reason"));
    let detail = said.remove("detail");
    if !said.is_empty() {
        return Err(wrong(
            "wrote an object with keys other than captures, or reason and detail".into(),
        ));
    }
    match (captures, reason) {
        (Some(Value::Object(captures)), None) => {
            let text = |(name, value): (String, Value)| match value {
                Value::String(text) => Ok((name, Secret::new(text))),
                _ => Err(wrong(format!("gave a capture that is no text: \"{}\"", short(&name)))),
            };
            captures.into_iter().map(text).collect::<Result<_, _>>().map(Said::Captures)
        }
        (None, Some(Value::String(reason))) => {
            let detail = detail.as_ref().and_then(Value::as_str).map(short).unwrap_or_default();
            let known = Reason::from_label(&reason).filter(|reason| may_be_said(*reason));
            let known = known.ok_or_else(|| {
                wrong(format!("gave a reason that no program may give: \"{}\"", short(&reason)))
            })?;
            Ok(Said::Failed(Failure::new(known, detail)))
        }
        _ => Err(wrong("wrote neither an object captures nor a reason".into())),
    }
}

/// What a page or a network shows; of ourselves a program knows only that it could not do its work.
fn may_be_said(reason: Reason) -> bool {
    reason.stage() != Stage::Probe || reason == Reason::ExecFailed
}

fn short(text: &str) -> String {
    text.chars().take(DETAIL_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gives_captures_or_a_reason_and_nothing_else() {
        let said = understand(br#"{"captures": {"session": "a1", "empty": ""}}"#);
        let Ok(Said::Captures(captures)) = said else { panic!("not understood") };
        assert_eq!(captures.get("session").map(Secret::expose), Some("a1"));
        let said = understand(br#"{"reason": "captcha", "detail": "seen"}"#);
        let Ok(Said::Failed(failure)) = said else { panic!("not understood") };
        assert_eq!(failure, Failure::new(Reason::Captcha, "seen"));
        for (wrong, expected) in [
            ("", "0 bytes that are no JSON"),
            ("canary", "6 bytes that are no JSON (line 1, column 1)"),
            ("[]", "no object"),
            ("{}", "neither"),
            (r#"{"captures": {}, "reason": "captcha"}"#, "neither"),
            (r#"{"captures": ["a"]}"#, "neither"),
            (r#"{"captures": {"a": 1}}"#, "no text: \"a\""),
            (r#"{"captures": {}, "more": 1}"#, "keys other than"),
            (r#"{"reason": "no_such"}"#, "no program may give: \"no_such\""),
            (r#"{"reason": "account_held"}"#, "no program may give"),
            (r#"{"captures": {}}{}"#, "no JSON"),
        ] {
            let Err(failure) = understand(wrong.as_bytes()) else { panic!("{wrong} understood") };
            assert_eq!(failure.reason, Reason::ExecFailed);
            assert!(failure.detail.contains(expected), "{wrong}: {}", failure.detail);
        }
    }
}
