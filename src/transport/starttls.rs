//! Asks a server, in its own protocol and in plain text, to begin TLS.
//!
//! Whoever strips STARTTLS on the way makes it look as if the server did not offer it, so that is a
//! failure and never a reason to go on without TLS (RFC 3207 section 6).

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::config::StartTls;
use crate::outcome::{Failure, Reason};

/// Bytes read before TLS, in all. Replies to EHLO have a few hundred; RFC 5321 section 4.5.3.1.5
/// limits a line to 512.
///
/// Limit: bytes of what a server says before it begins TLS.
/// Share: of each connection.
/// Full: the run fails.
/// Filled: a_server_that_talks_without_end_or_not_at_all_is_left
const REPLIES_MAX: usize = 16 * 1024;

/// Characters of a server's answer that are repeated to people.
///
/// No row: they are within the detail of a failure, which is bounded.
const QUOTE_MAX: usize = 120;

/// Makes the server begin TLS; the next byte that is sent is the handshake's.
pub(super) async fn begin<S>(
    stream: &mut S,
    protocol: StartTls,
    local: Option<IpAddr>,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut talk = Talk { stream, protocol, unread: Vec::new(), left: REPLIES_MAX };
    match protocol {
        StartTls::Smtp => talk.smtp(local).await?,
        StartTls::Imap => talk.imap().await?,
        StartTls::Pop3 => talk.pop3().await?,
        StartTls::Ftp => talk.ftp().await?,
        StartTls::Ldap => talk.ldap().await?,
        StartTls::Postgres => talk.postgres().await?,
    }
    // Someone on the way may put commands before the handshake (CVE-2011-0411 and its kin).
    if talk.unread.is_empty() {
        return Ok(());
    }
    let detail =
        format!("the server agreed to TLS and went on in plain text: {}", quote(&talk.unread));
    Err(Failure::new(Reason::StarttlsProtocol, detail))
}

/// The conversation before TLS.
struct Talk<'s, S> {
    stream: &'s mut S,
    protocol: StartTls,
    /// Received and not looked at yet.
    unread: Vec<u8>,
    /// Bytes that may still come.
    left: usize,
}

/// A reply of SMTP or FTP (RFC 5321 section 4.2, RFC 959 section 4.2).
struct Reply {
    code: u16,
    /// All lines with their codes.
    lines: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn smtp(&mut self, local: Option<IpAddr>) -> Result<(), Failure> {
        self.expect(&[220], "its greeting").await?;
        // A client without a name gives its address (RFC 5321 section 4.1.3).
        let name = match local {
            Some(IpAddr::V4(ip)) => format!("[{ip}]"),
            Some(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
            None => "localhost".to_owned(),
        };
        self.send(format!("EHLO {name}\r\n").as_bytes()).await?;
        let offer = self.expect(&[250], "EHLO").await?;
        let keywords = offer.lines.iter().skip(1).filter_map(|line| line.get(4..));
        if !keywords.into_iter().any(|word| word.trim().eq_ignore_ascii_case("STARTTLS")) {
            return Err(refused("the server does not offer STARTTLS".to_owned()));
        }
        self.send(b"STARTTLS\r\n").await?;
        self.expect(&[220], "STARTTLS").await.map(drop)
    }

    async fn ftp(&mut self) -> Result<(), Failure> {
        self.expect(&[220], "its greeting").await?;
        self.send(b"AUTH TLS\r\n").await?;
        self.expect(&[234], "AUTH TLS").await.map(drop)
    }

    async fn imap(&mut self) -> Result<(), Failure> {
        let greeting = self.line().await?;
        match word(&greeting, 1).as_str() {
            "OK" if greeting.starts_with("* ") => {}
            "BYE" | "PREAUTH" if greeting.starts_with("* ") => {
                return Err(answered("its greeting", &greeting));
            }
            _ => return Err(self.other_protocol(greeting.as_bytes())),
        }
        self.send(b"a1 STARTTLS\r\n").await?;
        loop {
            let line = self.line().await?;
            if line.starts_with("* ") {
                continue;
            }
            return match (word(&line, 0).as_str(), word(&line, 1).as_str()) {
                ("A1", "OK") => Ok(()),
                ("A1", "NO" | "BAD") => Err(answered("STARTTLS", &line)),
                _ => Err(self.other_protocol(line.as_bytes())),
            };
        }
    }

    async fn pop3(&mut self) -> Result<(), Failure> {
        for (asked, command) in [("its greeting", None), ("STLS", Some(b"STLS\r\n"))] {
            if let Some(command) = command {
                self.send(command).await?;
            }
            let line = self.line().await?;
            match word(&line, 0).as_str() {
                "+OK" => {}
                "-ERR" => return Err(answered(asked, &line)),
                _ => return Err(self.other_protocol(line.as_bytes())),
            }
        }
        Ok(())
    }

    /// Sends an ExtendedRequest with StartTLS's object identifier and reads the ExtendedResponse.
    async fn ldap(&mut self) -> Result<(), Failure> {
        const SEQUENCE: u8 = 0x30;
        const INTEGER: u8 = 0x02;
        const EXTENDED_RESPONSE: u8 = 0x78;
        const ENUMERATED: u8 = 0x0a;
        self.send(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037").await?;
        let head = self.exact(2).await?;
        let length = match (head[0], head[1]) {
            (SEQUENCE, short @ ..=0x7f) => usize::from(short),
            (SEQUENCE, long @ 0x81..=0x84) => {
                let bytes = self.exact(usize::from(long - 0x80)).await?;
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return Err(self.other_protocol(&head)),
        };
        let message = self.exact(length).await?;
        let result = element(&message, INTEGER)
            .and_then(|(_id, rest)| element(rest, EXTENDED_RESPONSE))
            .and_then(|(response, _)| element(response, ENUMERATED));
        let Some(([code], rest)) = result else { return Err(self.other_protocol(&message)) };
        if *code == 0 {
            return Ok(());
        }
        const OCTET_STRING: u8 = 0x04;
        let said = element(rest, OCTET_STRING)
            .and_then(|(_matched, rest)| element(rest, OCTET_STRING))
            .map(|(text, _)| quote(text));
        Err(refused(format!(
            "the server answered StartTLS with result code {code}: {}",
            said.unwrap_or_default()
        )))
    }

    async fn postgres(&mut self) -> Result<(), Failure> {
        self.send(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await?;
        let answer = self.exact(1).await?;
        match answer[0] {
            b'S' => Ok(()),
            b'N' => Err(refused("the server answered N: it does not speak TLS".to_owned())),
            // Before it looks at the request, a server may be out of processes.
            b'E' => {
                let length = self.exact(4).await?;
                let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                let Some(length) = length.checked_sub(4) else {
                    return Err(self.other_protocol(b"E"));
                };
                let message = self.exact(length).await?;
                Err(refused(format!("the server answered with an error: {}", quote(&message))))
            }
            _ => {
                let mut said = answer;
                said.append(&mut self.unread);
                Err(self.other_protocol(&said))
            }
        }
    }

    /// A reply with one of these codes.
    async fn expect(&mut self, codes: &[u16], asked: &str) -> Result<Reply, Failure> {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let line = self.line().await?;
            let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
            let code = code.and_then(|code| code.parse::<u16>().ok());
            let (goes_on, code) = match (code, line.as_bytes().get(3)) {
                (Some(code), Some(b'-')) => (true, code),
                (Some(code), Some(b' ') | None) => (false, code),
                // FTP's lines in between may have no code.
                _ if self.protocol == StartTls::Ftp && !lines.is_empty() => (true, 0),
                _ => return Err(self.other_protocol(line.as_bytes())),
            };
            lines.push(line);
            if goes_on {
                continue;
            }
            let reply = Reply { code, lines };
            if codes.contains(&reply.code) {
                return Ok(reply);
            }
            return Err(answered(asked, reply.lines.last().map_or("", |line| line)));
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| broken(&error))
    }

    /// A line without its end.
    async fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            // A ServerHello or an HTTP/2 frame has no line to wait for.
            if self.unread.first().is_some_and(|&byte| byte < b' ' && byte != b'\r') {
                return Err(self.other_protocol(&self.unread));
            }
            self.more().await?;
        }
    }

    async fn exact(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        if count > REPLIES_MAX {
            return Err(self.other_protocol(&self.unread));
        }
        while self.unread.len() < count {
            self.more().await?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.left == 0 {
            let protocol = self.protocol.as_str();
            let detail = format!("the server sent more than {REPLIES_MAX} bytes of {protocol}");
            return Err(Failure::new(Reason::StarttlsProtocol, detail));
        }
        let mut piece = [0; 1024];
        let limit = piece.len().min(self.left);
        let read = self.stream.read(&mut piece[..limit]).await;
        match read.map_err(|error| broken(&error))? {
            0 if self.unread.is_empty() => Err(broken(&io::ErrorKind::UnexpectedEof.into())),
            0 => Err(self.other_protocol(&self.unread)),
            count => {
                self.left -= count;
                self.unread.extend_from_slice(&piece[..count]);
                Ok(())
            }
        }
    }

    fn other_protocol(&self, said: &[u8]) -> Failure {
        let detail =
            format!("the server's answer is not {}: {}", self.protocol.as_str(), quote(said));
        Failure::new(Reason::StarttlsProtocol, detail)
    }
}

/// The failure of a conversation that the deadline ended.
pub(super) fn late(protocol: StartTls) -> Failure {
    let detail = format!("the server did not begin TLS by {} in time", protocol.as_str());
    Failure::new(Reason::TlsTimeout, detail)
}

fn refused(detail: String) -> Failure {
    Failure::new(Reason::StarttlsRefused, detail)
}

fn answered(asked: &str, line: &str) -> Failure {
    let said = quote(line.as_bytes());
    refused(match asked {
        "its greeting" => format!("the server greeted with {said}"),
        _ => format!("the server answered {asked} with {said}"),
    })
}

fn broken(error: &io::Error) -> Failure {
    let reason = Reason::of_socket(error);
    let detail = match reason {
        Reason::ConnectionReset => "the server closed the connection before TLS began".to_owned(),
        _ => format!("the connection broke before TLS began: {error}"),
    };
    Failure::new(reason, detail)
}

/// A server's words, without what a terminal would obey.
fn quote(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let text: String = text.trim_end().chars().take(QUOTE_MAX).collect();
    format!("\"{}\"", text.escape_debug())
}

/// A word of a line in capitals, or nothing.
fn word(line: &str, index: usize) -> String {
    line.split_ascii_whitespace().nth(index).unwrap_or_default().to_ascii_uppercase()
}

/// The content of the first element, which must have this tag, and what comes after it. Lengths
/// of more than two bytes do not fit into [`REPLIES_MAX`].
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}
