//! The path that a refused chain was meant to have: searched from the leaf by names and signatures
//! alone, whatever the dates, purposes and strengths are.

use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::{name, serial};
use crate::der::{PublicKey, Signed, element};
use crate::signature::{self, SignatureStrength};

/// Certificates on one path, the leaf included. webpki allows six issuers.
///
/// No row: it bounds a search among the certificates of one message, which are bounded.
const MAX_DEPTH: usize = 8;

/// Signatures checked for one path: a hostile chain can offer many issuers of the same name.
///
/// Limit: signatures checked for one refused chain.
/// Share: of each handshake.
/// Full: the search ends.
/// Filled: many_issuers_of_one_name_do_not_cost_more_than_the_run
const MAX_SIGNATURES: usize = 48;

/// A certificate that can be part of a path.
pub(crate) struct PathCertificate<'a> {
    pub(crate) x509: X509Certificate<'a>,
    /// Position in the presented chain; `None` for one that was added from elsewhere.
    pub(crate) position: Option<usize>,
    signed: Signed<'a>,
    key: PublicKey<'a>,
}

impl<'a> PathCertificate<'a> {
    pub(crate) fn parse(
        der: &'a CertificateDer<'_>,
        position: Option<usize>,
    ) -> Option<PathCertificate<'a>> {
        let (_, x509) = X509Certificate::from_der(der.as_ref()).ok()?;
        let (spki, _) = element(x509.tbs_certificate.subject_pki.raw)?;
        let (signed, key) = (Signed::parse(der.as_ref())?, PublicKey::parse(spki.content)?);
        Some(PathCertificate { x509, position, signed, key })
    }

    pub(crate) fn subject(&self) -> &[u8] {
        self.x509.subject().as_raw()
    }

    pub(crate) fn issuer(&self) -> &[u8] {
        self.x509.issuer().as_raw()
    }

    /// Whether it names itself as its issuer and, as far as can be checked, is.
    pub(crate) fn signs_itself(&self) -> bool {
        self.subject() == self.issuer()
            && signature::check(&self.signed, &self.key) != SignatureStrength::Forged
    }

    /// Content of its SubjectPublicKeyInfo.
    pub(crate) fn key_content(&self) -> &'a [u8] {
        element(self.x509.tbs_certificate.subject_pki.raw).map_or(&[], |(spki, _)| spki.content)
    }

    /// Its subject for people; its serial number when it has no subject.
    pub(crate) fn who(&self) -> String {
        match name::text(self.x509.subject()) {
            subject if subject.is_empty() => {
                format!("serial {}", serial(self.x509.raw_serial()))
            }
            subject => subject,
        }
    }

    /// Its issuer for people.
    pub(crate) fn issuer_text(&self) -> String {
        name::text(self.x509.issuer())
    }

    /// `notBefore` and `notAfter`, unix seconds.
    pub(crate) fn validity(&self) -> (i64, i64) {
        let validity = self.x509.validity();
        (validity.not_before.timestamp(), validity.not_after.timestamp())
    }

    fn is_valid_at(&self, now: i64) -> bool {
        let (not_before, not_after) = self.validity();
        (not_before..=not_after).contains(&now)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathEnd {
    /// At the anchor of this position.
    Anchor(usize),
    /// At a certificate of which no issuer was found.
    Unknown,
}

pub(crate) struct SearchedPath {
    /// Indices of certificates, leaf first.
    pub(crate) steps: Vec<usize>,
    pub(crate) end: PathEnd,
    /// For each step, what the signature on it is worth; `None` for the last one when no issuer
    /// was found.
    pub(crate) strengths: Vec<Option<SignatureStrength>>,
}

pub(crate) struct PathSearch<'a, 'b> {
    certificates: &'b [&'b PathCertificate<'a>],
    anchors: &'b [TrustAnchor<'static>],
    now: i64,
    signatures_left: usize,
}

impl<'a, 'b> PathSearch<'a, 'b> {
    pub(crate) fn new(
        certificates: &'b [&'b PathCertificate<'a>],
        anchors: &'b [TrustAnchor<'static>],
        now: i64,
    ) -> PathSearch<'a, 'b> {
        PathSearch { certificates, anchors, now, signatures_left: MAX_SIGNATURES }
    }

    /// The first path from `certificates[0]` to an anchor, else the first of the longest ones.
    pub(crate) fn run(mut self) -> SearchedPath {
        let mut path =
            SearchedPath { steps: vec![0], end: PathEnd::Unknown, strengths: vec![None] };
        let mut longest = None;
        self.step(&mut path, &mut longest);
        match (path.end, longest) {
            (PathEnd::Unknown, Some(longest)) => longest,
            _ => path,
        }
    }

    /// Tries every issuer of the last step. True when an anchor was reached.
    fn step(&mut self, path: &mut SearchedPath, longest: &mut Option<SearchedPath>) -> bool {
        let Some(&top) = path.steps.last() else { return false };
        let certificates = self.certificates;
        let top = certificates[top];
        for (index, anchor) in self.anchors.iter().enumerate() {
            if without_header(top.issuer()) != Some(anchor.subject.as_ref()) {
                continue;
            }
            let key = PublicKey::parse(anchor.subject_public_key_info.as_ref());
            if let Some(strength) = key.and_then(|key| self.signed(top, &key)) {
                path.end = PathEnd::Anchor(index);
                set_last(&mut path.strengths, Some(strength));
                return true;
            }
        }
        let mut issuers: Vec<usize> = (0..certificates.len())
            .filter(|index| !path.steps.contains(index))
            .filter(|&index| certificates[index].subject() == top.issuer())
            .collect();
        // Prefer issuers that are valid now: an expired cross-sign is not the path one meant.
        issuers.sort_by_key(|&index| !certificates[index].is_valid_at(self.now));
        if path.steps.len() < MAX_DEPTH {
            for index in issuers {
                let Some(strength) = self.signed(top, &certificates[index].key) else { continue };
                set_last(&mut path.strengths, Some(strength));
                path.steps.push(index);
                path.strengths.push(None);
                if self.step(path, longest) {
                    return true;
                }
                path.steps.pop();
                path.strengths.pop();
                set_last(&mut path.strengths, None);
            }
        }
        if longest.as_ref().is_none_or(|longest| longest.steps.len() < path.steps.len()) {
            *longest = Some(SearchedPath {
                steps: path.steps.clone(),
                end: PathEnd::Unknown,
                strengths: path.strengths.clone(),
            });
        }
        false
    }

    /// The strength of a signature that is not forged.
    fn signed(
        &mut self,
        certificate: &PathCertificate<'_>,
        key: &PublicKey<'_>,
    ) -> Option<SignatureStrength> {
        self.signatures_left = self.signatures_left.checked_sub(1)?;
        let strength = signature::check(&certificate.signed, key);
        (strength != SignatureStrength::Forged).then_some(strength)
    }
}

fn set_last(strengths: &mut [Option<SignatureStrength>], strength: Option<SignatureStrength>) {
    if let Some(last) = strengths.last_mut() {
        *last = strength;
    }
}

/// Trust anchors hold names without the outer SEQUENCE.
fn without_header(name: &[u8]) -> Option<&[u8]> {
    element(name).map(|(name, _)| name.content)
}
