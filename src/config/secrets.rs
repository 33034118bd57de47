//! Where secrets are: references to the environment or to files, never the values.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::notes::Load;
use super::reading::{At, Fields};
use super::{SecretRef, SecretSource, value};
use crate::receiver::Receiver;

/// Of a secret file; a key or a long token fits.
const SECRET_LIMIT: u64 = 64 << 10;

/// A shorter value cannot be masked inside other text without spoiling the text.
const SHORT: usize = 6;

/// Reads the `secrets` of one file into `all`.
pub(super) fn secrets(at: &At<'_>, all: &mut BTreeMap<String, SecretRef>) {
    for (name, at) in at.entries().unwrap_or_default() {
        if let Err(said) = value::name(name) {
            at.problem(said);
        }
        let secret = secret(name, &at);
        // Also when it is broken: whoever names it has made no mistake.
        let broken = SecretRef { source: SecretSource::Env(String::new()), hosts: Vec::new() };
        if all.insert(name.to_owned(), secret.unwrap_or(broken)).is_some() {
            at.problem("is declared in another file already; keep one of them");
        }
    }
}

/// Reads the `secrets` of a service, once for each site of it. Answers with the full name of each by
/// the name that is written: `saeol/officer@jongno` is the `officer` of the site `jongno`.
pub(super) fn own(at: &At<'_>, service: &str, site: Option<&str>) -> BTreeMap<String, Arc<str>> {
    let load = at.reading.load;
    let (mut names, mut read) = (BTreeMap::new(), BTreeMap::new());
    secrets(at, &mut read);
    for (name, secret) in read {
        if load.secrets.borrow().contains_key(&name) {
            at.problem(format!(
                "\"{name}\" is declared outside of the services already; give one of them another name"
            ));
        }
        let mut full = format!("{service}/{name}");
        if let Some(site) = site {
            full = format!("{full}@{site}");
        }
        names.insert(name, Arc::from(full.as_str()));
        load.secrets.borrow_mut().insert(full, secret);
    }
    names
}

/// The name of a secret as it stands in the file.
pub(super) fn written(full: &str) -> &str {
    let (_, name) = full.split_once('/').unwrap_or(("", full));
    name.split_once('@').map_or(name, |(name, _)| name)
}

/// `a.go.kr`, `a.go.kr:8443`
fn receiver(text: &str) -> Result<Receiver, String> {
    match value::host(text) {
        Ok(host) => Ok(Receiver { host, port: None }),
        Err(_) if text.contains("://") => {
            Err(format!("\"{text}\" is a URL; write its host, or host:port"))
        }
        Err(said) if !text.contains(':') => Err(said),
        Err(_) => {
            let (host, port) = value::host_port(text, None)?;
            Ok(Receiver { port: Some(port), ..Receiver::any_port(&host) })
        }
    }
}

fn secret(name: &str, at: &At<'_>) -> Option<SecretRef> {
    if at.written().is_some() {
        at.problem(
            "a secret cannot be written into this file; say where it is, as { env: VARIABLE } or \
             { file: /run/secrets/... }",
        );
        return None;
    }
    let fields = at.fields(&["env", "file", "hosts"])?;
    let hosts = fields.take("hosts").map(|at| at.one_or_many()).unwrap_or_default();
    let hosts = hosts.iter().filter_map(|at| at.parse(receiver)).collect();
    let (source, secret) = source(at, &fields)?;
    if secret.chars().count() < SHORT {
        at.reading.load.advise(format!(
            "secret {name} has fewer than {SHORT} characters: where it stands inside other text, \
             it cannot be masked in logs and pages"
        ));
    }
    Some(SecretRef { source, hosts })
}

/// A secret that one key alone uses: `{ env: VARIABLE }` or `{ file: PATH }`, and its value now.
pub(super) fn reference(at: &At<'_>) -> Option<(SecretSource, String)> {
    if at.written().is_some() {
        at.problem(
            "a secret cannot be written into this file; say where it is, as { env: VARIABLE } or \
             { file: /run/secrets/... }",
        );
        return None;
    }
    source(at, &at.fields(&["env", "file"])?)
}

fn source(at: &At<'_>, fields: &Fields<'_>) -> Option<(SecretSource, String)> {
    let given = fields.present(&["env", "file"]);
    if given.len() != 1 {
        at.problem("needs exactly one of env, file");
        return None;
    }
    let place = fields.take(given[0])?;
    let text = place.parse(read::some_text)?;
    let (source, read) = if given[0] == "env" {
        let read = at.reading.load.files.variable(&text);
        let read = read.ok_or_else(|| {
            format!("the environment variable {text} is not set; set it for the bongsu process")
        });
        (SecretSource::Env(text), read)
    } else {
        let path = at.reading.document.resolve(&text);
        let read = at.reading.load.files.read(&path, SECRET_LIMIT);
        let read = read.map_err(|said| format!("{}: {said}", path.display())).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| format!("{}: is not text", path.display()))
        });
        (SecretSource::File(path), read)
    };
    let secret = place.settle(read)?;
    let secret = secret.strip_suffix('\n').unwrap_or(&secret);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        place.problem("leads to an empty secret");
        return None;
    }
    Some((source, secret.to_owned()))
}

/// The secrets with their hosts: those of the file, else those that requests send them to.
pub(super) fn bind(load: &Load<'_>) -> BTreeMap<Arc<str>, SecretRef> {
    let used = load.used.borrow();
    let mut bound = BTreeMap::new();
    for (name, secret) in load.secrets.borrow().iter() {
        let mut secret = secret.clone();
        match used.get(name.as_str()) {
            None => load.advise(format!("secret {} is named by no probe", written(name))),
            Some(hosts) if secret.hosts.is_empty() => secret.hosts.extend(hosts.iter().cloned()),
            Some(_) => {}
        }
        bound.insert(Arc::from(name.as_str()), secret);
    }
    bound
}
