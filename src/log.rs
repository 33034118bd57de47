//! Logs: one line an event on standard error, logfmt or JSON. Standard output is for what a
//! command was asked to print.
//!
//! Both formats have the same names, so that a query goes on working when the format changes:
//! `ts` (RFC 3339, UTC, milliseconds), `level` (`trace` to `error`), `target` (the module), `msg`,
//! then what the event itself tells. Two libraries, one a format, would not agree on them.
//!
//! Events of this crate follow `--log.level`; those of libraries are shown from `warn` on, because
//! at 1,000 runs a second a chatty library would be the whole log.

use std::error::Error;
use std::fmt::{self, Debug, Write};
use std::time::SystemTime;

use base::is_deceptive;
use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt as layer};

use crate::cli::{LogFormat, LogLevel};
use crate::log_queue::{self, LogLines};

/// The crates whose events are logged from `--log.level` on; those of others from `warn` on.
const OWN_CRATES: [&str; 3] = ["chain", env!("CARGO_CRATE_NAME"), "lab"];

/// The module whose events are of the level `trace` (`base::traced!`): a login's steps.
const TRACED: &str = concat!(env!("CARGO_CRATE_NAME"), "::probe::login::run");

/// Starts logging. A second call is without effect.
pub fn start(level: LogLevel, format: LogFormat) {
    let own = match level {
        LogLevel::Trace | LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let traced = if level == LogLevel::Trace { own } else { LevelFilter::OFF };
    let filter = Targets::new()
        .with_targets(OWN_CRATES.map(|name| (name, own)))
        .with_target(TRACED, traced)
        .with_default(own.min(LevelFilter::WARN));
    let layer = layer::layer().event_format(Lines(format)).with_writer(|| LogLines);
    log_queue::start();
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}

/// Writes events in one of the formats.
struct Lines(LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut told = Told::default();
        event.record(&mut told);
        let level = match *event.metadata().level() {
            _ if event.metadata().target() == TRACED => "trace",
            Level::TRACE => "trace",
            Level::DEBUG => "debug",
            Level::INFO => "info",
            Level::WARN => "warn",
            Level::ERROR => "error",
        };
        let head = [
            ("ts", Value::Text(now())),
            ("level", Value::Text(level.into())),
            ("target", Value::Text(event.metadata().target().into())),
            ("msg", Value::Text(told.message)),
        ];
        let line = line(self.0, head.into_iter().chain(told.fields));
        writeln!(writer, "{line}")
    }
}

/// RFC 3339 to the millisecond. A clock beyond what calendars have, past the year 9999, is told in
/// seconds since 1970: to panic here would be to panic in what reports panics.
fn now() -> String {
    let now = SystemTime::now();
    match Timestamp::try_from(now) {
        Ok(now) => format!("{now:.3}"),
        Err(_) => {
            let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            format!("{:.3}", since.as_secs_f64())
        }
    }
}

/// What an event tells, in its order.
#[derive(Default)]
struct Told {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

enum Value {
    Text(String),
    /// A number or a boolean, which needs no quotes in either format.
    Bare(String),
}

impl Told {
    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text)) => self.message = text,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::Text(value.into()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.push(field, Value::Text(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bare(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Value::Bare(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Value::Bare(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = value.to_string();
        // JSON has no infinity.
        self.push(field, if value.is_finite() { Value::Bare(text) } else { Value::Text(text) });
    }
}

fn line(format: LogFormat, pairs: impl Iterator<Item = (&'static str, Value)>) -> String {
    let mut line = String::new();
    for (name, value) in pairs {
        let first = line.is_empty();
        match format {
            LogFormat::Logfmt => {
                line.push_str(if first { "" } else { " " });
                line.push_str(name);
                line.push('=');
            }
            LogFormat::Json => {
                line.push(if first { '{' } else { ',' });
                quote(&mut line, name);
                line.push(':');
            }
        }
        match (format, value) {
            (_, Value::Bare(text)) => line.push_str(&text),
            (LogFormat::Logfmt, Value::Text(text)) if is_word(&text) => line.push_str(&text),
            (_, Value::Text(text)) => quote(&mut line, &text),
        }
    }
    if matches!(format, LogFormat::Json) {
        line.push('}');
    }
    line
}

/// Whether logfmt takes it without quotes.
fn is_word(text: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || is_deceptive(c) || matches!(c, '"' | '=' | '\\');
    !text.is_empty() && !text.contains(ends)
}

/// Quotes as JSON does, which logfmt reads too. Characters that are obeyed and not shown are escaped: a
/// hostile target's text must not move the cursor of whoever reads the log.
fn quote(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_deceptive(c) => {
                // Writing to a String cannot fail.
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a \"b\" \\ \n\u{1b}[2J\u{9b}2J \u{202e}봉수=";

    fn pairs() -> impl Iterator<Item = (&'static str, Value)> {
        [
            ("msg", Value::Text("probe.up".into())),
            ("detail", Value::Text(HOSTILE.into())),
            ("empty", Value::Text(String::new())),
            ("runs", Value::Bare("3".into())),
        ]
        .into_iter()
    }

    #[test]
    fn json_is_read_back_as_it_was() {
        let line = line(LogFormat::Json, pairs());
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"msg": "probe.up", "detail": HOSTILE, "empty": "", "runs": 3})
        );
    }

    #[test]
    fn logfmt_is_one_line_without_control_characters() {
        assert_eq!(
            line(LogFormat::Logfmt, pairs()),
            "msg=probe.up detail=\"a \\\"b\\\" \\\\ \\n\\u001b[2J\\u009b2J \\u202e봉수=\" empty=\"\" runs=3"
        );
    }
}
