//! From the bytes of a body to its text: who says which charset it is in, and who is believed.
//! Korean pages are often EUC-KR and as often do not say so.

use std::borrow::Cow;

use encoding_rs::{EUC_KR, Encoding, UTF_8};

use super::media::{self, MediaKind};
use super::prescan;

/// The text of a body. Bytes that are not valid in the charset become U+FFFD; that is for the
/// expectations to judge. Who is believed, in this order: a byte order mark, the header, the page
/// itself, the configuration. When nobody says anything it is UTF-8, or EUC-KR when it is valid
/// as that only.
pub fn text<'a>(
    bytes: &'a [u8],
    content_type: Option<&str>,
    fallback: Option<&'static Encoding>,
) -> Cow<'a, str> {
    let mark = Encoding::for_bom(bytes).map_or(0, |(_, length)| length);
    let encoding = encoding(bytes, content_type, fallback);
    encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0
}

/// The encoding of a body, by the same authorities.
pub fn encoding(
    bytes: &[u8],
    content_type: Option<&str>,
    fallback: Option<&'static Encoding>,
) -> &'static Encoding {
    // A mark cannot be there by chance, and a header is often the server's default for all pages
    // (Encoding standard, "decode").
    if let Some((marked, _)) = Encoding::for_bom(bytes) {
        return marked;
    }
    content_type
        .and_then(|header| for_label(&media::charset(header)?))
        .or_else(|| in_band(bytes, media::kind(content_type)))
        .or(fallback)
        .unwrap_or_else(|| undeclared(bytes))
}

/// What the body says of itself, if it is of a kind that can. A script or a message that holds
/// the text of a page says nothing about its own charset.
fn in_band(bytes: &[u8], kind: MediaKind) -> Option<&'static Encoding> {
    match kind {
        MediaKind::Html => prescan::of_html(bytes),
        MediaKind::Xml => prescan::of_xml(bytes),
        MediaKind::Unknown => prescan::of_any(bytes),
        // An option for the pages of a probe does not make its JSON something else.
        MediaKind::Json => std::str::from_utf8(bytes).is_ok().then_some(UTF_8),
        MediaKind::Other => None,
    }
}

/// Old Korean servers send EUC-KR and do not say so; a browser guesses right, and a notice page
/// that is not recognised is a false green.
fn undeclared(bytes: &[u8]) -> &'static Encoding {
    let korean = || !EUC_KR.decode_without_bom_handling(bytes).1;
    if std::str::from_utf8(bytes).is_err() && korean() { EUC_KR } else { UTF_8 }
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
        let page = EUC_KR
            .encode("<html><META http-equiv=content-type content='text/html; charset=EUC-KR'>한")
            .0;
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

    #[test]
    fn a_byte_order_mark_beats_everybody() {
        let korean = "text/html; charset=euc-kr";
        let page = "<meta charset=euc-kr>점검";
        let wide = |to: fn(u16) -> [u8; 2], mark: [u8; 2]| -> Vec<u8> {
            mark.into_iter().chain(page.encode_utf16().flat_map(to)).collect()
        };
        for (bytes, marked) in [
            (["\u{feff}", page].concat().into_bytes(), UTF_8),
            (wide(u16::to_le_bytes, [0xff, 0xfe]), encoding_rs::UTF_16LE),
            (wide(u16::to_be_bytes, [0xfe, 0xff]), encoding_rs::UTF_16BE),
        ] {
            for header in [Some(korean), Some("application/json"), Some("text/plain"), None] {
                assert_eq!(text(&bytes, header, Some(EUC_KR)), page, "{header:?}");
                assert_eq!(encoding(&bytes, header, Some(EUC_KR)), marked, "{header:?}");
            }
        }
        // A second mark is text, and half a mark is none.
        assert_eq!(text("\u{feff}\u{feff}a".as_bytes(), None, None), "\u{feff}a");
        assert_eq!(encoding(b"\xef\xbba", Some(korean), None), EUC_KR);
    }

    #[test]
    fn only_pages_speak_for_their_own_charset() {
        let tag = b"<meta charset=euc-kr>";
        for header in ["text/html", "", "unknown/unknown"] {
            assert_eq!(encoding(tag, Some(header), None), EUC_KR, "{header}");
        }
        for header in ["application/json", "text/plain", "text/xml", "text/javascript"] {
            assert_eq!(encoding(tag, Some(header), None), UTF_8, "{header}");
        }
        let xml = b"<?xml version='1.0' encoding='euc-kr'?><a/>";
        for header in ["text/xml", "application/rss+xml", "text/html"] {
            assert_eq!(encoding(xml, Some(header), None), EUC_KR, "{header}");
        }
        assert_eq!(encoding(xml, Some("text/plain"), None), UTF_8);
    }

    #[test]
    fn json_is_utf_8_unless_it_cannot_be_or_the_header_says_so() {
        let message = r#"{"html":"<meta charset=euc-kr>한"}"#;
        let of_option = |header| text(message.as_bytes(), Some(header), Some(EUC_KR)).into_owned();
        assert_eq!(of_option("application/json"), message);
        assert_eq!(of_option("application/hal+json; charset=utf-8"), message);
        let (korean, _, _) = EUC_KR.encode(message);
        assert_eq!(text(&korean, Some("application/json; charset=euc-kr"), None), message);
        assert_eq!(text(&korean, Some("application/json"), Some(EUC_KR)), message);
    }
}
