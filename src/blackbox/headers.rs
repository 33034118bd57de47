//! `fail_if_header_matches` and its opposite.

use ::http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::go_regex::GoPattern;
use super::go_values::is_default;
use super::http_module::HttpModule;
use super::log::Log;

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub(super) struct HeaderMatch {
    pub(super) header: String,
    pub(super) regexp: GoPattern,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) allow_missing: bool,
}

/// What a header is to its rule.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Missing,
    Matching,
    Other,
}

impl HeaderMatch {
    /// What is wrong with the rule.
    pub(super) fn problem(&self) -> Option<String> {
        if self.header.is_empty() {
            return Some("has a rule without a header; write its name".to_owned());
        }
        self.regexp.is_empty().then(|| format!("has no regexp for {}; write one", self.header))
    }

    fn find(&self, headers: &HeaderMap) -> Found {
        let Ok(name) = HeaderName::try_from(self.header.as_str()) else { return Found::Missing };
        let mut values = headers.get_all(name).iter().peekable();
        if values.peek().is_none() {
            return Found::Missing;
        }
        let matches = values.any(|value| self.regexp.regex.is_match(value.as_bytes()));
        if matches { Found::Matching } else { Found::Other }
    }
}

/// Whether the headers are as the module wants them. A header that is not there fails either rule.
pub(super) fn fit(module: &HttpModule, headers: &HeaderMap, log: &mut Log) -> bool {
    let must_not = module.fail_if_header_matches.iter().map(|rule| (rule, Found::Matching));
    let must = module.fail_if_header_not_matches.iter().map(|rule| (rule, Found::Other));
    for (rule, fails) in must_not.chain(must) {
        let found = rule.find(headers);
        if found == Found::Missing && !rule.allow_missing {
            log.error("Missing required header", &[("header", &rule.header)]);
            return false;
        }
        if found == fails {
            let message = match fails {
                Found::Matching => "Header matched regular expression",
                _ => "Header did not match regular expression",
            };
            log.error(message, &[("header", &rule.header), ("regexp", &rule.regexp)]);
            return false;
        }
    }
    true
}
