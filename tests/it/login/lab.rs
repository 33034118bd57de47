//! Flows against the lab's estate: Saeol with GPKI behind it, document exchange, Government24 by
//! Any-ID, welfare with a key of the session, the bypass domain with tokens; what breaks with what, and that nobody stays signed in.

use std::fs;

use bongsu::outcome::{Reason, Verdict};
use lab::estate::SimulatedEstate as Estate;
use lab::faults::FaultKind as Kind;
use lab::site::{PROBE_PASSWORD, PROBE_USER};
use lab::systems;

use super::flow::Flow;

struct Lab {
    estate: Estate,
    directory: tempfile::TempDir,
}

impl Lab {
    async fn start() -> Lab {
        let estate = Estate::start(Default::default()).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("root.pem"), estate.world().pki.root_pem()).unwrap();
        Lab { estate, directory }
    }

    fn base(&self, system: &str) -> &str {
        self.estate.base(systems::find(system).unwrap())
    }

    fn signed_in(&self) -> usize {
        let sites = systems::ALL.iter().map(|system| self.estate.world().site(system));
        sites.map(|site| site.sessions.signed_in().len()).sum()
    }

    fn flow(&self, yaml: &str) -> Flow {
        let root = self.directory.path().join("root.pem");
        let flow = Flow::new(&format!("trust: {{ roots: {} }}\n{yaml}", root.display()));
        flow.write("user", PROBE_USER);
        flow.write("pass", PROBE_PASSWORD);
        flow
    }

    fn saeol(&self) -> Flow {
        self.flow(&format!(
            r#"base: {}
charset: euc-kr
account: user
steps:
  - name: login_page
    get: /login.do
    expect: {{ status: 200, css: {{ 'form#loginForm': exists }} }}
  - name: submit
    component: gpki
    submit: {{ form: 'form#loginForm', fields: {{ userId: '${{secret.user}}', userPw: '${{secret.pass}}' }} }}
    fail_if:
      - {{ reason: bad_credentials, body: {{ contains: 비밀번호가 일치하지 }} }}
      - {{ reason: account_locked, body: {{ contains: 잠긴 계정 }} }}
      - {{ reason: captcha, css: {{ 'img#captcha': exists }} }}
      - {{ reason: pki_backend, body: {{ contains: 검증서버 }} }}
    expect: {{ url: {{ path: /main.do }}, css: {{ 'a[href*=logout]': exists }} }}
  - name: main
    get: /main.do
    expect: {{ body: {{ contains: 민원접수 }} }}
finally:
  - {{ name: logout, if: submit.sent, get: /logout.do }}
"#,
            self.base("saeol-jongno")
        ))
    }

    fn set(&self, system: &str, kind: Kind) {
        self.estate.faults().set(systems::find(system).unwrap(), kind);
    }

    fn clear(&self, system: &str) {
        self.estate.faults().clear_all(systems::find(system).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn saeol_is_up_and_its_faults_have_their_reasons() {
    let lab = Lab::start().await;
    lab.saeol().succeed().await;
    assert_eq!(lab.signed_in(), 0);
    for (system, kind, reason, verdict) in [
        ("saeol-jongno", Kind::WrongPassword, Reason::BadCredentials, Verdict::Unknown),
        ("saeol-jongno", Kind::Captcha, Reason::Captcha, Verdict::Unknown),
        ("gpki", Kind::Refuse, Reason::PkiBackend, Verdict::Down),
    ] {
        lab.set(system, kind);
        let outcome = lab.saeol().run().await;
        assert_eq!(outcome.verdict(), verdict, "{kind:?}");
        let failure = outcome.result.err().unwrap();
        let step = failure.step.unwrap();
        assert_eq!(failure.reason, reason, "{kind:?}");
        assert_eq!((&*step.name, &*step.component), ("submit", "gpki"), "{kind:?}");
        lab.clear(system);
    }
    // The session vanishes behind the login: the login page is back.
    lab.set("saeol-jongno", Kind::LostSession);
    let (_, reason) = lab.saeol().fail().await;
    assert!(matches!(reason, Reason::NotLoggedIn | Reason::SessionLost), "{reason:?}");
    lab.clear("saeol-jongno");
    lab.saeol().succeed().await;
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn document_exchange_is_signed_in_to_with_a_password() {
    let lab = Lab::start().await;
    let flow = lab.flow(&format!(
        r#"base: {}
account: user
steps:
  - {{ name: page, get: /login }}
  - name: submit
    submit: {{ form: 'form#loginForm', fields: {{ userId: '${{secret.user}}', password: '${{secret.pass}}' }} }}
    expect: {{ url: {{ path: /inbox }}, css: {{ 'a[href*=logout]': exists }} }}
finally:
  - {{ name: logout, if: submit.sent, get: /logout }}
"#,
        lab.base("document-exchange")
    ));
    // More than the system allows at once: each run signs out.
    for _ in 0..2 * lab::sign_in::form::MAX_SESSIONS_OF_ACCOUNT {
        flow.succeed().await;
    }
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn government24_is_signed_in_to_by_any_id() {
    let lab = Lab::start().await;
    let flow = || {
        lab.flow(&format!(
            r#"base: {gov24}
account: user
steps:
  - name: sign_in
    get: /signin
    expect: {{ css: {{ 'form#anyidLogin': exists }} }}
  - name: any_id
    submit: {{ form: 'form#anyidLogin', fields: {{ userId: '${{secret.user}}', password: '${{secret.pass}}' }} }}
    follow: {{ redirects: 10, auto_submit: 'form[method=post][action*="/callback"]', max_hops: 15 }}
    expect: {{ url: {{ starts_with: '{gov24}/main' }}, css: {{ 'a[href*=logout]': exists }} }}
  - name: application
    get: /issue
  - name: issue
    submit: {{ form: 'form#issue' }}
    expect: {{ css: {{ '#issued': exists }} }}
finally:
  - {{ name: logout, if: any_id.sent, get: /logout }}
  - {{ name: provider_logout, if: any_id.sent, get: '{anyid}/logout' }}
"#,
            gov24 = lab.base("gov24"),
            anyid = lab.base("anyid"),
        ))
    };
    flow().succeed().await;
    assert_eq!(lab.signed_in(), 0);
    // Issuing is down while the sign-in works: the step says so.
    lab.set("resident", Kind::Refuse);
    assert_eq!(flow().fail().await, ("issue".into(), Reason::HttpStatus));
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn welfare_is_signed_in_to_with_a_key_of_the_session() {
    let lab = Lab::start().await;
    let flow = |before: &str| {
        lab.flow(&format!(
            r#"base: {}
account: user
steps:
  - name: page
    get: /login
    capture:
      modulus: {{ css: '#RSAModulus', attr: value }}
      exponent: {{ css: '#RSAExponent', attr: value }}
{before}  - name: submit
    submit:
      form: form#securedLoginForm
      fields:
        securedUsername: '${{secret.user | rsa:modulus,exponent}}'
        securedPassword: '${{secret.pass | rsa:modulus,exponent}}'
    fail_if:
      - {{ reason: bad_credentials, body: {{ contains: 비밀번호가 일치하지 }} }}
      - {{ reason: rate_limited, body: {{ contains: 암호화 키가 유효하지 않습니다 }} }}
    expect: {{ url: {{ path: /work }}, css: {{ 'a[href*=logout]': exists }} }}
finally:
  - {{ name: logout, if: submit.sent, get: /logout }}
"#,
            lab.base("welfare")
        ))
    };
    let good = flow("");
    good.succeed().await;
    good.succeed().await;
    assert_eq!(lab.signed_in(), 0);
    // Another view of the page is another key, and the older one is of no use.
    let old = flow("  - { name: again, get: /login }\n");
    assert_eq!(old.fail().await, ("submit".into(), Reason::RateLimited));
    good.write("pass", "wrong");
    assert_eq!(good.fail().await, ("submit".into(), Reason::BadCredentials));
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bypass_gives_a_token_that_is_renewed_once() {
    let lab = Lab::start().await;
    let flow = |before: &str| {
        lab.flow(&format!(
            r#"base: {}
account: user
steps:
  - name: login
    post: /api/v1/auth/login
    json: {{ id: '${{secret.user}}', password: '${{secret.pass}}' }}
    fail_if:
      - {{ reason: bad_credentials, json: {{ $.code: LOGIN_FAILED }} }}
      - {{ reason: pki_backend, json: {{ $.code: PKI_BACKEND }} }}
    expect: {{ json: {{ $.accessToken: exists }} }}
    capture: {{ first: {{ json: $.accessToken }}, refresh: {{ json: $.refreshToken, secret: true }} }}
{before}  - name: refresh
    post: /api/v1/auth/refresh
    json: {{ refreshToken: '${{refresh}}' }}
    capture: {{ access: {{ json: $.accessToken }} }}
  - name: me
    get: /api/v1/me
    bearer: '${{access}}'
    expect: {{ json: {{ $.approvals: 3 }} }}
finally:
  - {{ name: logout, if: login.ok, post: /api/v1/auth/logout, bearer: '${{first}}' }}
"#,
            lab.base("bypass")
        ))
    };
    let good = flow("");
    good.succeed().await;
    assert_eq!(lab.signed_in(), 0);
    let again =
        "  - { name: before, post: /api/v1/auth/refresh, json: { refreshToken: '${refresh}' } }\n";
    assert_eq!(flow(again).fail().await, ("refresh".into(), Reason::SessionLost));
    lab.set("bypass", Kind::LostSession);
    assert_eq!(flow("").fail().await, ("me".into(), Reason::SessionLost));
    lab.clear("bypass");
    lab.set("gpki", Kind::Refuse);
    assert_eq!(flow("").fail().await, ("login".into(), Reason::PkiBackend));
    lab.clear("gpki");
    good.write("pass", "wrong");
    assert_eq!(good.fail().await, ("login".into(), Reason::BadCredentials));
    assert_eq!(lab.signed_in(), 0);
}
