//! The runner of `deploy/browser-login` at an application that is only script, through the real
//! process: a browser types, and the flow goes on with what the page keeps.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{PATIENCE, Pki, Program, installed};
use crate::login::flow::{PASS, USER};
use crate::support::daemon::{Setup, eventually};

/// The file with this change, for what runs here.
fn setup(pki: &Pki, registry: &Program, (from, to): (&str, &str)) -> Setup {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let setup = Setup::new("").flag("--login.allow-exec");
    setup.write("user", USER);
    setup.write("pass", PASS);
    let place = setup.path().display().to_string();
    let python = installed().join("browser/bin/python").display().to_string();
    let runner = root.join("deploy/browser-login/browser_login.py").display().to_string();
    // Chromium has authorities of its own and no file of roots. Root may not use its sandbox.
    let arguments = format!(
        "arguments: [--no-sandbox, '--ignore-certificate-errors-spki-list={}']",
        fingerprint(&pki.file("server.pem"))
    );
    let temporary = format!("TMPDIR: {place}");
    let secrets = format!("{place}/");
    let mut yaml = fs::read_to_string(root.join("tests/fixtures/logins/browser.yml")).unwrap();
    for (theirs, ours) in [
        (from, to),
        ("https://registry.example.go.kr", registry.told("url")),
        ("/etc/bongsu/roots.pem", &pki.file("root.pem")),
        ("/run/secrets/probe_", &secrets),
        ("/opt/browser-login/bin/python", &python),
        ("/opt/browser-login/browser_login.py", &runner),
        ("arguments: []", &arguments),
        ("TMPDIR: /tmp", &temporary),
    ] {
        assert!(yaml.contains(theirs), "the file does not say {theirs}");
        yaml = yaml.replace(theirs, ours);
    }
    setup.write("bongsu.yml", yaml);
    setup
}

/// SHA-256 of the public key in base64, by which Chromium can be told to trust it.
fn fingerprint(certificate: &str) -> String {
    let digest = "openssl x509 -in \"$0\" -pubkey -noout | openssl pkey -pubin -outform der | openssl \
                  dgst -sha256 -binary | openssl base64 -A";
    let output = Command::new("sh").args(["-c", digest, certificate]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn probe(setup: &Setup) -> String {
    let output = setup.output(&["probe", "registry/login"]);
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Processes whose command names the directory that a setup has for temporary files.
fn browsers(setup: &Setup) -> usize {
    let place = setup.path().join("playwright").display().to_string();
    let is_ours = |process: fs::DirEntry| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&place)
    };
    fs::read_dir("/proc").unwrap().flatten().map(is_ours).filter(|is| *is).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_where_the_page_is_only_script() {
    let pki = Pki::new();
    let registry = super::verdaccio::start(&pki);
    let unchanged = ("interval: 3m", "interval: 3m");
    let good = setup(&pki, &registry, unchanged);
    let said = probe(&good);
    assert!(said.contains("verdict      up"), "{said}");
    assert!(said.contains("step sign_in") && said.contains("step packages"), "{said}");
    assert_eq!(browsers(&good), 0);

    let wrong = setup(&pki, &registry, unchanged);
    wrong.write("pass", "wrong-password");
    let changed = setup(&pki, &registry, ("'#login--dialog-username'", "'#userId'"));
    let text = fs::read_to_string(changed.path().join("bongsu.yml")).unwrap();
    changed.write("bongsu.yml", text.replace("timeout: 40", "timeout: 20"));
    // Its own time is longer than what it is given: it is killed, and its browser with it.
    let hanging = setup(&pki, &registry, ("'[data-testid=logInDialogIcon]'", "'#never'"));
    let text = fs::read_to_string(hanging.path().join("bongsu.yml")).unwrap();
    hanging.write("bongsu.yml", text.replace("timeout: 45s", "timeout: 8s"));
    let [of_wrong, of_changed, of_hanging] = std::thread::scope(|scope| {
        [&wrong, &changed, &hanging]
            .map(|setup| scope.spawn(|| probe(setup)))
            .map(|run| run.join().unwrap())
    });

    let reason = "reason       bad_credentials in step sign_in: the page shows [role=alert]";
    assert!(of_wrong.contains(reason), "{of_wrong}");
    assert!(of_wrong.contains("verdict      unknown"), "{of_wrong}");
    let reason = "reason       form_missing in step sign_in: fill #userId";
    assert!(of_changed.contains(reason), "{of_changed}");
    assert!(of_hanging.contains("reason       exec_timeout in step sign_in"), "{of_hanging}");
    eventually("the end of the browser", || (browsers(&hanging) == 0).then_some(()));

    let mut daemon = good.start();
    let end = Instant::now() + PATIENCE;
    while !daemon
        .metrics()
        .lines()
        .any(|line| line.starts_with("probe_success{") && line.ends_with(" 1"))
    {
        assert!(Instant::now() < end, "{}\n{}", daemon.metrics(), daemon.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(daemon.stop().success());
    assert_eq!(browsers(&daemon.setup), 0);

    drop(registry);
    let gone = probe(&daemon.setup);
    assert!(gone.contains("reason       connect_refused in step sign_in"), "{gone}");
    assert!(gone.contains("verdict      down"), "{gone}");
}
