//! Steps that run a program of the operator, at the real process: what it is told and what not, what
//! becomes of what it gives, and that nothing of it is left.

use std::fs;
use std::time::{Duration, Instant};

use bongsu::outcome::Reason;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::flow::{Flow, PASS, USER};
use crate::support::daemon::{PATIENCE, Setup, eventually};
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

/// A flow whose first step runs `program.sh`, and what else it has.
fn config(base: &str, step: &str, more: &str) -> String {
    format!(
        r#"
defaults: {{ interval: 20s, timeout: 10s }}
secrets:
  user: {{ file: user }}
  pass: {{ file: pass }}
  unnamed: {{ file: unnamed, hosts: [127.0.0.1] }}
services:
  - name: saeol
    probes:
      - name: login
        login:
          base: {base}
          steps:
            - name: run
              exec:
                command: [/bin/sh, DIR/program.sh, DIR]
{step}
{more}
"#
    )
}

/// What every program here is given.
const TOLD: &str =
    "                stdin: { user: '${secret.user}', pw: '${secret.pass}', n: 1 }\n";

fn setup(config: &str, program: &str) -> Setup {
    let setup = Setup::new("").flag("--login.allow-exec");
    for (name, text) in [("user", USER), ("pass", PASS), ("unnamed", "unnamed-secret")] {
        setup.write(name, text);
    }
    setup.write("program.sh", program);
    let config = config.replace("DIR", &setup.path().display().to_string());
    setup.write("bongsu.yml", config);
    setup
}

/// Runs the probe once: whether it was up, and what was printed.
fn probe(setup: &Setup) -> (bool, String) {
    let output = setup.output(&["probe", "saeol/login"]);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

/// Whether a process whose number is in a file is there and not dead.
fn lives(setup: &Setup, name: &str) -> bool {
    let id = fs::read_to_string(setup.path().join(name)).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn programs_are_refused_unless_whoever_starts_bongsu_allows_them() {
    let setup = setup(&config("http://127.0.0.1:1", TOLD, ""), "");
    let allowed = setup.output(&["check"]);
    assert!(allowed.status.success(), "{}", String::from_utf8_lossy(&allowed.stderr));
    let refusing = Setup::new("");
    for name in ["user", "pass", "unnamed", "bongsu.yml"] {
        refusing.write(name, fs::read(setup.path().join(name)).unwrap());
    }
    for arguments in
        [&["check"][..], &["probe", "saeol/login"], &["--web.listen-address=127.0.0.1:0"]]
    {
        let (code, said) = refusing.ended(arguments);
        assert_eq!(code, Some(2), "{said}");
        let place = "15:15  services[0].probes[0].login.steps[0].exec: runs a program, which is refused \
                     unless bongsu is started with --login.allow-exec \
                     (BONGSU_LOGIN_ALLOW_EXEC=true)";
        assert!(said.contains(place), "{said}");
    }
}

#[test]
fn a_program_that_is_not_well_described_is_refused_with_its_place() {
    let refused = |exec: &str, expected: &[&str]| {
        let run = format!("steps:\n  - {{ name: run, exec: {exec} }}\n");
        let said = Flow::refused(&run);
        for expected in expected {
            let place = format!("steps[0].exec{expected}");
            assert!(said.contains(&place), "{said}");
        }
        // Each is refused for the missing flag as well, and says nothing else.
        assert_eq!(
            said.lines().filter(|line| line.contains("steps[0]")).count(),
            expected.len() + 1
        );
    };
    refused("{ stdin: {} }", &[": \"command\" is missing"]);
    refused("{ command: [] }", &[".command: is empty; write the path of a program"]);
    refused("{ command: ls }", &[".command: expected a list, found text"]);
    refused(
        "{ command: [ls] }",
        &[".command[0]: \"ls\" is not looked for anywhere; write the program's path"],
    );
    refused("{ command: [/a, '${secret.pass}'] }", &[".command[1]: a secret cannot stand here"]);
    refused(
        "{ command: [/a], env: { A: '${secret.pass}' } }",
        &[".env.A: a secret cannot stand here"],
    );
    refused(
        "{ command: [/a], env: { A=B: x } }",
        &[".env[\"A=B\"]: \"A=B\" cannot be a variable's name"],
    );
    refused("{ command: [/a], stdin: text }", &[".stdin: expected a mapping, found text"]);
    refused(
        "{ command: [/a], stdin: { p: '${secret.pass}' } }",
        &[": is given a secret, and nothing says where it logs in; write to: https://HOST"],
    );
    refused("{ command: [/a], timeout: 1h }", &[".timeout: "]);
    refused(
        "{ command: [/a], captures: [secret] }",
        &[".captures[0]: \"secret\" has a meaning already"],
    );
    refused("{ command: [/a], captures: [x, x] }", &[".captures[1]: \"x\" is captured already"]);
    refused("{ command: [/a], shell: true }", &[".shell: unknown key"]);
    let beside = Flow::refused(
        "base: https://a.go.kr\nsteps:\n  - { name: a, get: '/${token}' }\n  - { name: run, exec: { \
         command: [/a], captures: [token] }, expect: { status: 200 } }\n",
    );
    assert!(
        beside.contains("\"token\" is captured by step run, which has not been done"),
        "{beside}"
    );
    assert!(beside.contains("expect: means nothing beside exec; remove it"), "{beside}");
}

/// Its input, its environment and its arguments are all it has, and what it gives is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_what_is_named_and_nothing_else() {
    let site = site().await;
    let step = format!(
        "{TOLD}                env: {{ WHERE: seoul }}\n                captures: [session]\n"
    );
    let more = "            - name: main\n              get: /main\n              headers: { X-Session: \
                '${session}' }\n              expect: { body: { contains: welcome } }\n";
    let setup = setup(
        &config(&site.url(""), &step, more),
        "cat > $1/stdin\ntr '\\0' '\\n' < /proc/self/environ > $1/environment\npwd > $1/place\n\
         echo '{\"captures\": {\"session\": \"from-the-program\"}}'\n",
    )
    .env("CANARY", "of the daemon");
    let (is_up, said) = tokio::task::block_in_place(|| probe(&setup));
    assert!(is_up, "{said}");
    let read = |name: &str| fs::read_to_string(setup.path().join(name)).unwrap();
    let told: Value = serde_json::from_str(&read("stdin")).unwrap();
    assert_eq!(told, json!({ "user": USER, "pw": PASS, "n": 1 }));
    // The shell's own variables are not there before it starts.
    assert_eq!(read("environment"), "WHERE=seoul\n");
    assert_eq!(read("place"), "/\n");
    let asked = site.of("GET", "/main");
    assert_eq!(asked[0].header("x-session"), Some("from-the-program"));
    assert!(!said.contains("from-the-program") && !said.contains(USER), "{said}");
}

async fn site() -> RoutedSite {
    let main = |asked: &Asked| match asked.header("x-session") {
        Some("from-the-program") => Reply::html("welcome"),
        _ => Reply::html("who?").with_status(403),
    };
    Routes::new().on("GET", "/main", main).serve().await
}

/// What came of a secret goes only where the secret may go.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_made_of_a_secret_is_bound_to_its_hosts() {
    let site = site().await;
    let elsewhere = site.url("").replace("127.0.0.1", "localhost");
    let more = |value: &str| {
        format!(
            "            - name: main\n              get: '{elsewhere}/main'\n              headers: {{ \
             X-Session: '{value}' }}\n              expect: {{ body: {{ contains: welcome }} }}\n"
        )
    };
    let program = "cat > /dev/null; echo '{\"captures\": {\"session\": \"from-the-program\"}}'";
    let captures = "                captures: [session]\n";
    for (told, value, is_kept_back) in
        [(TOLD, "${session}", true), (TOLD, "${session | base64}", true), ("", "${session}", false)]
    {
        let step = format!("{told}{captures}");
        let text = config(&site.url(""), &step, &more(value))
            .replace("pass: { file: pass }", "pass: { file: pass, hosts: [127.0.0.1] }");
        let setup = setup(&text, program);
        let (is_up, said) = tokio::task::block_in_place(|| probe(&setup));
        assert_eq!(is_up, !is_kept_back, "{value}: {said}");
        assert_eq!(said.contains("secret_host in step main"), is_kept_back, "{said}");
    }
}

/// What goes wrong with a program says so by its own words, and nothing about the service.
#[test]
fn what_a_program_does_wrong_is_ours_and_has_its_own_words() {
    for (program, reason, words) in [
        ("exit 3", Reason::ExecFailed, "/bin/sh ended with exit code 3"),
        ("kill -TERM $$", Reason::ExecFailed, "/bin/sh was ended by signal 15"),
        ("echo hello", Reason::ExecFailed, "wrote 6 bytes that are no JSON (line 1, column 1)"),
        ("true", Reason::ExecFailed, "wrote 0 bytes that are no JSON"),
        (
            "head -c 70000 /dev/zero",
            Reason::ExecFailed,
            "wrote more than 64 KiB to its standard output",
        ),
        ("yes", Reason::ExecFailed, "wrote more than 64 KiB to its standard output"),
        ("echo '{\"captures\": {}}'", Reason::ExecFailed, "gave no capture \"session\""),
        (
            "echo '{\"reason\": \"internal\"}'",
            Reason::ExecFailed,
            "gave a reason that no program may give",
        ),
        ("sleep 60", Reason::ExecTimeout, "/bin/sh ran out of time and was killed"),
        ("exec <&- >&- 2>&-; sleep 60", Reason::ExecTimeout, "ran out of time and was killed"),
        (
            "sleep 60 & echo $! > $1/child; echo '{\"captures\": {\"session\": \"x\"}}'",
            Reason::ExecFailed,
            "ended and left 1 of its processes, which were killed",
        ),
    ] {
        let step =
            format!("{TOLD}                captures: [session]\n                timeout: 2s\n");
        let setup = setup(&config("http://127.0.0.1:1", &step, ""), program);
        let (is_up, said) = probe(&setup);
        assert!(!is_up && said.contains("verdict      unknown"), "{program}: {said}");
        assert!(
            said.contains(&format!("reason       {} in step run: ", reason.as_str())),
            "{program}: {said}"
        );
        assert!(said.contains(words), "{program}: {said}");
        if program.contains("child") {
            assert!(!lives(&setup, "child"), "{program}: it lives");
        }
    }
    let missing = config("http://127.0.0.1:1", TOLD, "").replace("/bin/sh, ", "DIR/missing, ");
    let (_, said) = probe(&setup(&missing, ""));
    assert!(said.contains("reason       exec_failed in step run: "), "{said}");
    assert!(said.contains("/missing could not be started: No such file or directory"), "{said}");
}

/// A program's children do not outlive its time.
#[test]
fn a_program_that_takes_too_long_is_killed_with_its_children() {
    let step = format!("{TOLD}                timeout: 1s\n");
    let program = "sleep 600 & echo $! > $1/child; echo $$ > $1/program; trap '' TERM; wait";
    let setup = setup(&config("http://127.0.0.1:1", &step, ""), program);
    let (_, said) = probe(&setup);
    assert!(said.contains("exec_timeout in step run"), "{said}");
    assert!(!lives(&setup, "child") && !lives(&setup, "program"), "something lives");
}

#[test]
fn nothing_of_a_program_outlives_the_daemon() {
    let program = "sleep 600 & echo $! > $1/child; echo $$ > $1/program; wait";
    let setup = setup(&config("http://127.0.0.1:1", TOLD, ""), program).flag("--shutdown.grace=1s");
    let mut daemon = setup.start();
    eventually("the program runs", || daemon.setup.path().join("program").exists().then_some(()));
    assert!(lives(&daemon.setup, "program") && lives(&daemon.setup, "child"));
    assert!(daemon.stop().success());
    assert!(!lives(&daemon.setup, "program") && !lives(&daemon.setup, "child"), "something lives");
}

/// A reason that a program gives counts as a rule's: a named refusal holds the account.
#[test]
fn a_reason_of_a_program_is_the_services_and_a_refusal_holds_the_account() {
    let give = |reason: &str, setup: &Setup| {
        let said = json!({ "reason": reason, "detail": format!("{USER} was not let in") });
        setup.write("program.sh", format!("cat >/dev/null; echo '{said}'; echo x >> $1/runs"));
    };
    let setup = setup(&config("http://127.0.0.1:1", TOLD, ""), "");
    give("not_logged_in", &setup);
    let (_, said) = probe(&setup);
    assert!(said.contains("verdict      down"), "{said}");
    assert!(
        said.contains("reason       not_logged_in in step run: [masked] was not let in"),
        "{said}"
    );
    give("bad_credentials", &setup);
    let text = fs::read_to_string(setup.path().join("bongsu.yml")).unwrap();
    setup.write(
        "bongsu.yml",
        text.replace("interval: 20s, timeout: 10s", "interval: 2s, timeout: 1s"),
    );
    let runs = setup.path().join("runs");
    fs::remove_file(&runs).unwrap();
    let mut daemon = setup.start();
    eventually("the account is held", || daemon.metrics().contains("account_held").then_some(()));
    eventually("the refusal was not repeated", || {
        daemon.metrics().contains("reason=\"account_held\"").then_some(())
    });
    assert_eq!(fs::read_to_string(&runs).unwrap(), "x\n");
    assert!(daemon.stop().success());
}

/// Six logins at once, and no more than four programs; who waits is not late by the service's fault.
#[tokio::test]
async fn few_programs_run_at_once_and_waiting_is_not_the_services_time() {
    // Each says that it runs, and waits to be let go.
    let program = "echo x >> $0/begun; while [ ! -e $0/go ]; do sleep 0.05; done; echo \"{\\\"captures\\\": \
                   {}}\"";
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let flow = Flow::new(&format!(
        "steps:\n  - name: run\n    exec:\n      command: [/bin/sh, '-c', '{program}', '{}']\n",
        place.display()
    ));
    // The first run waits for /etc/hosts to be looked at, too.
    fs::write(place.join("go"), "").unwrap();
    assert!(flow.run().await.result.is_ok());
    for file in ["go", "begun"] {
        fs::remove_file(place.join(file)).unwrap();
    }
    let let_go = async {
        let begun = || std::fs::read_to_string(place.join("begun")).unwrap_or_default();
        let end = Instant::now() + PATIENCE;
        while begun().lines().count() < 4 {
            assert!(Instant::now() < end, "four programs do not run at once");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fs::write(place.join("go"), "").unwrap();
    };
    let runs = std::iter::repeat_with(|| flow.run()).take(6);
    let (outcomes, ()) = join(join_all(runs), let_go).await;
    let mut waited = 0;
    for outcome in outcomes {
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        waited += usize::from(outcome.facts.phases.wait.is_some());
    }
    assert_eq!(waited, 2);
}
