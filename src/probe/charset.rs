//! From the bytes of a body to its text: who says which charset it is in, and who is believed.
//! Korean pages are often EUC-KR and as often do not say so.

use std::borrow::Cow;

use encoding_rs::{EUC_KR, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How far into a page its own word on the charset is looked for, as browsers do.
const META_WINDOW: usize = 1024;

/// The text of a body. Bytes that are not valid in the charset become U+FFFD; that is for the
/// expectations to judge. Who is believed, in this order: the header, a byte order mark, the page
/// itself, the configuration. When nobody says anything it is UTF-8, or EUC-KR when it is valid
/// as that only.
pub fn text<'a>(
    bytes: &'a [u8],
    content_type: Option<&str>,
    fallback: Option<&'static Encoding>,
) -> Cow<'a, str> {
    let bom = Encoding::for_bom(bytes);
    let encoding = encoding(bytes, content_type, fallback);
    match bom {
        Some((marked, length)) if marked == encoding => {
            encoding.decode_without_bom_handling(bytes.get(length..).unwrap_or_default()).0
        }
        _ => encoding.decode_without_bom_handling(bytes).0,
    }
}

/// The encoding of a body, by the same authorities.
pub fn encoding(
    bytes: &[u8],
    content_type: Option<&str>,
    fallback: Option<&'static Encoding>,
) -> &'static Encoding {
    content_type
        .and_then(header_charset)
        .or_else(|| Encoding::for_bom(bytes).map(|(encoding, _)| encoding))
        .or_else(|| page_charset(bytes))
        .or(fallback)
        .unwrap_or_else(|| undeclared(bytes))
}

/// Old Korean servers send EUC-KR and do not say so; a browser guesses right, and a notice page
/// that is not recognised is a false green.
fn undeclared(bytes: &[u8]) -> &'static Encoding {
    let korean = || !EUC_KR.decode_without_bom_handling(bytes).1;
    if std::str::from_utf8(bytes).is_err() && korean() { EUC_KR } else { UTF_8 }
}

/// The `charset` parameter of a `Content-Type`.
fn header_charset(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| for_label(value))?
    })
}

/// `<meta charset=...>`, `<meta http-equiv ... content="...; charset=...">` or the encoding of an
/// XML declaration, in the first bytes of a page.
fn page_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let window = bytes.get(..META_WINDOW).unwrap_or(bytes).to_ascii_lowercase();
    if window.starts_with(b"<?xml") {
        let end = find(&window, b"?>")?;
        return attribute(window.get(..end)?, b"encoding").map(not_utf16);
    }
    let mut rest = window.as_slice();
    while let Some(start) = find(rest, b"<meta") {
        let tag = rest.get(start..)?;
        let end = find(tag, b">").unwrap_or(tag.len());
        if let Some(encoding) = attribute(tag.get(..end)?, b"charset") {
            return Some(not_utf16(encoding));
        }
        rest = tag.get(end..)?;
    }
    None
}

/// A page that could be read so far is not UTF-16, whatever it says.
fn not_utf16(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding }
}

fn attribute(tag: &[u8], name: &[u8]) -> Option<&'static Encoding> {
    let after = tag.get(find(tag, name)? + name.len()..)?.trim_ascii_start();
    let value = after.strip_prefix(b"=")?.trim_ascii_start();
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let end = value
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\'' | b';' | b'/' | b'>' | b'?' | b' '))
        .unwrap_or(value.len());
    for_label(std::str::from_utf8(value.get(..end)?).ok()?)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The encoding of a label, the names that Java servers in Korea use included.
pub fn for_label(label: &str) -> Option<&'static Encoding> {
    let label = label.trim().trim_matches(['"', '\'']);
    let java = ["cp949", "ms949", "x-windows-949", "uhc", "euckr"];
    if java.iter().any(|name| label.eq_ignore_ascii_case(name)) {
        return Some(encoding_rs::EUC_KR);
    }
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn korean_text_survives_euc_kr_by_header_meta_and_option(text in "[가-힣 a-z]{0,200}") {
            let page = format!("<meta charset=euc-kr>{text}");
            let (bytes, _, unmappable) = EUC_KR.encode(&page);
            prop_assert!(!unmappable);
            let header = Some("text/html; charset=\"MS949\"");
            prop_assert_eq!(&*super::text(&bytes, header, None), page.as_str());
            prop_assert_eq!(&*super::text(&bytes, Some("text/html"), None), page.as_str());
            let (bytes, _, _) = EUC_KR.encode(&text);
            prop_assert_eq!(&*super::text(&bytes, None, Some(EUC_KR)), text.as_str());
        }

        #[test]
        fn any_bytes_become_some_text(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            header in ".{0,40}",
        ) {
            let _ = super::text(&bytes, Some(&header), None);
            let mut page = b"<meta charset=".to_vec();
            page.extend_from_slice(&bytes);
            let _ = super::text(&page, None, Some(EUC_KR));
        }
    }

    #[test]
    fn the_header_beats_the_page_and_the_page_beats_the_option() {
        let page =
            EUC_KR.encode("<html><META http-equiv=x content='text/html; charset=EUC-KR'>한").0;
        assert!(text(&page, None, Some(UTF_8)).ends_with('한'));
        assert!(!text(&page, Some("text/html;charset=utf-8"), None).ends_with('한'));
        let bom = "\u{feff}<meta charset=euc-kr>한";
        assert_eq!(text(bom.as_bytes(), None, None), "<meta charset=euc-kr>한");
        let xml = EUC_KR.encode("<?xml version='1.0' encoding='euc-kr'?><a>한</a>").0;
        assert!(text(&xml, None, None).contains('한'));
        assert_eq!(text("한".as_bytes(), None, None), "한");
    }

    #[test]
    fn korean_bytes_that_nobody_declares_are_read_as_korean() {
        let (bytes, _, _) = EUC_KR.encode("시스템 점검 중입니다");
        assert_eq!(text(&bytes, Some("text/html"), None), "시스템 점검 중입니다");
        assert_eq!(encoding(&bytes, None, None), EUC_KR);
        // Neither one nor the other: UTF-8, with what cannot be read marked.
        assert_eq!(text(b"ok \xff\xff", None, None), "ok \u{fffd}\u{fffd}");
    }
}
