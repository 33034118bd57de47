//! A real LDAP server (OpenLDAP) with one entry of a directory like the government PKI's.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::pki::Issued;

const ENTRY: &str = "cn=dp1,ou=CRL,o=Government of Korea,c=KR";

/// A running `slapd`. Ends with the test.
pub(crate) struct Slapd {
    process: Child,
    _directory: TempDir,
    port: u16,
}

/// A port for a server that starts later, because its certificate is to name it.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Where the list is, written as in the certificates of GPKI: with blanks.
pub(crate) fn list_at(port: u16) -> String {
    format!("ldap://127.0.0.1:{port}/{ENTRY}?certificateRevocationList;binary")
}

impl Slapd {
    /// Serves this list, and speaks TLS with this certificate when it is asked to.
    pub(crate) fn serving(port: u16, list: &[u8], cert: &Issued) -> Slapd {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        fs::create_dir(dir.join("db")).unwrap();
        fs::write(dir.join("cert.pem"), &cert.pem).unwrap();
        fs::write(dir.join("key.pem"), &cert.key_pem).unwrap();
        let config = include_str!("slapd.conf").replace("$DIR", dir.to_str().unwrap());
        fs::write(dir.join("slapd.conf"), config).unwrap();
        let entries = include_str!("slapd.ldif").replace("$ENTRY", ENTRY);
        fs::write(dir.join("list.ldif"), entries.replace("$LIST", &STANDARD.encode(list))).unwrap();
        let added = slapd("slapadd", dir).arg("-l").arg(dir.join("list.ldif")).output();
        let added = added.expect("slapadd must be installed: tests/install.sh");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let log = dir.join("slapd.log");
        let mut process = slapd("slapd", dir)
            .args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .expect("slapd must be installed: tests/install.sh");
        super::until_listening(&mut process, port, || fs::read_to_string(&log).unwrap());
        Slapd { process, _directory: directory, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn slapd(name: &str, dir: &Path) -> Command {
    let mut command = Command::new(format!("/usr/sbin/{name}"));
    command.arg("-f").arg(dir.join("slapd.conf"));
    command
}
