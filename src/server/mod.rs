//! The HTTP side: endpoints, TLS, authentication.
//!
//! Handlers only show what the latest results, the configuration and the metrics hold; the one command
//! they can give is a reload, and that is a message to the select loop.

pub mod external;
pub mod listen;
pub mod metrics;
mod origin;
pub mod ready;
mod recovery;
pub mod reload;
mod resume;
pub mod times;
pub mod web;
pub mod web_config;

pub mod any_target;
mod auth;
mod banner;
mod blocks;
mod connections;
mod display_state;
mod evidence;
mod fair_turns;
mod filter;
mod html;
mod icon;
mod missing;
mod modules;
mod outages;
mod page;
mod page_turns;
pub mod past;
pub(crate) mod printed;
mod probe;
mod probe_page;
mod probe_status;
mod row;
mod run_places;
mod sd;
mod service_state;
mod status;
mod stream;
pub(crate) mod tls;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use tokio::sync::watch;

use self::auth::Admitted;
use self::connections::ClientConnection;
use self::external::External;
use self::metrics::Sources;
use self::page_turns::PageTurns;
use self::past::PastAvailability;
use self::ready::Readiness;
use self::reload::Refused;
use self::run_places::RunPlaces;
use self::stream::Writers;
use self::times::LocalTime;
use self::web::Web;
use crate::blackbox::Blackbox;
use crate::controls::Controls;
use crate::probe::surroundings::Surroundings;

/// Nothing here takes a body.
///
/// No row: nothing here reads one.
const BODY_MAX_BYTES: usize = 4096;

/// What is offered, for whoever asks for something else.
const PATHS: &str = "not found; there are:
/                          outages, worst first; ?q= &owner= &grade= &state= &wall=1 &refresh=off
/services/{service}        the same, of one service
/probes/{service}/{probe}  the last runs of one; {probe}@{site} where there are sites
/metrics                   for Prometheus
/api/v1/status             as JSON
/api/v1/probes/{service}/{probe}  what came in the last failures of one, as JSON
/sd                        every probe, as targets for Prometheus (HTTP SD)
/probe?target=&module=     the last result of one, as blackbox_exporter has it
/config                    modules of blackbox_exporter, where they are run
/-/healthy                 alive
/-/ready                   configured, listening, scheduled
/-/reload                  POST: read the configuration again
/-/resume?account=         POST: log in again with a held account, or with all of them
";

struct Site {
    sources: Sources,
    readiness: Readiness,
    reloads: Option<reload::Asks>,
    surroundings: Arc<Surroundings>,
    vantage: Option<String>,
    local_time: LocalTime,
    external: External,
    controls: Arc<Controls>,
    refused: watch::Receiver<Option<Refused>>,
    /// None: no Prometheus was named.
    past: Option<Arc<PastAvailability>>,
    /// None: only configured targets are answered.
    /// Whether `/probe` probes what is not configured.
    probes_any_target: bool,
    runs: Arc<RunPlaces>,
    /// What `/probe` answers with instead of results of ours.
    blackbox: Option<Arc<Blackbox>>,
    writers: Writers,
    pages: PageTurns,
}

/// What a server is made of.
pub struct Parts {
    /// Results and the configuration in force.
    pub sources: Sources,
    pub readiness: Readiness,
    /// Where to ask for a reload; none answers 403.
    pub reloads: Option<reload::Asks>,
    /// Whose held accounts an operator may resume.
    pub surroundings: Arc<Surroundings>,
    /// The place's name, for pages.
    pub vantage: Option<String>,
    /// The zone of the times on pages.
    pub local_time: LocalTime,
    /// Where people reach us, for links.
    pub external: External,
    /// Whether this vantage is online.
    pub controls: Arc<Controls>,
    /// A configuration that is not in force.
    pub refused: watch::Receiver<Option<Refused>>,
    /// How available services were, where a Prometheus says so.
    pub past: Option<Arc<PastAvailability>>,
    /// What `/probe` does with targets that are not configured.
    pub any_target: AnyTarget,
    /// What `/probe` answers with instead of results of ours.
    pub blackbox: Option<Arc<Blackbox>>,
}

/// What `/probe` does with a target that is not configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyTarget {
    /// It is probed, from where we stand, for everybody who may ask.
    Probed,
    Refused,
}

/// The endpoints, behind the authentication of `web`.
pub fn router(parts: Parts, web: Arc<Web>) -> Router {
    let external = parts.external.clone();
    let runs_max =
        parts.blackbox.as_ref().map_or(any_target::RUNS_MAX, |blackbox| blackbox.runs_max());
    let site = Arc::new(Site {
        sources: parts.sources,
        readiness: parts.readiness,
        reloads: parts.reloads,
        surroundings: parts.surroundings,
        vantage: parts.vantage,
        local_time: parts.local_time,
        external: parts.external,
        controls: parts.controls,
        refused: parts.refused,
        past: parts.past,
        probes_any_target: parts.any_target == AnyTarget::Probed,
        runs: RunPlaces::new(runs_max),
        blackbox: parts.blackbox,
        writers: Writers::new(),
        pages: PageTurns::new(),
    });
    let router = Router::new()
        .route("/", get(page::page_of_all))
        .route("/services/{service}", get(page::page_of_service))
        .route("/probes/{service}/{probe}", get(probe_page::page_of_one))
        .route("/icon/{state}", get(icon::icon))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/probes/{service}/{probe}", get(probe_status::status_of_one))
        .route("/probe", get(probe::probe))
        .route("/config", get(modules::config))
        .route("/sd", get(sd::sd))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload::reload).put(reload::reload))
        .route("/-/resume", post(resume::resume).put(resume::resume))
        .fallback(missing::no_such_path)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(middleware::from_fn_with_state((web, external.clone()), guard))
        .with_state(site);
    external.around(router)
}

async fn healthy() -> &'static str {
    "healthy\n"
}

async fn ready(State(site): State<Arc<Site>>) -> Response {
    if site.readiness.is_ready() {
        return "ready\n".into_response();
    }
    let text = if site.readiness.is_stopping() { "stopping\n" } else { "starting\n" };
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// Admits, and gives every answer the headers that keep browsers from guessing. The operator's
/// own headers win.
async fn guard(
    State((web, external)): State<(Arc<Web>, External)>,
    Extension(client): Extension<Arc<ClientConnection>>,
    request: Request,
    next: Next,
) -> Response {
    let web = web.current();
    let mut response = if origin::is_foreign(request.method(), request.headers(), &external) {
        (StatusCode::FORBIDDEN, origin::REFUSED).into_response()
    } else {
        match web.users.admit(request.headers(), &client).await {
            Admitted::Yes => next.run(request).await,
            Admitted::No => {
                let challenge =
                    HeaderValue::from_static("Basic realm=\"bongsu\", charset=\"UTF-8\"");
                let challenge = [(WWW_AUTHENTICATE, challenge)];
                (StatusCode::UNAUTHORIZED, challenge, "unauthorized\n").into_response()
            }
            Admitted::TooMany => {
                let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
                let text = "too many passwords of your address wait to be checked\n";
                (StatusCode::TOO_MANY_REQUESTS, later, text).into_response()
            }
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(policy) = HeaderValue::from_str(&html::POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in &web.headers {
        headers.insert(name, value.clone());
    }
    response
}
