//! djangosaml2idp and a portal of passport-saml, both bindings by form.

use std::process::Command;

use bongsu::outcome::{Outcome, Reason, Verdict};

use super::product::{advice, changed, flow, refuses_a_wrong_password, script};
use super::{Pki, Program, cause, installed};
use crate::login::flow::{Flow, PASS, USER};

const FILE: &str = "passport_saml.yml";

/// Provider and portal, which end before their files are removed.
struct Saml {
    program: Program,
    pki: Pki,
}

impl Saml {
    fn start(more: &[&str]) -> Saml {
        let pki = Pki::new();
        let place = installed();
        let mut command = Command::new(place.join("passport_saml/bin/python"));
        command.arg(script("passport_saml/serve.py")).args(["--dir", &pki.file("")]);
        command.args(["--cert", &pki.file("server.pem"), "--key", &pki.file("server.key")]);
        command.args(["--user", USER, "--password", PASS]).args(more);
        command.arg("--modules").arg(place.join("passport_saml"));
        command.arg("--node").arg(place.join("oidc/bin/node"));
        Saml { program: Program::start(&mut command), pki }
    }

    fn places(&self) -> [(&str, &str); 3] {
        [
            ("https://portal.example.go.kr", self.program.told("sp")),
            ("portal.example.go.kr", "127.0.0.2"),
            ("sso.example.go.kr", "127.0.0.1"),
        ]
    }

    fn flow(&self) -> Flow {
        flow(FILE, &self.pki, &self.places())
    }
}

fn blamed(outcome: &Outcome) -> &str {
    &outcome.result.as_ref().unwrap_err().step.as_ref().unwrap().component
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_on_at_software_of_the_registries() {
    let saml = Saml::start(&[]);
    let portal = saml.flow();
    assert_eq!(advice(&portal), [""; 0]);
    let outcome = portal.succeed().await;
    let hops = outcome.facts.http.unwrap().hops;
    let paths: Vec<&str> = hops.iter().filter_map(|hop| hop.url.splitn(4, '/').nth(3)).collect();
    for sent in ["idp/sso/post/", "login/callback"] {
        assert!(paths.contains(&sent), "{paths:?}");
    }
    refuses_a_wrong_password(&portal, "submit").await;

    // The page with the provider's answer stays where it is in a browser without scripts.
    let sent = ", auto_submit: 'form[action$=\"/login/callback\"]'";
    let unsent = changed(FILE, &saml.pki, &saml.places(), (sent, ""));
    let outcome = unsent.run().await;
    assert_eq!(cause(&outcome), ("submit".into(), Reason::NotLoggedIn));
    let detail = &outcome.result.as_ref().unwrap_err().detail;
    assert!(detail.contains("a form that its script sends at once"), "{detail}");

    saml.program.stop("idp");
    let outcome = saml.flow().run().await;
    assert_eq!(cause(&outcome), ("sign_on_page".into(), Reason::ConnectRefused));
    assert_eq!((outcome.verdict(), blamed(&outcome)), (Verdict::Down, "sso"));
}

/// The password was right each time: the account is not held for it, and the detail says what is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_between_portal_and_provider_is_told_from_a_wrong_password() {
    for (fault, reason, told) in [
        (&["--unknown-key"][..], Reason::PkiBackend, "Invalid document signature"),
        (&["--clock=-2h"], Reason::NotLoggedIn, "No valid subject confirmation"),
        (&["--clock=+2h"], Reason::NotLoggedIn, "SAML assertion not yet valid"),
    ] {
        let saml = Saml::start(fault);
        let outcome = saml.flow().run().await;
        assert_eq!(cause(&outcome), ("submit".into(), reason), "{fault:?}: {outcome:?}");
        let detail = &outcome.result.as_ref().unwrap_err().detail;
        assert!(detail.contains(told), "{fault:?}: {detail}");
        assert_eq!((outcome.verdict(), blamed(&outcome)), (Verdict::Down, "portal"), "{fault:?}");
    }
}
