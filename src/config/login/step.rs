//! The keys of one step: exactly one action, and what is made of its answer.

use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use url::Url;

use super::{
    Action, Button, Condition, LoginStep, Poll, Presence, SelfSubmit, Sensitivity, Submit, capture,
    exec, literal, rules, sign,
};
use crate::config::reading::{At, ConfigValue, Fields};
use crate::config::{Follow, OURSELVES, RequestBody, exchange, expect, headers, http, value};
use crate::outcome::{Reason, Step};
use crate::template::{FlowSource, Part, Template};

pub(in crate::config) const KEYS: &[&str] = &[
    "name",
    "component",
    "get",
    "post",
    "put",
    "delete",
    "head",
    "submit",
    "sign",
    "exec",
    "wait",
    "query",
    "headers",
    "bearer",
    "basic_auth",
    "set",
    "body",
    "form",
    "json",
    "follow",
    "fail_if",
    "expect",
    "capture",
    "warn",
    "optional",
    "poll_until",
];

const ACTIONS: &[&str] =
    &["get", "post", "put", "delete", "head", "submit", "sign", "exec", "wait"];

/// Keys that mean something only where a request is sent.
const OF_REQUESTS: &[&str] = &[
    "query",
    "headers",
    "bearer",
    "basic_auth",
    "body",
    "form",
    "json",
    "follow",
    "fail_if",
    "expect",
    "capture",
    "warn",
    "poll_until",
];

/// Between two requests of a step that polls: what waiting rooms ask browsers for.
const EVERY: Duration = Duration::from_secs(2);
const EVERY_MIN: Duration = Duration::from_millis(100);

pub(in crate::config) const SUBMIT_KEYS: &[&str] =
    &["form", "fields", "add", "drop", "button", "action", "method"];

/// Longer than any flow has time for.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// With forms that submit themselves: a sign-on over two identity providers takes about ten.
///
/// Limit: redirects and self-submitting forms, unless `max_hops` says otherwise.
/// Share: of each step.
/// Full: the step fails with `redirect_limit`.
/// Filled: a_form_that_submits_itself_is_followed_over_two_hosts
const HOPS: u32 = 15;
const HOPS_MAX: u32 = 50;

/// Where a flow stands in its file.
pub(in crate::config) struct Frame<'f> {
    pub(in crate::config) probe: &'f str,
    /// What a step tests unless it says otherwise.
    pub(in crate::config) component: &'f Arc<str>,
}

/// What a step is read with.
pub(super) struct Place<'p> {
    pub(super) frame: &'p Frame<'p>,
    pub(super) base: Option<&'p Url>,
    pub(super) allow_hosts: &'p [String],
    /// The steps that `if` may name.
    pub(super) conditions: &'p [Arc<str>],
    pub(super) is_finally: bool,
}

pub(super) fn step(at: &At<'_>, place: &Place<'_>) -> Option<LoginStep> {
    let mut known = KEYS.to_vec();
    if place.is_finally {
        known.push("if");
    } else if let Some(condition) = at.quietly("if") {
        condition.problem("only steps of finally have a condition");
        known.push("if");
    }
    let fields = at.fields(&known)?;
    let name = fields.need("name").and_then(|at| at.parse(value::name));
    let action = action(&fields, place);
    for key in ["form", "json"] {
        at.quietly(key).iter().for_each(literal::advise);
    }
    let component = component(&fields, place.frame.component);
    let (follow, self_submit) = follow(&fields, place.allow_hosts);
    let rules = exchange::rules(&fields, &follow);
    let mut headers = Vec::new();
    if let Some(at) = fields.take("headers") {
        headers::headers(&at, &mut headers);
    }
    let mut step = LoginStep {
        condition: condition(&fields, place),
        presence: presence(&fields, place),
        poll: fields.take("poll_until").and_then(|at| poll(&at)),
        query: fields.take("query").and_then(|at| http::form(&at)).unwrap_or_default(),
        headers,
        auth: http::auth(&fields),
        follow,
        self_submit,
        rules,
        captures: fields.take("capture").map(|at| capture::captures(&at)).unwrap_or_default(),
        credential: Sensitivity::Anonymous,
        action: action?,
        step: Step { name: name?.into(), component: component? },
    };
    step.credential = rules::sensitivity(&step);
    if step.poll.is_some() && step.credential == Sensitivity::Credential {
        let at = fields.take("poll_until").unwrap_or_else(|| fields.at.clone());
        at.problem(
            "a request with a secret is sent once and never again; poll in a step of its own",
        );
    }
    Some(step)
}

/// Exactly one.
fn action(fields: &Fields<'_>, place: &Place<'_>) -> Option<Action> {
    let given = fields.present(ACTIONS);
    let [key] = given[..] else {
        let found = match given[..] {
            [] => "none is".into(),
            _ => given.join(" and ") + " are",
        };
        let at = given.get(1).and_then(|key| fields.take(key));
        at.as_ref().unwrap_or(&fields.at).problem(format!(
            "a step has exactly one action, one of {}; {found} here",
            ACTIONS.join(", ")
        ));
        return None;
    };
    let at = fields.take(key)?;
    let only_requests = |what: &str, allowed: &[&str]| {
        for key in fields.present(OF_REQUESTS).iter().filter(|key| !allowed.contains(key)) {
            if let Some(at) = fields.take(key) {
                at.problem(format!("means nothing beside {what}; remove it"));
            }
        }
    };
    match key {
        "sign" => {
            only_requests("sign", &[]);
            sign::sign(&at).map(Action::Sign)
        }
        "exec" => {
            only_requests("exec", &[]);
            exec::exec(&at, place.base).map(Action::Exec)
        }
        "wait" => {
            only_requests("wait", &[]);
            let limits = value::duration_between(Duration::from_millis(1), WAIT_MAX);
            at.parse(limits).map(Action::Wait)
        }
        "submit" => {
            only_requests(
                "submit, which sends the form of the page before",
                &[
                    "headers",
                    "bearer",
                    "basic_auth",
                    "follow",
                    "fail_if",
                    "expect",
                    "capture",
                    "warn",
                ],
            );
            submit(&at).map(Action::Submit)
        }
        method => {
            let body = http::body(fields);
            let sends = !matches!(method, "get" | "head");
            if !sends && body != RequestBody::None {
                at.problem(format!("{method} sends no body; write post, or query in its place"));
            }
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok()?;
            Some(Action::Request { method, url: url(&at, place.base)?, body })
        }
    }
}

/// A URL that is absolute, or relative to the base.
fn url(at: &At<'_>, base: Option<&Url>) -> Option<Template<FlowSource>> {
    let template: Template<FlowSource> = at.template()?;
    if template.is_credential() {
        at.problem("a secret cannot stand in a URL, which is shown; write it under query");
        return None;
    }
    let begins = match template.parts.first() {
        Some(Part::Text(text)) => text.as_str(),
        // A captured URL is known when it is there.
        _ => return Some(template),
    };
    if begins.contains("://") {
        at.settle(value::url(&sample(&template), &value::PROBED))?;
    } else if base.is_none() {
        at.problem("a relative URL needs base; write base beside steps, or the whole URL");
        return None;
    } else if let Some(whole) = base.and_then(|base| base.join(begins).ok()) {
        // `unix:/run/x` would leave the base.
        at.settle(value::url(whole.as_str(), &value::PROBED))?;
    }
    Some(template)
}

/// The URL with something in place of each value that only a run knows, so that what the file says of
/// it can be checked: `https://${host}:0/` connects nowhere whatever the host.
fn sample(template: &Template<FlowSource>) -> String {
    template.parts.iter().fold(String::new(), |text, part| {
        let piece = match part {
            Part::Text(text) => text,
            Part::Value { .. } if text.ends_with('[') => "::1",
            Part::Value { .. } if text.ends_with(':') => "1",
            Part::Value { .. } => "a",
        };
        text + piece
    })
}

fn submit(at: &At<'_>) -> Option<Submit> {
    let fields = at.fields(SUBMIT_KEYS)?;
    let selector = |at: At<'_>| at.parse(|text| at.reading.load.cache.selector(text));
    let form = fields.need("form").and_then(selector);
    for key in ["fields", "add"] {
        at.quietly(key).iter().for_each(literal::advise);
    }
    let button = match fields.take("button") {
        None => Button::First,
        Some(at) if at.written() == Some("none") => Button::None,
        Some(at) => selector(at).map_or(Button::First, Button::Named),
    };
    let values = |key| fields.take(key).and_then(|at| http::form(&at)).unwrap_or_default();
    let (values, add) = (values("fields"), values("add"));
    let drop = fields.take("drop").map(|at| at.one_or_many()).unwrap_or_default();
    let is_set = |name: &str| values.iter().chain(&add).any(|(set, _)| set == name);
    let mut dropped = Vec::new();
    for at in drop {
        let Some(name) = at.parse(read::some_text) else { continue };
        if is_set(&name) {
            at.problem(format!("\"{name}\" is set beside it; drop leaves a field out altogether"));
        }
        dropped.push(name);
    }
    if let Some(at) = fields.take("add") {
        for name in add.iter().map(|(name, _)| name) {
            if values.iter().any(|(set, _)| set == name) {
                at.problem(format!("\"{name}\" is under fields already; write it once"));
            }
        }
    }
    let action = fields.take("action").and_then(|at| action_of_form(&at));
    let method = fields.parse("method", value::word(&[("get", "GET"), ("post", "POST")]));
    let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    Some(Submit { form: form?, fields: values, add, drop: dropped, button, action, method })
}

/// An address that is absolute, or relative to the page.
fn action_of_form(at: &At<'_>) -> Option<Template<FlowSource>> {
    let template: Template<FlowSource> = at.template()?;
    if template.is_credential() {
        at.problem("a secret cannot stand in a URL, which is shown; write it under fields");
        return None;
    }
    if let [Part::Text(text)] = &template.parts[..]
        && text.contains("://")
    {
        at.settle(value::url(text, &value::PROBED))?;
    }
    Some(template)
}

/// `optional: true`
fn presence(fields: &Fields<'_>, place: &Place<'_>) -> Presence {
    let Some(at) = fields.take("optional") else { return Presence::Needed };
    if place.is_finally {
        at.problem("means nothing here: no step of finally can fail the run; remove it");
    }
    match at.flag() {
        Some(true) => Presence::Optional,
        _ => Presence::Needed,
    }
}

fn poll(at: &At<'_>) -> Option<Poll> {
    let own = ["every", "at_most", "reason"];
    let known: Vec<&str> = own.iter().chain(expect::SUBJECTS).copied().collect();
    let fields = at.fields(&known)?;
    if fields.present(expect::SUBJECTS).is_empty() && !fields.has_unknown() {
        at.problem("says no subject, so it would never end; add one such as body or json");
    }
    let every = fields.parse("every", value::duration_between(EVERY_MIN, WAIT_MAX));
    let at_most = fields.parse("at_most", value::duration_between(EVERY_MIN, WAIT_MAX));
    let reason = fields.take("reason").and_then(|at| at.parse(expect::reason));
    Some(Poll {
        until: expect::subjects(&fields),
        every: every.unwrap_or(EVERY),
        at_most,
        reason: reason.unwrap_or(Reason::WaitingRoom),
    })
}

/// The service that is being tested by the step. Waiting and signing are ours.
fn component(fields: &Fields<'_>, own: &Arc<str>) -> Option<Arc<str>> {
    let Some(at) = fields.take("component") else {
        let ours = !fields.present(&["sign"]).is_empty();
        return Some(if ours { OURSELVES.into() } else { own.clone() });
    };
    let name = at.text()?;
    if name == OURSELVES {
        if fields.present(&["sign", "exec", "wait"]).is_empty() {
            at.problem("\"bongsu\" is for steps that ask nobody: sign, exec and wait");
            return None;
        }
        return Some(OURSELVES.into());
    }
    service(&at)
}

/// The name of a service of the file.
pub(super) fn service(at: &At<'_>) -> Option<Arc<str>> {
    let name = at.text()?;
    let services = at.reading.load.services.get()?;
    if !services.contains_key(&*name) {
        let hint = at.reading.load.hint(&name, services.keys().map(String::as_str));
        at.problem(format!("no service named \"{name}\"{hint}"));
        return None;
    }
    Some(name.as_ref().into())
}

/// `follow`, with the flow's `allow_hosts` where the step has none.
fn follow(fields: &Fields<'_>, allow_hosts: &[String]) -> (Follow, Option<SelfSubmit>) {
    let keys = ["redirects", "auto_submit", "max_hops", "allow_hosts", "refresh"];
    let fields = fields.take("follow").and_then(|at| at.fields(&keys));
    let mut follow = exchange::follow(fields.as_ref(), None);
    if follow.allow_hosts.is_empty() {
        follow.allow_hosts = allow_hosts.to_vec();
    }
    let Some(fields) = fields else { return (follow, None) };
    let max_hops = fields.parse("max_hops", value::whole(0..=HOPS_MAX));
    let max_hops = max_hops.unwrap_or(HOPS.max(follow.redirects));
    let form = fields.take("auto_submit");
    let form = form.and_then(|at| at.parse(|text| at.reading.load.cache.selector(text)));
    (follow, form.map(|form| SelfSubmit { form, max_hops }))
}

/// `if: submit.sent`
fn condition(fields: &Fields<'_>, place: &Place<'_>) -> Condition {
    let Some(at) = fields.take("if").filter(|_| place.is_finally) else { return Condition::Always };
    let read = |text: &str| {
        let wrong = "write the name of a step with .ok or .sent, such as submit.sent";
        let (name, what) = text.rsplit_once('.').ok_or(wrong)?;
        let known = place.conditions.iter().find(|known| ***known == *name);
        let Some(known) = known else {
            let names = place.conditions.iter().map(|name| &**name);
            return Err(format!("no step is called \"{name}\"{}", read::hint(name, names)));
        };
        match what {
            "ok" => Ok(Condition::Ok(known.clone())),
            "sent" => Ok(Condition::Sent(known.clone())),
            _ => Err(wrong.into()),
        }
    };
    at.parse(read).unwrap_or(Condition::Always)
}
