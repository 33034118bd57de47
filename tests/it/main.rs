//! All integration tests, in one binary so that they link once.

mod support;

mod metrics_golden;
mod metrics_hostile;
mod metrics_prometheus;
mod metrics_semantics;
