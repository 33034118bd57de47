//! XML documents as the selectors of rules and captures see them. Those work on HTML's tree, in which a
//! CDATA section is a comment and no element ends by itself, so both are written out before.
//!
//! What remains of HTML: names are in lowercase, and an element that HTML knows (`title`, `link`,
//! `table`) is read as HTML reads it.

use std::borrow::Cow;

use base::EscapedText;

const CDATA: &str = "<![CDATA[";
const CDATA_END: &str = "]]>";

/// The same document for an HTML parser: at most six times as long.
pub(super) fn as_html(text: &str) -> Cow<'_, str> {
    if !text.contains(CDATA) && !text.contains("/>") {
        return text.into();
    }
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, markup) = rest.split_at(at);
        html.push_str(before);
        rest = if let Some(section) = markup.strip_prefix(CDATA) {
            let (inside, after) = section.split_once(CDATA_END).unwrap_or((section, ""));
            html.push_str(&EscapedText(inside).to_string());
            after
        } else if markup.starts_with("<!--") {
            let end = markup.find("-->").map_or(markup.len(), |end| end + 3);
            html.push_str(&markup[..end]);
            &markup[end..]
        } else {
            let end = tag_end(markup);
            html.push_str(&tag(&markup[..end]));
            &markup[end..]
        };
    }
    html.push_str(rest);
    html.into()
}

/// Where a tag ends: behind the first `>` outside quotes.
fn tag_end(markup: &str) -> usize {
    let mut quote = None;
    for (at, byte) in markup.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    markup.len()
}

/// A tag with the end of its element, where it ends by itself.
fn tag(tag: &str) -> Cow<'_, str> {
    let Some(open) = tag.strip_suffix("/>") else { return tag.into() };
    let name = open[1..].split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    // A `</br>` of its own is another line break to an HTML parser.
    if name.starts_with(['/', '!', '?']) || name.is_empty() || name.eq_ignore_ascii_case("br") {
        return tag.into();
    }
    format!("{open}></{name}>").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_text_and_elements_end() {
        for (xml, html) in [
            ("<a><b>x</b></a>", "<a><b>x</b></a>"),
            ("<a><![CDATA[1 < 2 & <b>]]></a>", "<a>1 &lt; 2 &amp; &lt;b&gt;</a>"),
            ("<a><b/><c d='/>' /></a>", "<a><b></b><c d='/>' ></c></a>"),
            ("<a><!-- <b/> --><b/>", "<a><!-- <b/> --><b></b>"),
            ("<?xml version='1.0'?><a/>", "<?xml version='1.0'?><a></a>"),
            ("<a><![CDATA[open", "<a>open"),
            ("<a/><b", "<a></a><b"),
            ("</a/></>", "</a/></>"),
            ("<p>a<br/>b<hr/></p>", "<p>a<br/>b<hr></hr></p>"),
            ("<가 나='다'/>", "<가 나='다'></가>"),
        ] {
            assert_eq!(as_html(xml), html, "{xml}");
        }
    }
}
