//! Verdaccio: an application in the page, a login by JSON and a token.

use std::process::Command;

use bongsu::outcome::{Reason, Verdict};

use super::product::{advice, changed, flow, refuses_a_wrong_password, script};
use super::{Pki, Program, installed};
use crate::login::flow::{PASS, USER};

const FILE: &str = "verdaccio.yml";

pub(super) fn start(pki: &Pki) -> Program {
    let mut command = Command::new("python3");
    command.arg(script("verdaccio/serve.py")).args(["--dir", &pki.file("")]);
    command.args(["--cert", &pki.file("server.pem"), "--key", &pki.file("server.key")]);
    command.args(["--user", USER, "--password", PASS]);
    command.arg("--modules").arg(installed().join("verdaccio"));
    command.arg("--node").arg(installed().join("oidc/bin/node"));
    Program::start(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_signs_in_by_json_and_goes_on_with_a_token() {
    let pki = Pki::new();
    let program = start(&pki);
    let places = [("https://registry.example.go.kr", program.told("url"))];
    let registry = flow(FILE, &pki, &places);
    assert_eq!(advice(&registry), [""; 0]);
    registry.succeed().await;
    refuses_a_wrong_password(&registry, "sign_in").await;

    // Without the token everything answers with status 200, and shows nothing.
    let anonymous = changed(FILE, &pki, &places, ("bearer: \"${token}\"", "headers: {}"));
    let (step, reason) = anonymous.fail().await;
    assert_eq!((&*step, reason), ("packages", Reason::NotLoggedIn));

    let registry = flow(FILE, &pki, &places);
    drop(program);
    let outcome = registry.run().await;
    assert_eq!(super::cause(&outcome), ("page".into(), Reason::ConnectRefused));
    assert_eq!(outcome.verdict(), Verdict::Down);
}
