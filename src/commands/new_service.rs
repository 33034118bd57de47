//! A service whose pages and certificates are looked at, as the first file has it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use url::Url;

use crate::config;
use crate::yaml_text::{Yaml, scalar};

/// A service and its pages.
#[derive(Debug, Clone, Default)]
pub(super) struct NewService {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) alternative: Option<String>,
    pub(super) grade: Option<u8>,
    pub(super) pages: Vec<Url>,
    /// What a page has when it is the right one.
    pub(super) contains: Option<String>,
}

impl NewService {
    /// As an item of `services`.
    pub(super) fn write(&self, text: &mut String) {
        let mut line = |words: String| {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{words}");
        };
        line(format!("  - name: {}", scalar(&self.name)));
        let said =
            [("title", &self.title), ("owner", &self.owner), ("alternative", &self.alternative)];
        for (key, value) in said {
            if let Some(value) = value {
                line(format!("    {key}: {}", scalar(value)));
            }
        }
        if let Some(grade) = self.grade {
            line(format!("    grade: {grade}"));
        }
        if self.title.is_none() {
            line(
                "    # title: its name for people; owner: whom to call; grade: 1 to 4, 1 is the most \
                 important"
                    .to_owned(),
            );
        }
        line("    probes:".to_owned());
        let mut certificates = BTreeSet::new();
        for (index, url) in self.pages.iter().enumerate() {
            line(format!("      - name: front{}", number(index)));
            line(format!("        http:\n          url: {}", scalar(url.as_str())));
            line(match &self.contains {
                Some(contains) => {
                    let contains = Yaml::one("contains", Yaml::text(contains));
                    format!("          expect: {}", Yaml::one("body", contains))
                }
                None => {
                    "          # A page can be there and say that the service is not:\n          \
                         # expect: { body: { contains: 로그인 } }"
                        .to_owned()
                }
            });
            let host = url.host_str().unwrap_or_default();
            let address = format!("{host}:{}", url.port_or_known_default().unwrap_or(443));
            if url.scheme() == "https" && certificates.insert(address.clone()) {
                line(format!("      - name: cert{}", number(certificates.len() - 1)));
                line(format!("        tls: {{ address: {} }}", scalar(&address)));
            }
        }
    }
}

fn number(index: usize) -> String {
    if index == 0 { String::new() } else { format!("-{}", index + 1) }
}

/// An address as people write it; `https://` where it has no scheme. A path of this machine is none.
pub(super) fn page(text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&whole).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|_| !text.starts_with(['/', '.']));
    let Some(mut url) = url.filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
    else {
        return Err(format!("{text:?} is no http or https address; write https://www.gov.kr"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        let host = url.host_str().unwrap_or_default();
        return Err(format!("{host}: a password does not belong into an address"));
    }
    config::probed(&url).map_err(|said| format!("{text}: {said}"))?;
    url.set_fragment(None);
    Ok(url)
}
