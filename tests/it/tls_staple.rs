//! OCSP responses that a server staples to its handshake, made by `openssl ocsp` and shown by
//! `openssl s_server`: what is believed, and what is only told.

use std::path::{Path, PathBuf};

use bongsu::config::Revocation;
use bongsu::outcome::{Outcome, Reason, Verdict};
use chain::{OcspStaple, OcspStatus};
use rcgen::ExtendedKeyUsagePurpose;

use crate::support::openssl::{Server, openssl};
use crate::support::pki::{Authority, Files, Issued, Leaf};
use crate::support::tls::{Look, faults, reason};

const A_DAY_SECONDS: i64 = 24 * 3600;

/// A root, a certificate of it, and what its responder answers.
struct Stapled {
    files: Files,
    root: Authority,
    leaf: Issued,
}

impl Stapled {
    fn new() -> Stapled {
        let (files, root) = (Files::new(), Authority::root("Test Root"));
        let leaf = root.issue(Leaf::named("probe.test"));
        Stapled { files, root, leaf }
    }

    /// A certificate of the root for who answers in its place.
    fn responder(&self, usage: ExtendedKeyUsagePurpose) -> Issued {
        let mut leaf = Leaf::named("responder.test");
        leaf.params.extended_key_usages = vec![usage];
        self.root.issue(leaf)
    }

    /// What a responder that knows `index` answers about a certificate, signed by whom.
    fn answer(&self, about: &Issued, index: &str, signer: &Issued) -> PathBuf {
        let write = |text: &str| self.files.write(text).to_str().unwrap().to_owned();
        let index = write(index);
        let ca = write(&self.root.cert.pem);
        let (cert, request) = (write(&about.pem), write(""));
        let (signer, key) = (write(&signer.pem), write(&signer.key_pem));
        let response = self.files.write("");
        let path = self.files.path();
        let asked = ["ocsp", "-issuer", &ca, "-cert", &cert, "-no_nonce", "-reqout", &request];
        openssl(path, &asked);
        let out = response.to_str().unwrap();
        openssl(
            path,
            &[
                "ocsp", "-index", &index, "-CA", &ca, "-rsigner", &signer, "-rkey", &key, "-reqin",
                &request, "-ndays", "1", "-respout", out,
            ],
        );
        response
    }

    /// What a look at a server that staples this finds.
    async fn look(&self, staple: &Path, revocation: Revocation, version: &str) -> Outcome {
        let path = |text: &str| self.files.write(text).to_str().unwrap().to_owned();
        let (cert, key) = (path(&self.leaf.pem), path(&self.leaf.key_pem));
        let staple = staple.to_str().unwrap();
        let server =
            Server::start(&["-cert", &cert, "-key", &key, "-status_file", staple, version]);
        let roots = self.files.write(&self.root.cert.pem);
        Look::at(server.port()).trusting(roots).revocation(revocation).run().await
    }

    async fn flaw(&self, staple: &Path) -> &'static str {
        let outcome = self.look(staple, Revocation::Soft, "-tls1_3").await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
        staple_of(&outcome).flaw.expect("it was believed")
    }
}

/// A line of the index of `openssl ca`: a certificate that is good.
fn valid(of: &Issued) -> String {
    format!("V\t491231235959Z\t\t{}\tunknown\t/CN=x\n", serial(of))
}

/// One that was revoked.
fn revoked(of: &Issued) -> String {
    let serial = serial(of);
    format!("R\t491231235959Z\t240101000000Z,keyCompromise\t{serial}\tunknown\t/CN=x\n")
}

fn serial(of: &Issued) -> String {
    of.serial.to_bytes().iter().map(|byte| format!("{byte:02X}")).collect()
}

fn staple_of(outcome: &Outcome) -> &OcspStaple {
    outcome.facts.tls.as_ref().unwrap().staple.as_ref().expect("nothing was stapled")
}

#[tokio::test]
async fn a_good_answer_is_read_and_says_what_no_list_does() {
    let site = Stapled::new();
    let responder = site.responder(ExtendedKeyUsagePurpose::OcspSigning);
    for signer in [&site.root.cert, &responder] {
        let staple = site.answer(&site.leaf, &valid(&site.leaf), signer);
        for version in ["-tls1_2", "-tls1_3"] {
            // The certificate names no list, so that nothing else could satisfy this policy.
            let outcome = site.look(&staple, Revocation::Hard, version).await;
            assert_eq!(outcome.verdict(), Verdict::Up, "{version}: {:?}", outcome.result);
            let staple = staple_of(&outcome);
            assert_eq!(staple.flaw, None);
            let answer = staple.answer.unwrap();
            assert_eq!(answer.status, OcspStatus::Good);
            assert_eq!(answer.next_update, Some(answer.this_update + A_DAY_SECONDS));
            assert!((answer.this_update - answer.produced_at).abs() < 5, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_is_revoked_when_its_own_server_says_so() {
    let site = Stapled::new();
    let staple = site.answer(&site.leaf, &revoked(&site.leaf), &site.root.cert);
    for revocation in [Revocation::Soft, Revocation::Hard] {
        let outcome = site.look(&staple, revocation, "-tls1_3").await;
        assert_eq!(reason(&outcome), Some(Reason::TlsRevoked), "{revocation:?}");
        assert_eq!(faults(&outcome), [Reason::TlsRevoked]);
        let detail = outcome.result.unwrap_err().detail;
        let told = "the certificate of CN=probe.test is revoked, says the OCSP response that the \
                    server stapled";
        assert_eq!(detail, told);
    }
    let off = site.look(&staple, Revocation::Off, "-tls1_3").await;
    assert_eq!(off.verdict(), Verdict::Up);
    assert_eq!(staple_of(&off).proven(), Some(OcspStatus::Revoked), "a fact all the same");
}

#[tokio::test]
async fn what_proves_nothing_is_told_and_blames_nobody() {
    let site = Stapled::new();
    let other = site.root.issue(Leaf::named("other.test"));
    let of_other = site.answer(&other, &revoked(&other), &site.root.cert);
    assert_eq!(site.flaw(&of_other).await, "speaks of another certificate");

    let unsigned = "is not signed by the issuer or its responder";
    let stranger = Authority::root("Test Root");
    let forged = site.answer(&site.leaf, &revoked(&site.leaf), &stranger.cert);
    assert_eq!(site.flaw(&forged).await, unsigned);
    let web_server = site.responder(ExtendedKeyUsagePurpose::ServerAuth);
    let by_web_server = site.answer(&site.leaf, &revoked(&site.leaf), &web_server);
    assert_eq!(site.flaw(&by_web_server).await, unsigned);

    // OCSPResponse { tryLater (3) }
    let excuse = site.files.write([0x30, 3, 0x0a, 1, 3]);
    assert_eq!(site.flaw(&excuse).await, "is a responder's excuse and no answer");

    // Without anything else that could tell, the strict policy is not satisfied by it.
    let hard = site.look(&excuse, Revocation::Hard, "-tls1_3").await;
    assert_eq!(reason(&hard), Some(Reason::TlsRevocationUnavailable));

    // A responder that knows nothing of the certificate proves neither.
    let unknown = site.answer(&site.leaf, &valid(&other), &site.root.cert);
    let outcome = site.look(&unknown, Revocation::Soft, "-tls1_3").await;
    assert_eq!(outcome.verdict(), Verdict::Up);
    assert_eq!(staple_of(&outcome).proven(), Some(OcspStatus::Unknown));
}
