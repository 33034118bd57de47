//! An account for each site of a service, declared in one line: each site gets its own and no other,
//! and each is held by itself.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bongsu::config;
use bongsu::outcome::{Reason, Verdict};
use bongsu::probe;
use bongsu::probe::surroundings::Surroundings;
use bongsu::stop::Stop;

use crate::support::daemon::Setup;
use crate::support::http::{Reply, Routes};

/// Three sites at one server, whose pages differ by their path.
fn file(base: &str) -> String {
    format!(
        "secrets: {{ pw: {{ file: pw }} }}\nservices:\n  - name: saeol\n    for_each: {{ site: [seocho, \
         gangnam, mapo] }}\n    secrets: {{ officer: {{ file: 'accounts/${{site}}' }} }}\n    probes:\n      - \
         name: login\n        interval: 5s\n        timeout: 4s\n        login:\n          base: '{base}'\n          \
         guard: {{ max_failures: 1, slow_to: 10s }}\n          steps:\n            - name: in\n              post: \
         '/${{site}}/in'\n              form: {{ id: '${{secret.officer}}', pw: '${{secret.pw}}' }}\n              \
         fail_if: [ {{ reason: bad_credentials, body: {{ contains: refused }} }} ]\n              expect: {{ css: {{ \
         'a[href*=logout]': exists }} }}\n"
    )
}

fn accounts(directory: &std::path::Path) {
    fs::create_dir_all(directory.join("accounts")).unwrap();
    fs::write(directory.join("pw"), "one-password-for-all").unwrap();
    for site in ["seocho", "gangnam", "mapo"] {
        fs::write(directory.join("accounts").join(site), format!("officer-of-{site}\n")).unwrap();
    }
}

#[tokio::test]
async fn each_site_signs_in_with_its_own_account_and_is_held_by_itself() {
    let mut routes = Routes::new();
    for site in ["seocho", "gangnam", "mapo"] {
        routes = routes.on("POST", &format!("/{site}/in"), move |asked| {
            let own = asked.field("id") == Some(format!("officer-of-{site}"));
            // The account of one site is refused, whoever uses it.
            let is_good = own && site != "mapo";
            Reply::html(if is_good { "<a href=/logout>out</a>" } else { "refused" })
        });
    }
    let server = routes.serve().await;
    let directory = tempfile::tempdir().unwrap();
    accounts(directory.path());
    let path = directory.path().join("bongsu.yml");
    fs::write(&path, file(&server.url(""))).unwrap();
    let config = config::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let surroundings = Arc::new(Surroundings::new(&config));
    let mut found = BTreeMap::new();
    for _ in 0..2 {
        for target in &config.targets {
            let probe = probe::build(target, &surroundings);
            let timeout = target.schedule.timeout();
            let outcome = probe::run(&*probe, timeout, &Stop::default()).await;
            let reason = outcome.result.as_ref().err().map(|failure| failure.reason);
            found.insert(target.id.to_string(), (outcome.verdict(), reason));
        }
    }
    let held = (Verdict::Unknown, Some(Reason::AccountHeld));
    let good = (Verdict::Up, None);
    let wanted = [("gangnam", good), ("mapo", held), ("seocho", good)];
    let wanted = wanted.map(|(site, found)| (format!("saeol/login@{site}"), found));
    assert_eq!(found, BTreeMap::from(wanted));
    assert_eq!(server.of("POST", "/mapo/in").len(), 1, "no second try with a refused account");
}

#[test]
fn check_counts_the_account_of_each_site_and_names_the_site_without_one() {
    let setup = Setup::new(&file("https://portal.example.go.kr"));
    accounts(setup.path());
    let output = setup.output(&["check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let counted: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim().split_once(": at worst"))
        .map(|(a, _)| a)
        .collect();
    assert_eq!(counted, ["saeol/officer@gangnam", "saeol/officer@mapo", "saeol/officer@seocho"]);
    // One host receives them all, and nobody waits for another's account.
    assert!(!said.contains("take turns"), "{said}");

    fs::remove_file(setup.path().join("accounts/mapo")).unwrap();
    let output = setup.output(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("services[0].secrets.officer.file: "), "{said}");
    assert!(said.contains("accounts/mapo: no such file (site mapo)"), "{said}");
}
