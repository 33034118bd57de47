//! `needs`: root-cause edges between services. They name services that are there, and lead
//! nowhere in a circle: a circle has no root cause.

use std::collections::HashMap;
use std::sync::Arc;

use super::reading::{At, ConfigValue, Fields};

pub(super) struct Needs<'a> {
    service: Arc<str>,
    /// The key, where problems are shown.
    at: Option<At<'a>>,
    names: Vec<Arc<str>>,
}

impl Needs<'_> {
    /// The names that are right.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.names.clone()
    }
}

/// Reads `needs` of a service.
pub(super) fn read<'a>(fields: &Fields<'a>, service: &Arc<str>) -> Needs<'a> {
    let mut needs = Needs { service: service.clone(), at: fields.take("needs"), names: Vec::new() };
    let Some(at) = &needs.at else { return needs };
    for item in at.one_or_many() {
        let Some(name) = item.text() else { continue };
        if *name == **service {
            at.problem(format!("\"{name}\" needs itself; remove it"));
        } else if !at.known_service(&name) {
            continue;
        } else if needs.names.iter().any(|known| **known == *name) {
            at.problem(format!("names \"{name}\" twice"));
        } else {
            needs.names.push(name.as_ref().into());
        }
    }
    needs
}

/// Notes every circle once, at the first service of it that the walk meets.
pub(super) fn refuse_circles(all: &[Needs<'_>]) {
    let index: HashMap<&str, usize> =
        all.iter().enumerate().map(|(index, needs)| (&*needs.service, index)).collect();
    let edges: Vec<Vec<usize>> = all
        .iter()
        .map(|needs| needs.names.iter().filter_map(|name| index.get(&**name).copied()).collect())
        .collect();
    let mut done = vec![false; all.len()];
    for start in 0..all.len() {
        // Depth first with a stack of its own: a chain may be as long as the file.
        let mut way: Vec<(usize, usize)> = Vec::new();
        let mut on_way = HashMap::new();
        if !done[start] {
            on_way.insert(start, 0);
            way.push((start, 0));
        }
        while let Some((service, edge)) = way.last_mut() {
            let Some(&next) = edges[*service].get(*edge) else {
                done[*service] = true;
                on_way.remove(service);
                way.pop();
                continue;
            };
            *edge += 1;
            if let Some(&since) = on_way.get(&next) {
                let circle: Vec<usize> = way[since..].iter().map(|(service, _)| *service).collect();
                refuse(all, &circle);
            } else if !done[next] {
                on_way.insert(next, way.len());
                way.push((next, 0));
            }
        }
    }
}

fn refuse(all: &[Needs<'_>], circle: &[usize]) {
    let names: Vec<&str> =
        circle.iter().chain(circle.first()).map(|&index| &*all[index].service).collect();
    let at = circle.first().and_then(|&first| all[first].at.as_ref());
    if let Some(at) = at {
        at.problem(format!("circular: {}; remove one of these needs", names.join(" -> ")));
    }
}
