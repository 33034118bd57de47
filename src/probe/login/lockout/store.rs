//! The guard at work: the [`Ledger`] with a clock, a lock per account, and the file in the state
//! directory that lets holds and used one-time codes survive a restart.
//!
//! The file is replaced as a whole by a rename, so a crash leaves the old or the new one. A file
//! that cannot be understood is kept aside, and every account counts as held until an operator
//! says otherwise: guessing could lock them all.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base::hex;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::ending::Ending;
use super::ledger::{AccountKey, Admission, Ledger, Print, Prints};
use super::neighbours::{Neighbours, SharedTurn};
use crate::config::login::LockoutPolicy;
use crate::secret::Secret;
use crate::state_dir;
use crate::state_writer::StateWriter;

/// In the state directory.
const FILE: &str = "accounts.json";
/// More than the largest ledger needs.
///
/// No row: the file is our own.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The layout of the file.
const VERSION: u32 = 1;
/// How long a login waits for the disk.
const SETTLED_MAX: Duration = Duration::from_secs(2);
/// Of the key of the prints.
const SALT_BYTES: usize = 32;

/// All accounts of this process, shared by every probe.
pub struct AccountStore {
    shared: Mutex<Shared>,
    /// Writes to the state directory, where there is one.
    writer: Option<StateWriter>,
    /// Other processes that use the state directory, where there is one.
    neighbours: Option<Neighbours>,
    /// Wall clock, because holds outlive the process.
    clock: fn() -> SystemTime,
}

/// An account's turn at a host: no other run uses it meanwhile, of this process or of a neighbour.
pub struct AccountTurn {
    _shared: Option<SharedTurn>,
    _own: OwnedMutexGuard<()>,
}

struct Shared {
    ledger: Ledger,
    salt: [u8; SALT_BYTES],
    /// One run at a time. Bounded by the accounts of the configurations seen and the hosts that their
    /// secrets are bound to.
    turns: BTreeMap<AccountKey, Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    salt: String,
    ledger: Ledger,
}

impl Default for AccountStore {
    fn default() -> AccountStore {
        AccountStore::new(None, Ledger::default(), None)
    }
}

impl AccountStore {
    fn new(writer: Option<StateWriter>, ledger: Ledger, salt: Option<[u8; SALT_BYTES]>) -> Self {
        let salt = salt.unwrap_or_else(random);
        let shared = Shared { ledger, salt, turns: BTreeMap::new() };
        let clock = SystemTime::now;
        AccountStore { shared: Mutex::new(shared), writer, neighbours: None, clock }
    }

    /// Remembers in this directory. The error is for a directory that cannot be read: nobody knows
    /// then which accounts are held, and to try them could lock them. What cannot be written is no
    /// reason not to watch anything: it is reported in the log, and tried again with each change. A
    /// damaged file is reported too and leaves every account held.
    pub fn open(directory: &Path) -> io::Result<AccountStore> {
        // Also tells a missing directory from a missing file.
        fs::read_dir(directory)?;
        let path = directory.join(FILE);
        let (ledger, salt) = match look(&path)? {
            None => (Ledger::default(), None),
            Some(Ok((ledger, salt))) => (ledger, Some(salt)),
            Some(Err(why)) => {
                let kept_as = state_dir::set_aside(&path);
                tracing::error!(
                    file = %path.display(), kept_as = %kept_as.display(), error = why,
                    "the record of held accounts is damaged; every account is held until \
                     POST /-/resume"
                );
                (Ledger::unsure(), None)
            }
        };
        let writer = StateWriter::start(path)?;
        let neighbours = Some(Neighbours::of(directory));
        let accounts = AccountStore { neighbours, ..AccountStore::new(Some(writer), ledger, salt) };
        // What cannot be written is found out now and not at the first refusal.
        accounts.keep(&accounts.shared.lock());
        accounts.settle();
        Ok(accounts)
    }

    /// What another process has kept in this directory, without ever changing that: for a single run
    /// beside a daemon, with which it takes turns.
    pub fn borrow(directory: &Path) -> io::Result<AccountStore> {
        // Also tells a missing directory from a missing file.
        fs::read_dir(directory)?;
        let (ledger, salt) = match look(&directory.join(FILE))? {
            None => (Ledger::default(), None),
            Some(Ok((ledger, salt))) => (ledger, Some(salt)),
            Some(Err(_damaged)) => (Ledger::unsure(), None),
        };
        let neighbours = Some(Neighbours::of(directory));
        Ok(AccountStore { neighbours, ..AccountStore::new(None, ledger, salt) })
    }

    /// With another clock, for tests that live through a day.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> SystemTime) -> AccountStore {
        AccountStore { clock, ..self }
    }

    /// Time since the Unix epoch.
    pub fn now(&self) -> Duration {
        (self.clock)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    /// The prints of secrets by name, as the ledger compares them.
    pub fn prints<'s>(
        &self,
        secrets: impl IntoIterator<Item = (&'s Arc<str>, &'s Secret)>,
    ) -> Prints {
        let salt = self.shared.lock().salt;
        let print = |value: &Secret| {
            let digest = Sha256::new().chain_update(salt).chain_update(value.expose()).finalize();
            Print::of([digest[0], digest[1], digest[2], digest[3]])
        };
        secrets.into_iter().map(|(name, value)| (name.to_string(), print(value))).collect()
    }

    /// Waits until no other run uses the account at this host.
    pub async fn turn(&self, key: &AccountKey) -> AccountTurn {
        let turn = self.shared.lock().turns.entry(key.clone()).or_default().clone();
        let own = turn.lock_owned().await;
        let shared = match &self.neighbours {
            Some(neighbours) => Some(neighbours.turn(key).await),
            None => None,
        };
        AccountTurn { _shared: shared, _own: own }
    }

    /// Asks to send credentials.
    pub fn admit(&self, key: &AccountKey, prints: &Prints) -> Admission {
        let now_s = self.now().as_secs();
        self.change(|ledger| ledger.admit(key, prints, now_s))
    }

    /// Notes how an attempt ended.
    pub fn note(&self, key: &AccountKey, policy: LockoutPolicy, ending: &Ending) {
        let now_s = self.now().as_secs();
        self.change(|ledger| ledger.note(key, policy, ending, now_s));
    }

    /// Releases one account, or all.
    pub fn resume(&self, account: Option<&str>) -> usize {
        self.change(|ledger| ledger.resume(account))
    }

    /// Takes a time-step of a TOTP secret; an error is the next step that may be used.
    pub async fn use_step(&self, secret: &str, step: u64) -> Result<(), u64> {
        self.change(|ledger| ledger.use_step(secret, step))?;
        match &self.neighbours {
            Some(neighbours) => neighbours.use_step(secret, step).await,
            None => Ok(()),
        }
    }

    /// Account, host, and whether it is held: the series of `bongsu_account_held`.
    pub fn holds(&self) -> Vec<(String, String, bool)> {
        let shared = self.shared.lock();
        let holds = shared.ledger.holds();
        holds.map(|(account, host, held)| (account.to_owned(), host.to_owned(), held)).collect()
    }

    /// Applies a change and has it written down. Before anything is sent on its strength it is
    /// [`settled`](Self::settled).
    fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut shared = self.shared.lock();
        let before = shared.ledger.revision();
        let answer = change(&mut shared.ledger);
        if shared.ledger.revision() != before {
            self.keep(&shared);
        }
        answer
    }

    /// Waits until every change is on the disk, or for so long that a login should not wait longer:
    /// what is not written by then would only be lost if this process died at once.
    pub async fn settled(&self) {
        if let Some(writer) = &self.writer {
            writer.settled(SETTLED_MAX).await;
        }
    }

    /// The same for a thread that may block.
    pub fn settle(&self) {
        if let Some(writer) = &self.writer {
            writer.settle(SETTLED_MAX);
        }
    }

    /// Why what is known is lost with this process; none when it is not.
    pub fn unwritten(&self) -> Option<io::ErrorKind> {
        self.writer.as_ref()?.failure()
    }

    /// Writes again what could not be written, for a thread that may block. Whether it worked this
    /// time.
    pub fn rewrite(&self) -> bool {
        if self.unwritten().is_none() {
            return false;
        }
        self.keep(&self.shared.lock());
        self.settle();
        self.unwritten().is_none()
    }

    fn keep(&self, shared: &Shared) {
        let Some(writer) = &self.writer else { return };
        let salt = hex::encode(&shared.salt);
        let stored = Stored { version: VERSION, salt, ledger: shared.ledger.clone() };
        match serde_json::to_vec(&stored) {
            Ok(text) => writer.put(text),
            Err(error) => tracing::error!(%error, "the record of held accounts cannot be written"),
        }
    }
}

/// What a file says; `None` when there is none. The inner error is damage of the file, the outer
/// one a directory that cannot be used.
type Found = Option<Result<(Ledger, [u8; SALT_BYTES]), String>>;

fn look(path: &Path) -> io::Result<Found> {
    match state_dir::read(path, FILE_BYTES_MAX) {
        Ok(text) => Ok(text.map(|text| understand(&text))),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Ok(Some(Err(error.to_string())))
        }
        Err(error) => Err(error),
    }
}

fn understand(text: &[u8]) -> Result<(Ledger, [u8; SALT_BYTES]), String> {
    let stored: Stored = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if stored.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", stored.version));
    }
    if !stored.ledger.is_plausible() {
        return Err("it has more entries than this program writes".into());
    }
    let salt = hex::decode(&stored.salt).and_then(|salt| salt.try_into().ok());
    let salt = salt.ok_or("its salt is not whole")?;
    let mut ledger = stored.ledger;
    ledger.sort();
    Ok((ledger, salt))
}

/// From the generator that TLS uses. Without randomness no handshake works either; a fixed salt
/// then only makes the prints easier to guess.
fn random() -> [u8; SALT_BYTES] {
    let mut bytes = [0; SALT_BYTES];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.secure_random.fill(&mut bytes).is_err() {
        tracing::error!("the system gives no random bytes");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Reason;

    const POLICY: LockoutPolicy =
        LockoutPolicy { max_failures: 1, slow_to: Duration::from_secs(900) };

    fn key() -> AccountKey {
        AccountKey { account: "user".into(), host: "a.go.kr".into() }
    }

    fn refuse(accounts: &AccountStore, password: &str) -> Admission {
        let prints = accounts.prints([(&"pass".into(), &Secret::new(password))]);
        let admission = accounts.admit(&key(), &prints);
        if admission == Admission::Go {
            accounts.note(&key(), POLICY, &Ending::Refused(Reason::BadCredentials));
        }
        admission
    }

    #[tokio::test]
    async fn holds_and_used_steps_survive_a_restart_and_a_new_secret_does_too() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = AccountStore::open(dir.path()).unwrap();
        assert_eq!(refuse(&accounts, "canary-password"), Admission::Go);
        accounts.use_step("otp", 9).await.unwrap();
        drop(accounts);

        let accounts = AccountStore::open(dir.path()).unwrap();
        assert!(matches!(refuse(&accounts, "canary-password"), Admission::Held(_)));
        assert_eq!(accounts.use_step("otp", 9).await, Err(10));
        assert_eq!(refuse(&accounts, "another"), Admission::Go);
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_holds_every_account() {
        for damage in ["{", "", "{\"version\":2,\"salt\":\"\",\"ledger\":{}}", "\u{0}\u{0}"] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(FILE), damage).unwrap();
            let accounts = AccountStore::open(dir.path()).unwrap();
            assert!(matches!(refuse(&accounts, "x"), Admission::Held(_)), "{damage:?}");
            let aside = dir.path().join("accounts.json.damaged");
            assert_eq!(fs::read_to_string(aside).unwrap(), damage);
            drop(accounts);
            let accounts = AccountStore::open(dir.path()).unwrap();
            assert!(matches!(refuse(&accounts, "x"), Admission::Held(_)), "{damage:?}");
            assert_eq!(accounts.resume(None), 1);
            assert_eq!(refuse(&accounts, "x"), Admission::Go);
        }
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_an_error_at_start() {
        assert!(AccountStore::open(Path::new("/nonexistent/bongsu")).is_err());
    }

    #[test]
    fn what_was_held_is_held_where_nothing_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(refuse(&AccountStore::open(dir.path()).unwrap(), "x"), Admission::Go);
        // A directory stands where the draft would be written, so even root cannot save.
        let draft = dir.path().join("accounts.json.new");
        fs::create_dir(&draft).unwrap();
        let accounts = AccountStore::open(dir.path()).unwrap();
        assert!(accounts.unwritten().is_some());
        assert!(matches!(refuse(&accounts, "x"), Admission::Held(_)));
        assert_eq!(refuse(&accounts, "another"), Admission::Go);
        assert!(matches!(refuse(&accounts, "another"), Admission::Held(_)));
        assert!(!accounts.rewrite());
        fs::remove_dir(&draft).unwrap();
        assert!(accounts.rewrite() && !accounts.rewrite());
        assert_eq!(accounts.unwritten(), None);
        let accounts = AccountStore::open(dir.path()).unwrap();
        assert!(matches!(refuse(&accounts, "another"), Admission::Held(_)));
        accounts.settle();
        // Damage that cannot be put aside holds every account, too.
        fs::write(dir.path().join(FILE), "{").unwrap();
        fs::create_dir(&draft).unwrap();
        fs::create_dir_all(dir.path().join("accounts.json.damaged/x")).unwrap();
        let accounts = AccountStore::open(dir.path()).unwrap();
        assert!(matches!(refuse(&accounts, "x"), Admission::Held(_)));
    }

    #[tokio::test]
    async fn two_runs_of_one_account_take_turns() {
        let accounts = AccountStore::default();
        let key =
            |account: &str, host: &str| AccountKey { account: account.into(), host: host.into() };
        let (one, other) = (key("a", "x.go.kr"), key("b", "x.go.kr"));
        let _elsewhere = accounts.turn(&key("a", "y.go.kr")).await;
        let held = accounts.turn(&one).await;
        let mut waiting = Box::pin(accounts.turn(&one));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let _other = accounts.turn(&other).await;
        drop(held);
        waiting.await;
    }
}
