//! The list itself: a block for each outage, its many rows folded by service, then the services that
//! are well, folded as well. What is written is bounded, whatever the configuration holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use super::blocks::{Block, blocks};
use super::display_state::{Shown, cause};
use super::html::{Code, EscapedText, Language, ago};
use super::row::{View, chip, probe_path, service_path, word};
use super::service_state::plural;
use crate::config::{Config, OURSELVES};
use crate::results::Row;

/// A telephone loads this over a bad network, and nobody reads more: rows beyond it are counted.
/// With the frame and one more row a page stays below 300 kB.
///
/// No row: targets are the configuration's.
const LIST_BYTES_MAX: usize = 270_000;

/// Rows of one service that stand open; more are one line that opens.
///
/// No row: targets are the configuration's.
const OPEN_ROWS_MAX: usize = 3;

/// So many services are listed unasked when all of them are well: what fits on a wall.
///
/// No row: targets are the configuration's.
const WELL_OPEN_MAX: usize = 20;

/// Rows below one line that opens. The service's own page has more.
///
/// No row: targets are the configuration's.
const FOLDED_ROWS_MAX: usize = 60;

/// Everything that is listed.
pub(super) struct Outages<'a> {
    view: &'a View<'a>,
    blocks: Vec<Block<'a>>,
    rows: &'a [Row],
    /// How many sites each service has; 1 for a service without.
    sites: HashMap<&'a str, usize>,
}

impl<'a> Outages<'a> {
    /// Of all rows, so that a cause is found that is not shown itself. `rows` are sorted.
    pub(super) fn of(view: &'a View<'a>, config: &'a Config, rows: &'a [Row]) -> Outages<'a> {
        let mut sites: HashMap<&str, HashSet<Option<&str>>> = HashMap::new();
        for row in rows {
            let id = &row.target.id;
            sites.entry(&*id.service).or_default().insert(id.site.as_deref());
        }
        let sites = sites.into_iter().map(|(name, sites)| (name, sites.len())).collect();
        Outages { view, blocks: blocks(config, rows), rows, sites }
    }

    /// Writes the rows that are admitted. A single service's healthy rows are listed one by one.
    pub(super) fn write(&self, html: &mut String, admits: &dyn Fn(&Row) -> bool, is_one: bool) {
        let language = self.view.language;
        let mut hidden = 0;
        for block in &self.blocks {
            let shown = block.rows().filter(|row| admits(row)).count();
            if shown == 0 {
                continue;
            }
            if html.len() > LIST_BYTES_MAX {
                hidden += shown;
                continue;
            }
            self.block(html, block, admits, &mut hidden, is_one);
        }
        let well = self.rows.iter().filter(|row| Shown::of(row) == Shown::Up && admits(row));
        let well: Vec<&Row> = well.collect();
        if is_one {
            let line = match language {
                Language::Korean => format!("감시 항목 {}개", well.len()),
                Language::English => {
                    format!("{} {}", well.len(), plural(well.len()))
                }
            };
            let line = format!("{} {line}", chip(Shown::Up, language));
            let is_all = well.len() == self.rows.iter().filter(|row| admits(row)).count();
            self.folded_rows(html, &well, &line, &mut hidden, usize::MAX, is_all);
        } else {
            self.healthy(html, &well, &mut hidden);
        }
        if self.rows.is_empty() {
            let none = language.pick("설정된 감시 항목이 없습니다.", "No probe is configured.");
            let _ = write!(html, "<p class=\"q\">{none}</p>");
        } else if !self.rows.iter().any(admits) {
            let none = language.pick("조건에 맞는 감시 항목이 없습니다.", "No probe suits.");
            let _ = write!(html, "<p class=\"q\">{none}</p>");
        }
        if hidden > 0 {
            let path = "/api/v1/status";
            let link = self.view.site.external.link(path);
            let (link, path) = (EscapedText(&link), Code(path));
            let _ = match language {
                Language::Korean => write!(html, "<p class=\"q\">외 {hidden}개: "),
                Language::English => write!(html, "<p class=\"q\">and {hidden} more: "),
            };
            let _ = write!(html, "<a href=\"{link}\">{path}</a></p>");
        }
    }

    fn block(
        &self,
        html: &mut String,
        block: &Block<'a>,
        admits: &dyn Fn(&Row) -> bool,
        hidden: &mut usize,
        is_one: bool,
    ) {
        let language = self.view.language;
        let _ = write!(
            html,
            "<section class=\"o {}\"><h2>{} {}</h2>",
            block.worst.as_str(),
            chip(block.worst, language),
            self.named(block.cause),
        );
        self.facts(html, block);
        let suits = |rows: &[&'a Row]| -> Vec<&'a Row> {
            rows.iter().copied().filter(|row| admits(row)).collect()
        };
        let folded_max = if is_one { usize::MAX } else { FOLDED_ROWS_MAX };
        self.of_service(html, block.cause, &suits(&block.own), hidden, folded_max);
        let others: Vec<_> =
            block.consequences.iter().map(|(name, rows)| (*name, suits(rows))).collect();
        if others.iter().any(|(_, rows)| !rows.is_empty()) {
            let _ = write!(html, "<h3>{}</h3>", language.pick("영향을 받은 서비스", "Affected"));
        }
        for (name, rows) in others {
            self.of_service(html, name, &rows, hidden, folded_max);
        }
        html.push_str("</section>");
    }

    /// A service's title as a link to its page.
    fn named(&self, name: &str) -> String {
        let language = self.view.language;
        let called = self.view.services.called(name, language);
        if name == OURSELVES || self.view.services.get(name).is_none() {
            return called;
        }
        let link = self.view.site.external.link(&service_path(name, language));
        format!("<a href=\"{}\">{called}</a>", EscapedText(&link))
    }

    /// Whom to call, since when, and what stands in for it.
    fn facts(&self, html: &mut String, block: &Block<'_>) {
        let (language, times) = (self.view.language, &self.view.site.local_time);
        let mut facts = Vec::new();
        if let Some(known) = self.view.services.get(block.cause) {
            if let Some(grade) = known.service.grade {
                facts.push((language.pick("등급", "Grade"), grade.to_string()));
            }
            facts.extend(self.view.about(known.service));
        }
        facts.extend(self.view.past(block.cause));
        let telling = telling(block);
        let telling = || telling.iter().copied();
        if let Some(since) = telling().filter_map(|row| row.availability.since()).min() {
            let text = format!("{} ({})", times.second(since), ago(since, language));
            facts.push((language.pick("시작", "Since"), text));
        }
        if let Some(good) = telling().filter_map(|row| row.availability.last_success_at()).max() {
            let text = format!("{} ({})", times.second(good), ago(good, language));
            facts.push((language.pick("마지막 정상", "Last good run"), text));
        }
        let cause = telling().find_map(cause);
        if let Some(cause) = cause {
            let mut text = language.of_both(cause.reason.meaning()).to_owned();
            if let Some(step) = &cause.step {
                let _ = write!(text, " {} {}", language.pick("단계", "Step"), Code(&step.name));
            }
            facts.push((language.pick("원인", "Reason"), text));
            let look = EscapedText(language.of_both(cause.reason.first_look())).to_string();
            facts.push((language.pick("우선 확인 사항", "Check first"), look));
        }
        if block.own.is_empty() && block.cause != OURSELVES {
            let text = language.pick(
                "자체 감시 항목은 실패하지 않았고, 다른 서비스의 실패로 추정",
                "no probe of its own fails; told by those of others",
            );
            facts.push((language.pick("근거", "Evidence"), text.to_owned()));
        }
        html.push_str("<dl>");
        for (label, text) in facts {
            let _ = write!(html, "<div><dt>{label}</dt><dd>{text}</dd></div>");
        }
        html.push_str("</dl>");
    }

    /// The rows of one service in one block: open when few, else one line that opens.
    fn of_service(
        &self,
        html: &mut String,
        name: &str,
        rows: &[&Row],
        hidden: &mut usize,
        folded_max: usize,
    ) {
        if rows.len() <= OPEN_ROWS_MAX {
            return self.table(html, rows, hidden);
        }
        let Some(worst) = rows.first() else { return };
        let language = self.view.language;
        let state = Shown::of(worst);
        let mut line =
            format!("{} {}: ", chip(state, language), self.view.services.called(name, language));
        let sites: HashSet<_> = rows.iter().map(|row| &row.target.id.site).collect();
        let all = self.sites.get(name).copied().unwrap_or_default();
        let (probes, sites) = (rows.len(), sites.len());
        let _ = match language {
            Language::Korean if all > 1 => {
                write!(line, "기관 {all}곳 중 {sites}곳, 감시 항목 {probes}개")
            }
            Language::Korean => write!(line, "감시 항목 {probes}개"),
            Language::English if all > 1 => write!(line, "{sites} of {all} sites, {probes} probes"),
            Language::English => write!(line, "{probes} probes"),
        };
        if let Some(cause) = cause(worst) {
            let _ = write!(line, " · {}", language.of_both(cause.reason.short()));
        }
        self.folded_rows(html, rows, &line, hidden, folded_max, false);
    }

    fn folded_rows(
        &self,
        html: &mut String,
        rows: &[&Row],
        line: &str,
        hidden: &mut usize,
        most: usize,
        is_open: bool,
    ) {
        let Some(first) = rows.first() else { return };
        let language = self.view.language;
        let _ = write!(html, "<details{}><summary>{line}</summary>", open(is_open));
        let shown = rows.get(..most).unwrap_or(rows);
        self.table(html, shown, hidden);
        if let Some(more) = rows.len().checked_sub(shown.len()).filter(|&more| more > 0) {
            let path = service_path(&first.target.id.service, language);
            let link = self.view.site.external.link(&path);
            let _ = match language {
                Language::Korean => write!(
                    html,
                    "<p><a href=\"{}\">외 {more}개 모두 보기</a></p>",
                    EscapedText(&link)
                ),
                Language::English => {
                    write!(html, "<p><a href=\"{}\">and {more} more</a></p>", EscapedText(&link))
                }
            };
        }
        html.push_str("</details>");
    }

    fn table(&self, html: &mut String, rows: &[&Row], hidden: &mut usize) {
        if rows.is_empty() {
            return;
        }
        let language = self.view.language;
        html.push_str("<table class=\"l\"><thead><tr>");
        for heading in [
            language.pick("상태", "State"),
            language.pick("서비스", "Service"),
            language.pick("감시 항목", "Probe"),
            language.pick("원인", "Reason"),
            language.pick("상태 변경", "Since"),
            language.pick("마지막 실행", "Last run"),
        ] {
            let _ = write!(html, "<th scope=\"col\">{heading}</th>");
        }
        html.push_str("</tr></thead><tbody>");
        for row in rows {
            if html.len() > LIST_BYTES_MAX {
                *hidden += 1;
            } else {
                self.view.line(html, row);
            }
        }
        html.push_str("</tbody></table>");
    }

    /// A line for each service of which nothing fails or waits, with ways to its few probes.
    fn healthy(&self, html: &mut String, rows: &[&Row], hidden: &mut usize) {
        if rows.is_empty() {
            return;
        }
        let (language, external) = (self.view.language, &self.view.site.external);
        let mut services: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for &row in rows {
            services.entry(&*row.target.id.service).or_default().push(row);
        }
        let _ = write!(
            html,
            "<details class=\"well\"{}><summary>{} {}</summary><ul>",
            // On a good day there is nothing else to look at.
            open(rows.len() == self.rows.len() && services.len() <= WELL_OPEN_MAX),
            chip(Shown::Up, language),
            match language {
                Language::Korean =>
                    format!("서비스 {}개, 감시 항목 {}개", services.len(), rows.len()),
                Language::English => format!("{} services, {} probes", services.len(), rows.len()),
            },
        );
        for (name, rows) in services {
            if html.len() > LIST_BYTES_MAX {
                *hidden += rows.len();
                continue;
            }
            let _ = write!(
                html,
                "<li>{}: {} {}",
                self.named(name),
                word(Shown::Up, language),
                rows.len()
            );
            for row in rows.iter().take(OPEN_ROWS_MAX) {
                let link = external.link(&probe_path(row, language));
                let id = &row.target.id;
                let site = self.view.services.called_site(id);
                let _ = write!(html, " · <a href=\"{}\">{}", EscapedText(&link), Code(&id.probe));
                let _ = match site.is_empty() {
                    true => write!(html, "</a>"),
                    false => write!(html, " {site}</a>"),
                };
            }
            html.push_str("</li>");
        }
        html.push_str("</ul></details>");
    }
}

/// The rows that an outage's facts are of: the worst of those that fail by the cause itself. What only
/// needs it may have fallen before or after; where nothing else tells of the cause, it does.
fn telling<'r>(block: &Block<'r>) -> Vec<&'r Row> {
    let worst: Vec<_> = block.rows().filter(|row| Shown::of(row) == block.worst).collect();
    let names_it = |row: &&Row| {
        let blamed = cause(row).map(|cause| row.target.blamed(cause));
        *row.target.id.service == *block.cause || blamed == Some(block.cause)
    };
    let own: Vec<_> = worst.iter().copied().filter(names_it).collect();
    if own.is_empty() { worst } else { own }
}

const fn open(is_open: bool) -> &'static str {
    if is_open { " open" } else { "" }
}
