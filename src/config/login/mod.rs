//! The validated form of a login flow: steps, what they send, what they keep, and how patient the
//! flow is with its account.

pub(super) mod capture;
pub mod exec;
mod identity;
mod literal;
mod names;
mod pipes;
pub(super) mod read;
pub mod rules;
mod set;
pub mod sign;
pub(super) mod step;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderName, Method};
use regex::Regex;
use url::Url;

use super::{
    Auth, ClientOptions, CssSelector, Excerpt, Expect, Follow, JsonPath, RequestBody, Rules,
};
use crate::outcome::{Reason, Step};
use crate::template::{FlowSource, Template};
use exec::ExecAction;
use sign::SignAction;

pub use identity::{Identity, IdentityFiles, IdentityProblem};

/// Options of a login probe.
#[derive(Debug, Clone, PartialEq)]
pub struct LoginOptions {
    /// What relative URLs of steps are relative to.
    pub base: Option<Url>,
    /// Used when neither header nor page names one.
    pub charset: Option<&'static encoding_rs::Encoding>,
    /// Sent with every request.
    pub headers: Vec<(HeaderName, Template<FlowSource>)>,
    /// The secret or identity that stands for the account; `None` when nothing is sent that could
    /// lock one.
    pub account: Option<Arc<str>>,
    pub guard: LockoutPolicy,
    /// The only hosts that redirects and forms may lead to beside those that the flow names.
    pub allow_hosts: Vec<String>,
    /// Whose failure it is when a host answers last, or does not: the service of each host.
    pub components: BTreeMap<String, Arc<str>>,
    /// What becomes of a run that gets no further than a waiting room.
    pub waiting_room: WaitingRoom,
    /// Whether a form that was changed is the service's failure.
    pub form_changed: FormChanged,
    /// Certificates that the flow may name.
    pub identities: BTreeMap<Arc<str>, Identity>,
    /// How every step connects and speaks.
    pub client: ClientOptions,
    /// Bytes of one page after decoding.
    pub body_limit: u64,
    /// Whether a masked excerpt of the page is kept when the flow fails.
    pub excerpt: Excerpt,
    /// Values with a name that are made of others when a request is written; of all steps.
    pub set: BTreeMap<Arc<str>, Template<FlowSource>>,
    /// In order. Never empty.
    pub steps: Vec<LoginStep>,
    /// Done at the end, whatever happened.
    pub finally: Vec<LoginStep>,
}

/// A run that ends in a waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingRoom {
    /// Degraded for this long at a stretch, then down; zero is down at once.
    pub degraded_for: Duration,
}

/// A form without a field that the file fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormChanged {
    /// The file is out of date, which says nothing about the service.
    #[default]
    Unknown,
    /// Nobody changes this page without a word.
    Down,
}

/// The account guard's patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// Named refusals in a row before the account is held.
    pub max_failures: u32,
    /// From one unexplained rejection to the next attempt.
    pub slow_to: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LoginStep {
    /// Its name, unique in the flow, and the service that it tests.
    pub step: Step,
    /// When it is done; only steps of `finally` have a condition.
    pub condition: Condition,
    /// Whether the flow goes on without it.
    pub presence: Presence,
    pub action: Action,
    /// Repeats the request until the answer shows something.
    pub poll: Option<Poll>,
    /// Added to the URL, percent-encoded.
    pub query: Vec<(String, Template<FlowSource>)>,
    /// Over those of the flow.
    pub headers: Vec<(HeaderName, Template<FlowSource>)>,
    /// `Authorization`, over all headers.
    pub auth: Option<Auth<FlowSource>>,
    /// Redirects; `allow_hosts` is the flow's unless the step has its own.
    pub follow: Follow,
    /// A form that scripts would send by themselves (`response_mode=form_post`, SAML POST).
    pub self_submit: Option<SelfSubmit>,
    /// How the answer is judged.
    pub rules: Rules,
    pub captures: Vec<Capture>,
    /// Derived: its request holds a secret or a signature.
    pub credential: Sensitivity,
}

/// Whether a step's request could lock an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// It holds no secret.
    Anonymous,
    /// It does: never repeated, counted by the guard.
    Credential,
}

/// When a step of `finally` is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Always,
    /// `if: NAME.ok`
    Ok(Arc<str>),
    /// `if: NAME.sent`: also when the answer was lost, because a session may be open.
    Sent(Arc<str>),
}

/// `optional: true`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The flow fails with it.
    Needed,
    /// Passed over where there is nothing to do: no such form on the page, no value to fill in, or
    /// an answer that is not the expected one.
    Optional,
}

/// `poll_until: { body: { contains: 'nwait=0' }, every: 2s, at_most: 1m }`
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    pub until: Expect,
    /// From an answer to the next request.
    pub every: Duration,
    /// Never longer than the time of the steps.
    pub at_most: Option<Duration>,
    /// What it is when the end does not come.
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Request {
        /// `get`, `post`, `put`, `delete`, `head`.
        method: Method,
        /// Absolute or relative to the base. Holds no secret.
        url: Template<FlowSource>,
        body: RequestBody<FlowSource>,
    },
    /// Sends the form of the page before.
    Submit(Submit),
    /// Signs with an identity.
    Sign(SignAction),
    /// Runs a program of the operator.
    Exec(ExecAction),
    /// Does nothing for a while.
    Wait(Duration),
}

/// `submit: { form: form#login, fields: {...}, button: 'button[name=go]' }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Submit {
    /// Which form; the first match counts.
    pub form: CssSelector,
    /// Set over what the page says; the page must have them.
    pub fields: Vec<(String, Template<FlowSource>)>,
    /// Set whether or not the page has them, as a script would.
    pub add: Vec<(String, Template<FlowSource>)>,
    /// Left out of what the page says.
    pub drop: Vec<String>,
    /// Which button is pressed.
    pub button: Button,
    /// Where the form goes when a script says so; relative to the page. Holds no secret.
    pub action: Option<Template<FlowSource>>,
    /// How, when a script says so.
    pub method: Option<Method>,
}

/// What submits a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// Enter: the form's first button.
    First,
    /// The first match that is a submit button of the form.
    Named(CssSelector),
    /// A script, `form.submit()`: no button's name is sent, and no button says where the form goes.
    None,
}

/// `follow: { auto_submit: SELECTOR, max_hops: 15 }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSubmit {
    pub form: CssSelector,
    /// Redirects and such forms together.
    pub max_hops: u32,
}

/// A value kept from a response.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// What later steps call it.
    pub name: Arc<str>,
    pub from: CaptureFrom,
    /// Cuts a part out of what was found: the first group, else the whole match.
    pub regex: Option<Pattern>,
    pub decode: Option<Decode>,
    /// The separator when all matches are wanted and not the first.
    pub join: Option<String>,
    pub absent: Absent,
    /// Masked wherever text leaves the process.
    pub secret: bool,
}

/// Where a captured value is.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptureFrom {
    /// The text of an element, or an attribute of it.
    Css(CssSelector, Option<String>),
    /// RFC 9535.
    Json(JsonPath),
    /// A header of the final response.
    Header(HeaderName),
    /// A cookie of the run.
    Cookie(String),
    /// The first group, else the whole match, in the decoded body.
    Regex(Pattern),
    /// A parameter of the final URL.
    UrlQuery(String),
}

/// A regular expression that can be compared.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// `decode`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decode {
    /// RFC 4648 section 4, padded or not.
    Base64,
    /// RFC 4648 section 5, padded or not.
    Base64Url,
    /// Either case.
    Hex,
    /// Percent-encoding, `+` for a blank.
    Url,
    /// `&amp;` and its like.
    Html,
}

/// What a capture does when nothing is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// The step fails with `capture_missing`.
    Fails,
    /// The value is this; `optional` is the empty text.
    Is(String),
}

impl LoginOptions {
    /// Every step, those of `finally` last.
    pub fn all_steps(&self) -> impl Iterator<Item = &LoginStep> {
        self.steps.iter().chain(&self.finally)
    }

    /// The names of the secrets that the flow may send.
    pub fn secrets(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> =
            self.headers.iter().flat_map(|(_, value)| value.secrets()).cloned().collect();
        for step in self.all_steps() {
            names.extend(step.templates().flat_map(Template::secrets).cloned());
        }
        names.sort();
        names.dedup();
        names
    }
}

impl LoginStep {
    /// Whether it asks a server by a request of its own.
    pub fn is_exchange(&self) -> bool {
        !matches!(self.action, Action::Sign(_) | Action::Wait(_) | Action::Exec(_))
    }

    /// Everything that is filled in when the step is done, headers of the flow aside.
    pub fn templates(&self) -> impl Iterator<Item = &Template<FlowSource>> {
        let mut all: Vec<&Template<FlowSource>> =
            self.query.iter().map(|(_, value)| value).collect();
        all.extend(self.headers.iter().map(|(_, value)| value));
        all.extend(self.auth.iter().flat_map(Auth::templates));
        match &self.action {
            Action::Request { url, body, .. } => {
                all.push(url);
                all.extend(body.templates());
            }
            Action::Submit(submit) => {
                all.extend(submit.fields.iter().chain(&submit.add).map(|(_, value)| value));
                all.extend(&submit.action);
            }
            Action::Exec(exec) => all.push(&exec.stdin),
            Action::Sign(_) | Action::Wait(_) => {}
        }
        all.into_iter()
    }
}
