//! `for_each`: one service over many sites.
//!
//! ```yaml
//! for_each: { site: { file: sites.csv } }            # a column `name`, and whatever is needed
//! for_each: { site: [seocho, gangnam] }
//! for_each: { site: { seocho: { host: www.seocho.example, title: 서초구 }, gangnam: { ... } } }
//! ```
//!
//! `${site}` and `${site.name}` are the site's key; the other columns are `${site.host}` and so on.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use read::Value;

use super::names::Scope;
use super::reading::At;
use super::{files, value};

/// All municipalities are 226, all villages 3,500; every public system of the country 17,000.
const SITES_MAX: usize = 50_000;

/// One site: its key and its variables.
struct Site {
    name: String,
    variables: BTreeMap<String, String>,
}

/// Reads `for_each`. `None` when it could not be read.
pub(super) fn sites(at: &At<'_>) -> Option<Vec<Scope>> {
    let site = at.fields(&["site"])?.need("site")?;
    let sites = match &site.node.value {
        Value::List(_) => of_list(&site)?,
        Value::Map(entries) => match &entries[..] {
            [entry] if *entry.key == *"file" && matches!(entry.node.value, Value::Text(_)) => {
                let file = site.fields(&["file"])?.take("file")?;
                let path = file.reading.document.resolve(&file.parse(read::some_text)?);
                let bytes = file.reading.load.files.read(&path, files::FILE_LIMIT);
                let rows = bytes.and_then(|bytes| of_csv(&bytes));
                file.settle(rows.map_err(|said| format!("{}: {said}", path.display())))?
            }
            _ => of_map(&site)?,
        },
        _ => {
            site.expected("a list of names, a mapping from names to variables, or { file: ... }");
            return None;
        }
    };
    if sites.is_empty() || sites.len() > SITES_MAX {
        site.problem(format!("has {} sites; it needs 1 to {SITES_MAX}", sites.len()));
        return None;
    }
    let count = sites.len();
    Some(sites.into_iter().map(|site| scope(site, count)).collect())
}

fn scope(site: Site, sites: usize) -> Scope {
    let mut values: BTreeMap<String, String> =
        site.variables.into_iter().map(|(name, value)| (format!("site.{name}"), value)).collect();
    values.insert("site".into(), site.name.clone());
    values.insert("site.name".into(), site.name.clone());
    Scope { values, site: Some(Arc::from(site.name)), sites, ..Scope::default() }
}

fn of_list(at: &At<'_>) -> Option<Vec<Site>> {
    let mut seen = HashSet::new();
    let mut sites = Vec::new();
    let mut whole = true;
    for item in at.items()? {
        let Some(name) = item.parse(value::name) else {
            whole = false;
            continue;
        };
        if !seen.insert(name.clone()) {
            item.problem(format!("site \"{name}\" is here for the second time"));
        }
        sites.push(Site { name, variables: BTreeMap::new() });
    }
    whole.then_some(sites)
}

fn of_map(at: &At<'_>) -> Option<Vec<Site>> {
    let mut sites = Vec::new();
    let mut whole = true;
    for (name, item) in at.entries()? {
        let name = item.settle(value::name(name));
        let variables = match &item.node.value {
            Value::Null => Some(BTreeMap::new()),
            _ => variables(&item),
        };
        match (name, variables) {
            (Some(name), Some(variables)) => sites.push(Site { name, variables }),
            _ => whole = false,
        }
    }
    whole.then_some(sites)
}

fn variables(at: &At<'_>) -> Option<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let mut whole = true;
    for (name, item) in at.entries()? {
        match (item.settle(column(name)), item.text()) {
            (Some(name), Some(text)) => drop(variables.insert(name, text.into_owned())),
            _ => whole = false,
        }
    }
    whole.then_some(variables)
}

/// The name of a column or variable.
fn column(text: &str) -> Result<String, String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match text {
        "" => Err("a column has no name".into()),
        "name" => Err("\"name\" is the site's key already; choose another name".into()),
        text if text.chars().all(word) => Ok(text.to_owned()),
        text => Err(format!("\"{text}\" cannot be a column's name; use a-z 0-9 and _")),
    }
}

/// A header line with a column `name`, then a line for each site; `#` begins a comment.
fn of_csv(bytes: &[u8]) -> Result<Vec<Site>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8; save the file as UTF-8 CSV")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let key = headers.iter().position(|header| header == "name").ok_or_else(|| {
        "the first line must name the columns, and one of them must be \"name\"".to_string()
    })?;
    let mut columns = HashSet::new();
    for (_, header) in headers.iter().enumerate().filter(|(index, _)| *index != key) {
        if !columns.insert(column(header)?) {
            return Err(format!("column \"{header}\" is there twice"));
        }
    }
    let mut seen = HashSet::new();
    let mut sites = Vec::new();
    for record in reader.records().take(SITES_MAX + 1) {
        let record = record.map_err(|error| said(&error, headers.len()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = headers.iter().zip(&record).enumerate().filter(|(index, _)| *index != key);
        let variables = cells.map(|(_, (name, cell))| (name.to_owned(), cell.to_owned())).collect();
        let name = value::name(record.get(key).unwrap_or_default())
            .map_err(|said| format!("line {line}: {said}"))?;
        if !seen.insert(name.clone()) {
            return Err(format!("line {line}: site \"{name}\" is here for the second time"));
        }
        sites.push(Site { name, variables });
    }
    Ok(sites)
}

fn said(error: &csv::Error, columns: usize) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, len, .. } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line}: has {len} cells where the first line has {columns}")
        }
        _ => error.to_string(),
    }
}
