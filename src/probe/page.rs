//! A response as expectations and captures see it. Its text is decoded once, and only when
//! something asks for it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use encoding_rs::Encoding;
use http::header::{CONTENT_TYPE, HeaderMap};
use url::Url;

use crate::probe::charset;
use crate::probe::jar::Jar;

/// A response as expectations see it.
pub struct Page<'a> {
    /// The final URL.
    pub url: &'a Url,
    /// Its status.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// All of them.
    pub headers: &'a HeaderMap,
    /// The cookies of the run so far.
    pub cookies: &'a Jar,
    /// Since the start of the run.
    pub elapsed: Duration,
    body: &'a [u8],
    charset: Option<&'static Encoding>,
    text: OnceCell<Cow<'a, str>>,
}

/// The parts of a page that are known before its body.
pub struct Head<'a> {
    /// The final URL.
    pub url: &'a Url,
    /// Its status.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// All of them.
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
        let text = OnceCell::new();
        Page { url, status, version, headers, cookies, elapsed, body, charset, text }
    }

    /// The decoded body.
    pub fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            charset::text(self.body, content_type, self.charset)
        })
    }
}
