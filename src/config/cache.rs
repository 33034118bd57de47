//! What is costly to make and named often: a pattern that 17,000 probes share is compiled once
//! and takes its memory once.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chain::{ChainFault, roots_out_of_date};
use regex::{Regex, RegexBuilder};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sign::signing_identity::SigningIdentity;

use super::files::Files;
use super::login::{Identity, IdentityProblem};
use super::{CssSelector, JsonPath, TrustOptions};
use crate::calendar;

/// Bytes of a selector or a JSONPath. Longer ones are made by machines, and each is read at every
/// load.
const QUERY_BYTES_MAX: usize = 4_000;

/// Brackets and parentheses of a selector or a JSONPath that are open at a time. Their parsers call
/// themselves for each, and that of JSONPath reads the inside of a filter more than once: with 20 it
/// took minutes, with 5,000 the stack was at its end.
const QUERY_OPEN_MAX: usize = 8;

/// Compiled size of a pattern. Enough for some thousand alternatives; a pattern like
/// `(\w{100}){100}` ends here.
const REGEX_SIZE_MAX: usize = 2 << 20;

/// A bundle of all of Mozilla's roots is 220 KiB.
const PEM_LIMIT: u64 = 4 << 20;

/// What a PEM file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PemUse {
    /// At least one certificate.
    Certificates,
    Key,
}

type Made<K, V> = RefCell<HashMap<K, Result<V, String>>>;

/// Shared by all readers of one load.
#[derive(Default)]
pub(super) struct Cache {
    regexes: Made<String, Regex>,
    selectors: Made<String, CssSelector>,
    json_paths: Made<String, JsonPath>,
    pems: Made<(PathBuf, PemUse), ()>,
    trusts: RefCell<HashMap<TrustOptions, Arc<TrustOptions>>>,
    identities: RefCell<BTreeMap<Identity, Result<Arc<SigningIdentity>, IdentityProblem>>>,
    files_of_roots: RefCell<HashSet<PathBuf>>,
}

impl Cache {
    /// A regular expression, or what is wrong with it.
    pub(super) fn regex(&self, pattern: &str) -> Result<Regex, String> {
        once(&self.regexes, pattern, || {
            RegexBuilder::new(pattern).size_limit(REGEX_SIZE_MAX).build().map_err(|error| {
                match error {
                    regex::Error::CompiledTooBig(_) => {
                        "the pattern needs too much memory; make its repetitions smaller".into()
                    }
                    error => format!("not a regular expression: {}", last_line(&error)),
                }
            })
        })
    }

    pub(super) fn selector(&self, text: &str) -> Result<CssSelector, String> {
        once(&self.selectors, text, || {
            is_shallow(text)?;
            let parsed = scraper::Selector::parse(text);
            let selector = parsed.map(|_| CssSelector(text.to_owned()));
            selector.map_err(|_| {
                "not a CSS selector; write it as in a style sheet, such as form#login or \
                 a[href*=logout]"
                    .into()
            })
        })
    }

    pub(super) fn json_path(&self, text: &str) -> Result<JsonPath, String> {
        once(&self.json_paths, text, || {
            is_shallow(text)?;
            let parsed = serde_json_path::JsonPath::parse(text);
            let path = parsed.map(|path| JsonPath(Arc::new(path)));
            path.map_err(|error| {
                format!("not a JSONPath (RFC 9535), such as $.status: {}", last_line(&error))
            })
        })
    }

    /// Whether a PEM file holds what it should.
    pub(super) fn pem(&self, files: &dyn Files, path: &Path, want: PemUse) -> Result<(), String> {
        let key = (path.to_owned(), want);
        if let Some(known) = self.pems.borrow().get(&key) {
            return known.clone();
        }
        let checked = check_pem(files, path, want);
        self.pems.borrow_mut().insert(key, checked.clone());
        checked
    }

    /// Which roots in a file are out of date, the first time that it is asked about.
    pub(super) fn old_roots(&self, files: &dyn Files, path: &Path) -> Vec<ChainFault> {
        if !self.files_of_roots.borrow_mut().insert(path.to_owned()) {
            return Vec::new();
        }
        // A file that cannot be read is a problem already.
        let pem = files.read(path, PEM_LIMIT).unwrap_or_default();
        roots_out_of_date(&pem, calendar::now().as_second())
    }

    /// An identity that all sites of a service share is opened once.
    pub(super) fn identity(
        &self,
        identity: &Identity,
        open: impl FnOnce() -> Result<SigningIdentity, IdentityProblem>,
    ) -> Result<Arc<SigningIdentity>, IdentityProblem> {
        if let Some(known) = self.identities.borrow().get(identity) {
            return known.clone();
        }
        let opened = open().map(Arc::new);
        self.identities.borrow_mut().insert(identity.clone(), opened.clone());
        opened
    }

    /// One copy of equal options.
    pub(super) fn trust(&self, options: TrustOptions) -> Arc<TrustOptions> {
        let mut trusts = self.trusts.borrow_mut();
        trusts.entry(options).or_insert_with_key(|options| Arc::new(options.clone())).clone()
    }
}

fn check_pem(files: &dyn Files, path: &Path, want: PemUse) -> Result<(), String> {
    let bytes =
        files.read(path, PEM_LIMIT).map_err(|said| format!("{}: {said}", path.display()))?;
    let (found, what) = match want {
        PemUse::Certificates => {
            let mut certificates = CertificateDer::pem_slice_iter(&bytes);
            let first = certificates.next().is_some_and(|first| first.is_ok());
            (first && certificates.all(|next| next.is_ok()), "certificate")
        }
        PemUse::Key => (PrivateKeyDer::from_pem_slice(&bytes).is_ok(), "private key"),
    };
    if found {
        return Ok(());
    }
    Err(format!("{}: holds no {what} in PEM form (-----BEGIN ...-----)", path.display()))
}

fn once<V: Clone>(
    made: &Made<String, V>,
    key: &str,
    make: impl FnOnce() -> Result<V, String>,
) -> Result<V, String> {
    if let Some(known) = made.borrow().get(key) {
        return known.clone();
    }
    let result = make();
    made.borrow_mut().insert(key.to_owned(), result.clone());
    result
}

/// Whether a selector or a path can be read in little time and stack. Brackets in quotes count, too:
/// what is a quote, only the parser knows.
fn is_shallow(text: &str) -> Result<(), String> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(format!("is longer than {QUERY_BYTES_MAX} bytes; make it shorter"));
    }
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' => open += 1,
            b')' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > QUERY_OPEN_MAX {
            return Err(format!(
                "has more than {QUERY_OPEN_MAX} brackets inside each other at position {}; write \
                 it flatter",
                at + 1
            ));
        }
    }
    Ok(())
}

/// Errors of parsers draw the text and an arrow over several lines; the last one says it.
fn last_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn queries_that_their_parsers_choke_on_are_refused_first() {
        let cache = Cache::default();
        for text in [
            format!("$[?{}@.a{}]", "(".repeat(5_000), ")".repeat(5_000)),
            format!("$[?{}@.a{}]", "(".repeat(20), ")".repeat(20)),
            format!("$[?{}@.b{}]", "@.a[?".repeat(20), "]".repeat(20)),
            format!("$[?{}@.b{}]", "!(".repeat(20), ")".repeat(20)),
            format!("$[?{}@.b{}]", "length(".repeat(20), ")".repeat(20)),
            format!("$[{}", "?@[".repeat(100)),
            format!("$.{}", "a".repeat(10_000)),
        ] {
            let said = cache.json_path(&text).unwrap_err();
            assert!(
                said.contains("brackets inside each other") || said.contains("longer"),
                "{said}"
            );
        }
        for text in
            [format!("{}p{}", ":not(".repeat(5_000), ")".repeat(5_000)), "p ".repeat(10_000)]
        {
            assert!(cache.selector(&text).is_err());
        }
    }

    #[test]
    fn queries_as_people_write_them_and_the_deepest_are_read_at_once() {
        let cache = Cache::default();
        let start = Instant::now();
        let deepest = format!("$[?{}@.b{}]", "@.a[?".repeat(7), "]".repeat(7));
        let parentheses = format!("$[?{}@.b{}]", "(".repeat(7), ")".repeat(7));
        for text in
            ["$.status", "$..a[?(@.b == 'x(') && (@.c[0]['d'] > 1)]", &deepest, &parentheses]
        {
            assert!(cache.json_path(text).is_ok(), "{text}");
        }
        assert!(cache.selector("form#login input:not([type=hidden]):is(.a, .b:not(.c))").is_ok());
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
