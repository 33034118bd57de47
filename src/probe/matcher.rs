//! One test of a text, and how a person reads it.

use crate::config::{Decimal, Matcher};

/// Whether a text passes. `None` is an absent subject, which only `absent` accepts.
pub fn holds(matcher: &Matcher, subject: Option<&str>) -> bool {
    let Some(text) = subject else { return matches!(matcher, Matcher::Absent) };
    let number = || text.trim().parse::<Decimal>().ok();
    match matcher {
        Matcher::Exists => true,
        Matcher::Absent => false,
        Matcher::Equals(wanted) => text == wanted,
        Matcher::Contains(wanted) => text.contains(wanted.as_str()),
        Matcher::NotContains(unwanted) => !text.contains(unwanted.as_str()),
        Matcher::Matches(regex) => regex.is_match(text),
        Matcher::NotMatches(regex) => !regex.is_match(text),
        Matcher::In(list) => list.iter().any(|item| item == text),
        Matcher::Lt(limit) => number().is_some_and(|number| number < *limit),
        Matcher::Gt(limit) => number().is_some_and(|number| number > *limit),
        Matcher::StartsWith(wanted) => text.starts_with(wanted.as_str()),
    }
}

/// Whether a number of JSON passes. It is equal to any other way to write it (`50`, `50.0`, `5e1`),
/// to its last digit.
pub(super) fn holds_for_number(matcher: &Matcher, digits: &str) -> bool {
    let is = |wanted: &String| {
        wanted == digits
            || Decimal::plain(wanted).is_some_and(|wanted| Some(wanted) == Decimal::plain(digits))
    };
    match matcher {
        Matcher::Equals(wanted) => is(wanted),
        Matcher::In(list) => list.iter().any(is),
        other => holds(other, Some(digits)),
    }
}

/// Whether it says what a text must not be.
pub fn is_negative(matcher: &Matcher) -> bool {
    matches!(matcher, Matcher::NotContains(_) | Matcher::NotMatches(_) | Matcher::Absent)
}

/// The matcher as the configuration has it; the configuration holds no secrets.
pub fn describe(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Exists => "exists".to_owned(),
        Matcher::Absent => "absent".to_owned(),
        Matcher::Equals(text) => format!("equals \"{text}\""),
        Matcher::Contains(text) => format!("contains \"{text}\""),
        Matcher::NotContains(text) => format!("not_contains \"{text}\""),
        Matcher::Matches(regex) => format!("matches /{regex}/"),
        Matcher::NotMatches(regex) => format!("not_matches /{regex}/"),
        Matcher::In(list) => format!("in {}", list.join(", ")),
        Matcher::Lt(limit) => format!("lt {limit}"),
        Matcher::Gt(limit) => format!("gt {limit}"),
        Matcher::StartsWith(text) => format!("starts_with \"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn every_matcher_accepts_and_refuses() {
        let regex = || Regex::new("^ab").unwrap();
        for (matcher, good, bad) in [
            (Matcher::Equals("a".to_owned()), "a", "ab"),
            (Matcher::Contains("a".to_owned()), "xax", "x"),
            (Matcher::NotContains("a".to_owned()), "x", "xax"),
            (Matcher::Matches(regex()), "abc", "xab"),
            (Matcher::NotMatches(regex()), "xab", "abc"),
            (Matcher::In(vec!["a".to_owned(), "b".to_owned()]), "b", "c"),
            (Matcher::Lt("3".parse().unwrap()), "2.5", "3"),
            (Matcher::Gt("3".parse().unwrap()), " 4 ", "three"),
            (Matcher::StartsWith("ab".to_owned()), "abc", "cab"),
        ] {
            assert!(holds(&matcher, Some(good)), "{matcher:?}");
            assert!(!holds(&matcher, Some(bad)), "{matcher:?}");
            assert!(!holds(&matcher, None), "{matcher:?}");
        }
    }

    #[test]
    fn numbers_of_json_are_equal_by_value_and_texts_are_not() {
        let equals = |wanted: &str| Matcher::Equals(wanted.to_owned());
        for (wanted, number) in [
            ("50", "50.0"),
            ("50.0", "50"),
            ("50", "5e1"),
            ("1e2", "100"),
            ("100", "1E2"),
            ("0.1", "0.10"),
            ("0", "-0.0"),
            ("-1.50", "-1.5"),
            ("12345678901234567890123", "12345678901234567890123.0"),
        ] {
            assert!(holds_for_number(&equals(wanted), number), "{wanted} {number}");
            let list = Matcher::In(vec!["x".to_owned(), wanted.to_owned()]);
            assert!(holds_for_number(&list, number), "{wanted} {number}");
            assert!(!holds(&equals(wanted), Some(number)), "{wanted} {number}");
        }
        for (wanted, number) in [
            ("50", "50.1"),
            ("50", "-50"),
            ("00123", "123"),
            ("50 ", "50"),
            ("0x32", "50"),
            ("12345678901234567890123", "12345678901234567890124"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1e999999999999", "1e999999999998"),
        ] {
            assert!(!holds_for_number(&equals(wanted), number), "{wanted} {number}");
        }
        let gt = Matcher::Gt("12345678901234567890123".parse().unwrap());
        assert!(holds_for_number(&gt, "12345678901234567890124"));
        assert!(!holds_for_number(&gt, "12345678901234567890123.0"));
        assert!(holds_for_number(&Matcher::Lt("50.5".parse().unwrap()), "5.01e1"));
        assert!(holds_for_number(&Matcher::StartsWith("5e".to_owned()), "5e1"), "as written");
    }
}
