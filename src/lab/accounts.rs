//! Accounts of one system, with the rule that makes careless probing dangerous: five bad passwords
//! lock an account, and nothing but a person unlocks it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Bad passwords that lock an account; time does not heal it.
pub const STRIKES: u32 = 5;

/// What a user name and a password came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Right.
    Welcome,
    /// Wrong, so many times now. An unknown user is told the same, with one strike.
    Wrong {
        /// Bad passwords since the last good one.
        strikes: u32,
    },
    /// Too many bad ones before; the password was not looked at.
    Locked,
}

/// Whether a directory knows its passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// As it should.
    Filled,
    /// It has gone empty: every password is wrong.
    Empty,
}

#[derive(Debug, Default)]
struct Account {
    password: String,
    strikes: u32,
}

/// The accounts.
#[derive(Debug, Default)]
pub struct Accounts {
    all: Mutex<BTreeMap<String, Account>>,
}

impl Accounts {
    /// With these users and passwords.
    pub fn new<'a>(users: impl IntoIterator<Item = (&'a str, &'a str)>) -> Accounts {
        let all = users.into_iter().map(|(user, password)| {
            (user.to_owned(), Account { password: password.to_owned(), strikes: 0 })
        });
        Accounts { all: Mutex::new(all.collect()) }
    }

    /// Looks at a password and remembers a bad one.
    pub fn check(&self, user: &str, password: &str, directory: Directory) -> Check {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = all.get_mut(user) else { return Check::Wrong { strikes: 1 } };
        if account.strikes >= STRIKES {
            return Check::Locked;
        }
        if directory == Directory::Empty || account.password != password {
            account.strikes += 1;
            return Check::Wrong { strikes: account.strikes };
        }
        account.strikes = 0;
        Check::Welcome
    }

    /// Who is locked out.
    pub fn locked(&self) -> Vec<String> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let locked = all.iter().filter(|(_, account)| account.strikes >= STRIKES);
        locked.map(|(user, _)| user.clone()).collect()
    }

    /// What a person at the help desk does: forgets all bad passwords.
    pub fn reset(&self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.values_mut().for_each(|account| account.strikes = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_bad_passwords_lock_until_a_person_resets() {
        let accounts = Accounts::new([("kim", "right"), ("lee", "right")]);
        for strikes in 1..=STRIKES {
            assert_eq!(accounts.check("kim", "bad", Directory::Filled), Check::Wrong { strikes });
        }
        assert_eq!(accounts.check("kim", "right", Directory::Filled), Check::Locked);
        assert_eq!(accounts.check("lee", "right", Directory::Filled), Check::Welcome);
        assert_eq!(accounts.locked(), ["kim"]);
        accounts.reset();
        assert_eq!(accounts.check("kim", "right", Directory::Filled), Check::Welcome);
    }

    #[test]
    fn a_good_password_forgives_and_an_empty_directory_does_not() {
        let accounts = Accounts::new([("kim", "right")]);
        accounts.check("kim", "bad", Directory::Filled);
        accounts.check("kim", "right", Directory::Filled);
        let wrong = accounts.check("kim", "right", Directory::Empty);
        assert_eq!(wrong, Check::Wrong { strikes: 1 });
    }
}
