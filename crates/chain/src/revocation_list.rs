//! One certificate revocation list (RFC 5280 section 5), reduced to what is asked of it.
//!
//! A list can hold hundreds of thousands of serial numbers, so only a short hash of each is kept.

use base::hex;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use webpki::BorrowedCertRevocationList;
use x509_parser::prelude::{ASN1Time, FromDer};

use crate::der::{self, PublicKey, Signed};
use crate::digest::sha256;
use crate::fetch::{self, FetchReach};
use crate::pointers::RevocationSubject;
use crate::signature::{self, SignatureStrength};

/// A list whose signature was checked.
#[derive(Debug)]
pub(crate) struct RevocationList {
    /// Sorted hashes of serial numbers. Eight bytes of SHA-256: with a million entries, one
    /// certificate in 18 million million is called revoked by accident.
    revoked: Vec<[u8; 8]>,
    /// Unix seconds; a list without it is taken as good for a day.
    pub(crate) next_update: Option<i64>,
    scope: ListScope,
}

/// Which certificates it speaks of (RFC 5280 section 5.2.5).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct ListScope {
    /// Distribution points; empty means any of the issuer.
    urls: Vec<String>,
    only_users: bool,
    only_cas: bool,
}

impl RevocationList {
    /// Reads a list, DER or PEM, that must be `subject`'s issuer's own.
    pub(crate) fn parse(
        body: &[u8],
        subject: &RevocationSubject,
    ) -> Result<RevocationList, &'static str> {
        let from_pem;
        let der = if body.starts_with(b"-----") {
            from_pem = CertificateRevocationListDer::from_pem_slice(body)
                .map_err(|_| "is not a revocation list")?;
            from_pem.as_ref()
        } else {
            body
        };
        let (issuer, next_update) = header(der).ok_or("is not a revocation list")?;
        if issuer != subject.issuer {
            return Err("is the list of another issuer");
        }
        let signed = Signed::parse(der).ok_or("is not a revocation list")?;
        let key =
            PublicKey::parse(&subject.issuer_key).ok_or("has an issuer with a strange key")?;
        if signature::check(&signed, &key) != SignatureStrength::Strong {
            return Err("is not signed by the issuer");
        }
        let crl = BorrowedCertRevocationList::from_der(der)
            .map_err(|_| "is a revocation list of an unsupported kind")?;
        let mut revoked = Vec::new();
        for entry in &crl {
            let entry = entry.map_err(|_| "is badly encoded")?;
            revoked.push(short(entry.serial_number));
        }
        revoked.sort_unstable();
        revoked.shrink_to_fit();
        let list = webpki::CertRevocationList::from(crl);
        let scope = match list.issuing_distribution_point() {
            Some(point) => ListScope::parse(point).ok_or("has a strange distribution point")?,
            None => ListScope::default(),
        };
        Ok(RevocationList { revoked, next_update, scope })
    }

    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let urls: usize = self.scope.urls.iter().map(String::len).sum();
        size_of::<RevocationList>() + size_of_val(self.revoked.as_slice()) + urls
    }

    /// Whether the list speaks of this certificate.
    pub(crate) fn covers(&self, subject: &RevocationSubject) -> bool {
        let scope = &self.scope;
        let only_others = if subject.is_ca { scope.only_users } else { scope.only_cas };
        let any_of_ours = scope.urls.iter().any(|url| subject.urls.contains(url));
        !only_others && (scope.urls.is_empty() || any_of_ours)
    }

    /// Whether the list has this certificate.
    pub(crate) fn revokes(&self, subject: &RevocationSubject) -> bool {
        self.revoked.binary_search(&short(&subject.serial)).is_ok()
    }
}

impl ListScope {
    /// IssuingDistributionPoint ::= SEQUENCE { \[0\] distributionPoint, \[1\] onlyContainsUserCerts,
    /// \[2\] onlyContainsCACerts, ... }; the rest is refused before.
    fn parse(point: &[u8]) -> Option<ListScope> {
        const DISTRIBUTION_POINT: u8 = 0xa0;
        const FULL_NAME: u8 = 0xa0;
        const URI: u8 = 0x86;
        const ONLY_USERS: u8 = 0x81;
        const ONLY_CAS: u8 = 0x82;
        let mut scope = ListScope::default();
        let mut rest = match der::expect(point, der::SEQUENCE) {
            Some((sequence, _)) => sequence.content,
            None => point,
        };
        while !rest.is_empty() {
            let (field, after) = der::element(rest)?;
            match field.tag {
                DISTRIBUTION_POINT => {
                    let (full, _) = der::expect(field.content, FULL_NAME)?;
                    let mut names = full.content;
                    while !names.is_empty() {
                        let (name, after) = der::element(names)?;
                        if name.tag == URI {
                            scope.urls.push(String::from_utf8_lossy(name.content).into_owned());
                        }
                        names = after;
                    }
                }
                ONLY_USERS => scope.only_users = field.content != [0],
                ONLY_CAS => scope.only_cas = field.content != [0],
                _ => {}
            }
            rest = after;
        }
        Some(scope)
    }
}

/// Issuer's name and `nextUpdate`.
fn header(der: &[u8]) -> Option<(&[u8], Option<i64>)> {
    const INTEGER: u8 = 0x02;
    const TIMES: [u8; 2] = [0x17, 0x18];
    let (outer, _) = der::expect(der, der::SEQUENCE)?;
    let (tbs, _) = der::expect(outer.content, der::SEQUENCE)?;
    let rest = match der::expect(tbs.content, INTEGER) {
        Some((_version, rest)) => rest,
        None => tbs.content,
    };
    let (_algorithm, rest) = der::expect(rest, der::SEQUENCE)?;
    let (issuer, rest) = der::expect(rest, der::SEQUENCE)?;
    let (_this_update, rest) = der::element(rest)?;
    let next_update = der::element(rest).map(|(next, _)| next);
    let next_update = next_update
        .filter(|next| TIMES.contains(&next.tag))
        .and_then(|next| ASN1Time::from_der(next.whole).ok().map(|(_, time)| time.timestamp()));
    Some((issuer.whole, next_update))
}

fn short(serial: &[u8]) -> [u8; 8] {
    let start = serial.iter().position(|&byte| byte != 0).unwrap_or(serial.len());
    let digest = sha256(&serial[start..]);
    let mut short = [0; 8];
    short.copy_from_slice(&digest[..8]);
    short
}

/// The key a list is kept under: one address can serve several issuers' questions.
pub(crate) fn cache_key(url: &str, subject: &RevocationSubject, reach: FetchReach) -> String {
    format!("{} {}", fetch::cache_key(url, reach), hex::encode(&sha256(&subject.issuer_key)[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> RevocationSubject {
        RevocationSubject {
            who: "CN=a".into(),
            serial: vec![0, 0x9a, 1],
            issuer: vec![0x30, 0],
            issuer_key: Vec::new(),
            is_ca: false,
            urls: vec!["http://ca.test/1.crl".into()],
        }
    }

    fn list(scope: ListScope) -> RevocationList {
        RevocationList { revoked: vec![short(&[0x9a, 1])], next_update: None, scope }
    }

    #[test]
    fn a_serial_number_is_found_whatever_its_sign_byte() {
        assert!(list(ListScope::default()).revokes(&subject()));
        assert!(
            !list(ListScope::default())
                .revokes(&RevocationSubject { serial: vec![0x9a], ..subject() })
        );
    }

    #[test]
    fn a_list_for_others_does_not_cover() {
        assert!(list(ListScope::default()).covers(&subject()));
        assert!(!list(ListScope { only_cas: true, ..ListScope::default() }).covers(&subject()));
        assert!(list(ListScope { only_users: true, ..ListScope::default() }).covers(&subject()));
        let ca = RevocationSubject { is_ca: true, ..subject() };
        assert!(!list(ListScope { only_users: true, ..ListScope::default() }).covers(&ca));
        let elsewhere =
            ListScope { urls: vec!["http://ca.test/2.crl".into()], ..ListScope::default() };
        assert!(!list(elsewhere).covers(&subject()));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(0u8.., 0..300)) {
            let _ = RevocationList::parse(&bytes, &subject());
            let _ = ListScope::parse(&bytes);
        }
    }
}
