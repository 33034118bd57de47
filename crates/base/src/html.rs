//! The one way to put outside text on a page.

use std::fmt;

/// What turns the text around it: none of it belongs to a name, and it would turn ours (Unicode
/// annex 9, explicit formatting characters).
const TURNING: [char; 9] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];

/// Text as HTML, for element content and quoted attributes. What would turn the direction of the text
/// after it is shown as U+FFFD.
pub struct EscapedText<'a>(pub &'a str);

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(is_special) {
            let Some(last) = piece.chars().next_back() else { continue };
            let escaped = match last {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                last if TURNING.contains(&last) => "\u{fffd}",
                _ => {
                    f.write_str(piece)?;
                    continue;
                }
            };
            f.write_str(&piece[..piece.len() - last.len_utf8()])?;
            f.write_str(escaped)?;
        }
        Ok(())
    }
}

fn is_special(character: char) -> bool {
    matches!(character, '&' | '<' | '>' | '"' | '\'') || TURNING.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_stays_text() {
        let escaped = EscapedText("<b onload='x'>&\"봉수").to_string();
        assert_eq!(escaped, "&lt;b onload=&#39;x&#39;&gt;&amp;&quot;봉수");
        assert_eq!(EscapedText("a\u{202e}b").to_string(), "a\u{fffd}b");
        assert_eq!(EscapedText("").to_string(), "");
    }
}
