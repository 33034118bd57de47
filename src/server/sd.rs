//! `/sd`: every probe of this process as targets for Prometheus (HTTP SD), for those who scrape one
//! target at a time, as with blackbox_exporter.
//!
//! ```yaml
//! - job_name: blackbox-exporter
//!   metrics_path: /probe
//!   http_sd_configs: [{ url: "http://bongsu:10915/sd" }]
//!   relabel_configs: [{ target_label: __address__, replacement: "bongsu:10915" }]
//! ```
//!
//! The parameters of `/probe` come along as labels, so that this is all.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use tokio::time::Instant;

use super::Site;
use super::connections::ClientConnection;
use crate::config::Target;

/// A target group: one target, so that each has labels of its own.
#[derive(Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<&'static str, String>,
}

pub(super) async fn sd(
    State(site): State<Arc<Site>>,
    Extension(client): Extension<Arc<ClientConnection>>,
    headers: HeaderMap,
) -> Response {
    let shown = Arc::clone(&site);
    let write = move |out: &mut dyn io::Write| {
        let rows = shown.sources.results.snapshot(Instant::now()).rows;
        let groups: Vec<Group<'_>> = rows.iter().map(|row| Group::of(&row.target)).collect();
        serde_json::to_writer(out, &groups).map_err(io::Error::from)
    };
    site.writers.answer(&client, &headers, "application/json", write).await
}

impl Group<'_> {
    fn of(target: &Target) -> Group<'_> {
        let mut labels = BTreeMap::from([
            ("service", target.id.service.to_string()),
            ("probe", target.id.probe.to_string()),
            ("kind", target.kind.as_str().to_owned()),
            ("instance", target.instance.clone()),
            ("__param_target", target.instance.clone()),
            ("__param_module", target.id.to_string()),
        ]);
        if let Some(site) = &target.id.site {
            labels.insert("site", site.to_string());
        }
        Group { targets: [&target.instance], labels }
    }
}
