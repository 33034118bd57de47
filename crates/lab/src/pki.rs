//! The lab's own certificates: a private root, an intermediate that signs, and leaves.
//!
//! Made at start and kept in memory; only the root and the intermediate are ever written out,
//! because they are what a client needs. Nothing outside the lab ever trusts them.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

use crate::faults::{FaultKind, FaultSet};

/// Public leaves may live 200 days since 2026-03-15; these are 20 days old.
const LEAF_AGE: Duration = Duration::days(20);
const LEAF_LEFT: Duration = Duration::days(180);
/// The expired leaf ended a day ago, which is more than clock skew explains.
const EXPIRED_SINCE: Duration = Duration::days(1);
/// The authorities outlive every lab.
const CA_AGE: Duration = Duration::days(600);
const CA_LEFT: Duration = Duration::days(3_650);

/// The root and the intermediate authority.
pub struct Pki {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
    now: OffsetDateTime,
}

impl Pki {
    pub fn new() -> Result<Pki, rcgen::Error> {
        let now = OffsetDateTime::now_utc();
        let root = CertifiedIssuer::self_signed(
            authority("Bongsu Lab Root CA", now, BasicConstraints::Unconstrained),
            KeyPair::generate()?,
        )?;
        let intermediate = CertifiedIssuer::signed_by(
            authority("Bongsu Lab Issuing CA", now, BasicConstraints::Constrained(0)),
            KeyPair::generate()?,
            &root,
        )?;
        Ok(Pki { root, intermediate, now })
    }

    /// The certificate that a client must trust.
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    pub fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// Served at the AIA address.
    pub fn intermediate_der(&self) -> CertificateDer<'static> {
        self.intermediate.der().clone()
    }

    pub fn intermediate_pem(&self) -> String {
        self.intermediate.pem()
    }

    /// The chains of one system, chosen at each handshake by its faults. `issuer_url` is where the
    /// intermediate can be fetched (AIA caIssuers, RFC 5280 section 4.2.2.1).
    pub fn chains(
        &self,
        names: &[String],
        issuer_url: &str,
        faults: watch::Receiver<FaultSet>,
    ) -> Result<ServerChains, rcgen::Error> {
        let good = (self.now - LEAF_AGE, self.now + LEAF_LEFT);
        let ended = self.now - EXPIRED_SINCE;
        let expired = (ended - LEAF_LEFT, ended);
        let mut made = Vec::with_capacity(6);
        for (from, until) in [good, expired, good] {
            let (leaf, key) = self.leaf(names, issuer_url, (from, until))?;
            for chain in [vec![leaf.clone(), self.intermediate_der()], vec![leaf.clone()]] {
                made.push(Arc::new(CertifiedKey::new(chain, Arc::clone(&key))));
            }
        }
        Ok(ServerChains { made, faults })
    }

    fn leaf(
        &self,
        names: &[String],
        issuer_url: &str,
        (from, until): (OffsetDateTime, OffsetDateTime),
    ) -> Result<(CertificateDer<'static>, Arc<dyn rustls::sign::SigningKey>), rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::OrganizationName, "Bongsu Lab");
        if let Some(name) = names.first() {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.not_before = from;
        params.not_after = until;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.custom_extensions.extend(authority_information_access(issuer_url));
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.intermediate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
            .map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok((cert.der().clone(), key))
    }
}

fn authority(name: &str, now: OffsetDateTime, constraints: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "KR");
    params.distinguished_name.push(DnType::OrganizationName, "Bongsu Lab");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - CA_AGE;
    params.not_after = now + CA_LEFT;
    params
}

/// `caIssuers` by hand: rcgen has no type for it. Absent when the address is too long for the
/// short form of DER lengths.
fn authority_information_access(url: &str) -> Option<CustomExtension> {
    const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
    /// The object identifier 1.3.6.1.5.5.7.48.2.
    const CA_ISSUERS: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
    const SEQUENCE: u8 = 0x30;
    const URI: u8 = 0x86;
    let tagged = |tag: u8, content: &[u8]| -> Option<Vec<u8>> {
        let length = u8::try_from(content.len()).ok().filter(|length| *length < 0x80)?;
        Some([&[tag, length], content].concat())
    };
    let location = tagged(URI, url.as_bytes())?;
    let description = tagged(SEQUENCE, &[CA_ISSUERS, location.as_slice()].concat())?;
    let content = tagged(SEQUENCE, &description)?;
    Some(CustomExtension::from_oid_content(AUTHORITY_INFO_ACCESS, content))
}

/// Answers each handshake with the chain that the faults at that moment ask for.
#[derive(Debug)]
pub struct ServerChains {
    /// Whole and without intermediate, of each leaf: the first one, the expired one, the new one.
    made: Vec<Arc<CertifiedKey>>,
    faults: watch::Receiver<FaultSet>,
}

impl ResolvesServerCert for ServerChains {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let faults = self.faults.borrow();
        let leaf = match () {
            () if faults.bites(FaultKind::ExpiredCertificate) => 1,
            () if faults.bites(FaultKind::NewCertificate) => 2,
            () => 0,
        };
        let short = usize::from(faults.bites(FaultKind::MissingIntermediate));
        self.made.get(2 * leaf + short).cloned()
    }
}

/// A server configuration without resumption: a resumed session would hide a changed certificate.
pub fn server_config(chains: ServerChains) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(chains));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// A client configuration that trusts only the lab's root.
pub fn client_config(root: CertificateDer<'static>) -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}
