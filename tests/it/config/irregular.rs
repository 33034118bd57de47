//! Whatever a configuration names may turn out to be a FIFO, which waits for ever for a writer:
//! it is refused before it is opened.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use bongsu::config;

const SAID: &str = "is no regular file (a FIFO, socket or device); name a file";

/// Far more than a load takes, for a load that waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a load says, from a thread that may be left behind when it hangs.
fn refusal(path: &Path) -> String {
    let (send, receive) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || send.send(config::load(&path).unwrap_err().to_string()));
    receive.recv_timeout(PATIENCE).expect("the load neither waits nor panics")
}

fn directory_with_fifo() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo").arg(directory.path().join("fifo")).status();
    assert!(made.expect("mkfifo is there (coreutils)").success());
    directory
}

#[test]
fn a_fifo_as_the_configuration_is_refused_and_not_waited_for() {
    let directory = directory_with_fifo();
    let text = refusal(&directory.path().join("fifo"));
    assert!(text.contains(SAID), "{text}");
}

#[test]
fn a_fifo_that_the_configuration_names_is_refused_wherever_it_stands() {
    let directory = directory_with_fifo();
    let probe = "probes: [{ name: a, tls: { address: a.example } }]";
    let texts = [
        ("include", format!("include: [fifo]\nservices: [{{ name: a, {probe} }}]\n")),
        ("glob", format!("include: ['fif*']\nservices: [{{ name: a, {probe} }}]\n")),
        (
            "sites",
            format!("services: [{{ name: a, for_each: {{ site: {{ file: fifo }} }}, {probe} }}]\n"),
        ),
        (
            "secret",
            format!("secrets: {{ pass: {{ file: fifo }} }}\nservices: [{{ name: a, {probe} }}]\n"),
        ),
        ("roots", format!("services: [{{ name: a, trust: {{ roots: fifo }}, {probe} }}]\n")),
    ];
    for (what, text) in texts {
        let path = directory.path().join("bongsu.yml");
        std::fs::write(&path, text).unwrap();
        let text = refusal(&path);
        assert!(text.contains(SAID), "{what}: {text}");
    }
}
