//! Signing as a step: what is signed, what is made of it, whose fault a refusal is, and what is
//! refused at load.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bongsu::outcome::{Reason, Verdict};
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, RsaKeySize};
use time::{Duration, OffsetDateTime};

use super::config_errors::refused;
use super::flow::Flow;
use crate::support::http::{Reply, RoutedSite, Routes};

/// Making an RSA key takes a while, so the tests have one.
fn key() -> KeyPair {
    static KEY: Mutex<Option<String>> = Mutex::new(None);
    let mut key = KEY.lock().unwrap();
    let pem = key.get_or_insert_with(|| {
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
        key.unwrap().serialize_pem()
    });
    KeyPair::from_pem(pem).unwrap()
}

/// An officer with a certificate of his own, in a directory.
struct Officer(tempfile::TempDir);

impl Officer {
    fn new() -> Officer {
        Officer::with(&key(), |_| {})
    }

    fn with(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Officer {
        let officer = Officer(tempfile::tempdir().unwrap());
        officer.issue(key, change);
        officer
    }

    fn issue(&self, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "001홍길동");
        params.serial_number = Some(vec![0x8a, 0x01].into());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        change(&mut params);
        let certificate = params.self_signed(key).unwrap();
        self.put("cert.pem", &certificate.pem());
        self.put("key.pem", &key.serialize_pem());
    }

    /// As a renewal does: written beside, and moved into place.
    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join("new"), text).unwrap();
        fs::rename(self.0.path().join("new"), self.0.path().join(name)).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn openssl(&self, args: &str) -> std::process::Output {
        let args = args.split_whitespace();
        Command::new("openssl").args(args).current_dir(self.path()).output().unwrap()
    }

    /// The `identities` of a flow.
    fn identities(&self) -> String {
        let path = self.path().display();
        format!("identities:\n  officer: {{ cert: {path}/cert.pem, key: {path}/key.pem }}\n")
    }
}

/// Keeps what it was sent, and says what it was told to say.
async fn site(answer: &'static str) -> RoutedSite {
    Routes::new().on("POST", "/in", move |_| Reply::html(answer)).serve().await
}

const MARKER: &str = "<a href=/logout>로그아웃</a>";

/// Signs `data` and sends it.
fn flow(officer: &Officer, site: &RoutedSite, sign: &str, form: &str) -> String {
    format!(
        r#"base: {}
{}steps:
  - name: sign
    sign: {{ with: officer, {sign}, as: signed }}
  - name: enter
    component: gpki
    post: /in
    form: {form}
    fail_if:
      - {{ reason: cert_rejected, body: {{ matches: '폐기|유효기간' }} }}
      - {{ reason: pki_backend, body: {{ contains: 검증서버 }} }}
    expect: {{ css: {{ 'a[href*=logout]': exists }} }}
"#,
        site.url(""),
        officer.identities()
    )
}

#[tokio::test]
async fn a_raw_signature_and_the_certificate_are_sent_as_hometax_wants_them() {
    let (officer, site) = (Officer::new(), site(MARKER).await);
    let form = "{ sig: '${signed}', hex: '${identity.officer.serial_hex}', dec: \
                '${identity.officer.serial_dec}', pem: '${identity.officer.pem}', der: \
                '${identity.officer.der}' }";
    Flow::new(&flow(&officer, &site, "data: 'abc$8a01', format: raw", form)).succeed().await;
    let asked = &site.asked()[0];
    let field = |name: &str| asked.field(name).unwrap();
    assert_eq!((field("hex").as_str(), field("dec").as_str()), ("8a01", "35329"));
    assert_eq!(
        field("pem"),
        fs::read_to_string(officer.path().join("cert.pem")).unwrap().replace("\r\n", "\n")
    );
    fs::write(officer.path().join("cert.der"), STANDARD.decode(field("der")).unwrap()).unwrap();
    fs::write(officer.path().join("sig"), STANDARD.decode(field("sig")).unwrap()).unwrap();
    fs::write(officer.path().join("data"), "abc$8a01").unwrap();
    officer.openssl("x509 -inform DER -in cert.der -pubkey -noout -out pub.pem");
    let judged = officer.openssl("dgst -sha256 -verify pub.pem -signature sig data");
    assert!(judged.status.success(), "{judged:?}");
}

#[tokio::test]
async fn texts_are_signed_in_the_charset_that_is_asked_for_and_written_in_hex() {
    let (officer, site) = (Officer::new(), site(MARKER).await);
    let sign = "data: '결재 승인', charset: cp949, digest: sha512, encode: hex, chain: true";
    Flow::new(&flow(&officer, &site, sign, "{ signed: '${signed}' }")).succeed().await;
    let hex = site.asked()[0].field("signed").unwrap();
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect();
    fs::write(officer.path().join("message"), bytes).unwrap();
    let verify = "cms -verify -binary -inform DER -in message -CAfile cert.pem -purpose any";
    let judged = officer.openssl(verify);
    assert!(judged.status.success(), "{judged:?}");
    assert_eq!(judged.stdout, encoding_rs::EUC_KR.encode("결재 승인").0.into_owned());
}

/// Of 342 digits one in 32 is `-` or `_`: that there is none happens once in 50,000 runs.
#[tokio::test]
async fn a_signature_may_be_written_for_addresses() {
    let (officer, site) = (Officer::new(), site(MARKER).await);
    let sign = "data: nonce, format: raw, encode: base64url";
    Flow::new(&flow(&officer, &site, sign, "{ signed: '${signed}' }")).succeed().await;
    let signed = site.asked()[0].field("signed").unwrap();
    assert!(!signed.contains(['+', '/', '=']), "{signed}");
    assert!(signed.contains(['-', '_']), "{signed}");
    fs::write(officer.path().join("sig"), URL_SAFE_NO_PAD.decode(&signed).unwrap()).unwrap();
    fs::write(officer.path().join("data"), "nonce").unwrap();
    officer.openssl("x509 -in cert.pem -pubkey -noout -out pub.pem");
    let judged = officer.openssl("dgst -sha256 -verify pub.pem -signature sig data");
    assert!(judged.status.success(), "{judged:?}");
}

#[tokio::test]
async fn a_text_that_the_charset_does_not_have_is_not_signed() {
    let (officer, site) = (Officer::new(), site(MARKER).await);
    let sign = "data: '😀', charset: euc-kr";
    let outcome = Flow::new(&flow(&officer, &site, sign, "{ s: '${signed}' }")).run().await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    assert_eq!(outcome.result.unwrap_err().reason, Reason::SignFailed);
    assert!(site.asked().is_empty());
}

#[tokio::test]
async fn a_message_in_an_envelope_is_for_the_server_alone() {
    let (officer, server, site) = (Officer::new(), Officer::new(), site(MARKER).await);
    let to = server.path().display();
    let sign = format!("data: x, detached: false, envelope: {{ to: {to}/cert.pem }}");
    Flow::new(&flow(&officer, &site, &sign, "{ signed: '${signed}' }")).succeed().await;
    let envelope = STANDARD.decode(site.asked()[0].field("signed").unwrap()).unwrap();
    fs::write(server.path().join("envelope"), envelope).unwrap();
    let opened = server.openssl(
        "cms -decrypt -binary -inform DER -in envelope -inkey key.pem -recip cert.pem -provider \
         legacy -provider default",
    );
    assert!(opened.status.success(), "{opened:?}");
    fs::write(officer.path().join("message"), &opened.stdout).unwrap();
    let verify = "cms -verify -binary -inform DER -in message -CAfile cert.pem -purpose any";
    assert_eq!(officer.openssl(verify).stdout, b"x");
}

#[tokio::test]
async fn our_own_expired_certificate_is_no_outage_and_nothing_is_sent() {
    let officer = Officer::with(&key(), |params| {
        params.not_before = OffsetDateTime::now_utc() - Duration::days(30);
        params.not_after = OffsetDateTime::now_utc() - Duration::days(1);
    });
    let site = site(MARKER).await;
    let outcome =
        Flow::new(&flow(&officer, &site, "data: x", "{ signed: '${signed}' }")).run().await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.reason, Reason::CertRejected);
    assert!(
        failure.detail.starts_with("identity officer: our certificate expired at"),
        "{failure}"
    );
    assert_eq!(&*failure.step.unwrap().component, "bongsu");
    assert!(site.asked().is_empty());
}

#[tokio::test]
async fn a_refused_certificate_is_named_and_a_dead_verification_server_is_gpkis() {
    let officer = Officer::new();
    let run = async |answer| {
        let site = site(answer).await;
        let outcome =
            Flow::new(&flow(&officer, &site, "data: x", "{ signed: '${signed}' }")).run().await;
        (outcome.verdict(), outcome.result.unwrap_err())
    };
    let (verdict, failure) = run("폐기된 인증서").await;
    assert_eq!((verdict, failure.reason), (Verdict::Unknown, Reason::CertRejected));
    assert!(failure.detail.starts_with("identity officer: "), "{failure}");
    let (verdict, failure) = run("검증서버가 응답하지 않습니다").await;
    assert_eq!((verdict, failure.reason), (Verdict::Down, Reason::PkiBackend));
    assert_eq!(&*failure.step.unwrap().component, "gpki");
}

#[tokio::test]
async fn a_renewed_certificate_counts_at_the_next_run_and_a_lost_one_is_ours() {
    let (officer, site) = (Officer::new(), site(MARKER).await);
    let form = "{ signed: '${signed}', dec: '${identity.officer.serial_dec}' }";
    let flow = Flow::new(&flow(&officer, &site, "data: x", form));
    let validities = || flow.surroundings.identities.validities();
    flow.succeed().await;
    let before = validities()[0].clone();
    officer.issue(&KeyPair::generate().unwrap(), |params| {
        params.serial_number = Some(vec![7].into());
        params.not_after = OffsetDateTime::now_utc() + Duration::days(9);
    });
    flow.succeed().await;
    let dec = |at: usize| site.asked()[at].field("dec").unwrap();
    assert_eq!((dec(0).as_str(), dec(1).as_str()), ("35329", "7"));
    let after = validities()[0].clone();
    assert_eq!(&*after.name, "officer");
    assert!(after.not_after < before.not_after, "{after:?}");

    officer.put("key.pem", &key().serialize_pem());
    let outcome = flow.run().await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.reason, Reason::SecretMissing);
    assert!(failure.detail.contains("is not the key of the certificate"), "{failure}");
}

#[test]
fn what_cannot_sign_is_refused_at_load() {
    let officer = Officer::new();
    let path = officer.path().display().to_string();
    let text = |identity: &str, sign: &str| {
        format!(
            "base: https://a.go.kr\nidentities:\n  officer: {identity}\nsteps:\n  - name: sign\n    \
             sign: {sign}\n  - name: enter\n    post: /in\n    form: {{ s: '${{signed}}' }}\n    \
             expect: {{ css: {{ 'a[href*=logout]': exists }} }}\n"
        )
    };
    let good = format!("{{ cert: {path}/cert.pem, key: {path}/key.pem }}");
    let sign = |sign: &str, complaint: &str| {
        let complaint = format!("steps[0].sign{complaint} (probe login, step sign)");
        refused(&text(&good, sign), &[&complaint]);
    };
    sign(
        "{ with: oficer, data: x, as: signed }",
        ".with: no identity named \"oficer\" under identities; did you mean \"officer\"?",
    );
    sign(
        "{ with: officer, data: '${secret.pass}', as: signed }",
        ".data: a secret cannot be signed: the message would show it to whoever reads it",
    );
    sign(
        "{ with: officer, data: x, as: signed, format: raw, detached: true }",
        ".detached: means nothing for a raw signature; remove it, or write format: cms",
    );
    sign(
        "{ with: officer, data: x, as: signed, digest: sha1 }",
        ".digest: \"sha1\" is not known here; write one of sha256, sha384, sha512",
    );
    sign(
        "{ with: officer, data: '${identity.officer.vid_random}', as: signed }",
        ".data: the key of identity officer has no VID random number among its attributes",
    );
    let envelope =
        format!("{{ with: officer, data: x, as: signed, envelope: {{ to: {path}/key.pem }} }}");
    sign(
        &envelope,
        &format!(
            ".envelope.to: {path}/key.pem holds no certificate in PEM or DER form; an envelope needs the \
             service's certificate, with an RSA key"
        ),
    );

    let identity = |identity: &str, complaint: &str| {
        let sign = "{ with: officer, data: x, as: signed }";
        let complaint = format!("identities.officer{complaint} (probe login)");
        refused(&text(identity, sign), &[&complaint]);
    };
    officer.openssl("pkcs8 -topk8 -in key.pem -out seed.key -passout pass:right-one -v2 seed-cbc -provider legacy -provider default");
    officer
        .openssl("pkcs8 -topk8 -in key.pem -out aria.key -passout pass:right-one -v2 aria-128-cbc");
    officer.openssl(
        "pkcs12 -export -inkey key.pem -in cert.pem -out both.p12 -passout pass:right-one",
    );
    officer.put("wrong", "wrong-one");
    officer.put("other.pem", &KeyPair::generate().unwrap().serialize_pem());
    for (files, place, said) in [
        ("cert: DIR/none.pem, key: DIR/key.pem", ".cert", "DIR/none.pem: no such file"),
        (
            "cert: DIR/key.pem, key: DIR/key.pem",
            ".cert",
            "DIR/key.pem holds no certificate in PEM or DER form; name the file of the certificate, such as \
             signCert.der",
        ),
        (
            "cert: DIR/cert.pem, key: DIR/cert.pem",
            ".key",
            "DIR/cert.pem holds no private key in PEM or DER form (PKCS#8, PKCS#1 or SEC 1); name the file \
             of the private key, such as signPri.key",
        ),
        (
            "cert: DIR/cert.pem, key: DIR/other.pem",
            ".key",
            "DIR/other.pem is not the key of the certificate; signPri.key belongs to signCert.der of the \
             same folder, kmPri.key to kmCert.der",
        ),
        (
            "cert: DIR/cert.pem, key: DIR/seed.key",
            ".key",
            "DIR/seed.key is encrypted, and no password is given; write password: { file: \
             /run/secrets/... } beside it",
        ),
        (
            "cert: DIR/cert.pem, key: DIR/seed.key, password: { file: DIR/wrong }",
            ".password",
            "DIR/seed.key cannot be opened with the password; the secret must hold the password of this \
             file and nothing else",
        ),
        (
            "cert: DIR/cert.pem, key: DIR/aria.key, password: { file: DIR/wrong }",
            ".key",
            "DIR/aria.key uses ARIA-128-CBC (OID 1.2.410.200046.1.1.2), which is not supported; another \
             encryption is given to a key by openssl pkcs8 -topk8 -v2 aes-256-cbc; a key must be RSA or \
             ECDSA",
        ),
        (
            "pkcs12: DIR/both.p12, password: { file: DIR/wrong }",
            ".password",
            "DIR/both.p12 cannot be opened with the password; the secret must hold the password of this \
             file and nothing else",
        ),
        (
            "pkcs12: DIR/cert.pem",
            ".pkcs12",
            "DIR/cert.pem is no PKCS#12 file in DER form; two files are written as cert and key",
        ),
        (
            "pkcs12: DIR/both.p12, cert: DIR/cert.pem",
            "",
            "has pkcs12, which holds certificate and key; remove cert and key",
        ),
        ("cert: DIR/cert.pem", "", "\"key\" is missing"),
        (
            "cert: DIR/cert.pem, key: DIR/seed.key, password: right-one",
            ".password",
            "a secret cannot be written into this file; say where it is, as { env: VARIABLE } or { file: /run/secrets/... }",
        ),
    ] {
        let (files, said) = (files.replace("DIR", &path), said.replace("DIR", &path));
        identity(&format!("{{ {files} }}"), &format!("{place}: {said}"));
    }

    let encrypts = Officer::with(&key(), |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    });
    let path = encrypts.path().display();
    refused(
        &text(
            &format!("{{ cert: {path}/cert.pem, key: {path}/key.pem }}"),
            "{ with: officer, data: x, as: signed }",
        ),
        &[
            "steps[0].sign.with: its certificate is not for signatures (key usage); of the two pairs in \
           a GPKI or NPKI folder take signCert.der and signPri.key, not those that begin with km or \
           env (probe login, step sign)",
        ],
    );
}

#[tokio::test]
async fn keys_behind_a_password_sign() {
    let (officer, site) = (Officer::new(), site(MARKER).await);
    officer.openssl("pkcs8 -topk8 -in key.pem -out seed.key -outform DER -passout pass:right-one -v2 seed-cbc -provider legacy -provider default");
    officer.openssl(
        "pkcs12 -export -inkey key.pem -in cert.pem -out both.p12 -passout pass:right-one",
    );
    officer.put("pass", "right-one\n");
    let path = officer.path().display();
    for files in
        [format!("cert: {path}/cert.pem, key: {path}/seed.key"), format!("pkcs12: {path}/both.p12")]
    {
        let identity =
            format!("identities:\n  officer: {{ {files}, password: {{ file: {path}/pass }} }}\n");
        let text = flow(&officer, &site, "data: x", "{ signed: '${signed}' }")
            .replace(&officer.identities(), &identity);
        Flow::new(&text).succeed().await;
    }
}
