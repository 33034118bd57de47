//! Opened certificates and keys of login flows. They are opened when a run needs them, and again
//! when one of their files has changed; deriving a key from a password would otherwise cost some
//! milliseconds of each run.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::files::FileStamp;
use parking_lot::Mutex;
use sign::signing_identity::SigningIdentity;

use crate::config::Disk;
use crate::config::login::Identity;
use crate::outcome::{Failure, Reason};
use crate::secret::Secret;
use crate::vault;

/// Opened identities by name and files. Bounded by the configuration: a reload empties it.
#[derive(Default)]
pub struct IdentityStore {
    opened: Mutex<BTreeMap<(Arc<str>, Identity), OpenedIdentity>>,
}

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
    /// The identity as its files are now. Files are read and keys are derived on a thread of their
    /// own, so that no other run waits for it. Fails with `secret_missing`.
    pub async fn open(
        &self,
        name: &Arc<str>,
        identity: &Identity,
    ) -> Result<Arc<SigningIdentity>, Failure> {
        let stamps: Vec<_> =
            identity.files().into_iter().map(|file| FileStamp::of(file).ok()).collect();
        if let Some(known) = self.known(name, identity, &stamps) {
            return Ok(known);
        }
        let missing = |why: &str| {
            Failure::new(Reason::SecretMissing, format!("identity {name} cannot be used: {why}"))
        };
        let wanted = identity.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let password = wanted.password.as_ref().map(vault::read_source).transpose()?;
            let opened = wanted.open(&Disk, password.as_ref().map(Secret::expose));
            opened.map(Arc::new).map_err(|problem| problem.said)
        });
        let opened = opening.await.map_err(|_| missing("its files were not read"))?;
        let opened = opened.map_err(|why| missing(&why))?;
        let entry = OpenedIdentity { stamps, identity: Arc::clone(&opened) };
        self.opened.lock().insert((name.clone(), identity.clone()), entry);
        Ok(opened)
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

    fn known(
        &self,
        name: &Arc<str>,
        identity: &Identity,
        stamps: &[Option<FileStamp>],
    ) -> Option<Arc<SigningIdentity>> {
        let opened = self.opened.lock();
        let known = opened.get(&(name.clone(), identity.clone()))?;
        (known.stamps == stamps).then(|| Arc::clone(&known.identity))
    }
}
