//! Opened certificates and keys of login flows. They are opened when a run needs them, and again
//! when one of their files has changed; deriving a key from a password would otherwise cost some
//! milliseconds of each run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::files::FileStamp;
use parking_lot::Mutex;
use sign::signing_identity::SigningIdentity;

use crate::config::Disk;
use crate::config::login::Identity;
use crate::file_work::FileWork;
use crate::outcome::{Failure, Reason};
use crate::secret::Secret;
use crate::secrets;

/// For reading the files and for deriving a key from a password, which an unoptimised build does in a second.
const OPENING: Duration = Duration::from_secs(5);

/// Opened identities by name and files. Bounded by the configuration: a reload empties it.
#[derive(Default)]
pub struct IdentityStore {
    opened: Mutex<BTreeMap<(Arc<str>, Identity), OpenedIdentity>>,
    looks: FileWork,
}

#[derive(Clone)]
struct OpenedIdentity {
    stamps: Vec<Option<FileStamp>>,
    identity: Arc<SigningIdentity>,
}

/// When the certificate of a name is valid, in seconds since 1970; of several, the one that ends
/// first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityValidity {
    pub name: Arc<str>,
    pub not_before: i64,
    pub not_after: i64,
}

impl IdentityStore {
    /// The identity as its files are now, or as it was opened last where their file system hangs. Files are
    /// read and keys are derived on a thread of their own, so that no other run waits for it. Fails with
    /// `secret_missing`.
    pub async fn open(
        &self,
        name: &Arc<str>,
        identity: &Identity,
    ) -> Result<Arc<SigningIdentity>, Failure> {
        let key = (name.clone(), identity.clone());
        let before = self.opened.lock().get(&key).cloned();
        let missing = |why: &str| {
            Failure::new(Reason::SecretMissing, format!("identity {name} cannot be used: {why}"))
        };
        let (wanted, known) = (identity.clone(), before.clone());
        let file = identity.files().into_iter().next().unwrap_or(Path::new(""));
        let opened =
            self.looks.run(file, OPENING, move || OpenedIdentity::of(&wanted, known)).await;
        match (opened, before) {
            (Some(Ok(opened)), _) => {
                let identity = Arc::clone(&opened.identity);
                self.opened.lock().insert(key, opened);
                Ok(identity)
            }
            (Some(Err(why)), _) => Err(missing(&why)),
            (None, Some(before)) => Ok(before.identity),
            (None, None) => Err(missing("its files were not read in time")),
        }
    }

    /// The certificates that were opened last.
    pub fn validities(&self) -> Vec<IdentityValidity> {
        let mut validities = BTreeMap::<Arc<str>, IdentityValidity>::new();
        for ((name, _), opened) in self.opened.lock().iter() {
            let certificate = opened.identity.certificate();
            let found = IdentityValidity {
                name: name.clone(),
                not_before: certificate.not_before(),
                not_after: certificate.not_after(),
            };
            validities
                .entry(name.clone())
                .and_modify(|known| {
                    if found.not_after < known.not_after {
                        *known = found.clone();
                    }
                })
                .or_insert(found);
        }
        validities.into_values().collect()
    }

    /// Forgets all: the configuration has changed.
    pub fn clear(&self) {
        self.opened.lock().clear();
    }
}

impl OpenedIdentity {
    /// As its files are now: what is known of it already, unless one has changed.
    fn of(identity: &Identity, before: Option<OpenedIdentity>) -> Result<OpenedIdentity, String> {
        let stamps: Vec<_> =
            identity.files().into_iter().map(|file| FileStamp::of(file).ok()).collect();
        if let Some(before) = before.filter(|before| before.stamps == stamps) {
            return Ok(before);
        }
        let password = identity.password.as_ref().map(secrets::read_source).transpose()?;
        let opened = identity.open(&Disk, password.as_ref().map(Secret::expose));
        let identity = opened.map(Arc::new).map_err(|problem| problem.said)?;
        Ok(OpenedIdentity { stamps, identity })
    }
}
