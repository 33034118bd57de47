//! The certificate login against the lab's GPKI, which verifies for real and with code of its own:
//! what it accepts, what it refuses and why, and whom the daemon blames for it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu::config::{self, Target};
use bongsu::outcome::{Outcome, Reason, Verdict};
use bongsu::probe;
use bongsu::probe::surroundings::Surroundings;
use bongsu::stop::Stop;
use lab::estate::{EstateOptions, SimulatedEstate as Estate};
use lab::faults::FaultKind as Kind;
use lab::systems;

/// The lab with the configuration and the files that it writes.
pub(super) struct GpkiLab {
    pub(super) estate: Estate,
    pub(super) directory: tempfile::TempDir,
}

impl GpkiLab {
    pub(super) async fn start() -> GpkiLab {
        GpkiLab::started_with(EstateOptions::default()).await
    }

    async fn started_with(options: EstateOptions) -> GpkiLab {
        let estate = Estate::start(options).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        lab::files::write(estate.world(), directory.path()).unwrap();
        GpkiLab { estate, directory }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs one probe of the lab's own configuration, in which `from` is replaced.
    pub(super) async fn run_with(&self, id: &str, from: &str, to: &str) -> Outcome {
        let text = fs::read_to_string(self.path().join("bongsu.yml")).unwrap();
        assert!(text.contains(from), "{from:?} is not in the lab's configuration");
        let path = self.path().join("changed.yml");
        fs::write(&path, text.replace(from, to)).unwrap();
        let config = config::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let target = config.targets.iter().find(|target| target.id.to_string() == id).unwrap();
        let target: Arc<Target> = Arc::clone(target);
        let surroundings = Arc::new(Surroundings::new(&config));
        let probe = probe::build(&target, &surroundings);
        probe::run(&*probe, target.schedule.timeout(), &Stop::default()).await
    }

    pub(super) async fn run(&self, id: &str) -> Outcome {
        self.run_with(id, "", "").await
    }

    fn set(&self, kind: Kind) {
        self.estate.faults().set(systems::find("gpki").unwrap(), kind);
    }

    fn clear(&self) {
        self.estate.faults().clear_all(systems::find("gpki").unwrap());
    }

    pub(super) fn signed_in(&self) -> usize {
        let sites = systems::ALL.iter().map(|system| self.estate.world().site(system));
        sites.map(|site| site.sessions.signed_in().len()).sum()
    }
}

/// Step, reason and sentence of a failure.
pub(super) fn failure(outcome: Outcome) -> (String, Reason, String) {
    let failure = outcome.result.expect_err("it went well");
    let step = failure.step.map(|step| step.name.to_string()).unwrap_or_default();
    (step, failure.reason, failure.detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_signs_in_to_gpki_and_to_what_stands_behind_it() {
    let lab = GpkiLab::start().await;
    for id in [
        "gpki/login",
        "saeol/login@jongno",
        "saeol/login@yuseong",
        "resident/officer-login",
        "welfare/officer-login",
        "bypass/officer-login",
    ] {
        let outcome = lab.run(id).await;
        assert!(outcome.result.is_ok(), "{id}: {:?}", outcome.result);
        assert!(outcome.facts.warnings.is_empty(), "{id}: {:?}", outcome.facts.warnings);
    }
    // And every form of the message that is ours to choose.
    for form in ["signed_attributes: true", "chain: true", "digest: sha384", "digest: sha512"] {
        let outcome =
            lab.run_with("gpki/login", "as: signed", &format!("{form}, as: signed")).await;
        assert!(outcome.result.is_ok(), "{form}: {:?}", outcome.result);
    }
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_and_dead_servers_have_their_reasons() {
    let lab = GpkiLab::start().await;
    for (kind, reason, verdict) in [
        (Kind::RevokedSigner, Reason::CertRejected, Verdict::Unknown),
        (Kind::PkiBackend, Reason::PkiBackend, Verdict::Down),
    ] {
        lab.set(kind);
        for (id, step) in [
            ("gpki/login", "verify"),
            ("saeol/login@jongno", "submit"),
            ("welfare/officer-login", "submit"),
            ("bypass/officer-login", "submit"),
        ] {
            let outcome = lab.run(id).await;
            assert_eq!(outcome.verdict(), verdict, "{kind:?} {id}");
            let component = outcome.result.as_ref().unwrap_err().step.clone().unwrap().component;
            assert_eq!(&*component, "gpki", "{id}: {:?}", outcome.result);
            let (in_step, found, detail) = failure(outcome);
            assert_eq!((&*in_step, found), (step, reason), "{id}: {detail}");
            let named = detail.contains("identity officer");
            assert_eq!(named, reason == Reason::CertRejected, "{detail}");
        }
        lab.clear();
    }
    // Saeol is there and GPKI is not: GPKI is down, and nobody's certificate is bad.
    lab.set(Kind::Refuse);
    let outcome = lab.run("saeol/login@jongno").await;
    assert_eq!(outcome.verdict(), Verdict::Down);
    assert_eq!(failure(outcome).0, "challenge");
    lab.clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_officers_answer_to_the_challenge_is_refused() {
    let lab = GpkiLab::start().await;
    // A challenge that was changed on the way.
    let outcome = lab.run_with("gpki/login", "${nonce | base64_decode}", "${nonce}").await;
    let (step, _, _) = failure(outcome);
    assert_eq!(step, "verify");
    // One that was answered before.
    let again = "            - name: mine\n              post: /gpki/verify\n              form: { txId: \
                 '${tx}', signedData: '${signed}' }\n              expect: { json: { '$.result': OK } \
                 }\n            - name: later\n              get: /gpki/me\n";
    let mine = "            - name: mine\n              get: /gpki/me\n";
    let (step, reason, _) = failure(lab.run_with("gpki/login", mine, again).await);
    assert_eq!((&*step, reason), ("mine", Reason::HttpStatus));

    // The officer's own key with a certificate that ended yesterday: ours, before anybody is asked.
    let expired = lab.estate.world().signers.expired_officer().unwrap();
    let valid = fs::read(lab.path().join("signCert.der")).unwrap();
    fs::write(lab.path().join("signCert.der"), &expired).unwrap();
    let outcome = lab.run("gpki/login").await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    let (step, reason, detail) = failure(outcome);
    assert_eq!((&*step, reason), ("sign", Reason::CertRejected), "{detail}");
    fs::write(lab.path().join("signCert.der"), &valid).unwrap();
    assert!(lab.run("gpki/login").await.result.is_ok());
    assert_eq!(lab.signed_in(), 0);
}

/// The signature is right, and it comes too late.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_challenge_that_has_run_out_is_refused() {
    let lab = GpkiLab::started_with(EstateOptions::default().challenges_last(Duration::ZERO)).await;
    let (step, reason, detail) = failure(lab.run("gpki/login").await);
    assert_eq!((&*step, reason), ("verify", Reason::HttpStatus), "{detail}");
    assert!(detail.contains("410"), "{detail}");
    // A system that asked GPKI lets nobody in for it, and the certificate is not said to be bad.
    for id in ["saeol/login@jongno", "welfare/officer-login", "bypass/officer-login"] {
        let (step, reason, detail) = failure(lab.run(id).await);
        assert_eq!((&*step, reason), ("submit", Reason::PkiBackend), "{id}: {detail}");
    }
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_is_refused() {
    let (lab, other) = (GpkiLab::start().await, GpkiLab::start().await);
    for name in ["signCert.der", "signPri.key"] {
        fs::copy(other.path().join(name), lab.path().join(name)).unwrap();
    }
    let outcome = lab.run_with("gpki/login", "폐지|폐기|유효기간", "신뢰할 수 없는").await;
    let (step, reason, _) = failure(outcome);
    assert_eq!((&*step, reason), ("verify", Reason::CertRejected));
}
