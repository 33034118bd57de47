//! Pages that send their reader on: the `Refresh` header and `<meta http-equiv=refresh>` (HTML
//! standard, "shared declarative refresh steps"), followed where `follow.refresh` asks for it.
//!
//! The delay is not waited for: the probe wants to know where the reader arrives. A page that only
//! loads itself anew is an answer like any other.

use encoding_rs::Encoding;
use http::header::REFRESH;
use scraper::{Html, Selector};
use url::Url;

use super::{Answer, hop};
use crate::config::{Follow, Refresh};
use crate::deadline::Deadline;
use crate::offload::{Budget, Desk, NotDone};
use crate::outcome::Failure;
use crate::probe::{charset, markup, media};

/// Seconds. A page that waits longer is read before it is left: "your session has ended".
const DELAY_MAX: f64 = 60.0;

/// An answer, and where it sends its reader: `None` when nowhere, or when it is not to be followed.
pub(super) async fn follow(
    desk: Desk<'_>,
    follow: &Follow,
    answer: Answer,
    deadline: &Deadline,
) -> Result<(Answer, Option<Url>), Failure> {
    if follow.refresh == Refresh::Ignored || follow.redirects == 0 || !answer.status.is_success() {
        return Ok((answer, None));
    }
    let bytes = answer.body.as_ref().map_or(0, Vec::len);
    let work = move |budget: Budget| {
        let next = target(&answer, &budget);
        if budget.is_exhausted() {
            Err(Failure::from(NotDone::TooLong))
        } else {
            Ok((answer, next))
        }
    };
    desk.run(bytes, deadline.at(), work).await?
}

fn target(answer: &Answer, budget: &Budget) -> Option<Url> {
    let document = document(answer, budget);
    let document = document.as_ref();
    let header = answer.headers.get(REFRESH).map(|value| value.as_bytes().to_vec());
    let header = header.filter(|text| behind_delay(text).is_some());
    let in_page = || document.and_then(|(document, encoding)| in_page(document, encoding));
    let text = header.or_else(in_page)?;
    let address = address(&text)?;
    let base = document.and_then(|(document, _)| base(document, &answer.url));
    // Browsers show the page where it names no web address.
    let next = hop::joined(base.as_ref().unwrap_or(&answer.url), address).ok()?;
    (next != answer.url).then_some(next)
}

/// What addresses in the page are relative to, where it says so.
fn base(document: &Html, url: &Url) -> Option<Url> {
    let selector = Selector::parse("base[href]").ok()?;
    let base = document.select(&selector).find(|base| !markup::is_inert(*base))?;
    url.join(base.attr("href")?).ok()
}

/// The page, where it is one, and its charset.
fn document(answer: &Answer, budget: &Budget) -> Option<(Html, &'static Encoding)> {
    let bytes = answer.body.as_ref().ok()?;
    let content_type = media::content_type(&answer.headers);
    if content_type.is_some_and(|kind| !kind.trim_start().to_ascii_lowercase().contains("html")) {
        return None;
    }
    let text = charset::text(bytes, content_type, None);
    Some((markup::parse(&text, budget)?, charset::encoding(bytes, content_type, None)))
}

/// The `content` of the first `<meta http-equiv=refresh>` that has a delay; browsers pass over others.
fn in_page(document: &Html, encoding: &'static Encoding) -> Option<Vec<u8>> {
    let selector = Selector::parse("meta[http-equiv=refresh i][content]").ok()?;
    let metas = document.select(&selector).filter(|meta| !markup::is_inert(*meta));
    let mut contents = metas.filter_map(|meta| meta.attr("content"));
    let content = contents.find(|content| behind_delay(content.as_bytes()).is_some())?;
    // As browsers have it: a path is UTF-8, a query is in the charset of its page.
    let encoding = encoding.output_encoding();
    let (path, query) = content.split_at(content.find('?').unwrap_or(content.len()));
    Some([path.as_bytes(), &encoding.encode(query).0].concat())
}

/// The address behind the delay: `0; url=/main.do`, also quoted, without `url=`, or with a comma.
fn address(text: &[u8]) -> Option<&[u8]> {
    let (delay, rest) = behind_delay(text)?;
    if delay > DELAY_MAX {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b";").or(rest.strip_prefix(b",")).unwrap_or(rest);
    let rest = rest.trim_ascii_start();
    let rest = match rest.split_at_checked(3) {
        Some((word, after)) if word.eq_ignore_ascii_case(b"url") => {
            after.trim_ascii_start().strip_prefix(b"=").map_or(rest, <[u8]>::trim_ascii_start)
        }
        _ => rest,
    };
    let address = match rest.first() {
        Some(&quote @ (b'"' | b'\'')) => {
            let rest = &rest[1..];
            let end = rest.iter().position(|&byte| byte == quote).unwrap_or(rest.len());
            &rest[..end]
        }
        _ => rest.trim_ascii_end(),
    };
    (!address.is_empty()).then_some(address)
}

/// The delay and what follows it, where this is a refresh: what names no address loads the page anew.
fn behind_delay(text: &[u8]) -> Option<(f64, &[u8])> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let (delay, rest) = text.split_at(digits);
    let delay = std::str::from_utf8(delay).ok()?.parse().ok()?;
    let is_separate =
        rest.first().is_none_or(|byte| b";,".contains(byte) || byte.is_ascii_whitespace());
    is_separate.then_some((delay, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_as_browsers_do() {
        for text in [
            "0;url=/main.do",
            "0; URL='/main.do'",
            "5 ; url = \"/main.do\" ",
            " 0,/main.do",
            "0 /main.do",
            "1.5;/main.do",
        ] {
            assert_eq!(address(text.as_bytes()), Some(&b"/main.do"[..]), "{text}");
        }
        for text in ["", "5", "5;", "url=/main.do", "x;url=/main.do", "0;url="] {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
    }
}
