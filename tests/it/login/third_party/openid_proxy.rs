//! Prometheus behind mod_auth_openidc.

use std::process::Command;

use bongsu::outcome::{Reason, Verdict};

use super::product::{advice, changed, flow, refuses_a_wrong_password, script};
use super::{Pki, Program, installed};
use crate::login::flow::{PASS, USER};

const FILE: &str = "openid_proxy.yml";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_behind_a_proxy_that_signs_users_in() {
    let pki = Pki::new();
    let mut command = Command::new("python3");
    command.arg(script("openid_proxy/serve.py")).args(["--dir", &pki.file("")]);
    command.args(["--cert", &pki.file("server.pem"), "--key", &pki.file("server.key")]);
    command.args(["--root", &pki.file("root.pem"), "--user", USER, "--password", PASS]);
    command.arg("--modules").arg(installed().join("oidc"));
    let program = Program::start(&mut command);
    let places = [
        ("https://portal.example.go.kr", program.told("proxy")),
        ("portal.example.go.kr", "127.0.0.2"),
        ("sso.example.go.kr", "127.0.0.1"),
    ];
    let graph = flow(FILE, &pki, &places);
    assert_eq!(advice(&graph), [""; 0]);
    let outcome = graph.succeed().await;
    let hops = outcome.facts.http.unwrap().hops;
    assert!(hops.iter().any(|hop| hop.url.starts_with(program.told("issuer"))), "{hops:?}");
    refuses_a_wrong_password(&graph, "submit").await;

    // A flow that does not say that the provider is another host.
    let hosts = "[portal.example.go.kr, sso.example.go.kr]";
    let alone = changed(FILE, &pki, &places, (hosts, "[portal.example.go.kr]"));
    let (step, reason) = alone.fail().await;
    assert_eq!((&*step, reason), ("sign_on_page", Reason::RedirectUnexpectedHost));

    // What is behind the proxy is gone; the sign-on works.
    program.stop("app");
    let outcome = flow(FILE, &pki, &places).run().await;
    assert_eq!(super::cause(&outcome), ("submit".into(), Reason::HttpStatus));
    assert_eq!(outcome.verdict(), Verdict::Down);
    program.stop("provider");
    let outcome = flow(FILE, &pki, &places).run().await;
    assert_eq!(super::cause(&outcome), ("sign_on_page".into(), Reason::ConnectRefused));
    program.stop("proxy");
    let outcome = flow(FILE, &pki, &places).run().await;
    assert_eq!(super::cause(&outcome), ("sign_on_page".into(), Reason::ConnectRefused));
    assert_eq!(outcome.verdict(), Verdict::Down);
}
