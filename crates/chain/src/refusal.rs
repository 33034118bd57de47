//! Everything that is wrong with a chain that webpki refused.
//!
//! webpki says that there is no valid path, and one reason why. Operators repair all faults of a
//! chain at once, so every fault that can be found is listed.

use std::time::Duration;

use rustls::pki_types::UnixTime;

use crate::certification_path::{PathCertificate, PathEnd, PathSearch, SearchedPath};
use crate::fault::{ChainFault, ChainFaultKind};
use crate::fault_texts::{
    breaks_a_rule, fault, invalid_detail, out_of_date, short_key, signature_fault,
    unknown_issuer_detail,
};
use crate::pointers::issuer_urls;
use crate::report::ChainReport;
use crate::signature::any_algorithm;
use crate::verification::Verification;
use crate::webpki_input::WebpkiInput;

/// Moments at which a path with an expired certificate is looked at again for other faults.
///
/// No row: it bounds work on certificates that are bounded.
const MAX_MOMENTS: usize = 8;

/// Finds the path that the chain was meant to have, and what is wrong along it. `faults` were found
/// before.
pub(crate) fn explain(
    verification: &Verification<'_>,
    presented: &[PathCertificate<'_>],
    mut faults: Vec<ChainFault>,
    refusal: Option<webpki::Error>,
) -> ChainReport {
    let now = verification.seconds();
    let anchors = verification.anchors.anchors();
    let mut certificates: Vec<&PathCertificate<'_>> = presented.iter().collect();
    let added: Vec<PathCertificate<'_>> =
        verification.added().filter_map(|der| PathCertificate::parse(der, None)).collect();
    let mut path = PathSearch::new(&certificates, anchors, now).run();
    if path.end == PathEnd::Unknown && !added.is_empty() {
        certificates.extend(&added);
        path = PathSearch::new(&certificates, anchors, now).run();
    }
    let leaf = certificates[0];
    for (&step, strength) in path.steps.iter().zip(&path.strengths) {
        let certificate = certificates[step];
        faults.extend(out_of_date(certificate, now));
        if step != 0 {
            faults.extend(short_key(certificate));
        }
        faults.extend(signature_fault(certificate, *strength));
    }
    let last = certificates[path.steps[path.steps.len() - 1]];
    let mut urls = Vec::new();
    match path.end {
        PathEnd::Anchor(_) => faults.extend(missing_intermediate(&certificates, &path)),
        PathEnd::Unknown if leaf.signs_itself() => faults.push(fault(
            ChainFaultKind::SelfSigned,
            format!("the certificate of {} is signed by itself and not trusted", leaf.who()),
        )),
        PathEnd::Unknown => {
            urls = issuer_urls(&last.x509);
            faults.push(fault(ChainFaultKind::UnknownIssuer, unknown_issuer_detail(last)));
        }
    }
    if leaf.x509.is_ca() {
        let detail = "a CA certificate is used as the server's certificate";
        faults.push(fault(ChainFaultKind::Invalid, detail));
    }
    faults.extend(broken_rule(verification, presented.len(), &certificates, &path));
    if faults.is_empty() {
        let detail = refusal.as_ref().map_or_else(|| "no valid path".into(), invalid_detail);
        faults.push(fault(ChainFaultKind::Invalid, detail));
    }
    ChainReport { faults, issuer_urls: urls, ..along(verification, &certificates, &path) }
}

/// What is known of a path although it is not valid; nothing when it has no end.
fn along(
    verification: &Verification<'_>,
    certificates: &[&PathCertificate<'_>],
    path: &SearchedPath,
) -> ChainReport {
    let PathEnd::Anchor(anchor) = path.end else { return ChainReport::default() };
    let dates = path.steps.iter().map(|&step| certificates[step].validity());
    ChainReport {
        path: path.steps.iter().filter_map(|&step| certificates[step].position).collect(),
        path_not_before: dates.clone().map(|(not_before, _)| not_before).max(),
        path_not_after: dates.map(|(_, not_after)| not_after).min(),
        trusted_by: Some(verification.anchors.source_of(anchor)),
        root: verification.anchors.listed_root(anchor).cloned(),
        ..ChainReport::default()
    }
}

fn missing_intermediate(
    certificates: &[&PathCertificate<'_>],
    path: &SearchedPath,
) -> Option<ChainFault> {
    let mut on_path = path.steps.iter().map(|&step| certificates[step]);
    let missing = on_path.find(|certificate| certificate.position.is_none())?;
    let who = missing.who();
    let detail = format!("the server does not send the intermediate certificate of {who}");
    Some(fault(ChainFaultKind::ChainIncomplete, detail))
}

/// A broken rule of RFC 5280 other than dates, names, issuers and strength: purpose, constraints,
/// encoding. webpki is asked again at moments when the dates do not matter.
fn broken_rule(
    verification: &Verification<'_>,
    presented: usize,
    certificates: &[&PathCertificate<'_>],
    path: &SearchedPath,
) -> Option<ChainFault> {
    let mut input = WebpkiInput::new(verification.message, verification.decoded, presented)?;
    input.add(verification.added());
    let algorithms = any_algorithm();
    let dates = path.steps.iter().flat_map(|&step| {
        let (not_before, not_after) = certificates[step].validity();
        [not_after, not_before]
    });
    // webpki sees dates before 1970 as 1970.
    let dates = dates.map(|date| u64::try_from(date).unwrap_or(0));
    let dates = dates.map(|date| UnixTime::since_unix_epoch(Duration::from_secs(date)));
    for moment in std::iter::once(verification.now).chain(dates).take(MAX_MOMENTS) {
        match input.verify(&algorithms, verification.anchors.anchors(), moment) {
            Ok(_) => return None,
            Err(error) if breaks_a_rule(&error) => {
                return Some(fault(ChainFaultKind::Invalid, invalid_detail(&error)));
            }
            Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {}
            Err(_) => return None,
        }
    }
    None
}
