//! The JSON side of the control page.
//!
//! `curl -d '{"system":"gpki","fault":"stall_large"}' http://localhost:10916/api/faults`

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::switch::{self, Switched};
use crate::faults::{Fault, FaultKind};
use crate::mistake::Mistake;
use crate::site::page::{self, FormFields};
use crate::system::SimulatedSystem;
use crate::systems;
use crate::world::LabWorld;

/// `GET /api/faults`: every kind of fault, and what is on.
pub(super) async fn faults(State(world): State<Arc<LabWorld>>) -> Response {
    let kinds: Vec<Value> = FaultKind::ALL
        .iter()
        .map(|kind| {
            json!({
                "fault": kind.name(), "title": kind.title(), "meaning": kind.english(),
                "default_value": kind.default_value(),
            })
        })
        .collect();
    ok(json!({ "faults": kinds, "systems": states(&world, systems::ALL) }))
}

/// `{"system": "gpki", "fault": "latency=3s"}`, or with `"value": "3s"` apart.
pub(super) async fn set(State(world): State<Arc<LabWorld>>, body: Bytes) -> Response {
    answer(&world, asked(&body).and_then(|asked| switch::set(&world, &asked.system, &asked.fault)))
}

/// The same with DELETE: in the body, or `?system=gpki&fault=latency`. Without a fault, all of them.
pub(super) async fn clear(
    State(world): State<Arc<LabWorld>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let asked = match query {
        Some(query) => {
            let fields = FormFields::parse(query.as_bytes(), encoding_rs::UTF_8);
            Ok(Asked { system: fields.text("system").into(), fault: fields.text("fault").into() })
        }
        None => asked(&body),
    };
    answer(&world, asked.and_then(|asked| switch::clear(&world, &asked.system, &asked.fault)))
}

/// Every system: address, faults, sessions, locked accounts.
pub(super) async fn systems(State(world): State<Arc<LabWorld>>) -> Response {
    ok(json!({ "systems": states(&world, systems::ALL) }))
}

/// Signed-in sessions, with `?system=` those of one system or service.
pub(super) async fn sessions(
    State(world): State<Arc<LabWorld>>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = FormFields::parse(query.unwrap_or_default().as_bytes(), encoding_rs::UTF_8);
    let name = match fields.text("system") {
        "" => "all",
        name => name,
    };
    let chosen = match systems::select(name) {
        Ok(chosen) => chosen,
        Err(mistake) => return refused(&mistake),
    };
    let open: Vec<Value> = chosen
        .iter()
        .flat_map(|system| {
            world.site(system).sessions.signed_in().into_iter().map(|session| {
                json!({
                    "system": system.name, "user": session.user,
                    "idle_seconds": session.idle.as_secs_f64(),
                })
            })
        })
        .collect();
    ok(json!({ "count": open.len(), "sessions": open }))
}

/// `{"system": "gpki"}`: unlocks its accounts.
pub(super) async fn reset(State(world): State<Arc<LabWorld>>, body: Bytes) -> Response {
    answer(&world, asked(&body).and_then(|asked| switch::unlock(&world, &asked.system)))
}

/// The drill, its clock, and which of its events have happened.
pub(super) async fn replay(State(world): State<Arc<LabWorld>>) -> Response {
    let state = world.drill.borrow().clone();
    let Some(state) = state else { return ok(json!({ "playing": false })) };
    let events: Vec<Value> = state
        .drill
        .events
        .iter()
        .enumerate()
        .map(|(index, event)| {
            json!({
                "at": state.drill.clock(event.at), "done": index < state.done,
                "note_ko": event.note.ko, "note_en": event.note.en,
            })
        })
        .collect();
    ok(json!({
        "playing": !state.finished(), "title_ko": state.drill.title.ko,
        "title_en": state.drill.title.en, "clock": state.drill.clock(state.now),
        "speed": state.speed, "events": events,
    }))
}

/// Names the valid requests.
pub(super) async fn not_found() -> Response {
    let valid = [
        "GET /",
        "GET /api/faults",
        "POST /api/faults",
        "DELETE /api/faults",
        "GET /api/systems",
        "GET /api/sessions",
        "POST /api/accounts/reset",
        "GET /api/replay",
        "GET /pki/root.pem",
        "GET /pki/intermediate.cer",
        "GET /-/healthy",
    ];
    page::json(StatusCode::NOT_FOUND, &json!({ "error": "no such page", "valid": valid }))
}

struct Asked {
    system: String,
    fault: String,
}

fn asked(body: &[u8]) -> Result<Asked, Mistake> {
    const KEYS: [&str; 3] = ["system", "fault", "value"];
    let wrong = |message: &str| Mistake { message: message.to_owned(), valid: Vec::new() };
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| wrong(&format!("the body is not JSON: {error}")))?;
    let Some(object) = value.as_object() else { return Err(wrong("the body is not an object")) };
    if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Mistake::unknown("key", key, KEYS));
    }
    let text = |key: &str| match object.get(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(wrong(&format!("\"{key}\" is not text"))),
    };
    let (fault, value) = (text("fault")?, text("value")?);
    let fault = if value.is_empty() { fault } else { format!("{fault}={value}") };
    Ok(Asked { system: text("system")?, fault })
}

fn answer(world: &LabWorld, switched: Switched) -> Response {
    match switched {
        Ok(chosen) => ok(json!({ "systems": states(world, &chosen) })),
        Err(mistake) => refused(&mistake),
    }
}

fn refused(mistake: &Mistake) -> Response {
    let error = json!({ "error": mistake.message, "valid": mistake.valid });
    page::json(StatusCode::BAD_REQUEST, &error)
}

fn ok(value: Value) -> Response {
    page::json(StatusCode::OK, &value)
}

fn states(world: &LabWorld, chosen: &[&'static SimulatedSystem]) -> Vec<Value> {
    chosen
        .iter()
        .map(|system| {
            let site = world.site(system);
            let set = world.faults.of(system);
            let faults: Vec<String> =
                set.switched_on().map(|fault: Fault| fault.to_string()).collect();
            json!({
                "system": system.name, "service": system.service, "title": system.title,
                "url": site.base, "needs": system.needs, "faults": faults,
                "open_sessions": site.sessions.signed_in().len(),
                "locked_accounts": site.accounts.locked(),
            })
        })
        .collect()
}
