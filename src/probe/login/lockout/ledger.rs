//! Keeps a probe from locking the account it signs in with.
//!
//! Three vantages with two attempts each are six; a policy of five strikes locks the account, and
//! then the lock looks like the outage. [`Ledger`] therefore holds an account at the first answer
//! that a rule of `fail_if` *names* a refusal of it, and no passing of time releases it: only a
//! changed secret or an operator does. An answer that nobody can explain may be the outage itself,
//! so it stays a failure of the service, and only the pace of attempts goes down. Silence and
//! errors of the service say nothing about an account that has ever signed in, and change nothing: an
//! outage is no reason to look less often. Where these secrets never have, silence may as well be a
//! refusal that is slower than the timeout; it slows the attempts down and then holds them.
//!
//! The ledger is a state machine with explicit time and no I/O; [`super::store`] gives it a
//! clock, a lock and a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ending::Ending;
use crate::config::login::LockoutPolicy;
use crate::outcome::{Failure, Reason, Step};

/// More entries than any configuration has; the file stays small whatever happens.
///
/// No row: accounts and hosts are the configuration's.
const ENTRIES_MAX: usize = 50_000;

/// Logins without an answer before the pace goes down, of secrets that have never signed in.
const UNANSWERED_SLOWED: u32 = 2;
/// Such logins before the account is held: fewer than the five strikes that lock one.
const UNANSWERED_HELD: u32 = 4;

/// An account at the host that receives it: the same account may be refused by one system of an
/// agency and welcome at another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey {
    /// The name of the secret (or identity) that stands for the account.
    pub account: Arc<str>,
    /// The host that receives the credentials, lowercase.
    pub host: Arc<str>,
}

/// By secret name.
pub type Prints = BTreeMap<String, Print>;

/// A keyed digest of a secret's value, which tells that it changed. The file keeps 8 of its bits, with
/// the key beside them: every 256th guess of a password fits them, so they confirm none. One change in
/// 256 over a restart is not noticed, and `POST /-/resume` is there for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub struct Print {
    kept: u8,
    /// Known to the process that saw the value.
    rest: Option<[u8; 3]>,
}

impl Print {
    /// From the beginning of a digest.
    pub fn of([kept, rest @ ..]: [u8; 4]) -> Print {
        Print { kept, rest: Some(rest) }
    }

    /// Whether both may be of one value.
    fn fits(self, other: Print) -> bool {
        let rest = self.rest.zip(other.rest);
        self.kept == other.kept && rest.is_none_or(|(one, other)| one == other)
    }
}

impl From<u8> for Print {
    fn from(kept: u8) -> Print {
        Print { kept, rest: None }
    }
}

impl From<Print> for u8 {
    fn from(print: Print) -> u8 {
        print.kept
    }
}

/// Whether credentials may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Go,
    Held(Failure),
    /// Not yet; the last answer still stands for the service.
    Slowed(Failure),
}

/// Everything remembered. Serialized as it is into the state directory, so it never holds a
/// secret or a text from a target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// The last time-step that a code was sent for, by secret.
    totp: BTreeMap<String, u64>,
    /// What was known before is lost: an account without an entry counts as held.
    #[serde(default)]
    unsure: bool,
    /// Counts what is worth being written down.
    #[serde(skip)]
    revision: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    account: String,
    host: String,
    #[serde(default)]
    failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Hold>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slowed: Option<Slowdown>,
    /// Whether the secrets with these prints have ever signed in.
    #[serde(default)]
    has_worked: bool,
    /// Logins without an answer, while they have not.
    #[serde(default)]
    unanswered: u32,
    /// Of the secrets that were sent when this was noted.
    #[serde(default)]
    prints: Prints,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    reason: String,
    since_s: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slowdown {
    since_s: u64,
    for_s: u64,
    reason: String,
    step: Option<(String, String)>,
}

impl Ledger {
    /// An empty ledger that takes every account it does not know for held.
    pub fn unsure() -> Ledger {
        Ledger { unsure: true, ..Ledger::default() }
    }

    /// Asks to send the credentials with these prints. `now_s` counts from 1970.
    pub fn admit(&mut self, key: &AccountKey, prints: &Prints, now_s: u64) -> Admission {
        if self.find(key).is_none() {
            let held = self.unsure.then(|| Hold { reason: "unknown".into(), since_s: now_s });
            let (account, host) = (key.account.to_string(), key.host.to_string());
            let prints = prints.clone();
            self.insert(Entry { account, host, held, prints, ..Entry::default() });
        }
        let Some(entry) = self.find(key) else { return Admission::Go };
        let is_other =
            |(name, old): (&String, &Print)| prints.get(name).is_some_and(|new| !new.fits(*old));
        let changed = entry.prints.iter().any(is_other);
        if changed {
            entry.release();
            entry.has_worked = false;
        }
        if prints.iter().any(|(name, print)| entry.prints.get(name) != Some(print)) {
            // Added and not replaced: a flow may send a password in one step and a code in the next.
            entry.prints.extend(prints.iter().map(|(name, print)| (name.clone(), *print)));
            self.revision += 1;
        }
        let Some(entry) = self.find(key) else { return Admission::Go };
        if let Some(hold) = &entry.held {
            return Admission::Held(hold.failure(key));
        }
        match &entry.slowed {
            // A clock that was set back must not stretch the pause.
            Some(slow) if now_s.checked_sub(slow.since_s).is_some_and(|past| past < slow.for_s) => {
                Admission::Slowed(slow.failure(now_s))
            }
            _ => Admission::Go,
        }
    }

    /// Notes how an attempt ended.
    pub fn note(&mut self, key: &AccountKey, policy: LockoutPolicy, ending: &Ending, now_s: u64) {
        let Some(entry) = self.find(key) else { return };
        match ending {
            Ending::Success if entry.has_worked && entry.is_free() => return,
            Ending::Success => {
                entry.release();
                entry.has_worked = true;
            }
            Ending::Silence => return,
            // A certificate has no password that could be wrong.
            Ending::Unanswered if entry.has_worked || entry.prints.is_empty() => return,
            Ending::Unanswered => entry.unanswered(policy, now_s),
            Ending::Refused(reason) => {
                entry.failures = entry.failures.saturating_add(1);
                entry.slowed = None;
                if entry.failures >= policy.max_failures {
                    let reason = reason.as_str().to_owned();
                    entry.held = Some(Hold { reason, since_s: now_s });
                }
            }
            Ending::Unexplained(failure) => {
                entry.slowed = Some(Slowdown {
                    since_s: now_s,
                    for_s: policy.slow_to.as_secs(),
                    reason: failure.reason.as_str().to_owned(),
                    step: failure
                        .step
                        .as_ref()
                        .map(|step| (step.name.to_string(), step.component.to_string())),
                });
            }
        }
        self.revision += 1;
    }

    /// Grows with every change that must survive a restart.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Releases an account at all its hosts, or with `None` every account; says how many were
    /// held or slowed.
    pub fn resume(&mut self, account: Option<&str>) -> usize {
        if account.is_none() {
            self.unsure = false;
        }
        self.revision += 1;
        let mut released = 0;
        for entry in &mut self.entries {
            if account.is_none_or(|account| entry.account == account) {
                released += usize::from(entry.held.is_some() || entry.slowed.is_some());
                entry.release();
            }
        }
        released
    }

    /// Every account that was ever asked for, and whether it is held.
    pub fn holds(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.entries.iter().map(|entry| (&*entry.account, &*entry.host, entry.held.is_some()))
    }

    /// Takes a time-step of a secret, or says which one is the next that may be used.
    pub fn use_step(&mut self, secret: &str, step: u64) -> Result<(), u64> {
        match self.totp.get(secret) {
            Some(&last) if last >= step => Err(last.saturating_add(1)),
            _ => {
                self.revision += 1;
                self.totp.insert(secret.to_owned(), step);
                Ok(())
            }
        }
    }

    /// Whether the file could have been written by this program.
    pub fn is_plausible(&self) -> bool {
        self.entries.len() <= ENTRIES_MAX && self.totp.len() <= ENTRIES_MAX
    }

    fn find(&mut self, key: &AccountKey) -> Option<&mut Entry> {
        let place = self.place(key).ok()?;
        self.entries.get_mut(place)
    }

    fn place(&self, key: &AccountKey) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| {
            (&*entry.account, &*entry.host).cmp(&(&*key.account, &*key.host))
        })
    }

    /// Keeps the order. Full, the first entry without a hold makes room; holds are never dropped.
    fn insert(&mut self, entry: Entry) {
        if self.entries.len() >= ENTRIES_MAX
            && let Some(place) = self.entries.iter().position(|entry| entry.held.is_none())
        {
            self.entries.remove(place);
        }
        let key = AccountKey { account: (*entry.account).into(), host: (*entry.host).into() };
        self.revision += 1;
        if let Err(place) = self.place(&key) {
            self.entries.insert(place, entry);
        }
    }

    /// After reading a file: the order that `find` relies on.
    pub fn sort(&mut self) {
        self.entries.sort_by(|a, b| (&a.account, &a.host).cmp(&(&b.account, &b.host)));
    }
}

impl Entry {
    fn release(&mut self) {
        self.failures = 0;
        self.held = None;
        self.slowed = None;
        self.unanswered = 0;
    }

    fn is_free(&self) -> bool {
        (self.failures, self.unanswered) == (0, 0) && self.held.is_none() && self.slowed.is_none()
    }

    /// One more login got no answer, and none ever has.
    fn unanswered(&mut self, policy: LockoutPolicy, now_s: u64) {
        let reason = Reason::ResponseTimeout.as_str().to_owned();
        self.unanswered = self.unanswered.saturating_add(1);
        if self.unanswered >= UNANSWERED_HELD {
            self.slowed = None;
            self.held = Some(Hold { reason, since_s: now_s });
        } else if self.unanswered >= UNANSWERED_SLOWED {
            let for_s = policy.slow_to.as_secs();
            self.slowed = Some(Slowdown { since_s: now_s, for_s, reason, step: None });
        }
    }
}

impl Hold {
    fn failure(&self, key: &AccountKey) -> Failure {
        let AccountKey { account, host } = key;
        let why = match Reason::from_label(&self.reason) {
            Some(Reason::ResponseTimeout) => format!(
                "because {UNANSWERED_HELD} logins got no answer in time and none has ever worked: its \
                 password may be wrong and the refusal slow"
            ),
            Some(reason) => format!("after {}", reason.as_str()),
            None => "because the record of held accounts was lost".into(),
        };
        Failure::new(
            Reason::AccountHeld,
            format!(
                "account {account} at {host} is held {why}; change its secret, or resume it with \
                 POST /-/resume?account={account}"
            ),
        )
    }
}

impl Slowdown {
    fn failure(&self, now_s: u64) -> Failure {
        let left = (self.since_s + self.for_s).saturating_sub(now_s);
        let reason = Reason::from_label(&self.reason).unwrap_or(Reason::NotLoggedIn);
        if reason == Reason::ResponseTimeout {
            let detail = format!(
                "no login has ever worked with these secrets, and the last ones got no answer in time, \
                 which may be a slow refusal; to spare the account the next one comes in {left} s"
            );
            return Failure::new(Reason::AccountHeld, detail);
        }
        Failure {
            reason,
            step: self.step.as_ref().map(|(name, component)| Step {
                name: name.as_str().into(),
                component: component.as_str().into(),
            }),
            detail: format!(
                "the last attempt was turned away and no rule says why; to spare the account the \
                 next one comes in {left} s"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const POLICY: LockoutPolicy =
        LockoutPolicy { max_failures: 1, slow_to: Duration::from_secs(900) };

    fn key() -> AccountKey {
        AccountKey { account: "saeol_user".into(), host: "saeol.example.go.kr".into() }
    }

    fn prints(value: u32) -> Prints {
        BTreeMap::from([("saeol_pass".into(), Print::of(value.to_be_bytes()))])
    }

    /// Every 256th password has the print that is kept, so the file confirms no guess.
    #[test]
    fn what_is_kept_of_a_password_is_one_byte() {
        let mut ledger = Ledger::default();
        ledger.admit(&key(), &prints(0x07_01_02_03), 0);
        ledger.note(&key(), POLICY, &Ending::Refused(Reason::BadCredentials), 0);
        let kept = serde_json::to_value(&ledger).unwrap();
        assert_eq!(kept["entries"][0]["prints"], serde_json::json!({ "saeol_pass": 7 }));
        let mut read: Ledger = serde_json::from_value(kept).unwrap();
        // The same first byte: held as before, and from now on told apart by the whole print.
        assert!(matches!(read.admit(&key(), &prints(0x07_ff_ff_ff), 1), Admission::Held(_)));
        assert_eq!(read.admit(&key(), &prints(0x07_ff_ff_fe), 2), Admission::Go);
    }

    fn failure(reason: Reason) -> Failure {
        Failure::new(reason, "")
    }

    #[test]
    fn the_first_named_refusal_holds_the_account_whatever_time_passes() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.admit(&key(), &prints(1), 0), Admission::Go);
        ledger.note(&key(), POLICY, &Ending::Refused(Reason::BadCredentials), 0);
        for year in 1..100 {
            let admission = ledger.admit(&key(), &prints(1), year * 31_536_000);
            let Admission::Held(failure) = admission else { panic!("{admission:?}") };
            assert_eq!(failure.reason, Reason::AccountHeld);
        }
        let elsewhere = AccountKey { host: "other.example.go.kr".into(), ..key() };
        assert_eq!(ledger.admit(&elsewhere, &prints(1), 1), Admission::Go);
    }

    #[test]
    fn a_changed_secret_or_an_operator_releases_it() {
        let mut ledger = Ledger::default();
        ledger.admit(&key(), &prints(1), 0);
        ledger.note(&key(), POLICY, &Ending::Refused(Reason::AccountLocked), 0);
        assert_eq!(ledger.holds().collect::<Vec<_>>(), [(&*key().account, &*key().host, true)]);
        assert_eq!(ledger.admit(&key(), &prints(2), 1), Admission::Go);
        ledger.note(&key(), POLICY, &Ending::Refused(Reason::AccountLocked), 1);
        assert_eq!(ledger.resume(Some("someone_else")), 0);
        assert!(matches!(ledger.admit(&key(), &prints(2), 2), Admission::Held(_)));
        assert_eq!(ledger.resume(Some("saeol_user")), 1);
        assert_eq!(ledger.admit(&key(), &prints(2), 2), Admission::Go);
    }

    #[test]
    fn a_changed_password_is_noticed_although_the_code_was_sent_last() {
        let mut ledger = Ledger::default();
        let code = BTreeMap::from([("saeol_otp".to_owned(), Print::of([9; 4]))]);
        ledger.admit(&key(), &prints(1), 0);
        ledger.admit(&key(), &code, 0);
        ledger.note(&key(), POLICY, &Ending::Refused(Reason::BadCredentials), 0);
        assert!(matches!(ledger.admit(&key(), &prints(1), 1), Admission::Held(_)));
        assert_eq!(ledger.admit(&key(), &prints(2), 2), Admission::Go);
    }

    #[test]
    fn more_patience_counts_refusals_in_a_row() {
        let policy = LockoutPolicy { max_failures: 2, ..POLICY };
        let mut ledger = Ledger::default();
        for ending in [Ending::Refused(Reason::BadCredentials), Ending::Success] {
            assert_eq!(ledger.admit(&key(), &prints(1), 0), Admission::Go);
            ledger.note(&key(), policy, &ending, 0);
        }
        for _ in 0..2 {
            assert_eq!(ledger.admit(&key(), &prints(1), 0), Admission::Go);
            ledger.note(&key(), policy, &Ending::Refused(Reason::BadCredentials), 0);
        }
        assert!(matches!(ledger.admit(&key(), &prints(1), 0), Admission::Held(_)));
    }

    #[test]
    fn an_unexplained_rejection_slows_down_and_keeps_its_reason() {
        let mut ledger = Ledger::default();
        ledger.admit(&key(), &prints(1), 1000);
        let ending = Ending::Unexplained(failure(Reason::NotLoggedIn));
        ledger.note(&key(), POLICY, &ending, 1000);
        let Admission::Slowed(slowed) = ledger.admit(&key(), &prints(1), 1899) else { panic!() };
        assert_eq!(slowed.reason, Reason::NotLoggedIn);
        assert_eq!(ledger.admit(&key(), &prints(1), 1900), Admission::Go);
        // A clock that was set back does not stretch the pause.
        assert_eq!(ledger.admit(&key(), &prints(1), 10), Admission::Go);
        // A new secret is worth an attempt at once.
        assert_eq!(ledger.admit(&key(), &prints(2), 1200), Admission::Go);
    }

    /// A wrong password whose refusal comes after the timeout, at a configured pace of 9 s.
    #[test]
    fn silence_slows_and_holds_what_has_never_worked() {
        let mut ledger = Ledger::default();
        let mut sent = Vec::new();
        for now in (0..7200).step_by(9) {
            match ledger.admit(&key(), &prints(1), now) {
                Admission::Go => {
                    sent.push(now);
                    ledger.note(&key(), POLICY, &Ending::Unanswered, now);
                }
                Admission::Held(failure) | Admission::Slowed(failure) => {
                    assert_eq!(failure.reason, Reason::AccountHeld);
                    assert!(failure.detail.contains("has ever worked"), "{failure}");
                }
            }
            let text = serde_json::to_string(&ledger).unwrap();
            ledger = serde_json::from_str(&text).unwrap();
        }
        assert_eq!(sent, [0, 9, 909, 1809]);
        assert_eq!(ledger.holds().filter(|(_, _, held)| *held).count(), 1);
        // A new password is worth an attempt at once, and has to show by itself that it works.
        assert_eq!(ledger.admit(&key(), &prints(2 << 24), 7200), Admission::Go);
        ledger.note(&key(), POLICY, &Ending::Success, 7200);
        for now in 7201..7300 {
            assert_eq!(ledger.admit(&key(), &prints(2 << 24), now), Admission::Go, "an outage");
            ledger.note(&key(), POLICY, &Ending::Unanswered, now);
        }
        for now in [7301, 7302] {
            assert_eq!(ledger.admit(&key(), &prints(3 << 24), now), Admission::Go);
            ledger.note(&key(), POLICY, &Ending::Unanswered, now);
        }
        assert!(matches!(ledger.admit(&key(), &prints(3 << 24), 7303), Admission::Slowed(_)));
        // A certificate signs in without a secret that is sent.
        let officer = AccountKey { account: "officer".into(), ..key() };
        for now in 0..100 {
            assert_eq!(ledger.admit(&officer, &Prints::new(), now), Admission::Go);
            ledger.note(&officer, POLICY, &Ending::Unanswered, now);
        }
    }

    #[test]
    fn a_lost_record_holds_what_it_does_not_know() {
        let mut ledger = Ledger::unsure();
        assert!(matches!(ledger.admit(&key(), &prints(1), 0), Admission::Held(_)));
        assert_eq!(ledger.resume(None), 1);
        assert_eq!(ledger.admit(&key(), &prints(1), 0), Admission::Go);
    }

    #[test]
    fn a_time_step_is_used_once() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.use_step("otp", 7), Ok(()));
        assert_eq!(ledger.use_step("otp", 7), Err(8));
        assert_eq!(ledger.use_step("otp", 6), Err(8));
        assert_eq!(ledger.use_step("other", 7), Ok(()));
        assert_eq!(ledger.use_step("otp", 8), Ok(()));
    }

    #[test]
    fn it_survives_being_written_down() {
        let mut ledger = Ledger::default();
        ledger.admit(&key(), &prints(1), 5);
        ledger.note(&key(), POLICY, &Ending::Refused(Reason::BadCredentials), 5);
        ledger.use_step("otp", 7).unwrap();
        let text = serde_json::to_string(&ledger).unwrap();
        let read: Ledger = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(matches!(read.clone().admit(&key(), &prints(1), 6), Admission::Held(_)));
    }

    /// A system that locks at the fifth strike and never forgets, three vantages that do not
    /// know of each other, a day of runs every three minutes, two restarts of each.
    #[test]
    fn a_day_with_a_wrong_password_does_not_lock_the_account() {
        let mut strikes = 0;
        let mut vantages = [Ledger::default(), Ledger::default(), Ledger::default()];
        for minute in (0..24 * 60).step_by(3) {
            for ledger in &mut vantages {
                if minute == 480 || minute == 960 {
                    let text = serde_json::to_string(ledger).unwrap();
                    *ledger = serde_json::from_str(&text).unwrap();
                }
                if ledger.admit(&key(), &prints(1), minute * 60) == Admission::Go {
                    strikes += 1;
                    let reason = Reason::BadCredentials;
                    ledger.note(&key(), POLICY, &Ending::Refused(reason), minute * 60);
                }
            }
        }
        assert_eq!(strikes, 3, "five lock the account");
    }
}
