//! Reads secrets, and gives them out only for the hosts they are bound to.
//!
//! Their files are looked at before a run and before credentials are sent, so that a rotated file counts at
//! once; a file is read again only when its time, size or inode changed. Nobody waits for a file system
//! that hangs: what was read last counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::files::{FileStamp, UnreadableFile, read_regular};
use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};

use crate::config::{SecretRef, SecretSource};
use crate::file_work::{self, FileWork};
use crate::outcome::{Failure, Reason};
use crate::receiver::Receiver;
use crate::secret::Secret;
use crate::template::SecretOnly;
use crate::template::fill::Values;

/// The largest secret file that is read: a key or a token, not a disk image given by mistake.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The secrets of the configuration.
#[derive(Default)]
pub struct SecretStore {
    secrets: RwLock<BTreeMap<Arc<str>, SecretRef>>,
    /// Bounded by the configuration: only named files get in, and a reload empties it.
    files: Mutex<BTreeMap<PathBuf, SecretFile>>,
    looks: FileWork,
}

/// What a file held when it was read last, or why it could not be.
#[derive(Clone)]
struct SecretFile {
    stamp: Option<FileStamp>,
    content: Result<Secret, String>,
}

impl SecretStore {
    /// Nothing is read yet.
    pub fn new(secrets: &BTreeMap<Arc<str>, SecretRef>) -> SecretStore {
        let (files, looks) = Default::default();
        SecretStore { secrets: RwLock::new(secrets.clone()), files, looks }
    }

    /// Takes over the references of a reloaded configuration.
    pub fn replace(&self, secrets: &BTreeMap<Arc<str>, SecretRef>) {
        *self.secrets.write() = secrets.clone();
        self.files.lock().clear();
    }

    /// Looks at the files of these secrets, all at the same time, for [`file_work::PATIENCE`] at most.
    pub async fn look_again(&self, names: impl IntoIterator<Item = &Arc<str>>) {
        let paths: BTreeSet<PathBuf> = {
            let secrets = self.secrets.read();
            let named = names.into_iter().filter_map(|name| secrets.get(name));
            named.filter_map(|secret| secret.source.file().map(Path::to_owned)).collect()
        };
        join_all(paths.into_iter().map(|path| self.look_at(path))).await;
    }

    /// Looks at the files of secrets that one of these hosts may have been sent, unless that was done
    /// before: so that what a host sends back is known, whoever sent it. Returns their names.
    pub async fn known_to(&self, hosts: &BTreeSet<String>) -> Vec<Arc<str>> {
        let names = self.bound_to(hosts);
        let unread: Vec<Arc<str>> = {
            let (secrets, files) = (self.secrets.read(), self.files.lock());
            let file = |name: &Arc<str>| secrets.get(name)?.source.file();
            let is_unread = |name: &&Arc<str>| file(name).is_some_and(|at| !files.contains_key(at));
            names.iter().filter(is_unread).cloned().collect()
        };
        self.look_again(&unread).await;
        names
    }

    async fn look_at(&self, path: PathBuf) {
        let before = self.files.lock().get(&path).cloned();
        let of_thread = path.clone();
        let found = self
            .looks
            .run(&path, file_work::PATIENCE, move || SecretFile::read(&of_thread, before))
            .await;
        if let Some(found) = found {
            self.files.lock().insert(path, found);
        }
    }

    /// The values of these secrets, as far as they can be read, for masking and for noticing a
    /// change. Nothing is sent on the strength of this.
    pub fn peek(&self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, Secret> {
        let secrets = self.secrets.read().clone();
        let value =
            |name: &Arc<str>| Some((name.clone(), self.value(name, secrets.get(name)?).ok()?));
        names.iter().filter_map(value).collect()
    }

    /// The names of the secrets that one of these hosts may have been sent.
    fn bound_to(&self, hosts: &BTreeSet<String>) -> Vec<Arc<str>> {
        let secrets = self.secrets.read();
        let bound = |secret: &SecretRef| secret.hosts.iter().any(|to| hosts.contains(&to.host));
        secrets.iter().filter(|(_, secret)| bound(secret)).map(|(name, _)| name.clone()).collect()
    }

    /// One secret's value, to be sent to a server: `secret_missing` when it cannot be read,
    /// `secret_host` when it is not bound to the server.
    pub fn reveal(&self, name: &str, to: &Receiver) -> Result<Secret, Failure> {
        let secrets = self.secrets.read();
        let Some(secret) = secrets.get(name) else {
            return Err(missing(name, "is not configured"));
        };
        if !secret.hosts.iter().any(|bound| bound.covers(to)) {
            return Err(Failure::new(
                Reason::SecretHost,
                format!("secret {name} is not bound to {to} and was not sent"),
            ));
        }
        self.value(name, secret)
    }

    fn value(&self, name: &str, secret: &SecretRef) -> Result<Secret, Failure> {
        match &secret.source {
            SecretSource::Env(variable) => match std::env::var(variable) {
                Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
                Ok(_) => Err(missing(name, &format!("is empty in the environment ({variable})"))),
                Err(_) => Err(missing(name, &format!("is not in the environment ({variable})"))),
            },
            SecretSource::File(path) => {
                let known = self.files.lock().get(path).cloned();
                let content =
                    known.map_or_else(|| Err(file_work::unanswered()), |file| file.content);
                content.map_err(|why| {
                    missing(name, &format!("cannot be read from {}: {why}", path.display()))
                })
            }
        }
    }
}

impl SecretFile {
    /// As the file is now: what is known of it already, unless it has changed.
    fn read(path: &Path, before: Option<SecretFile>) -> SecretFile {
        let stamp = match FileStamp::of(path) {
            Ok(stamp) => stamp,
            Err(error) => {
                let why = UnreadableFile::from(error).to_string();
                return SecretFile { stamp: None, content: Err(why) };
            }
        };
        match before.filter(|before| before.content.is_ok() && before.stamp == Some(stamp)) {
            Some(before) => before,
            None => SecretFile { stamp: Some(stamp), content: read_secret(path) },
        }
    }
}

impl Values<SecretOnly> for SecretStore {
    fn value(&self, source: &SecretOnly, to: &Receiver) -> Result<Secret, Failure> {
        self.reveal(&source.0, to)
    }
}

/// A secret that is bound to no host, because it is sent to none: the password of a file. The error
/// is half a sentence.
pub(crate) fn read_source(source: &SecretSource) -> Result<Secret, String> {
    match source {
        SecretSource::Env(variable) => match std::env::var(variable) {
            Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
            _ => Err(format!("its password is not in the environment ({variable})")),
        },
        SecretSource::File(path) => read_secret(path)
            .map_err(|why| format!("its password cannot be read from {}: {why}", path.display())),
    }
}

/// One trailing newline is what an editor or `echo` adds; anything else belongs to the secret.
fn read_secret(path: &Path) -> Result<Secret, String> {
    let bytes = read_regular(path, MAX_SECRET_BYTES).map_err(|error| error.to_string())?;
    // The error of from_utf8 holds the bytes and must not be shown.
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::new(text))
}

fn missing(name: &str, why: &str) -> Failure {
    Failure::new(Reason::SecretMissing, format!("secret {name} {why}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::template::{Part, Template};

    fn secrets(path: &Path, hosts: &[&str]) -> SecretStore {
        let hosts = hosts.iter().map(|host| Receiver::any_port(host)).collect();
        let secret = SecretRef { source: SecretSource::File(path.to_owned()), hosts };
        SecretStore::new(&BTreeMap::from([("pass".into(), secret)]))
    }

    /// What the template makes of the files as they are now.
    async fn filled(secrets: &SecretStore, host: &str) -> Result<Secret, Failure> {
        secrets.look_again([&"pass".into()]).await;
        template().fill(secrets, &Receiver::any_port(host))
    }

    fn template() -> Template {
        let secret = Part::from(SecretOnly("pass".into()));
        Template { parts: vec![Part::Text("p=".into()), secret] }
    }

    #[tokio::test]
    async fn one_trailing_newline_is_dropped_and_a_rotated_file_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        fs::write(&path, "old \n\n").unwrap();
        let secrets = secrets(&path, &["a.go.kr"]);
        assert_eq!(filled(&secrets, "A.go.kr").await.unwrap().expose(), "p=old \n");
        let new = dir.path().join("new");
        fs::write(&new, "new \n\n").unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(filled(&secrets, "a.go.kr").await.unwrap().expose(), "p=new \n");
    }

    #[tokio::test]
    async fn a_secret_goes_to_no_other_host_and_the_failure_does_not_show_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        fs::write(&path, "hunter2-canary").unwrap();
        let failure = filled(&secrets(&path, &["a.go.kr"]), "evil.example").await.err().unwrap();
        assert_eq!(failure.reason, Reason::SecretHost);
        assert!(!failure.to_string().contains("canary"), "{failure}");
    }

    #[tokio::test]
    async fn missing_empty_binary_and_huge_files_are_secret_missing_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let contents: [Option<&[u8]>; 4] =
            [None, Some(b"\n"), Some(b"\xff\xfe"), Some(&[b'a'; 70_000])];
        for (number, content) in contents.into_iter().enumerate() {
            let path = dir.path().join(number.to_string());
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            let failure = filled(&secrets(&path, &["a"]), "a").await.err().unwrap();
            assert_eq!(failure.reason, Reason::SecretMissing);
            assert!(failure.detail.starts_with("secret pass "), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_reload_takes_over_new_references() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        fs::write(&path, "x").unwrap();
        let secrets = secrets(&path, &["a"]);
        secrets.replace(&BTreeMap::new());
        let failure = filled(&secrets, "a").await.err().unwrap();
        assert_eq!(failure.reason, Reason::SecretMissing);
    }
}
