//! Percent-encoding of bytes (RFC 3986, 2.1).

use std::fmt::Write;

/// `%` and two uppercase digits for every byte that is not `kept`. What is kept must be ASCII.
pub fn encode(bytes: &[u8], kept: impl Fn(u8) -> bool) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, &byte| {
        if byte.is_ascii() && kept(byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_and_what_is_no_ascii_is_encoded() {
        let letters = |byte: u8| byte.is_ascii_alphanumeric();
        assert_eq!(encode("a b/%비".as_bytes(), letters), "a%20b%2F%25%EB%B9%84");
        assert_eq!(encode(b"/\xff", |_| true), "/%FF");
    }
}
