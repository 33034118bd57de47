//! What several tests need.

pub(crate) mod prometheus;
pub(crate) mod promtool;
pub(crate) mod results;
