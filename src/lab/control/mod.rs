//! The control page and its JSON API: what is broken, and the switches.
//!
//! The page works without scripts: every switch is a form. Both sides answer an unknown system or
//! fault with the list of valid ones.

mod api;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use url::Url;

use super::estate::World;
use super::faults::{Fault, Kind, Mistake};
use super::page::Fields;
use super::site::redirect;
use super::systems::{self, System};
use crate::server::external::External;
use crate::server::origin;

/// A switch is a few words.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Page, API, certificates.
pub fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/faults", post(switch))
        .route("/accounts/reset", post(reset))
        .route("/api/faults", get(api::faults).post(api::set).delete(api::clear))
        .route("/api/systems", get(api::systems))
        .route("/api/sessions", get(api::sessions))
        .route("/api/accounts/reset", post(api::reset))
        .route("/api/replay", get(api::replay))
        .route("/pki/root.pem", get(root))
        .route("/pki/intermediate.cer", get(intermediate))
        // The daemon's path, so that `bongsu healthcheck` serves both containers.
        .route("/-/healthy", get(async || "healthy\n"))
        .fallback(api::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&world), own_pages_only))
        .with_state(world)
}

async fn show(State(world): State<Arc<World>>) -> Response {
    html(StatusCode::OK, page::render(&world, None))
}

/// A button: `system`, `fault`, `action` (set or clear).
async fn switch(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let fields = Fields::parse(&body, encoding_rs::UTF_8);
    let (system, fault) = (fields.text("system"), fields.text("fault"));
    let done = match fields.text("action") {
        "clear" => clear(&world, system, fault),
        _ => set(&world, system, fault),
    };
    match done {
        Ok(_) => redirect(&anchor(system)),
        Err(mistake) => {
            html(StatusCode::BAD_REQUEST, page::render(&world, Some(&mistake.to_string())))
        }
    }
}

async fn reset(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let fields = Fields::parse(&body, encoding_rs::UTF_8);
    match systems::select(fields.text("system")) {
        Ok(chosen) => {
            chosen.iter().for_each(|system| world.site(system).accounts.reset());
            redirect(&anchor(fields.text("system")))
        }
        Err(mistake) => {
            html(StatusCode::BAD_REQUEST, page::render(&world, Some(&mistake.to_string())))
        }
    }
}

/// Back to the card whose button was pressed.
fn anchor(system: &str) -> String {
    if systems::find(system).is_some() { format!("/#{system}") } else { "/".to_owned() }
}

/// Another site's page in the operator's browser must not press our buttons, nor call the API.
async fn own_pages_only(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let external = External::new(Url::parse(&world.control_url).ok());
    if origin::is_foreign(request.method(), request.headers(), &external) {
        return (StatusCode::FORBIDDEN, origin::REFUSED).into_response();
    }
    next.run(request).await
}

async fn root(State(world): State<Arc<World>>) -> Response {
    file("application/x-pem-file", world.pki.root_pem())
}

async fn intermediate(State(world): State<Arc<World>>) -> Response {
    file("application/pkix-cert", world.pki.intermediate_der().to_vec())
}

/// Switches a fault on for every system that the name means.
fn set(world: &World, system: &str, fault: &str) -> Result<Vec<&'static System>, Mistake> {
    let (chosen, fault) = (systems::select(system)?, Fault::parse(fault)?);
    for system in &chosen {
        tracing::info!(system = system.name, %fault, "lab fault set");
        world.faults.set(system, fault);
    }
    Ok(chosen)
}

/// Switches a kind off, or everything with `all` or nothing.
fn clear(world: &World, system: &str, fault: &str) -> Result<Vec<&'static System>, Mistake> {
    let chosen = systems::select(system)?;
    let kind = match fault {
        "" | "all" => None,
        name => Some(Kind::from_name(name).ok_or_else(|| {
            let valid = Kind::ALL.iter().map(|kind| kind.name()).chain(["all"]);
            Mistake::unknown("fault", name, valid)
        })?),
    };
    for system in &chosen {
        let set = world.faults.of(system);
        for fault in set.switched_on().filter(|fault| kind.is_none_or(|kind| kind == fault.kind()))
        {
            tracing::info!(system = system.name, %fault, "lab fault cleared");
        }
        match kind {
            Some(kind) => world.faults.clear(system, kind),
            None => world.faults.clear_all(system),
        }
    }
    Ok(chosen)
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = file("text/html; charset=utf-8", text);
    *response.status_mut() = status;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn file(kind: &'static str, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
