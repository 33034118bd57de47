//! Where a certificate says that more is to be found: its issuer (RFC 5280 section 4.2.2.1,
//! `caIssuers`) and the list of what its issuer revoked (section 4.2.1.13).
//!
//! `https:` is not followed, because it could need the very chain that is being verified. Lists are
//! looked for by `http:` first and then by `ldap:`, where the Korean government PKI has its own.

use rustls::pki_types::TrustAnchor;
use x509_parser::prelude::{DistributionPointName, GeneralName, ParsedExtension, X509Certificate};

use crate::certification_path::PathCertificate;

/// Addresses taken from one certificate. Real ones have one or two.
///
/// Limit: addresses of issuers, or of revocation lists, of one certificate.
/// Share: of each certificate.
/// Full: further ones are not used.
/// Filled: addresses_of_a_certificate_are_few_and_short
const MAX_URLS: usize = 4;

/// Longest address that is used.
///
/// Limit: bytes of one address.
/// Share: of each address.
/// Full: it is not used.
/// Filled: addresses_of_a_certificate_are_few_and_short
const MAX_URL_BYTES: usize = 512;

/// A certificate of an accepted path, as it is looked up on revocation lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RevocationSubject {
    /// Its subject, for people.
    pub(crate) who: String,
    /// Its serial number's octets, as they are on a list.
    pub(crate) serial: Vec<u8>,
    /// Its issuer's name, DER.
    pub(crate) issuer: Vec<u8>,
    /// Its issuer's public key, content of the SubjectPublicKeyInfo.
    pub(crate) issuer_key: Vec<u8>,
    /// Whether it is a CA's certificate: some lists hold only these, or only others.
    pub(crate) is_ca: bool,
    /// Distribution points by HTTP, then by LDAP. Empty when there are others only, or none at all.
    pub(crate) urls: Vec<String>,
}

/// What to look up for each certificate of a path. Certificates without any revocation source
/// are there too, with no addresses.
pub(crate) fn revocable(
    certificates: &[PathCertificate<'_>],
    positions: &[usize],
    anchor: Option<&TrustAnchor<'static>>,
) -> Vec<RevocationSubject> {
    let keys = positions.iter().skip(1).map(|&position| certificates[position].key_content());
    let keys = keys.chain(anchor.map(|anchor| anchor.subject_public_key_info.as_ref()));
    positions
        .iter()
        .zip(keys)
        .map(|(&position, issuer_key)| {
            let x509 = &certificates[position].x509;
            RevocationSubject {
                who: certificates[position].who(),
                serial: x509.raw_serial().to_vec(),
                issuer: x509.issuer().as_raw().to_vec(),
                issuer_key: issuer_key.to_vec(),
                is_ca: x509.is_ca(),
                urls: list_urls(x509),
            }
        })
        .collect()
}

/// Addresses of the revocation list that can be followed.
fn list_urls(x509: &X509Certificate<'_>) -> Vec<String> {
    let mut urls = Vec::new();
    for extension in x509.iter_extensions() {
        let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else {
            continue;
        };
        for point in points.iter() {
            // A list for some reasons only, or of another issuer, is not used.
            if point.reasons.is_some() || point.crl_issuer.is_some() {
                continue;
            }
            if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                urls.extend(names.iter().filter_map(|name| http_url(name).or(ldap_url(name))));
            }
        }
    }
    urls.sort_by_key(|url| is_ldap(url));
    urls.truncate(MAX_URLS);
    urls
}

/// HTTP addresses of the issuer's certificate.
pub(crate) fn issuer_urls(x509: &X509Certificate<'_>) -> Vec<String> {
    const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
    let mut urls = Vec::new();
    for extension in x509.iter_extensions() {
        if let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() {
            let issuers = access.iter().filter(|d| d.access_method.to_id_string() == CA_ISSUERS);
            urls.extend(issuers.filter_map(|d| http_url(&d.access_location)));
        }
    }
    urls.truncate(MAX_URLS);
    urls
}

fn http_url(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::URI(uri) = name else { return None };
    let http = uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    (http && uri.len() <= MAX_URL_BYTES).then(|| (*uri).to_owned())
}

/// An address with a server in it: without one (`ldap:///`) there is no one to ask.
fn ldap_url(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::URI(uri) = name else { return None };
    let fits = is_ldap(uri) && !uri[7..].starts_with('/') && uri.len() <= MAX_URL_BYTES;
    fits.then(|| (*uri).to_owned())
}

/// Whether an address is LDAP's (RFC 4516).
pub fn is_ldap(url: &str) -> bool {
    url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("ldap://"))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CrlDistributionPoint, KeyPair};
    use x509_parser::prelude::FromDer;

    use super::*;

    #[test]
    fn addresses_of_a_certificate_are_few_and_short() {
        let long = format!("http://ca.test/{}", "x".repeat(MAX_URL_BYTES));
        let short = (0..20).map(|n| format!("http://ca.test/{n}"));
        let uris: Vec<String> = [long].into_iter().chain(short).collect();
        let mut params = CertificateParams::default();
        params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        let cert = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, x509) = X509Certificate::from_der(cert.der()).unwrap();
        let expected: Vec<String> = (0..MAX_URLS).map(|n| format!("http://ca.test/{n}")).collect();
        assert_eq!(list_urls(&x509), expected);
    }
}
