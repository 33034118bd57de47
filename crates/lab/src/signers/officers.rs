//! The authorities of the estate's signers, and those who have a certificate of them.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    RsaKeySize, SerialNumber, SigningKey,
};
use rustls_pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use super::challenges::{CHALLENGE_LASTS, OpenChallenges};
use super::key_file;

/// The officer whose certificate the probes sign with, as systems know him by the name of his
/// certificate (RFC 4514).
pub const OFFICER: &str = "CN=001홍길동,OU=people,O=Government of Korea,C=KR";
const OFFICER_NAME: &str = "001홍길동";
/// Whom systems sign as when they test the verification themselves.
const SERVER_NAME: &str = "SVR봉수모의서버";
/// Opens the officer's key file; valid nowhere else.
pub const OFFICER_PASSWORD: &str = "gpki-봉수-2023!";
/// Serial numbers; the second has a leading bit, which needs a sign byte in DER.
const OFFICER_SERIAL: &[u8] = &[0x2f, 0x11, 0x17, 0x01, 0x42];
const SERVER_SERIAL: &[u8] = &[0x8a, 0x11, 0x17];

/// GPKI's certificates last about two years.
const AGE: Duration = Duration::days(200);
const LEFT: Duration = Duration::days(530);
const AUTHORITY_AGE: Duration = Duration::days(3_000);
const AUTHORITY_LEFT: Duration = Duration::days(4_300);
/// Of a revocation list.
const LIST_LASTS: Duration = Duration::days(1);

/// Root and authority, and what they have signed.
pub struct SignerPki {
    root: CertifiedIssuer<'static, KeyPair>,
    authority: CertifiedIssuer<'static, KeyPair>,
    pub officer: EstateSigner,
    pub server: EstateSigner,
    /// What waits for an answer that one of them has signed.
    pub challenges: OpenChallenges,
    now: OffsetDateTime,
}

/// A certificate and its key.
pub struct EstateSigner {
    pub certificate: CertificateDer<'static>,
    serial: SerialNumber,
    key: KeyPair,
}

impl SignerPki {
    pub fn new() -> Result<SignerPki, rcgen::Error> {
        let now = OffsetDateTime::now_utc();
        let root =
            CertifiedIssuer::self_signed(authority("GPKIRootCA-LAB", now), KeyPair::generate()?)?;
        let authority =
            CertifiedIssuer::signed_by(authority("CA-LAB", now), KeyPair::generate()?, &root)?;
        let period = (now - AGE, now + LEFT);
        let issue = |name, serial: &[u8], key| {
            EstateSigner::new(&authority, name, serial.to_vec().into(), rsa_key(key)?, period)
        };
        let (officer, server) =
            (issue(OFFICER_NAME, OFFICER_SERIAL, 0)?, issue(SERVER_NAME, SERVER_SERIAL, 1)?);
        let challenges = OpenChallenges::lasting(CHALLENGE_LASTS);
        Ok(SignerPki { root, authority, officer, server, challenges, now })
    }

    /// A certificate for the officer's own key that ended yesterday.
    pub fn expired_officer(&self) -> Result<CertificateDer<'static>, rcgen::Error> {
        let ended = self.now - Duration::days(1);
        let serial = SerialNumber::from_slice(&[0x01, 0x02]);
        let period = (ended - LEFT, ended);
        let signer = EstateSigner::new(&self.authority, OFFICER_NAME, serial, rsa_key(0)?, period)?;
        Ok(signer.certificate)
    }

    pub fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    pub fn authority_der(&self) -> CertificateDer<'static> {
        self.authority.der().clone()
    }

    /// The authority's list (RFC 5280 section 5) in DER.
    pub fn revocation_list(&self, is_officer_revoked: bool) -> Result<Vec<u8>, rcgen::Error> {
        let officer = || RevokedCertParams {
            serial_number: self.officer.serial.clone(),
            revocation_time: self.now - Duration::hours(1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: self.now - Duration::hours(2),
            next_update: self.now + LIST_LASTS,
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: is_officer_revoked.then(officer).into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.authority)?.der().to_vec())
    }

    /// The officer's key as programs of Korean certificates keep it.
    pub fn officer_key_file(&self) -> Option<Vec<u8>> {
        key_file::protected(&self.officer.key.serialize_der(), OFFICER_PASSWORD)
    }
}

impl EstateSigner {
    fn new(
        authority: &CertifiedIssuer<'static, KeyPair>,
        name: &str,
        serial: SerialNumber,
        key: KeyPair,
        (from, until): (OffsetDateTime, OffsetDateTime),
    ) -> Result<EstateSigner, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "KR"),
            (DnType::OrganizationName, "Government of Korea"),
            (DnType::OrganizationalUnitName, "people"),
            (DnType::CommonName, name),
        ] {
            params.distinguished_name.push(kind, value);
        }
        params.serial_number = Some(serial.clone());
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
        params.use_authority_key_identifier_extension = true;
        params.not_before = from;
        params.not_after = until;
        let certificate = params.signed_by(&key, authority)?.der().clone();
        Ok(EstateSigner { certificate, serial, key })
    }

    /// RSA PKCS#1 v1.5 with SHA-256.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(bytes)
    }
}

fn authority(name: &str, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "KR");
    params.distinguished_name.push(DnType::OrganizationName, "Government of Korea");
    params.distinguished_name.push(DnType::OrganizationalUnitName, "GPKI");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - AUTHORITY_AGE;
    params.not_after = now + AUTHORITY_LEFT;
    params
}

/// Making an RSA key takes a good part of a second, so all estates of a process have the same two.
fn rsa_key(number: usize) -> Result<KeyPair, rcgen::Error> {
    static MADE: [OnceLock<Vec<u8>>; 2] = [OnceLock::new(), OnceLock::new()];
    let made = match MADE[number].get() {
        Some(made) => made,
        None => {
            let size = RsaKeySize::_2048;
            let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size)?;
            MADE[number].get_or_init(|| key.serialize_der())
        }
    };
    KeyPair::try_from(made.as_slice())
}
