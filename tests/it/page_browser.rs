//! The pages as a browser has them, headless Chromium: what strangers say stays text, everything is reached
//! and operated from the keyboard, a wall is read from afar, and what is stale is grey.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde_json::json;

use crate::page_strangers::{down, estate, hostile, markup};
use crate::support::browser::Browser;
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

fn url(daemon: &Daemon, path: &str) -> String {
    format!("http://{}{path}", daemon.address)
}

fn open(browser: &mut Browser, daemon: &Daemon, path: &str) {
    browser.open(&url(daemon, path));
}

/// Elements and attributes that no page of ours has, what would turn a line round, and whether a script ran.
const MADE_OF_TEXT: &str = r#"[
    window.obeyed === true ? ["obeyed"] : [],
    [...document.querySelectorAll("script, img, iframe, object, svg, base, u, i:not(.bars i)")].map(e => e.outerHTML),
    [...document.querySelectorAll("*")].flatMap(e => [...e.attributes]).map(a => a.name + "=" + a.value)
        .filter(a => /^on|^style=|javascript:/i.test(a)),
    document.documentElement.outerHTML.match(/[\u202a-\u202e\u2066-\u2069]/g) ?? [],
].flat()"#;

/// Markup of this field, as a reader sees it.
fn seen(field: &str) -> String {
    markup(field).replace('\u{202e}', "\u{fffd}").replace('\n', " ")
}

fn stays_text(browser: &mut Browser, daemon: &Daemon, path: &str, fields: &[&str]) {
    open(browser, daemon, path);
    assert_eq!(browser.evaluate(MADE_OF_TEXT), json!([]), "{path}");
    let text = browser.evaluate("document.body.textContent.replace(/\\s+/g, ' ')");
    let text = text.as_str().unwrap();
    for field in fields {
        // Of what is long, a page has the beginning.
        let seen = seen(field);
        let beginning = seen.split("<img").next().unwrap();
        assert!(text.contains(beginning), "{beginning} is not on {path}: {text}");
    }
}

/// The pages' own policy forbids scripts, whatever is written; here it is set aside, and what is obeyed
/// would show.
#[test]
fn what_strangers_say_stays_text_to_a_browser_that_would_run_it() {
    let daemon = down(estate(hostile()).flag("--web.enable-lifecycle"), 3);
    let mut browser = Browser::start();
    browser.ask("Page.setBypassCSP", json!({ "enabled": true }));
    let obeying = json!({ "source": "window.o = () => { window.obeyed = true; }" });
    browser.ask("Page.addScriptToEvaluateOnNewDocument", obeying);
    for (path, fields) in [
        ("/", &["title", "owner", "alternative", "sitetitle", "siteowner", "reason", "why"][..]),
        ("/?wall=1", &["title"]),
        ("/services/a", &["title", "owner", "alternative", "sitetitle", "telephone"]),
        ("/probes/a/p@s1", &["title", "sitetitle", "siteowner", "phrase", "header", "body"]),
        ("/probes/b/p", &["title", "wanted"]),
        ("/probes/c/p", &["wanted"]),
    ] {
        for language in ["ko", "en"] {
            let and = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{and}lang={language}&refresh=off");
            stays_text(&mut browser, &daemon, &path, fields);
        }
    }
    // What an address says.
    let said: String = url::form_urlencoded::byte_serialize(markup("said").as_bytes()).collect();
    for path in [
        "/?q={}",
        "/?owner={}&state={}&grade={}",
        "/?lang={}",
        "/services/{}",
        "/probes/{}/{}",
        "/probes/a/p?site={}",
    ] {
        // In a path, a space is no plus.
        let said = if path.contains('?') { said.clone() } else { said.replace('+', "%20") };
        stays_text(&mut browser, &daemon, &path.replace("{}", &said), &[]);
    }
    // Names cannot be markup. The refusal quotes them.
    let good = std::fs::read_to_string(daemon.setup.path().join("bongsu.yml")).unwrap();
    let quoted = |field: &str| serde_json::to_string(&markup(field)).unwrap();
    let service = |text: &str| format!("{good}  - {text}\n");
    let front = "probes: [ { name: p, http: { url: 'http://127.0.0.1:9/' } } ]";
    for (field, bad) in [
        ("top", format!("{good}{}: 1\n", quoted("top"))),
        ("service", service(&format!("{{ name: {}, {front} }}", quoted("service")))),
        ("key", service(&format!("{{ name: x, {}: 1, {front} }}", quoted("key")))),
        (
            "label",
            service(&format!("{{ name: x, labels: {{ {}: x }}, {front} }}", quoted("label"))),
        ),
        ("needed", service(&format!("{{ name: x, needs: [{}], {front} }}", quoted("needed")))),
        (
            "site",
            service(&format!("{{ name: x, for_each: {{ site: [{}] }}, {front} }}", quoted("site"))),
        ),
        (
            "probe",
            service(&format!(
                "{{ name: x, {} }}",
                front.replace("name: p", &format!("name: {}", quoted("probe")))
            )),
        ),
    ] {
        daemon.setup.write("bongsu.yml", bad);
        assert_eq!(daemon.post("/-/reload").status, 500, "{field}");
        stays_text(&mut browser, &daemon, "/?lang=en&refresh=off", &[]);
        let banner = browser.evaluate("document.querySelector('.b.refused').textContent");
        assert!(banner.as_str().unwrap().contains(&format!("{field}'")), "{field}: {banner}");
    }
}

/// One block that folds its sites, a service that is well, and a form.
fn keyboards(up: &Target) -> Daemon {
    let daemon = Setup::new(&format!(
        "defaults: {{ interval: 5s, timeout: 4s }}\nservices:\n  - {{ name: aa, owner: 도청, for_each: {{ site: [s1, s2, s3, s4, \
         s5] }}, probes: [ {{ name: front, http: {{ url: 'http://127.0.0.1:9/' }} }} ] }}\n  - {{ name: well, \
         probes: [ {{ name: front, http: {{ url: '{}' }} }} ] }}\n",
        up.url()
    ))
    .start();
    daemon.wait_until_ready();
    eventually("all have run", || {
        let summary = daemon.get("/api/v1/status").json()["summary"].clone();
        (summary["down"] == 5 && summary["up"] == 1).then_some(())
    });
    daemon
}

/// What can be operated and is on the screen, numbered in the document's order.
const NUMBER: &str = r#"window.operable = [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")]
    .filter(e => e.checkVisibility() && e.getClientRects().length > 0);
    window.operable.map(e => e.outerHTML.slice(0, 120))"#;

/// Which of them has the focus, and what of it is seen.
const FOCUSED: &str = r#"(() => {
    const e = document.activeElement, style = getComputedStyle(e);
    return [window.operable.indexOf(e), e.matches(":focus-visible") && style.outlineStyle !== "none"
        && parseFloat(style.outlineWidth) >= 1 && e.getBoundingClientRect().width > 0];
})()"#;

/// Walks the page once by Tab: everything in its order, each with a ring around it.
fn walk(browser: &mut Browser, path: &str) -> usize {
    let operable = browser.evaluate(NUMBER);
    let operable = operable.as_array().unwrap();
    for (at, element) in operable.iter().enumerate() {
        browser.press("Tab");
        assert_eq!(browser.evaluate(FOCUSED), json!([at, true]), "{path}: {element}");
    }
    operable.len()
}

/// Goes by Tab to the first of what is operable that suits.
fn go_to(browser: &mut Browser, suits: &str) {
    let all = browser.evaluate(NUMBER).as_array().unwrap().len();
    for _ in 0..all {
        browser.press("Tab");
        if browser.evaluate(&format!("document.activeElement.matches({suits:?})")) == true {
            return;
        }
    }
    panic!("Tab does not lead to {suits}");
}

#[test]
fn everything_on_a_page_is_reached_and_operated_from_the_keyboard() {
    let up = Target::answering("봉수");
    let daemon = keyboards(&up);
    let mut browser = Browser::start();
    for path in [
        "/?lang=ko&refresh=off",
        "/?lang=en&refresh=off&wall=1",
        "/services/aa?lang=en&refresh=off",
        "/probes/aa/front@s1?lang=ko&refresh=off",
        "/services/none?lang=en",
    ] {
        for (width, is_dark) in [(1280, false), (400, true)] {
            browser.set_width(width);
            browser.set_dark(is_dark);
            open(&mut browser, &daemon, path);
            assert!(walk(&mut browser, path) > 0, "{path} leads nowhere");
        }
    }

    // What is folded opens, and what was in it is reached.
    open(&mut browser, &daemon, "/?lang=en&refresh=off");
    let before = walk(&mut browser, "folded");
    open(&mut browser, &daemon, "/?lang=en&refresh=off");
    for key in ["Enter", " "] {
        go_to(&mut browser, "details:not([open]) > summary");
        browser.press(key);
    }
    assert_eq!(browser.evaluate("document.querySelectorAll('details:not([open])').length"), 0);
    browser.evaluate("document.activeElement.blur(), window.getSelection().removeAllRanges()");
    open_all_and_walk(&mut browser, before);

    // A link leads on, and the form asks.
    open(&mut browser, &daemon, "/?lang=en&refresh=off");
    go_to(&mut browser, "a[href*='/services/aa']");
    browser.press("Enter");
    browser.until_loaded();
    assert_eq!(browser.evaluate("location.pathname"), "/services/aa");
    open(&mut browser, &daemon, "/?lang=en&refresh=off");
    go_to(&mut browser, "input[name=q]");
    browser.ask("Input.insertText", json!({ "text": "s3" }));
    go_to(&mut browser, "select[name=state]");
    browser.press("ArrowDown");
    go_to(&mut browser, "button");
    browser.press("Enter");
    browser.until_loaded();
    let asked = browser.evaluate("location.search");
    assert!(
        asked.as_str().unwrap().contains("q=s3") && asked.as_str().unwrap().contains("state=down"),
        "{asked}"
    );
    let shown = browser.evaluate("document.querySelectorAll('tbody tr').length");
    assert_eq!(shown, 1);
}

/// After everything was opened there is more to reach than before.
fn open_all_and_walk(browser: &mut Browser, before: usize) {
    let all = browser.evaluate(NUMBER).as_array().unwrap().len();
    assert!(all >= before + 5, "{all} after {before}");
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..=all {
        browser.press("Tab");
        let focused = browser.evaluate(FOCUSED);
        if focused[0] != -1 {
            assert_eq!(focused[1], true, "{focused}");
            reached.insert(focused[0].as_u64());
        }
    }
    assert_eq!(reached.len(), all);
}

/// Who stands three metres away reads what failed where, and sees as many outages as there is room for.
#[test]
fn on_a_wall_a_failure_is_a_line_that_names_the_site() {
    let nowhere = "probes: [ { name: front, http: { url: 'http://127.0.0.1:9/' } } ]";
    let daemon = Setup::new(&format!(
        "defaults: {{ interval: 5s, timeout: 4s }}\nservices:\n  - {{ name: aa, owner: 도청, for_each: {{ site: [s1, s2] }}, \
         {nowhere} }}\n  - {{ name: bb, title: 민원, owner: 시청, needs: [aa], {nowhere} }}\n"
    ))
    .start();
    daemon.wait_until_ready();
    eventually("all have failed", || {
        (daemon.get("/api/v1/status").json()["summary"]["down"] == 3).then_some(())
    });
    let mut browser = Browser::start();
    browser.set_width(1920);
    open(&mut browser, &daemon, "/?lang=ko&refresh=off&wall=1");
    let rows = browser.evaluate(
        "[...document.querySelectorAll('.l tbody tr')].map(row => [row.innerText.replace(/\\s+/g, ' '),
            row.offsetHeight < 2 * parseFloat(getComputedStyle(row).lineHeight)])",
    );
    let why = "connect_refused 서버가 접속을 거부했습니다.";
    let line = |of: &str| json!([format!("장애 {of} {why}"), true]);
    assert_eq!(rows, json!([line("front @s1"), line("front @s2"), line("민원 bb")]));
}

/// The colours of what has one in these elements, without what is no colour.
fn colours(browser: &mut Browser, elements: &str) -> Vec<[u64; 3]> {
    let found = browser.evaluate(&format!(
        "[...document.querySelectorAll({elements:?})].flatMap(e => [e, ...e.querySelectorAll('*')])
            .flatMap(e => [getComputedStyle(e), getComputedStyle(e, '::before')])
            .flatMap(s => [s.color, s.backgroundColor, s.borderLeftColor, s.borderBottomColor])
            .map(c => c.match(/[\\d.]+/g).map(Number)).filter(c => c[3] !== 0).map(c => c.slice(0, 3))"
    ));
    serde_json::from_value(found).unwrap()
}

/// Another process that has the turn of every account of this state directory, so that the daemon's logins
/// are skipped.
fn has_turns(state: &Path) -> Vec<File> {
    let files = std::fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path());
    let turns =
        files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("turn-"));
    let held: Vec<File> = turns
        .map(|path| {
            let file = File::open(path).unwrap();
            eventually("the turn is free", || {
                flock(&file, FlockOperation::NonBlockingLockExclusive).ok()
            });
            file
        })
        .collect();
    assert!(!held.is_empty(), "no account has a turn");
    held
}

/// Nothing of a stale row says that all is well: grey as the sky at night, or the colour of a link. Neither
/// where nothing was seen yet, nor where what was seen was well.
#[test]
fn what_is_stale_is_grey_and_never_green_in_light_and_dark() {
    let (held, _held) = Target::holding();
    let up = Target::answering("봉수");
    let door = Target::answering("<a href=/logout>");
    let probe = |name: &str, times: &str, target: &Target| {
        format!(
            "  - {{ name: {name}, {times}probes: [ {{ name: p, http: {{ url: '{}' }} }} ] }}\n",
            target.url()
        )
    };
    let aged = format!(
        "  - {{ name: aged, interval: 1s, timeout: 900ms, probes: [ {{ name: p, login: {{ base: '{}', steps: [ {{ \
         name: in, post: /, form: {{ a: '${{secret.user}}' }}, expect: {{ css: {{ 'a[href*=logout]': exists }} }} }} ] \
         }} }} ] }}\n",
        door.url()
    );
    let state = tempfile::tempdir().unwrap();
    let daemon = Setup::new(&format!(
        "defaults: {{ interval: 60s, timeout: 59s }}\nsecrets: {{ user: {{ env: PROBE_USER }} }}\nservices:\n{}{}{aged}",
        probe("stale", "", &held),
        probe("well", "interval: 1s, timeout: 900ms, ", &up)
    ))
    .env("PROBE_USER", "someone")
    .flag(format!("--state.dir={}", state.path().display()))
    .start();
    daemon.wait_until_ready();
    let summary = || daemon.get("/api/v1/status").json()["summary"].clone();
    eventually("the others have run", || {
        let summary = summary();
        (summary["up"] == 2 && summary["unobserved"] == 1).then_some(())
    });
    let _turns = has_turns(state.path());
    eventually("what was well has aged", || {
        let summary = summary();
        (summary["up"] == 1 && summary["unobserved"] == 2).then_some(())
    });
    let is_green = |[red, green, blue]: &[u64; 3]| *green > *red.max(blue) + 20;
    let is_grey = |[red, green, blue]: &[u64; 3]| red == green && green == blue;
    let mut browser = Browser::start();
    for (path, stale) in [
        ("/?lang=ko&refresh=off", "tr.stale"),
        ("/?lang=en&refresh=off&wall=1", "tr.stale"),
        ("/services/stale?lang=en&refresh=off", "main"),
        ("/services/aged?lang=ko&refresh=off", "main"),
        ("/probes/stale/p?lang=ko&refresh=off", "main"),
    ] {
        for (width, is_dark) in [(1280, false), (1280, true), (400, false), (400, true)] {
            browser.set_width(width);
            browser.set_dark(is_dark);
            open(&mut browser, &daemon, path);
            let what = format!("{path} {width} dark {is_dark}");
            let found = colours(&mut browser, stale);
            assert!(!found.is_empty(), "nothing is stale: {what}");
            if stale == "tr.stale" {
                let rows = browser.evaluate("document.querySelectorAll('tr.stale').length");
                assert_eq!(rows, 2, "{what}");
            }
            let greens: Vec<_> = found.iter().filter(|colour| is_green(colour)).collect();
            assert!(greens.is_empty(), "{what}: {greens:?}");
            let chip = browser.evaluate(&format!(
                "getComputedStyle(document.querySelector({:?})).backgroundColor.match(/\\d+/g).map(Number)",
                format!("{stale} .s.unobserved")
            ));
            let chip: [u64; 3] = serde_json::from_value(chip).unwrap();
            assert!(is_grey(&chip) && (80..160).contains(&chip[0]), "{what}: {chip:?}");
            if stale == "tr.stale" {
                let text = browser.evaluate(
                    "getComputedStyle(document.querySelector('tr.stale td')).color.match(/\\d+/g).map(Number)",
                );
                let text: [u64; 3] = serde_json::from_value(text).unwrap();
                assert!(is_grey(&text), "{what}: {text:?}");
            }
        }
    }
    // What is well is green, by the same measure.
    open(&mut browser, &daemon, "/services/well?lang=ko&refresh=off");
    assert!(colours(&mut browser, "main").iter().any(is_green));
}
