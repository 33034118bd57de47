//! What an operator reads at night: whom a failure belongs to, in which order rows stand, what
//! maintenance does and does not excuse, times in one zone, and a page in one language.

use bongsu::outcome::Reason;
use regex::Regex;

use crate::support::client::Request;
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::{Target, sending};

/// Saeol's login fails in a step that tests GPKI; GPKI itself answers.
fn estate(url: &str) -> String {
    format!(
        "defaults: {{ interval: 5s, timeout: 4s }}\nservices:\n  - name: gpki\n    title: \
         행정전자서명 인증\n    grade: 1\n    owner: 국가정보자원관리원\n    probes:\n      - name: \
         front\n        http: {{ url: \"{url}\" }}\n  - name: saeol\n    title: 새올\n    grade: \
         1\n    owner: 각 지방자치단체\n    alternative: 주민센터\n    needs: [gpki]\n    probes:\n      - \
         name: login\n        login:\n          base: \"{url}\"\n          steps:\n            - \
         {{ name: form, get: / }}\n            - {{ name: verify, component: gpki, get: /, expect: \
         {{ body: {{ contains: 없는 말 }} }} }}\n"
    )
}

fn wait_for(daemon: &Daemon, state: &str, count: u64) {
    daemon.wait_until_ready();
    eventually(&format!("{count} {state}"), || {
        let summary = daemon.get("/api/v1/status").json()["summary"].clone();
        (summary[state] == count).then_some(())
    });
}

fn broken_login() -> (Daemon, Target) {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&estate(&target.url())).env("TZ", "").start();
    wait_for(&daemon, "up", 1);
    wait_for(&daemon, "down", 1);
    (daemon, target)
}

/// The row of a table that holds this text.
fn row<'p>(page: &'p str, text: &str) -> &'p str {
    let rows = page.split("<tr").find(|row| row.contains(text));
    rows.unwrap_or_else(|| panic!("no row with {text} in {page}"))
}

#[test]
fn the_status_blames_whom_the_metrics_blame() {
    let (daemon, _target) = broken_login();
    daemon.sample(
        "bongsu_probe_failure_info{service=\"saeol\",probe=\"login\",kind=\"login\",instance=",
    );
    let metrics = daemon.metrics();
    let line = metrics.lines().find(|line| line.starts_with("bongsu_probe_failure_info{")).unwrap();
    assert!(line.contains(r#"step="verify",component="gpki"}"#), "{line}");
    let status = daemon.get("/api/v1/status").json();
    let probe = &status["services"][1]["probes"][0];
    for (key, wanted) in
        [("component", "gpki"), ("step", "verify"), ("reason", "body_mismatch"), ("tests", "saeol")]
    {
        assert_eq!(probe[key], wanted, "{key} of {probe}");
    }
    let healthy = &status["services"][0]["probes"][0];
    assert_eq!((&healthy["component"], &healthy["tests"]), (&"gpki".into(), &"gpki".into()));
}

#[test]
fn a_row_names_the_component_its_owner_the_step_and_the_state_of_what_is_needed() {
    let (daemon, _target) = broken_login();
    for (lang, words) in [
        ("ko", ["원인 서비스", "단계", "담당", "필요"]),
        ("en", ["Cause", "Step", "Owner", "Needs"]),
    ] {
        let page = daemon.get(&format!("/?lang={lang}")).text();
        let row = row(&page, "/probes/saeol/login");
        for part in words.iter().chain(&[
            "행정전자서명 인증 <code>gpki</code>",
            "<code>verify</code>",
            "국가정보자원관리원",
            "각 지방자치단체",
            "<span class=\"s up\">",
        ]) {
            assert!(row.contains(part), "{part} is not in {row}");
        }
        let page = daemon.get(&format!("/probes/saeol/login?lang={lang}")).text();
        for part in words {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        for part in ["행정전자서명 인증 <code>gpki</code>", "국가정보자원관리원", "주민센터"]
        {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
}

#[test]
fn rows_of_one_state_are_in_the_order_of_grade_service_probe_and_site() {
    let refused = "http://127.0.0.1:9/";
    let text = format!(
        "defaults: {{ timeout: 500ms, recheck: 700ms }}\nservices:\n  - name: aa\n    grade: 3\n    probes:\n      \
         - {{ name: one, interval: 1s, http: {{ url: \"{refused}\" }} }}\n  - name: zz\n    grade: 1\n    \
         for_each: {{ site: [jongno, busan] }}\n    probes:\n      - {{ name: two, interval: 9s, http: \
         {{ url: \"{refused}\" }} }}\n      - {{ name: one, interval: 1s, http: {{ url: \"{refused}\" }} \
         }}\n  - name: mm\n    grade: 1\n    probes:\n      - {{ name: one, interval: 5s, http: {{ url: \
         \"{refused}\" }} }}\n"
    );
    let daemon = Setup::new(&text).start();
    wait_for(&daemon, "down", 6);
    let page = daemon.get("/?lang=en").text();
    let link = Regex::new(r#"/probes/([a-z/]+)(?:@([a-z]+))?\?lang=en"#).unwrap();
    let shown: Vec<String> = link
        .captures_iter(&page)
        .map(|found| format!("{} {}", &found[1], found.get(2).map_or("", |site| site.as_str())))
        .collect();
    let wanted =
        ["mm/one ", "zz/one busan", "zz/one jongno", "zz/two busan", "zz/two jongno", "aa/one "];
    assert_eq!(shown, wanted);
}

#[test]
fn an_outage_that_began_before_its_maintenance_is_marked_as_both() {
    let korea = jiff::tz::TimeZone::get("Asia/Seoul").unwrap();
    let local = |time: jiff::Timestamp| {
        time.to_zoned(korea.clone()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    };
    let now = jiff::Timestamp::now;
    let hours = |hours: i64| jiff::SignedDuration::from_hours(hours);
    let base = "defaults: { interval: 1s, timeout: 500ms }\nservices:\n  - name: early\n    probes: [ { \
                name: front, http: { url: 'http://127.0.0.1:9/' } } ]\n  - name: within\n    probes: [ { \
                name: front, http: { url: 'http://127.0.0.1:9/' } } ]\n  - name: other\n    probes: [ { \
                name: front, http: { url: 'http://127.0.0.1:9/' } } ]\n";
    let daemon = Setup::new(base).flag("--web.enable-lifecycle").start();
    wait_for(&daemon, "down", 3);
    let (begun, soon) = (now() - hours(1), now() + jiff::SignedDuration::from_secs(1));
    let until = local(now() + hours(5));
    let windows = format!(
        "{base}maintenance:\n  - {{ name: patch, targets: [early], from: {}, until: {until}, timezone: \
         Asia/Seoul }}\n  - {{ name: move, targets: [within], from: {}, until: {until}, timezone: \
         Asia/Seoul }}\n",
        local(soon),
        local(begun)
    );
    daemon.setup.write("bongsu.yml", &windows);
    assert_eq!(daemon.post("/-/reload").status, 200);
    let probe =
        |index: usize| daemon.get("/api/v1/status").json()["services"][index]["probes"][0].clone();
    eventually("the window opened", || (probe(0)["maintenance"] == "patch").then_some(()));
    assert_eq!(probe(0)["down_before_maintenance"], true, "{}", probe(0));
    assert_eq!(probe(1)["maintenance"], "move");
    assert_eq!(probe(1)["down_before_maintenance"], false, "{}", probe(1));
    assert!(probe(2)["maintenance"].is_null());
    for (lang, under_way, before) in
        [("ko", "점검 중", "점검 전부터 장애"), ("en", "maintenance", "down before maintenance")]
    {
        let page = daemon.get(&format!("/?lang={lang}")).text();
        let marked = |service: &str| {
            let row = row(&page, &format!("/probes/{service}/"));
            let mark = |text: &str| row.contains(&format!(">{text}</span>"));
            (mark(under_way), mark(before))
        };
        assert_eq!(marked("early"), (true, true), "{page}");
        assert_eq!(marked("within"), (true, false), "{page}");
        assert_eq!(marked("other"), (false, false), "{page}");
        let page = daemon.get(&format!("/probes/early/front?lang={lang}")).text();
        assert!(page.contains(&format!(">{before}</span>")), "{page}");
    }
}

/// Every clock time on a page, with what follows it.
fn zones(page: &str) -> Vec<String> {
    let time = Regex::new(r"\d\d:\d\d(?::\d\d)?(?:\.\d+)?( [^\s<,)부까]+|[^\s<]*)").unwrap();
    time.captures_iter(page).map(|found| found[1].trim().to_owned()).collect()
}

#[test]
fn a_page_tells_every_time_in_one_named_zone_and_the_status_in_utc() {
    let text = format!(
        "{}maintenance:\n  - {{ name: daily, targets: [gpki], every: daily 00:00-23:59, timezone: \
         Europe/Berlin }}\n  - {{ name: nightly, targets: [saeol], every: daily 23:00-22:59, \
         timezone: Europe/Berlin }}\n",
        estate(&Target::answering("봉수").url())
    );
    for (variable, name) in [("", "KST"), ("Asia/Tokyo", "JST"), ("No/Where", "KST")] {
        let daemon = Setup::new(&text).env("TZ", variable).start();
        wait_for(&daemon, "down", 1);
        for path in ["/?lang=ko", "/?lang=en", "/probes/saeol/login?lang=ko", "/probes/saeol/login"]
        {
            let page = daemon.get(path).text();
            let zones = zones(&page);
            assert!(!zones.is_empty(), "{page}");
            assert!(zones.iter().all(|zone| zone == name), "{zones:?} in {page}");
        }
        let since =
            daemon.get("/api/v1/status").json()["services"][1]["probes"][0]["since"].clone();
        assert!(since.as_str().unwrap().ends_with('Z'), "{since}");
    }
}

/// What a reader of the page sees in Latin letters, beside what is marked as code or as English,
/// and the advice of a reason, which names things as Korean operators do (WAS, DNS, L4).
fn latin(page: &str) -> Vec<String> {
    let apart = [
        r"(?s)<style>.*?</style>",
        r"(?s)<title>.*?</title>",
        r"(?s)<code>.*?</code>",
        r"(?s)<pre.*?</pre>",
        r#"(?s)<(span|a)[^>]* lang="en"[^>]*>.*?</(span|a)>"#,
        r"(?s)<[^>]*>",
        r"&[a-z]+;",
        r"\bKST\b",
    ];
    let mut text = page.to_owned();
    for reason in Reason::ALL {
        let (meaning, look) = (reason.meaning(), reason.first_look());
        text = text.replace(meaning.korean, " ").replace(look.korean, " ");
    }
    for pattern in apart {
        text = Regex::new(pattern).unwrap().replace_all(&text, " ").into_owned();
    }
    let word = Regex::new("[A-Za-z]+").unwrap();
    word.find_iter(&text).map(|found| found.as_str().to_owned()).collect()
}

#[test]
fn the_korean_pages_are_in_korean() {
    let (daemon, target) = broken_login();
    let empty: Vec<String> = Vec::new();
    let pages = ["/", "/probes/saeol/login", "/probes/gpki/front", "/probes/gpki/none", "/none"];
    let ask = |path: &str| {
        Request::get(path)
            .header("Accept-Language", "ko-KR")
            .header("Accept", "text/html,*/*;q=0.8")
            .send(daemon.address)
            .text()
    };
    for path in pages {
        assert_eq!(latin(&ask(path)), empty, "{path}: {}", ask(path));
    }
    target.answer_with(503);
    wait_for(&daemon, "down", 2);
    for path in pages {
        assert_eq!(latin(&ask(path)), empty, "{path}: {}", ask(path));
    }
    let nothing = Setup::new("services:\n  - name: dc\n    title: 대전센터\n").start();
    nothing.wait_until_ready();
    let page = nothing.get("/?lang=ko").text();
    assert_eq!(latin(&page), empty, "{page}");
    assert!(page.contains("설정된 감시 항목이 없습니다."), "{page}");
}

#[test]
fn a_missing_page_is_told_in_the_askers_language_with_a_way_back() {
    let (daemon, _target) = broken_login();
    for (lang, words) in
        [("ko", "해당 감시 항목을 찾을 수 없습니다"), ("en", "There is no such probe")]
    {
        let answer = daemon.get(&format!("/probes/gpki/none?lang={lang}"));
        assert_eq!(answer.status, 404);
        let page = answer.text();
        assert!(
            page.contains(words) && page.contains(&format!("href=\"/?lang={lang}\"")),
            "{page}"
        );
        assert!(page.contains("<code>gpki/none</code>"), "{page}");
    }
}

#[test]
fn a_probe_with_a_site_is_found_by_the_name_that_the_log_prints() {
    let text = "defaults: { interval: 1s, timeout: 500ms }\nservices:\n  - name: saeol\n    for_each: { \
                site: [jongno, 2.gu_a-b] }\n    probes: [ { name: portal, http: { url: \
                'http://127.0.0.1:9/' } } ]\n";
    let daemon = Setup::new(text).start();
    daemon.logged(&["saeol/portal@jongno"]);
    for path in [
        "/probes/saeol/portal@jongno",
        "/probes/saeol/portal%40jongno",
        "/probes/saeol/portal@%6Aongno?lang=en",
        "/probes/saeol/portal?site=jongno",
        "/probes/saeol/portal@2.gu_a-b",
        "/probes/saeol/portal%402.gu%5Fa%2Db",
    ] {
        assert_eq!(daemon.get(path).status, 200, "{path}");
    }
    for path in [
        "/probes/saeol/portal@busan",
        "/probes/saeol/portal@",
        "/probes/saeol/portal",
        "/probes/saeol/@jongno",
    ] {
        assert_eq!(daemon.get(path).status, 404, "{path}");
    }
    // The links of the list lead to the same place.
    let page = daemon.get("/?lang=ko").text();
    let link = Regex::new(r#"href="(/probes/saeol/portal[^"]+)""#).unwrap();
    let links: Vec<String> =
        link.captures_iter(&page).map(|found| found[1].replace("&amp;", "&")).collect();
    assert_eq!(links.len(), 2, "{page}");
    for path in links {
        assert!(path.contains("portal@"), "{path}");
        assert_eq!(daemon.get(&path).status, 200, "{path}");
    }
}

#[test]
fn bars_above_the_failures_show_the_runs_of_the_table_the_latest_on_the_right() {
    let address = sending(|turn, _| {
        let status = if turn == 0 { "200 OK" } else { "503 Service Unavailable" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    });
    let text = format!(
        "defaults: {{ interval: 1s, timeout: 500ms }}\nservices:\n  - name: a\n    probes: [ {{ name: p, http: \
         {{ url: 'http://{address}/' }} }} ]\n"
    );
    let daemon = Setup::new(&text).start();
    wait_for(&daemon, "down", 1);
    let count = Regex::new(r"(\d+)(?:회|\),)").unwrap();
    for (language, failures, runs) in
        [("ko", "최근 실패", "최근 실행"), ("en", "Last failures", "Last runs")]
    {
        let page = daemon.get(&format!("/probes/a/p?lang={language}")).text();
        let (above, below) = page.split_once(&format!("<h2>{failures}</h2>")).unwrap();
        let (_, table) = below.split_once(&format!("<h2>{runs}</h2>")).unwrap();
        let classes = |pattern: &str, html: &str| -> Vec<String> {
            let of = Regex::new(pattern).unwrap();
            of.captures_iter(html).map(|found| found[1].to_owned()).collect()
        };
        let bars = classes(r#"<i class="(\w+)"></i>"#, above);
        let mut rows = classes(r#"<span class="s (\w+)">"#, table);
        rows.reverse();
        assert_eq!(bars, rows, "{page}");
        assert_eq!((bars[0].as_str(), bars[bars.len() - 1].as_str()), ("up", "down"), "{page}");
        let (_, bars_on) = above.split_once("class=\"bars\"").unwrap();
        assert_eq!(count.captures(bars_on).unwrap()[1], bars.len().to_string(), "{page}");
    }
}
