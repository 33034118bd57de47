//! TLS that begins inside another protocol: each protocol's words, and each way not to begin.
//!
//! The scripted servers speak a protocol's first lines and hand the connection to `openssl
//! s_server`, so that a handshake is a real one.

use bongsu::config::StartTls;
use bongsu::outcome::{Reason, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::SHORT;
use crate::support::openssl::Server;
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::slapd::{Slapd, free_port};
use crate::support::tls::{Look, reason};

/// One turn of a scripted conversation.
#[derive(Clone, Copy)]
enum Turn {
    Says(&'static [u8]),
    /// The client must say this, to the last byte.
    Hears(&'static [u8]),
    /// The client must begin like this and end a line.
    HearsLine(&'static str),
}

/// What comes after the conversation.
#[derive(Clone, Copy)]
enum Then {
    Tls(u16),
    Close,
    Silence,
}

async fn server(turns: &'static [Turn], then: Then) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, turns, then));
        }
    });
    port
}

async fn talk(mut stream: TcpStream, turns: &[Turn], then: Then) {
    for turn in turns {
        match turn {
            Turn::Says(bytes) => stream.write_all(bytes).await.unwrap(),
            Turn::Hears(bytes) => {
                let mut heard = vec![0; bytes.len()];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, *bytes, "{}", String::from_utf8_lossy(&heard));
            }
            Turn::HearsLine(start) => {
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    line.push(stream.read_u8().await.unwrap());
                }
                assert!(line.starts_with(start.as_bytes()), "{}", String::from_utf8_lossy(&line));
            }
        }
    }
    match then {
        Then::Tls(port) => {
            let mut tls = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut tls).await;
        }
        Then::Close => {}
        Then::Silence => std::future::pending().await,
    }
}

use Turn::{Hears, HearsLine, Says};

const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
const POSTGRES_REQUEST: &[u8] = b"\x00\x00\x00\x08\x04\xd2\x16\x2f";

/// Conversations that end in TLS.
const AGREED: &[(StartTls, &[Turn])] = &[
    (
        StartTls::Smtp,
        &[
            Says(b"220-mail.test ESMTP\r\n220 no spam\r\n"),
            HearsLine("EHLO [127.0.0.1]"),
            Says(b"250-mail.test\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n"),
            Hears(b"STARTTLS\r\n"),
            Says(b"220 Go ahead\r\n"),
        ],
    ),
    (
        StartTls::Imap,
        &[
            Says(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
            Hears(b"a1 STARTTLS\r\n"),
            Says(b"* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n"),
        ],
    ),
    (StartTls::Pop3, &[Says(b"+OK ready\r\n"), Hears(b"STLS\r\n"), Says(b"+OK begin\r\n")]),
    (
        StartTls::Ftp,
        &[
            Says(b"220-Welcome\r\n  a line without a code\r\n220 ready\r\n"),
            Hears(b"AUTH TLS\r\n"),
            Says(b"234 begin\r\n"),
        ],
    ),
    (
        StartTls::Ldap,
        &[
            Hears(LDAP_REQUEST),
            // A length of two bytes, and the name of the operation, as slapd and others send them.
            Says(b"\x30\x81\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
        ],
    ),
    (StartTls::Postgres, &[Hears(POSTGRES_REQUEST), Says(b"S")]),
];

#[tokio::test]
async fn every_protocol_is_asked_in_its_own_words() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let leaf = root.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let tls = Server::start(&["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()]);
    let roots = files.write(&root.cert.pem);
    for (protocol, turns) in AGREED {
        let port = server(turns, Then::Tls(tls.port())).await;
        let outcome = Look::at(port).trusting(roots.clone()).starttls(*protocol).run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{protocol:?}: {:?}", outcome.result);
    }
}

#[tokio::test]
async fn a_real_directory_begins_tls() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let leaf = root.issue(Leaf::named("probe.test"));
    let list = root.revoke(&[], time::Duration::days(1));
    let slapd = Slapd::serving(free_port(), &list, &leaf);
    let look = Look::at(slapd.port()).trusting(files.write(&root.cert.pem));
    let outcome = look.starttls(StartTls::Ldap).run().await;
    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
}

#[tokio::test]
async fn an_old_server_behind_starttls_is_asked_a_second_time_in_its_protocol() {
    let files = Files::new();
    let leaf = Authority::root("Test Root").issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let old = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"];
    let own = ["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()];
    let tls = Server::start(&[&own[..], &old].concat());
    let port = server(AGREED[0].1, Then::Tls(tls.port())).await;

    let outcome = Look::at(port).starttls(StartTls::Smtp).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsLegacy), "{:?}", outcome.result);
}

#[tokio::test]
async fn a_server_that_does_not_begin_tls_is_told_apart_from_one_that_speaks_another_protocol() {
    const HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n";
    const ALERT: &[u8] = b"\x15\x03\x01\x00\x02\x02\x46";
    let greeting = Says(b"220 mail.test\r\n");
    let ehlo = HearsLine("EHLO ");
    let cases: Vec<(StartTls, Vec<Turn>, Reason, &str)> = vec![
        (
            StartTls::Smtp,
            vec![greeting, ehlo, Says(b"250-mail.test\r\n250 SIZE\r\n")],
            Reason::StarttlsRefused,
            "the server does not offer STARTTLS",
        ),
        (
            StartTls::Smtp,
            vec![Says(b"554 no service for \x1b[31myou\r\n")],
            Reason::StarttlsRefused,
            r#"the server greeted with "554 no service for \u{1b}[31myou""#,
        ),
        (
            StartTls::Smtp,
            vec![greeting, ehlo, Says(b"502 what?\r\n")],
            Reason::StarttlsRefused,
            r#"the server answered EHLO with "502 what?""#,
        ),
        (
            StartTls::Smtp,
            vec![
                greeting,
                ehlo,
                Says(b"250-mail.test\r\n250 STARTTLS\r\n"),
                Hears(b"STARTTLS\r\n"),
                Says(b"454 4.7.0 TLS not available\r\n"),
            ],
            Reason::StarttlsRefused,
            r#"the server answered STARTTLS with "454 4.7.0 TLS not available""#,
        ),
        (
            StartTls::Smtp,
            vec![
                greeting,
                ehlo,
                Says(b"250-mail.test\r\n250 STARTTLS\r\n"),
                Hears(b"STARTTLS\r\n"),
                Says(b"220 go\r\n250 injected\r\n"),
            ],
            Reason::StarttlsProtocol,
            r#"the server agreed to TLS and went on in plain text: "250 injected""#,
        ),
        (
            StartTls::Smtp,
            vec![Says(HTTP)],
            Reason::StarttlsProtocol,
            r#"the server's answer is not SMTP: "HTTP/1.1 400 Bad Request""#,
        ),
        (
            StartTls::Smtp,
            vec![Says(ALERT)],
            Reason::StarttlsProtocol,
            "the server's answer is not SMTP: \"\\u{15}",
        ),
        (
            StartTls::Imap,
            vec![Says(b"* BYE full\r\n")],
            Reason::StarttlsRefused,
            r#"the server greeted with "* BYE full""#,
        ),
        (
            StartTls::Imap,
            vec![Says(b"* PREAUTH you are in\r\n")],
            Reason::StarttlsRefused,
            r#"the server greeted with "* PREAUTH you are in""#,
        ),
        (
            StartTls::Imap,
            vec![Says(b"* OK\r\n"), HearsLine("a1 STARTTLS"), Says(b"a1 BAD unknown\r\n")],
            Reason::StarttlsRefused,
            r#"the server answered STARTTLS with "a1 BAD unknown""#,
        ),
        (
            StartTls::Imap,
            vec![greeting],
            Reason::StarttlsProtocol,
            "the server's answer is not IMAP",
        ),
        (
            StartTls::Pop3,
            vec![Says(b"+OK\r\n"), Hears(b"STLS\r\n"), Says(b"-ERR no\r\n")],
            Reason::StarttlsRefused,
            r#"the server answered STLS with "-ERR no""#,
        ),
        (
            StartTls::Pop3,
            vec![greeting],
            Reason::StarttlsProtocol,
            "the server's answer is not POP3",
        ),
        (
            StartTls::Ftp,
            vec![greeting, Hears(b"AUTH TLS\r\n"), Says(b"530 log in first\r\n")],
            Reason::StarttlsRefused,
            r#"the server answered AUTH TLS with "530 log in first""#,
        ),
        (
            StartTls::Ldap,
            vec![
                Hears(LDAP_REQUEST),
                Says(b"\x30\x10\x02\x01\x01\x78\x0b\x0a\x01\x34\x04\x00\x04\x04busy"),
            ],
            Reason::StarttlsRefused,
            r#"the server answered StartTLS with result code 52: "busy""#,
        ),
        (
            StartTls::Ldap,
            vec![Says(HTTP)],
            Reason::StarttlsProtocol,
            "the server's answer is not LDAP",
        ),
        (
            StartTls::Ldap,
            vec![Says(b"\x30\x84\xff\xff\xff\xff")],
            Reason::StarttlsProtocol,
            "the server's answer is not LDAP",
        ),
        (
            StartTls::Postgres,
            vec![Hears(POSTGRES_REQUEST), Says(b"N")],
            Reason::StarttlsRefused,
            "the server answered N",
        ),
        (
            StartTls::Postgres,
            vec![Hears(POSTGRES_REQUEST), Says(b"E\x00\x00\x00\x08full")],
            Reason::StarttlsRefused,
            r#"the server answered with an error: "full""#,
        ),
        (
            StartTls::Postgres,
            vec![Says(HTTP)],
            Reason::StarttlsProtocol,
            "the server's answer is not PostgreSQL: \"HTTP/1.1",
        ),
        (
            StartTls::Smtp,
            vec![greeting, ehlo],
            Reason::ConnectionReset,
            "the server closed the connection before TLS began",
        ),
        (
            StartTls::Postgres,
            vec![Hears(POSTGRES_REQUEST)],
            Reason::ConnectionReset,
            "the server closed the connection before TLS began",
        ),
    ];
    for (protocol, turns, expected, detail) in cases {
        let port = server(turns.leak(), Then::Close).await;
        let outcome = Look::at(port).starttls(protocol).run().await;
        assert_eq!(reason(&outcome), Some(expected), "{detail}: {:?}", outcome.result);
        assert_eq!(outcome.verdict(), Verdict::Down);
        let said = outcome.result.unwrap_err().detail;
        assert!(said.starts_with(detail), "{detail}: {said}");
    }
}

#[tokio::test]
async fn a_server_that_talks_without_end_or_not_at_all_is_left() {
    let endless: &[u8] = b"220-one more line\r\n".repeat(2_000).leak();
    let port = server(vec![Says(endless)].leak(), Then::Silence).await;
    let outcome = Look::at(port).starttls(StartTls::Smtp).run().await;
    assert_eq!(reason(&outcome), Some(Reason::StarttlsProtocol), "{:?}", outcome.result);
    let detail = outcome.result.unwrap_err().detail;
    assert_eq!(detail, "the server sent more than 16384 bytes of SMTP");

    let port = server(&[], Then::Silence).await;
    let outcome = Look::at(port).starttls(StartTls::Smtp).within(SHORT).run().await;
    assert_eq!(reason(&outcome), Some(Reason::TlsTimeout), "{:?}", outcome.result);
    assert!(outcome.facts.tcp.is_some(), "the kernel's counters are kept");
    let detail = outcome.result.unwrap_err().detail;
    assert_eq!(detail, "the server did not begin TLS by SMTP in time");
}
