//! The one way to put outside text on a page.

use std::fmt;

/// Text as HTML, for element content and quoted attributes.
pub struct EscapedText<'a>(pub &'a str);

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(['&', '<', '>', '"', '\'']) {
            let Some(last) = piece.chars().next_back() else { continue };
            let escaped = match last {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_stays_text() {
        let escaped = EscapedText("<b onload='x'>&\"봉수").to_string();
        assert_eq!(escaped, "&lt;b onload=&#39;x&#39;&gt;&amp;&quot;봉수");
        assert_eq!(EscapedText("").to_string(), "");
    }
}
