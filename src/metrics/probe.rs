//! Series of one target. A family is a row of a table: name, meaning, and a function that writes
//! its samples. What the function is given says when it is asked at all, so that an optional
//! series that does not apply is simply not written.

use chain::TlsFacts;

use super::text::{Family, Gone, Pairs, Samples, Text};
use super::{blackbox, own};
use crate::config::{Kind, Target};
use crate::outcome::{HttpFacts, Outcome, Verdict};
use crate::results::Row;

/// A family with one or more series per target.
pub(super) struct ProbeFamily {
    family: Family,
    write: Write,
}

/// What a family is written from.
pub(super) enum Write {
    /// What is known of the target whenever it last ran.
    Target(fn(&Row, &mut Series<'_, '_, '_>)),
    /// The last run, while it is fresh.
    Run(fn(&Target, &Outcome, &mut Series<'_, '_, '_>)),
    /// The exchange of a fresh run of an HTTP probe.
    Http(fn(&HttpFacts, &mut Series<'_, '_, '_>)),
    /// The handshake of a fresh run.
    Tls(fn(&TlsFacts, &mut Series<'_, '_, '_>)),
}

impl ProbeFamily {
    pub(super) const fn gauge(name: &'static str, help: &'static str, write: Write) -> ProbeFamily {
        ProbeFamily { family: Family::gauge(name, help), write }
    }

    pub(super) const fn counter(
        name: &'static str,
        help: &'static str,
        write: Write,
    ) -> ProbeFamily {
        ProbeFamily { family: Family::counter(name, help), write }
    }

    fn write(&self, line: &Line<'_>, out: &mut Series<'_, '_, '_>) {
        match self.write {
            Write::Target(write) => write(line.row, out),
            Write::Run(write) => {
                if let Some(outcome) = line.run {
                    write(&line.row.target, outcome, out);
                }
            }
            Write::Http(write) => {
                if let Some(http) = line.http {
                    write(http, out);
                }
            }
            Write::Tls(write) => {
                if let Some(tls) = line.tls {
                    write(tls, out);
                }
            }
        }
    }
}

/// A row, looked through once: what every family asks of it lies side by side, because each of the
/// sixty families passes over all rows and would otherwise wait for memory several times a sample.
struct Line<'a> {
    row: &'a Row,
    labels: &'a str,
    run: Option<&'a Outcome>,
    http: Option<&'a HttpFacts>,
    tls: Option<&'a TlsFacts>,
}

impl<'a> Line<'a> {
    fn of(row: &'a Row, labels: &'a str) -> Line<'a> {
        let run = row.fresh();
        let tls = run.and_then(|outcome| outcome.facts.tls.as_ref());
        Line { row, labels, run, http: http(row), tls }
    }
}

/// The labels of all rows in one piece.
fn all_labels(rows: &[Row]) -> (String, Vec<usize>) {
    let length = rows.iter().map(|row| row.labels.base().len()).sum();
    let mut text = String::with_capacity(length);
    let ends = rows.iter().map(|row| {
        text.push_str(row.labels.base());
        text.len()
    });
    let ends = ends.collect();
    (text, ends)
}

fn lines<'a>(rows: &'a [Row], (text, ends): &'a (String, Vec<usize>)) -> Vec<Line<'a>> {
    let mut start = 0;
    let line = |(row, &end): (&'a Row, &usize)| {
        let line = Line::of(row, &text[start..end]);
        start = end;
        line
    };
    rows.iter().zip(ends).map(line).collect()
}

/// An HTTP run without a response has status 0, for which rules fire; but not a run that says
/// nothing about the service.
fn http(row: &Row) -> Option<&HttpFacts> {
    let outcome = row.fresh()?;
    if !matches!(row.target.kind, Kind::Http(_)) {
        return None;
    }
    let http = outcome.facts.http.as_ref().unwrap_or(&blackbox::NO_RESPONSE);
    (http.status != 0 || outcome.verdict() != Verdict::Unknown).then_some(http)
}

/// Takes the samples of one family for one target.
pub(super) struct Series<'s, 't, 'a> {
    samples: &'s mut Samples<'t, 'a>,
    labels: &'s str,
}

impl Series<'_, '_, '_> {
    /// The only sample of the target.
    pub(super) fn value(&mut self, value: f64) {
        self.samples.put(self.labels, &[], value);
    }

    /// The only sample of the target, if it applies.
    pub(super) fn optional(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    /// One of several, told apart by further labels.
    pub(super) fn with(&mut self, pairs: Pairs<'_>, value: f64) {
        self.samples.put(self.labels, pairs, value);
    }

    /// The sample of an info series, which has labels of its own instead of those of the others.
    pub(super) fn info(&mut self, labels: &str) {
        self.samples.put(labels, &[], 1.0);
    }
}

/// Booleans are 0 and 1.
pub(super) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// Writes every per-target family, each in one piece as the format demands.
pub(super) fn write(rows: &[Row], text: &mut Text<'_>) -> Result<(), Gone> {
    let labels = all_labels(rows);
    let lines = lines(rows, &labels);
    for family in blackbox::FAMILIES.iter().chain(own::FAMILIES) {
        let mut samples = text.family(&family.family);
        for line in &lines {
            family.write(line, &mut Series { samples: &mut samples, labels: line.labels });
        }
        text.check()?;
    }
    Ok(())
}

/// As [`write()`] for one target, but only the families of blackbox_exporter, and as it writes them:
/// the labels of the target are the scraper's to add.
pub(super) fn write_blackbox(row: &Row, text: &mut Text<'_>) {
    let line = Line::of(row, "");
    for family in blackbox::FAMILIES {
        let mut samples = text.family(&family.family);
        family.write(&line, &mut Series { samples: &mut samples, labels: line.labels });
    }
}
