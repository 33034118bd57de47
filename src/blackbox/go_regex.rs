//! Regular expressions as Go has them (RE2 syntax, github.com/google/re2/wiki/Syntax), written for
//! the `regex` crate, which reads a few things otherwise.
//!
//! * A brace that begins no repetition is a brace: `{"status":"up"}` is a common pattern.
//! * `\d`, `\s`, `\w` and `\b` are about ASCII.
//! * In a class `[`, `&&`, `--` and `~~` stand for themselves.
//! * `\<` and `\>` are characters, and `\Q...\E` is literal.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

/// A pattern, and how it was written.
#[derive(Clone)]
pub(crate) struct GoPattern {
    pub(crate) regex: Regex,
    original: String,
}

impl GoPattern {
    pub(crate) fn new(original: &str) -> Result<GoPattern, String> {
        let regex =
            RegexBuilder::new(&translated(original, Classes::Ascii)).build().map_err(|_| {
                format!("{original:?} is no regular expression as Go has them (RE2 syntax)")
            })?;
        Ok(GoPattern { regex, original: original.to_owned() })
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.original.is_empty()
    }

    /// For our own files, where `\d`, `\s`, `\w` and `\b` know all scripts: as it was written, but for
    /// what would be read otherwise.
    pub(super) fn for_texts(&self) -> String {
        translated(&self.original, Classes::OfAllScripts)
    }
}

impl fmt::Debug for GoPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.original)
    }
}

impl fmt::Display for GoPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.original)
    }
}

impl<'de> Deserialize<'de> for GoPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GoPattern, D::Error> {
        GoPattern::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for GoPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.original)
    }
}

/// What `\d` and its kin stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Classes {
    Ascii,
    OfAllScripts,
}

fn translated(pattern: &str, classes: Classes) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix("\\Q") {
            let (literal, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(literal));
            rest = after;
            continue;
        }
        if c == '\\' {
            let escaped = rest[1..].chars().next();
            push_escape(&mut out, escaped, in_class, classes);
            rest = &rest[1 + escaped.map_or(0, char::len_utf8)..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if let Some(after) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = after;
                }
                // The first one is a member.
                if let Some(after) = rest.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = after;
                }
            }
            '[' if rest.starts_with(':') && rest.contains(":]") => {
                let end = rest.find(":]").map_or(0, |at| at + 2);
                out.push('[');
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_class => out.extend(['\\', c]),
            '-' if in_class && (out.ends_with('-') || rest.starts_with('-')) => out.push_str("\\-"),
            '{' if !in_class && !is_repetition(rest) => out.push_str("\\{"),
            c => out.push(c),
        }
    }
    out
}

fn push_escape(out: &mut String, escaped: Option<char>, in_class: bool, classes: Classes) {
    let ascii = |class: &str, negated: bool| match (in_class, negated) {
        (true, false) => class.to_owned(),
        (_, true) => format!("[^{class}]"),
        (false, false) => format!("[{class}]"),
    };
    match escaped {
        Some(c @ ('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B'))
            if classes == Classes::OfAllScripts =>
        {
            out.extend(['\\', c]);
        }
        Some('d') => out.push_str(&ascii("0-9", false)),
        Some('D') => out.push_str(&ascii("0-9", true)),
        Some('w') => out.push_str(&ascii("0-9A-Za-z_", false)),
        Some('W') => out.push_str(&ascii("0-9A-Za-z_", true)),
        Some('s') => out.push_str(&ascii("\\t\\n\\x0c\\r ", false)),
        Some('S') => out.push_str(&ascii("\\t\\n\\x0c\\r ", true)),
        Some(c @ ('b' | 'B')) if !in_class => out.push_str(&format!("(?-u:\\{c})")),
        Some(c @ ('<' | '>')) => out.push(c),
        Some(c) => out.extend(['\\', c]),
        None => out.push('\\'),
    }
}

/// Whether a brace is followed by `n}`, `n,}` or `n,m}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_go_means_by_them() {
        for (pattern, text, matches) in [
            (r#"{"status":"up"}"#, r#"x{"status":"up"}"#, true),
            ("a{2}", "aa", true),
            ("a{2,}b{1,2}", "aaab", true),
            ("a{,2}", "a{,2}", true),
            (r"^\d+$", "١", false),
            (r"^\d+$", "12", true),
            (r"^[\d.]+$", "1.2", true),
            (r"^[\D]$", "x", true),
            (r"\bOK\b", "is OK.", true),
            (r"^[[:alpha:]]+$", "abc", true),
            (r"^[a[]+$", "a[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]+$", "bc", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[a--]+$", "a-", true),
            (r"^\Qa.b*\E$", "a.b*", true),
            (r"^\Qa.b*\E$", "axb*", false),
            (r"\<a\>", "<a>", true),
            (r"(\*|example\.com)", "*", true),
            (r"^220 ([^ ]+) ESMTP (.+)$", "220 mail.a.kr ESMTP x", true),
            (r"(?i)ok", "OK", true),
            (r"정부\s24", "정부 24", true),
            ("a.c", "a\nc", false),
        ] {
            let regex = GoPattern::new(pattern).unwrap().regex;
            assert_eq!(regex.is_match(text.as_bytes()), matches, "{pattern} on {text}");
        }
        for bad in ["(", "[a", "*", "a**b(", r"\8", "(?=a)"] {
            assert!(GoPattern::new(bad).is_err(), "{bad}");
        }
    }
}
