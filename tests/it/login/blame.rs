//! Whose failure a step is: a step's component names what is asked through a host, and what the
//! probe's own host says of itself, or that it cannot be reached, is its own.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bongsu::outcome::{Failure, Reason};

use crate::support::daemon::{Setup, eventually};
use crate::support::estate::Estate;

use super::flow::Flow;
use crate::support::http::{Reply, Routes};

const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A login that leads to another host's form, in a step that tests the other.
async fn failure_of(base: &str, more: &str) -> Failure {
    let yaml = format!(
        "base: {base}\nallow_hosts: [127.0.0.1, 127.0.0.2]\nsteps:\n  - name: sign_in\n    \
         component: gpki\n    get: /signin\n    {more}\n    expect: {{ css: {{ 'form#login': exists }} \
         }}\n"
    );
    Flow::new(&yaml).run().await.result.expect_err("it fails")
}

const NOTICE: &str = "fail_if: [ { reason: notice_page, body: { contains: 시스템 점검 } } ]";

fn blamed(failure: &Failure) -> (Reason, &str, &str) {
    let step = failure.step.as_ref().unwrap();
    (failure.reason, &step.name, &step.component)
}

#[tokio::test]
async fn the_own_hosts_notice_page_is_the_services_own_failure() {
    let site = Routes::new().on("GET", "/signin", |_| Reply::html("시스템 점검 중")).serve().await;
    let failure = failure_of(&site.url(""), NOTICE).await;
    assert_eq!(blamed(&failure), (Reason::NoticePage, "sign_in", "saeol"));
}

#[tokio::test]
async fn another_hosts_notice_page_is_that_of_the_steps_component() {
    let other = Routes::new().on("GET", "/form", |_| Reply::html("시스템 점검 중"));
    let other = other.serve_at(ELSEWHERE, None).await;
    let form = other.url("/form");
    let site = Routes::new().on("GET", "/signin", move |_| Reply::redirect(&form)).serve().await;
    let failure = failure_of(&site.url(""), NOTICE).await;
    assert_eq!(blamed(&failure), (Reason::NoticePage, "sign_in", "gpki"));
}

#[tokio::test]
async fn an_own_host_that_cannot_be_reached_is_the_services_own_failure() {
    let failure = failure_of("http://127.0.0.1:9", "").await;
    assert_eq!(blamed(&failure), (Reason::ConnectRefused, "sign_in", "saeol"));
}

#[tokio::test]
async fn another_host_that_cannot_be_reached_is_that_of_the_steps_component() {
    let site = Routes::new()
        .on("GET", "/signin", |_| Reply::redirect("http://127.0.0.2:9/form"))
        .serve()
        .await;
    let failure = failure_of(&site.url(""), "").await;
    assert_eq!(blamed(&failure), (Reason::ConnectRefused, "sign_in", "gpki"));
}

/// What is asked through the own host stays the component's: GPKI's verification behind Saeol.
#[tokio::test]
async fn what_the_own_host_says_of_what_is_behind_it_is_that_of_the_steps_component() {
    let site = Routes::new().on("GET", "/signin", |_| Reply::html("검증서버 오류")).serve().await;
    let rule = "fail_if: [ { reason: pki_backend, body: { contains: 검증서버 } } ]";
    let failure = failure_of(&site.url(""), rule).await;
    assert_eq!(blamed(&failure), (Reason::PkiBackend, "sign_in", "gpki"));
}

/// A password that is refused is the operator's to renew, whatever component the step tests.
#[test]
fn our_own_account_is_ours_and_not_the_components() {
    let estate = Estate::thinking(Duration::from_millis(1));
    let text = format!(
        "defaults: {{ interval: 5s, timeout: 2s }}\nsecrets:\n  user: {{ env: CANARY_USER }}\n  pw: {{ env: \
         CANARY_PASS }}\nservices:\n  - {{ name: gpki, title: 전자서명, owner: 국가정보자원관리원 }}\n  - name: \
         portal\n    owner: 행정안전부\n    probes:\n      - name: login\n        login:\n          account: \
         user\n          base: 'http://{}'\n          steps:\n            - {{ name: form, get: /form }}\n            \
         - name: in\n              component: gpki\n              submit: {{ form: form, fields: {{ user: \
         '${{secret.user}}', pass: '${{secret.pw}}' }} }}\n              fail_if: [ {{ reason: \
         bad_credentials, body: {{ contains: welcome }} }} ]\n              expect: {{ css: {{ '#main': exists }} \
         }}\n",
        estate.address
    );
    let setup = Setup::new(&text).env("CANARY_USER", "someone").env("CANARY_PASS", "pw-9f1");
    let daemon = setup.start();
    daemon.wait_until_ready();
    eventually("the refusal", || {
        daemon.metrics().contains("reason=\"bad_credentials\"").then_some(())
    });
    let status = daemon.get("/api/v1/status").json();
    let probe = status["services"].as_array().unwrap().iter().find_map(|s| s["probes"].get(0));
    assert_eq!(probe.unwrap()["component"], "bongsu", "{status}");
    for path in ["/?lang=ko", "/probes/portal/login?lang=ko"] {
        let page = daemon.get(path).text();
        assert!(page.contains("원인: 감시용 계정, 담당: 프로버 운영자"), "{path}: {page}");
        assert!(!page.contains("담당: 국가정보자원관리원"), "{path}: {page}");
    }
    let info = daemon.metrics();
    let info = info.lines().find(|line| line.starts_with("bongsu_probe_failure_info{")).unwrap();
    assert!(info.contains("component=\"gpki\""), "rules count whose sign-in refuses: {info}");
}
