//! The files the lab leaves behind: an ordinary configuration that probes it, and the certificates
//! and secrets that the configuration names. A reader learns the syntax from a file that works.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::name_server::movable_name;
use crate::signers::officers::OFFICER_PASSWORD;
use crate::site::{PROBE_PASSWORD, PROBE_USER};
use crate::world::LabWorld;

const TEMPLATE: &str = include_str!("lab.yml");

/// Mode of a secret's file: only its owner may read it, as with real secrets.
const SECRET_MODE: u32 = 0o600;
const OPEN_MODE: u32 = 0o644;

/// The paths of what was written.
#[derive(Debug, Clone)]
pub struct WrittenFiles {
    pub config: PathBuf,
    /// Certificates that probes trust, complete chains with, or sign with.
    pub certificates: Vec<PathBuf>,
    /// The account and the key of the login probes.
    pub secrets: Vec<PathBuf>,
}

impl WrittenFiles {
    /// Every path, the configuration first.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.config).chain(&self.certificates).chain(&self.secrets)
    }
}

/// The configuration as text, with the addresses at which the estate is reached.
pub fn text(world: &LabWorld) -> String {
    let mut text = TEMPLATE.replace("@control@", &world.control_url);
    text = match world.name_server {
        Some(address) => text.replace("@name_server@", &address.to_string()),
        None => {
            let lines = text.split_inclusive('\n').filter(|line| !line.contains("@name_server@"));
            lines.collect()
        }
    };
    for site in &world.sites {
        let address = site.base.trim_start_matches("https://");
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        text = text.replace(&format!("@{}@", site.system.name), &site.base);
        text = text.replace(&format!("@{}.address@", site.system.name), address);
        text = text.replace(&format!("@{}.host@", site.system.name), host);
        let movable = match world.name_server {
            Some(_) => address.replacen(host, &movable_name(site.system.name), 1),
            None => address.to_owned(),
        };
        text = text.replace(&format!("@{}.movable@", site.system.name), &movable);
    }
    text
}

/// Writes every file into `directory`, which is made if it does not exist.
pub fn write(world: &LabWorld, directory: &Path) -> Result<WrittenFiles, WriteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| WriteError { path, error }
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    let put_bytes = |name: &str, mode: u32, content: &[u8]| {
        let path = directory.join(name);
        replace(&path, mode, content).map_err(failed(&path))?;
        Ok(path)
    };
    let put = |name: &str, mode: u32, content: &str| put_bytes(name, mode, content.as_bytes());
    let key_file = world.signers.officer_key_file().ok_or_else(|| WriteError {
        path: directory.join("signPri.key"),
        error: io::Error::other("the officer's key cannot be written"),
    })?;
    Ok(WrittenFiles {
        config: put("bongsu.yml", OPEN_MODE, &text(world))?,
        certificates: vec![
            put("root.pem", OPEN_MODE, &world.pki.root_pem())?,
            put("intermediate.pem", OPEN_MODE, &world.pki.intermediate_pem())?,
            put_bytes("signCert.der", OPEN_MODE, &world.signers.officer.certificate)?,
        ],
        secrets: vec![
            put("probe-user", SECRET_MODE, PROBE_USER)?,
            put("probe-password", SECRET_MODE, PROBE_PASSWORD)?,
            put_bytes("signPri.key", SECRET_MODE, &key_file)?,
            put("officer-password", SECRET_MODE, OFFICER_PASSWORD)?,
        ],
    })
}

/// Removes an old file before writing, because it would keep its mode.
fn replace(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {error}; name another directory with --out", path.display())]
pub struct WriteError {
    path: PathBuf,
    error: io::Error,
}
