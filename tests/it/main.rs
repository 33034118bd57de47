//! All integration tests, in one binary so that they link once.
// clippy.toml allows these in test functions; helpers of tests are the same.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

mod alert_rules;
mod architecture;
mod banners;
mod blackbox;
mod cli;
mod config;
mod controls;
mod dashboards;
mod dns;
mod endless;
mod endpoints;
mod evidence;
mod external_url;
mod http_exchange;
mod http_failures;
mod http_nginx;
mod http_proxy;
mod http_secrets;
mod http_tls;
mod irregular_files;
mod lab;
mod login;
mod metrics_golden;
mod metrics_hostile;
mod metrics_prometheus;
mod metrics_semantics;
mod page;
mod produced;
mod reasons;
mod reload;
mod scheduling;
mod shutdown;
mod state_directory;
mod systemd;
mod tls_client_cert;
mod tls_handshake;
mod tls_issuers;
mod tls_legacy;
mod tls_revocation;
mod tls_verdicts;
mod web_config;
mod words;
