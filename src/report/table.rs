//! What every form of a report is made of: a title, sentences and tables with typed cells. A form knows
//! how a cell looks in it, and nothing of outages.

use super::month::local;
use super::span::{MINUTE, Millis};

/// A report, ready to be written in any form.
#[derive(Debug, Default)]
pub struct ReportDocument {
    /// `ko` or `en`.
    pub language: &'static str,
    pub title: String,
    /// Name and value: who was asked, which time.
    pub head: Vec<Labelled>,
    pub sections: Vec<Section>,
}

#[derive(Debug)]
pub struct Labelled {
    pub name: &'static str,
    pub value: String,
}

/// A heading, what to know of it, and a table that may be empty.
#[derive(Debug, Default)]
pub struct Section {
    pub heading: String,
    pub notes: Vec<String>,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// What stands in place of a table without rows.
    pub when_empty: &'static str,
}

/// A value in a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    None,
    /// May have been written by strangers.
    Text(String),
    Count(usize),
    /// Minutes, to the tenth.
    Minutes(Millis),
    /// A ratio, as percent to the thousandth.
    Percent(f64),
    /// To the second, in Korea's time.
    At(Millis),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    /// `None` for a value that is not there.
    pub fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
        value.map_or(Cell::None, cell)
    }

    /// Whether it stands at the right of its column.
    pub fn is_number(&self) -> bool {
        matches!(self, Cell::Count(_) | Cell::Minutes(_) | Cell::Percent(_))
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        match self {
            Cell::None => "-".to_owned(),
            Cell::Text(text) => text.clone(),
            Cell::Count(number) => number.to_string(),
            Cell::Minutes(length) => minutes(*length),
            Cell::Percent(ratio) => percent(*ratio),
            Cell::At(at) => local(*at, "%F %T"),
        }
    }
}

/// `60.0`.
pub fn minutes(length: Millis) -> String {
    format!("{:.1}", length as f64 / MINUTE as f64)
}

/// `99.917 %`. Rounded down, because 99.9196 % does not meet 99.92 %.
pub fn percent(ratio: f64) -> String {
    // A millionth of the last digit absorbs what binary fractions lose.
    format!("{:.3} %", (ratio * 100_000.0 + 1e-6).floor() / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_availability_is_never_rounded_up() {
        assert_eq!(percent(0.999_196), "99.919 %");
        assert_eq!(percent(0.9992), "99.920 %");
        assert_eq!(percent(1.0), "100.000 %");
        assert_eq!(percent(0.99999999), "99.999 %");
        assert_eq!(minutes(90_500), "1.5");
    }
}
