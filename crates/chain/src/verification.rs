//! What is wrong with a chain: webpki accepts or refuses it, and a refusal is explained in full.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::EndEntityCert;

use crate::certification_path::PathCertificate;
use crate::chain_cache::DecodedChain;
use crate::fault::{ChainFault, ChainFaultKind};
use crate::fault_texts::{fault, invalid_detail, name_fault, out_of_date, short_key};
use crate::pointers::revocable;
use crate::refusal;
use crate::report::ChainReport;
use crate::signature::STRONG;
use crate::trust_anchors::TrustAnchors;
use crate::webpki_input::{WebpkiInput, WebpkiPath};

/// A chain to be verified.
pub(crate) struct Verification<'a> {
    /// As presented, leaf first.
    pub(crate) message: &'a [CertificateDer<'a>],
    pub(crate) decoded: &'a DecodedChain,
    pub(crate) anchors: &'a TrustAnchors,
    /// Issuers fetched from where the chain says they are.
    pub(crate) fetched: &'a [CertificateDer<'static>],
    /// Who the server should be.
    pub(crate) name: &'a ServerName<'a>,
    /// The time to judge by.
    pub(crate) now: UnixTime,
}

/// What was found of a chain whose path was verified with these anchors within
/// [`REMEMBERED_FOR`](crate::chain_cache::REMEMBERED_FOR): `Some` only when the dates of the whole
/// path and the name fit now. Signatures and constraints are not looked at again.
pub(crate) fn recall(
    leaf: &CertificateDer<'_>,
    decoded: &DecodedChain,
    anchors: &TrustAnchors,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Option<Arc<ChainReport>> {
    let report = decoded.recall(anchors.id(), now.as_secs())?;
    let leaf = EndEntityCert::try_from(leaf).ok()?;
    leaf.verify_is_valid_for_subject_name(name).ok()?;
    Some(report)
}

impl<'a> Verification<'a> {
    /// Verifies the chain, signatures included, and remembers the path of one that is accepted.
    pub(crate) fn report(&self) -> Arc<ChainReport> {
        let mut report = self.unsorted_report();
        report.faults.sort_by_key(|fault| fault.kind);
        report.faults.dedup();
        let report = Arc::new(report);
        if report.faults.is_empty() {
            self.decoded.remember(self.anchors.id(), self.now.as_secs(), &report);
        }
        report
    }

    fn unsorted_report(&self) -> ChainReport {
        let certificates = self.path_certificates();
        let (Some(leaf), Some(input)) = (
            certificates.first(),
            WebpkiInput::new(self.message, self.decoded, certificates.len()),
        ) else {
            return undecoded();
        };
        if self.decoded.places.first() != Some(&0) {
            return undecoded();
        }
        let mut faults = Vec::new();
        let end_entity = EndEntityCert::try_from(&self.message[0]);
        match &end_entity {
            Ok(end_entity) => {
                if let Err(error) = end_entity.verify_is_valid_for_subject_name(self.name) {
                    let names = &self.decoded.chain.certs[0].dns_names;
                    faults.push(name_fault(leaf, names, &self.name.to_str(), &error));
                }
            }
            Err(error) => faults.push(fault(ChainFaultKind::Invalid, invalid_detail(error))),
        }
        if self.anchors.lists(&self.message[0]) {
            return self.listed_leaf(leaf, faults);
        }
        faults.extend(short_key(leaf));
        if end_entity.is_err() {
            return refusal::explain(self, &certificates, faults, None);
        }
        match self.accepted_path(&input) {
            Ok(path) => self.accepted(&certificates, &path, faults),
            Err(error) => refusal::explain(self, &certificates, faults, Some(error)),
        }
    }

    /// The presented certificates that were decoded; an index is the position in the chain.
    fn path_certificates(&self) -> Vec<PathCertificate<'a>> {
        let message = self.message;
        let presented = self.decoded.places.iter().enumerate();
        presented
            .map_while(|(position, &place)| {
                PathCertificate::parse(message.get(place)?, Some(position))
            })
            .collect()
    }

    /// The path along which webpki accepts the chain. A path to a root that is in date is
    /// preferred, because a browser would find it.
    fn accepted_path(&self, input: &WebpkiInput<'_>) -> Result<WebpkiPath, webpki::Error> {
        let anchors = self.anchors.anchors();
        if let Some(in_date) = self.anchors.in_date(self.seconds()) {
            let given: Vec<_> = in_date.iter().map(|&anchor| anchors[anchor].clone()).collect();
            if let Ok(path) = input.verify(STRONG, &given, self.now) {
                let anchor = path.anchor.map(|anchor| in_date[anchor]);
                return Ok(WebpkiPath { anchor, ..path });
            }
        }
        input.verify(STRONG, anchors, self.now)
    }

    /// A leaf that is itself in the file of roots: its issuer does not matter, its dates do.
    fn listed_leaf(&self, leaf: &PathCertificate<'_>, mut faults: Vec<ChainFault>) -> ChainReport {
        faults.extend(out_of_date(leaf, self.seconds()));
        let (not_before, not_after) = leaf.validity();
        ChainReport {
            path: vec![0],
            path_not_before: Some(not_before),
            path_not_after: Some(not_after),
            faults,
            trusted_by: Some("leaf"),
            ..ChainReport::default()
        }
    }

    fn accepted(
        &self,
        certificates: &[PathCertificate<'_>],
        path: &WebpkiPath,
        faults: Vec<ChainFault>,
    ) -> ChainReport {
        let dates = path.positions.iter().map(|&position| certificates[position].validity());
        let anchor = path.anchor;
        if faults.is_empty() {
            let issuers =
                path.positions.iter().skip(1).map(|&at| &self.message[self.decoded.places[at]]);
            self.anchors.seen.remember(issuers);
        }
        let trust_anchor = anchor.map(|anchor| &self.anchors.anchors()[anchor]);
        ChainReport {
            path: path.positions.clone(),
            path_not_before: dates.clone().map(|(not_before, _)| not_before).max(),
            path_not_after: dates.map(|(_, not_after)| not_after).min(),
            faults,
            trusted_by: anchor.map(|anchor| self.anchors.source_of(anchor)),
            root: anchor.and_then(|anchor| self.anchors.listed_root(anchor)).cloned(),
            revocable: revocable(certificates, &path.positions, trust_anchor),
            issuer_urls: Vec::new(),
        }
    }

    /// Intermediates that the server did not send.
    pub(crate) fn added(&self) -> impl Iterator<Item = &'a CertificateDer<'static>> {
        self.anchors.intermediates().iter().chain(self.fetched)
    }

    /// The time to judge by, as dates of certificates are counted.
    pub(crate) fn seconds(&self) -> i64 {
        i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX)
    }
}

fn undecoded() -> ChainReport {
    let detail = "the server's certificate cannot be decoded";
    ChainReport { faults: vec![fault(ChainFaultKind::Invalid, detail)], ..ChainReport::default() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;
    use crate::chain_cache::{ChainIndex, ChainMemory, REMEMBERED_FOR};
    use crate::options::{Roots, TrustOptions};

    type Authority = CertifiedIssuer<'static, KeyPair>;

    /// A CA whose certificate is valid from 2020 until the end of a year.
    fn authority(until: i32, key: KeyPair) -> Authority {
        CertifiedIssuer::self_signed(ca_params("Root", until), key).unwrap()
    }

    fn ca_params(name: &str, until: i32) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 12, 31);
        params
    }

    fn leaf(issuer: &Authority, from: i32, until: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 12, 31);
        params.not_after = rcgen::date_time_ymd(until, 12, 31);
        params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
    }

    fn anchors(roots: &[&Authority]) -> TrustAnchors {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("roots.pem");
        fs::write(&file, roots.iter().map(|root| root.pem()).collect::<String>()).unwrap();
        let options = TrustOptions { roots: Roots::File(file), ..TrustOptions::default() };
        TrustAnchors::load(&options).unwrap()
    }

    /// The beginning of a year, and some seconds.
    fn moment(year: i32, seconds: u64) -> UnixTime {
        let start = rcgen::date_time_ymd(year, 1, 1).unix_timestamp() as u64;
        UnixTime::since_unix_epoch(Duration::from_secs(start + seconds))
    }

    /// One server's chain, looked at again and again.
    struct Server {
        message: Vec<CertificateDer<'static>>,
        decoded: Arc<DecodedChain>,
    }

    impl Server {
        fn with(message: Vec<CertificateDer<'static>>) -> Server {
            let decoded = ChainIndex::default().decode(&ChainMemory::default(), message.iter());
            Server { message, decoded }
        }

        fn recalled(
            &self,
            anchors: &TrustAnchors,
            name: &'static str,
            now: UnixTime,
        ) -> Option<Arc<ChainReport>> {
            let name = ServerName::try_from(name).unwrap();
            recall(&self.message[0], &self.decoded, anchors, &name, now)
        }

        fn verified(
            &self,
            anchors: &TrustAnchors,
            name: &'static str,
            now: UnixTime,
        ) -> Arc<ChainReport> {
            let name = ServerName::try_from(name).unwrap();
            let (message, decoded) = (self.message.as_slice(), &*self.decoded);
            let name = &name;
            Verification { message, decoded, anchors, fetched: &[], name, now }.report()
        }
    }

    fn kinds(report: &ChainReport) -> Vec<ChainFaultKind> {
        report.faults.iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn a_verified_path_is_remembered_for_a_bounded_time() {
        let root = authority(2060, KeyPair::generate().unwrap());
        let (server, trust) = (Server::with(vec![leaf(&root, 2020, 2040)]), anchors(&[&root]));
        assert!(server.recalled(&trust, "a.test", moment(2030, 0)).is_none(), "never verified");
        let report = server.verified(&trust, "a.test", moment(2030, 0));
        assert_eq!(kinds(&report), []);

        let last = server.recalled(&trust, "a.test", moment(2030, REMEMBERED_FOR - 1)).unwrap();
        assert!(Arc::ptr_eq(&report, &last));
        assert!(server.recalled(&trust, "a.test", moment(2030, REMEMBERED_FOR)).is_none());
        assert!(server.recalled(&trust, "a.test", moment(2029, 0)).is_none(), "clock set back");

        server.verified(&trust, "a.test", moment(2030, REMEMBERED_FOR));
        assert!(server.recalled(&trust, "a.test", moment(2030, REMEMBERED_FOR + 1)).is_some());
    }

    #[test]
    fn a_remembered_path_is_still_judged_by_its_dates() {
        let root = authority(2060, KeyPair::generate().unwrap());
        let (server, trust) = (Server::with(vec![leaf(&root, 2020, 2039)]), anchors(&[&root]));
        let year = moment(2040, 0).as_secs() - moment(2039, 0).as_secs();
        // The leaf ends at 2039-12-31 00:00.
        let end = year - 24 * 3600;
        server.verified(&trust, "a.test", moment(2039, end - 10));
        assert!(server.recalled(&trust, "a.test", moment(2039, end)).is_some());
        assert!(server.recalled(&trust, "a.test", moment(2039, end + 1)).is_none());
        let expired = server.verified(&trust, "a.test", moment(2039, end + 1));
        assert_eq!(kinds(&expired), [ChainFaultKind::Expired]);
    }

    #[test]
    fn a_remembered_path_is_still_judged_by_its_name() {
        let root = authority(2060, KeyPair::generate().unwrap());
        let (server, trust) = (Server::with(vec![leaf(&root, 2020, 2040)]), anchors(&[&root]));
        server.verified(&trust, "a.test", moment(2030, 0));
        assert!(server.recalled(&trust, "b.test", moment(2030, 1)).is_none());
        let other = server.verified(&trust, "b.test", moment(2030, 1));
        assert_eq!(kinds(&other), [ChainFaultKind::NameMismatch]);
        assert!(server.recalled(&trust, "a.test", moment(2030, 1)).is_some(), "not forgotten");
    }

    #[test]
    fn a_path_is_remembered_for_the_anchors_it_was_verified_with() {
        let root = authority(2060, KeyPair::generate().unwrap());
        let stranger = authority(2060, KeyPair::generate().unwrap());
        let (server, trust) = (Server::with(vec![leaf(&root, 2020, 2040)]), anchors(&[&root]));
        server.verified(&trust, "a.test", moment(2030, 0));
        let strangers = anchors(&[&stranger]);
        assert!(server.recalled(&strangers, "a.test", moment(2030, 1)).is_none());
        let report = server.verified(&strangers, "a.test", moment(2030, 1));
        assert_eq!(kinds(&report), [ChainFaultKind::UnknownIssuer]);
        // The same file loaded again is another set.
        assert!(server.recalled(&anchors(&[&root]), "a.test", moment(2030, 1)).is_none());
    }

    #[test]
    fn a_refused_chain_is_not_remembered() {
        let root = authority(2060, KeyPair::generate().unwrap());
        let (server, trust) = (Server::with(vec![leaf(&root, 2020, 2025)]), anchors(&[&root]));
        server.verified(&trust, "a.test", moment(2030, 0));
        assert!(server.recalled(&trust, "a.test", moment(2030, 0)).is_none());
    }

    #[test]
    fn a_root_that_is_out_of_date_is_a_warning_unless_another_path_avoids_it() {
        let key = KeyPair::generate().unwrap();
        let again = KeyPair::from_pem(&key.serialize_pem()).unwrap();
        let (old, renewed) = (authority(2025, key), authority(2060, again));
        let server = Server::with(vec![leaf(&old, 2020, 2040)]);
        let warning = |roots: &[&Authority], year| {
            let now = moment(year, 0);
            let report = server.verified(&anchors(roots), "a.test", now);
            assert_eq!(kinds(&report), [], "a root's dates are no fault of the chain");
            report.root_out_of_date(now).map(|warning| warning.detail)
        };
        let said = warning(&[&old], 2030).unwrap();
        assert!(said.contains("the listed root CN=Root expired on 2025-12-31T"), "{said}");
        assert_eq!(warning(&[&old], 2025), None, "it ends this year");
        assert_eq!(warning(&[&old, &renewed], 2030), None);
        assert_eq!(warning(&[&renewed, &old], 2030), None);
    }

    #[test]
    fn a_cross_signed_path_to_a_root_in_date_is_preferred() {
        let key = KeyPair::generate().unwrap();
        let cross_key = KeyPair::from_pem(&key.serialize_pem()).unwrap();
        let old = authority(2025, key);
        let current =
            CertifiedIssuer::self_signed(ca_params("New Root", 2060), KeyPair::generate().unwrap());
        let current = current.unwrap();
        let cross = ca_params("Root", 2060).signed_by(&cross_key, &current).unwrap();
        let server = Server::with(vec![leaf(&old, 2020, 2040), cross.der().clone()]);
        let now = moment(2030, 0);
        let report = server.verified(&anchors(&[&old, &current]), "a.test", now);
        assert_eq!(report.path, [0, 1]);
        assert_eq!(report.root.as_ref().unwrap().subject, "CN=New Root");
        assert!(report.root_out_of_date(now).is_none());
    }

    #[test]
    fn dates_before_1970_and_far_ahead_are_read() {
        let root = authority(2060, KeyPair::generate().unwrap());
        let trust = anchors(&[&root]);
        let verified = |from, until| {
            let server = Server::with(vec![leaf(&root, from, until)]);
            let report = server.verified(&trust, "a.test", moment(2030, 0));
            (kinds(&report), report.path_not_after, report.faults.first().cloned())
        };
        for from in [1949, 1950, 1969, 1970, 2020] {
            let (kinds, ..) = verified(from, 2040);
            assert_eq!(kinds, [], "notBefore in {from}");
        }
        // 2049 is the last year of UTCTime, 9999 that of GeneralizedTime (RFC 5280 4.1.2.5).
        for until in [2049, 2050, 9999] {
            let (kinds, end, _) = verified(1969, until);
            assert_eq!(kinds, [], "notAfter in {until}");
            assert_eq!(end, Some(rcgen::date_time_ymd(until, 12, 31).unix_timestamp()));
        }
        for until in [1949, 1960, 1969, 1970] {
            let (kinds, _, first) = verified(1948, until);
            assert_eq!(kinds, [ChainFaultKind::Expired], "notAfter in {until}");
            let said = first.unwrap().detail;
            assert!(said.contains(&format!("expired on {until}-12-31")), "{said}");
        }
    }

    #[test]
    fn moving_a_date_does_not_let_a_forged_signature_pass() {
        let root = authority(2060, KeyPair::generate().unwrap());
        let stranger = authority(2060, KeyPair::generate().unwrap());
        let server = Server::with(vec![leaf(&stranger, 1969, 2040)]);
        let report = server.verified(&anchors(&[&root]), "a.test", moment(2030, 0));
        assert_eq!(kinds(&report), [ChainFaultKind::UnknownIssuer]);
    }
}
