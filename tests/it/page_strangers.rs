//! What strangers and tables say stands on the pages as text: titles, owners, telephones, who opened a window
//! and why, where a redirect ended, the response of a server that is down. Markup is never obeyed, and
//! nothing turns a line round.

use std::net::SocketAddr;

use crate::support::client::Request;
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::sending;

/// Closes what it may stand in, in every way; then obeys, reverses, and begins a line.
pub(crate) fn markup(field: &str) -> String {
    format!("{field}'\"></b></td></pre><script>o()</script><img src=x onerror=o()>\u{202e}\nnext")
}

/// Its beginning as text of a page.
fn as_text(field: &str) -> String {
    format!("{field}&#39;&quot;&gt;&lt;/b&gt;")
}

/// A server that is down and says markup wherever it can.
pub(crate) fn hostile() -> SocketAddr {
    sending(|_, _| {
        let in_line = |field: &str| markup(field).replace('\n', " ");
        let body = markup("body");
        format!(
            "HTTP/1.1 503 {}\r\nX-Said: {}\r\nSet-Cookie: {}=1; Path={}\r\nContent-Type: text/html; \
             charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            // The library leaves a phrase out that is not ASCII.
            in_line("phrase").replace('\u{202e}', ""),
            in_line("header"),
            in_line("cookie").replace(['=', ';'], ""),
            in_line("path").replace(';', ""),
            body.len(),
        )
    })
}

/// A server that leads to an address of markup, which is answered there.
fn leading_astray() -> SocketAddr {
    sending(|_, path| {
        let (status, location) = match path {
            "/" => ("302 Found", markup("location").replace('\n', " ")),
            _ => ("200 OK", String::new()),
        };
        format!(
            "HTTP/1.1 {status}\r\nLocation: /{location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    })
}

pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

pub(crate) fn estate(address: SocketAddr) -> Setup {
    let now = jiff::Timestamp::now();
    let at =
        |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).strftime("%FT%T").to_string();
    let [title, owner, alternative, reason, wanted, label] =
        ["title", "owner", "alternative", "reason", "wanted", "label"]
            .map(|field| quoted(&markup(field)));
    let text = format!(
        "defaults: {{ interval: 1s, timeout: 900ms }}\nmaintenance:\n  - {{ name: window, reason: {reason}, \
         targets: [b], from: {}, until: {}, timezone: UTC }}\nservices:\n  - name: a\n    title: {title}\n    \
         owner: {owner}\n    alternative: {alternative}\n    for_each: {{ site: {{ file: sites.csv }} }}\n    \
         probes:\n      - {{ name: p, http: {{ url: 'http://{address}/' }} }}\n  - name: b\n    \
         needs: [a]\n    title: {title}\n    probes:\n      - {{ name: p, http: {{ url: 'http://{address}/', \
         expect: {{ status: 503, body: {{ contains: {wanted} }} }} }} }}\n  - name: c\n    labels: {{ team: \
         {label} }}\n    probes:\n      - {{ name: p, http: {{ url: 'http://{}/', expect: {{ url: {{ path: {{ \
         starts_with: {wanted} }} }} }} }} }}\n",
        at(-1),
        at(2),
        leading_astray(),
    );
    let setup = Setup::new(&text);
    let [by, why] = ["by", "why"].map(|field| quoted(&markup(field).replace('\n', " ")));
    let work = format!(
        "- {{ add: hand, targets: [a], kind: emergency, from: \"{0}Z\", until: \"{1}Z\", by: {by}, why: {why}, \
         at: \"{0}Z\" }}\n",
        at(-1),
        at(2),
    );
    setup.write("work.yml", work);
    let file = setup.path().join("work.yml");
    let setup = setup.flag(format!("--maintenance.file={}", file.display()));
    let [title, owner, telephone] =
        ["sitetitle", "siteowner", "telephone"].map(|field| cell(&markup(field)));
    setup.write(
        "sites.csv",
        format!("name,기관명,담당부서,전화번호\ns1,{title},{owner},{telephone}\n"),
    );
    setup
}

pub(crate) fn down(setup: Setup, count: u64) -> Daemon {
    let daemon = setup.start();
    daemon.wait_until_ready();
    eventually("all are down", || {
        (daemon.get("/api/v1/status").json()["summary"]["down"] == count).then_some(())
    });
    daemon
}

#[test]
fn markup_in_every_field_stays_text() {
    let daemon = down(estate(hostile()), 3);
    let pages = [
        ("/", &["title", "owner", "alternative", "sitetitle", "siteowner", "reason", "why"][..]),
        ("/services/a", &["title", "owner", "alternative", "sitetitle", "telephone"]),
        ("/probes/a/p@s1", &["title", "sitetitle", "siteowner", "phrase", "header", "body"]),
        ("/probes/b/p", &["title", "wanted"]),
        ("/probes/c/p", &["wanted"]),
    ];
    for (path, fields) in pages {
        for language in ["ko", "en"] {
            let answer =
                Request::get(path).header("Accept-Language", language).send(daemon.address);
            let page = answer.text();
            assert_eq!(answer.status, 200, "{path}");
            for forbidden in ["<script", "<img", "</b></td>", "\u{202e}"] {
                assert!(!page.contains(forbidden), "{path} has {forbidden}: {page}");
            }
            for field in fields {
                assert!(page.contains(&as_text(field)), "{field} is not on {path}: {page}");
            }
        }
    }
    // What a browser makes of it is said by its head; as JSON it is whole again.
    let status = daemon.get("/api/v1/status");
    assert_eq!(status.header("content-type"), Some("application/json"));
    assert_eq!(status.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(status.json()["services"][0]["owner"], markup("owner"));
    let metrics = daemon.get("/metrics").text();
    assert!(metrics.contains("label'\\\"></b>"), "{metrics}");
    let asked =
        daemon.get("/?q=%22%3E%3Cscript%3Eo()%3C/script%3E%E2%80%AE&owner=%22%3E%3Cimg%20src=x%3E");
    assert!(
        !asked.text().contains("<script") && !asked.text().contains("<img"),
        "{}",
        asked.text()
    );
    assert!(!asked.text().contains('\u{202e}'), "{}", asked.text());
}

/// A table of an office: headings in Korean, and columns that are nothing to us.
#[test]
fn titles_owners_and_telephones_of_a_table_are_on_the_page_and_in_the_status() {
    let setup = Setup::new(
        "defaults: { interval: 1s, timeout: 900ms }\nservices:\n  - name: saeol\n    title: 새올\n    for_each: \
         { site: { file: sites.csv } }\n    probes: [ { name: front, http: { url: \"http://${site.host}/\" } } ]\n",
    );
    let table = "연번,name,기관명,host,담당 부서,전화번호,비고\n1,dobong,도봉구,127.0.0.1:9,정보통신과,\
                 02-2091-0000,\n2,mapo,마포구,127.0.0.1:9,전산정보과,02-3153-0000,임시\n";
    let (bytes, _, _) = encoding_rs::EUC_KR.encode(table);
    setup.write("sites.csv", bytes);
    let daemon = down(setup, 2);
    let page = daemon.get("/?lang=ko").text();
    for text in [
        "도봉구 <code>@dobong</code>",
        "마포구 <code>@mapo</code>",
        "정보통신과",
        "전산정보과",
        "<a href=\"tel:0220910000\">02-2091-0000</a>",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    let status = daemon.get("/api/v1/status").json();
    let sites = &status["services"][0]["probes"];
    for (index, title, owner, telephone) in
        [(0, "도봉구", "정보통신과", "02-2091-0000"), (1, "마포구", "전산정보과", "02-3153-0000")]
    {
        let site = &sites[index];
        assert_eq!(
            (&site["site_title"], &site["site_owner"], &site["site_telephone"]),
            (&title.into(), &owner.into(), &telephone.into()),
            "{site}"
        );
    }
}
