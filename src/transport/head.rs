//! Mends the head of an HTTP/1 response as browsers do, before the parser sees it.
//!
//! Real servers fold lines, repeat their status line, and print warnings of their language between
//! headers. A browser leaves such lines out and shows the page; so a prober must not call the
//! service down for them, but it tells them as a warning. A NUL stays an error.
//! Behind the head, the lines around the chunks of a body are [`chunks`](super::chunks)'s to mend.

use super::chunks::ChunkMender;

/// Bytes of one line that are looked at; longer ones are for the parser to refuse.
///
/// Limit: bytes of one header line.
/// Share: of each response.
/// Full: it breaks the protocol.
/// Filled: garbage_and_huge_heads_break_the_protocol
const MAX_LINE: usize = 256 << 10;

/// Header lines that the parser gets. It takes 100, the framing ones of below included; for more it
/// would need room on the heap in every run. What is beyond it needs not to read the body.
const PARSED_LINES: usize = 90;
/// Bytes of the other header lines together, as many as Chromium takes of a whole head. What is
/// beyond them is for the parser to refuse.
///
/// Limit: bytes of the header lines beyond the first.
/// Share: of each response.
/// Full: it breaks the protocol.
/// Filled: a_head_without_end_is_left
const SURPLUS_MAX: usize = 256 << 10;

/// Headers that say where the body ends or how it is read. A blank before their colon would be a
/// reason to leave them out, but then the page could not be read.
const FRAMING: [&[u8]; 4] =
    [b"content-length", b"transfer-encoding", b"connection", b"content-encoding"];

/// What was wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// A line that is no header line was left out.
    NoHeader,
    /// A header line with a name that no header can have was left out.
    BadName,
    /// A header line with control characters in its value was left out.
    ControlCharacters,
    /// A blank before the colon was removed.
    BlankBeforeColon,
    /// A status line that is written in another way than HTTP/1.1 has it.
    StatusLine,
    /// A `Content-Length` that is no number was left out, so that the body ends with the connection.
    BadLength,
    /// Chunks are written in another way than HTTP/1.1 has them.
    Chunks,
}

impl Flaw {
    /// In words that name no content, because servers repeat what they are sent.
    pub fn detail(self) -> &'static str {
        match self {
            Flaw::NoHeader => {
                "the response head has a line that is no header; it was left out, as in browsers"
            }
            Flaw::BadName => {
                "the response head has a header whose name has characters that no name can have; \
                 it was left out, as in browsers"
            }
            Flaw::ControlCharacters => {
                "the response head has a header with control characters; it was left out"
            }
            Flaw::StatusLine => {
                "the status line is not written as HTTP/1.1 has it (RFC 9112 section 4); it was \
                 read as in browsers"
            }
            Flaw::BadLength => {
                "the response head has a Content-Length that is no number; it was left out, as in \
                 browsers"
            }
            Flaw::Chunks => {
                "the chunks of the body are not written as HTTP/1.1 has them (RFC 9112 section 7.1); \
                 they were read as in browsers"
            }
            Flaw::BlankBeforeColon => {
                "the response head has a blank before a header's colon (RFC 9112 section 5.1)"
            }
        }
    }
}

/// Where in a response the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the status line.
    Start,
    /// Behind it; the status says whether another head follows.
    Headers { interim: bool },
    /// Behind the head of the final response: nothing is looked at.
    Behind,
}

/// Takes the bytes of a connection and gives them back mended.
#[derive(Debug)]
pub struct HeadMender {
    place: Place,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// A good header line that the next one may continue.
    held: Vec<u8>,
    /// Whether the last line was left out, and its continuations with it.
    skipped: bool,
    /// Header lines that went on to the parser.
    lines: usize,
    /// The header lines that it does not get.
    surplus: Vec<u8>,
    flaws: Vec<Flaw>,
    /// Whether the head says that the body comes in chunks.
    is_chunked: bool,
    /// Behind the head of such a body.
    chunks: Option<ChunkMender>,
}

impl Default for HeadMender {
    fn default() -> HeadMender {
        HeadMender {
            place: Place::Behind,
            line: Vec::new(),
            held: Vec::new(),
            skipped: false,
            lines: 0,
            surplus: Vec::new(),
            flaws: Vec::new(),
            is_chunked: false,
            chunks: None,
        }
    }
}

impl HeadMender {
    /// A new response is expected.
    pub fn restart(&mut self) {
        *self = HeadMender { place: Place::Start, ..HeadMender::default() };
    }

    /// Whether these bytes go on to the parser as they are. They have then been taken.
    pub fn passes(&mut self, bytes: &[u8]) -> bool {
        match (self.place, &mut self.chunks) {
            (Place::Behind, None) => true,
            (Place::Behind, Some(chunks)) => chunks.passes(bytes),
            _ => self.is_clean(bytes),
        }
    }

    /// What was found since the last time.
    pub fn take_flaws(&mut self) -> Vec<Flaw> {
        std::mem::take(&mut self.flaws)
    }

    /// The header lines of the final head that the parser did not get, when it has ended.
    pub fn take_surplus(&mut self) -> Vec<u8> {
        if self.place == Place::Behind { std::mem::take(&mut self.surplus) } else { Vec::new() }
    }

    /// Whether these bytes begin with a whole final head in which there is nothing to mend, which
    /// is what nearly all servers send. The mender is then behind the head.
    fn is_clean(&mut self, bytes: &[u8]) -> bool {
        if self.place != Place::Start || !self.line.is_empty() {
            return false;
        }
        let mut lines = Lines(bytes);
        let Some(status) = lines.next() else { return false };
        if !matches!(judge_status(status), Line::Good) || is_interim(status) {
            return false;
        }
        let mut chunked = false;
        for _ in 0..PARSED_LINES {
            let Some(line) = lines.next() else { return false };
            if content(line).is_empty() {
                // Chunks have to be looked at.
                if chunked && !lines.0.is_empty() {
                    return false;
                }
                self.place = Place::Behind;
                self.chunks = chunked.then(ChunkMender::default);
                return true;
            }
            if !matches!(judge(line), Line::Good) {
                return false;
            }
            chunked = is_chunked(line).unwrap_or(chunked);
        }
        false
    }

    /// Takes the next bytes; what may go on to the parser is appended to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            if self.place == Place::Behind {
                match &mut self.chunks {
                    None => out.extend_from_slice(bytes),
                    Some(chunks) => {
                        let before = chunks.is_flawed();
                        chunks.push(bytes, out);
                        if chunks.is_flawed() && !before {
                            self.note(Flaw::Chunks);
                        }
                    }
                }
                return;
            }
            if let Some(line) = take_line(&mut bytes, &mut self.line) {
                self.take(&line, out);
            } else if self.line.len() > MAX_LINE {
                self.give_up(out);
            }
        }
    }

    /// The stream has ended: what was held goes on as it is.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.give_up(out);
    }

    fn give_up(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        out.append(&mut self.line);
        if let Some(chunks) = &mut self.chunks {
            chunks.finish(out);
        }
        self.place = Place::Behind;
    }

    fn take(&mut self, line: &[u8], out: &mut Vec<u8>) {
        match self.place {
            Place::Start if content(line).is_empty() => out.extend_from_slice(line),
            Place::Start => self.status(line, out),
            Place::Headers { interim } if content(line).is_empty() => {
                self.release(out);
                out.extend_from_slice(line);
                self.place = if interim { Place::Start } else { Place::Behind };
                self.skipped = false;
                if interim {
                    self.lines = 0;
                    self.surplus.clear();
                } else if self.is_chunked {
                    self.chunks = Some(ChunkMender::default());
                }
                self.is_chunked = false;
            }
            Place::Headers { .. } => self.header(line, out),
            Place::Behind => out.extend_from_slice(line),
        }
    }

    /// Lets a header line go that nothing continues any more.
    fn release(&mut self, out: &mut Vec<u8>) {
        if matches!(judge(&self.held), Line::Bad(Flaw::BadLength)) {
            self.note(Flaw::BadLength);
            self.held.clear();
        }
        let is_framing = || {
            let name = self.held.split(|&byte| byte == b':').next().unwrap_or_default();
            FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing))
        };
        let has_room = self.surplus.len() + self.held.len() <= SURPLUS_MAX;
        if self.lines >= PARSED_LINES && has_room && !is_framing() {
            self.surplus.append(&mut self.held);
        } else {
            self.lines += usize::from(!self.held.is_empty());
            self.is_chunked = is_chunked(&self.held).unwrap_or(self.is_chunked);
            out.append(&mut self.held);
        }
    }

    fn status(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let mended;
        let line = match judge_status(line) {
            Line::Good => line,
            Line::Mended(as_meant) => {
                self.note(Flaw::StatusLine);
                mended = as_meant;
                &mended
            }
            // This is not HTTP, and the parser says so.
            Line::Bad(_) | Line::Fatal => {
                out.extend_from_slice(line);
                self.place = Place::Behind;
                return;
            }
        };
        self.place = Place::Headers { interim: is_interim(line) };
        out.extend_from_slice(line);
    }

    fn header(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            self.continuation(line, out);
            return;
        }
        self.release(out);
        self.skipped = false;
        match judge(line) {
            // Its number may stand in the next line.
            Line::Good | Line::Bad(Flaw::BadLength) => self.held.extend_from_slice(line),
            Line::Mended(mended) => {
                self.note(Flaw::BlankBeforeColon);
                self.held = mended;
            }
            Line::Bad(flaw) => {
                self.note(flaw);
                self.skipped = true;
            }
            // The parser refuses it.
            Line::Fatal => {
                self.held.extend_from_slice(line);
                self.give_up(out);
            }
        }
    }

    /// RFC 9112 section 5.2: the fold is replaced by a blank.
    fn continuation(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let text = content(line).trim_ascii();
        if text.contains(&0) {
            self.held.extend_from_slice(line);
            self.give_up(out);
        } else if text.iter().any(|byte| is_control(*byte)) {
            self.held.clear();
            self.skipped = true;
            self.note(Flaw::ControlCharacters);
        } else if !self.held.is_empty() {
            let end = content(&self.held).len();
            self.held.truncate(end);
            if !text.is_empty() {
                self.held.push(b' ');
                self.held.extend_from_slice(text);
            }
            self.held.extend_from_slice(b"\r\n");
        } else if !self.skipped {
            // There is nothing that it could continue.
            self.note(Flaw::NoHeader);
            self.skipped = true;
        }
    }

    fn note(&mut self, flaw: Flaw) {
        if !self.flaws.contains(&flaw) {
            self.flaws.push(flaw);
        }
    }
}

/// Lines with their ends; what comes behind the last end is no line.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|&byte| byte == b'\n')? + 1;
        let (line, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(line)
    }
}

/// Whether the line says that the body comes in chunks; none where it says nothing of that.
fn is_chunked(line: &[u8]) -> Option<bool> {
    const NAME: &[u8] = b"transfer-encoding:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
    name.eq_ignore_ascii_case(NAME).then(|| last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// Whether there is nothing to mend in a header line.
pub(super) fn is_good_header(line: &[u8]) -> bool {
    matches!(judge(line), Line::Good)
}

/// Moves bytes to `begun` until its line ends there; the line, once it is whole.
pub(super) fn take_line(bytes: &mut &[u8], begun: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
    let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    begun.extend_from_slice(piece);
    *bytes = rest;
    end.map(|_| std::mem::take(begun))
}

/// A line without its end.
pub(super) fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// 101 is final: what follows it is another protocol.
fn is_interim(line: &[u8]) -> bool {
    let status = content(line).split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    status.len() == 3 && status.starts_with(b"1") && status != b"101"
}

enum Line {
    Good,
    Mended(Vec<u8>),
    Bad(Flaw),
    Fatal,
}

/// A status line may be in lower case, of a version that HTTP/1 does not have, without the blanks that
/// separate its parts, and with control characters in its words: Chromium reads it all the same.
fn judge_status(line: &[u8]) -> Line {
    let text = content(line);
    let is_right = |version: &[u8]| match text.strip_prefix(version) {
        Some(rest) => split_status(rest).is_some_and(|(_, reason)| {
            is_separate(reason) && !reason.iter().any(|&byte| is_control(byte))
        }),
        None => false,
    };
    if is_right(b"HTTP/1.1 ") || is_right(b"HTTP/1.0 ") {
        return Line::Good;
    }
    if text.contains(&0) {
        return Line::Fatal;
    }
    let Some((b"/", rest)) = text
        .split_at_checked(4)
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"HTTP"))
        .and_then(|(_, rest)| rest.split_at_checked(1))
    else {
        return Line::Fatal;
    };
    // Nobody can mean any other.
    let [major @ (b'1' | b'2'), b'.', minor @ b'0'..=b'9', rest @ ..] = rest else {
        return Line::Fatal;
    };
    let Some((status, reason)) = split_status(rest.trim_ascii_start()) else { return Line::Fatal };
    let version: &[u8] = if (*major, *minor) == (b'1', b'0') { b"HTTP/1.0" } else { b"HTTP/1.1" };
    let words = reason.iter().copied().filter(|&byte| !is_control(byte)).collect::<Vec<_>>();
    Line::Mended([version, b" ", status, b" ", words.trim_ascii(), b"\r\n"].concat())
}

/// Three digits and what follows them.
fn split_status(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (status, reason) = text.split_at_checked(3)?;
    let goes_on = reason.first().is_some_and(u8::is_ascii_digit);
    (status.iter().all(u8::is_ascii_digit) && !goes_on).then_some((status, reason))
}

fn is_separate(reason: &[u8]) -> bool {
    reason.first().is_none_or(|byte| *byte == b' ')
}

fn judge(line: &[u8]) -> Line {
    let text = content(line);
    // Nearly every line, in one go.
    let name = text.iter().position(|&byte| !is_token_char(byte)).unwrap_or_default();
    if name > 0 && text[name] == b':' && !text[name + 1..].iter().any(|&byte| is_control(byte)) {
        let is_other = !text[..name].eq_ignore_ascii_case(b"content-length");
        return if is_other || is_length(&text[name + 1..]) {
            Line::Good
        } else {
            Line::Bad(Flaw::BadLength)
        };
    }
    if text.contains(&0) {
        return Line::Fatal;
    }
    let Some(colon) = text.iter().position(|&byte| byte == b':') else {
        return Line::Bad(Flaw::NoHeader);
    };
    let (name, value) = (&text[..colon], &text[colon + 1..]);
    if value.iter().any(|&byte| is_control(byte)) {
        return Line::Bad(Flaw::ControlCharacters);
    }
    if is_token(name) {
        return Line::Good;
    }
    let trimmed = name.trim_ascii_end();
    if FRAMING.iter().any(|framing| trimmed.eq_ignore_ascii_case(framing)) {
        return Line::Mended([trimmed, &line[colon..]].concat());
    }
    let blanks_only = is_token(trimmed) || trimmed.is_empty();
    Line::Bad(if blanks_only || is_sentence(name) { Flaw::NoHeader } else { Flaw::BadName })
}

/// One number, or the same one several times (RFC 9110 section 8.6), of as many bits as browsers give it.
fn is_length(value: &[u8]) -> bool {
    let mut lengths = value.split(|&byte| byte == b',').map(|length| length.trim_ascii());
    lengths.all(|length| {
        let digits = std::str::from_utf8(length).unwrap_or_default();
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<i64>().is_ok()
    })
}

/// `PHP Warning`, `HTTP/1.1 200 OK`: words before a colon that happens to be there.
fn is_sentence(name: &[u8]) -> bool {
    name.contains(&b' ')
}

/// RFC 9110 section 5.6.2.
fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| is_token_char(byte))
}

fn is_token_char(byte: u8) -> bool {
    // Looked at for each byte of every name.
    const TOKEN_CHARS: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            table[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let others = b"!#$%&'*+-.^_`|~";
        let mut at = 0;
        while at < others.len() {
            table[others[at] as usize] = true;
            at += 1;
        }
        table
    };
    TOKEN_CHARS[byte as usize]
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head mended, given in pieces of every size, and its flaws.
    fn mended(head: &str) -> (String, Vec<Flaw>) {
        let whole = in_pieces(head.as_bytes(), usize::MAX);
        for size in 1..head.len() {
            assert_eq!(in_pieces(head.as_bytes(), size), whole, "in pieces of {size}");
        }
        (String::from_utf8(whole.0).unwrap(), whole.1)
    }

    fn in_pieces(head: &[u8], size: usize) -> (Vec<u8>, Vec<Flaw>) {
        let mut mender = HeadMender::default();
        mender.restart();
        let mut out = Vec::new();
        for piece in head.chunks(size.min(head.len())) {
            mender.push(piece, &mut out);
        }
        mender.finish(&mut out);
        (out, mender.take_flaws())
    }

    fn unchanged(text: &str) {
        assert_eq!(mended(text), (text.to_owned(), Vec::new()));
    }

    #[test]
    fn what_is_right_passes_as_it_is() {
        unchanged(
            "HTTP/1.1 200 OK\r\nA: b\r\nC:d\r\n\r\nno: header\r\n fold\r\nHTTP/1.1 500 X\r\n",
        );
        unchanged("\r\nHTTP/1.0 200\nA: b\n\nbody");
        unchanged("HTTP/1.1 200 1st\r\nA: b\r\n\r\nno header\r\n");
        unchanged("HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nA: \r\n\r\n");
        unchanged("SSH-2.0-OpenSSH\r\nno header\r\n");
        unchanged("HTTP/1.1 101 Switching\r\n\r\nno header\r\n\r\n");
    }

    #[test]
    fn status_lines_are_read_as_they_are_meant() {
        for (line, meant) in [
            ("http/1.1 200 OK", "HTTP/1.1 200 OK"),
            ("HTTP/1.1 200OK", "HTTP/1.1 200 OK"),
            ("HTTP/1.1  404   Not there ", "HTTP/1.1 404 Not there"),
            ("HTTP/1.1200 OK", "HTTP/1.1 200 OK"),
            ("HTTP/2.0 200", "HTTP/1.1 200 "),
            ("HTTP/1.7 200 OK", "HTTP/1.1 200 OK"),
            ("Http/1.0 200 OK", "HTTP/1.0 200 OK"),
            ("HTTP/1.1 200 O\u{1}K\u{7f}", "HTTP/1.1 200 OK"),
            ("HTTP/1.1 200 O\rK", "HTTP/1.1 200 OK"),
        ] {
            let (head, flaws) = mended(&format!("{line}\r\nA: b\r\n\r\nbody"));
            assert_eq!(head, format!("{meant}\r\nA: b\r\n\r\nbody"), "{line}");
            assert_eq!(flaws, [Flaw::StatusLine], "{line}");
        }
        for line in
            ["HTTP/1.1", "HTTP/1.1 OK", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/9.9 200 OK"]
        {
            unchanged(&format!("{line}\r\nno header\r\n\r\n"));
        }
        let interim = "http/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nno header\r\n\r\n";
        assert_eq!(mended(interim).1, [Flaw::StatusLine, Flaw::NoHeader]);
    }

    #[test]
    fn folded_lines_become_one() {
        let (head, flaws) = mended(
            "HTTP/1.1 200 OK\r\nX-Policy: default-src 'self';\r\n  img-src *\r\n\t;x \r\nB: c\r\n\r\n",
        );
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\nX-Policy: default-src 'self'; img-src * ;x\r\nB: c\r\n\r\n"
        );
        assert_eq!(flaws, []);
        let (head, flaws) = mended("HTTP/1.1 200 OK\r\nContent-Length:\r\n 4\r\n\r\nbody");
        assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(flaws, []);
    }

    #[test]
    fn bad_lines_are_left_out_with_their_continuations_and_told() {
        for (line, flaw) in [
            ("HTTP/1.1 200 OK", Flaw::NoHeader),
            ("PHP Warning", Flaw::NoHeader),
            ("PHP Warning:  a in b on line 3", Flaw::NoHeader),
            ("X-A : one", Flaw::NoHeader),
            (": one", Flaw::NoHeader),
            ("X(A): one", Flaw::BadName),
            ("이름: one", Flaw::BadName),
            ("X-A: o\u{1}ne", Flaw::ControlCharacters),
            ("Set-Cookie: a=b\u{7f}c", Flaw::ControlCharacters),
            (" folded from nothing", Flaw::NoHeader),
            ("Content-Length: abc", Flaw::BadLength),
            ("Content-Length: 4", Flaw::BadLength),
            ("content-length: -1", Flaw::BadLength),
            ("Content-Length: 99999999999999999999999", Flaw::BadLength),
            ("Content-Length: 18446744073709551615", Flaw::BadLength),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{line}\r\n more\r\nB: c\r\n\r\nbody");
            let (mended, flaws) = mended(&head);
            assert_eq!(mended, "HTTP/1.1 200 OK\r\nB: c\r\n\r\nbody", "{line}");
            assert_eq!(flaws, [flaw], "{line}");
        }
    }

    #[test]
    fn a_blank_before_the_colon_of_what_frames_the_body_is_removed() {
        let (head, flaws) = mended("HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\nbody");
        assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(flaws, [Flaw::BlankBeforeColon]);
    }

    #[test]
    fn a_nul_is_left_for_the_parser_to_refuse() {
        unchanged("HTTP/1.1 200 OK\r\nA: b\0\r\nno header\r\n\r\n");
        unchanged("HTTP/1.1 200 O\0K\r\nno header\r\n\r\n");
        unchanged("HTTP/1.1 200 OK\r\nA: b\r\n c\0\r\nno header\r\n\r\n");
    }

    #[test]
    fn lines_that_the_parser_has_no_room_for_are_kept_for_later() {
        let line = |n: usize| format!("X-{n}: {n}\r\n");
        let many: String = (0..500).map(line).collect();
        let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 4\r\n\r\n");
        let early = format!("HTTP/1.1 103 Early\r\n{many}\r\n");
        for size in [1, 7, usize::MAX] {
            let mut mender = HeadMender::default();
            mender.restart();
            let mut out = Vec::new();
            let all = early.clone() + &head(&many) + "body";
            for piece in all.as_bytes().chunks(size.min(all.len())) {
                mender.push(piece, &mut out);
            }
            let parsed: String = (0..PARSED_LINES).map(line).collect();
            let early = format!("HTTP/1.1 103 Early\r\n{parsed}\r\n");
            assert_eq!(String::from_utf8(out).unwrap(), early + &head(&parsed) + "body");
            let surplus: String = (PARSED_LINES..500).map(line).collect();
            assert_eq!(String::from_utf8(mender.take_surplus()).unwrap(), surplus);
        }
    }

    #[test]
    fn a_clean_head_needs_no_copy() {
        let clean = |head: &str| {
            let mut mender = HeadMender::default();
            mender.restart();
            mender.is_clean(head.as_bytes())
        };
        assert!(clean("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody"));
        assert!(!clean("HTTP/1.1 200 OK\r\nA: b\r\n"), "it is not complete");
        assert!(!clean("HTTP/1.1 100 Continue\r\n\r\n"));
        assert!(!clean("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"));
        assert!(!clean("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_lost_behind_a_head_and_nothing_panics(
            bytes in proptest::collection::vec(0u8.., 0..400),
            size in 1usize..50,
        ) {
            let _ = in_pieces(&[b"HTTP/1.1 200 OK\r\n", bytes.as_slice()].concat(), size);
            let head = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n".to_vec();
            let all = [head.as_slice(), &bytes].concat();
            proptest::prop_assert_eq!(in_pieces(&all, size).0, all);
        }
    }
}
