//! Tables as offices keep them: saved by a spreadsheet in UTF-8, EUC-KR or UTF-16, with commas,
//! semicolons or tabs, and with lines above the headings or below the last row.

use std::borrow::Cow;

use encoding_rs::{EUC_KR, UTF_16BE, UTF_16LE};

/// A table with its headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Without the white space around and the line breaks within them.
    pub headings: Vec<String>,
    /// How many cells their line has, the last empty ones included.
    pub given: usize,
    pub rows: Vec<TableRow>,
}

/// A row with anything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// Of the file, from 1.
    pub line: usize,
    /// How many cells its line has.
    pub given: usize,
    /// As many as there are headings.
    pub cells: Vec<String>,
}

/// What is wrong with a table, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableProblem {
    pub line: usize,
    /// Half a sentence.
    pub message: String,
}

/// What is said of a table without them.
pub const NO_HEADINGS: &str = "no line has the headings";

const EMPTY: &str = "is empty: it has neither headings nor rows; was the sheet saved?";

/// Lines above the headings: a title, a date, who made it.
///
/// No row: the file is the operator's.
const TITLES_MAX: usize = 10;

/// Reads a table, whose headings are in the first line that `is_heading` takes for them. `#` begins a
/// comment. A row that has more cells than there are headings is a problem, and of those all are told.
pub fn read(
    bytes: &[u8],
    is_heading: impl Fn(&[String]) -> bool,
) -> Result<(Table, Vec<TableProblem>), TableProblem> {
    let text = text(bytes).ok_or_else(|| {
        at_first("is neither UTF-8 nor EUC-KR text; save the sheet as CSV in UTF-8".to_owned())
    })?;
    if text.trim().is_empty() {
        return Err(at_first(EMPTY.to_owned()));
    }
    // Of lines that end otherwise the reader says the number of the one before.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for delimiter in [b',', b';', b'\t'] {
        if let Some(found) = separated_by(delimiter, &text, &is_heading)? {
            return Ok(found);
        }
    }
    Err(at_first(NO_HEADINGS.to_owned()))
}

fn at_first(message: String) -> TableProblem {
    TableProblem { line: 1, message }
}

/// None where no line has the headings.
fn separated_by(
    delimiter: u8,
    text: &str,
    is_heading: &impl Fn(&[String]) -> bool,
) -> Result<Option<(Table, Vec<TableProblem>)>, TableProblem> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut table: Option<Table> = None;
    let (mut problems, mut above) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(|error| at_first(error.to_string()))?;
        let line = record.position().map_or(1, |position| position.line() as usize);
        let given = record.len();
        let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
        while cells.last().is_some_and(String::is_empty) {
            cells.pop();
        }
        let Some(table) = &mut table else {
            cells.iter_mut().for_each(|cell| *cell = in_one_line(cell));
            if is_heading(&cells) {
                table = Some(Table { headings: cells, given, rows: Vec::new() });
            } else if above == TITLES_MAX {
                break;
            }
            above += 1;
            continue;
        };
        if cells.is_empty() {
            continue;
        }
        let headings = table.headings.len();
        if cells.len() > headings {
            let message = format!(
                "has {} cells where the headings are {headings}; put a cell that has a comma in quotes",
                cells.len()
            );
            problems.push(TableProblem { line, message });
        }
        cells.resize(headings, String::new());
        table.rows.push(TableRow { line, given, cells });
    }
    Ok(table.map(|table| (table, problems)))
}

/// The text in whichever charset it is.
fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let decoded = |charset: &'static encoding_rs::Encoding, bytes| {
        charset.decode_without_bom_handling_and_without_replacement(bytes)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(Cow::Borrowed),
        [0xff, 0xfe, rest @ ..] => decoded(UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => decoded(UTF_16BE, rest),
        bytes => match std::str::from_utf8(bytes) {
            Ok(text) => Some(Cow::Borrowed(text)),
            Err(_) => decoded(EUC_KR, bytes),
        },
    }
}

/// A cell may have line breaks in it, which no name or address has.
pub fn in_one_line(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: &str = "\"서비스\n이름\",URL\n정부24,https://www.gov.kr\n,\n";

    fn rows(bytes: &[u8]) -> (Table, Vec<TableProblem>) {
        read(bytes, |cells| cells.iter().any(|cell| cell == "URL")).unwrap()
    }

    #[test]
    fn whatever_a_spreadsheet_saves_is_read() {
        let (expected, _) = rows(SHEET.as_bytes());
        assert_eq!(expected.headings, ["서비스 이름", "URL"]);
        assert_eq!(expected.rows.len(), 1);
        assert_eq!((expected.rows[0].line, &*expected.rows[0].cells[0]), (3, "정부24"));
        let utf16: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(SHEET.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(SHEET.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        for bytes in [
            EUC_KR.encode(SHEET).0.into_owned(),
            format!("\u{feff}{SHEET}").into_bytes(),
            utf16,
            big,
            SHEET.replace('\n', "\r\n").into_bytes(),
            SHEET.replace(',', "\t").into_bytes(),
            SHEET.replace(',', ";").into_bytes(),
        ] {
            assert_eq!(rows(&bytes).0, expected, "{:?}", String::from_utf8_lossy(&bytes));
        }
        let titled = format!("전자정부 서비스 목록\n# 2026\n\n{SHEET}");
        let (table, _) = rows(titled.as_bytes());
        assert_eq!((table.headings, table.rows[0].line), (expected.headings, 6));
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let (table, problems) = rows("URL,a\n1,2,3\n4,5,\n6,7,8\n9\n".as_bytes());
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(table.rows[3].cells, ["9", ""]);
        let error = |bytes: &[u8]| read(bytes, |cells| cells.len() > 5).unwrap_err().message;
        assert_eq!(error(b"a,b\n1,2\n"), NO_HEADINGS);
        for empty in [&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\n"] {
            assert_eq!(error(empty), EMPTY, "{empty:?}");
        }
        assert!(error(b"\x81\xff\xff").starts_with("is neither UTF-8 nor EUC-KR"));
    }
}
