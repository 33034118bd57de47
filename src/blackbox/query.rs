//! `tcp` of a module: what its file may say, which of it we do not have, and what is wrong with it.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

use super::address::IpProtocol;
use super::go_regex::GoPattern;
use super::go_values::{AnyBytes, is_default, is_yes, or_default, yes};
use super::tls::TlsConfig;

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub(super) struct TcpModule {
    #[serde(default)]
    pub(super) preferred_ip_protocol: IpProtocol,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub(super) ip_protocol_fallback: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    source_ip_address: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) query_response: Vec<QueryResponse>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tls: bool,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub(super) tls_config: TlsConfig,
}

impl Default for TcpModule {
    fn default() -> TcpModule {
        TcpModule {
            preferred_ip_protocol: IpProtocol::default(),
            ip_protocol_fallback: true,
            source_ip_address: String::new(),
            query_response: Vec::new(),
            tls: false,
            tls_config: TlsConfig::default(),
        }
    }
}

impl PartialEq for TcpModule {
    /// Only what tells a configuration from none.
    fn eq(&self, other: &TcpModule) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// One step of a conversation: what is awaited, and what is said then.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub(super) struct QueryResponse {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expect: Option<GoPattern>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) expect_bytes: AnyBytes,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) labels: Vec<Label>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) send: AnyBytes,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) starttls: bool,
}

/// A label of `probe_expect_info`, whose value may name what was captured.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub(super) struct Label {
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: String,
}

impl TcpModule {
    /// What of it we do not have.
    pub(super) fn beyond_us(&self) -> Option<String> {
        self.tls_config.beyond_us()
    }

    /// What is wrong, each with its key.
    pub(super) fn problems(&self) -> Vec<(&str, String)> {
        let mut found: Vec<(&str, String)> = self.tls_config.problem().into_iter().collect();
        if !self.source_ip_address.is_empty() && self.source_address().is_none() {
            let message = format!("{:?} is no address", self.source_ip_address);
            found.push(("source_ip_address", message));
        }
        let is_twofold =
            |step: &QueryResponse| step.expect.is_some() && !step.expect_bytes.0.is_empty();
        if self.query_response.iter().any(is_twofold) {
            let message = "has a step with expect and expect_bytes; write one";
            found.push(("query_response", message.to_owned()));
        }
        for label in self.query_response.iter().flat_map(|step| &step.labels) {
            if !is_label_name(&label.name) {
                let message = format!("{:?} is no name of a label", label.name);
                found.push(("query_response", message));
            }
        }
        found
    }

    pub(super) fn source_address(&self) -> Option<IpAddr> {
        self.source_ip_address.parse().ok()
    }

    /// With a name to verify that a request gives.
    pub(super) fn name_host(&mut self, hostname: &str) {
        if self.tls_config.server_name.is_empty() {
            self.tls_config.server_name = hostname.to_owned();
        }
    }
}

fn is_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
