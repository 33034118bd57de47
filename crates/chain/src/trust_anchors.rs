//! One set of trust anchors, and the intermediates that servers forget to send.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use crate::certificate::Certificate;
use crate::digest::{Sha256, sha256};
use crate::failure::TlsFailure;
use crate::fault::ChainFault;
use crate::fault_texts::root_out_of_date;
use crate::options::{Roots, TrustOptions};
use crate::pem_file::certificates;
use crate::seen_intermediates::SeenIntermediates;

/// A loaded set of anchors. It never changes: when its files change, another set is loaded.
pub(crate) struct TrustAnchors {
    /// Differs from that of every other set in this process.
    id: u64,
    /// Mozilla's, then those of the file; of the latter, what ends last comes first.
    anchors: Vec<TrustAnchor<'static>>,
    /// How many of them are Mozilla's.
    public: usize,
    /// The certificates of the file's anchors, in the same order.
    listed_roots: Vec<Arc<Certificate>>,
    /// SHA-256 of every certificate in the file of roots.
    listed: HashSet<Sha256>,
    intermediates: Vec<CertificateDer<'static>>,
    /// Of chains that were accepted with this set.
    pub(crate) seen: SeenIntermediates,
    /// Organisation and whole name of each root of the file.
    organisations: Vec<(String, String)>,
}

impl TrustAnchors {
    pub(crate) fn load(options: &TrustOptions) -> Result<TrustAnchors, TlsFailure> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let (public, file) = match &options.roots {
            Roots::Webpki => (webpki_roots::TLS_SERVER_ROOTS, None),
            Roots::File(path) => (&[] as &[_], Some(path)),
            Roots::Both(path) => (webpki_roots::TLS_SERVER_ROOTS, Some(path)),
        };
        let mut set = TrustAnchors {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            anchors: public.to_vec(),
            public: public.len(),
            listed_roots: Vec::new(),
            listed: HashSet::new(),
            seen: SeenIntermediates::default(),
            organisations: Vec::new(),
            intermediates: match &options.intermediates {
                Some(path) => certificates(path)?,
                None => Vec::new(),
            },
        };
        let listed = file.map(|path| certificates(path)).transpose()?.unwrap_or_default();
        set.listed = listed.iter().map(|der| sha256(der)).collect();
        let mut roots: Vec<_> = listed.iter().filter_map(root).collect();
        roots.sort_by_key(|(_, root)| Reverse(root.not_after));
        set.organisations = listed.iter().filter_map(organisation_of).collect();
        for (anchor, root) in roots {
            set.anchors.push(anchor);
            set.listed_roots.push(Arc::new(root));
        }
        Ok(set)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The anchors that a browser would accept at this moment (unix seconds), by their positions;
    /// `None` when that is all of them. RFC 5280 section 6.1.1 leaves it to the user of a root
    /// whether its dates matter; browsers refuse a root that is out of date.
    pub(crate) fn in_date(&self, now: i64) -> Option<Vec<usize>> {
        if self.listed_roots.iter().all(|root| root.is_valid_at(now)) {
            return None;
        }
        let in_date =
            |&anchor: &usize| self.listed_root(anchor).is_none_or(|root| root.is_valid_at(now));
        Some((0..self.anchors.len()).filter(in_date).collect())
    }

    /// The certificate of an anchor, when it is from the file.
    pub(crate) fn listed_root(&self, anchor: usize) -> Option<&Arc<Certificate>> {
        self.listed_roots.get(anchor.checked_sub(self.public)?)
    }

    pub(crate) fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    /// The name of a root of the file that is of the same organisation as whoever has this name.
    pub(crate) fn listed_root_of_organisation(&self, name: &X509Name<'_>) -> Option<&str> {
        let organisation = organisation(name)?;
        let mut roots = self.organisations.iter();
        roots.find(|(of_root, _)| *of_root == organisation).map(|(_, root)| root.as_str())
    }

    /// Which list an anchor came from: `webpki` or `file`.
    pub(crate) fn source_of(&self, anchor: usize) -> &'static str {
        if anchor < self.public { "webpki" } else { "file" }
    }

    /// Whether the file of roots holds this very certificate.
    pub(crate) fn lists(&self, der: &CertificateDer<'_>) -> bool {
        !self.listed.is_empty() && self.listed.contains(&sha256(der))
    }
}

/// Says of each root in a PEM text that it is out of date at a moment (unix seconds), so that
/// browsers refuse what it vouches for. A root that is listed again with other dates, of the same
/// name and key, is as good as its best one.
pub fn roots_out_of_date(pem: &[u8], moment: i64) -> Vec<ChainFault> {
    let listed = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    let roots: Vec<_> = listed.filter_map(|der| root(&der)).collect();
    let (valid, others): (Vec<_>, Vec<_>) =
        roots.iter().partition(|(_, root)| root.is_valid_at(moment));
    others
        .into_iter()
        .filter(|(anchor, _)| !valid.iter().any(|(valid, _)| valid == anchor))
        .filter_map(|(_, root)| root_out_of_date(root, moment))
        .collect()
}

/// Organisation and name of a root.
fn organisation_of(der: &CertificateDer<'_>) -> Option<(String, String)> {
    let (_, root) = root(der)?;
    let (_, x509) = X509Certificate::from_der(der).ok()?;
    Some((organisation(x509.subject())?, root.subject))
}

fn organisation(name: &X509Name<'_>) -> Option<String> {
    let text = name.iter_organization().next()?.as_str().ok()?.trim();
    (!text.is_empty()).then(|| text.to_lowercase())
}

/// The anchor that a listed certificate makes. A server's own certificate may be listed to be
/// accepted as it is, but that does not let its key sign for others, so it makes none.
fn root(der: &CertificateDer<'_>) -> Option<(TrustAnchor<'static>, Certificate)> {
    let (_, x509) = X509Certificate::from_der(der).ok()?;
    let may_sign = match x509.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        Ok(None) => x509.subject() == x509.issuer(),
        Err(_) => false,
    };
    if !may_sign {
        return None;
    }
    let anchor = webpki::anchor_from_trusted_cert(der).ok()?;
    Some((anchor.to_owned(), Certificate::from_x509(der, &x509)))
}
