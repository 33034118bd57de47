//! Text of strangers without the characters that nobody sees and that change what is seen around them.

use std::fmt::Write;

/// Whether a terminal, a browser or an editor obeys the character and shows nothing of it: controls
/// (Unicode category Cc), directions of text (UAX #9), ends of lines and paragraphs, tags, and what is
/// seen as nothing, by which two names look the same. U+200C and U+200D join what belongs together.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0001}'
                | '\u{e0020}'..='\u{e007f}'
        )
}

/// The text with every deceptive character written out, as `\u{202e}`. Lines and tabs stay.
pub fn visible(text: String) -> String {
    if !text.contains(is_deceptive) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let stays = match c {
            '\n' | '\t' => true,
            '\r' => rest.peek() == Some(&'\n'),
            c => !is_deceptive(c),
        };
        if stays {
            shown.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_text_around_it_is_written_out() {
        let shown = |text: &str| visible(text.to_owned());
        assert_eq!(shown("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
        assert_eq!(shown("\u{1b}[2J\u{9b}\0\u{7f}"), "\\u{1b}[2J\\u{9b}\\u{0}\\u{7f}");
        assert_eq!(shown("\u{2066}\u{200f}\u{feff}\u{e0041}\u{2028}").matches("\\u{").count(), 5);
        assert_eq!(shown("go\u{200b}v\u{ad}.\u{3164}\u{2060}\u{fff9}").matches("\\u{").count(), 5);
        assert_eq!(shown("a\rb\r\nc"), "a\\u{d}b\r\nc");
        let plain = "행정전자서명\t👩\u{200d}💻\n한글";
        assert_eq!(shown(plain), plain);
    }
}
