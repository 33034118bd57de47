//! A report to print on A4, or to open in a browser: one file, no script, nothing from another host.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::table::{Cell, ReportDocument, Section};

const STYLE: &str = include_str!("report.css");

/// Tables wider than this are set smaller, so that sixteen columns fit on the sheet.
const WIDE_COLUMNS: usize = 9;

pub fn html(document: &ReportDocument) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(document.language) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                title { (document.title) }
                // The style is ours, and an escaped quote would end it.
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (document.title) }
                dl {
                    @for labelled in &document.head {
                        dt { (labelled.name) }
                        dd { (labelled.value) }
                    }
                }
                @for section in &document.sections { (self::section(section)) }
            }
        }
    };
    page.into_string()
}

fn section(section: &Section) -> Markup {
    html! {
        section {
            h2 { (section.heading) }
            @if !section.rows.is_empty() { (table(section)) }
            @else if !section.when_empty.is_empty() { p { (section.when_empty) } }
            @if section.notes.len() == 1 { p { (section.notes[0]) } }
            @if section.notes.len() > 1 {
                ul { @for note in &section.notes { li { (note) } } }
            }
        }
    }
}

fn table(section: &Section) -> Markup {
    html! {
        table.wide[section.columns.len() > WIDE_COLUMNS] {
            thead { tr { @for name in &section.columns { th { (name) } } } }
            tbody {
                @for row in &section.rows {
                    tr { @for cell in row { (self::cell(cell)) } }
                }
            }
        }
    }
}

fn cell(cell: &Cell) -> Markup {
    html! {
        @if cell.is_number() { td.number { (cell.shown()) } }
        @else if let Cell::At(_) = cell { td.time { (cell.shown()) } }
        @else { td { (cell.shown()) } }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::Labelled;
    use super::*;

    #[test]
    fn what_people_and_strangers_wrote_stays_text() {
        let hostile = "</style><script>alert(1)</script>\"'&";
        let document = ReportDocument {
            language: "ko",
            title: hostile.to_owned(),
            head: vec![Labelled { name: "자료", value: hostile.to_owned() }],
            sections: vec![Section {
                heading: hostile.to_owned(),
                notes: vec![hostile.to_owned(), hostile.to_owned()],
                columns: vec!["a"],
                rows: vec![vec![Cell::text(hostile)]],
                when_empty: "",
            }],
        };
        let page = html(&document);
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 7, "{page}");
    }
}
