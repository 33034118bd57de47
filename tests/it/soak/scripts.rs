//! What hostile servers say, and how they go on.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// What is sent after a request, and what then.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) first: Vec<u8>,
    pub(super) then: Then,
}

pub(super) enum Then {
    Close,
    /// Nothing more, until the other side leaves.
    Silence,
    /// The same for ever.
    Again(Vec<u8>),
    /// A byte at a time.
    Drip,
}

/// Of what is sent again and again, so that it is not a system call for each line.
const PIECE_BYTES: usize = 16 << 10;
/// Of the page that a compressed one becomes.
const INFLATED_BYTES: usize = 256 << 20;

/// Instead of a handshake.
pub(super) fn greetings() -> Vec<Script> {
    let script = |name, first: &[u8], then| Script { name, first: first.to_vec(), then };
    vec![
        script("no handshake at all", b"", Then::Silence),
        script("closed in the handshake", b"", Then::Close),
        script("HTTP instead of TLS", b"HTTP/1.1 400 Bad Request\r\n\r\n", Then::Close),
        script("an alert", &[21, 3, 3, 0, 2, 2, 40], Then::Close),
        script("half a record", &[22, 3, 3, 0x40, 0, 2], Then::Silence),
        script("warnings for ever", b"", Then::Again([21, 3, 3, 0, 2, 1, 90].repeat(1_000))),
    ]
}

/// After a request.
pub(super) fn answers() -> Vec<Script> {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let script = |name, first: &str, then| Script { name, first: first.into(), then };
    let again = |piece: &str| Then::Again(piece.repeat(PIECE_BYTES / piece.len()).into_bytes());
    let page = |name, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        Script { name, first: [head.as_bytes(), body].concat(), then: Then::Close }
    };
    let html = "Content-Type: text/html; charset=utf-8\r\n";
    let json = "Content-Type: application/json\r\n";
    let objects = vec![r#"{"a":{"b":1}}"#; 20_000].join(",");
    let long = "x".repeat(60 << 10);
    let cookies: String = (0..400).map(|n| format!("Set-Cookie: c{n}={n}; Path=/\r\n")).collect();
    vec![
        script("no answer", "", Then::Silence),
        script("hung up", "", Then::Close),
        script("half a head", "HTTP/1.1 200 OK\r\nContent-", Then::Silence),
        script("interim responses for ever", "", again("HTTP/1.1 103 Early Hints\r\n\r\n")),
        script("empty lines for ever", "", again("\r\n")),
        script("a head for ever", "HTTP/1.1 200 OK\r\n", again("X-A: b\r\n")),
        script("a body for ever", CHUNKED, again("5\r\nhello\r\n")),
        script("a chunk extension for ever", &format!("{CHUNKED}5;"), again("a=b;")),
        script("trailers for ever", &format!("{CHUNKED}0\r\n"), again("X-A: b\r\n")),
        script(
            "a body that ends early",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nx",
            Then::Close,
        ),
        script("a byte at a time", "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", Then::Drip),
        script("no HTTP", &"\u{0}\u{7f}\u{feff}정부24".repeat(4_000), Then::Close),
        script(
            "a redirect to a long path",
            &format!("HTTP/1.1 302 Found\r\nLocation: /{long}\r\nContent-Length: 0\r\n\r\n"),
            Then::Close,
        ),
        script(
            "a redirect to nowhere",
            "HTTP/1.1 302 Found\r\nLocation: gopher://\u{202e}x/\r\nContent-Length: 0\r\n\r\n",
            Then::Close,
        ),
        page("a page that inflates", &format!("{html}Content-Encoding: gzip\r\n"), &inflating()),
        page("a page of paragraphs", html, "<p>".repeat(300_000).as_bytes()),
        page("a page that is deep", html, "<div>".repeat(100_000).as_bytes()),
        page("a page of one letter", html, &vec![b'a'; 1 << 20]),
        page("many objects", json, format!("[{objects}]").as_bytes()),
        page("deep objects", json, "[".repeat(100_000).as_bytes()),
        page("another charset than it says", html, &[0xb0, 0xa1, 0xff, 0xfe].repeat(50_000)),
        page("many cookies", &cookies, b"x"),
        page(
            "deceptive characters",
            &format!("X-Said: \u{202e}x\r\n{html}"),
            "\u{202e}x".as_bytes(),
        ),
    ]
}

fn inflating() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..INFLATED_BYTES / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

/// Frames of HTTP/2 (RFC 9113 section 4.1) without an end.
pub(super) fn frames() -> Vec<Script> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let hello = frame(4, 0, 0, b"");
    let ok = [hello.clone(), frame(1, 4, 1, b"\x88")].concat();
    let unended = [hello.clone(), frame(1, 0, 1, b"\x88")].concat();
    let script = |name, first: &[u8], piece: Vec<u8>| Script {
        name,
        first: first.to_vec(),
        then: Then::Again(piece.repeat(PIECE_BYTES / piece.len())),
    };
    vec![
        script("PING for ever", &hello, frame(6, 0, 0, &[7; 8])),
        script("SETTINGS for ever", &hello, frame(4, 0, 0, b"")),
        script("CONTINUATION for ever", &unended, frame(9, 0, 1, b"\x00\x01a\x01b")),
        script("empty DATA for ever", &ok, frame(0, 0, 1, b"")),
        script("frames nobody knows", &hello, frame(0xbb, 0, 0, b"hello")),
    ]
}
