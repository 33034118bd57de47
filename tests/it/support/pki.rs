//! Small PKIs made on the spot. The names read as what a test is about:
//! `Leaf::named("probe.test").expired()`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, NameConstraints, RevokedCertParams, SerialNumber,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// A directory for PEM files, gone with the test.
pub(crate) struct Files {
    directory: TempDir,
    count: AtomicU64,
}

impl Files {
    pub(crate) fn new() -> Files {
        let directory = TempDir::new().expect("a directory for temporary files");
        Files { directory, count: AtomicU64::new(0) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(format!("{number}.pem"));
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    pub(crate) serial: SerialNumber,
}

pub(crate) struct Authority {
    pub(crate) cert: Issued,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A root with this common name.
    pub(crate) fn root(name: &str) -> Authority {
        Authority::root_with(name, KeyPair::generate().unwrap(), |_| {})
    }

    /// A root with a key of one's choice and something unusual about it.
    pub(crate) fn root_with(
        name: &str,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Authority {
        let mut params = ca_params(name);
        change(&mut params);
        let cert = params.self_signed(&key).unwrap();
        Authority::with(params, key, &cert)
    }

    /// A certificate for a key of one's choice.
    pub(crate) fn issue_for(&self, leaf: Leaf, key: &KeyPair) -> Issued {
        let cert = leaf.params.signed_by(key, &self.issuer).unwrap();
        issued(&leaf.params, key, &cert)
    }

    /// An intermediate below this one.
    pub(crate) fn intermediate(&self, name: &str) -> Authority {
        self.intermediate_with(name, |_| {})
    }

    /// An intermediate with something unusual about it.
    pub(crate) fn intermediate_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Authority {
        let mut params = ca_params(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Authority::with(params, key, &cert)
    }

    /// The same name and key as `other`, signed by this authority and expired.
    pub(crate) fn expired_cross_sign(&self, other: &Authority) -> Issued {
        let mut params = ca_params(other.name());
        let now = OffsetDateTime::now_utc();
        params.not_before = now - Duration::days(700);
        params.not_after = now - Duration::days(10);
        let key = KeyPair::from_pem(&other.cert.key_pem).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        issued(&params, &key, &cert)
    }

    pub(crate) fn issue(&self, leaf: Leaf) -> Issued {
        self.issue_for(leaf, &KeyPair::generate().unwrap())
    }

    /// A revocation list of these certificates, as DER.
    pub(crate) fn revoke(&self, revoked: &[&Issued], until: Duration) -> Vec<u8> {
        let now = OffsetDateTime::now_utc();
        let params = CertificateRevocationListParams {
            this_update: now - Duration::days(30),
            next_update: now + until,
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|cert| RevokedCertParams {
                    serial_number: cert.serial.clone(),
                    revocation_time: now - Duration::days(2),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    fn name(&self) -> &str {
        let (_, x509) = x509_parser::parse_x509_certificate(&self.cert.der).unwrap();
        let name = x509.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned();
        Box::leak(name.into_boxed_str())
    }

    fn with(params: CertificateParams, key: KeyPair, cert: &rcgen::Certificate) -> Authority {
        Authority { cert: issued(&params, &key, cert), issuer: Issuer::new(params, key) }
    }
}

/// A server's certificate to be.
pub(crate) struct Leaf {
    pub(crate) params: CertificateParams,
}

impl Leaf {
    /// Valid from yesterday for a year, for this DNS name or address.
    pub(crate) fn named(name: &str) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.serial_number = Some(next_serial());
        Leaf { params }.valid(Duration::days(-1), Duration::days(365))
    }

    /// From and until, counted from now.
    pub(crate) fn valid(mut self, from: Duration, until: Duration) -> Leaf {
        let now = OffsetDateTime::now_utc();
        self.params.not_before = now + from;
        self.params.not_after = now + until;
        self
    }

    pub(crate) fn subject(mut self, common_name: &str) -> Leaf {
        self.params.distinguished_name.push(DnType::CommonName, common_name);
        self
    }

    pub(crate) fn expired(self) -> Leaf {
        self.valid(Duration::days(-30), Duration::days(-3))
    }

    pub(crate) fn not_yet_valid(self) -> Leaf {
        self.valid(Duration::days(3), Duration::days(30))
    }

    pub(crate) fn for_clients(mut self) -> Leaf {
        self.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self
    }

    pub(crate) fn that_is_a_ca(mut self) -> Leaf {
        self.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self
    }

    pub(crate) fn crl_at(self, url: &str) -> Leaf {
        self.crls_at(&[url])
    }

    /// Says where the list is that may revoke it, in several places.
    pub(crate) fn crls_at(mut self, urls: &[&str]) -> Leaf {
        let uris = urls.iter().map(|&url| url.to_owned()).collect();
        self.params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        self
    }

    /// Says where its issuer's certificate is.
    pub(crate) fn issuer_at(mut self, url: &str) -> Leaf {
        self.params.custom_extensions.push(authority_info_access(&[url]));
        self
    }

    pub(crate) fn self_signed(self) -> Issued {
        let key = KeyPair::generate().unwrap();
        let cert = self.params.self_signed(&key).unwrap();
        issued(&self.params, &key, &cert)
    }
}

/// `authorityInfoAccess` with `caIssuers` addresses of less than 100 bytes each.
pub(crate) fn authority_info_access(urls: &[&str]) -> CustomExtension {
    let ca_issuers = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
    let mut descriptions = Vec::new();
    for url in urls {
        let mut description = ca_issuers.to_vec();
        description.extend([0x86, url.len() as u8]);
        description.extend(url.as_bytes());
        descriptions.extend([0x30, description.len() as u8]);
        descriptions.extend(description);
    }
    let length = match descriptions.len() {
        short @ ..0x80 => vec![short as u8],
        middling @ ..0x100 => vec![0x81, middling as u8],
        long => [&[0x82], &(long as u16).to_be_bytes()[..]].concat(),
    };
    let content = [vec![0x30], length, descriptions].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

/// Only names below this domain may be signed.
pub(crate) fn only_names_below(domain: &str) -> Option<NameConstraints> {
    Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
        excluded_subtrees: Vec::new(),
    })
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(next_serial());
    params.not_before = OffsetDateTime::now_utc() - Duration::days(800);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(800);
    params
}

fn issued(params: &CertificateParams, key: &KeyPair, cert: &rcgen::Certificate) -> Issued {
    Issued {
        der: cert.der().to_vec(),
        pem: cert.pem(),
        key_pem: key.serialize_pem(),
        serial: params.serial_number.clone().unwrap(),
    }
}

fn next_serial() -> SerialNumber {
    static NEXT: AtomicU64 = AtomicU64::new(0x1001);
    SerialNumber::from(NEXT.fetch_add(1, Ordering::Relaxed))
}
