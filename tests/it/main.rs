//! All integration tests, in one binary so that they link once.
// clippy.toml allows these in test functions; helpers of tests are the same.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

mod controls;
mod metrics_golden;
mod metrics_hostile;
mod metrics_prometheus;
mod metrics_semantics;
mod scheduling;
