//! What the end of an attempt says about the account: only what a rule of `fail_if` named counts
//! against it, and an outage of the sign-in says nothing.

use crate::outcome::{Failure, Nature, Reason, Stage};

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Success,
    /// A rule named it: `bad_credentials` or `account_locked`.
    Refused(Reason),
    /// Turned away, and no rule says why.
    Unexplained(Failure),
    /// Credentials were sent and no answer came in time. An outage does that, and a refusal that is
    /// slower than the timeout.
    Unanswered,
    /// Nothing was learned about the account.
    Silence,
}

impl Ending {
    /// Sorts a failure that came after credentials were sent. `named` says that a rule of
    /// `fail_if` gave the reason; `status` is the answer's, 0 when none came.
    pub fn of(failure: &Failure, named: Named, status: u16) -> Ending {
        match (failure.reason, named) {
            (reason @ (Reason::BadCredentials | Reason::AccountLocked), Named::ByRule) => {
                Ending::Refused(reason)
            }
            // The sign-in is in trouble and says so, or it was not even asked.
            (reason, _) if reason.is(Nature::NotAsked) => Ending::Silence,
            (Reason::ResponseTimeout, _) if status == 0 => Ending::Unanswered,
            _ if status >= 500 => Ending::Silence,
            (Reason::HttpStatus, _) => Ending::Unexplained(failure.clone()),
            (reason, _) => match reason.stage() {
                Stage::Login | Stage::Content if reason != Reason::TooSlow => {
                    Ending::Unexplained(failure.clone())
                }
                _ => Ending::Silence,
            },
        }
    }
}

/// Who gave a failure its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A rule of `fail_if` matched.
    ByRule,
    ByUs,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(reason: Reason) -> Failure {
        Failure::new(reason, "")
    }

    #[test]
    fn only_what_a_rule_names_counts_against_the_account() {
        use Named::{ByRule, ByUs};
        let refused = Ending::Refused(Reason::BadCredentials);
        assert_eq!(Ending::of(&failure(Reason::BadCredentials), ByRule, 200), refused);
        let silent = [
            (Reason::ResponseTimeout, 200),
            (Reason::BodyTimeout, 200),
            (Reason::ConnectionReset, 0),
            (Reason::ConnectTimeout, 0),
            (Reason::TlsExpired, 0),
            (Reason::HttpStatus, 503),
            (Reason::NotLoggedIn, 502),
            (Reason::PkiBackend, 200),
            (Reason::NoticePage, 200),
            (Reason::WaitingRoom, 200),
            (Reason::DuplicateSession, 200),
            (Reason::FormChanged, 200),
            (Reason::TooSlow, 200),
            (Reason::SecretHost, 0),
        ];
        for (reason, status) in silent {
            for named in [ByRule, ByUs] {
                let ending = Ending::of(&failure(reason), named, status);
                assert_eq!(ending, Ending::Silence, "{reason:?} {named:?}");
            }
        }
        let unanswered = Ending::of(&failure(Reason::ResponseTimeout), ByUs, 0);
        assert_eq!(unanswered, Ending::Unanswered);
        for (reason, status) in [
            (Reason::NotLoggedIn, 200),
            (Reason::HttpStatus, 401),
            (Reason::BodyMismatch, 200),
            (Reason::Captcha, 200),
            (Reason::RateLimited, 429),
        ] {
            let ending = Ending::of(&failure(reason), ByRule, status);
            assert!(matches!(ending, Ending::Unexplained(_)), "{reason:?}");
        }
    }
}
