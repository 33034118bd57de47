//! What several tests need.

pub(crate) mod promtool;
pub(crate) mod results;
