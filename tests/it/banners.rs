//! What stands above the lists: maintenance, a refused configuration, an offline vantage; and the
//! words of a page.

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

fn config(top: &str, url: &str) -> String {
    format!(
        "{top}defaults: {{ interval: 5s, timeout: 4s }}\nservices:\n  - name: gov24\n    title: \
         정부24\n    probes:\n      - name: front\n        http: {{ url: \"{url}\" }}\n"
    )
}

fn both(daemon: &Daemon) -> [String; 4] {
    ["/?lang=ko", "/?lang=en", "/probes/gov24/front?lang=ko", "/probes/gov24/front?lang=en"]
        .map(|path| daemon.get(path).text())
}

#[test]
fn maintenance_says_of_what_and_until_when_in_korean_time() {
    let target = Target::answering("ok");
    let korea = jiff::tz::TimeZone::get("Asia/Seoul").unwrap();
    let now = jiff::Timestamp::now().to_zoned(korea);
    let day = |days: i64| now.checked_add(jiff::Span::new().days(days)).unwrap();
    let (from, until) = (day(-1).strftime("%F"), day(5).strftime("%F"));
    let text = format!(
        "{}maintenance:\n  - {{ name: patch, targets: [gov24], from: {from}T00:00, until: \
         {until}T03:00, timezone: Asia/Seoul, reason: '보안 <패치>' }}\n  - {{ name: over, targets: \
         [gov24], from: 2020-01-01T00:00, until: 2020-01-02T00:00, timezone: Asia/Seoul }}\n",
        config("", &target.url())
    );
    let daemon = Setup::new(&text).start();
    daemon.wait_until_ready();
    for (page, wanted) in
        both(&daemon).iter().zip(["예고된 점검 중: 정부24", "Maintenance: 정부24"].iter().cycle())
    {
        assert!(page.contains(wanted), "{wanted} is not in {page}");
        assert!(
            page.contains(&format!("{until} 03:00 KST")) && page.contains("보안 &lt;패치&gt;"),
            "{page}"
        );
        assert!(!page.contains("2020-"), "{page}");
    }
    let status = daemon.get("/api/v1/status").json();
    assert_eq!(status["maintenance"].as_array().unwrap().len(), 1);
    let utc = format!("{}T18:00:00Z", day(4).strftime("%F"));
    assert_eq!(status["maintenance"][0]["until"], utc);
    assert_eq!(status["maintenance"][0]["targets"], serde_json::json!(["gov24"]));
}

#[test]
fn a_refused_configuration_is_shown_until_a_good_one_comes() {
    let target = Target::answering("ok");
    let good = config("", &target.url());
    let daemon = Setup::new(&good).flag("--web.enable-lifecycle").start();
    daemon.wait_until_ready();
    assert!(!daemon.get("/").text().contains("class=\"b "));
    daemon.setup.write("bongsu.yml", format!("{good}x: <b>\n"));
    assert_eq!(daemon.post("/-/reload").status, 500);
    for page in both(&daemon) {
        assert!(page.contains("class=\"b refused\"") && page.contains("x: unknown key"), "{page}");
        assert!(page.contains(" KST"), "{page}");
        assert!(page.find("</h1>") < page.find("class=\"b refused\""), "{page}");
    }
    let refused = daemon.get("/api/v1/status").json()["config"]["refused"].clone();
    assert!(refused["problem"].as_str().unwrap().contains("unknown key"), "{refused}");
    daemon.setup.write("bongsu.yml", format!("{good}yy: 1\n"));
    assert_eq!(daemon.post("/-/reload").status, 500);
    let again = daemon.get("/api/v1/status").json()["config"]["refused"].clone();
    assert_eq!(again["since"], refused["since"], "since the first of them");
    assert!(again["problem"].as_str().unwrap().contains("yy"), "{again}");
    daemon.setup.write("bongsu.yml", &good);
    assert_eq!(daemon.post("/-/reload").status, 200);
    assert!(!daemon.get("/").text().contains("class=\"b "));
    assert!(daemon.get("/api/v1/status").json()["config"]["refused"].is_null());
}

#[test]
fn an_offline_vantage_says_that_nothing_below_counts() {
    let target = Target::answering("ok");
    let text = config("controls: [ 'tcp://127.0.0.1:9' ]\n", &target.url());
    let daemon = Setup::new(&text).start();
    eventually("offline", || {
        (daemon.get("/api/v1/status").json()["online"] == false).then_some(())
    });
    let [korean, english, ..] = both(&daemon);
    assert!(korean.contains("이 관측 지점의 네트워크가 끊겼습니다"), "{korean}");
    assert!(english.contains("This vantage is offline"), "{english}");
}

#[test]
fn the_language_survives_every_link_and_a_reason_is_explained_in_it() {
    let daemon = Setup::new(&config("", "http://127.0.0.1:9/")).start();
    daemon.wait_until_ready();
    eventually("a run", || {
        (daemon.get("/api/v1/status").json()["summary"]["down"] == 1).then_some(())
    });
    for (lang, other, words) in [
        ("ko", "en", "서버가 접속을 거부했습니다."),
        ("en", "ko", "The host refused the connection."),
    ] {
        let page = daemon.get(&format!("/?lang={lang}")).text();
        assert!(page.contains(words), "{words} is not in {page}");
        // The head of an outage says it in words, its row the reason first.
        let (reason, meaning) = (page.find("connect_refused"), page.rfind(words));
        assert!(reason.unwrap() < meaning.unwrap(), "{page}");
        assert!(page.contains(&format!("/probes/gov24/front?lang={lang}\"")), "{page}");
        let page = daemon.get(&format!("/probes/gov24/front?lang={lang}")).text();
        assert!(
            page.contains(&format!("<html lang=\"{lang}\">")) && page.contains(words),
            "{page}"
        );
        assert!(page.contains(&format!("/?lang={lang}\"")), "{page}");
        assert!(page.contains(&format!("/probes/gov24/front?lang={other}\"")), "{page}");
    }
}
