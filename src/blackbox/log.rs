//! What a run did, line by line, for `debug=true`.

use std::fmt::{Display, Write};
use std::time::SystemTime;

use base::cut;
use jiff::Timestamp;

/// Bytes of the lines of one run. A server can send lines without end, and each is told.
///
/// Limit: bytes of what `debug=true` tells of a run.
/// Share: of each run.
/// Full: further lines are counted and left out.
/// Filled: what_debug_tells_is_bounded
const LOG_BYTES_MAX: usize = 256 << 10;
/// Of a value in a line.
///
/// No row: it is within the bytes of the lines.
const VALUE_BYTES_MAX: usize = 2 << 10;

/// The lines of one run, where they are wanted.
pub(super) struct Log {
    lines: Option<String>,
    about: String,
    left_out: u64,
}

/// What a line says beside its message.
pub(super) type Said<'a> = &'a [(&'a str, &'a dyn Display)];

impl Log {
    pub(super) fn unwanted() -> Log {
        Log { lines: None, about: String::new(), left_out: 0 }
    }

    pub(super) fn kept(module: &str, target: &str) -> Log {
        let mut about = String::new();
        push_pair(&mut about, "module", &module);
        push_pair(&mut about, "target", &without_userinfo(target));
        Log { lines: Some(String::new()), about, left_out: 0 }
    }

    pub(super) fn debug(&mut self, message: &str, said: Said<'_>) {
        self.line("DEBUG", message, said);
    }

    pub(super) fn info(&mut self, message: &str, said: Said<'_>) {
        self.line("INFO", message, said);
    }

    pub(super) fn error(&mut self, message: &str, said: Said<'_>) {
        self.line("ERROR", message, said);
    }

    fn line(&mut self, level: &str, message: &str, said: Said<'_>) {
        let Some(lines) = &mut self.lines else { return };
        if lines.len() >= LOG_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        let _ = write!(lines, "time={now:.3} level={level}");
        push_pair(lines, "msg", &message);
        lines.push_str(&self.about);
        for (key, value) in said {
            push_pair(lines, key, *value);
        }
        lines.push('\n');
    }

    /// The page of `debug=true`.
    pub(super) fn shown(&self, metrics: &str, module: &str) -> String {
        let mut text = "Logs for the probe:\n".to_owned();
        text.push_str(self.lines.as_deref().unwrap_or_default());
        if self.left_out > 0 {
            let _ = writeln!(text, "and {} more lines", self.left_out);
        }
        text.push_str("\n\n\nMetrics that would have been returned:\n");
        text.push_str(metrics);
        text.push_str("\n\n\nModule configuration:\n");
        text.push_str(module);
        text
    }
}

fn push_pair(line: &mut String, key: &str, value: &dyn Display) {
    let value = cut(value.to_string(), VALUE_BYTES_MAX);
    let is_bare = !value.is_empty()
        && value.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"\"=".contains(c));
    let _ = if is_bare { write!(line, " {key}={value}") } else { write!(line, " {key}={value:?}") };
}

/// A target's user name and password are not for whoever looks at the page.
fn without_userinfo(target: &str) -> String {
    let start = target.find("://").map_or(0, |at| at + 3);
    let end = target[start..].find(['/', '?', '#']).map_or(target.len(), |at| start + at);
    match target[start..end].rfind('@') {
        Some(at) => format!("{}{}", &target[..start], &target[start + at + 1..]),
        None => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debug_tells_is_bounded() {
        let mut log = Log::kept("http_2xx", "http://a.kr/");
        let long = "x".repeat(100_000);
        for _ in 0..10_000 {
            log.debug("Read line", &[("line", &long)]);
        }
        let text = log.shown("", "");
        assert!(text.len() < LOG_BYTES_MAX + 2 * VALUE_BYTES_MAX, "{}", text.len());
        assert!(text.contains(" more lines\n"), "it says that lines are missing");
    }

    #[test]
    fn a_targets_password_is_not_shown() {
        for (target, shown) in [
            ("http://u:p@a.kr/x@y", "http://a.kr/x@y"),
            ("u:p@a.kr:80", "a.kr:80"),
            ("http://a.kr/?q=@", "http://a.kr/?q=@"),
        ] {
            assert_eq!(without_userinfo(target), shown);
        }
    }
}
