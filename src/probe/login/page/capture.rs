//! Takes values out of a response for later steps. A value is text and stays as it is written:
//! `00123` is not 123.

use base::hex;
use base64::Engine;
use scraper::Selector;

use crate::config::login::{Absent, Capture, CaptureFrom, Decode, Pattern};
use crate::outcome::{Failure, Reason};
use crate::probe::markup;
use crate::probe::page::Page;
use crate::secret::Secret;
use crate::template::pipe::{BASE64, BASE64_URL, compact};

/// Of one value; a token is shorter, and a page is no value.
///
/// Limit: bytes of a captured value.
/// Share: of each capture.
/// Full: the step fails with `capture_missing`.
/// Filled: captured_values_are_bounded
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Matches of `all`.
///
/// Limit: matches that are joined.
/// Share: of each capture.
/// Full: further ones are left out.
/// Filled: captured_values_are_bounded
const MATCHES_MAX: usize = 1000;

/// The value of a capture.
pub(in crate::probe::login) fn take(capture: &Capture, page: &Page<'_>) -> Result<Secret, Failure> {
    let missing =
        |what: &str| Failure::new(Reason::CaptureMissing, format!("{} {what}", capture.name));
    let most = if capture.join.is_some() { MATCHES_MAX } else { 1 };
    let mut found = raw(capture, page, most);
    if let Some(regex) = &capture.regex {
        found = found.iter().filter_map(|text| cut(regex, text).next()).collect();
    }
    if found.is_empty() {
        return match &capture.absent {
            Absent::Is(text) => Ok(Secret::new(text.as_str())),
            Absent::Fails => Err(missing(&format!("is not in the response ({})", place(capture)))),
        };
    }
    if let Some(decode) = capture.decode {
        let decoded = found.iter().map(|text| decoded(decode, text));
        let decoded: Option<Vec<String>> = decoded.collect();
        found = decoded.ok_or_else(|| missing("is there but cannot be decoded"))?;
    }
    let text = found.join(capture.join.as_deref().unwrap_or_default());
    if text.len() > VALUE_BYTES_MAX {
        return Err(missing(&format!("is larger than {VALUE_BYTES_MAX} bytes")));
    }
    Ok(Secret::new(text))
}

/// At most `most` matches, before anything is cut or decoded.
fn raw(capture: &Capture, page: &Page<'_>, most: usize) -> Vec<String> {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match &capture.from {
        CaptureFrom::Css(selector, attribute) => {
            // Checked at load.
            let Ok(selector) = Selector::parse(&selector.0) else { return Vec::new() };
            let Some(document) = page.document() else { return Vec::new() };
            let elements = markup::matching(document, &selector, &page.budget);
            let values = elements.filter_map(|element| match attribute {
                Some(attribute) => element.attr(attribute).map(str::to_owned),
                None => Some(element.text().collect::<String>().trim().to_owned()),
            });
            values.take(most).collect()
        }
        CaptureFrom::Json(path) => {
            let nodes = page.json_at(path).unwrap_or_default();
            let texts = nodes.into_iter().filter(|node| !node.is_null()).map(|node| match node {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            texts.take(most).collect()
        }
        CaptureFrom::Header(name) => {
            let values = page.headers.get_all(name).iter();
            values.map(|value| lossy(value.as_bytes())).take(most).collect()
        }
        CaptureFrom::Cookie(name) => {
            page.cookies.value(name).map(str::to_owned).into_iter().collect()
        }
        CaptureFrom::Regex(regex) => cut(regex, page.text()).take(most).collect(),
        CaptureFrom::UrlQuery(name) => {
            let pairs = page.url.query_pairs().filter(|(key, _)| key == name);
            pairs.map(|(_, value)| value.into_owned()).take(most).collect()
        }
    }
}

/// The first group of each match, else the whole match.
fn cut<'t>(regex: &'t Pattern, text: &'t str) -> impl Iterator<Item = String> + 't {
    regex.0.captures_iter(text).filter_map(|found| {
        found.get(1).or_else(|| found.get(0)).map(|part| part.as_str().to_owned())
    })
}

fn place(capture: &Capture) -> String {
    match &capture.from {
        CaptureFrom::Css(selector, None) => format!("css {}", selector.0),
        CaptureFrom::Css(selector, Some(attribute)) => {
            format!("attribute {attribute} of css {}", selector.0)
        }
        CaptureFrom::Json(path) => format!("json {}", *path.0),
        CaptureFrom::Header(name) => format!("header {name}"),
        CaptureFrom::Cookie(name) => format!("cookie {name}"),
        CaptureFrom::Regex(regex) => format!("regex {}", regex.0),
        CaptureFrom::UrlQuery(name) => format!("parameter {name} of the URL"),
    }
}

/// Undoes an encoding of a captured text.
fn decoded(decode: Decode, text: &str) -> Option<String> {
    let bytes = match decode {
        Decode::Base64 => BASE64.decode(compact(text)).ok()?,
        Decode::Base64Url => BASE64_URL.decode(compact(text)).ok()?,
        Decode::Hex => hex::decode(text.trim())?,
        Decode::Url => {
            let pair = format!("x={text}");
            let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
            return Some(value.into_owned());
        }
        // A text area's content is text with character references and nothing else.
        Decode::Html => {
            let escaped = text.replace('<', "&lt;");
            let html = scraper::Html::parse_fragment(&escaped);
            return Some(html.root_element().text().collect());
        }
    };
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::login::Decode;
    use crate::config::{CssSelector, JsonPath};
    use crate::probe::jar::Jar;
    use crate::probe::page::Head;
    use http::header::{HeaderMap, SET_COOKIE};
    use std::sync::Arc;
    use url::Url;

    const BODY: &str = r#"<input name=csrf value="00123"><p>a</p><p> b </p>"#;

    fn capture(from: CaptureFrom) -> Capture {
        Capture {
            name: "x".into(),
            from,
            regex: None,
            decode: None,
            join: None,
            absent: Absent::Fails,
            secret: false,
        }
    }

    fn css(selector: &str, attribute: Option<&str>) -> CaptureFrom {
        CaptureFrom::Css(CssSelector(selector.into()), attribute.map(str::to_owned))
    }

    fn pattern(text: &str) -> Pattern {
        Pattern(regex::Regex::new(text).unwrap())
    }

    fn taken(capture: &Capture, body: &str) -> Result<String, Failure> {
        let url = Url::parse("https://a.go.kr/cb?code=4%2F5&code=6").unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-token", "t1".parse().unwrap());
        headers.append(SET_COOKIE, "JSESSIONID=s1".parse().unwrap());
        let mut jar = Jar::default();
        jar.store(&url, &headers);
        let head = Head { url: &url, status: 200, version: "1.1", headers: &headers };
        let page = Page::new(head, body.as_bytes(), None, &jar);
        take(capture, &page).map(|value| value.expose().to_owned())
    }

    #[test]
    fn each_source_gives_its_text_and_texts_stay_texts() {
        let json = CaptureFrom::Json(JsonPath(Arc::new("$.a.b".parse().unwrap())));
        let cases = [
            (css("input[name=csrf]", Some("value")), BODY, "00123"),
            (css("p", None), BODY, "a"),
            (json.clone(), r#"{"a":{"b":"00123"}}"#, "00123"),
            (json, r#"{"a":{"b":123}}"#, "123"),
            (CaptureFrom::Header("x-token".parse().unwrap()), "", "t1"),
            (CaptureFrom::Cookie("JSESSIONID".into()), "", "s1"),
            (CaptureFrom::Regex(pattern("value=\"(\\d+)\"")), BODY, "00123"),
            (CaptureFrom::Regex(pattern("c.rf")), BODY, "csrf"),
            (CaptureFrom::UrlQuery("code".into()), "", "4/5"),
        ];
        for (from, body, expected) in cases {
            assert_eq!(taken(&capture(from.clone()), body).unwrap(), expected, "{from:?}");
        }
    }

    #[test]
    fn what_is_missing_fails_unless_it_may() {
        let mut missing = capture(css("b", None));
        let failure = taken(&missing, BODY).err().unwrap();
        assert_eq!(failure.reason, Reason::CaptureMissing);
        missing.absent = Absent::Is("none".into());
        assert_eq!(taken(&missing, BODY).unwrap(), "none");
    }

    #[test]
    fn captured_values_are_bounded() {
        let fits = format!("<p>{}</p>", "x".repeat(VALUE_BYTES_MAX));
        assert_eq!(taken(&capture(css("p", None)), &fits).unwrap().len(), VALUE_BYTES_MAX);
        let large = format!("<p>{}</p>", "x".repeat(VALUE_BYTES_MAX + 1));
        let failure = taken(&capture(css("p", None)), &large).err().unwrap();
        assert_eq!(failure.reason, Reason::CaptureMissing);
        assert!(failure.detail.contains("is larger than"), "{failure}");
        let mut all = capture(css("p", None));
        all.join = Some(String::new());
        assert_eq!(taken(&all, &"<p>x</p>".repeat(2 * MATCHES_MAX)).unwrap().len(), MATCHES_MAX);
    }

    #[test]
    fn all_matches_are_joined_and_each_is_cut_and_decoded() {
        let mut all = capture(css("p", None));
        all.join = Some(",".into());
        assert_eq!(taken(&all, BODY).unwrap(), "a,b");
        let mut cut = capture(CaptureFrom::Header("x-token".parse().unwrap()));
        cut.regex = Some(pattern("t(.)"));
        assert_eq!(taken(&cut, "").unwrap(), "1");
        let mut decoded = capture(css("p", None));
        decoded.decode = Some(Decode::Base64);
        assert_eq!(taken(&decoded, "<p>YWI=</p>").unwrap(), "ab");
        assert_eq!(taken(&decoded, "<p>*</p>").err().unwrap().reason, Reason::CaptureMissing);
    }

    #[test]
    fn encodings_of_captures_are_undone() {
        assert_eq!(decoded(Decode::Base64, "YT8+\n").as_deref(), Some("a?>"));
        assert_eq!(decoded(Decode::Base64Url, "YT8-").as_deref(), Some("a?>"));
        assert_eq!(decoded(Decode::Hex, "EBB984").as_deref(), Some("비"));
        assert_eq!(decoded(Decode::Url, "a+b%26").as_deref(), Some("a b&"));
        assert_eq!(decoded(Decode::Html, "a&amp;b&lt;<i>").as_deref(), Some("a&b<<i>"));
        assert_eq!(decoded(Decode::Hex, "xyz"), None);
        assert_eq!(decoded(Decode::Base64, "*"), None);
    }
}
