//! `set`: values with a name, made of others before they are sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::capture;
use crate::config::names::Scope;
use crate::config::reading::{At, ConfigValue};
use crate::template::{FlowSource, Template};

/// Values of one mapping.
const SET_MAX: usize = 50;

/// Named values with what they are made of.
pub(super) type Set = BTreeMap<Arc<str>, Template<FlowSource>>;

/// Reads the mapping under `set` of `at` in order, so that each value may name those before it, and
/// adds their names to the scope.
pub(super) fn set(at: &At<'_>, scope: &mut Scope, set: &mut Set) {
    let Some(at) = at.quietly("set") else { return };
    let entries = at.entries().unwrap_or_default();
    if entries.len() > SET_MAX {
        at.problem(format!("has {} values; the most is {SET_MAX}", entries.len()));
    }
    for (name, at) in entries.into_iter().take(SET_MAX) {
        let at = at.with(at.reading.within(scope));
        capture::name(name, &at);
        if at.reading.scope.flow.as_ref().is_some_and(|flow| flow.captured.contains(name)) {
            at.problem(format!("\"{name}\" is captured already; choose another name"));
        }
        let template: Option<Template<FlowSource>> = at.template();
        let Some(template) = template else {
            scope.unknown.insert(name.to_owned());
            continue;
        };
        let source = match template.as_plain() {
            Some(text) => FlowSource::Text(text.to_owned()),
            None => {
                let mut roots: Vec<FlowSource> = Vec::new();
                for root in template.sources() {
                    if !roots.contains(root) {
                        roots.push(root.clone());
                    }
                }
                FlowSource::Made(name.into(), roots.into())
            }
        };
        set.insert(name.into(), template);
        if let Some(flow) = &mut scope.flow {
            flow.set.insert(name.to_owned(), source);
        }
    }
}
