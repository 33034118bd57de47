//! One test of a text, and how a person reads it.

use crate::config::Matcher;

/// Whether a text passes. `None` is an absent subject, which only `absent` accepts.
pub fn holds(matcher: &Matcher, subject: Option<&str>) -> bool {
    let Some(text) = subject else { return matches!(matcher, Matcher::Absent) };
    let number = || text.trim().parse::<f64>().ok();
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
            (Matcher::Lt(3.0), "2.5", "3"),
            (Matcher::Gt(3.0), " 4 ", "three"),
            (Matcher::StartsWith("ab".to_owned()), "abc", "cab"),
        ] {
            assert!(holds(&matcher, Some(good)), "{matcher:?}");
            assert!(!holds(&matcher, Some(bad)), "{matcher:?}");
            assert!(!holds(&matcher, None), "{matcher:?}");
        }
    }
}
