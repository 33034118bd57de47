//! Corrections: what a person says of minutes that were measured, with reason and name, in a file that is
//! kept in git. The data stay as they are; the report shows both.
//!
//! ```yaml
//! corrections:
//!   - service: gov24
//!     site: seocho            # optional; without it the service and all of its sites
//!     from: 2026-11-03T10:00  # Korea's time
//!     until: 2026-11-03T10:25
//!     fault: false            # false takes these minutes out, true puts them in
//!     reason: 프로버가 있는 망의 단절
//!     name: 홍길동
//! ```

use std::collections::HashMap;
use std::path::Path;

use base::files::read_regular;
use jiff::civil::DateTime;
use read::{At, Fields, Notes, ReadError, some_text};

use super::month::korea;
use super::span::{Millis, Span, Spans};
use super::survey::Subject;

/// Thousands of corrections are less; a file given by mistake ends here.
const FILE_MAX_BYTES: u64 = 4 << 20;

const KEYS: [&str; 7] = ["service", "site", "from", "until", "fault", "reason", "name"];

/// One of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    pub service: String,
    pub site: Option<String>,
    pub span: Span,
    /// Whether these minutes are a fault.
    pub fault: bool,
    pub reason: String,
    pub name: String,
}

/// What one did to the minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedCorrection {
    pub correction: Correction,
    /// Of each subject whose minutes it changed, by how much.
    pub changes: Vec<(Subject, Millis)>,
}

impl AppliedCorrection {
    pub fn new(correction: Correction) -> AppliedCorrection {
        AppliedCorrection { correction, changes: Vec::new() }
    }
}

impl Correction {
    fn is_about(&self, subject: &Subject) -> bool {
        let about_site = self.site.as_ref().is_none_or(|site| *site == subject.site);
        self.service == subject.service && about_site
    }
}

/// The fault time of a subject after all corrections, which are noted in the file's order.
pub fn corrected(
    corrections: &mut [AppliedCorrection],
    subject: &Subject,
    measured: &Spans,
    past: Span,
) -> Spans {
    let mut fault = measured.clone();
    for applied in corrections.iter_mut() {
        let correction = &applied.correction;
        if !correction.is_about(subject) {
            continue;
        }
        let span = Spans::from(correction.span).within(&past.into());
        let after = match correction.fault {
            true => fault.with(&span),
            false => fault.without(&span),
        };
        let change = after.length() - fault.length();
        if change != 0 {
            applied.changes.push((subject.clone(), change));
        }
        fault = after;
    }
    fault
}

/// Reads the file.
///
/// # Errors
///
/// Everything that is wrong with it, each with its line.
pub fn load(file: &Path) -> Result<Vec<Correction>, ReadError> {
    let whole = |problem: String| ReadError::whole(file.to_owned(), problem);
    let bytes = read_regular(file, FILE_MAX_BYTES).map_err(|error| whole(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| whole("it is not UTF-8".to_owned()))?;
    let root = read::parse(&text).map_err(|error| error.within(file.to_owned()))?;
    let notes = Notes::default();
    let found = of_file(&At::root(&root, &notes));
    notes.settle(file, found)
}

fn of_file(root: &At<'_, &Notes>) -> Option<Vec<Correction>> {
    let fields = root.fields(&["corrections"])?;
    let items = fields.need("corrections")?.items()?;
    let mut places: HashMap<String, String> = HashMap::new();
    let mut corrections = Vec::with_capacity(items.len());
    for item in &items {
        let Some(correction) = item.fields(&KEYS).and_then(|fields| of_item(&fields)) else {
            continue;
        };
        let key = format!("{:?} {:?} {:?}", correction.service, correction.site, correction.span);
        if let Some(other) = places.insert(key, item.path()) {
            item.problem(format!("{other} is about the same time; keep one of them"));
        }
        corrections.push(correction);
    }
    Some(corrections)
}

fn of_item(fields: &Fields<'_, &Notes>) -> Option<Correction> {
    let text = |key| fields.need(key).and_then(|at| at.parse(some_text));
    let service = text("service");
    let site = match fields.has("site") {
        true => Some(fields.text("site")),
        false => None,
    };
    let from = fields.need("from").and_then(|at| at.parse(instant));
    let until = fields.need("until").and_then(|at| at.parse(instant));
    let fault = fields.need("fault").and_then(|at| at.flag());
    let (reason, name) = (text("reason"), text("name"));
    let span = Span { from: from?, until: until? };
    if span.from >= span.until {
        let until = fields.take("until")?;
        until.problem("is not after \"from\"");
        return None;
    }
    let site = match site {
        Some(site) => Some(site?),
        None => None,
    };
    Some(Correction { service: service?, site, span, fault: fault?, reason: reason?, name: name? })
}

/// `2026-11-03T10:00`, in Korea.
fn instant(text: &str) -> Result<Millis, String> {
    let local: DateTime = text
        .parse()
        .map_err(|_| "is no local time; write 2026-11-03T10:00 (Korea's time)".to_owned())?;
    let zoned = local.to_zoned(korea()).map_err(|error| error.to_string())?;
    Ok(zoned.timestamp().as_millisecond())
}
