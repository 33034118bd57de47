//! `--blackbox.config.file`: modules by name, in blackbox_exporter's format.
//!
//! A module that cannot be run here (another prober, or something a module asks for that we do not
//! have) loads, and says why when it is asked for: the file may be shared with a blackbox_exporter
//! that goes on running it. A key that nobody knows, or a value of the wrong form, refuses the file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::files::read_regular;
use read::{Problem, ReadError};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::ModuleRun;
use super::findings::Findings;
use super::go_values::{GoDuration, is_default, or_default};
use super::http_module::HttpModule;
use super::log::Log;
use super::query::TcpModule;
use super::{http, tcp};
use crate::config::{Disk, Files};
use crate::foreign_yaml::{self, refused, wrong};

/// A larger file is no module file.
///
/// No row: the file is the operator's.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The modules of a file.
#[derive(Debug, Default)]
pub struct ModuleFile {
    modules: BTreeMap<String, Arc<Module>>,
}

/// How a file is written.
#[derive(Serialize)]
struct ShownModules<'a> {
    modules: BTreeMap<&'a str, &'a Module>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct RawModuleFile {
    #[serde(default, deserialize_with = "or_default")]
    modules: BTreeMap<String, Module>,
}

/// What a target is probed with.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Module {
    pub(super) prober: Prober,
    #[serde(default, skip_serializing_if = "is_default")]
    timeout: GoDuration,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub(super) http: HttpModule,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub(super) tcp: TcpModule,
    #[serde(default, rename = "dns", skip_serializing)]
    _dns: Option<IgnoredAny>,
    #[serde(default, rename = "icmp", skip_serializing)]
    _icmp: Option<IgnoredAny>,
    #[serde(default, rename = "grpc", skip_serializing)]
    _grpc: Option<IgnoredAny>,
    #[serde(default, rename = "unix", skip_serializing)]
    _unix: Option<IgnoredAny>,
    #[serde(default, rename = "websocket", skip_serializing)]
    _websocket: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Prober {
    Http,
    Tcp,
    Dns,
    Icmp,
    Grpc,
    Unix,
    Websocket,
}

impl Prober {
    fn as_str(self) -> &'static str {
        match self {
            Prober::Http => "http",
            Prober::Tcp => "tcp",
            Prober::Dns => "dns",
            Prober::Icmp => "icmp",
            Prober::Grpc => "grpc",
            Prober::Unix => "unix",
            Prober::Websocket => "websocket",
        }
    }
}

impl ModuleFile {
    /// Reads and validates a file.
    pub fn load(path: &Path) -> Result<ModuleFile, ReadError> {
        let whole = |message| ReadError::whole(path.to_owned(), message);
        let bytes = read_regular(path, FILE_BYTES_MAX).map_err(|error| whole(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| whole("is not UTF-8 text".into()))?;
        ModuleFile::parse(path, &text, &Disk)
    }

    /// As if it stood in the file at `path`. Variables are those of `files`.
    pub fn parse(path: &Path, text: &str, files: &dyn Files) -> Result<ModuleFile, ReadError> {
        let mut raw: RawModuleFile = foreign_yaml::read(path, &with_local_tags(text))?;
        let mut problems = Vec::new();
        for (name, module) in &mut raw.modules {
            module.settle(&format!("modules.{name}"), files, &mut problems);
        }
        if !problems.is_empty() {
            return Err(refused(path, text, problems));
        }
        let modules = raw.modules.into_iter().map(|(name, module)| (name, Arc::new(module)));
        Ok(ModuleFile { modules: modules.collect() })
    }

    /// The module of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Module>> {
        self.modules.get(name)
    }

    /// Names of all modules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// Names of the modules that are run here.
    pub fn run_here(&self) -> impl Iterator<Item = &str> {
        let here = self.modules.iter().filter(|(_, module)| module.kept_elsewhere().is_none());
        here.map(|(name, _)| name.as_str())
    }

    /// Names of the modules that are not, each with why.
    pub fn kept_elsewhere(&self) -> impl Iterator<Item = (&str, String)> {
        self.modules.iter().filter_map(|(name, module)| Some((&**name, module.kept_elsewhere()?)))
    }

    /// The whole file as it was understood, without its secrets.
    pub fn shown(&self) -> String {
        let modules = self.modules.iter().map(|(name, module)| (&**name, &**module)).collect();
        foreign_yaml::write(&ShownModules { modules })
    }
}

/// `!!binary` as a tag of our own, of the same length: the parser does not pass on that one, and what
/// it marks would be taken for text.
fn with_local_tags(text: &str) -> String {
    [" ", ",", "["].iter().fold(text.to_owned(), |text, before| {
        text.replace(&format!("{before}!!binary "), &format!("{before}!binary  "))
    })
}

impl Module {
    pub(super) fn prober(&self) -> &'static str {
        self.prober.as_str()
    }

    /// None where the module says none.
    pub fn timeout(&self) -> Duration {
        self.timeout.0
    }

    /// Why this module is not run here, if it is not.
    pub fn kept_elsewhere(&self) -> Option<String> {
        match self.prober {
            Prober::Http => self.http.beyond_us(),
            Prober::Tcp => self.tcp.beyond_us(),
            other => Some(format!("Bongsu has no {} prober", other.as_str())),
        }
    }

    fn settle(&mut self, path: &str, files: &dyn Files, problems: &mut Vec<Problem>) {
        let proxies = self.http.find_proxies(files);
        let of = |prober: &str, found: Vec<(&str, String)>| {
            let problem = |(key, message)| wrong(format!("{path}.{prober}.{key}"), message);
            found.into_iter().map(problem).collect::<Vec<_>>()
        };
        problems.extend(of("http", proxies.err().into_iter().collect()));
        problems.extend(of("http", self.http.problems()));
        problems.extend(of("tcp", self.tcp.problems()));
    }

    /// With the host name that a request gives.
    pub(super) fn with_hostname(&self, hostname: &str) -> Result<Module, String> {
        let mut module = self.clone();
        match self.prober {
            Prober::Http => module.http.name_host(hostname)?,
            Prober::Tcp => module.tcp.name_host(hostname),
            _ => {}
        }
        Ok(module)
    }

    /// This module as it was understood, without its secrets.
    pub(super) fn shown(&self) -> String {
        foreign_yaml::write(self)
    }

    pub(super) async fn run(
        self: &Arc<Module>,
        run: &ModuleRun<'_>,
        target: &str,
        findings: &mut Findings,
        log: &mut Log,
    ) -> bool {
        match self.prober {
            Prober::Http => http::probe(run, &self.http, target, findings, log).await,
            Prober::Tcp => tcp::probe(run, &self.tcp, target, findings, log).await,
            // Refused before a run is prepared.
            _ => false,
        }
    }
}
