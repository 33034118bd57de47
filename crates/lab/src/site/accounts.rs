//! Accounts of one system, with the rule that makes careless probing dangerous: five bad passwords
//! lock an account, and only a person unlocks it.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Bad passwords that lock an account; it does not unlock by itself.
pub const STRIKES: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    Welcome,
    /// An unknown user is told the same, with one strike.
    Wrong {
        /// Bad passwords since the last good one.
        strikes: u32,
    },
    /// There were too many bad passwords before; this one was not looked at.
    Locked,
}

/// Whether a directory knows its passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordDirectory {
    Filled,
    /// Every password is wrong.
    Empty,
}

#[derive(Debug, Default)]
struct UserAccount {
    password: String,
    strikes: u32,
}

#[derive(Debug, Default)]
pub struct UserAccounts {
    all: Mutex<BTreeMap<String, UserAccount>>,
}

impl UserAccounts {
    /// Pairs of user and password.
    pub fn new<'a>(users: impl IntoIterator<Item = (&'a str, &'a str)>) -> UserAccounts {
        let all = users.into_iter().map(|(user, password)| {
            (user.to_owned(), UserAccount { password: password.to_owned(), strikes: 0 })
        });
        UserAccounts { all: Mutex::new(all.collect()) }
    }

    /// Checks a password and counts a bad one.
    pub fn check(&self, user: &str, password: &str, directory: PasswordDirectory) -> PasswordCheck {
        let mut all = self.all.lock();
        let Some(account) = all.get_mut(user) else { return PasswordCheck::Wrong { strikes: 1 } };
        if account.strikes >= STRIKES {
            return PasswordCheck::Locked;
        }
        if directory == PasswordDirectory::Empty || account.password != password {
            account.strikes += 1;
            return PasswordCheck::Wrong { strikes: account.strikes };
        }
        account.strikes = 0;
        PasswordCheck::Welcome
    }

    /// Users whose account is locked.
    pub fn locked(&self) -> Vec<String> {
        let all = self.all.lock();
        let locked = all.iter().filter(|(_, account)| account.strikes >= STRIKES);
        locked.map(|(user, _)| user.clone()).collect()
    }

    /// Forgets all bad passwords, as a help desk does on request.
    pub fn reset(&self) {
        let mut all = self.all.lock();
        all.values_mut().for_each(|account| account.strikes = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_bad_passwords_lock_until_a_person_resets() {
        let accounts = UserAccounts::new([("kim", "right"), ("lee", "right")]);
        for strikes in 1..=STRIKES {
            assert_eq!(
                accounts.check("kim", "bad", PasswordDirectory::Filled),
                PasswordCheck::Wrong { strikes }
            );
        }
        assert_eq!(
            accounts.check("kim", "right", PasswordDirectory::Filled),
            PasswordCheck::Locked
        );
        assert_eq!(
            accounts.check("lee", "right", PasswordDirectory::Filled),
            PasswordCheck::Welcome
        );
        assert_eq!(accounts.locked(), ["kim"]);
        accounts.reset();
        assert_eq!(
            accounts.check("kim", "right", PasswordDirectory::Filled),
            PasswordCheck::Welcome
        );
    }

    #[test]
    fn a_good_password_forgives_and_an_empty_directory_does_not() {
        let accounts = UserAccounts::new([("kim", "right")]);
        accounts.check("kim", "bad", PasswordDirectory::Filled);
        accounts.check("kim", "right", PasswordDirectory::Filled);
        let wrong = accounts.check("kim", "right", PasswordDirectory::Empty);
        assert_eq!(wrong, PasswordCheck::Wrong { strikes: 1 });
    }
}
