//! All integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic)]
// The lint's own exemption stops at test functions.

mod support;

mod architecture;
mod cli;
mod config;
mod controls;
mod lab;
mod metrics_golden;
mod metrics_hostile;
mod metrics_prometheus;
mod metrics_semantics;
mod scheduling;
mod tls_client_cert;
mod tls_handshake;
mod tls_issuers;
mod tls_legacy;
mod tls_revocation;
mod tls_verdicts;
