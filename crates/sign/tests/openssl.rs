//! Others agree: what this crate writes is verified and opened by OpenSSL, and what OpenSSL and the
//! specification of Korean key files say is read.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    RsaKeySize, SignatureAlgorithm,
};
use sign::envelope::{EnvelopeCipher, enveloped_data};
use sign::error::SignError;
use sign::private_key::{PrivateKey, SignatureDigest};
use sign::signed_data::{ContentPlace, Embedded, MessageForm, signed_data};
use sign::signer_certificate::SignerCertificate;
use sign::signing_identity::SigningIdentity;

const PASSWORD: &str = "봉수 pa$$ word";
const CONTENT: &[u8] = b"challenge-0123456789";
/// 2026-11-28.
const NOW: Duration = Duration::from_secs(1_795_824_000);

/// Files of a signer whose certificate was issued over an intermediate.
struct Signer {
    dir: tempfile::TempDir,
    identity: SigningIdentity,
}

impl Signer {
    fn new(key: KeyPair) -> Signer {
        let authority = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let generate = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority("Root"), generate()).unwrap();
        let issuing = CertifiedIssuer::signed_by(authority("Issuing"), generate(), &root).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "001홍길동");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let leaf = params.signed_by(&key, &issuing).unwrap();

        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        put("root.pem", &root.pem());
        put("issuing.pem", &issuing.pem());
        put("both.pem", &(root.pem() + &issuing.pem()));
        put("leaf.pem", &leaf.pem());
        put("key.pem", &key.serialize_pem());
        let chain = SignerCertificate::read_all((leaf.pem() + &issuing.pem()).as_bytes()).unwrap();
        let key = PrivateKey::read(key.serialize_pem().as_bytes(), None).unwrap();
        let identity = SigningIdentity::new(chain, key).unwrap();
        Signer { dir, identity }
    }

    fn rsa() -> Signer {
        let of = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        Signer::new(of(RsaKeySize::_2048).unwrap())
    }

    fn ec(algorithm: &'static SignatureAlgorithm) -> Signer {
        Signer::new(KeyPair::generate_for(algorithm).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn is_refused(&self, message: &[u8], form: MessageForm) -> bool {
        self.put("message", message);
        self.put("content", CONTENT);
        let verify = "cms -verify -binary -inform DER -in message -out out -noverify";
        let content = match form.content {
            ContentPlace::Attached => "",
            ContentPlace::Detached => "-content content",
        };
        openssl(self.dir.path(), &format!("{verify} {content}"))
            .is_err_and(|said| said.contains("Verification failure"))
    }

    /// Whether OpenSSL accepts a message, and the content that it gives out.
    fn verifies(&self, message: &[u8], form: MessageForm) -> Result<Vec<u8>, String> {
        self.put("message", message);
        self.put("content", CONTENT);
        let verify = "cms -verify -binary -inform DER -in message -out out -purpose any";
        let content = match form.content {
            ContentPlace::Attached => "",
            ContentPlace::Detached => "-content content",
        };
        let alone = openssl(self.dir.path(), &format!("{verify} {content} -CAfile root.pem"));
        if form.certificates == Embedded::Own {
            let said = alone.expect_err("the issuing certificate is in the message");
            assert!(said.contains("unable to get local issuer certificate"), "{said}");
            openssl(self.dir.path(), &format!("{verify} {content} -CAfile both.pem"))?;
        } else {
            alone?;
        }
        Ok(fs::read(self.path("out")).unwrap())
    }
}

fn openssl(dir: &Path, args: &str) -> Result<String, String> {
    let args = args.split_whitespace().map(|word| word.replace("PASSWORD", PASSWORD));
    let run = Command::new("openssl").args(args).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if run.status.success() {
        Ok(String::from_utf8_lossy(&run.stdout).into_owned())
    } else {
        Err(said)
    }
}

fn forms(digest: SignatureDigest) -> Vec<MessageForm> {
    let mut forms = Vec::new();
    for content in [ContentPlace::Attached, ContentPlace::Detached] {
        for signed_at in [None, Some(NOW)] {
            for certificates in [Embedded::Own, Embedded::Chain] {
                forms.push(MessageForm { content, digest, signed_at, certificates });
            }
        }
    }
    forms
}

/// Each kind of key with the digests that it signs.
fn signers() -> [(Signer, &'static [SignatureDigest]); 4] {
    use SignatureDigest::{Sha256, Sha384, Sha512};
    [
        (Signer::rsa(), &[Sha256, Sha384, Sha512]),
        (Signer::ec(&rcgen::PKCS_ECDSA_P256_SHA256), &[Sha256]),
        (Signer::ec(&rcgen::PKCS_ECDSA_P384_SHA384), &[Sha384]),
        (Signer::ec(&rcgen::PKCS_ECDSA_P521_SHA512), &[Sha256, Sha384, Sha512]),
    ]
}

#[test]
fn openssl_verifies_every_raw_signature() {
    for (signer, digests) in signers() {
        let dir = signer.dir.path();
        openssl(dir, "x509 -in leaf.pem -pubkey -noout -out public.pem").unwrap();
        for digest in digests {
            let mut signature = signer.identity.key().sign(CONTENT, *digest).unwrap();
            signer.put("content", CONTENT);
            let name = format!("{digest:?}").to_lowercase();
            let verify = format!("dgst -{name} -verify public.pem -signature signature content");
            signer.put("signature", &signature);
            assert_eq!(
                openssl(dir, &verify).as_deref().map(str::trim),
                Ok("Verified OK"),
                "{name}"
            );
            *signature.last_mut().unwrap() ^= 1;
            signer.put("signature", &signature);
            assert!(openssl(dir, &verify).is_err(), "{name}");
        }
    }
}

#[test]
fn openssl_verifies_every_form_of_signed_message() {
    let mut verified = 0;
    for (signer, digests) in signers() {
        for form in digests.iter().flat_map(|digest| forms(*digest)) {
            let message = signed_data(&signer.identity, CONTENT, form).unwrap();
            assert_eq!(signer.verifies(&message, form).as_deref(), Ok(CONTENT), "{form:?}");
            verified += 1;
            // The last byte is the signature's.
            let mut tampered = message;
            *tampered.last_mut().unwrap() ^= 1;
            assert!(signer.is_refused(&tampered, form), "{form:?}");
        }
    }
    assert_eq!(verified, 64);
}

#[test]
fn a_message_without_attributes_is_the_observed_one() {
    let signer = Signer::rsa();
    let form = forms(SignatureDigest::Sha256)[0];
    signer.put("message", &signed_data(&signer.identity, CONTENT, form).unwrap());
    let printed = openssl(signer.dir.path(), "cms -cmsout -print -inform DER -in message").unwrap();
    for wanted in ["version: 1", "d.issuerAndSerialNumber", "sha256WithRSAEncryption", "<ABSENT>"] {
        assert!(printed.contains(wanted), "{wanted}: {printed}");
    }
    let attributes = printed.find("signedAttrs:").unwrap();
    assert!(
        printed[attributes..].trim_start_matches("signedAttrs:").trim().starts_with("<ABSENT>")
    );
}

#[test]
fn a_digest_that_a_curve_does_not_sign_is_an_error_before_it_is_needed() {
    let signer = Signer::ec(&rcgen::PKCS_ECDSA_P256_SHA256);
    let said = signer.identity.key().check(SignatureDigest::Sha512).unwrap_err();
    assert_eq!(said.to_string(), "a key on P-256 signs with sha256 here");
}

#[test]
fn openssl_opens_envelopes_of_all_ciphers() {
    let signer = Signer::rsa();
    let leaf = signer.identity.certificate();
    for cipher in [EnvelopeCipher::SeedCbc, EnvelopeCipher::Aes128Cbc, EnvelopeCipher::Aes256Cbc] {
        signer.put("envelope", &enveloped_data(leaf, CONTENT, cipher).unwrap());
        openssl(
            signer.dir.path(),
            "cms -decrypt -binary -inform DER -in envelope -inkey key.pem -recip leaf.pem \
             -out opened -provider legacy -provider default",
        )
        .unwrap();
        assert_eq!(fs::read(signer.path("opened")).unwrap(), CONTENT, "{cipher:?}");
    }
    let ec = Signer::ec(&rcgen::PKCS_ECDSA_P256_SHA256);
    let said = enveloped_data(ec.identity.certificate(), CONTENT, EnvelopeCipher::SeedCbc);
    let said = said.unwrap_err().to_string();
    assert_eq!(said, "uses ECDSA (OID 1.2.840.10045.2.1), which is not supported");
}

/// Reads a key file and proves that it is the signer's.
fn opens(signer: &Signer, file: &[u8], password: Option<&str>) -> Result<(), SignError> {
    let key = PrivateKey::read(file, password)?;
    SigningIdentity::new(vec![signer.identity.certificate().clone()], key).map(drop)
}

#[test]
fn keys_that_openssl_wrote_are_read() {
    for signer in [Signer::rsa(), Signer::ec(&rcgen::PKCS_ECDSA_P384_SHA384)] {
        let dir = signer.dir.path();
        for scheme in [
            "-v2 seed-cbc",
            "-v2 seed-cbc -v2prf hmacWithSHA1",
            "-v2 aes-128-cbc",
            "-v2 aes-192-cbc -v2prf hmacWithSHA512",
            "-v2 aes-256-cbc -iter 5000",
            "-v2 des-ede3-cbc",
            "-v1 PBE-SHA1-3DES",
            "-v1 PBE-SHA1-RC2-40",
        ] {
            for form in ["PEM", "DER"] {
                openssl(
                    dir,
                    &format!(
                        "pkcs8 -topk8 -in key.pem -outform {form} -out key.enc -passout \
                         pass:secret-1 {scheme} -provider legacy -provider default"
                    ),
                )
                .unwrap();
                let file = fs::read(signer.path("key.enc")).unwrap();
                assert_eq!(opens(&signer, &file, Some("secret-1")), Ok(()), "{scheme} {form}");
                let wrong = opens(&signer, &file, Some("secret-2"));
                assert_eq!(wrong, Err(SignError::WrongPassword), "{scheme} {form}");
                assert_eq!(opens(&signer, &file, None), Err(SignError::PasswordMissing));
            }
        }
        for plain in ["pkey -outform DER", "pkey -traditional", "pkey -traditional -outform DER"] {
            openssl(dir, &format!("{plain} -in key.pem -out key.plain")).unwrap();
            let file = fs::read(signer.path("key.plain")).unwrap();
            assert_eq!(opens(&signer, &file, None), Ok(()), "{plain}");
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let signer = Signer::rsa();
    let said = |args: &str| {
        openssl(signer.dir.path(), args).unwrap();
        let file = fs::read(signer.path("key.enc")).unwrap();
        opens(&signer, &file, Some("secret-1")).unwrap_err().to_string()
    };
    assert_eq!(
        said("pkcs8 -topk8 -in key.pem -out key.enc -passout pass:secret-1 -v2 aria-256-cbc"),
        "uses ARIA-256-CBC (OID 1.2.410.200046.1.1.12), which is not supported"
    );
    assert_eq!(
        said("pkcs8 -topk8 -in key.pem -out key.enc -passout pass:secret-1 -scrypt"),
        "uses scrypt (OID 1.3.6.1.4.1.11591.4.11), which is not supported"
    );
    assert_eq!(
        said("rsa -in key.pem -traditional -aes128 -passout pass:secret-1 -out key.enc"),
        "uses OpenSSL's old PEM encryption; convert the file with openssl pkcs8 -topk8, which is \
         not supported"
    );
    assert_eq!(
        said("genpkey -algorithm ed25519 -out key.enc"),
        "uses Ed25519 (OID 1.3.101.112), which is not supported"
    );
    assert_eq!(
        said("genrsa -out key.enc 1024"),
        "holds a private key that is damaged, or an RSA key of less than 2,048 bits"
    );
    assert_eq!(said("genrsa -out key.enc 2048"), "is not the key of the certificate");
    assert_eq!(opens(&signer, b"no key", None), Err(SignError::NoPrivateKey));
}

#[test]
fn pkcs12_files_that_openssl_wrote_are_read() {
    let signer = Signer::rsa();
    for scheme in [
        "",
        "-legacy",
        "-macalg sha1 -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-RC2-40",
        "-keypbe seed-cbc -certpbe seed-cbc",
        "-keypbe NONE -certpbe NONE",
        "-macalg sha512 -name 001홍길동()0010020081117001",
    ] {
        openssl(
            signer.dir.path(),
            &format!(
                "pkcs12 -export -inkey key.pem -in leaf.pem -certfile issuing.pem -out file.p12 \
                 -passout pass:secret-1 {scheme} -provider legacy -provider default"
            ),
        )
        .unwrap();
        let file = fs::read(signer.path("file.p12")).unwrap();
        let identity = SigningIdentity::of_pkcs12(&file, Some("secret-1"));
        let identity = identity.unwrap_or_else(|error| panic!("{scheme}: {error}"));
        assert!(identity.chain() == signer.identity.chain(), "{scheme}");
        let refused = |password| SigningIdentity::of_pkcs12(&file, password).err();
        assert_eq!(refused(Some("secret-2")), Some(SignError::WrongPassword), "{scheme}");
        assert_eq!(refused(None), Some(SignError::PasswordMissing), "{scheme}");
    }
    assert_eq!(SigningIdentity::of_pkcs12(b"0", None).err(), Some(SignError::NoPkcs12));
}

/// A value of DER with a long form of its length where one is needed.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ 0..=127 => vec![short as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [&[tag], length.as_slice(), content].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key file as Korean programs write it, from its specification: KCAC.TS.ENC for the scheme,
/// KCAC.TS.SIVID for the random number among the attributes. OpenSSL does SHA-1 and SEED.
fn korean_key_file(signer: &Signer, scheme: &[u8], fixed_iv: Option<&[u8]>) -> Vec<u8> {
    const RANDOM_OID: &[u8] =
        &[0x06, 0x0a, 0x2a, 0x83, 0x1a, 0x8c, 0x9a, 0x44, 0x0a, 0x01, 0x01, 0x03];
    let dir = signer.dir.path();
    openssl(dir, "pkey -in key.pem -outform DER -traditional -out pkcs1").unwrap();
    let random = der(0x03, &[&[0][..], &[0x5a; 20]].concat());
    let attribute = der(0x30, &[RANDOM_OID, &der(0x31, &random)].concat());
    let rsa = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let info = [
        vec![0x02, 0x01, 0x00],
        der(0x30, rsa),
        der(0x04, &fs::read(dir.join("pkcs1")).unwrap()),
        der(0xa0, &attribute),
    ];
    signer.put("plain", &der(0x30, &info.concat()));

    let salt = [1, 2, 3, 4, 5, 6, 7, 8];
    let sha1 = |bytes: &[u8]| {
        signer.put("bytes", bytes);
        openssl(dir, "dgst -sha1 -binary -out digest bytes").unwrap();
        fs::read(dir.join("digest")).unwrap()
    };
    let rounds = 10_u8;
    let mut derived = sha1(&[PASSWORD.as_bytes(), &salt].concat());
    for _ in 1..rounds {
        derived = sha1(&derived);
    }
    let of_key = sha1(&derived[16..20])[..16].to_vec();
    let iv = fixed_iv.map_or(of_key, <[u8]>::to_vec);
    openssl(
        dir,
        &format!(
            "enc -seed-cbc -K {} -iv {} -in plain -out encrypted -provider legacy -provider default",
            hex(&derived[..16]),
            hex(&iv)
        ),
    )
    .unwrap();
    let parameters = der(0x30, &[der(0x04, &salt), vec![0x02, 0x01, rounds]].concat());
    let scheme = der(0x30, &[scheme, parameters.as_slice()].concat());
    let encrypted = der(0x04, &fs::read(dir.join("encrypted")).unwrap());
    der(0x30, &[scheme, encrypted].concat())
}

#[test]
fn korean_key_files_of_the_specification_are_read() {
    const PBE_SHA1_SEED: &[u8] = &[0x06, 0x08, 0x2a, 0x83, 0x1a, 0x8c, 0x9a, 0x44, 0x01, 0x0f];
    const SEED_CBC: &[u8] = &[0x06, 0x08, 0x2a, 0x83, 0x1a, 0x8c, 0x9a, 0x44, 0x01, 0x04];
    let signer = Signer::rsa();
    for (scheme, iv) in [(PBE_SHA1_SEED, None), (SEED_CBC, Some(&b"0123456789012345"[..]))] {
        let file = korean_key_file(&signer, scheme, iv);
        let key = PrivateKey::read(&file, Some(PASSWORD)).unwrap();
        assert_eq!(key.vid_random(), Some(&[0x5a; 20][..]));
        assert_eq!(opens(&signer, &file, Some(PASSWORD)), Ok(()));
        assert_eq!(opens(&signer, &file, Some("")), Err(SignError::WrongPassword));
        // What TLS gets is the key alone.
        assert!(PrivateKey::read(key.pkcs8(), None).unwrap().vid_random().is_none());
    }
}

#[test]
fn a_file_of_another_signer_does_not_match() {
    let (one, other) = (Signer::rsa(), Signer::rsa());
    let file = fs::read(other.path("key.pem")).unwrap();
    assert_eq!(opens(&one, &file, None), Err(SignError::KeyMismatch));
}
