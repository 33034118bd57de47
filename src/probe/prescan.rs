//! Which charset a page names for itself (HTML standard, "prescan a byte stream to determine its
//! encoding"). Only a real `<meta>` counts: not one in a comment, not a word in another tag's
//! attribute, not `<metadata>`.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

use super::charset::for_label;

/// How far into a page its own word is looked for, as browsers do.
const WINDOW: usize = 1024;

/// The charset that an HTML page names: by `<meta>`, or else by an XML declaration.
pub(super) fn of_html(bytes: &[u8]) -> Option<&'static Encoding> {
    let window = bytes.get(..WINDOW).unwrap_or(bytes);
    by_utf16_declaration(window).or_else(|| by_meta(window)).or_else(|| by_declaration(window))
}

/// The charset that an XML document names.
pub(super) fn of_xml(bytes: &[u8]) -> Option<&'static Encoding> {
    let window = bytes.get(..WINDOW).unwrap_or(bytes);
    by_utf16_declaration(window).or_else(|| by_declaration(window))
}

/// The charset that a body of unknown type names: an XML declaration makes it XML, and what begins
/// with anything but a tag is no page to browsers (MIME Sniffing standard), such as JSON.
pub(super) fn of_any(bytes: &[u8]) -> Option<&'static Encoding> {
    if bytes.starts_with(b"<?xml") {
        return of_xml(bytes);
    }
    let start = bytes.trim_ascii_start();
    let is_page = start.starts_with(b"<") || by_utf16_declaration(bytes).is_some();
    is_page.then(|| of_html(bytes))?
}

/// `<?x` in units of two bytes.
fn by_utf16_declaration(window: &[u8]) -> Option<&'static Encoding> {
    match window {
        [b'<', 0, b'?', 0, b'x', 0, ..] => Some(UTF_16LE),
        [0, b'<', 0, b'?', 0, b'x', ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// A page that could be read so far is not UTF-16, whatever it says.
fn readable(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding }
}

/// `<?xml version="1.0" encoding="euc-kr"?>` ("get an XML encoding").
fn by_declaration(window: &[u8]) -> Option<&'static Encoding> {
    if !window.starts_with(b"<?xml") {
        return None;
    }
    let declaration = window.get(..find(window, b">")?)?;
    let after = declaration.get(find(declaration, b"encoding")? + b"encoding".len()..)?;
    let value = skip_controls(skip_controls(after).strip_prefix(b"=")?);
    let (quote, value) = value.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let value = value.get(..find(value, &[*quote])?)?;
    let label = std::str::from_utf8(value).ok()?;
    (!value.iter().any(|byte| *byte <= b' ')).then(|| for_label(label).map(readable))?
}

fn skip_controls(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| *byte > b' ').unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Walks over comments and tags to the first `<meta>` that names a charset which is one. `None`
/// also where the window ends before all of it was seen.
fn by_meta(window: &[u8]) -> Option<&'static Encoding> {
    let mut at = 0;
    loop {
        at += find(window.get(at..)?, b"<")?;
        let rest = window.get(at..)?;
        let mut cursor = Cursor { window, at };
        if rest.starts_with(b"<!--") {
            // `<!-->` is a whole comment.
            at += 2 + find(rest.get(2..)?, b"-->")? + 3;
        } else if is_meta(rest) {
            cursor.at += b"<meta".len();
            if let Some(found) = meta(&mut cursor)? {
                return Some(found);
            }
            at = cursor.at;
        } else if is_tag(rest) {
            cursor.at += rest.iter().position(|byte| is_blank(*byte) || *byte == b'>')?;
            while cursor.attribute()?.is_some() {}
            at = cursor.at;
        } else if matches!(rest, [_, b'!' | b'/' | b'?', ..]) {
            at += find(rest, b">")? + 1;
        } else {
            at += 1;
        }
    }
}

fn is_meta(rest: &[u8]) -> bool {
    let name = rest.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"<meta"));
    name && rest.get(5).is_some_and(|byte| is_blank(*byte) || *byte == b'/')
}

/// A start tag or an end tag.
fn is_tag(rest: &[u8]) -> bool {
    let name = rest.strip_prefix(b"<").unwrap_or(rest);
    name.strip_prefix(b"/").unwrap_or(name).first().is_some_and(u8::is_ascii_alphabetic)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// The charset of one `<meta>`. The outer `None` is the end of the window.
fn meta(cursor: &mut Cursor<'_>) -> Option<Option<&'static Encoding>> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut is_pragma = false;
    let mut needs_pragma = false;
    // The inner `None` is a label that names nothing.
    let mut charset: Option<Option<&'static Encoding>> = None;
    while let Some((name, value)) = cursor.attribute()? {
        if seen.contains(&name) {
            continue;
        }
        match name.as_slice() {
            b"http-equiv" => is_pragma = value == b"content-type",
            b"content" if charset.is_none() => {
                if let Some(found) = label_in_content(&value).and_then(by_label) {
                    charset = Some(Some(found));
                    needs_pragma = true;
                }
            }
            b"charset" => {
                charset = Some(by_label(&value));
                needs_pragma = false;
            }
            _ => {}
        }
        seen.push(name);
    }
    let found = charset.flatten().filter(|_| is_pragma || !needs_pragma);
    Some(found.map(|found| if found == X_USER_DEFINED { WINDOWS_1252 } else { readable(found) }))
}

fn by_label(label: &[u8]) -> Option<&'static Encoding> {
    for_label(std::str::from_utf8(label).ok()?)
}

/// `text/html; charset=euc-kr` ("extract a character encoding from a meta element").
fn label_in_content(content: &[u8]) -> Option<&[u8]> {
    let lower = content.to_ascii_lowercase();
    let mut at = 0;
    let value = loop {
        at += find(lower.get(at..)?, b"charset")? + b"charset".len();
        let after = content.get(at..)?.trim_ascii_start();
        if let Some(value) = after.strip_prefix(b"=") {
            break value.trim_ascii_start();
        }
    };
    match value {
        [quote @ (b'"' | b'\''), value @ ..] => value.get(..find(value, &[*quote])?),
        _ => {
            let end = value.iter().position(|byte| is_blank(*byte) || *byte == b';');
            value.get(..end.unwrap_or(value.len()))
        }
    }
}

/// A place in the window.
struct Cursor<'a> {
    window: &'a [u8],
    at: usize,
}

/// In lower case.
type Attribute = (Vec<u8>, Vec<u8>);

impl Cursor<'_> {
    /// The byte here; `None` is the end of the window.
    fn byte(&self) -> Option<u8> {
        self.window.get(self.at).copied()
    }

    fn skip_while(&mut self, fits: impl Fn(u8) -> bool) -> Option<u8> {
        while fits(self.byte()?) {
            self.at += 1;
        }
        self.byte()
    }

    /// Reads one attribute ("get an attribute"). The outer `None` is the end of the window, the
    /// inner one the end of the tag.
    fn attribute(&mut self) -> Option<Option<Attribute>> {
        if self.skip_while(|byte| is_blank(byte) || byte == b'/')? == b'>' {
            self.at += 1;
            return Some(None);
        }
        let (mut name, mut value) = (Vec::new(), Vec::new());
        loop {
            match self.byte()? {
                b'=' if !name.is_empty() => break,
                b'/' | b'>' => return Some(Some((name, value))),
                byte if is_blank(byte) => {
                    if self.skip_while(is_blank)? != b'=' {
                        return Some(Some((name, value)));
                    }
                    break;
                }
                byte => name.push(byte.to_ascii_lowercase()),
            }
            self.at += 1;
        }
        self.at += 1;
        match self.skip_while(is_blank)? {
            quote @ (b'"' | b'\'') => loop {
                self.at += 1;
                let byte = self.byte()?;
                if byte == quote {
                    self.at += 1;
                    return Some(Some((name, value)));
                }
                value.push(byte.to_ascii_lowercase());
            },
            _ => loop {
                let byte = self.byte()?;
                if is_blank(byte) || byte == b'>' {
                    return Some(Some((name, value)));
                }
                value.push(byte.to_ascii_lowercase());
                self.at += 1;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::EUC_KR;
    use proptest::prelude::*;

    #[test]
    fn a_meta_names_the_charset_however_it_is_written() {
        for page in [
            "<meta charset=euc-kr>",
            "<META CHARSET='EUC-KR'>",
            "<meta\n\tcharset = \"euc-kr\" />",
            "<meta/charset=euc-kr>",
            "<meta name=x charset=euc-kr content=y>",
            "<meta http-equiv=Content-Type content='text/html; charset=euc-kr'>",
            "<meta content='text/html; charset=euc-kr' http-equiv=\"content-type\">",
            "<meta content=\"charset charset = 'euc-kr'\" http-equiv=content-type>",
            "<meta content='text/html;charset=euc-kr;x' http-equiv=content-type>",
            "<meta content='charset=utf-8' charset=euc-kr>",
            "<meta charset=euc-kr charset=utf-8>",
            "<!doctype html><html lang=ko><head><title>x</title><meta charset=ks_c_5601-1987>",
            "<meta charset=cp949>",
            "<meta charset=ms949>",
            // What stands before it is skipped as what it is.
            "<!-- <meta charset=utf-8> --><meta charset=euc-kr>",
            "<!--><meta charset=euc-kr><!-- -->",
            "<!---><meta charset=euc-kr><!-- -->",
            "<!-- a > b -- > <meta charset=utf-8> --!> --><meta charset=euc-kr>",
            "<a title='<meta charset=utf-8>'></a><meta charset=euc-kr>",
            "</a title='<meta charset=utf-8>'><meta charset=euc-kr>",
            "<! '<meta charset=utf-8' ><meta charset=euc-kr>",
            "<?php <meta charset=utf-8 ?><meta charset=euc-kr>",
            "a < b <3 <meta charset=euc-kr>",
            "<metadata charset=utf-8><meta charset=euc-kr>",
            "<meta data-charset=utf-8><meta charset=euc-kr>",
            "<meta name=description content='charset=utf-8 guide'><meta charset=euc-kr>",
            "<meta http-equiv=refresh content='0;charset=utf-8'><meta charset=euc-kr>",
            "<meta charset=unknown><meta charset=euc-kr>",
            "<meta http-equiv=content-type content='charset=unknown' charset=euc-kr>",
            "<?xml version='1.0' encoding='utf-8'?><meta charset=euc-kr>",
            "<?xml version='1.0' encoding = \"EUC-KR\" ?><html>",
        ] {
            assert_eq!(of_html(page.as_bytes()), Some(EUC_KR), "{page}");
        }
    }

    #[test]
    fn what_is_no_meta_names_nothing() {
        for page in [
            "",
            "<meta charset=euc-kr",
            "<!-- <meta charset=euc-kr>",
            "<!-- <meta charset=euc-kr> -->",
            "<metacharset=euc-kr>",
            "<metadata charset=euc-kr>",
            "<meta data-charset=euc-kr>",
            "<meta name=description content='charset=euc-kr guide'>",
            "<meta http-equiv=content-type content='charset euc-kr'>",
            "<meta http-equiv=content-type content=\"charset='euc-kr\">",
            "<meta http-equiv=content-type content='charset='>",
            "<meta http-equiv=x http-equiv=content-type content='charset=euc-kr'>",
            "<meta charset=x charset=euc-kr>",
            "<meta charset=x http-equiv=content-type content='charset=euc-kr'>",
            "<a title='<meta charset=euc-kr>'>",
            "&lt;meta charset=euc-kr&gt;",
            "< meta charset=euc-kr>",
            "</meta charset=euc-kr>",
            "<?xml version='1.0'?><html>",
            "<?xml version='1.0' encoding=euc-kr?><html>",
            "<?xml version='1.0'?> encoding='euc-kr'",
            " <?xml version='1.0' encoding='euc-kr'?>",
        ] {
            assert_eq!(of_html(page.as_bytes()), None, "{page}");
        }
    }

    #[test]
    fn some_charsets_stand_for_others() {
        let named = |label: &str| of_html(format!("<meta charset={label}>").as_bytes());
        assert_eq!(named("utf-16"), Some(UTF_8));
        assert_eq!(named("utf-16be"), Some(UTF_8));
        assert_eq!(named("x-user-defined"), Some(WINDOWS_1252));
        assert_eq!(of_xml(b"<?xml encoding='utf-16'?>"), Some(UTF_8));
        let wide: Vec<u8> = "<?xml?>".bytes().flat_map(|byte| [byte, 0]).collect();
        assert_eq!(of_xml(&wide), Some(UTF_16LE));
    }

    #[test]
    fn xml_names_its_charset_in_its_declaration_only() {
        assert_eq!(of_xml(b"<meta charset='euc-kr'/>"), None);
        let feed = b"<?xml version='1.0'?><a><![CDATA[<meta charset=euc-kr>]]></a>";
        assert_eq!(of_xml(feed), None);
        assert_eq!(of_any(feed), None);
        assert_eq!(of_any(b"<?xml version='1.0' encoding='euc-kr'?><a/>"), Some(EUC_KR));
        assert_eq!(of_any(b"<meta charset=euc-kr>"), Some(EUC_KR));
        assert_eq!(of_any(b"\r\n <html><meta charset=euc-kr>"), Some(EUC_KR));
        assert_eq!(of_any(b"{\"html\":\"<meta charset=euc-kr>\"}"), None);
        assert_eq!(of_any(b"see <meta charset=euc-kr>"), None);
    }

    #[test]
    fn the_first_kilobyte_is_looked_at() {
        let meta = "<meta charset=euc-kr>";
        let page = |blank: usize| format!("{}{meta}", " ".repeat(blank));
        assert_eq!(of_html(page(WINDOW - meta.len()).as_bytes()), Some(EUC_KR));
        assert_eq!(of_html(page(WINDOW - meta.len() + 1).as_bytes()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_bytes_have_a_charset_or_none(page in "[<>!?/a-c=\"' \\-]{0,40}", at in 0_usize..40) {
            let mut page = page.into_bytes();
            page.splice(at.min(page.len())..at.min(page.len()), *b"<meta charset=euc-kr ");
            let _ = of_html(&page);
        }
    }
}
