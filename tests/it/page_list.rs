//! The list at two in the morning: one block for an outage, its cause above its consequences; what many
//! have in common as one line that opens; a filter; and a size that a telephone can load.

use std::io::Read;

use flate2::read::GzDecoder;
use regex::Regex;

use crate::support::client::Request;
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

fn wait_for(daemon: &Daemon, state: &str, count: u64) {
    daemon.wait_until_ready();
    eventually(&format!("{count} {state}"), || {
        let summary = daemon.get("/api/v1/status").json()["summary"].clone();
        (summary[state] == count).then_some(())
    });
}

/// `zz` is down by itself; `aa` on twelve sites and `mm` need it, `mm` by way of `between`, which is
/// well; `own` needs it, too, and shows what is its own fault only on its page; `other` needs nothing.
fn outage(up: &str) -> String {
    let refused = "http://127.0.0.1:9/";
    let sites: Vec<String> = (1..=12).map(|n| format!("s{n:02}")).collect();
    let probe = |url: &str| format!("probes: [ {{ name: front, http: {{ url: \"{url}\" }} }} ]");
    format!(
        "defaults: {{ interval: 1s, timeout: 500ms }}\nservices:\n  - {{ name: aa, title: 민원, owner: 도청, grade: 1, needs: \
         [zz], for_each: {{ site: [{}] }}, {} }}\n  - {{ name: between, needs: [zz], {} }}\n  - {{ name: mm, \
         grade: 2, needs: [between], {} }}\n  - {{ name: other, grade: 3, owner: 교육청, {} }}\n  - {{ name: zz, \
         title: 포털, owner: 자원관리원, grade: 4, {} }}\n",
        sites.join(", "),
        probe(refused),
        probe(up),
        probe(refused),
        probe(refused),
        probe(refused),
    )
}

/// Each outage of a page: its heading's service, and what stands below it.
fn blocks(page: &str) -> Vec<(String, String)> {
    let name = Regex::new("<code>([^<]*)</code>").unwrap();
    let sections = page.split("<section ").skip(1);
    sections
        .map(|section| {
            let section = section.split("</section>").next().unwrap();
            (name.captures(section).unwrap()[1].to_owned(), section.to_owned())
        })
        .collect()
}

#[test]
fn what_needs_a_broken_service_is_in_its_block_and_many_sites_are_one_line() {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&outage(&target.url())).start();
    wait_for(&daemon, "down", 15);
    let page = daemon.get("/?lang=en").text();
    let blocks = blocks(&page);
    let causes: Vec<&str> = blocks.iter().map(|(cause, _)| cause.as_str()).collect();
    // By grade and not by name: nothing else tells them apart.
    assert_eq!(causes, ["other", "zz"], "{page}");
    let (_, other) = &blocks[0];
    assert!(!other.contains("Affected"), "{other}");
    let (_, block) = &blocks[1];
    let at = |text: &str| block.find(text).unwrap_or_else(|| panic!("no {text} in {block}"));
    assert!(at("/probes/zz/front") < at("Affected"));
    assert!(at("Affected") < at("/probes/mm/front"));
    assert!(at("<summary>") < at("12 of 12 sites") && at("12 of 12 sites") < at("@s01"), "{block}");
    for part in ["자원관리원", "Since", "/services/zz?lang=en"] {
        at(part);
    }
    let (_, well) = page.split_once("<details class=\"well\">").unwrap();
    assert!(well.contains("/services/between") && !well.contains("/services/zz"), "{well}");
    let icon = daemon.get("/icon/down");
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/svg+xml")));
    assert!(page.contains("href=\"/icon/down\""), "{page}");
    assert!(page.contains("<title>down 15 · Bongsu"), "{page}");
    assert!(page.contains("<span class=\"s none\">unknown 0</span>"), "zeros are quiet: {page}");
}

#[test]
fn an_outage_that_only_others_see_is_the_block_of_what_they_name() {
    let target = Target::answering("봉수");
    let url = target.url();
    let text = format!(
        "defaults: {{ interval: 5s, timeout: 4s }}\nservices:\n  - name: gpki\n    probes: [ {{ name: front, http: {{ \
         url: \"{url}\" }} }} ]\n  - name: saeol\n    probes:\n      - name: login\n        login:\n          base: \
         \"{url}\"\n          steps:\n            - {{ name: verify, component: gpki, get: /, expect: {{ body: {{ \
         contains: 없는 말 }} }} }}\n"
    );
    let daemon = Setup::new(&text).start();
    wait_for(&daemon, "down", 1);
    wait_for(&daemon, "up", 1);
    let page = daemon.get("/?lang=en").text();
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 1, "{page}");
    assert_eq!(blocks[0].0, "gpki");
    assert!(blocks[0].1.contains("no probe of its own fails"), "{page}");
}

/// `early` and `late` need `cause`: one falls before it, one after it.
#[test]
fn an_outage_dates_from_its_cause_and_not_from_what_needs_it() {
    let [cause, early, late] = [(); 3].map(|()| Target::answering("봉수"));
    let service = |name: &str, needs: &str, target: &Target| {
        let url = target.url();
        format!(
            "  - {{ name: {name}, {needs}probes: [ {{ name: p, http: {{ url: \"{url}\" }} }} ] }}\n"
        )
    };
    let daemon = Setup::new(&format!(
        "defaults: {{ interval: 1s, timeout: 500ms }}\nservices:\n{}{}{}",
        service("cause", "", &cause),
        service("early", "needs: [cause], ", &early),
        service("late", "needs: [cause], ", &late),
    ))
    .start();
    wait_for(&daemon, "up", 3);
    let told = |name: &str, key: &str| {
        let status = daemon.get("/api/v1/status").json();
        let services = status["services"].as_array().unwrap();
        let service = services.iter().find(|service| service["name"] == name).unwrap();
        service["probes"][0][key].as_str().unwrap_or_default().to_owned()
    };
    // As the page has it.
    let to_the_second = |time: String| time.get(..19).unwrap_or_default().to_owned();
    for (name, target) in [("early", &early), ("cause", &cause), ("late", &late)] {
        target.answer_with(503);
        eventually("it is down", || (told(name, "state") == "down").then_some(()));
        if name != "late" {
            let fell = to_the_second(told(name, "since"));
            let later = || to_the_second(told("late", "last_success")) > fell;
            eventually("another is well a second later", || later().then_some(()));
        }
    }
    let page = daemon.get("/?lang=en").text();
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 1, "{page}");
    let facts = blocks[0].1.split("</dl>").next().unwrap();
    for (label, key) in [("Since", "since"), ("Last good run", "last_success")] {
        let at: jiff::Timestamp = told("cause", key).parse().unwrap();
        let wanted = at.in_tz("Asia/Seoul").unwrap().strftime("%F %T %Z").to_string();
        assert!(facts.contains(&format!("<dt>{label}</dt><dd>{wanted}")), "{wanted}: {facts}");
    }
}

#[test]
fn what_is_well_stands_open_on_its_own_page_and_says_since_when() {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&outage(&target.url())).start();
    wait_for(&daemon, "up", 1);
    let page = daemon.get("/services/between?lang=ko").text();
    let (_, list) = page.split_once("<details open><summary>").unwrap();
    assert!(list.contains("감시 항목 1개</summary>"), "{list}");
    assert!(list.contains("/probes/between/front") && list.contains(">상태 변경<"), "{list}");
    let page = daemon.get("/probes/between/front?lang=ko").text();
    assert!(page.contains(">상태 변경<") && !page.contains(">시작<"), "{page}");
}

#[test]
fn a_list_is_filtered_by_its_address_and_a_service_has_a_page() {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&outage(&target.url())).start();
    wait_for(&daemon, "down", 15);
    let link = Regex::new(r"/probes/([a-z]+)/front(@s[0-9]+)?\?").unwrap();
    let shown = |path: &str| {
        let page = daemon.get(path).text();
        let shown: Vec<String> = link
            .captures_iter(&page)
            .map(|found| format!("{}{}", &found[1], found.get(2).map_or("", |site| site.as_str())))
            .collect();
        shown
    };
    assert_eq!(shown("/?q=S07"), ["aa@s07"]);
    assert_eq!(shown("/?q=%ED%8F%AC%ED%84%B8"), ["zz"], "by the title");
    assert_eq!(shown("/?owner=%EA%B5%90%EC%9C%A1%EC%B2%AD"), ["other"]);
    assert_eq!(shown("/?grade=2"), ["mm"]);
    assert_eq!(shown("/?state=up"), ["between"]);
    assert_eq!(shown("/?state=down&grade=4&q=connect_refused"), ["zz"]);
    assert_eq!(shown("/services/aa").len(), 12);
    assert_eq!(shown("/services/between"), ["between"]);
    assert_eq!(daemon.get("/services/none").status, 404);
    let page = daemon.get("/?q=%3Cscript%3E%22&lang=en").text();
    assert!(page.contains("&lt;script&gt;&quot;") && !page.contains("<script"), "{page}");
    assert!(page.contains("No probe suits."), "{page}");
    // The other language keeps what was asked for.
    assert!(page.contains("lang=ko&amp;q=%3Cscript%3E%22"), "{page}");
}

#[test]
fn a_page_loads_itself_again_until_it_is_told_not_to() {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&outage(&target.url())).start();
    daemon.wait_until_ready();
    let stop = Regex::new(r#"href="([^"]*refresh=off[^"]*)""#).unwrap();
    for path in ["/?lang=en", "/services/zz?lang=en", "/probes/zz/front?lang=en"] {
        let answer = daemon.get(path);
        assert_eq!(answer.header("refresh"), Some("15"), "{path}");
        let page = answer.text();
        assert!(!page.contains("http-equiv"), "{page}");
        let stop = stop.captures(&page).unwrap()[1].replace("&amp;", "&");
        let stopped = daemon.get(&stop);
        assert_eq!((stopped.status, stopped.header("refresh")), (200, None), "{stop}");
    }
    assert!(daemon.get("/?wall=1").text().contains("<body class=\"wall\">"));
}

fn compressed(daemon: &Daemon, path: &str) -> (usize, String) {
    let answer = Request::get(path).header("Accept-Encoding", "gzip").send(daemon.address);
    assert_eq!(answer.header("content-encoding"), Some("gzip"), "{path}");
    let mut text = String::new();
    GzDecoder::new(&*answer.body).read_to_string(&mut text).unwrap();
    (answer.body.len(), text)
}

#[test]
fn a_page_of_17000_probes_stays_below_300_kb() {
    let mut text = String::from("defaults: { interval: 10m, timeout: 500ms }\nservices:\n");
    for service in 0..170 {
        let sites: Vec<String> = (0..100).map(|site| format!("s{site}")).collect();
        text += &format!(
            "  - {{ name: service{service}, title: 아주 긴 이름의 서비스 {service}, for_each: {{ site: [{}] }}, probes: [ \
             {{ name: front, http: {{ url: \"http://127.0.0.1:9/\" }} }} ] }}\n",
            sites.join(", ")
        );
    }
    let daemon = Setup::new(&text).start();
    daemon.wait_until_ready();
    for path in ["/?lang=ko", "/?lang=en&state=unobserved", "/services/service3?lang=ko"] {
        let (sent, page) = compressed(&daemon, path);
        assert!(page.len() < 300_000, "{path}: {}", page.len());
        assert!(page.len() > 20_000 && sent < page.len() / 5, "{path}: {sent} of {}", page.len());
    }
    // What does not fit is counted, and every row is found by the filter.
    let (_, page) = compressed(&daemon, "/?lang=en");
    assert!(Regex::new("and [0-9]+ more: ").unwrap().is_match(&page), "{page}");
    let (_, page) = compressed(&daemon, "/?lang=en&q=service169/front@s99");
    assert!(page.contains("/probes/service169/front@s99?"), "{page}");
}
