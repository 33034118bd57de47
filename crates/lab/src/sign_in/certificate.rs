//! The login of officials: a challenge that GPKI gave out, signed with the officer's certificate, and
//! a user whom the system knows by the name in it.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use base::EscapedText;
use http::HeaderMap;

use super::form::{FormLogin, verification_failed};
use crate::peers::Vouched;
use crate::signers::officers::OFFICER;
use crate::site::accounts::PasswordDirectory;
use crate::site::page::{self, FormFields};
use crate::site::{PROBE_USER, SystemSite, redirect};

#[derive(Clone)]
struct CertificateLogin {
    site: Arc<SystemSite>,
    form: FormLogin,
}

/// The login beside the form of a system.
pub fn routes(site: &Arc<SystemSite>, path: &str, form: FormLogin) -> Router {
    let login = CertificateLogin { site: Arc::clone(site), form };
    Router::new().route(path, post(submit)).with_state(login)
}

async fn submit(
    State(login): State<CertificateLogin>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let CertificateLogin { site, form } = &login;
    let fields = FormFields::parse(&body, site.system.charset);
    let session = match form.session_of(site, &headers, &fields) {
        Ok(session) => session,
        Err(answer) => return *answer,
    };
    let vouched = site.peers.gpki_vouches(fields.text("txId"), fields.text("signedData")).await;
    let signer = match vouched {
        Ok(Vouched::Signer(signer)) => signer,
        Ok(Vouched::Refused(why)) => return refused(site, &why),
        Err(failed) => return verification_failed(site, &failed.0),
    };
    let known = user_of(&signer).filter(|_| site.directory() == PasswordDirectory::Filled);
    let Some(user) = known else {
        return refused(site, "등록되지 않은 인증서");
    };
    // A new identifier, as after a password.
    site.sessions.close(&session.id);
    let session = site.sessions.open(Some(user));
    let mut response = redirect(form.home);
    page::set_cookie(&mut response, &page::session_cookie(site.system.cookie, &session.id));
    response
}

/// Whose certificate it is.
fn user_of(signer: &str) -> Option<&'static str> {
    (signer == OFFICER).then_some(PROBE_USER)
}

/// The page that says why a certificate was not accepted.
fn refused(site: &SystemSite, why: &str) -> Response {
    let body = format!("<h1>인증서 로그인 오류</h1><p class=\"error\">{}</p>", EscapedText(why));
    site.page("인증 오류", &body).into()
}
