//! `starttls`: the protocol in which a server is asked to begin TLS.

use super::reading::At;
use super::value;

/// A protocol that begins in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// RFC 3207.
    Smtp,
    /// RFC 9051 section 6.2.1.
    Imap,
    /// RFC 2595 section 4.
    Pop3,
    /// RFC 4217.
    Ftp,
    /// RFC 4511 section 4.14.
    Ldap,
    /// PostgreSQL's SSLRequest (protocol 3.0, "SSL Session Encryption").
    Postgres,
}

impl StartTls {
    pub(super) const WORDS: [(&'static str, StartTls); 6] = [
        ("smtp", StartTls::Smtp),
        ("imap", StartTls::Imap),
        ("pop3", StartTls::Pop3),
        ("ftp", StartTls::Ftp),
        ("ldap", StartTls::Ldap),
        ("postgres", StartTls::Postgres),
    ];

    /// The port it is spoken at where the address does not say.
    pub(super) const fn port(self) -> u16 {
        match self {
            StartTls::Smtp => 25,
            StartTls::Imap => 143,
            StartTls::Pop3 => 110,
            StartTls::Ftp => 21,
            StartTls::Ldap => 389,
            StartTls::Postgres => 5432,
        }
    }

    /// The protocol's name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            StartTls::Smtp => "SMTP",
            StartTls::Imap => "IMAP",
            StartTls::Pop3 => "POP3",
            StartTls::Ftp => "FTP",
            StartTls::Ldap => "LDAP",
            StartTls::Postgres => "PostgreSQL",
        }
    }
}

pub(super) fn starttls(at: &At<'_>) -> Option<StartTls> {
    at.parse(value::word(&StartTls::WORDS))
}
