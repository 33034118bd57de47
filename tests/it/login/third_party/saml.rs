//! SimpleSAMLphp and a portal behind mod_auth_mellon, both bindings by form.

use std::process::Command;

use bongsu::outcome::{Reason, Verdict};

use super::product::{advice, changed, flow, refuses_a_wrong_password, script};
use super::{Pki, Program};
use crate::login::flow::{Flow, PASS, USER};

const FILE: &str = "saml.yml";

/// Provider and portal, which end before their files are removed.
struct Saml {
    program: Program,
    pki: Pki,
}

impl Saml {
    fn start() -> Saml {
        let pki = Pki::new();
        let mut command = Command::new("python3");
        command.arg(script("saml/serve.py")).args(["--dir", &pki.file("")]);
        command.args(["--cert", &pki.file("server.pem"), "--key", &pki.file("server.key")]);
        command.args(["--user", USER, "--password", PASS]);
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

#[tokio::test(flavor = "multi_thread")]
async fn signs_on_over_two_hosts_by_forms_and_signs_out_of_both() {
    let saml = Saml::start();
    let portal = saml.flow();
    assert_eq!(advice(&portal), [""; 0]);
    let outcome = portal.succeed().await;
    let hops = outcome.facts.http.unwrap().hops;
    let paths: Vec<&str> = hops.iter().filter_map(|hop| hop.url.splitn(4, '/').nth(3)).collect();
    assert!(paths.contains(&"mellon/postResponse"), "{paths:?}");
    // The portal tells the provider that the session ends, and the provider sends the browser back.
    assert!(paths.iter().any(|path| path.ends_with("/SingleLogoutService.php")), "{paths:?}");
    refuses_a_wrong_password(&portal, "submit").await;

    // A browser without scripts would stop at the portal's form.
    let unsent = changed(
        FILE,
        &saml.pki,
        &saml.places(),
        (", auto_submit: 'form[action*=\"/SSOService.php\"]'", ""),
    );
    let outcome = unsent.run().await;
    assert_eq!(super::cause(&outcome), ("sign_on_page".into(), Reason::UrlMismatch));
    let detail = &outcome.result.as_ref().unwrap_err().detail;
    assert!(detail.contains("a form that its script sends at once"), "{detail}");

    saml.program.stop("idp");
    let outcome = saml.flow().run().await;
    assert_eq!(super::cause(&outcome), ("sign_on_page".into(), Reason::ConnectRefused));
    assert_eq!(outcome.verdict(), Verdict::Down);
}
