//! Rules about a flow as a whole, and what can be told of it without running it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::{Action, LoginOptions, LoginStep, Presence, Sensitivity, Submit};
use crate::config::reading::Fields;
use crate::config::{Expect, FailIf, Matcher, value};
use crate::outcome::Nature;
use crate::receiver::Receiver;
use crate::template::{FlowSource, Part, Template};

/// Of the timeout, kept for `finally`; a logout is one small request.
pub const RESERVE_SHARE: u32 = 4;
/// More than this a logout does not need.
pub const RESERVE_MAX: Duration = Duration::from_secs(5);

impl LoginOptions {
    /// The time kept for `finally` out of a timeout.
    pub fn reserve(&self, timeout: Duration) -> Duration {
        if self.finally.is_empty() {
            Duration::ZERO
        } else {
            (timeout / RESERVE_SHARE).min(RESERVE_MAX)
        }
    }

    /// When the steps must be over, so that `finally` is over by an instant.
    pub fn end_of_steps(&self, by: Instant) -> Instant {
        let reserve = self.reserve(by.saturating_duration_since(Instant::now()));
        by.checked_sub(reserve).unwrap_or(by)
    }

    /// Whether a run sends credentials.
    pub fn has_credentials(&self) -> bool {
        self.all_steps().any(|step| step.credential == Sensitivity::Credential)
            || self.headers.iter().any(|(_, value)| value.is_credential())
    }

    /// Whether a step sends credentials, in headers of the flow too.
    pub fn is_credential(&self, step: &LoginStep) -> bool {
        step.credential == Sensitivity::Credential
            || step.is_exchange() && self.headers.iter().any(|(_, value)| value.is_credential())
    }

    /// The hosts that the flow names, lowercase: where its secrets may go unless they say so
    /// themselves.
    pub fn hosts(&self) -> BTreeSet<String> {
        self.receivers().into_iter().map(|receiver| receiver.host).collect()
    }

    /// As above with the ports that the flow names; what is allowed by name has every port.
    pub fn receivers(&self) -> BTreeSet<Receiver> {
        let urls = self.base.iter().cloned().chain(self.all_steps().filter_map(|step| {
            let url = match &step.action {
                Action::Request { url, .. } => url,
                Action::Submit(Submit { action: Some(action), .. }) => action,
                Action::Exec(exec) => return exec.to.clone(),
                _ => return None,
            };
            fixed_url(url, self.base.as_ref())
        }));
        let named = self.allow_hosts.iter().map(|host| Receiver::any_port(host));
        urls.map(|url| Receiver::of(&url)).chain(named).collect()
    }

    /// Gives every step that does not say so itself the hosts that it may be led to.
    pub(super) fn name_hosts(&mut self) {
        let hosts: Vec<String> = self.hosts().into_iter().collect();
        for step in self.steps.iter_mut().chain(&mut self.finally) {
            if step.follow.allow_hosts.is_empty() {
                step.follow.allow_hosts.clone_from(&hosts);
            }
        }
    }

    /// The hosts that get credentials, as far as the file tells: a form goes to the host of the page
    /// before it, unless its action is written down. Where redirects lead is not known here.
    pub fn credential_hosts(&self) -> BTreeSet<String> {
        let mut page = self.endpoint();
        let mut hosts = BTreeSet::new();
        for step in &self.steps {
            let to = match &step.action {
                Action::Request { url, .. } => fixed_url(url, self.base.as_ref()),
                Action::Submit(Submit { action: Some(action), .. }) => {
                    fixed_url(action, page.as_ref())
                }
                _ => None,
            };
            page = to.or(page);
            if step.credential == Sensitivity::Credential {
                hosts.extend(page.as_ref().and_then(Url::host_str).map(str::to_owned));
            }
        }
        hosts
    }

    /// The endpoint that stands for the flow: its base, or where its first step goes.
    pub fn endpoint(&self) -> Option<Url> {
        let first = self.steps.iter().find_map(|step| match &step.action {
            Action::Request { url, .. } => fixed_url(url, self.base.as_ref()),
            _ => None,
        });
        first.or_else(|| self.base.clone())
    }

    /// How many bad logins an hour one vantage causes at worst: unexplained rejections, one for
    /// each `slow_to`; a refusal that a rule names holds the account at once.
    pub fn bad_logins_per_hour(&self, interval: Duration) -> f64 {
        3600.0 / self.guard.slow_to.max(interval).as_secs_f64()
    }
}

/// The URL of a template that begins with its host.
fn fixed_url(template: &Template<FlowSource>, base: Option<&Url>) -> Option<Url> {
    let Some(Part::Text(text)) = template.parts.first() else { return None };
    match base {
        Some(base) => base.join(text).ok(),
        None => Url::parse(text).ok(),
    }
}

/// Whether a step's own request holds a secret.
pub(super) fn sensitivity(step: &LoginStep) -> Sensitivity {
    if step.templates().any(Template::is_credential) {
        Sensitivity::Credential
    } else {
        Sensitivity::Anonymous
    }
}

/// The account of a flow that does not name it: the first secret that it sends, else the identity
/// that it signs with.
pub(super) fn first_account(options: &LoginOptions) -> Option<Arc<str>> {
    let first = options.steps.iter().find(|step| step.credential == Sensitivity::Credential);
    let of_step = first.and_then(|step| step.templates().flat_map(Template::secrets).next());
    let of_flow = || options.headers.iter().flat_map(|(_, value)| value.secrets()).next();
    let of_signature = || {
        options.steps.iter().find_map(|step| match &step.action {
            Action::Sign(sign) => Some(&sign.with),
            _ => None,
        })
    };
    of_step.or_else(of_flow).or_else(of_signature).cloned()
}

/// Whether it says anything that a refused login would not also show.
pub fn has_marker(expect: &Expect) -> bool {
    let positive = |matcher: &Matcher| {
        !matches!(matcher, Matcher::Absent | Matcher::NotContains(_) | Matcher::NotMatches(_))
    };
    let Expect { body, url, css, json, header, cookie, status: _, version: _, tls: _, time: _ } =
        expect;
    body.iter().any(positive)
        || url.iter().any(|(_, matcher)| positive(matcher))
        || css.iter().any(|(_, matcher)| positive(matcher))
        || json.iter().any(|(_, matcher)| positive(matcher))
        || header.iter().any(|(_, matcher)| positive(matcher))
        || cookie.iter().any(|(_, matcher)| positive(matcher))
}

/// Whether what an answer must show is on the page behind the login and nowhere else: more than a
/// cookie or a header, which a refusal brings as well.
pub fn has_proof(expect: &Expect) -> bool {
    let page = Expect { header: Vec::new(), cookie: Vec::new(), ..expect.clone() };
    has_marker(&page)
}

/// Steps that send credentials and whose rules about a refusal see the page behind the login as
/// well, because nothing that the step expects tells the two apart.
pub fn mistakable(options: &LoginOptions) -> impl Iterator<Item = &LoginStep> {
    options.steps.iter().filter(|step| {
        let by_sentence =
            |rule: &FailIf| rule.reason.is(Nature::Refusal) && !rule.when.body.is_empty();
        options.is_credential(step)
            && step.follow.redirects > 0
            && step.rules.fail_if.iter().any(by_sentence)
            && !has_proof(&step.rules.expect)
    })
}

/// Notes what only the whole flow shows.
pub(super) fn check(fields: &Fields<'_>, options: &LoginOptions) {
    let last = options.steps.iter().rposition(|step| options.is_credential(step));
    let Some(last) = last else { return };
    // A step that could not be read is missing from the list, and so may its marker be.
    let complete = fields.at.reading.load.is_clean();
    // A program that logs in has seen it, or says a reason.
    let shows = |step: &LoginStep| {
        let says = matches!(step.action, Action::Exec(_));
        step.presence == Presence::Needed && (says || has_marker(&step.rules.expect))
    };
    if complete && !options.steps[last..].iter().any(shows) {
        let steps = fields.take("steps").and_then(|at| at.items()).unwrap_or_default();
        let at = steps.into_iter().nth(last).unwrap_or_else(|| fields.at.clone());
        at.problem(format!(
            "nothing from step {} on shows that the login worked, and the login page itself \
             answers 200; expect what only a logged-in user sees, such as css: \
             {{ 'a[href*=logout]': exists }}",
            options.steps[last].step.name
        ));
    }
}

/// Notes waits that leave no time for anything else.
pub(in crate::config) fn fits(fields: &Fields<'_>, options: &LoginOptions, timeout: Duration) {
    let waits = |step: &LoginStep| match (&step.action, &step.poll) {
        (Action::Wait(time), _) => *time,
        (Action::Exec(exec), _) => exec.timeout.unwrap_or_default(),
        (_, Some(poll)) => poll.at_most.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    let waits: Duration = options.steps.iter().map(waits).sum();
    let left = timeout.saturating_sub(options.reserve(timeout));
    if waits.is_zero() || waits < left {
        return;
    }
    if let Some(at) = fields.take("login").and_then(|at| at.quietly("steps")) {
        at.problem(format!(
            "the steps wait {} and {} is kept for finally, which does not fit the timeout of {}",
            value::spoken(waits),
            value::spoken(options.reserve(timeout)),
            value::spoken(timeout)
        ));
    }
}
