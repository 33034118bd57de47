//! The ways in which the systems let people in: a form with id and password, typed or encrypted by
//! the page, the same by JSON for a token, the certificate of an official, and the identity
//! provider of the citizen portals; and what stands before and behind them on some days, a waiting
//! room and notices.

pub mod certificate;
pub mod form;
pub mod id_token;
pub mod notice;
pub mod portal;
pub mod session_key;
pub mod token;
pub mod waiting_room;

use crate::faults::FaultKind;
use crate::site::SystemSite;

/// The picture and the field that a login form shows while it asks for a captcha; empty otherwise.
pub fn captcha(site: &SystemSite) -> &'static str {
    if site.suffers(FaultKind::Captcha) {
        "<img id=\"captcha\" src=\"/captcha.png\" alt=\"보안문자\"><input name=\"captcha\">"
    } else {
        ""
    }
}
