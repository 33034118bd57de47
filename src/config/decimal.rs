//! Numbers as they are written, of any length: what a file and a response mean by one is compared
//! digit by digit, because the numbers of processors are too short for account numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Beyond this a number is not compared: no measure has so many zeros.
const EXPONENT_MAX: i64 = 1_000_000_000;

/// Longer numbers are shown as `1.5e60`.
const ZEROS_SHOWN: i64 = 40;

/// A decimal number: `0.DIGITS` times ten to the `exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Without zeros at either end; nothing at all is zero.
    digits: String,
    exponent: i64,
}

/// It is no decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number")]
pub struct NotANumber;

impl Decimal {
    /// A text that people write for a number. One with zeros in front, such as `00123`, is a name
    /// made of digits.
    pub fn plain(text: &str) -> Option<Decimal> {
        let digits = text.trim_start_matches(['+', '-']).as_bytes();
        let is_name = matches!(digits, [b'0', next, ..] if next.is_ascii_digit());
        if is_name { None } else { text.parse().ok() }
    }
}

impl FromStr for Decimal {
    type Err = NotANumber;

    /// `-12`, `0.50`, `.5`, `007`, `5e-1`.
    fn from_str(text: &str) -> Result<Decimal, NotANumber> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, Some(power)),
            None => (unsigned, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotANumber);
        }
        let power = power.map_or(Ok(Some(0)), self::power)?;
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Ok(Decimal { negative: false, digits: String::new(), exponent: 0 });
        }
        // Where the point is, counted from the first digit that is not zero.
        let zeros = (all.len() - significant.len()) as i64;
        let exponent = power.ok_or(NotANumber)? + whole.len() as i64 - zeros;
        Ok(Decimal { negative, digits: digits.to_owned(), exponent })
    }
}

/// The inner `None` is one that is too large.
fn power(text: &str) -> Result<Option<i64>, NotANumber> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotANumber);
    }
    let fits = |power: &i64| (-EXPONENT_MAX..=EXPONENT_MAX).contains(power);
    Ok(text.parse::<i64>().ok().filter(fits))
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let size = |number: &Decimal, other: &Decimal| {
            // Without zeros at the end a shorter one is smaller.
            let by_point = number.exponent.cmp(&other.exponent);
            by_point.then_with(|| number.digits.cmp(&other.digits))
        };
        let sign = |number: &Decimal| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        };
        sign(self)
            .cmp(&sign(other))
            .then_with(|| if self.negative { size(other, self) } else { size(self, other) })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal { negative, digits, exponent } = self;
        let minus = if *negative { "-" } else { "" };
        let length = digits.len() as i64;
        let zeros = |count: i64| "0".repeat(count.try_into().unwrap_or_default());
        if digits.is_empty() {
            f.write_str("0")
        } else if (length..=ZEROS_SHOWN.max(length)).contains(exponent) {
            write!(f, "{minus}{digits}{}", zeros(exponent - length))
        } else if (1..length).contains(exponent) {
            let (whole, fraction) = digits.split_at(*exponent as usize);
            write!(f, "{minus}{whole}.{fraction}")
        } else if (-ZEROS_SHOWN..=0).contains(exponent) {
            write!(f, "{minus}0.{}{digits}", zeros(-exponent))
        } else {
            write!(f, "{minus}0.{digits}e{exponent}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for same in [
            &["50", "50.0", "5e1", "5E+1", "500e-1", "0.5e2", "+50", "050", "50.", "50e0"][..],
            &["0", "-0", "0.0", "0e999999999999999999999", ".0", "00"],
            &["0.1", "0.10", ".1", "1e-1", "100e-3"],
            &["-1.5", "-15e-1", "-01.50"],
            &["12345678901234567890123", "1.2345678901234567890123e22"],
        ] {
            for text in same {
                assert_eq!(number(text), number(same[0]), "{text}");
                assert_eq!(number(&number(text).to_string()), number(text), "{text}");
            }
        }
    }

    #[test]
    fn numbers_are_in_order_and_no_digit_is_lost() {
        let order = [
            "-1e100",
            "-12345678901234567890124",
            "-12345678901234567890123",
            "-50.1",
            "-50",
            "-1e-9",
            "0",
            "1e-999999999",
            "0.09",
            "0.1",
            "0.10000000000000000000000000001",
            "9",
            "10",
            "10.5",
            "12345678901234567890123",
            "12345678901234567890123.0000001",
            "12345678901234567890124",
            "1e999999999",
        ];
        for pair in order.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_not_compared() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "e1",
            "1e",
            "1e+",
            "1e1.5",
            "1.2.3",
            "--1",
            "+-1",
            "1 ",
            " 1",
            "0x1F",
            "1_000",
            "1,000",
            "inf",
            "nan",
            "1e1000000001",
            "1e-99999999999999999999",
            "１",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(NotANumber), "{text}");
        }
    }

    #[test]
    fn digits_with_zeros_in_front_are_a_name() {
        for text in ["00123", "-007", "00", "01.5"] {
            assert_eq!(Decimal::plain(text), None, "{text}");
        }
        for text in ["0", "0.5", "-0", "10", "1e05", ".5"] {
            assert!(Decimal::plain(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_number_is_shown_as_people_write_it() {
        for (text, shown) in [
            ("3", "3"),
            ("3.50", "3.5"),
            ("-0.05", "-0.05"),
            ("1e3", "1000"),
            ("12.5e0", "12.5"),
            ("1e100", "0.1e101"),
            ("0e5", "0"),
        ] {
            assert_eq!(number(text).to_string(), shown, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn whole_numbers_are_ordered_as_processors_order_them(a in any::<i64>(), b in any::<i64>()) {
            let (left, right) = (number(&a.to_string()), number(&b.to_string()));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            prop_assert_eq!(left.to_string(), a.to_string());
        }

        #[test]
        fn any_text_is_a_number_or_none(text in "[-+.0-9eE]{0,24}") {
            if let Ok(number) = text.parse::<Decimal>() {
                prop_assert_eq!(number.to_string().parse(), Ok(number), "{}", text);
            }
        }
    }
}
