//! Hexadecimal digits of bytes.

use std::fmt::Write;

/// Two lowercase digits a byte.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of digits in either case; `None` if something else is among them or one is missing.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_as_the_bytes_they_were() {
        let bytes = [0, 0x0f, 0xa0, 0xff];
        assert_eq!(encode(&bytes), "000fa0ff");
        assert_eq!(decode("000fA0Ff").as_deref(), Some(&bytes[..]));
        assert_eq!(decode(""), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_digit_or_lacks_its_second_is_refused() {
        for text in ["0", "0g", "+1", " 1", "봉0", "12 34"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
