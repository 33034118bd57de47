//! Pages that cannot be judged in time, pages that only look so, and many of them at once.

use std::fmt::Write;

use bongsu::outcome::Reason;

use crate::strangers::{answers, ends, runs, wait_for_runs};
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

/// A server of one page for the rest of the test's process.
fn serving(page: String) -> Target {
    Target::answering(page.leak())
}

/// One probe: its name, its server and what is expected.
struct Expected<'t>(&'static str, &'t Target, &'static str);

fn started(timeout: &str, probes: &[Expected<'_>]) -> Daemon {
    let mut config = format!(
        "defaults: {{ interval: 5s, timeout: {timeout} }}\nservices:\n  - name: s\n    probes:\n"
    );
    for Expected(name, target, expect) in probes {
        let url = target.url();
        writeln!(
            config,
            "      - {{ name: {name}, http: {{ url: '{url}', body_limit: 8MiB, expect: {expect} }} }}"
        )
        .unwrap();
    }
    let daemon =
        Setup::new(&config).flag("--shutdown.grace=1s").flag("--web.enable-lifecycle").start();
    daemon.wait_until_ready();
    daemon
}

#[test]
fn what_cannot_be_judged_in_time_is_unknown_and_stops_nobody() {
    let paragraphs = serving("<p>".repeat(300_000));
    let objects = vec![r#"{"a":{"b":1}}"#; 20_000].join(",");
    let objects = serving(format!("[{objects}]"));
    let words = serving("a".repeat(1 << 20));
    let healthy = serving("<p id=x>UP</p>".to_owned());
    let mut daemon = started(
        "2s",
        &[
            Expected("css", &paragraphs, "{ css: { '.notice ~ p': absent } }"),
            Expected("json", &objects, "{ json: { '$[?$..zz]': absent } }"),
            Expected("regex", &words, "{ body: { not_matches: '(a?b?){200}[^a]{200}x' } }"),
            Expected("up", &healthy, "{ css: { 'p#x': UP } }"),
        ],
    );
    for hostile in ["css", "json"] {
        wait_for_runs(&daemon, hostile, "unknown", 2.0);
        assert_eq!(runs(&daemon, hostile, "failure"), 0.0, "{hostile}");
    }
    answers(&daemon);
    wait_for_runs(&daemon, "up", "success", 3.0);
    for result in ["failure", "unknown"] {
        assert_eq!(runs(&daemon, "up", result), 0.0, "{result}: {}", daemon.log());
    }
    assert_eq!(runs(&daemon, "regex", "failure"), 0.0);
    daemon.logged(&[Reason::JudgeTimeout.as_str(), "probe=s/css"]);
    ends(&mut daemon);
}

/// Its states do not fit into what the engine remembers of them, so each byte of the page is compared with
/// hundreds of places of the pattern, and no thread can be told to stop.
#[test]
fn a_runaway_pattern_ends_with_the_process() {
    let mut random = 1_u32;
    let mut letter = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if random >> 31 == 0 { 'a' } else { 'b' }
    };
    let words = serving((0..6 << 20).map(|_| letter()).collect());
    let healthy = serving("UP".to_owned());
    let mut daemon = started(
        "2s",
        &[
            Expected("regex", &words, "{ body: { not_matches: '[ab]*a[ab]{400}c' } }"),
            Expected("up", &healthy, "{ body: { contains: UP } }"),
        ],
    );
    wait_for_runs(&daemon, "regex", "unknown", 1.0);
    answers(&daemon);
    wait_for_runs(&daemon, "up", "success", 2.0);
    assert_eq!(runs(&daemon, "regex", "failure"), 0.0, "{}", daemon.log());
    daemon.logged(&[Reason::JudgeTimeout.as_str(), "probe=s/regex"]);
    ends(&mut daemon);
}

#[test]
fn sloppy_pages_are_healthy() {
    let pages = [
        ("italic", "<div><i>x</div>".repeat(300)),
        ("word", "<p class=MsoNormal><span>x<o:p></span></p>".repeat(600)),
        ("list", "<li><a><span>x</a></li>".repeat(600)),
        ("sprite", format!("<svg>{}</svg>", "<symbol><g><tspan>x</g></symbol>".repeat(600))),
        ("comment", format!("<!-- {} -->", "<div>".repeat(600))),
        ("noscript", format!("<noscript>{}</noscript>", "<div>".repeat(600))),
        ("xmp", format!("<xmp>{}</xmp>", "<div>".repeat(600))),
        ("template", "<template><b class=notice>x</b></template>".repeat(600)),
        ("attributes", format!("<p {}>", "a b c d e f g h ".repeat(600))),
        ("deep", "<div>".repeat(1_000)),
    ];
    let targets: Vec<_> =
        pages.into_iter().map(|(name, page)| (name, serving(page + "<b id=x>UP</b>"))).collect();
    let rule = "{ css: { 'head': exists, 'b.notice': absent } }";
    let probes: Vec<_> =
        targets.iter().map(|(name, target)| Expected(name, target, rule)).collect();
    let daemon = started("4s", &probes);
    for (name, _) in &targets {
        wait_for_runs(&daemon, name, "success", 1.0);
        assert_eq!(runs(&daemon, name, "failure"), 0.0, "{name}");
    }
}

#[test]
fn many_large_pages_are_parsed_in_bounded_memory() {
    let page = serving("<div class=row><a href=x>1</a><b>2</b></div>".repeat(24_000));
    let names: Vec<&'static str> = (0..40).map(|n| &*format!("p{n}").leak()).collect();
    let probes: Vec<_> =
        names.iter().map(|name| Expected(name, &page, "{ css: { 'div.row > b': '2' } }")).collect();
    let daemon = started("4s", &probes);
    let ended = |name| runs(&daemon, name, "success") + runs(&daemon, name, "unknown") >= 2.0;
    eventually("two runs of each", || names.iter().all(|name| ended(name)).then_some(()));
    for name in &names {
        assert_eq!(runs(&daemon, name, "failure"), 0.0, "{name}");
    }
    let most = daemon.peak_memory();
    assert!(most < 300 << 20, "{} MB", most >> 20);
}

#[test]
fn a_path_that_its_parser_chokes_on_is_refused_and_the_old_file_goes_on() {
    let target = serving("{\"a\":1}".to_owned());
    let daemon = started("2s", &[Expected("json", &target, "{ json: { '$.a': 1 } }")]);
    wait_for_runs(&daemon, "json", "success", 1.0);
    let good = std::fs::read_to_string(daemon.setup.path().join("bongsu.yml")).unwrap();
    let parentheses = format!("$[?{}@.a{}]", "(".repeat(5_000), ")".repeat(5_000));
    let filters = format!("$[?{}@.a{}]", "@.a[?".repeat(20), "]".repeat(20));
    let negations = format!("p{}a{}", ":not(".repeat(5_000), ")".repeat(5_000));
    for (bad, place) in [
        (good.replace("$.a", &parentheses), "expect.json"),
        (good.replace("$.a", &filters), "expect.json"),
        (good.replace("json: { '$.a': 1 }", &format!("css: {{ '{negations}': exists }}")), "css"),
    ] {
        daemon.setup.write("bongsu.yml", &bad);
        let answer = daemon.post("/-/reload");
        let text = answer.text();
        assert_eq!(answer.status, 500, "{text}");
        let said = ["it flatter", "make it shorter"].iter().any(|said| text.contains(said));
        assert!(said && text.contains(place), "{text}");
    }
    let before = runs(&daemon, "json", "success");
    wait_for_runs(&daemon, "json", "success", before + 1.0);
}
