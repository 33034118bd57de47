//! `/api/v1/status`: everything the page shows, as JSON.
//!
//! ```json
//! {
//!   "version": "0.1.0", "vantage": "daejeon", "time": "2026-11-22T02:00:00Z",
//!   "ready": true, "online": true,
//!   "config": {"hash": "0123456789abcdef", "refused": {"since": "...", "problem": "..."}},
//!   "maintenance": [{"name": "patch", "kind": "announced", "reason": "보안 패치", "from": "...",
//!     "until": "...", "targets": ["saeol", "saeol/seocho"]}],
//!   "summary": {"down": 1, "degraded": 0, "unknown": 0, "unobserved": 0, "up": 11},
//!   "grades": [{"grade": 1, "services": 4, "up": 3}],
//!   "recovery": [{"cause": "dc-daejeon", "services": 3, "up": 1,
//!     "grades": [{"grade": 1, "services": 3, "up": 1}]}],
//!   "services": [{
//!     "name": "gpki", "title": "행정전자서명 인증", "grade": 1, "owner": null,
//!     "alternative": null, "needs": ["dc-daejeon"],
//!     "availability": {"24h": 0.9995, "7d": 0.9999, "30d": null},
//!     "probes": [{
//!       "id": "gpki/portal", "probe": "portal", "site": null, "site_title": null,
//!       "site_owner": null, "site_telephone": null, "kind": "http",
//!       "instance": "https://www.gpki.go.kr/", "tests": "gpki", "component": "gpki",
//!       "state": "down", "stale": false,
//!       "maintenance": null, "down_before_maintenance": false,
//!       "stage": "tcp", "reason": "connect_timeout", "step": null, "detail": "...",
//!       "meaning": "...", "first_look": "...",
//!       "since": "2026-11-22T01:46:00Z", "last_run": "...", "last_success": "...",
//!       "consecutive_failures": 31, "interval_seconds": 30.0, "duration_seconds": 10.0,
//!       "http_status": null, "steps": [{"name": "form", "component": "saeol", "success": true,
//!       "duration_seconds": 0.2}],
//!       "address_moved": {"at": "...", "from": ["192.0.2.1"], "to": ["198.51.100.1"]},
//!       "addresses": [{"address": "192.0.2.1", "up": false, "reason": "connect_timeout",
//!       "detail": "..."}],
//!       "certificate": {"subject": "CN=www.gpki.go.kr", "serial": "0a", "not_after": "..."}
//!     }]
//!   }]
//! }
//! ```
//!
//! `state` is `unobserved` before the first run and once the last one is stale; `reason`, `step`
//! and `detail` then still say what was last wrong. `tests` is the service that the probe tests;
//! `component` the one to blame for what is wrong (`bongsu` for what is wrong with our own account),
//! and while nothing is, the same as `tests`. `maintenance` names the open window that covers the probe; an
//! outage that is older than it has `down_before_maintenance`, and is not excused by it; nothing is
//! excused by a window of the kind `emergency`. Times are
//! RFC 3339 in UTC or null. `addresses` has those that the last run looked at, where the probe looks
//! at several; `address_moved` is when the name last led to addresses none of which was seen for a day.
//! `grades` counts the services that are probed, and `recovery` those that need a broken service,
//! directly or not; `up` are those of which no probe is down, unknown or unobserved.
//! `meaning` and `first_look` say of the reason what it means and what to check first, in the language of
//! `Accept-Language`. `availability` is null without `--prometheus.url`. New keys may be added; none is renamed or removed within `v1`.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tokio::time::Instant;

use super::Site;
use super::connections::ClientConnection;
use super::display_state::{self, Running, Shown};
use super::html::Language;
use super::past::WINDOWS;
use super::recovery::{CauseRecovery, GradeCount, Recovery};
use crate::build_info::VERSION;
use crate::calendar;
use crate::config::{Config, Service, WindowTarget};
use crate::outcome::AddressFacts;
use crate::results::Row;

pub(super) async fn status(
    State(site): State<Arc<Site>>,
    Extension(client): Extension<Arc<ClientConnection>>,
    headers: HeaderMap,
) -> Response {
    let shown = Arc::clone(&site);
    let language = Language::of(None, &headers);
    let write = move |out: &mut dyn io::Write| {
        let rows = shown.sources.results.snapshot(Instant::now()).rows;
        let config = Arc::clone(&shown.sources.config.borrow());
        let status = Status::of(&shown, &config, &rows, language);
        serde_json::to_writer(out, &status).map_err(io::Error::from)
    };
    site.writers.answer(&client, &headers, "application/json", write).await
}

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    vantage: Option<&'a str>,
    time: Option<String>,
    ready: bool,
    online: bool,
    config: ConfigStatus<'a>,
    maintenance: Vec<MaintenanceStatus<'a>>,
    #[serde(serialize_with = "summary")]
    summary: [(Shown, usize); 5],
    grades: Vec<GradeCount>,
    recovery: Vec<CauseRecovery<'a>>,
    services: Vec<ServiceStatus<'a>>,
}

#[derive(Serialize)]
struct ConfigStatus<'a> {
    hash: &'a str,
    refused: Option<RefusedStatus>,
}

#[derive(Serialize)]
struct RefusedStatus {
    since: Option<String>,
    problem: String,
}

#[derive(Serialize)]
struct MaintenanceStatus<'a> {
    name: &'a str,
    kind: &'static str,
    reason: Option<&'a str>,
    from: String,
    until: String,
    targets: Vec<String>,
}

#[derive(Serialize)]
struct ServiceStatus<'a> {
    name: &'a str,
    title: Option<&'a str>,
    grade: Option<u8>,
    owner: Option<&'a str>,
    alternative: Option<&'a str>,
    needs: Vec<&'a str>,
    availability: Option<BTreeMap<&'static str, Option<f64>>>,
    probes: Vec<ProbeStatus<'a>>,
}

#[derive(Serialize)]
pub(super) struct ProbeStatus<'a> {
    id: String,
    probe: &'a str,
    site: Option<&'a str>,
    site_title: Option<&'a str>,
    site_owner: Option<&'a str>,
    site_telephone: Option<&'a str>,
    kind: &'static str,
    instance: &'a str,
    tests: &'a str,
    component: &'a str,
    state: &'static str,
    stale: bool,
    maintenance: Option<&'a str>,
    down_before_maintenance: bool,
    stage: Option<&'static str>,
    reason: Option<&'static str>,
    step: Option<&'a str>,
    detail: Option<&'a str>,
    meaning: Option<&'static str>,
    first_look: Option<&'static str>,
    since: Option<String>,
    last_run: Option<String>,
    last_success: Option<String>,
    consecutive_failures: u32,
    interval_seconds: f64,
    duration_seconds: Option<f64>,
    http_status: Option<u16>,
    steps: Vec<StepStatus<'a>>,
    address_moved: Option<MoveStatus<'a>>,
    addresses: Vec<AddressStatus<'a>>,
    certificate: Option<CertificateStatus<'a>>,
}

#[derive(Serialize)]
struct StepStatus<'a> {
    name: &'a str,
    component: &'a str,
    success: bool,
    duration_seconds: f64,
}

#[derive(Serialize)]
struct MoveStatus<'a> {
    at: Option<String>,
    from: &'a [IpAddr],
    to: &'a [IpAddr],
}

#[derive(Serialize)]
struct AddressStatus<'a> {
    address: IpAddr,
    up: bool,
    reason: Option<&'static str>,
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct CertificateStatus<'a> {
    subject: &'a str,
    serial: &'a str,
    not_after: Option<String>,
}

impl<'a> Status<'a> {
    fn of(site: &'a Site, config: &'a Config, rows: &'a [Row], language: Language) -> Status<'a> {
        let telling = Telling::of(config, language);
        let mut by_service: HashMap<&str, Vec<ProbeStatus<'a>>> = HashMap::new();
        for row in rows {
            by_service.entry(&row.target.id.service).or_default().push(telling.probe(row));
        }
        let services = config.services.iter().map(|service| ServiceStatus {
            name: &service.name,
            title: service.title.as_deref(),
            grade: service.grade,
            owner: service.owner.as_deref(),
            alternative: service.alternative.as_deref(),
            needs: service.needs.iter().map(|need| &**need).collect(),
            availability: site
                .past
                .as_ref()
                .and_then(|past| past.of(&service.name))
                .map(|shares| WINDOWS.iter().map(|(_, key)| *key).zip(shares).collect()),
            probes: by_service.remove(&*service.name).unwrap_or_default(),
        });
        let Recovery { grades, causes } = Recovery::of(config, rows);
        Status {
            version: VERSION,
            vantage: site.vantage.as_deref(),
            time: rfc3339(SystemTime::now()),
            ready: site.readiness.is_ready(),
            online: site.controls.reading().online,
            config: ConfigStatus { hash: &config.hash, refused: RefusedStatus::of(site) },
            maintenance: telling.running.iter().map(MaintenanceStatus::of).collect(),
            summary: display_state::counts(rows),
            grades,
            recovery: causes,
            services: services.collect(),
        }
    }
}

impl RefusedStatus {
    fn of(site: &Site) -> Option<RefusedStatus> {
        let refused = site.refused.borrow();
        let refused = refused.as_ref()?;
        Some(RefusedStatus { since: rfc3339(refused.since), problem: refused.problem.clone() })
    }
}

impl<'a> MaintenanceStatus<'a> {
    fn of(running: &Running<'a>) -> MaintenanceStatus<'a> {
        let target = |target: &WindowTarget| match &target.site {
            Some(site) => format!("{}/{site}", target.service),
            None => target.service.to_string(),
        };
        MaintenanceStatus {
            name: &running.window.name,
            kind: running.window.kind.as_str(),
            reason: running.window.reason.as_deref(),
            from: running.since.to_string(),
            until: running.until.to_string(),
            targets: running.window.targets.iter().map(target).collect(),
        }
    }
}

/// What the states of probes are told with.
pub(super) struct Telling<'a> {
    services: HashMap<&'a str, &'a Service>,
    running: Vec<Running<'a>>,
    language: Language,
}

impl<'a> Telling<'a> {
    pub(super) fn of(config: &'a Config, language: Language) -> Telling<'a> {
        let services = config.services.iter().map(|service| (&*service.name, &**service));
        let running = display_state::running(config, calendar::now());
        Telling { services: services.collect(), running, language }
    }

    pub(super) fn probe(&self, row: &'a Row) -> ProbeStatus<'a> {
        let service = self.services.get(&*row.target.id.service);
        let site = service.and_then(|service| service.site(row.target.id.site.as_deref()));
        let excused = display_state::excused(row, &self.running);
        let cause = display_state::cause(row);
        let last = row.last.as_deref();
        let steps = last.map(|outcome| outcome.facts.steps.as_slice()).unwrap_or_default();
        let addresses = last.map(|outcome| outcome.facts.addresses.as_slice()).unwrap_or_default();
        ProbeStatus {
            id: row.target.id.to_string(),
            probe: &row.target.id.probe,
            site: row.target.id.site.as_deref(),
            site_title: site.and_then(|site| site.title.as_deref()),
            site_owner: site.and_then(|site| site.owner.as_deref()),
            site_telephone: site.and_then(|site| site.telephone.as_deref()),
            kind: row.target.kind.as_str(),
            instance: &row.target.instance,
            tests: &row.target.component,
            component: cause.map_or(&row.target.component, |cause| row.target.blamed(cause)),
            state: Shown::of(row).as_str(),
            stale: last.is_some() && !row.is_fresh,
            maintenance: excused.as_ref().map(|excused| &*excused.by.window.name),
            down_before_maintenance: excused.as_ref().is_some_and(|excused| excused.was_down),
            stage: cause.map(|cause| cause.reason.stage().as_str()),
            reason: cause.map(|cause| cause.reason.as_str()),
            step: cause.and_then(|cause| cause.step.as_ref()).map(|step| &*step.name),
            detail: cause.map(|cause| cause.detail.as_str()),
            meaning: cause.map(|cause| self.language.of_both(cause.reason.meaning())),
            first_look: cause.map(|cause| self.language.of_both(cause.reason.first_look())),
            since: row.availability.since().and_then(rfc3339),
            last_run: row.availability.last_run_at().and_then(rfc3339),
            last_success: row.availability.last_success_at().and_then(rfc3339),
            consecutive_failures: row.availability.consecutive_failures(),
            interval_seconds: row.target.schedule.interval().as_secs_f64(),
            duration_seconds: last.map(|outcome| outcome.elapsed.as_secs_f64()),
            http_status: last
                .and_then(|outcome| outcome.facts.http.as_ref())
                .map(|http| http.status)
                .filter(|&status| status != 0),
            steps: steps
                .iter()
                .map(|step| StepStatus {
                    name: &step.step.name,
                    component: &step.step.component,
                    success: step.success,
                    duration_seconds: step.elapsed.as_secs_f64(),
                })
                .collect(),
            address_moved: row.moved.as_ref().map(|moved| MoveStatus {
                at: rfc3339(moved.at),
                from: &moved.from,
                to: &moved.to,
            }),
            addresses: addresses.iter().map(AddressStatus::of).collect(),
            certificate: display_state::first_to_expire(row).map(|cert| CertificateStatus {
                subject: &cert.subject,
                serial: &cert.serial,
                not_after: jiff::Timestamp::from_second(cert.not_after)
                    .ok()
                    .map(|time| time.to_string()),
            }),
        }
    }
}

impl<'a> AddressStatus<'a> {
    fn of(of: &'a AddressFacts) -> AddressStatus<'a> {
        let failure = of.failure.as_ref();
        AddressStatus {
            address: of.address,
            up: failure.is_none(),
            reason: failure.map(|failure| failure.reason.as_str()),
            detail: failure.map(|failure| failure.detail.as_str()),
        }
    }
}

fn summary<S: Serializer>(counts: &[(Shown, usize); 5], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(counts.len()))?;
    for (state, count) in counts {
        map.serialize_entry(state.as_str(), count)?;
    }
    map.end()
}

/// To the millisecond; none for a clock outside years -9999 to 9999.
pub(super) fn rfc3339(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    let time = time.round(jiff::Unit::Millisecond).ok()?;
    Some(time.to_string())
}
