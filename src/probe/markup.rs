//! HTML from anyone, parsed in bounded time.
//!
//! An HTML parser looks through its open elements at every tag, and through a tag's attributes at
//! every attribute, so a page of nothing but `<div>` costs the square of its size: one megabyte of
//! it held a core for minutes. Pages are measured in one pass first, and those that no browser
//! would lay out either are not parsed.

use scraper::Html;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Elements open at a time. Browsers stop nesting at 512 themselves.
const OPEN_MAX: usize = 512;

/// Attributes of one tag. Pages have a few dozen at most.
const ATTRIBUTES_MAX: usize = 512;

/// Open elements that all tags of a page look through together. A megabyte of `<li>` below 500
/// elements is 125 million and took ten seconds; the longest real pages stay below two million.
const LOOKS_MAX: usize = 8_000_000;

/// Bytes of a page that is parsed while others wait: a few milliseconds. To parse a larger one, the
/// worker hands its other tasks to another thread.
const IN_PASSING_MAX: usize = 16 << 10;

/// The page is nested too deeply, or a tag has too many attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the page is nested deeper than {OPEN_MAX} elements, or so deeply that its tags take too long to read, or has a tag of more than {ATTRIBUTES_MAX} attributes; it was not read"
)]
pub struct Tangled;

/// Parses a page, unless that would take too long.
pub fn parse(text: &str) -> Result<Html, Tangled> {
    let parse = || if is_tangled(text) { Err(Tangled) } else { Ok(Html::parse_document(text)) };
    let is_shared = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if text.len() > IN_PASSING_MAX && is_shared { block_in_place(parse) } else { parse() }
}

/// Elements that hold nothing, or that the next of their kind closes: pages leave them open by the
/// thousand and the parser does not nest them.
const NEVER_NESTED: [&str; 28] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr", "p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "optgroup",
    "dt", "dd", "colgroup", "body",
];

/// Elements whose content is text up to their own end tag.
const RAW_TEXT: [&str; 4] = ["script", "style", "textarea", "title"];

/// Drawn shapes, the only tags that end by `/>`.
const SHAPES: [&str; 12] = [
    "path", "circle", "rect", "line", "polyline", "polygon", "ellipse", "use", "stop", "image",
    "g", "animate",
];

/// Whether more elements may be open at some place than [`OPEN_MAX`]. Never less than what the
/// parser has open: an end tag counts only right after what it ends.
fn is_tangled(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut looks = 0_usize;
    let mut drawing = false;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        let ends = rest.starts_with('/');
        let tag = rest.strip_prefix('/').unwrap_or(rest);
        let length = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
        let (name, after) = tag.split_at(length);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        looks += open.len();
        if looks > LOOKS_MAX {
            return true;
        }
        let is = |other: &&str| name.eq_ignore_ascii_case(other);
        if ends {
            open.pop_if(|last| last.eq_ignore_ascii_case(name));
            drawing &= !is(&"svg");
            rest = after;
            continue;
        }
        let Some(tag) = Tag::read(after) else { return true };
        rest = tag.after;
        let shape = SHAPES.iter().any(is);
        drawing = is(&"svg") || (drawing && shape);
        if NEVER_NESTED.iter().any(is) || (drawing && shape && tag.closes_itself) {
            continue;
        }
        if RAW_TEXT.iter().any(is) {
            rest = after_raw_text(rest, name);
            continue;
        }
        open.push(name);
        if open.len() > OPEN_MAX {
            return true;
        }
    }
    false
}

struct Tag<'a> {
    closes_itself: bool,
    after: &'a str,
}

impl Tag<'_> {
    /// Reads from behind the name to behind the `>`; `None` when there are too many attributes.
    fn read(text: &str) -> Option<Tag<'_>> {
        let (mut quote, mut attributes, mut before) = (None, 0, b' ');
        for (at, byte) in text.bytes().enumerate() {
            match (quote, byte) {
                (Some(open), _) if byte == open => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
                (None, b'>') => {
                    let after = text.get(at + 1..).unwrap_or_default();
                    return Some(Tag { closes_itself: before == b'/', after });
                }
                // Each begins a name, also without a space before it.
                (None, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/' | b'"' | b'\'') => {
                    attributes += 1
                }
                (None, _) => {}
            }
            if attributes > ATTRIBUTES_MAX {
                return None;
            }
            if !byte.is_ascii_whitespace() {
                before = byte;
            }
        }
        Some(Tag { closes_itself: false, after: "" })
    }
}

fn after_raw_text<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = rest.get(at + 2..).unwrap_or_default();
        if rest.get(..name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name)) {
            return rest;
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn pages_that_would_take_the_square_of_their_size_are_not_parsed() {
        let attributes: String = (0..10_000).map(|n| format!(" a{n}=1")).collect();
        let slashes: String = (0..10_000).map(|n| format!("/a{n}")).collect();
        let unclosed: String = (0..10_000).map(|n| format!("<p><b a{n}>x</p>")).collect();
        for page in [
            "<div>".repeat(10_000),
            "<div></x>".repeat(10_000),
            "<div><object></div>".repeat(10_000),
            "<div/>".repeat(10_000),
            format!("<svg><div></div>{}", "<path/>".repeat(10_000)),
            "<b><i><a>".repeat(10_000),
            format!("<a>{}{}", "<div>".repeat(10_000), "</a>".repeat(10_000)),
            "<div>".repeat(500) + &"<li>".repeat(250_000),
            "<div>".repeat(500) + &"</p>".repeat(250_000),
            "<div>".repeat(500) + &"<form></form>".repeat(80_000),
            (0..400).map(|n| format!("<b a{n}>")).collect::<String>() + &"<p>x</p>".repeat(100_000),
            format!("<p{attributes}>"),
            format!("<p {slashes}>"),
            unclosed,
        ] {
            assert_eq!(parse(&page).err(), Some(Tangled), "{}", &page[..40]);
        }
    }

    #[test]
    fn ordinary_pages_are_parsed_however_long() {
        for page in [
            "<ul>".to_owned() + &"<li>시스템<br>".repeat(10_000) + "</ul>",
            "<table>".to_owned() + &"<tr><td>1<td>2".repeat(10_000) + "</table>",
            "<div class=\"a > b\"><span>1</span></div>".repeat(10_000),
            "<svg>".to_owned() + &"<path d='M0 0'/>".repeat(10_000) + "</svg>",
            "<script>if (a<b) document.write('<div>')</script>".repeat(10_000),
            "a < b and <3 ".repeat(10_000),
            "<input value='x' disabled>".repeat(10_000),
            "<div>".repeat(50) + &"<tr><td>1</td></tr>".repeat(30_000),
        ] {
            assert!(parse(&page).is_ok(), "{}", &page[..40]);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_run_while_a_large_page_is_parsed() {
        let page = "<div class=\"row\"><input name=x value='y'></div>\n".repeat(20_000);
        let parsing = Arc::new(AtomicBool::new(false));
        let during = Arc::clone(&parsing);
        let parser = tokio::spawn(async move {
            parsing.store(true, Ordering::SeqCst);
            // It waits for the one worker, which is ours until the page is parsed.
            let other = tokio::spawn(async move { during.load(Ordering::SeqCst) });
            assert!(parse(&page).is_ok());
            parsing.store(false, Ordering::SeqCst);
            other.await.unwrap()
        });
        assert!(parser.await.unwrap(), "it ran only after the page");
    }
}
