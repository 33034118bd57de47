//! motionEye: the page signs with a hash of the password and never sends it.

use std::process::Command;

use bongsu::outcome::{Reason, Verdict};

use super::product::{advice, changed, flow, refuses_a_wrong_password, script};
use super::{Pki, Program, installed};
use crate::login::flow::{Flow, USER};

const FILE: &str = "motioneye.yml";

/// The page hashes the low bytes of UTF-16 and the server UTF-8, so that others let nobody in.
const ASCII: &str = "p&ss\"w0rd+/";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_signs_with_the_hash_of_the_password() {
    let pki = Pki::new();
    let mut command = Command::new(installed().join("motioneye/bin/python"));
    command.arg(script("motioneye/serve.py")).args(["--dir", &pki.file("")]);
    command.args(["--user", USER, "--password", ASCII]);
    let program = Program::start(&mut command);
    let places = [("https://cameras.example.go.kr", program.told("url"))];
    let with_password = |flow: Flow| {
        flow.write("pass", ASCII);
        flow
    };
    let cameras = with_password(flow(FILE, &pki, &places));
    // It runs here without the TLS that stands before it elsewhere.
    let plain =
        "cameras/login sends secrets over plain http, where everyone on the way can read them";
    assert_eq!(advice(&cameras), [plain]);
    cameras.succeed().await;
    refuses_a_wrong_password(&cameras, "sign_in").await;

    // What another page might compute.
    let other = ("${secret.probe_pass | sha1}", "${secret.probe_pass | sha256}");
    let (step, reason) = with_password(changed(FILE, &pki, &places, other)).fail().await;
    assert_eq!((&*step, reason), ("sign_in", Reason::BadCredentials));

    let cameras = with_password(flow(FILE, &pki, &places));
    drop(program);
    let outcome = cameras.run().await;
    assert_eq!(super::cause(&outcome), ("page".into(), Reason::ConnectRefused));
    assert_eq!(outcome.verdict(), Verdict::Down);
}
