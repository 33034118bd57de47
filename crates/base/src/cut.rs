//! Text of strangers, no longer than it may be.

/// Stands for what was cut off.
const ELLIPSIS: char = '…';

/// The text, at most `max` bytes of it: cut at a character, with an ellipsis for the rest. What was
/// taken for the rest is given back.
pub fn cut(mut text: String, max: usize) -> String {
    if text.len() <= max {
        return text;
    }
    text.truncate(boundary(&text, max));
    text.push(ELLIPSIS);
    text.shrink_to_fit();
    text
}

/// The last character boundary at or before a place.
pub fn boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(cut("abc".to_owned(), 3), "abc");
        assert_eq!(cut("abcd".to_owned(), 3), "abc…");
        assert_eq!(cut("봉수대".to_owned(), 7), "봉수…");
        assert_eq!(cut("봉".to_owned(), 1), "…");
        assert!(cut("x".repeat(1 << 20), 10).capacity() < 64);
    }
}
