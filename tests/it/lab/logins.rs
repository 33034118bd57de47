//! The logins of the estate with a browser: what works, and what breaks with what.

use lab::estate::SimulatedEstate as Estate;
use lab::faults::FaultKind as Kind;
use lab::sign_in::form::MAX_SESSIONS_OF_ACCOUNT;
use lab::site::accounts::STRIKES;
use lab::site::{PROBE_PASSWORD, PROBE_USER};

use super::browser::{Browser, Shown, estate, system};

const LOGGED_IN: &str = "a[href*=logout]";

async fn saeol_login(estate: &Estate, browser: &mut Browser, password: &str) -> Shown {
    let page = browser.get(format!("{}/", estate.base(system("saeol-jongno")))).await;
    let fields = [("userId", PROBE_USER), ("userPw", password)];
    browser.submit(&page, "form#loginForm", &fields).await
}

async fn gov24_login(estate: &Estate, browser: &mut Browser) -> Shown {
    let page = browser.get(format!("{}/signin", estate.base(system("gov24")))).await;
    let fields = [("userId", PROBE_USER), ("password", PROBE_PASSWORD)];
    let page = browser.submit(&page, "form#anyidLogin", &fields).await;
    if page.has("form#answer") { browser.submit(&page, "form#answer", &[]).await } else { page }
}

fn open_sessions(estate: &Estate, name: &str) -> usize {
    estate.world().site(system(name)).sessions.signed_in().len()
}

#[tokio::test]
async fn an_official_signs_in_to_saeol_and_out_again() {
    let estate = estate().await;
    let mut browser = Browser::of(&estate);
    let page = saeol_login(&estate, &mut browser, PROBE_PASSWORD).await;
    assert_eq!((page.status, page.url.path()), (200, "/main.do"));
    assert!(page.has(LOGGED_IN) && page.text.contains("민원접수"));
    assert_eq!(open_sessions(&estate, "saeol-jongno"), 1);
    assert_eq!(open_sessions(&estate, "saeol-haeundae"), 0);

    let base = estate.base(system("saeol-jongno"));
    let page = browser.get(format!("{base}/logout.do")).await;
    assert!(page.has("form#loginForm"));
    assert_eq!(open_sessions(&estate, "saeol-jongno"), 0);
    assert!(!browser.get(format!("{base}/main.do")).await.has(LOGGED_IN));
}

#[tokio::test]
async fn saeol_breaks_with_gpki_while_gpkis_front_page_stays_green() {
    let estate = estate().await;
    estate.faults().set(system("gpki"), Kind::StallLarge);
    let mut browser = Browser::of(&estate);
    let front = browser.get(estate.base(system("gpki"))).await;
    assert_eq!(front.status, 200);
    let form = browser.get(format!("{}/login.do", estate.base(system("saeol-jongno")))).await;
    assert_eq!(form.status, 200);

    let page = saeol_login(&estate, &mut browser, PROBE_PASSWORD).await;
    assert_eq!(page.status, 500);
    assert!(page.text.contains("검증서버"), "{}", page.text);
    assert_eq!(open_sessions(&estate, "saeol-jongno"), 0);

    estate.faults().clear_all(system("gpki"));
    assert!(saeol_login(&estate, &mut browser, PROBE_PASSWORD).await.has(LOGGED_IN));
}

#[tokio::test]
async fn an_expired_certificate_of_gpki_breaks_those_that_call_it() {
    let estate = estate().await;
    estate.faults().set(system("gpki"), Kind::ExpiredCertificate);
    let mut browser = Browser::of(&estate);
    let check = browser.get(format!("{}/certCheck.do", estate.base(system("saeol-yuseong")))).await;
    assert_eq!(check.status, 500);
    estate.faults().clear_all(system("gpki"));
    let check = browser.get(format!("{}/certCheck.do", estate.base(system("saeol-yuseong")))).await;
    assert!(check.text.contains("검증 정상"), "{}", check.text);
}

#[tokio::test]
async fn five_bad_passwords_lock_the_account_until_somebody_resets_it() {
    let estate = estate().await;
    let mut browser = Browser::of(&estate);
    for strike in 1..=STRIKES {
        let page = saeol_login(&estate, &mut browser, "wrong").await;
        assert!(page.text.contains("비밀번호가 일치하지"), "{}", page.text);
        assert!(page.text.contains(&format!("({strike}/5회")), "{}", page.text);
    }
    let page = saeol_login(&estate, &mut browser, PROBE_PASSWORD).await;
    assert!(page.text.contains("잠긴 계정") && !page.has(LOGGED_IN));
    estate.world().site(system("saeol-jongno")).accounts.reset();
    assert!(saeol_login(&estate, &mut browser, PROBE_PASSWORD).await.has(LOGGED_IN));
}

#[tokio::test]
async fn a_login_without_its_csrf_token_is_refused() {
    let estate = estate().await;
    let mut browser = Browser::of(&estate);
    let page = browser.get(format!("{}/login", estate.base(system("document-exchange")))).await;
    let stolen = Shown {
        text: page.text.replace("_csrf", "other"),
        url: page.url.clone(),
        status: page.status,
    };
    let fields = [("userId", PROBE_USER), ("password", PROBE_PASSWORD)];
    assert_eq!(browser.submit(&stolen, "form#loginForm", &fields).await.status, 403);
    assert!(browser.submit(&page, "form#loginForm", &fields).await.has(LOGGED_IN));
}

#[tokio::test]
async fn wrong_password_captcha_and_lost_session_show_what_they_are_called() {
    let (estate, saeol) = (estate().await, system("saeol-jongno"));
    let mut browser = Browser::of(&estate);
    estate.faults().set(saeol, Kind::WrongPassword);
    let page = saeol_login(&estate, &mut browser, PROBE_PASSWORD).await;
    assert!(page.text.contains("비밀번호가 일치하지"));

    estate.faults().clear_all(saeol);
    estate.faults().set(saeol, Kind::Captcha);
    let page = saeol_login(&estate, &mut browser, PROBE_PASSWORD).await;
    assert!(page.has("img#captcha") && !page.has(LOGGED_IN));

    estate.faults().clear_all(saeol);
    estate.faults().set(saeol, Kind::LostSession);
    let page = saeol_login(&estate, &mut browser, PROBE_PASSWORD).await;
    assert!(page.text.contains("세션이 만료") && page.has("form#loginForm"));
}

#[tokio::test]
async fn logins_that_are_never_closed_shut_the_next_one_out() {
    let estate = estate().await;
    let base = estate.base(system("document-exchange"));
    let fields = [("userId", PROBE_USER), ("password", PROBE_PASSWORD)];
    for _ in 0..MAX_SESSIONS_OF_ACCOUNT {
        let mut browser = Browser::of(&estate);
        let page = browser.get(format!("{base}/login")).await;
        assert!(browser.submit(&page, "form#loginForm", &fields).await.has(LOGGED_IN));
    }
    let mut browser = Browser::of(&estate);
    let page = browser.get(format!("{base}/login")).await;
    let page = browser.submit(&page, "form#loginForm", &fields).await;
    assert!(page.text.contains("동시 접속 한도"), "{}", page.text);
}

#[tokio::test]
async fn a_citizen_signs_in_by_any_id_and_has_a_document_issued() {
    let estate = estate().await;
    let mut browser = Browser::of(&estate);
    let page = gov24_login(&estate, &mut browser).await;
    assert_eq!((page.status, page.url.path()), (200, "/main"), "{}", page.text);
    assert!(page.has(LOGGED_IN));
    assert_eq!((open_sessions(&estate, "gov24"), open_sessions(&estate, "anyid")), (1, 1));

    let base = estate.base(system("gov24"));
    let form = browser.get(format!("{base}/issue")).await;
    let document = browser.submit(&form, "form#issue", &[]).await;
    assert!(document.has("#issued"), "{}", document.text);

    estate.faults().set(system("resident"), Kind::Refuse);
    let failed = browser.submit(&form, "form#issue", &[]).await;
    assert_eq!(failed.status, 503);

    // Single sign-on: the second portal asks for nothing.
    let page = browser.get(format!("{}/signin", estate.base(system("disclosure")))).await;
    let page = browser.submit(&page, "form#answer", &[]).await;
    assert_eq!(page.url.path(), "/requests");

    browser.get(format!("{base}/logout")).await;
    assert_eq!(open_sessions(&estate, "gov24"), 0);
}

#[tokio::test]
async fn a_portal_cannot_sign_anybody_in_while_any_id_does_not_answer_it() {
    let estate = estate().await;
    let mut browser = Browser::of(&estate);
    let page = browser.get(format!("{}/signin", estate.base(system("gov24")))).await;
    let fields = [("userId", PROBE_USER), ("password", PROBE_PASSWORD)];
    let page = browser.submit(&page, "form#anyidLogin", &fields).await;
    estate.faults().set(system("anyid"), Kind::MissingIntermediate);
    let page = browser.submit(&page, "form#answer", &[]).await;
    assert_eq!(page.status, 502);
    assert_eq!(open_sessions(&estate, "gov24"), 0);
}

#[tokio::test]
async fn a_code_is_good_once_and_only_for_the_browser_that_asked() {
    let estate = estate().await;
    let mut browser = Browser::of(&estate);
    let page = browser.get(format!("{}/signin", estate.base(system("gov24")))).await;
    let fields = [("userId", PROBE_USER), ("password", PROBE_PASSWORD)];
    let answer = browser.submit(&page, "form#anyidLogin", &fields).await;
    let mut stranger = Browser::of(&estate);
    assert_eq!(stranger.submit(&answer, "form#answer", &[]).await.status, 400);
    assert!(browser.submit(&answer, "form#answer", &[]).await.has(LOGGED_IN));
    assert_eq!(browser.submit(&answer, "form#answer", &[]).await.status, 400);
}

#[tokio::test]
async fn every_system_has_its_front_page() {
    let estate = estate().await;
    let mut browser = Browser::of(&estate);
    for system in lab::systems::ALL {
        let page = browser.get(estate.base(system)).await;
        assert_eq!(page.status, 200, "{}", system.name);
        let frame = system.title;
        assert!(page.text.contains(frame), "{}: {}", system.name, page.text);
    }
}
