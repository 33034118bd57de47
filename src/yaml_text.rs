//! Our own YAML as programs write it: for the configurations that `bongsu init` and `bongsu import`
//! make.

use std::fmt;

/// A value that is written. What it holds stays text: `${` of somebody else's is no name of ours.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    Text(String),
    /// A text in which `${...}` is a name of ours.
    Template(String),
    Flag(bool),
    Number(u64),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    pub fn text(text: impl Into<String>) -> Yaml {
        Yaml::Text(text.into())
    }

    /// A mapping with one key.
    pub fn one(key: &str, value: Yaml) -> Yaml {
        Yaml::Map(vec![(key.to_owned(), value)])
    }
}

/// In one line.
impl fmt::Display for Yaml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Yaml::Text(text) => f.write_str(&scalar(text)),
            Yaml::Template(text) => f.write_str(&quoted(text)),
            Yaml::Flag(flag) => write!(f, "{flag}"),
            Yaml::Number(number) => write!(f, "{number}"),
            Yaml::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Yaml::Map(entries) if entries.is_empty() => f.write_str("{}"),
            Yaml::Map(entries) => {
                f.write_str("{ ")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let between = if index == 0 { "" } else { ", " };
                    write!(f, "{between}{}: {value}", scalar(key))?;
                }
                f.write_str(" }")
            }
        }
    }
}

/// A text that is taken literally: bare where it can be nothing else, otherwise in double quotes.
pub fn scalar(text: &str) -> String {
    if is_bare(text) { text.to_owned() } else { quoted(&text.replace("${", "$${")) }
}

/// The escapes of JSON are escapes of YAML. The two line ends that JSON leaves as they are would be
/// folded (YAML 1.2, section 5.4, of YAML 1.1).
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let escape = |c: char| match c {
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
            format!("\\u{:04x}", u32::from(c))
        }
        c => c.to_string(),
    };
    json.chars().map(escape).collect()
}

/// A word that no reader takes for anything but a text: also a duration, a size, a class of statuses.
fn is_bare(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    const UNITS: [&str; 6] = ["s", "m", "h", "KiB", "MiB", "xx"];
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let is_measure = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
        && UNITS.iter().any(|unit| text.ends_with(unit));
    (is_word || is_measure) && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use read::Value;

    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_text() {
        for text in [
            "plain",
            "30s",
            "1m30s",
            "0x10s",
            "true",
            "No",
            "n",
            "null",
            "~",
            "1.10",
            "00123",
            "",
            " a ",
            "a: b",
            "# a",
            "- a",
            "정부24",
            "a\nb\t\"c\" \\ '",
            "\u{85}\u{2028}\u{feff}",
            "{a}",
            "2xx",
            "8MiB",
            "*a",
            "&a",
            "!a",
            "@a",
            "`a",
            "%a",
            "a,b",
            "[a]",
            "1e3",
            "12:30:45",
        ] {
            for form in [scalar(text), Yaml::List(vec![Yaml::text(text)]).to_string()] {
                let read = read::parse(&format!("a: {form}\n")).unwrap();
                let Value::Map(entries) = read.value else { panic!("{form}") };
                let found = match &entries[0].node.value {
                    Value::List(items) => items[0].value.clone(),
                    other => other.clone(),
                };
                assert_eq!(found, Value::Text(text.into()), "{form}");
            }
        }
        assert_eq!(scalar("a${b}"), "\"a$${b}\"");
        assert_eq!(Yaml::Template("${secret.a}".into()).to_string(), "\"${secret.a}\"");
    }
}
