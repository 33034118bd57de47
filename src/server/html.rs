//! The frame of every page. Outside text gets on it by [`EscapedText`] only.
//!
//! No script, nothing from another host: a page must work in the room where the network is broken,
//! and a hostile site's title must stay text. The policy header says the same to the browser.

use std::fmt::{self, Write};
use std::io::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::Response;
pub(super) use base::EscapedText;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, REFRESH, VARY};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::display_state::Shown;
use super::external::External;
use super::{icon, stream};
pub(super) use crate::language::Language;
use crate::sentences::ToldPart;

const STYLE: &str = include_str!("page.css");

/// Allows the style of these pages by its digest, their icon, their form, and nothing else.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
});

/// A name of the configuration or of the metrics, which is the same in every language.
pub(super) struct Code<'a>(pub(super) &'a str);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<code>{}</code>", EscapedText(self.0))
    }
}

/// A sentence of the program's own that exists in English only, marked as such.
pub(super) struct English<'a>(pub(super) &'a str);

impl fmt::Display for English<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<span class=\"q\" lang=\"en\">{}</span>", EscapedText(self.0))
    }
}

/// What happened in a run, for a reader of this language; what it quotes is marked.
pub(super) struct Detail<'a>(pub(super) &'a str, pub(super) Language);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.1.of_detail(self.0);
        if let [ToldPart::Quoted(english)] = parts[..] {
            return write!(f, "{}", English(english));
        }
        f.write_str("<span class=\"q\">")?;
        for part in parts {
            match part {
                ToldPart::Said(text) => write!(f, "{}", EscapedText(text))?,
                ToldPart::Quoted("") => {}
                ToldPart::Quoted(text) => write!(f, "{}", Code(text))?,
            }
        }
        f.write_str("</span>")
    }
}

impl Language {
    /// `?lang=` wins; else the browser's first language that we have; else Korean.
    pub(super) fn of(query: Option<&str>, headers: &HeaderMap) -> Language {
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let wishes = query.into_iter().chain(accepted.unwrap_or_default().split(','));
        for wish in wishes {
            match wish.trim().get(..2) {
                Some("ko") => return Language::Korean,
                Some("en") => return Language::English,
                _ => {}
            }
        }
        Language::Korean
    }
}

pub(super) struct WebPage<'a> {
    pub(super) language: Language,
    pub(super) title: &'a str,
    /// Which icon the tab has; none for a page that shows no state.
    pub(super) state: Option<Shown>,
    /// Asks the browser to load it again by itself.
    pub(super) refreshes: bool,
    /// Whether it is read from afar.
    pub(super) is_for_a_wall: bool,
    pub(super) external: &'a External,
    /// What stands above the content: ways to other pages.
    pub(super) nav: &'a str,
    pub(super) main: &'a str,
}

impl WebPage<'_> {
    /// Compressed where the client takes that.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let html = self.html();
        let compressed = stream::accepts_gzip(request).then(|| gzip(&html)).flatten();
        let is_compressed = compressed.is_some();
        let body = compressed.unwrap_or_else(|| html.into_bytes());
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language"));
        if is_compressed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if self.refreshes {
            // A header and no element: a link on the page turns it off.
            headers.insert(REFRESH, HeaderValue::from_static("15"));
        }
        response
    }

    fn html(&self) -> String {
        let mut html = String::with_capacity(self.main.len() + 8192);
        let WebPage { language, nav, main, .. } = self;
        let (code, title) = (language.code(), EscapedText(self.title));
        let class = if self.is_for_a_wall { " class=\"wall\"" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(
            html,
            "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>{}\
             <style>{STYLE}</style></head><body{class}><header><nav aria-label=\"{}\">{nav}</nav></header><main>{main}</main></body></html>",
            icon::link(self.external, self.state),
            language.pick("이동", "Pages"),
        );
        html
    }
}

fn gzip(html: &str) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(html.as_bytes()).ok()?;
    encoder.finish().ok()
}

/// How long ago, in its largest unit. No line breaks between a number and its unit.
pub(super) fn ago(time: SystemTime, language: Language) -> String {
    let seconds = time.elapsed().unwrap_or(Duration::ZERO).as_secs();
    let (number, korean, english) = match seconds {
        0..60 => (seconds, "초", "s"),
        60..3600 => (seconds / 60, "분", "min"),
        3600..86_400 => (seconds / 3600, "시간", "h"),
        _ => (seconds / 86_400, "일", "d"),
    };
    match language {
        Language::Korean => format!("{number}{korean} 전"),
        Language::English => format!("{number}\u{a0}{english} ago"),
    }
}

/// How long something took, to the millisecond.
pub(super) fn took(time: Duration, language: Language) -> String {
    format!("{:.3}{}", time.as_secs_f64(), language.pick("초", "\u{a0}s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_askers_and_korean_for_want_of_another() {
        let accepting = |value: &str| {
            HeaderMap::from_iter([(ACCEPT_LANGUAGE, http::HeaderValue::from_str(value).unwrap())])
        };
        assert_eq!(Language::of(None, &HeaderMap::new()), Language::Korean);
        assert_eq!(Language::of(None, &accepting("en-US,en;q=0.5")), Language::English);
        assert_eq!(Language::of(None, &accepting("fr, ko;q=0.5")), Language::Korean);
        assert_eq!(Language::of(Some("ko"), &accepting("en")), Language::Korean);
    }
}
