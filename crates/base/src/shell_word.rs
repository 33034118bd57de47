//! What somebody is to type, as one word of a POSIX shell.

/// The text as it is where no shell reads anything into it, else between single quotes.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        for plain in ["./bongsu.yml", "https://www.gov.kr:8443/a", "gpki/portal@site-1"] {
            assert_eq!(shell_word(plain), plain);
        }
        for (text, word) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("https://a.kr/?a=1&b=2", "'https://a.kr/?a=1&b=2'"),
            ("~/봉수.yml", "'~/봉수.yml'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
