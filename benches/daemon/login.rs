//! Login flows: their own cost, and beside that of a GET.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::estate::Estate;
use crate::process::Daemon;
use crate::{head, push_service, verdict};

/// Of a login over a GET.
const LOGIN_COST_MAX: f64 = 2.5;
const FLOWS: usize = 500;

pub(crate) fn login(span: Duration) {
    let estate = Estate::start();
    let calm = Daemon::start(&flows(&estate, "interval: 60s, timeout: 20s")).observe(span);
    println!("{FLOWS} logins over HTTPS every 60 s for {span:?}");
    calm.print();
    let flows = Daemon::start(&flows(&estate, "interval: 10s, timeout: 5s")).observe(span);
    println!("{FLOWS} logins over HTTPS every 10 s for {span:?}");
    flows.print();
    let mut config = head(&estate.roots(), "interval: 10s, timeout: 5s");
    push_service(&mut config, "pages", (0..FLOWS).map(|page| estate.url(page)));
    let pages = Daemon::start(&config).observe(span);
    println!("{FLOWS} GETs over HTTPS every 10 s for {span:?}");
    pages.print();
    let ratio = flows.cpu_per_run() / pages.cpu_per_run();
    println!("a login costs {ratio:.2} times a GET");
    verdict(&[
        ("no run is skipped", calm.skipped + flows.skipped + pages.skipped == 0.0),
        (
            "every run succeeds",
            calm.all_succeeded() && flows.all_succeeded() && pages.all_succeeded(),
        ),
        ("a login costs at most 2.5 times a GET", ratio <= LOGIN_COST_MAX),
    ]);
}

/// Logins with an account each: two runs of one account would wait for each other.
fn flows(estate: &Estate, schedule: &str) -> String {
    let file = |name: &str| estate.file(name).display().to_string();
    fs::write(file("secret"), "an-account-of-the-benchmark").unwrap();
    let mut config = head(&estate.roots(), schedule).replace("services:\n", "secrets:\n");
    for flow in 0..FLOWS {
        writeln!(config, "  user{flow}: {{ file: {} }}", file("secret")).unwrap();
    }
    config.push_str("services:\n  - name: logins\n    probes:\n");
    for flow in 0..FLOWS {
        writeln!(
            config,
            "      - name: p{flow:03}\n        login:\n          base: https://localhost:{}\n          \
             steps:\n            - {{ name: page, get: /flow/login, expect: {{ css: {{ 'form#f': exists }} \
             }} }}\n            - {{ name: submit, submit: {{ form: 'form#f', fields: {{ user: \
             '${{secret.user{flow}}}' }} }}, expect: {{ cookie: {{ SESSION: exists }} }} }}\n            - {{ \
             name: main, get: /flow/main, expect: {{ css: {{ 'a[href*=logout]': exists }} }} }}",
            estate.port()
        )
        .unwrap();
    }
    config
}
