//! The keys of a login flow as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::exec;
use super::rules;
use super::set::{self, Set};
use super::step::{self, Frame, Place};
use super::{Action, FormChanged, LockoutPolicy, LoginOptions, WaitingRoom, identity};
use crate::config::inherit::Shared;
use crate::config::names::{self, FlowNames, Scope};
use crate::config::reading::{At, Fields};
use crate::config::{Excerpt, exchange, expect, http, value};

pub(in crate::config) const KEYS: &[&str] = &[
    "base",
    "charset",
    "headers",
    "account",
    "guard",
    "allow_hosts",
    "components",
    "waiting_room",
    "form_changed",
    "fail_if",
    "identities",
    "client_cert",
    "trust",
    "server_name",
    "revocation",
    "post_quantum",
    "proxy",
    "connect_to",
    "http_version",
    "body_limit",
    "excerpt",
    "set",
    "steps",
    "finally",
];

/// One named refusal is enough: a policy of five strikes is shared with other vantages and with
/// the people who use the account for tests.
const MAX_FAILURES: u32 = 1;
const MAX_FAILURES_MAX: u32 = 10;

/// Four attempts an hour stay below what lockout policies count.
const SLOW_TO: Duration = Duration::from_secs(15 * 60);
const SLOW_TO_MIN: Duration = Duration::from_secs(10);
const SLOW_TO_MAX: Duration = Duration::from_secs(24 * 3600);

/// A flow of more steps is a functional test and not a probe.
const STEPS_MAX: usize = 50;

/// Reads the mapping under `login`.
pub(in crate::config) fn login(
    at: &At<'_>,
    shared: &Shared<'_>,
    frame: &Frame<'_>,
) -> Option<LoginOptions> {
    let mut scope = Scope::clone(at.reading.scope);
    scope.flow = Some(FlowNames { probe: frame.probe.to_owned(), ..FlowNames::default() });
    let top = at.with(at.reading.within(&scope));
    let fields = top.fields(KEYS)?;
    let (identities, certificates) = identity::identities(&fields);
    let mut scope = scope.clone();
    if let Some(flow) = &mut scope.flow {
        flow.identities = certificates;
        flow.by_step = values_by_step(&fields);
    }
    let mut set = Set::new();
    set::set(&fields.at.with(fields.at.reading.within(&scope.clone())), &mut scope, &mut set);
    let fields = fields.with(fields.at.reading.within(&scope));
    let base = fields.parse("base", |text| value::url(text, &value::PROBED));
    let allow_hosts = exchange::hosts(&fields, "allow_hosts");
    let place = Place {
        frame,
        base: base.as_ref(),
        allow_hosts: &allow_hosts,
        conditions: &[],
        is_finally: false,
    };
    let mut after = scope.clone();
    let steps =
        read_steps(&fields, "steps", &mut Named { scope: &mut after, set: &mut set }, &place);
    let known: Vec<Arc<str>> = steps.iter().map(|step| step.step.name.clone()).collect();
    let place = Place { conditions: &known, is_finally: true, ..place };
    let mut named = Named { scope: &mut after, set: &mut set };
    let finally = read_steps(&fields, "finally", &mut named, &place);
    let mut options = LoginOptions {
        base,
        charset: fields.parse("charset", http::charset),
        headers: http::request_headers(&fields, shared),
        account: None,
        guard: fields.take("guard").map(|at| guard(&at)).unwrap_or(GUARD),
        allow_hosts,
        components: fields.take("components").map(|at| components(&at)).unwrap_or_default(),
        waiting_room: fields.take("waiting_room").map(|at| waiting_room(&at)).unwrap_or(WAITING),
        form_changed: fields.parse("form_changed", value::word(FORM_CHANGED)).unwrap_or_default(),
        identities,
        client: exchange::client(&fields, shared),
        body_limit: fields
            .parse("body_limit", value::size_up_to(http::BODY_LIMIT_MAX))
            .unwrap_or(http::BODY_LIMIT),
        excerpt: exchange::excerpt(&fields, Excerpt::Never),
        set,
        steps,
        finally,
    };
    options.name_hosts();
    let of_flow = fields.take("fail_if").map(|at| expect::fail_if(&at)).unwrap_or_default();
    for step in &mut options.steps {
        if step.is_exchange() {
            step.rules.fail_if.extend(of_flow.iter().cloned());
        }
    }
    options.account = fields
        .take("account")
        .and_then(|at| account(&at, &options))
        .or_else(|| rules::first_account(&options));
    if fields.need("steps").is_some() {
        rules::check(&fields, &options);
    }
    (!options.steps.is_empty()).then_some(options)
}

/// Patience with a waiting room: at the opening hour of a popular service they last some minutes.
const WAITING: WaitingRoom = WaitingRoom { degraded_for: Duration::from_secs(10 * 60) };
const WAITING_MAX: Duration = Duration::from_secs(24 * 3600);

const FORM_CHANGED: &[(&str, FormChanged)] =
    &[("unknown", FormChanged::Unknown), ("down", FormChanged::Down)];

/// `waiting_room: down` or `waiting_room: { degraded_for: 10m }`.
fn waiting_room(at: &At<'_>) -> WaitingRoom {
    match at.written() {
        Some("down") => return WaitingRoom { degraded_for: Duration::ZERO },
        Some("degraded") => return WAITING,
        Some(_) => {
            at.problem("write down, degraded, or { degraded_for: 10m }, after which it is down");
            return WAITING;
        }
        None => {}
    }
    let Some(fields) = at.fields(&["degraded_for"]) else { return WAITING };
    let limits = value::duration_between(Duration::from_secs(1), WAITING_MAX);
    let degraded_for = fields.need("degraded_for").and_then(|at| at.parse(limits));
    degraded_for.map_or(WAITING, |degraded_for| WaitingRoom { degraded_for })
}

/// `components: { sso.example.go.kr: sso }`
fn components(at: &At<'_>) -> BTreeMap<String, Arc<str>> {
    let mut components = BTreeMap::new();
    for (key, at) in at.entries().unwrap_or_default() {
        let host = names::fill(key, at.reading.scope).and_then(|host| value::host(&host));
        let (Some(host), Some(service)) = (at.settle(host), step::service(&at)) else { continue };
        components.insert(host, service);
    }
    components
}

const GUARD: LockoutPolicy = LockoutPolicy { max_failures: MAX_FAILURES, slow_to: SLOW_TO };

fn guard(at: &At<'_>) -> LockoutPolicy {
    let Some(fields) = at.fields(&["max_failures", "slow_to"]) else { return GUARD };
    let max_failures = fields.parse("max_failures", value::whole(1..=MAX_FAILURES_MAX));
    let slow_to = fields.parse("slow_to", value::duration_between(SLOW_TO_MIN, SLOW_TO_MAX));
    LockoutPolicy {
        max_failures: max_failures.unwrap_or(MAX_FAILURES),
        slow_to: slow_to.unwrap_or(SLOW_TO),
    }
}

/// The name of a secret or of an identity.
fn account(at: &At<'_>, options: &LoginOptions) -> Option<Arc<str>> {
    let name = at.text()?;
    if let Some(own) = at.reading.scope.own_secrets.get(&*name) {
        return Some(own.clone());
    }
    let secrets = at.reading.load.secrets.borrow();
    if secrets.contains_key(&*name) || options.identities.contains_key(&*name) {
        return Some(name.as_ref().into());
    }
    let identities = options.identities.keys().map(|name| &**name);
    let own = at.reading.scope.own_secrets.keys();
    let known = own.chain(secrets.keys()).map(String::as_str).chain(identities);
    let hint = read::hint(&name, known);
    at.problem(format!("no secret or identity is called \"{name}\"{hint}"));
    None
}

/// How what is captured or set by steps gets its value, looked at before any of them is read.
fn values_by_step(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let mut by_step = BTreeMap::new();
    for list in ["steps", "finally"].iter().filter_map(|key| fields.at.quietly(key)) {
        for at in list.one_or_many() {
            let name = at.quietly("name").and_then(|at| at.written()).unwrap_or_default();
            for capture in named_values(&at).into_iter().chain(exec::names(&at)) {
                by_step.entry(capture).or_insert_with(|| format!("captured by step {name}"));
            }
            for set in at.quietly("set").map(|at| at.keys()).unwrap_or_default() {
                by_step.entry(set.to_owned()).or_insert_with(|| format!("set by step {name}"));
            }
        }
    }
    by_step
}

/// What a step will have captured or signed, whether or not it can be read.
fn named_values(at: &At<'_>) -> Vec<String> {
    let captures = at.quietly("capture").map(|at| at.keys()).unwrap_or_default();
    captures.into_iter().chain(signed_value(at)).map(str::to_owned).collect()
}

/// What a step calls its signature.
fn signed_value<'a>(at: &At<'a>) -> Option<&'a str> {
    at.quietly("sign").and_then(|at| at.quietly("as")?.written())
}

/// What has a name so far.
struct Named<'n> {
    scope: &'n mut Scope,
    set: &'n mut Set,
}

/// Reads a list of steps; each may name what those before it captured and set.
fn read_steps(
    fields: &Fields<'_>,
    key: &'static str,
    Named { scope, set }: &mut Named<'_>,
    place: &Place<'_>,
) -> Vec<super::LoginStep> {
    let Some(at) = fields.take(key) else { return Vec::new() };
    let items = at.items().unwrap_or_default();
    if items.len() > STEPS_MAX {
        at.problem(format!("has {} steps; the most is {STEPS_MAX}", items.len()));
    }
    if items.is_empty() && key == "steps" {
        at.problem("is empty; a flow has at least one step");
    }
    let mut steps: Vec<super::LoginStep> = Vec::new();
    for item in items.iter().take(STEPS_MAX) {
        if let Some(flow) = &mut scope.flow {
            let name = item.quietly("name").and_then(|at| at.written());
            flow.step = name.map(str::to_owned);
        }
        set::set(&item.with(item.reading.within(&scope.clone())), scope, set);
        let here: &Scope = scope;
        let step = step::step(&item.with(item.reading.within(here)), place);
        if let Some(flow) = &mut scope.flow {
            flow.captured.extend(named_values(item));
            flow.signed.extend(signed_value(item).map(str::to_owned));
        }
        let Some(step) = step else {
            scope.unknown.extend(exec::names(item));
            continue;
        };
        if let (Action::Exec(exec), Some(flow)) = (&step.action, &mut scope.flow) {
            let named = |name: &Arc<str>| (name.to_string(), exec.source(name));
            flow.set.extend(exec.captures.iter().map(named));
        }
        let here: &Scope = scope;
        let known = steps.iter().map(|step| &step.step.name).chain(place.conditions);
        if known.into_iter().any(|name| *name == step.step.name) {
            let at = item.with(item.reading.within(here));
            let at = at.quietly("name").unwrap_or_else(|| at.clone());
            at.problem(format!("another step is called \"{}\" already", step.step.name));
        }
        steps.push(step);
    }
    if let Some(flow) = &mut scope.flow {
        flow.step = None;
    }
    steps
}
