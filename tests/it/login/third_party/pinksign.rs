//! PyPinkSign, a client for Korean certificates: opens the lab's key file as we do, makes the same
//! signature, and what it signs is accepted by the same GPKI that signs us in.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lab::signers::message;
use lab::signers::officers::{OFFICER, OFFICER_PASSWORD};
use serde_json::Value;
use sign::private_key::{PrivateKey, SignatureDigest};
use sign::signer_certificate::SignerCertificate;

use super::installed;
use crate::login::gpki::GpkiLab;

const CHALLENGE: &[u8] = b"a challenge with a \x00 byte \xff";

/// What PyPinkSign prints for the lab's officer.
fn pinksign(directory: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/pinksign/sign.py");
    let run = Command::new(installed().join("pinksign/bin/python"))
        .arg(script)
        .args(["signCert.der", "signPri.key", "officer-password"].map(|name| directory.join(name)))
        .arg(STANDARD.encode(CHALLENGE))
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_makes_the_same_signature_and_signs_in() {
    let lab = GpkiLab::start().await;
    let theirs = pinksign(lab.path());
    let read = |name: &str| fs::read(lab.path().join(name)).unwrap();
    let key = PrivateKey::read(&read("signPri.key"), Some(OFFICER_PASSWORD)).unwrap();
    let certificate = SignerCertificate::of_der(&read("signCert.der")).unwrap();

    // RSA PKCS#1 v1.5 has one signature for a message.
    let ours = key.sign(CHALLENGE, SignatureDigest::Sha256).unwrap();
    assert_eq!(theirs["raw"], STANDARD.encode(ours));
    assert_eq!(theirs["verified"], true);
    assert_eq!(theirs["serial"], certificate.serial_dec());
    assert_eq!(theirs["random"], STANDARD.encode(key.vid_random().unwrap()));

    let signed = STANDARD.decode(theirs["message"].as_str().unwrap()).unwrap();
    let signers = &lab.estate.world().signers;
    let list = signers.revocation_list(false).unwrap();
    let verified = message::verify(&signed, signers, &list).unwrap();
    assert_eq!((verified.content.as_slice(), verified.signer.as_str()), (CHALLENGE, OFFICER));
}
