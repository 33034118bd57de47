//! The `tcp` prober: a connection, TLS where it is asked for, and a conversation line by line.

use std::io;
use std::net::SocketAddr;

use chain::TlsFacts;

use super::ModuleRun;
use super::findings::{Findings, TcpFindings};
use super::lines::Lines;
use super::log::Log;
use super::query::{QueryResponse, TcpModule};
use crate::deadline::Expired;
use crate::transport::dial::connect_from;
use crate::transport::stream::Stream;
use crate::transport::tls::{ascii_name, handshake};

/// Probes once. What was found is written down also when this fails.
pub(super) async fn probe(
    run: &ModuleRun<'_>,
    module: &TcpModule,
    target: &str,
    findings: &mut Findings,
    log: &mut Log,
) -> bool {
    findings.tcp = Some(TcpFindings::default());
    let Some((host, port)) = host_and_port(target) else {
        log.error("Error splitting target address and port", &[("target", &target)]);
        return false;
    };
    let (protocol, falls_back) = (module.preferred_ip_protocol, module.ip_protocol_fallback);
    let chosen = run.addresses.choose(host, protocol, falls_back, run.deadline, findings, log);
    let Some(ip) = chosen.await else { return false };
    let conversation = Conversation { run, module, host };
    log.debug(
        if module.tls { "Dialing TCP with TLS" } else { "Dialing TCP without TLS" },
        &[("address", &ip), ("port", &port)],
    );
    let connecting = connect_from(module.source_address(), SocketAddr::new(ip, port));
    let stream = match conversation.in_time(connecting).await {
        Ok(stream) => Stream::Tcp(stream),
        Err(error) => {
            log.error("Error dialing TCP", &[("err", &error)]);
            return false;
        }
    };
    let stream = if module.tls {
        match conversation.secure(stream, findings).await {
            Ok(stream) => stream,
            Err(error) => {
                log.error("Error dialing TCP", &[("err", &error)]);
                return false;
            }
        }
    } else {
        stream
    };
    log.debug("Successfully dialed", &[]);
    conversation.hold(Lines::new(stream), findings, log).await
}

fn tcp(findings: &mut Findings) -> &mut TcpFindings {
    findings.tcp.get_or_insert_default()
}

/// `host:port`, or `[v6]:port`.
fn host_and_port(target: &str) -> Option<(&str, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return None;
    }
    Some((bare.unwrap_or(host), port.parse().ok()?))
}

struct Conversation<'a> {
    run: &'a ModuleRun<'a>,
    module: &'a TcpModule,
    host: &'a str,
}

impl Conversation<'_> {
    async fn in_time<T>(&self, work: impl Future<Output = io::Result<T>>) -> Result<T, String> {
        match self.run.deadline.within(work).await {
            Ok(done) => done.map_err(|error| error.to_string()),
            Err(Expired) => Err("it did not end in time".to_owned()),
        }
    }

    async fn secure(&self, stream: Stream, findings: &mut Findings) -> Result<Stream, String> {
        let options = self.module.tls_config.options();
        self.run.look_at_certificates(&options).await;
        let clients = &self.run.surroundings.tls_clients;
        let (config, verifier) =
            clients.client(&options, &self.run.memory).map_err(|failure| failure.detail)?;
        let given = Some(self.module.tls_config.server_name.as_str());
        let name = ascii_name(given.filter(|name| !name.is_empty()).unwrap_or(self.host));
        let shaken = self.in_time(handshake(stream, config, &verifier, &name, &[])).await;
        findings.tls = verifier.facts();
        let stream = shaken?;
        let suite = stream.get_ref().1.negotiated_cipher_suite();
        let cipher = suite.map(|suite| super::tls::cipher_name(suite.suite()));
        findings.tls = verifier.facts().map(|facts| TlsFacts { cipher, ..facts });
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Goes through the steps.
    async fn hold(&self, mut lines: Lines, findings: &mut Findings, log: &mut Log) -> bool {
        for (number, step) in self.module.query_response.iter().enumerate() {
            log.debug("Processing query response entry", &[("entry_number", &number)]);
            let Some(send) = self.expect(step, &mut lines, findings, log).await else {
                return false;
            };
            if !step.expect_bytes.0.is_empty()
                && !self.expect_bytes(&step.expect_bytes.0, &mut lines, findings, log).await
            {
                return false;
            }
            if !send.is_empty() {
                log.debug("Sending line", &[("line", &String::from_utf8_lossy(&send))]);
                let line = [&send[..], b"\n"].concat();
                if let Err(error) = self.in_time(lines.send(&line)).await {
                    log.error("Failed to send", &[("err", &error)]);
                    return false;
                }
            }
            if step.starttls {
                lines = match self.secure(lines.into_stream(), findings).await {
                    Ok(stream) => Lines::new(stream),
                    Err(error) => {
                        log.error("TLS Handshake (client) failed", &[("err", &error)]);
                        return false;
                    }
                };
                log.debug("TLS Handshake (client) succeeded.", &[]);
            }
        }
        true
    }

    /// Reads lines until one matches, and says what is to be sent then. `None` when none does.
    async fn expect(
        &self,
        step: &QueryResponse,
        lines: &mut Lines,
        findings: &mut Findings,
        log: &mut Log,
    ) -> Option<Vec<u8>> {
        let Some(pattern) = &step.expect else { return Some(step.send.0.clone()) };
        loop {
            let line = match self.in_time(lines.next()).await {
                Ok(Some(line)) => line,
                Ok(None) => {
                    tcp(findings).regex_failed = true;
                    log.error("Regexp did not match", &[("regexp", pattern)]);
                    return None;
                }
                Err(error) => {
                    log.error("Error reading from connection", &[("err", &error)]);
                    return None;
                }
            };
            log.debug("Read line", &[("line", &String::from_utf8_lossy(&line))]);
            let Some(captures) = pattern.regex.captures(&line) else { continue };
            log.debug("Regexp matched", &[("regexp", pattern)]);
            if !step.labels.is_empty() {
                let value = |template: &str| {
                    let mut value = Vec::new();
                    captures.expand(template.as_bytes(), &mut value);
                    String::from_utf8_lossy(&value).into_owned()
                };
                let labels = step.labels.iter();
                let captured = labels.map(|label| (label.name.clone(), value(&label.value)));
                tcp(findings).captured.push(captured.collect());
            }
            let mut send = Vec::new();
            captures.expand(&step.send.0, &mut send);
            return Some(send);
        }
    }

    async fn expect_bytes(
        &self,
        expected: &[u8],
        lines: &mut Lines,
        findings: &mut Findings,
        log: &mut Log,
    ) -> bool {
        let came = match self.in_time(lines.exactly(expected.len())).await {
            Ok(came) => came,
            Err(error) => {
                log.error("Error reading from connection", &[("err", &error)]);
                return false;
            }
        };
        if came != expected {
            tcp(findings).bytes_failed = true;
            let came = String::from_utf8_lossy(&came);
            log.error("Bytes did not match", &[("bytes", &came)]);
            return false;
        }
        log.debug("Bytes matched", &[]);
        true
    }
}
