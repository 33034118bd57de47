//! What is wrong with a chain: webpki accepts or refuses, and a refusal is explained in full.
//!
//! A refused chain often has several faults, and operators repair all of them at once, so every
//! fault that can be found is listed; [`CertFault::ORDER`] says which one names the failure.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::chains::{Known, MAX_SAME_SUBJECT, Path};
use super::fault::{
    breaks_a_rule, day, fault, invalid_detail, short_key, signature_fault, unknown_issuer_detail,
};
use super::path::{Climb, Climber, End, Link};
use super::signature;
use super::trust::Trust;
use crate::cert::CertFault;
use crate::outcome::Reason;

/// Moments at which a path with an expired certificate is looked at again for other faults.
const MAX_MOMENTS: usize = 8;

/// Names of a certificate that are told when none of them fits.
const NAMES_TOLD: usize = 4;

/// What was found out about one chain, for one name and one set of anchors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judgement {
    /// Positions in the chain of the certificates on the path, leaf first.
    pub(crate) path: Vec<usize>,
    /// Earliest end of validity on the path.
    pub(crate) path_not_after: Option<i64>,
    /// In the order of [`CertFault::ORDER`]; none means accepted.
    pub(crate) faults: Vec<CertFault>,
    /// `webpki`, `file` or `leaf`.
    pub(crate) trusted_by: Option<&'static str>,
    /// Revocation lists to ask, for each certificate of the path that names some.
    pub(crate) listed: Vec<super::pointers::Listed>,
    /// Where an issuer that was not sent can be fetched.
    pub(crate) issuer_urls: Vec<String>,
}

/// A chain to be judged.
pub(crate) struct Case<'a> {
    /// As presented, leaf first.
    pub(crate) message: &'a [CertificateDer<'a>],
    /// Its decoded form.
    pub(crate) known: &'a Known,
    /// Who is believed.
    pub(crate) trust: &'a Trust,
    /// Issuers fetched from where the chain says they are.
    pub(crate) fetched: &'a [CertificateDer<'static>],
    /// Who the server should be.
    pub(crate) name: &'a ServerName<'a>,
    /// The time to judge by.
    pub(crate) now: UnixTime,
}

impl Case<'_> {
    /// Verifies the chain and says what was found.
    pub(crate) fn judge(&self) -> Arc<Judgement> {
        let path = self.verify();
        if let Some(described) = path.as_ref().and_then(|path| self.known.recall(path)) {
            return described;
        }
        let judgement = Arc::new(self.describe());
        match path {
            Some(path) if judgement.faults.is_empty() && judgement.path == path.steps => {
                self.known.remember(path, &judgement);
            }
            _ => {}
        }
        judgement
    }

    /// The path along which the chain is accepted.
    fn verify(&self) -> Option<Path> {
        let end_entity = EndEntityCert::try_from(self.message.first()?).ok()?;
        end_entity.verify_is_valid_for_subject_name(self.name).ok()?;
        let issuers = self.known.issuers.iter().filter_map(|&place| self.message.get(place));
        let issuers: Vec<_> = issuers.map(|der| CertificateDer::from(der.as_ref())).collect();
        let path = end_entity
            .verify_for_usage(
                signature::STRONG,
                self.trust.anchors(),
                &issuers,
                self.now,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .ok()?;
        let (steps, anchor) = self.places_of(&path);
        Some(Path { trust: self.trust.id(), steps, anchor })
    }

    /// Positions of a path's certificates in the chain, and of its anchor.
    fn places_of(&self, path: &VerifiedPath<'_>) -> (Vec<usize>, Option<usize>) {
        let above = path.intermediate_certificates().filter_map(|on_path| {
            let der = on_path.der();
            let place = self.message.iter().position(|sent| sent == &der)?;
            self.known.places.iter().position(|&decoded| decoded == place)
        });
        let anchors = self.trust.anchors();
        let anchor = anchors.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        (std::iter::once(0).chain(above).collect(), anchor)
    }

    fn describe(&self) -> Judgement {
        let mut judgement = self.judge_unsorted();
        judgement.faults.sort_by_key(CertFault::rank);
        judgement.faults.dedup_by(|a, b| a.reason == b.reason && a.detail == b.detail);
        judgement
    }

    fn judge_unsorted(&self) -> Judgement {
        let links: Vec<Link<'_>> = self.links();
        let [leaf, ..] = links.as_slice() else {
            return faulty(Reason::TlsInvalid, "the server's certificate cannot be decoded");
        };
        if leaf.position != Some(0) || self.known.places.first() != Some(&0) {
            return faulty(Reason::TlsInvalid, "the server's certificate cannot be decoded");
        }
        let mut faults = Vec::new();
        let end_entity = EndEntityCert::try_from(&self.message[0]);
        match &end_entity {
            Ok(end_entity) => {
                if let Err(error) = end_entity.verify_is_valid_for_subject_name(self.name) {
                    faults.push(self.name_fault(leaf, &error));
                }
            }
            Err(error) => faults.push(fault(Reason::TlsInvalid, invalid_detail(error))),
        }
        if self.trust.lists(&self.message[0]) {
            return self.listed_leaf(leaf, faults);
        }
        faults.extend(short_key(leaf));
        let Ok(end_entity) = end_entity else { return self.explain(&links, faults, None) };
        let intermediates = self.intermediates(&links[1..], Source::Presented);
        let verified = end_entity.verify_for_usage(
            signature::STRONG,
            self.trust.anchors(),
            &intermediates,
            self.now,
            KeyUsage::server_auth(),
            None,
            None,
        );
        match verified {
            Ok(path) => {
                let (steps, anchor) = self.places_of(&path);
                self.accepted(&links, &steps, anchor, faults)
            }
            Err(error) => self.explain(&links, faults, Some(error)),
        }
    }

    /// The decoded certificates, presented ones first, so that a presented certificate's index
    /// is its position in the chain.
    fn links(&self) -> Vec<Link<'_>> {
        let presented = self.known.places.iter().enumerate();
        presented
            .map_while(|(position, &place)| Link::parse(self.message.get(place)?, Some(position)))
            .collect()
    }

    fn intermediates(&self, links: &[Link<'_>], source: Source) -> Vec<CertificateDer<'_>> {
        let mut subjects: Vec<&[u8]> = Vec::new();
        let mut chosen = Vec::new();
        for link in links {
            let Some(der) = link.position.and_then(|p| self.message.get(self.known.places[p]))
            else {
                continue;
            };
            if subjects.iter().filter(|s| **s == link.subject()).count() < MAX_SAME_SUBJECT {
                subjects.push(link.subject());
                chosen.push(CertificateDer::from(der.as_ref()));
            }
        }
        if source == Source::PresentedAndAdded {
            chosen.extend(self.added().map(|der| CertificateDer::from(der.as_ref())));
        }
        chosen
    }

    /// Intermediates that the server did not send.
    fn added(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.trust.intermediates().iter().chain(self.fetched)
    }

    /// A leaf that is itself in the file of roots: its issuer does not matter, its dates do.
    fn listed_leaf(&self, leaf: &Link<'_>, mut faults: Vec<CertFault>) -> Judgement {
        faults.extend(self.time_fault(leaf));
        Judgement {
            path: vec![0],
            path_not_after: Some(leaf.x509.validity().not_after.timestamp()),
            faults,
            trusted_by: Some("leaf"),
            ..Judgement::default()
        }
    }

    fn accepted(
        &self,
        links: &[Link<'_>],
        steps: &[usize],
        anchor: Option<usize>,
        faults: Vec<CertFault>,
    ) -> Judgement {
        let ends = steps.iter().map(|&step| links[step].x509.validity().not_after.timestamp());
        Judgement {
            path: steps.iter().filter_map(|&step| links[step].position).collect(),
            path_not_after: ends.min(),
            faults,
            trusted_by: anchor.map(|anchor| self.trust.vouches(anchor)),
            listed: super::pointers::listed(links, steps, anchor.map(|a| &self.trust.anchors()[a])),
            issuer_urls: Vec::new(),
        }
    }

    /// Finds everything that is wrong with a chain that webpki refused.
    fn explain(
        &self,
        presented: &[Link<'_>],
        mut faults: Vec<CertFault>,
        refusal: Option<webpki::Error>,
    ) -> Judgement {
        let now = self.now.as_secs() as i64;
        let mut links: Vec<&Link<'_>> = presented.iter().collect();
        let added: Vec<Link<'_>> = self.added().filter_map(|der| Link::parse(der, None)).collect();
        let mut climb = Climber::new(&links, self.trust.anchors(), now).climb();
        if climb.end == End::Unknown && !added.is_empty() {
            links.extend(&added);
            climb = Climber::new(&links, self.trust.anchors(), now).climb();
        }
        let leaf = links[0];
        for (&step, strength) in climb.steps.iter().zip(&climb.strengths) {
            faults.extend(self.time_fault(links[step]));
            if step != 0 {
                faults.extend(short_key(links[step]));
            }
            faults.extend(signature_fault(links[step], *strength));
        }
        let end = links[climb.steps[climb.steps.len() - 1]];
        let mut issuer_urls = Vec::new();
        match climb.end {
            End::Anchor(_) => {
                let missing = climb.steps.iter().find(|&&step| links[step].position.is_none());
                if let Some(&missing) = missing {
                    faults.push(fault(
                        Reason::TlsChainIncomplete,
                        format!(
                            "the server does not send the intermediate certificate of {}",
                            links[missing].who()
                        ),
                    ));
                }
            }
            End::Unknown if leaf.signs_itself() => faults.push(fault(
                Reason::TlsSelfSigned,
                format!("the certificate of {} is signed by itself and not trusted", leaf.who()),
            )),
            End::Unknown => {
                issuer_urls = super::pointers::issuer_urls(&end.x509);
                faults.push(fault(Reason::TlsUnknownIssuer, unknown_issuer_detail(end)));
            }
        }
        if leaf.x509.is_ca() {
            faults.push(fault(
                Reason::TlsInvalid,
                "a CA certificate is used as the server's certificate",
            ));
        }
        faults.extend(self.constraint_fault(presented, &links, &climb));
        if faults.is_empty() {
            let detail = refusal.as_ref().map_or_else(|| "no valid path".into(), invalid_detail);
            faults.push(fault(Reason::TlsInvalid, detail));
        }
        Judgement { issuer_urls, ..self.path_of(&links, &climb, faults) }
    }

    fn path_of(&self, links: &[&Link<'_>], climb: &Climb, faults: Vec<CertFault>) -> Judgement {
        let End::Anchor(anchor) = climb.end else {
            return Judgement { faults, ..Judgement::default() };
        };
        let ends =
            climb.steps.iter().map(|&step| links[step].x509.validity().not_after.timestamp());
        Judgement {
            path: climb.steps.iter().filter_map(|&step| links[step].position).collect(),
            path_not_after: ends.min(),
            faults,
            trusted_by: Some(self.trust.vouches(anchor)),
            ..Judgement::default()
        }
    }

    /// A broken rule of RFC 5280 other than dates, names, issuers and strength: purpose,
    /// constraints, encoding. webpki is asked again at moments when the dates do not matter.
    fn constraint_fault(
        &self,
        presented: &[Link<'_>],
        links: &[&Link<'_>],
        climb: &Climb,
    ) -> Option<CertFault> {
        let end_entity = EndEntityCert::try_from(&self.message[0]).ok()?;
        let intermediates = self.intermediates(&presented[1..], Source::PresentedAndAdded);
        let algorithms = signature::any_algorithm();
        let mut moments = vec![self.now];
        for &step in &climb.steps {
            let validity = links[step].x509.validity();
            for moment in [validity.not_after.timestamp(), validity.not_before.timestamp()] {
                let moment = u64::try_from(moment).ok()?;
                moments.push(UnixTime::since_unix_epoch(std::time::Duration::from_secs(moment)));
            }
        }
        for &moment in moments.iter().take(MAX_MOMENTS) {
            let verified = end_entity.verify_for_usage(
                &algorithms,
                self.trust.anchors(),
                &intermediates,
                moment,
                KeyUsage::server_auth(),
                None,
                None,
            );
            match verified {
                Ok(_) => return None,
                Err(error) if breaks_a_rule(&error) => {
                    return Some(fault(Reason::TlsInvalid, invalid_detail(&error)));
                }
                Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {}
                Err(_) => return None,
            }
        }
        None
    }

    fn time_fault(&self, link: &Link<'_>) -> Option<CertFault> {
        let now = self.now.as_secs() as i64;
        let validity = link.x509.validity();
        let (not_before, not_after) =
            (validity.not_before.timestamp(), validity.not_after.timestamp());
        if now > not_after {
            let detail = format!("the certificate of {} expired on {}", link.who(), day(not_after));
            return Some(fault(Reason::TlsExpired, detail));
        }
        if now < not_before {
            let detail = format!(
                "the certificate of {} is not valid before {}",
                link.who(),
                day(not_before)
            );
            return Some(fault(Reason::TlsNotYetValid, detail));
        }
        None
    }

    fn name_fault(&self, leaf: &Link<'_>, error: &webpki::Error) -> CertFault {
        let asked = self.name.to_str();
        let names = &self.known.chain.certs[0].dns_names;
        let detail = match error {
            webpki::Error::CertNotValidForName(_) if names.is_empty() => format!(
                "the certificate of {} has no DNS name, so it is not for {asked}",
                leaf.who()
            ),
            webpki::Error::CertNotValidForName(_) => {
                let mut told = names[..names.len().min(NAMES_TOLD)].join(", ");
                if names.len() > NAMES_TOLD {
                    told.push_str(&format!(" and {} more", names.len() - NAMES_TOLD));
                }
                format!("the certificate is for {told}, not for {asked}")
            }
            other => format!("the certificate is not for {asked}: {}", invalid_detail(other)),
        };
        fault(Reason::TlsNameMismatch, detail)
    }
}

/// Which intermediates may be used.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    /// Those in the message.
    Presented,
    /// Configured and fetched ones too.
    PresentedAndAdded,
}

fn faulty(reason: Reason, detail: &str) -> Judgement {
    Judgement { faults: vec![fault(reason, detail)], ..Judgement::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;
    use crate::config::{Roots, TrustOptions};
    use crate::net::trust::Trusts;

    #[test]
    fn a_path_that_was_accepted_before_is_verified_again() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let leaf = params.signed_by(&KeyPair::generate().unwrap(), &root).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("root.pem");
        std::fs::write(&file, root.pem()).unwrap();
        let options = TrustOptions { roots: Roots::File(file), ..TrustOptions::default() };
        let trust = Trusts::new(&Arc::new(crate::transport::fetch::Fetcher::new(&Arc::default())))
            .get(&options)
            .unwrap();
        let message = [leaf.der().clone()];
        let known = crate::net::chains::Chains::default().know(&message);
        let judge = |name: &'static str, year: u64| {
            let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600));
            let name = ServerName::try_from(name).unwrap();
            let case = Case {
                message: &message,
                known: &known,
                trust: &trust,
                fetched: &[],
                name: &name,
                now,
            };
            case.judge()
        };

        let accepted = judge("a.test", 2030);
        assert!(accepted.faults.is_empty(), "{:?}", accepted.faults);
        assert!(Arc::ptr_eq(&accepted, &judge("a.test", 2031)), "described once");
        let reason = |judgement: &Judgement| judgement.faults.first().map(|fault| fault.reason);
        assert_eq!(reason(&judge("a.test", 2041)), Some(Reason::TlsExpired));
        assert_eq!(reason(&judge("b.test", 2031)), Some(Reason::TlsNameMismatch));
        assert_eq!(reason(&judge("a.test", 2031)), None);
    }
}
