//! `tcp`: what has TLS is a probe of certificates.

use super::super::query::{QueryResponse, TcpModule};
use super::{Translation, tls};
use crate::yaml_text::Yaml;

/// PostgreSQL's SSLRequest (protocol 3.0, "SSL Session Encryption").
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];

/// What is said of modules that no kind of probe stands for.
const NO_KIND: &str = "probes of ours are http, tls and login; keep it as a module with \
                       --blackbox.config.file, which runs it as it is";

pub(super) fn translation(module: &TcpModule, prefix: &str) -> Result<Translation, String> {
    let (protocol, falls_back) = (module.preferred_ip_protocol, module.ip_protocol_fallback);
    let mut made = Translation::new("tls", protocol, falls_back, prefix);
    let steps = &module.query_response;
    match steps.iter().position(|step| step.starttls) {
        Some(at) if !module.tls => {
            let Some(protocol) = protocol_of(&steps[..at]) else {
                return Err(format!(
                    "its STARTTLS is none of smtp, imap, pop3, ftp, postgres; {NO_KIND}"
                ));
            };
            made.set("starttls", Yaml::text(protocol));
            if at + 1 < steps.len() {
                made.note("query_response: what is said after STARTTLS is left out");
            }
        }
        _ if module.tls => {
            if !steps.is_empty() {
                made.note("query_response: what is said inside TLS is left out");
            }
        }
        _ if steps.is_empty() => return Err(format!("a bare TCP connection; {NO_KIND}")),
        _ => return Err(format!("a conversation without TLS; {NO_KIND}")),
    }
    if module.source_address().is_some() {
        made.note("source_ip_address: the system chooses the address to connect from");
    }
    tls::set(&mut made, &module.tls_config)?;
    if module.tls_config.min_version == "TLS13" {
        made.set("expect", Yaml::one("min_version", Yaml::text("1.3")));
    }
    Ok(made)
}

/// Whose way of beginning TLS this is.
fn protocol_of(steps: &[QueryResponse]) -> Option<&'static str> {
    let mut says_ehlo = false;
    for step in steps {
        if step.send.0 == SSL_REQUEST {
            return Some("postgres");
        }
        let said = String::from_utf8_lossy(&step.send.0).trim().to_ascii_uppercase();
        let words: Vec<&str> = said.split_whitespace().collect();
        match words[..] {
            ["EHLO" | "HELO", ..] => says_ehlo = true,
            ["STARTTLS"] if says_ehlo => return Some("smtp"),
            ["STLS"] => return Some("pop3"),
            ["AUTH", "TLS"] => return Some("ftp"),
            // A command of IMAP has a tag.
            [_, "STARTTLS"] => return Some("imap"),
            _ => {}
        }
    }
    None
}
