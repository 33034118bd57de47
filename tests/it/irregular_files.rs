//! What is named as a file and is none: to open a FIFO waits for whoever writes to it, a device
//! never ends. Each is a clear sentence at once, for every file that the program opens.

use std::path::{Path, PathBuf};

use crate::support::daemon::Setup;

const CONFIG: &str = "services: [{ name: dc-daejeon }]\n";
const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  \
                   client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";

/// Everything that is no file, in a directory.
fn irregular(directory: &Path) -> [PathBuf; 4] {
    let fifo = directory.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success(), "mkfifo is part of coreutils");
    let huge = directory.join("huge");
    std::fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    [fifo, directory.to_owned(), "/dev/zero".into(), huge]
}

#[track_caller]
fn is_refused((code, text): &(Option<i32>, String), path: &Path) {
    assert!(matches!(code, Some(1 | 2)), "{}: {text}", path.display());
    let said = ["is a directory", "is no regular file", "is larger than"];
    assert!(said.iter().any(|part| text.contains(part)), "{}: {text}", path.display());
}

#[test]
fn a_web_configuration() {
    let setup = Setup::new(CONFIG);
    let other = tempfile::tempdir().unwrap();
    for path in irregular(other.path()) {
        let flag = format!("--web.config.file={}", path.display());
        for command in ["check", "run", "healthcheck"] {
            is_refused(&setup.ended(&[command, &flag]), &path);
        }
    }
}

#[test]
fn certificate_key_and_authority_of_the_web_configuration() {
    let authority = rcgen::generate_simple_self_signed(["ops.example.go.kr".into()]).unwrap();
    let other = tempfile::tempdir().unwrap();
    for path in irregular(other.path()) {
        for file in ["server.pem", "server.key", "ca.pem"] {
            let setup = Setup::new(CONFIG);
            setup.write("server.pem", authority.cert.pem());
            setup.write("ca.pem", authority.cert.pem());
            setup.write("server.key", authority.signing_key.serialize_pem());
            setup.write("web.yml", TLS.replace(file, &path.display().to_string()));
            let flag = format!("--web.config.file={}", setup.path().join("web.yml").display());
            is_refused(&setup.ended(&["check", &flag]), &path);
            if file == "server.pem" {
                is_refused(&setup.ended(&["healthcheck", &flag]), &path);
            }
        }
    }
}

#[test]
fn a_drill() {
    let setup = Setup::new(CONFIG);
    let other = tempfile::tempdir().unwrap();
    for path in irregular(other.path()) {
        let path = path.display().to_string();
        is_refused(&setup.ended(&["lab", "--replay", &path]), Path::new(&path));
    }
}

#[test]
fn a_link_in_the_state_directory_is_not_written_through() {
    let setup = Setup::new(CONFIG);
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = directory.path().join("elsewhere");
    std::fs::write(&elsewhere, "not ours").unwrap();
    let state = directory.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::os::unix::fs::symlink(&elsewhere, state.join("accounts.json.new")).unwrap();
    let mut daemon = setup.flag(format!("--state.dir={}", state.display())).start();
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "not ours");
    let accounts = state.join("accounts.json");
    assert!(std::fs::symlink_metadata(&accounts).unwrap().is_file(), "it is a file of its own");
    assert!(daemon.stop().success());
}
