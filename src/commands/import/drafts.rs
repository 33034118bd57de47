//! What becomes of each target: a probe that is to be, or why there is none.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use url::Url;

use super::scrape_jobs::{Jobs, ProbedTarget};
use crate::blackbox::{ModuleFile, NewSecret, NewSecretSource, Translation, percent_decoded};
use crate::commands::names;
use crate::secret::Secret;

/// How much earlier than the scrape a run ends, as blackbox_exporter has it unless told otherwise.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);

/// A probe that is to be.
pub(super) struct ProbeDraft {
    pub(super) place: ProbePlace,
    pub(super) target: ProbedTarget,
    pub(super) translation: Rc<Translation>,
    pub(super) timeout: Duration,
    /// User name, and where its password will be.
    pub(super) userinfo: Option<(String, NewSecret)>,
}

/// What a target names.
pub(super) struct ProbePlace {
    pub(super) service: String,
    /// `url` or `address`.
    pub(super) key: &'static str,
    pub(super) written: String,
    /// User name and password.
    userinfo: Option<(String, Secret)>,
}

pub(super) struct LeftOut {
    pub(super) module: String,
    pub(super) why: String,
    pub(super) target: String,
}

type Translated = Result<Rc<Translation>, String>;

/// The modules that targets ask for.
pub(super) struct Translations<'a> {
    file: &'a Path,
    modules: &'a ModuleFile,
    made: BTreeMap<String, Translated>,
    prefixes: HashSet<String>,
}

impl<'a> Translations<'a> {
    pub(super) fn new(file: &'a Path, modules: &'a ModuleFile) -> Translations<'a> {
        Translations { file, modules, made: BTreeMap::new(), prefixes: HashSet::new() }
    }

    /// What becomes of each target. What is wrong with one is noted among the problems of its file.
    pub(super) fn drafts(&mut self, jobs: &mut Jobs) -> Vec<Result<ProbeDraft, LeftOut>> {
        let mut drafts = Vec::new();
        let mut seen = BTreeSet::new();
        for target in std::mem::take(&mut jobs.targets) {
            let Some(module) = self.modules.get(&target.module) else {
                let hint = read::hint(&target.module, self.modules.names());
                let message =
                    format!("{} has no module {:?}{hint}", self.file.display(), target.module);
                jobs.problem(target.file, &target.path, message);
                continue;
            };
            let timeout = timeout(module.timeout(), target.timeout);
            match self.translation(&target.module) {
                Ok(translation) => match place(&target.target, &translation) {
                    Ok(place) if !seen.insert(place.identity(&target.module)) => {}
                    Ok(mut place) => {
                        let userinfo = place.userinfo.take().map(|(username, password)| {
                            let name = format!("{}.password", self.prefix(&place.service));
                            let source = NewSecretSource::Text(password);
                            (username, NewSecret { name, source })
                        });
                        drafts.push(Ok(ProbeDraft {
                            place,
                            target,
                            translation,
                            timeout,
                            userinfo,
                        }));
                    }
                    Err(message) => jobs.problem(target.file, &target.path, message),
                },
                Err(why) => {
                    drafts.push(Err(LeftOut { module: target.module, why, target: target.target }));
                }
            }
        }
        drafts
    }

    fn translation(&mut self, name: &str) -> Translated {
        if let Some(made) = self.made.get(name) {
            return made.clone();
        }
        let prefix = self.prefix(name);
        let module = self.modules.get(name).ok_or_else(|| format!("no module {name:?}"))?;
        let made = module.translation(&prefix).map(Rc::new);
        self.made.insert(name.to_owned(), made.clone());
        made
    }

    /// What begins the names of secrets, and of no others. It leaves room for what ends them.
    fn prefix(&mut self, of: &str) -> String {
        const LETTERS: usize = 30;
        let name: String = names::of_text(of).chars().take(LETTERS).collect();
        names::unique(if name.is_empty() { "module" } else { &name }, &mut self.prefixes)
    }
}

impl ProbePlace {
    /// What makes two probes the same.
    fn identity(&self, module: &str) -> (String, String, String) {
        let username = self.userinfo.as_ref().map(|(username, _)| username.clone());
        (self.written.clone(), module.to_owned(), username.unwrap_or_default())
    }
}

/// The shorter of what the module and the scrape allow; a scrape that allows less than the offset
/// leaves it to the module.
fn timeout(module: Duration, scrape: Duration) -> Duration {
    let scraped = scrape.checked_sub(TIMEOUT_OFFSET).filter(|left| !left.is_zero());
    match (module.is_zero(), scraped) {
        (true, left) => left.unwrap_or(scrape),
        (false, None) => module.min(scrape),
        (false, Some(left)) => module.min(left),
    }
}

/// `Err` is why a target is none.
fn place(target: &str, translation: &Translation) -> Result<ProbePlace, String> {
    let shown = without_userinfo(target);
    if translation.kind == "tls" {
        let address = target.rsplit_once(':').filter(|(host, port)| {
            !host.is_empty() && !target.contains("://") && port.parse::<u16>().is_ok()
        });
        let Some((host, _)) = address else {
            return Err(format!("{shown:?} is no address of a tcp module; write host:port"));
        };
        let service = named(names::of_text(host.strip_prefix("www.").unwrap_or(host)));
        let written = target.to_owned();
        return Ok(ProbePlace { service, key: "address", written, userinfo: None });
    }
    let begins = |scheme: &str| {
        target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let has_scheme = begins("http://") || begins("https://");
    let whole = if has_scheme { target.to_owned() } else { format!("http://{target}") };
    let url = Url::parse(&whole).ok();
    let Some(mut url) = url.filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
    else {
        return Err(format!("{shown:?} is no address of a web page"));
    };
    let decoded = |text: &str| percent_decoded(text).unwrap_or_else(|| text.to_owned());
    let username = decoded(url.username());
    let password = url.password().map(decoded).unwrap_or_default();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let service = named(names::of_host(&url));
    let says_who = translation.takes_userinfo && !(username.is_empty() && password.is_empty());
    if says_who && (username.is_empty() || password.is_empty()) {
        return Err("it has a user name or a password and not both; remove it".to_owned());
    }
    let userinfo = says_who.then(|| (username, Secret::new(password)));
    Ok(ProbePlace { service, key: "url", written: url.to_string(), userinfo })
}

fn named(service: String) -> String {
    if service.is_empty() { "host".to_owned() } else { service }
}

/// A target without what is secret in it.
pub(super) fn without_userinfo(target: &str) -> String {
    match target.rsplit_once('@') {
        Some((before, host)) if before.contains("://") => {
            format!("{}://{host}", before.split("://").next().unwrap_or_default())
        }
        Some((_, host)) => host.to_owned(),
        None => target.to_owned(),
    }
}
