//! A real nginx, and the certificates it shows.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// A running nginx with one plain and one TLS port. Ends when dropped.
pub(crate) struct Nginx {
    process: Child,
    directory: TempDir,
    plain: u16,
    tls: u16,
}

impl Nginx {
    /// `server` is what stands in the server block; `$DIR` in it is the directory that holds
    /// `ca.pem`, `client.pem`, `client.key` and what `files` writes.
    pub(crate) fn serving(server: &str, files: &[(&str, &[u8])]) -> Nginx {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path().to_owned();
        certificates(&dir);
        for (name, content) in files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let (plain, tls) = (free_port(), free_port());
        let config = include_str!("nginx.conf")
            .replace("$SERVER", server)
            .replace("$DIR", dir.to_str().unwrap())
            .replace("$PLAIN", &plain.to_string())
            .replace("$TLS", &tls.to_string());
        fs::write(dir.join("nginx.conf"), config).unwrap();
        let process = Command::new("nginx")
            .args(["-e", "stderr", "-p"])
            .arg(&dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("stderr.log")).unwrap())
            .spawn()
            .expect("nginx must be installed: apt install nginx-light");
        let mut nginx = Nginx { process, directory, plain, tls };
        nginx.wait();
        nginx
    }

    fn wait(&mut self) {
        let log = self.path("stderr.log");
        super::until_listening(&mut self.process, self.tls, || fs::read_to_string(&log).unwrap());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn plain(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain)
    }

    pub(crate) fn tls(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.tls)
    }

    pub(crate) fn tls_port(&self) -> u16 {
        self.tls
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A private authority with a server for `127.0.0.1` and `www.probe.test`, and a client.
fn certificates(dir: &Path) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "Test Authority");
    fs::write(dir.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let names = ["127.0.0.1".to_owned(), "www.probe.test".to_owned()].to_vec();
    for (file, names) in [("server", names), ("client", vec!["client.probe.test".to_owned()])] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, file);
        let cert = params.signed_by(&key, &issuer).unwrap();
        fs::write(dir.join(format!("{file}.pem")), cert.pem()).unwrap();
        fs::write(dir.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}
