//! `import csv`: each row of a table is a service.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use base::files::read_regular;
use read::{FileProblems, Problem, ReadError};

use super::{Import, Unwritten, comment};
use crate::cli::import::CsvArgs;
use crate::commands::first_files::{CONFIGURATION, FirstFile, SCHEMA};
use crate::commands::names;
use crate::commands::new_service::{self, NewService};
use crate::config::{self, CONFIG_BYTES_MAX};
use crate::table::{self, Table, TableRow};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Column {
    Url,
    Title,
    Owner,
    Telephone,
    Grade,
    Alternative,
    Contains,
}

/// The headings that tables have for it, without blanks and in lower case; the first that is there
/// counts. 주소 alone may be where an office stands, so it is the last.
const HEADINGS: [(Column, &[&str]); 7] = [
    (
        Column::Url,
        &[
            "url",
            "uri",
            "홈페이지",
            "누리집",
            "웹주소",
            "접속주소",
            "사이트주소",
            "서비스주소",
            "홈페이지주소",
            "누리집주소",
            "도메인",
            "domain",
            "website",
            "link",
            "address",
            "host",
            "주소",
        ],
    ),
    (
        Column::Title,
        &[
            "title",
            "서비스명",
            "시스템명",
            "사이트명",
            "누리집명",
            "홈페이지명",
            "업무명",
            "명칭",
            "이름",
            "서비스",
            "시스템",
            "사이트",
            "service",
            "system",
            "name",
            "기관명",
            "기관",
            "지자체",
        ],
    ),
    (
        Column::Owner,
        &[
            "owner",
            "담당자",
            "담당부서",
            "담당",
            "운영부서",
            "운영기관",
            "관리부서",
            "관리기관",
            "소관부서",
            "소관기관",
            "부서",
            "부서명",
            "contact",
            "team",
            "기관명",
            "기관",
        ],
    ),
    (Column::Telephone, &["telephone", "phone", "tel", "전화번호", "연락처", "전화"]),
    (Column::Grade, &["grade", "등급", "정보시스템등급", "시스템등급"]),
    (Column::Alternative, &["alternative", "대체수단", "대체창구", "대체서비스"]),
    (Column::Contains, &["contains", "확인문구", "확인문자열", "포함문구"]),
];

/// Where each column is.
type Columns = HashMap<Column, usize>;

pub(super) fn import(args: &CsvArgs) -> Result<Import, ReadError> {
    let whole = |message: String| ReadError::whole(args.file.clone(), message);
    let bytes =
        read_regular(&args.file, CONFIG_BYTES_MAX).map_err(|error| whole(error.to_string()))?;
    let read = table::read(&bytes, |cells| columns(cells).contains_key(&Column::Url));
    let (table, wrong) = read.map_err(|problem| {
        let message = match problem.message.as_str() {
            table::NO_HEADINGS => no_headings(),
            other => other.to_owned(),
        };
        whole(message)
    })?;
    let mut problems: Vec<Problem> =
        wrong.into_iter().map(|problem| at(problem.line, "", problem.message)).collect();
    let columns = columns(&table.headings);
    let mut left_out = Vec::new();
    let mut services = Vec::new();
    for row in &table.rows {
        match service(row, &table, &columns) {
            Ok(Some(service)) => services.push(service),
            Ok(None) => left_out.push(format!("line {}: it has no address", row.line)),
            Err(found) => problems.extend(found),
        }
    }
    if services.is_empty() && problems.is_empty() {
        problems.push(at(1, "", "has no row with an address".to_owned()));
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.place);
        return Err(ReadError { files: vec![FileProblems { file: args.file.clone(), problems }] });
    }
    name(&mut services);
    let unused: Vec<&str> = table
        .headings
        .iter()
        .enumerate()
        .filter(|(index, heading)| {
            !heading.is_empty() && !columns.values().any(|used| used == index)
        })
        .map(|(_, heading)| heading.as_str())
        .collect();
    if !unused.is_empty() {
        left_out.push(format!("columns without a use here: {}", unused.join(", ")));
    }
    let text = configuration(&args.file, &services, &left_out);
    let files = vec![FirstFile::new(CONFIGURATION, text), FirstFile::schema()];
    let path = args.output.out.join(CONFIGURATION);
    let unwritten = Unwritten { out: &args.output.out, files: &files };
    let config = config::parse(&files[0].text, &path, &unwritten)?;
    Ok(Import {
        probe: services
            .first()
            .map(|service| format!("{}/front", service.name))
            .unwrap_or_default(),
        services: config.services.len(),
        probes: config.targets.len(),
        left_out,
        files,
    })
}

fn at(line: usize, path: &str, message: String) -> Problem {
    Problem { place: Some((line, 1)), path: path.to_owned(), message }
}

fn no_headings() -> String {
    let (_, urls) = HEADINGS[0];
    format!(
        "no line has a heading for addresses; name their column one of {}",
        urls.iter().take(6).copied().collect::<Vec<_>>().join(", ")
    )
}

/// What is in which column. A column has one use.
fn columns(headings: &[String]) -> Columns {
    let bare: Vec<String> = headings
        .iter()
        .map(|heading| heading.split_whitespace().collect::<String>().to_lowercase())
        .collect();
    let mut columns = Columns::new();
    for (column, words) in HEADINGS {
        let found = words.iter().find_map(|word| {
            let index = bare.iter().position(|heading| heading == word)?;
            (!columns.values().any(|used| *used == index)).then_some(index)
        });
        columns.extend(found.map(|index| (column, index)));
    }
    columns
}

/// The service of a row; none where it has no address.
fn service(
    row: &TableRow,
    table: &Table,
    columns: &Columns,
) -> Result<Option<NewService>, Vec<Problem>> {
    let cell = |column: Column| {
        let index = columns.get(&column)?;
        row.cells.get(*index).map(String::as_str).filter(|cell| !cell.is_empty() && *cell != "-")
    };
    let heading = |column: Column| {
        columns.get(&column).and_then(|index| table.headings.get(*index)).map_or("", String::as_str)
    };
    let text = |column: Column| cell(column).map(table::in_one_line);
    let mut problems = Vec::new();
    let mut pages = Vec::new();
    let addresses = cell(Column::Url).unwrap_or_default();
    for address in
        addresses.split([' ', '\n', '\t', ',', ';']).filter(|address| !address.is_empty())
    {
        match new_service::page(address) {
            Ok(url) if pages.contains(&url) => {}
            Ok(url) => pages.push(url),
            Err(message) => problems.push(at(row.line, heading(Column::Url), message)),
        }
    }
    let grade = cell(Column::Grade).map(|text| (text, text.trim_end_matches("등급").trim()));
    let grade = grade.and_then(|(text, digits)| match digits.parse::<u8>() {
        Ok(grade) if (1..=4).contains(&grade) => Some(grade),
        _ => {
            let message = format!("{text:?} is no grade; write 1, 2, 3 or 4");
            problems.push(at(row.line, heading(Column::Grade), message));
            None
        }
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let owner: Vec<String> =
        [Column::Owner, Column::Telephone].into_iter().filter_map(text).collect();
    Ok((!pages.is_empty()).then(|| NewService {
        // Given when all are known.
        name: String::new(),
        title: text(Column::Title),
        owner: (!owner.is_empty()).then(|| owner.join(" ")),
        alternative: text(Column::Alternative),
        grade,
        contains: text(Column::Contains),
        pages,
    }))
}

/// Gives each its name: the host of its first page.
fn name(services: &mut [NewService]) {
    let mut taken = HashSet::new();
    for service in services {
        let host = service.pages.first().map(names::of_host).unwrap_or_default();
        let host = if host.is_empty() { "service" } else { &host };
        service.name = names::unique(host, &mut taken);
    }
}

fn configuration(file: &Path, services: &[NewService], left_out: &[String]) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema={SCHEMA}\n\
         # Made by bongsu import csv of {}. Probe only systems whose owner agreed.\n\
         # Every key is explained in config/example.yml of the project.\n",
        comment(&file.display().to_string())
    );
    if !left_out.is_empty() {
        text.push_str("#\n# What is left out:\n");
    }
    for line in left_out {
        text.push_str(&format!("# - {}\n", comment(line)));
    }
    text.push_str("\ndefaults:\n  interval: 30s\n  timeout: 10s\n\nservices:\n");
    services.iter().for_each(|service| service.write(&mut text));
    text
}
