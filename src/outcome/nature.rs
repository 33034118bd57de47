//! What a reason is beside its stage, for whoever treats several alike. Each row of the reasons says it,
//! if only by an empty list, so that a new reason is thought of everywhere.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// A page was read and is not what was expected of it. Behind a login it is named by what it says of
    /// the session.
    MissedExpectation,
    /// Time ran out, so that a stall of ours may be its whole cause.
    OfTime,
    /// The server gave up on us, which it also does where we stood still.
    GaveUp,
    /// A fault of a certificate, which belongs to the host that shows it whatever that host needs.
    OfItsCertificate,
    /// The service answered, and our account or how we come is what it does not like. The operator of
    /// the prober has to do something about it, and not the owner of the service.
    OurAccount,
    /// What we were told to do there does not fit any more, and nothing was sent.
    OurFlow,
    /// This login was refused, as a sentence on a page may say.
    Refusal,
    /// The sign-in is in trouble and says so, or it was not even asked: nothing counts against the account.
    NotAsked,
    /// An optional step that ends so merely had nothing to do. What is expected is so, too.
    NothingToDo,
}
