//! The control page and its JSON API: what is broken, and the switches.
//!
//! The page works without scripts: every switch is a form. Both sides answer an unknown system or
//! fault with the list of valid ones.

mod api;
mod own_pages;
mod page;
mod switch;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};

use crate::site::page::FormFields;
use crate::site::redirect;
use crate::systems;
use crate::world::LabWorld;

use own_pages::{OwnOrigins, own_pages_only};
use switch::Switched;

/// A request to throw a switch is a few words.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Page, API and certificates. `listen` is the address that the router is served at.
pub fn router(world: Arc<LabWorld>, listen: SocketAddr) -> Router {
    let origins = Arc::new(OwnOrigins::new(&world.control_url, listen));
    Router::new()
        .route("/", get(show))
        .route("/faults", post(press))
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
        .layer(middleware::from_fn_with_state(origins, own_pages_only))
        .with_state(world)
}

async fn show(State(world): State<Arc<LabWorld>>) -> Response {
    html(StatusCode::OK, page::render(&world, None))
}

/// A fault's button: `system`, `fault`, `action` (set or clear).
async fn press(State(world): State<Arc<LabWorld>>, body: Bytes) -> Response {
    let fields = FormFields::parse(&body, encoding_rs::UTF_8);
    let (system, fault) = (fields.text("system"), fields.text("fault"));
    let switched = match fields.text("action") {
        "clear" => switch::clear(&world, system, fault),
        _ => switch::set(&world, system, fault),
    };
    shown(&world, system, switched)
}

async fn reset(State(world): State<Arc<LabWorld>>, body: Bytes) -> Response {
    let fields = FormFields::parse(&body, encoding_rs::UTF_8);
    let system = fields.text("system");
    shown(&world, system, switch::unlock(&world, system))
}

/// The page again after a button was pressed, with the mistake if there was one.
fn shown(world: &LabWorld, system: &str, switched: Switched) -> Response {
    match switched {
        Ok(_) => redirect(&anchor(system)),
        Err(mistake) => {
            html(StatusCode::BAD_REQUEST, page::render(world, Some(&mistake.to_string())))
        }
    }
}

/// Back to the card whose button was pressed.
fn anchor(system: &str) -> String {
    if systems::find(system).is_some() { format!("/#{system}") } else { "/".to_owned() }
}

async fn root(State(world): State<Arc<LabWorld>>) -> Response {
    file("application/x-pem-file", world.pki.root_pem())
}

async fn intermediate(State(world): State<Arc<LabWorld>>) -> Response {
    file("application/pkix-cert", world.pki.intermediate_der().to_vec())
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
