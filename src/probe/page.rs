//! A response as expectations and captures see it. Its text is decoded once, and only when
//! something asks for it.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::time::Duration;

use encoding_rs::Encoding;
use http::header::HeaderMap;
use scraper::Html;
use url::Url;

use crate::config::JsonPath;
use crate::offload::Budget;
use crate::outcome::{Failure, Reason};
use crate::probe::charset;
use crate::probe::coding::Codings;
use crate::probe::exchange::ContentCoding;
use crate::probe::jar::Jar;
use crate::probe::media::{self, MediaKind};
use crate::probe::{json_cost, markup, xml};

/// Of a text that is parsed as JSON. Its values take up to forty times as much.
///
/// Limit: bytes of a text that is parsed as JSON.
/// Share: of each page.
/// Full: the run is unknown.
/// Filled: a_text_beyond_the_limit_is_not_parsed_as_json
pub const JSON_BYTES_MAX: usize = 8 << 20;

/// What the library says of JSON that is nested deeper than it reads: 128 levels.
const NESTED_TOO_DEEPLY: &str = "recursion limit exceeded";

/// A response as expectations see it.
pub struct Page<'a> {
    /// The final URL.
    pub url: &'a Url,
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    pub headers: &'a HeaderMap,
    /// The cookies of the run so far.
    pub cookies: &'a Jar,
    /// Since the start of the run.
    pub elapsed: Duration,
    /// Whether `Content-Encoding` was looked at.
    pub coding: ContentCoding,
    /// The time there is to judge it.
    pub budget: Budget,
    body: &'a [u8],
    charset: Option<&'static Encoding>,
    text: OnceCell<Cow<'a, str>>,
    document: OnceCell<Option<Html>>,
    json: OnceCell<Option<serde_json::Value>>,
    /// Why there is no body although the run goes on.
    unread: OnceCell<Failure>,
    remarks: RefCell<Vec<Failure>>,
}

/// The parts of a page that are known before its body.
pub struct Head<'a> {
    /// The final URL.
    pub url: &'a Url,
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    pub headers: &'a HeaderMap,
}

impl<'a> Page<'a> {
    /// A page whose body is decoded when the first rule asks for its text. `charset` is used when
    /// neither the header nor the page names one.
    pub fn new(
        head: Head<'a>,
        body: &'a [u8],
        charset: Option<&'static Encoding>,
        cookies: &'a Jar,
    ) -> Page<'a> {
        let Head { url, status, version, headers } = head;
        let elapsed = Duration::ZERO;
        let (text, document, json, unread, remarks) = Default::default();
        let coding = ContentCoding::Decoded;
        Page {
            url,
            status,
            version,
            headers,
            cookies,
            elapsed,
            coding,
            budget: Budget::default(),
            body,
            charset,
            text,
            document,
            json,
            unread,
            remarks,
        }
    }

    /// The decoded body.
    pub fn text(&self) -> &str {
        self.text.get_or_init(|| {
            charset::text(self.body, media::content_type(self.headers), self.charset)
        })
    }

    /// The page as a browser would have it, or an XML document's elements, parsed once; `None` when that takes too long.
    pub(super) fn document(&self) -> Option<&Html> {
        let parse = || {
            let text = match media::kind(media::content_type(self.headers)) {
                MediaKind::Xml => xml::as_html(self.text()),
                _ => self.text().into(),
            };
            markup::parse(&text, &self.budget)
        };
        self.document.get_or_init(parse).as_ref()
    }

    /// The page as JSON, parsed once; `None` when it is none, or more than may be parsed.
    pub(super) fn json(&self) -> Option<&serde_json::Value> {
        let parse = || {
            if self.text().len() > JSON_BYTES_MAX {
                self.budget.exhaust();
                return None;
            }
            let parsed = serde_json::from_str(self.text()).or_else(|error| {
                let mended = with_whole_characters(self.text());
                mended.map_or(Err(error), |mended| serde_json::from_str(&mended))
            });
            if let Err(error) = &parsed
                && error.to_string().starts_with(NESTED_TOO_DEEPLY)
            {
                self.budget.exhaust();
            }
            parsed.ok()
        };
        self.json.get_or_init(parse).as_ref()
    }

    /// What stands at a path of the page; `None` when it is no JSON, or when to look costs more than it may.
    pub(super) fn json_at(&self, path: &JsonPath) -> Option<Vec<&serde_json::Value>> {
        let document = self.json()?;
        if !json_cost::is_affordable(&path.0.to_string(), document) {
            self.budget.exhaust();
            return None;
        }
        Some(path.0.query(document).all())
    }

    /// Why nothing can be said of a page of which something had to be left undone.
    pub(super) fn unjudged(&self) -> Option<Failure> {
        let said = "to judge the page takes more time or memory than it may";
        self.budget.is_exhausted().then(|| Failure::new(Reason::JudgeTimeout, said))
    }

    /// From here on the page is judged by its head alone.
    pub(super) fn go_without_body(&self, why: Failure) {
        // A page has one body to go without.
        let _ = self.unread.set(why);
    }

    /// Whether it is judged by its head alone.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.get().is_some()
    }

    /// Notes something about the page that degrades the run.
    pub(super) fn remark(&self, remark: Failure) {
        self.remarks.borrow_mut().push(remark);
    }

    /// Everything that degrades the run and is not a rule's to say.
    pub(super) fn remarks(&self) -> Vec<Failure> {
        let odd_coding = match self.coding {
            ContentCoding::Decoded => Codings::of(self.headers).warning(),
            ContentCoding::AsIs => None,
        };
        let noted = self.remarks.borrow();
        self.unread
            .get()
            .cloned()
            .into_iter()
            .chain(odd_coding)
            .chain(noted.iter().cloned())
            .collect()
    }
}

/// A JSON text in which escapes of half a character are U+FFFD; `None` where there are none. Scripts write
/// them where they cut a text through a pair, and other scripts read them (ECMA-262, `JSON.parse`).
fn with_whole_characters(text: &str) -> Option<String> {
    let surrogate = |escape: &str| {
        let digits = escape.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok().filter(|unit| (0xd800..0xe000).contains(unit))
    };
    let (mut mended, mut rest, mut is_mended) = (String::new(), text, false);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let second = escape.get(6..).and_then(surrogate);
        let length = match (surrogate(escape), second) {
            (Some(0xd800..0xdc00), Some(0xdc00..)) => 12,
            (Some(_), _) => {
                is_mended = true;
                mended.push('\u{fffd}');
                rest = &escape[6..];
                continue;
            }
            (None, _) => escape.chars().take(2).map(char::len_utf8).sum::<usize>(),
        };
        let (whole, after) = escape.split_at(length);
        mended.push_str(whole);
        rest = after;
    }
    mended.push_str(rest);
    is_mended.then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_in_json_is_one_that_nobody_knows() {
        for (text, expected) in [
            (r#"{"a":"\ud83d"}"#, Some("{\"a\":\"\u{fffd}\"}")),
            (r#""\uDE00\ud83d\uDE00\ud83dx""#, Some("\"\u{fffd}\\ud83d\\uDE00\u{fffd}x\"")),
            (r#""\\ud83d \ud83d\ude00 \u00e9 \"#, None),
            (r#""\u12"#, None),
            ("\"\\가\"", None),
        ] {
            assert_eq!(with_whole_characters(text).as_deref(), expected, "{text}");
        }
        let (url, headers, jar) =
            (Url::parse("http://a.kr/").unwrap(), HeaderMap::new(), Jar::default());
        let head = Head { url: &url, status: 200, version: "1.1", headers: &headers };
        let body = r#"{"title":"\ud83d","state":"UP"}"#;
        let page = Page::new(head, body.as_bytes(), None, &jar);
        assert_eq!(page.json().unwrap()["state"], "UP");
    }

    #[test]
    fn a_text_beyond_the_limit_is_not_parsed_as_json() {
        let (url, headers) = (Url::parse("http://a.kr/").unwrap(), HeaderMap::new());
        let jar = Jar::default();
        let is_parsed = |bytes: usize| {
            let body = format!("\"{}\"", "x".repeat(bytes - 2));
            let head = Head { url: &url, status: 200, version: "1.1", headers: &headers };
            let page = Page::new(head, body.as_bytes(), None, &jar);
            let is_parsed = page.json().is_some();
            assert_eq!(page.unjudged().is_none(), is_parsed);
            is_parsed
        };
        assert!(is_parsed(JSON_BYTES_MAX));
        assert!(!is_parsed(JSON_BYTES_MAX + 1));
    }
}
