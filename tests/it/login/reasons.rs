//! Every reason that a page names by a rule comes from a page that really looks like that, with
//! its verdict. Those that need no rule are tested where they arise: `basics` (not_logged_in,
//! form_missing, session_lost, logout_failed, captcha, account_locked, bad_credentials), `rules`
//! (capture_missing), `guarding` (account_held), `secrets` (secret_missing, secret_host).

use bongsu::outcome::{Reason, Verdict};

use super::flow::Flow;
use crate::support::http::{Reply, Routes};

/// Rules as a careful operator writes them, in the order in which they are looked at.
const RULES: &str = r"
      - { reason: rate_limited, status: 429 }
      - { reason: waf_blocked, body: { matches: 'Request Rejected|비정상적인 접근' } }
      - { reason: mfa_required, css: { 'form#otp': exists } }
      - { reason: account_locked, body: { contains: 잠긴 계정 } }
      - { reason: bad_credentials, body: { contains: 일치하지 } }
      - { reason: captcha, css: { 'img#captcha': exists } }
      - { reason: cert_rejected, body: { matches: '폐기|유효기간' } }
      - { reason: pki_backend, body: { matches: 'OCSP|검증서버' } }
      - { reason: notice_page, body: { contains: 시스템 점검 } }
      - { reason: session_lost, body: { contains: 세션이 만료 } }
";

struct Case {
    reason: Reason,
    verdict: Verdict,
    status: u16,
    page: &'static str,
}

const fn case(reason: Reason, verdict: Verdict, status: u16, page: &'static str) -> Case {
    Case { reason, verdict, status, page }
}

const CASES: &[Case] = &[
    case(Reason::RateLimited, Verdict::Unknown, 429, "<p>Too Many Requests</p>"),
    case(Reason::WafBlocked, Verdict::Unknown, 403, "<h1>Request Rejected</h1>support ID 123"),
    case(Reason::WafBlocked, Verdict::Unknown, 200, "<p>비정상적인 접근이 탐지되었습니다</p>"),
    case(Reason::MfaRequired, Verdict::Unknown, 200, "<form id=otp><input name=code></form>"),
    case(Reason::AccountLocked, Verdict::Unknown, 200, "<p>잠긴 계정입니다.</p>"),
    case(Reason::BadCredentials, Verdict::Unknown, 401, "<p>비밀번호가 일치하지 않습니다</p>"),
    case(Reason::Captcha, Verdict::Unknown, 200, "<img id=captcha src=c.png>"),
    case(Reason::CertRejected, Verdict::Unknown, 200, "<p>폐기된 인증서입니다.</p>"),
    case(Reason::PkiBackend, Verdict::Down, 500, "<p>인증서 검증서버가 응답하지 않습니다</p>"),
    case(Reason::NoticePage, Verdict::Down, 200, "<h1>시스템 점검 중</h1>"),
    case(Reason::SessionLost, Verdict::Down, 200, "<p>세션이 만료되었습니다</p>"),
    // What no rule explains is named by what it is.
    case(Reason::HttpStatus, Verdict::Down, 503, "<p>Service Unavailable</p>"),
    case(Reason::NotLoggedIn, Verdict::Down, 200, "<p>로그인</p>"),
];

fn flow(base: &str, rules: &str) -> Flow {
    Flow::new(&format!(
        "base: {base}\naccount: user\nsteps:\n  - name: submit\n    post: /login\n    form: {{ u: \
         '${{secret.user}}', p: '${{secret.pass}}' }}\n{rules}    expect: {{ css: {{ \
         'a[href*=logout]': exists }} }}\n"
    ))
}

#[tokio::test]
async fn each_refusal_has_its_reason_its_verdict_and_its_step() {
    for Case { reason, verdict, status, page } in CASES {
        let site = Routes::new()
            .on("POST", "/login", |_| Reply::html(*page).with_status(*status))
            .serve()
            .await;
        let rules = format!("    fail_if:{RULES}");
        let outcome = flow(&site.url(""), &rules).run().await;
        assert_eq!(outcome.verdict(), *verdict, "{reason:?}: {page}");
        let failure = outcome.result.err().unwrap();
        assert_eq!(failure.reason, *reason, "{page}: {}", failure.detail);
        assert_eq!(&*failure.step.unwrap().name, "submit");
    }
}

/// The other half of the table: without its rule the same page is never excused as our own fault.
#[tokio::test]
async fn without_a_rule_no_page_is_taken_for_our_own_fault() {
    for Case { status, page, .. } in CASES {
        let site = Routes::new()
            .on("POST", "/login", |_| Reply::html(*page).with_status(*status))
            .serve()
            .await;
        let outcome = flow(&site.url(""), "").run().await;
        assert_eq!(outcome.verdict(), Verdict::Down, "{page}");
        let expected = if *status == 200 { Reason::NotLoggedIn } else { Reason::HttpStatus };
        assert_eq!(outcome.result.err().unwrap().reason, expected, "{page}");
    }
}
