//! `for_each`: one service over many sites.
//!
//! ```yaml
//! for_each: { site: { file: sites.csv } }            # a column `name`, and whatever is needed
//! for_each: { site: [seocho, gangnam] }
//! for_each: { site: { seocho: { host: www.seocho.example, title: 서초구 }, gangnam: { ... } } }
//! ```
//!
//! The file may be as a spreadsheet saves it: UTF-8, EUC-KR or UTF-16, with commas, semicolons or tabs,
//! lines above the headings, and columns for others.
//!
//! `${site}` and `${site.name}` are the site's key; the other columns are `${site.host}` and so on.
//! `title`, `owner` and `telephone` are shown to people; a file may head them in Korean (`기관명`, ...).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use read::Value;

use super::names::Scope;
use super::reading::At;
use super::{SiteInfo, files, value};
use crate::table;

/// All municipalities are 226, all villages 3,500; every public system of the country 17,000.
const SITES_MAX: usize = 50_000;

/// Headings in Korean, for columns that the file does not have under their own names.
const KOREAN_HEADINGS: &[(&str, &[&str])] = &[
    ("title", &["기관명", "기관", "지자체", "명칭"]),
    ("owner", &["담당부서", "담당자", "담당", "부서"]),
    ("telephone", &["전화번호", "연락처", "전화"]),
];

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
                let rows = bytes.map_err(|said| vec![said]).and_then(|bytes| of_csv(&bytes));
                let (sites, unused) = rows
                    .map_err(|all| {
                        all.iter()
                            .for_each(|said| file.problem(format!("{}: {said}", path.display())));
                    })
                    .ok()?;
                if !unused.is_empty() {
                    file.reading.load.advise(format!(
                        "{}: not used, because ${{site.COLUMN}} takes a-z 0-9 and _: column {}",
                        path.display(),
                        unused.join(", ")
                    ));
                }
                sites
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

/// What people know of a site, where the file says any of it.
pub(super) fn info(of: &Scope) -> Option<SiteInfo> {
    let said = |name: &str| of.values.get(name).filter(|text| !text.is_empty()).cloned();
    let info = SiteInfo {
        title: said("site.title"),
        owner: said("site.owner"),
        telephone: said("site.telephone"),
    };
    (info != SiteInfo::default()).then_some(info)
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

/// A line of headings with a column `name`, then a line for each site; `#` begins a comment. A column
/// whose heading is no name is of use to nobody here, and is answered with.
fn of_csv(bytes: &[u8]) -> Result<(Vec<Site>, Vec<String>), Vec<String>> {
    let read = table::read(bytes, |cells| cells.iter().any(|cell| cell == "name"));
    let (table, wrong) = read.map_err(|problem| match problem.message.as_str() {
        table::NO_HEADINGS => vec![
            "the first line must name the columns, and one of them must be \"name\"".to_string(),
        ],
        other => vec![other.to_owned()],
    })?;
    let mut problems: Vec<(usize, String)> =
        wrong.into_iter().map(|problem| (problem.line, problem.message)).collect();
    let key = table.headings.iter().position(|heading| heading == "name").unwrap_or_default();
    let (mut columns, mut unused) = (BTreeMap::new(), Vec::new());
    for (index, heading) in table.headings.iter().enumerate().filter(|(index, _)| *index != key) {
        match column(heading) {
            Ok(name) if columns.values().any(|known| *known == name) => {
                problems.push((1, format!("column \"{heading}\" is there twice")));
            }
            Ok(name) => drop(columns.insert(index, name)),
            Err(_) if heading == "name" => {
                problems.push((1, "column \"name\" is there twice".to_owned()));
            }
            Err(_) if heading.is_empty() => {}
            Err(_) => unused.push(heading.clone()),
        }
    }
    for (name, headings) in KOREAN_HEADINGS {
        if columns.values().any(|known| known == name) {
            continue;
        }
        let of_heading = |wanted: &&str| {
            let is_it =
                |heading: &String| heading.split_whitespace().collect::<String>() == **wanted;
            table.headings.iter().position(is_it)
        };
        if let Some(index) = headings.iter().find_map(of_heading) {
            columns.insert(index, (*name).to_owned());
            unused.retain(|heading| *heading != table.headings[index]);
        }
    }
    let mut seen = HashSet::new();
    let mut sites = Vec::new();
    for row in &table.rows {
        let mut note = |said: String| problems.push((row.line, said));
        if row.given < table.given {
            let (has, wants) = (row.given, table.given);
            note(format!("has {has} cells where the first line has {wants}"));
        }
        let cell = |index: usize| row.cells.get(index).cloned().unwrap_or_default();
        match value::name(&cell(key)) {
            Ok(name) if seen.insert(name.clone()) => {
                let variables = columns.iter().map(|(index, name)| (name.clone(), cell(*index)));
                sites.push(Site { name, variables: variables.collect() });
            }
            Ok(name) => note(format!("site \"{name}\" is here for the second time")),
            Err(said) => note(said),
        }
    }
    if problems.is_empty() {
        return Ok((sites, unused));
    }
    problems.sort();
    Err(problems.into_iter().map(|(line, said)| format!("line {line}: {said}")).collect())
}
