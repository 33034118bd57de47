//! `/-/resume`: an operator says that a held account may log in again.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;

use super::Site;

#[derive(Deserialize)]
pub(super) struct ResumeQuery {
    /// The account's name in the configuration; every account when it is left out.
    account: Option<String>,
}

pub(super) async fn resume(
    State(site): State<Arc<Site>>,
    Query(wanted): Query<ResumeQuery>,
) -> Response {
    if site.reloads.is_none() {
        let text = "resuming over HTTP is off; start with --web.enable-lifecycle\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let account = wanted.account.as_deref();
    let resumed = site.surroundings.accounts.resume(account);
    match (account, resumed) {
        (Some(account), 0) => {
            let text = format!("no account named {account:?} is held\n");
            (StatusCode::NOT_FOUND, text).into_response()
        }
        _ => {
            tracing::info!(account, resumed, "accounts resumed");
            format!("resumed {resumed}\n").into_response()
        }
    }
}
