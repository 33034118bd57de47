//! What can be wrong with a chain.

/// One fault of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainFault {
    pub kind: ChainFaultKind,
    /// One sentence for a person.
    pub detail: String,
}

/// The kinds of faults, in the order in which they name a failure: a chain often has several, and
/// the first one is what the operator should read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChainFaultKind {
    Expired,
    NotYetValid,
    NameMismatch,
    /// No certificate of the issuer is sent or trusted.
    UnknownIssuer,
    /// The chain verifies only with an intermediate that the server did not send.
    ChainIncomplete,
    /// The server's certificate is signed by its own key and not trusted.
    SelfSigned,
    /// A key or signature algorithm that is not accepted any more.
    Weak,
    /// Encoding, purpose, constraints: any other broken rule of RFC 5280.
    Invalid,
    Revoked,
}

impl ChainFaultKind {
    pub const ALL: [ChainFaultKind; 9] = [
        ChainFaultKind::Expired,
        ChainFaultKind::NotYetValid,
        ChainFaultKind::NameMismatch,
        ChainFaultKind::UnknownIssuer,
        ChainFaultKind::ChainIncomplete,
        ChainFaultKind::SelfSigned,
        ChainFaultKind::Weak,
        ChainFaultKind::Invalid,
        ChainFaultKind::Revoked,
    ];

    /// A label value, such as `chain_incomplete`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChainFaultKind::Expired => "expired",
            ChainFaultKind::NotYetValid => "not_yet_valid",
            ChainFaultKind::NameMismatch => "name_mismatch",
            ChainFaultKind::UnknownIssuer => "unknown_issuer",
            ChainFaultKind::ChainIncomplete => "chain_incomplete",
            ChainFaultKind::SelfSigned => "self_signed",
            ChainFaultKind::Weak => "weak",
            ChainFaultKind::Invalid => "invalid",
            ChainFaultKind::Revoked => "revoked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_list_is_the_order_of_the_kinds() {
        assert!(ChainFaultKind::ALL.is_sorted());
    }
}
