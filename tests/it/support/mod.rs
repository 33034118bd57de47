//! What several tests need.

pub(crate) mod daemon;
pub(crate) mod http;
pub(crate) mod openssl;
pub(crate) mod pki;
pub(crate) mod prometheus;
pub(crate) mod promtool;
pub(crate) mod results;
pub(crate) mod scripted;
pub(crate) mod target;
pub(crate) mod tls;
pub(crate) mod web;
