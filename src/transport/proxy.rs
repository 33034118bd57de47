//! Getting a way to a server from a proxy: CONNECT (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928,
//! RFC 1929).
//!
//! A proxy that works but cannot reach the server speaks of the server, so its answer is a failure
//! of the target. Everything else that a proxy answers or fails to do is the proxy's own and says
//! nothing about the service: `proxy_failed`.

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::head::HeadMender;
use super::resolve::out_of_descriptors;
use super::stream::Stream;
use crate::config::ProxyOptions;
use crate::outcome::{Failure, Reason};
use crate::secret::Secret;

/// Bytes of a proxy's answer to CONNECT, interim ones included.
///
/// Limit: bytes of a proxy's answer.
/// Share: of each connection.
/// Full: the proxy is at fault.
/// Filled: a_proxy_that_speaks_no_http_or_never_ends_is_at_fault_itself
const MAX_HEAD: usize = 64 << 10;
/// Header lines of a proxy's answer.
///
/// No row: they are within the bytes of the answer.
const MAX_HEADERS: usize = 128;
/// RFC 1929: one byte of length.
///
/// No row: the protocol has it.
const MAX_SOCKS_TEXT: usize = 255;

/// A proxy, and who we are to it.
pub struct Proxy<'a> {
    /// Where it is and whom it is not for.
    pub options: &'a ProxyOptions,
    /// User name and password, as they are sent.
    pub credentials: Option<(Secret, Secret)>,
}

/// A proxy that takes plain HTTP requests whole.
#[derive(Clone)]
pub struct Forwarder {
    /// `Proxy-Authorization` of each request.
    pub authorization: Option<HeaderValue>,
}

/// Whom a SOCKS5 proxy or a tunnel is to lead to.
#[derive(Clone, Copy)]
pub enum SocksTarget<'a> {
    /// The proxy resolves the name.
    Name(&'a str),
    /// We have resolved it.
    Ip(IpAddr),
}

impl SocksTarget<'_> {
    /// A name, or an address literal.
    pub(super) fn of(host: &str) -> SocksTarget<'_> {
        host.parse().map_or(SocksTarget::Name(host), SocksTarget::Ip)
    }
}

impl Proxy<'_> {
    /// Whether this host is reached by the proxy.
    pub fn is_for(&self, host: &str) -> bool {
        !self.options.no_proxy.iter().any(|exception| exception.covers(host))
    }

    /// Whether we resolve the server's name and the proxy gets an address (`socks5`).
    pub(super) fn resolves_here(&self) -> bool {
        self.options.url.scheme() == "socks5"
    }

    /// Whether the proxy takes plain HTTP requests as they are.
    pub(super) fn forwards(&self) -> bool {
        !self.options.url.scheme().starts_with("socks")
    }

    pub(super) fn speaks_tls(&self) -> bool {
        self.options.url.scheme() == "https"
    }

    /// Host without brackets, and port.
    pub(super) fn address(&self) -> (&str, u16) {
        const SOCKS_PORT: u16 = 1080;
        let host = self.options.url.host_str().unwrap_or_default();
        let port = self.options.url.port_or_known_default().unwrap_or(SOCKS_PORT);
        (host.trim_start_matches('[').trim_end_matches(']'), port)
    }

    pub(super) fn forwarder(&self) -> Forwarder {
        let authorization = self.authorization().and_then(|text| {
            let mut value = HeaderValue::try_from(text).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Forwarder { authorization }
    }

    /// `Basic`, RFC 7617.
    fn authorization(&self) -> Option<String> {
        let (username, password) = self.credentials.as_ref()?;
        let pair = format!("{}:{}", username.expose(), password.expose());
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }

    /// Opens a way through the proxy that this stream leads to.
    pub(super) async fn tunnel(
        &self,
        mut stream: Stream,
        to: SocksTarget<'_>,
        port: u16,
    ) -> Result<Stream, Failure> {
        let opened = if self.forwards() {
            self.connect(&mut stream, to, port).await
        } else {
            self.socks(&mut stream, to, port).await
        };
        match opened {
            Ok(opened) => opened.map(|()| stream),
            Err(error) if out_of_descriptors(&error) => {
                Err(Failure::new(Reason::Internal, format!("no socket for the proxy: {error}")))
            }
            Err(error) => {
                let detail = format!("the proxy did not make the connection: {error}");
                Err(Failure::new(Reason::ProxyFailed, detail))
            }
        }
    }

    async fn connect(
        &self,
        stream: &mut Stream,
        to: SocksTarget<'_>,
        port: u16,
    ) -> io::Result<Result<(), Failure>> {
        let authority = match to {
            SocksTarget::Name(host) => format!("{host}:{port}"),
            SocksTarget::Ip(ip) => std::net::SocketAddr::new(ip, port).to_string(),
        };
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(authorization) = self.authorization() {
            // Writing to a String cannot fail.
            let _ = write!(request, "Proxy-Authorization: {authorization}\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut left = MAX_HEAD;
        loop {
            let head = mended(&read_head(stream, &mut left).await?);
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            response.parse(&head).map_err(io::Error::other)?;
            match response.code.unwrap_or_default() {
                // RFC 9110 section 15.2: interim responses precede the final one.
                100..=199 => {}
                200..=299 => return Ok(Ok(())),
                status => {
                    let said = |name: &str| header(response.headers, name);
                    return Ok(Err(refused(status, said, "refused to open a tunnel")));
                }
            }
        }
    }

    async fn socks(
        &self,
        stream: &mut Stream,
        to: SocksTarget<'_>,
        port: u16,
    ) -> io::Result<Result<(), Failure>> {
        const VERSION: u8 = 5;
        const NO_AUTHENTICATION: u8 = 0;
        const USERNAME_PASSWORD: u8 = 2;
        const NONE_ACCEPTABLE: u8 = 0xff;
        let own = |detail: String| Ok(Err(Failure::new(Reason::ProxyFailed, detail)));
        let methods: &[u8] = match self.credentials {
            Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USERNAME_PASSWORD],
            None => &[VERSION, 1, NO_AUTHENTICATION],
        };
        stream.write_all(methods).await?;
        stream.flush().await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        match (chosen, &self.credentials) {
            ([VERSION, NO_AUTHENTICATION], _) => {}
            ([VERSION, USERNAME_PASSWORD], Some((username, password))) => {
                let (username, password) = (username.expose(), password.expose());
                if username.len() > MAX_SOCKS_TEXT || password.len() > MAX_SOCKS_TEXT {
                    return own("the proxy's user name or password is longer than 255 bytes, \
                                which SOCKS5 cannot carry"
                        .to_owned());
                }
                let mut login = vec![1, username.len() as u8];
                login.extend_from_slice(username.as_bytes());
                login.push(password.len() as u8);
                login.extend_from_slice(password.as_bytes());
                stream.write_all(&login).await?;
                stream.flush().await?;
                let mut answer = [0; 2];
                stream.read_exact(&mut answer).await?;
                if answer[1] != 0 {
                    return own("the proxy refused the user name or password".to_owned());
                }
            }
            ([VERSION, NONE_ACCEPTABLE | USERNAME_PASSWORD], None) => {
                return own("the proxy wants a user name and password".to_owned());
            }
            ([VERSION, _], _) => {
                return own("the proxy accepts no way of authentication that is known here".into());
            }
            _ => return own("the proxy does not speak SOCKS5".to_owned()),
        }
        let mut request = vec![VERSION, 1, 0];
        match to {
            SocksTarget::Ip(IpAddr::V4(ip)) => {
                request.push(1);
                request.extend_from_slice(&ip.octets());
            }
            SocksTarget::Ip(IpAddr::V6(ip)) => {
                request.push(4);
                request.extend_from_slice(&ip.octets());
            }
            SocksTarget::Name(host) if host.len() <= MAX_SOCKS_TEXT => {
                request.extend_from_slice(&[3, host.len() as u8]);
                request.extend_from_slice(host.as_bytes());
            }
            SocksTarget::Name(_) => {
                return own("the host's name is too long for SOCKS5".to_owned());
            }
        }
        request.extend_from_slice(&port.to_be_bytes());
        stream.write_all(&request).await?;
        stream.flush().await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        if answer[0] != VERSION {
            return own("the proxy does not speak SOCKS5".to_owned());
        }
        if answer[1] != 0 {
            return Ok(Err(socks_refused(answer[1])));
        }
        // The address that the proxy uses says nothing to us, but stands before the target's bytes.
        let rest = match answer[3] {
            1 => 4,
            4 => 16,
            3 => usize::from(stream.read_u8().await?),
            _ => return own("the proxy does not speak SOCKS5".to_owned()),
        };
        let mut bound = [0; MAX_SOCKS_TEXT + 2];
        stream.read_exact(&mut bound[..rest + 2]).await?;
        Ok(Ok(()))
    }
}

/// Reads up to the blank line and not a byte further: what follows belongs to the tunnel.
async fn read_head(stream: &mut Stream, left: &mut usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\n\r\n") && !head.ends_with(b"\n\n") {
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("its answer has no end"))?;
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// What is wrong in a way that browsers pass over is nothing that the target should answer for.
fn mended(head: &[u8]) -> Vec<u8> {
    let mut mender = HeadMender::default();
    mender.restart();
    let mut mended = Vec::with_capacity(head.len());
    mender.push(head, &mut mended);
    mender.finish(&mut mended);
    mended
}

/// What a final answer to CONNECT other than 2xx means.
///
/// 502 and 504 are said of the server (RFC 9110 sections 15.6.3, 15.6.5). Where a proxy names the
/// error (`Proxy-Status`, RFC 9209; `X-Squid-Error`, because Squid answers 503 for everything), that
/// counts more than the number.
fn refused<'h>(
    status: u16,
    said: impl Fn(&str) -> Option<&'h [u8]>,
    otherwise: &'static str,
) -> Failure {
    let said = |name: &str| said(name).and_then(|value| std::str::from_utf8(value).ok());
    let named = said("x-squid-error")
        .and_then(squid_error)
        .or_else(|| said("proxy-status").and_then(proxy_status));
    let (reason, what) = match (named, status) {
        (Some(named), _) => named,
        (None, 502) => (Reason::ConnectUnreachable, "could not open a tunnel to the host"),
        (None, 504) => (Reason::ConnectTimeout, "got no answer from the host in time"),
        (None, 407) => (Reason::ProxyFailed, "wants authentication"),
        (None, _) => (Reason::ProxyFailed, otherwise),
    };
    Failure::new(reason, format!("the proxy {what} (status {status})"))
}

/// What an answer to a request that was given to the proxy whole means when it is the proxy's own;
/// `None` where it is the server's, as far as one can know: an answer is the proxy's when it asks
/// for our credentials to it or names an error of its own.
pub(super) fn own_answer(status: u16, headers: &HeaderMap) -> Option<Failure> {
    let names_error = headers.contains_key("x-squid-error")
        || headers.get("proxy-status").is_some_and(|value| {
            value.as_bytes().windows(6).any(|word| word.eq_ignore_ascii_case(b"error="))
        });
    // 511 never comes from the origin (RFC 6585 section 6).
    if !matches!(status, 407 | 511) && !names_error {
        return None;
    }
    let said = |name: &str| headers.get(name).map(|value| value.as_bytes());
    Some(refused(status, said, "refused the request"))
}

fn header<'h>(headers: &[httparse::Header<'h>], name: &str) -> Option<&'h [u8]> {
    let mut found = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    found.next().map(|header| header.value)
}

/// `ERR_CONNECT_FAIL 111`: Squid's name of the error and the number of the system call's.
fn squid_error(text: &str) -> Option<(Reason, &'static str)> {
    let (name, code) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let code: i32 = code.trim().parse().unwrap_or_default();
    Some(match (name, code) {
        ("ERR_CONNECT_FAIL", libc::ECONNREFUSED) => {
            (Reason::ConnectRefused, "says that the host refused the connection")
        }
        ("ERR_CONNECT_FAIL", libc::ETIMEDOUT) | ("ERR_READ_TIMEOUT" | "ERR_LIFETIME_EXP", _) => {
            (Reason::ConnectTimeout, "got no answer from the host in time")
        }
        ("ERR_CONNECT_FAIL" | "ERR_SECURE_CONNECT_FAIL", _) => {
            (Reason::ConnectUnreachable, "could not open a tunnel to the host")
        }
        // The proxy asks its own name servers, and whether the name exists they alone say.
        ("ERR_DNS_FAIL", _) => {
            (Reason::ConnectUnreachable, "could not find an address of the host")
        }
        // Without a system call's number there was no connection: what Squid 5 says of a name that
        // it found no address of.
        ("ERR_READ_ERROR" | "ERR_CANNOT_FORWARD", 0) => {
            (Reason::ConnectUnreachable, "found no way to the host")
        }
        ("ERR_ZERO_SIZE_OBJECT" | "ERR_READ_ERROR" | "ERR_WRITE_ERROR", _) => {
            (Reason::ConnectionReset, "lost the connection to the host")
        }
        _ => return None,
    })
}

/// The `error` parameter of `Proxy-Status: proxy.example; error=connection_refused`.
fn proxy_status(text: &str) -> Option<(Reason, &'static str)> {
    let error = text.split(';').find_map(|part| part.trim().strip_prefix("error="))?;
    let end = error.find([',', ' ', '"']).unwrap_or(error.len());
    Some(match &error[..end] {
        "connection_refused" => {
            (Reason::ConnectRefused, "says that the host refused the connection")
        }
        "connection_timeout"
        | "connection_read_timeout"
        | "connection_write_timeout"
        | "http_response_timeout"
        | "dns_timeout" => (Reason::ConnectTimeout, "got no answer from the host in time"),
        "connection_terminated" => (Reason::ConnectionReset, "lost the connection to the host"),
        "destination_not_found"
        | "destination_unavailable"
        | "destination_ip_unroutable"
        | "dns_error" => (Reason::ConnectUnreachable, "has no way to the host"),
        _ => return None,
    })
}

/// The reply of a SOCKS5 proxy (RFC 1928 section 6).
fn socks_refused(code: u8) -> Failure {
    let (reason, what) = match code {
        3 | 4 => (Reason::ConnectUnreachable, "has no way to the host"),
        5 => (Reason::ConnectRefused, "says that the host refused the connection"),
        6 => (Reason::ConnectTimeout, "got no answer from the host in time"),
        2 => (Reason::ProxyFailed, "does not allow this connection"),
        _ => (Reason::ProxyFailed, "did not make the connection"),
    };
    Failure::new(reason, format!("the proxy {what} (SOCKS reply {code})"))
}

/// A failure on the way to the proxy, or with it.
pub(super) fn failed(what: &str, failure: Failure) -> Failure {
    if failure.reason == Reason::Internal {
        return failure;
    }
    Failure::new(Reason::ProxyFailed, format!("{what}: {}", failure.detail))
}

/// The proxy took too long.
pub(super) fn late() -> Failure {
    Failure::new(Reason::ProxyFailed, "the proxy did not make the connection in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(status: u16, header: Option<(&str, &str)>) -> Reason {
        let header = header.map(|(name, value)| httparse::Header { name, value: value.as_bytes() });
        refused(status, |name| super::header(header.as_slice(), name), "refused").reason
    }

    #[test]
    fn only_what_is_said_of_the_server_is_the_servers() {
        for status in [300, 302, 400, 403, 404, 405, 407, 429, 500, 501, 503, 505, 511] {
            assert_eq!(reason(status, None), Reason::ProxyFailed, "{status}");
        }
        assert_eq!(reason(502, None), Reason::ConnectUnreachable);
        assert_eq!(reason(504, None), Reason::ConnectTimeout);
    }

    #[test]
    fn a_named_error_counts_more_than_the_status() {
        let squid = |value| reason(503, Some(("X-Squid-Error", value)));
        assert_eq!(squid("ERR_CONNECT_FAIL 111"), Reason::ConnectRefused);
        assert_eq!(squid("ERR_CONNECT_FAIL 110"), Reason::ConnectTimeout);
        assert_eq!(squid("ERR_CONNECT_FAIL 113"), Reason::ConnectUnreachable);
        assert_eq!(squid("ERR_DNS_FAIL 0"), Reason::ConnectUnreachable);
        assert_eq!(squid("ERR_READ_ERROR 0"), Reason::ConnectUnreachable);
        assert_eq!(squid("ERR_READ_ERROR 104"), Reason::ConnectionReset);
        assert_eq!(squid("ERR_ACCESS_DENIED 0"), Reason::ProxyFailed);
        let rfc9209 = |value| reason(502, Some(("proxy-status", value)));
        assert_eq!(rfc9209("p; error=connection_refused"), Reason::ConnectRefused);
        assert_eq!(rfc9209("p; error=dns_timeout; x=1"), Reason::ConnectTimeout);
        assert_eq!(rfc9209("p; error=http_request_denied"), Reason::ConnectUnreachable);
    }
}
