//! What a module means as a probe of ours: the keys of the probe, what cannot be said in them, and
//! the secrets that move out of the module file.

mod http;
mod oauth2;
mod tcp;
mod tls;

use std::path::PathBuf;

use base::files::read_regular;

use super::address::IpProtocol;
use super::credentials::SECRET_BYTES_MAX;
use super::file::{Module, Prober};
use super::go_values::Hidden;
use crate::secret::Secret;
use crate::yaml_text::Yaml;

/// A module as a probe, without what its target says.
pub struct Translation {
    /// `http` or `tls`.
    pub kind: &'static str,
    /// The keys under the kind.
    pub options: Vec<(String, Yaml)>,
    pub ip: &'static str,
    /// Whether a target's user name and password are who a request says it is.
    pub takes_userinfo: bool,
    /// What is otherwise than blackbox_exporter has it, each a sentence without a dot.
    pub notes: Vec<String>,
    pub secrets: Vec<NewSecret>,
    /// Begins the names of its secrets.
    prefix: String,
}

/// A secret that the module file holds or names.
#[derive(Clone)]
pub struct NewSecret {
    pub name: String,
    pub source: NewSecretSource,
}

#[derive(Clone)]
pub enum NewSecretSource {
    /// Where it is already, as an absolute path.
    File(PathBuf),
    /// It stood in the file.
    Text(Secret),
}

impl Module {
    /// This module as a probe of ours, or why there is none. `prefix` is a name, and begins those of
    /// its secrets.
    pub fn translation(&self, prefix: &str) -> Result<Translation, String> {
        if let Some(why) = self.kept_elsewhere() {
            return Err(why);
        }
        match self.prober {
            Prober::Http => http::translation(&self.http, prefix),
            Prober::Tcp => tcp::translation(&self.tcp, prefix),
            // Has a reason to be kept elsewhere.
            _ => Err(format!("Bongsu has no {} prober", self.prober())),
        }
    }
}

impl Translation {
    fn new(
        kind: &'static str,
        protocol: IpProtocol,
        falls_back: bool,
        prefix: &str,
    ) -> Translation {
        let ip = match (protocol, falls_back) {
            (IpProtocol::Ip6, true) => "prefer_ipv6",
            (IpProtocol::Ip6, false) => "only_ipv6",
            (IpProtocol::Ip4, true) => "prefer_ipv4",
            (IpProtocol::Ip4, false) => "only_ipv4",
        };
        Translation {
            kind,
            options: Vec::new(),
            ip,
            takes_userinfo: false,
            notes: Vec::new(),
            secrets: Vec::new(),
            prefix: prefix.to_owned(),
        }
    }

    fn set(&mut self, key: &str, value: Yaml) {
        self.options.push((key.to_owned(), value));
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// A secret, as a template names it.
    fn secret(&mut self, what: &str, source: NewSecretSource) -> String {
        let wanted = format!("{}.{what}", self.prefix);
        let taken = |name: &str| self.secrets.iter().any(|secret| secret.name == name);
        let mut name = wanted.clone();
        let mut number = 2;
        while taken(&name) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        let template = format!("${{secret.{name}}}");
        self.secrets.push(NewSecret { name, source });
        template
    }

    /// One that the file holds, or names by its path.
    fn secret_of(
        &mut self,
        what: &str,
        given: Option<&Hidden>,
        file: &str,
    ) -> Result<String, String> {
        match given {
            Some(given) if given.0.expose().is_empty() => Err(format!("{what} is empty")),
            Some(given) => Ok(self.secret(what, NewSecretSource::Text(given.0.clone()))),
            None if file.is_empty() => Err(format!("{what} is not given")),
            None => {
                let path = readable(file)?;
                Ok(self.secret(what, NewSecretSource::File(path)))
            }
        }
    }
}

/// The absolute path of a file that can be read.
fn readable(file: &str) -> Result<PathBuf, String> {
    let path = std::path::absolute(file).map_err(|error| format!("{file}: {error}"))?;
    match read_regular(&path, SECRET_BYTES_MAX) {
        Ok(_) => Ok(path),
        Err(error) => Err(format!(
            "{}: {error}; import where blackbox_exporter runs, or where this file is",
            path.display()
        )),
    }
}
