//! A report for Excel: UTF-8 with the mark by which Excel knows it, one table below the other.
//!
//! A cell that Excel would take for a formula gets an apostrophe: reasons and names are written by people,
//! titles and sites come from files of others (CWE-1236).

use csv::{Terminator, WriterBuilder};

use super::table::{Cell, ReportDocument};

/// Without it Excel reads Korean in the code page of its country.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What begins a formula, and white space that Excel skips before one.
const BEGINS_FORMULA: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '|'];

pub fn csv(document: &ReportDocument) -> String {
    let mut rows: Vec<Vec<String>> = vec![vec![harmless(&document.title)]];
    for labelled in &document.head {
        rows.push(vec![labelled.name.to_owned(), harmless(&labelled.value)]);
    }
    for section in &document.sections {
        rows.push(Vec::new());
        rows.push(vec![harmless(&section.heading)]);
        if !section.columns.is_empty() {
            rows.push(section.columns.iter().map(|name| (*name).to_owned()).collect());
        }
        rows.extend(section.rows.iter().map(|row| row.iter().map(cell).collect()));
        rows.extend(section.notes.iter().map(|note| vec![harmless(note)]));
    }
    BYTE_ORDER_MARK.to_owned() + &lines(&rows)
}

fn lines(rows: &[Vec<String>]) -> String {
    let mut writer =
        WriterBuilder::new().flexible(true).terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        // An empty record is an empty line. Writing to memory cannot fail.
        let _ = match row.is_empty() {
            true => writer.write_record([""]),
            false => writer.write_record(row),
        };
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Numbers are numbers for Excel: without a unit, and nothing where there is none.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::None => String::new(),
        Cell::Percent(ratio) => format!("{}", (ratio * 1e7 + 1e-4).floor() / 1e7),
        Cell::Text(text) => harmless(text),
        Cell::Count(_) | Cell::Minutes(_) | Cell::At(_) => cell.shown(),
    }
}

fn harmless(text: &str) -> String {
    match text.starts_with(BEGINS_FORMULA) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Labelled, Section};
    use super::*;

    #[test]
    fn excel_reads_korean_and_runs_no_formula() {
        let document = ReportDocument {
            title: "월간".to_owned(),
            head: vec![Labelled { name: "자료", value: "http://a/".to_owned() }],
            sections: vec![Section {
                heading: "1.".to_owned(),
                columns: vec!["서비스", "분", "율"],
                rows: vec![
                    vec![
                        Cell::text("=HYPERLINK(\"http://x\",\"y\")"),
                        Cell::Minutes(-90_000),
                        Cell::Percent(0.99917),
                    ],
                    vec![Cell::text("a,\"b\"\n둘"), Cell::None, Cell::None],
                    vec![Cell::text("@SUM(A1)"), Cell::Count(3), Cell::None],
                ],
                notes: vec!["-1".to_owned()],
                ..Section::default()
            }],
            ..ReportDocument::default()
        };
        let wanted = "\u{feff}월간\r\n자료,http://a/\r\n\"\"\r\n1.\r\n서비스,분,율\r\n\
                      \"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",-1.5,0.99917\r\n\
                      \"a,\"\"b\"\"\n둘\",,\r\n'@SUM(A1),3,\r\n'-1\r\n";
        assert_eq!(csv(&document), wanted);
    }
}
