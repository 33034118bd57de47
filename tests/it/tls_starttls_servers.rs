//! TLS that begins inside another protocol, at servers that others wrote: Exim (SMTP), Dovecot (IMAP)
//! and PostgreSQL, each with TLS and without. OpenLDAP is in `tls_starttls`.
//!
//! `tests/install.sh` installs them. Exim gives up its rights by itself and needs root for it, or sudo;
//! the other two refuse root, or need none, and run as nobody where the tests are root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use bongsu::config::StartTls;
use bongsu::outcome::{Reason, Verdict};
use tempfile::TempDir;

use crate::support::pki::{Authority, Files, Leaf};
use crate::support::slapd::free_port;
use crate::support::tls::{Look, reason};
use crate::support::until_listening;

/// A running server and its files. Ends with the test.
pub(crate) struct MailOrData {
    process: Child,
    pub(crate) port: u16,
    _home: Home,
}

impl Drop for MailOrData {
    fn drop(&mut self) {
        // SIGTERM: their masters end their children, and sudo hands it on.
        let id = self.process.id().to_string();
        let ended = if is_root() { Command::new("kill") } else { sudo("kill") }.arg(id).status();
        if ended.is_ok_and(|ended| ended.success()) {
            let _ = self.process.wait();
        }
    }
}

/// A directory that servers of any user can use, with a certificate.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new(authority: &Authority) -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        let leaf = authority.issue(Leaf::named("probe.test"));
        home.write("cert.pem", &leaf.pem, 0o644);
        home.write("key.pem", &leaf.key_pem, 0o644);
        fs::set_permissions(home.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        home
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text.replace("$DIR", self.text())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn text(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// Gives everything to whom [`as_nobody`] runs commands as.
    fn give_away(&self) {
        if is_root() {
            finished(Command::new("chown").args(["-R", "nobody:nogroup", self.text()]));
        }
    }

    fn serve(self, mut command: Command, port: u16) -> MailOrData {
        let log = self.0.path().join("log");
        let mut process = command
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; tests/install.sh installs it"));
        until_listening(&mut process, port, || fs::read_to_string(&log).unwrap());
        MailOrData { process, port, _home: self }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn sudo(program: &str) -> Command {
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]).arg(program);
    command
}

fn finished(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn exim(home: Home, tls: bool) -> MailOrData {
    let port = free_port();
    let config = format!(
        "primary_hostname = mail.test\nspool_directory = $DIR/spool\nlog_file_path = syslog\n\
         keep_environment =\ntls_advertise_hosts = {}\ntls_certificate = $DIR/cert.pem\n\
         tls_privatekey = $DIR/key.pem\n",
        if tls { "*" } else { "" }
    );
    let config = home.write("exim.conf", &config, 0o644);
    let program = "/usr/sbin/exim4";
    let mut command = if is_root() { Command::new(program) } else { sudo(program) };
    command.arg("-C").arg(config).args(["-bdf", "-oX", &format!("127.0.0.1.{port}")]);
    home.serve(command, port)
}

pub(crate) fn dovecot(home: Home, tls: bool) -> MailOrData {
    let port = free_port();
    let name = |option| {
        let output = if is_root() {
            finished(Command::new("id").args([option, "nobody"]))
        } else {
            finished(Command::new("id").arg(option))
        };
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let config = include_str!("support/dovecot.conf")
        .replace("$USER", &name("-un"))
        .replace("$GROUP", &name("-gn"))
        .replace("$PORT", &port.to_string())
        .replace("$SSL", if tls { "required" } else { "no" });
    let config = home.write("dovecot.conf", &config, 0o644);
    home.give_away();
    let mut command = as_nobody(Path::new("/usr/sbin/dovecot"));
    command.arg("-F").arg("-c").arg(config);
    home.serve(command, port)
}

pub(crate) fn postgres(home: Home, tls: bool) -> MailOrData {
    let port = free_port();
    home.write("key.pem", &fs::read_to_string(home.0.path().join("key.pem")).unwrap(), 0o600);
    home.give_away();
    let data = home.0.path().join("data");
    let versions = fs::read_dir("/usr/lib/postgresql").expect("tests/install.sh installs it");
    let bin = versions.map(|version| version.unwrap().path().join("bin")).max().unwrap();
    let initdb = ["--no-sync", "--no-locale", "--auth=reject", "-D"];
    finished(as_nobody(&bin.join("initdb")).args(initdb).arg(&data));
    let mut command = as_nobody(&bin.join("postgres"));
    command.arg("-D").arg(data).args(["-h", "127.0.0.1", "-k", "", "-p", &port.to_string()]);
    let (cert, key) = (home.0.path().join("cert.pem"), home.0.path().join("key.pem"));
    for setting in [
        format!("ssl={}", if tls { "on" } else { "off" }),
        format!("ssl_cert_file={}", cert.display()),
        format!("ssl_key_file={}", key.display()),
    ] {
        command.args(["-c", &setting]);
    }
    home.serve(command, port)
}

type Start = fn(Home, bool) -> MailOrData;

async fn begins_tls_where_it_is_offered(protocol: StartTls, start: Start) {
    let (files, root) = (Files::new(), Authority::root("Test Root"));
    let roots = files.write(&root.cert.pem);
    let server = start(Home::new(&root), true);
    let look = Look::at(server.port).trusting(roots.clone()).starttls(protocol);
    let outcome = look.run().await;
    assert_eq!(outcome.verdict(), Verdict::Up, "{protocol:?}: {:?}", outcome.result);
    let chain = outcome.facts.tls.unwrap().chain.unwrap();
    assert_eq!(chain.certs[0].subject, "CN=probe.test");

    let plain = start(Home::new(&root), false);
    let outcome = Look::at(plain.port).trusting(roots).starttls(protocol).run().await;
    assert_eq!(reason(&outcome), Some(Reason::StarttlsRefused), "{:?}", outcome.result);
}

#[tokio::test]
async fn exim_begins_tls_where_it_is_offered() {
    begins_tls_where_it_is_offered(StartTls::Smtp, exim).await;
}

#[tokio::test]
async fn dovecot_begins_tls_where_it_is_offered() {
    begins_tls_where_it_is_offered(StartTls::Imap, dovecot).await;
}

#[tokio::test]
async fn postgres_begins_tls_where_it_is_offered() {
    begins_tls_where_it_is_offered(StartTls::Postgres, postgres).await;
}
