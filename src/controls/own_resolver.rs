//! Whether a failure comes of our own name servers. What a server of use says of one name is about that
//! name; what servers say that answer no question at all is about them, and they are ours.

use crate::config::{DialOptions, DnsOwner};
use crate::outcome::{Failure, Reason};
use crate::transport::name_servers::ServersState;

/// Whether useless name servers could have caused it, and whether they are ours.
pub(super) fn concerns(failure: &Failure, dial: &DialOptions) -> bool {
    dial.dns_owner == DnsOwner::Prober
        && matches!(failure.reason, Reason::DnsTimeout | Reason::DnsServfail)
}

/// [`Reason::NoResolver`] in place of what was found.
pub(super) fn none(found: &Failure, servers: ServersState) -> Failure {
    let without_step = Failure { step: None, ..found.clone() };
    let said = match servers {
        ServersState::Silent => "none of our name servers answers",
        _ => "our name servers answer every question with an error",
    };
    Failure {
        step: found.step.clone(),
        ..Failure::new(Reason::NoResolver, format!("{said}; the run had {without_step}"))
    }
}
