//! A report for a terminal or a mail: tables in columns, Korean letters two places wide.

use unicode_width::UnicodeWidthStr;

use super::table::{Cell, ReportDocument, Section};

const GAP: &str = "  ";

/// Of a cell that a person wrote and that another one follows; the other forms have it whole.
const CELL_MAX_WIDTH: usize = 48;

pub fn text(document: &ReportDocument) -> String {
    let mut out = format!("{}\n", document.title);
    for labelled in &document.head {
        out.push_str(&format!("{}: {}\n", labelled.name, labelled.value));
    }
    for section in &document.sections {
        out.push_str(&format!("\n{}\n", section.heading));
        table(section, &mut out);
        for note in &section.notes {
            out.push_str(&format!("{note}\n"));
        }
    }
    out
}

fn table(section: &Section, out: &mut String) {
    if section.rows.is_empty() {
        if !section.when_empty.is_empty() {
            out.push_str(&format!("{}\n", section.when_empty));
        }
        return;
    }
    let last = section.columns.len().saturating_sub(1);
    let cells: Vec<Vec<String>> = section
        .rows
        .iter()
        .map(|row| {
            let lines = row.iter().map(in_one_line).enumerate();
            lines.map(|(column, line)| if column < last { cut(line) } else { line }).collect()
        })
        .collect();
    let widths: Vec<usize> = (0..section.columns.len())
        .map(|column| {
            let cells = cells.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).fold(section.columns[column].width(), usize::max)
        })
        .collect();
    let is_number: Vec<bool> = (0..section.columns.len())
        .map(|column| section.rows.iter().any(|row| row.get(column).is_some_and(Cell::is_number)))
        .collect();
    let headings: Vec<String> = section.columns.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&headings).chain(&cells) {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(&widths).zip(&is_number) {
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let padded = if *right { pad + cell } else { cell.clone() + &pad };
            line.push_str(&padded);
            line.push_str(GAP);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Without what moves the cursor.
fn in_one_line(cell: &Cell) -> String {
    cell.shown().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cut(line: String) -> String {
    if line.width() <= CELL_MAX_WIDTH {
        return line;
    }
    let mut cut = String::new();
    for letter in line.chars() {
        cut.push(letter);
        if cut.width() >= CELL_MAX_WIDTH - 1 {
            break;
        }
    }
    cut + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_stands_in_its_column_and_nothing_moves_the_cursor() {
        let section = Section {
            columns: vec!["서비스", "분"],
            rows: vec![
                vec![Cell::text("정부24"), Cell::Minutes(90_000)],
                vec![Cell::text("a\u{1b}[2Jb"), Cell::Minutes(6_000_000)],
            ],
            ..Section::default()
        };
        let mut out = String::new();
        table(&section, &mut out);
        assert_eq!(out, "서비스     분\n정부24    1.5\na [2Jb  100.0\n");
    }

    #[test]
    fn what_nothing_follows_is_whole() {
        let long = "주민등록통합행정시스템".repeat(4);
        let section = Section {
            columns: vec!["서비스", "서비스"],
            rows: vec![vec![Cell::text(&long), Cell::text(&long)]],
            ..Section::default()
        };
        let mut out = String::new();
        table(&section, &mut out);
        assert!(out.contains("…  주민등록") && out.ends_with(&format!("  {long}\n")), "{out}");
    }
}
