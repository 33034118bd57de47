//! What several tests need.

pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod estate;
pub(crate) mod hole;
pub(crate) mod http;
pub(crate) mod nginx;
pub(crate) mod openssl;
pub(crate) mod pki;
pub(crate) mod prometheus;
pub(crate) mod promtool;
pub(crate) mod results;
pub(crate) mod s_server;
pub(crate) mod scripted;
pub(crate) mod secure;
pub(crate) mod site;
pub(crate) mod target;
pub(crate) mod tls;
pub(crate) mod visit;
pub(crate) mod web;
pub(crate) mod written;

use std::time::Duration;

/// Time for a run that is to run out of it, but not before the phase that hangs.
pub(crate) const SHORT: Duration = Duration::from_secs(3);
