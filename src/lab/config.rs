//! The files the lab leaves behind: an ordinary configuration that probes it, and the certificates
//! that the configuration names. A reader learns the syntax from a file that works.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::estate::World;

const TEMPLATE: &str = include_str!("lab.yml");

/// What was written.
#[derive(Debug, Clone)]
pub struct Files {
    /// The configuration.
    pub config: PathBuf,
    /// Everything, the configuration first.
    pub all: Vec<PathBuf>,
}

/// The configuration as text. Addresses are those the estate is reached by.
pub fn text(world: &World) -> String {
    let mut text = TEMPLATE.replace("@control@", &world.control_url);
    for site in &world.sites {
        let address = site.base.trim_start_matches("https://");
        text = text.replace(&format!("@{}@", site.system.name), &site.base);
        text = text.replace(&format!("@{}.address@", site.system.name), address);
    }
    text
}

/// Writes everything into `directory`, which is made if it is not there.
pub fn write(world: &World, directory: &Path) -> Result<Files, WriteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| WriteError { path, error }
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    let contents = [
        ("bongsu.yml", text(world)),
        ("root.pem", world.pki.root_pem()),
        ("intermediate.pem", world.pki.intermediate_pem()),
    ];
    let mut all = Vec::with_capacity(contents.len());
    for (name, content) in contents {
        let path = directory.join(name);
        fs::write(&path, content).map_err(failed(&path))?;
        all.push(path);
    }
    Ok(Files { config: directory.join("bongsu.yml"), all })
}

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {error}; name another directory with --out", path.display())]
pub struct WriteError {
    path: PathBuf,
    error: io::Error,
}
