//! What came in a failed run, on the page of its probe.

use std::fmt::Write;

use super::html::{Code, English, EscapedText, took};
use super::row::View;
use crate::outcome::{Evidence, Facts, Phases};

impl View<'_> {
    /// The address, where the time went, and under which id others may have written the run down.
    pub(super) fn course(&self, html: &mut String, facts: &Facts) {
        let language = self.language;
        let mut parts = Vec::new();
        if let Some(address) = facts.address {
            parts.push(format!(
                "{} {}",
                language.pick("주소", "Address"),
                Code(&address.to_string())
            ));
        }
        let phases = self.phases(&facts.phases);
        if !phases.is_empty() {
            parts.push(phases);
        }
        if let Some(id) = facts.trace_id {
            parts.push(format!("{} {}", English("trace-id"), Code(&id.to_string())));
        }
        if !parts.is_empty() {
            let _ = write!(html, "<p class=\"q\">{}</p>", parts.join(" · "));
        }
    }

    /// What came for each request that is kept, opened where it is wanted at first glance.
    pub(super) fn evidence(&self, html: &mut String, evidence: &[Evidence], is_open: bool) {
        if evidence.is_empty() {
            return;
        }
        let open = if is_open { " open" } else { "" };
        let label = self.language.pick("받은 응답", "What came");
        let _ = write!(html, "<details{open}><summary>{label}</summary>");
        for exchange in evidence {
            self.exchange(html, exchange);
        }
        html.push_str("</details>");
    }

    fn exchange(&self, html: &mut String, exchange: &Evidence) {
        let language = self.language;
        html.push_str("<p>");
        if let Some(step) = &exchange.step {
            let _ = write!(html, "{} {} · ", language.pick("단계", "Step"), Code(step));
        }
        let _ = write!(html, "{} {}", Code(&exchange.method), Code(&exchange.url));
        if let Some(address) = exchange.address {
            let _ = write!(html, " → {}", Code(&address.to_string()));
        }
        let phases = self.phases(&exchange.phases);
        let _ = write!(html, "<br><span class=\"q\">{phases}</span></p>");
        let Some(status_line) = &exchange.status_line else {
            let none = language.pick("응답이 오지 않았습니다.", "No response came.");
            let _ = write!(html, "<p>{none}</p>");
            return;
        };
        let _ = write!(html, "<pre tabindex=\"0\">{}", EscapedText(status_line));
        for line in &exchange.headers {
            let _ = write!(html, "\n{}", EscapedText(line));
        }
        if let Some(body) = &exchange.body {
            let _ = write!(html, "\n\n{}", EscapedText(body));
        }
        html.push_str("</pre>");
    }

    fn phases(&self, phases: &Phases) -> String {
        let language = self.language;
        let named = phases.named().into_iter();
        let told = named.filter_map(|(name, time)| {
            let name = match name {
                "resolve" => language.pick("<span lang=\"en\">DNS</span> 조회", "resolve"),
                "connect" => language.pick("연결", "connect"),
                "tls" => "<span lang=\"en\">TLS</span>",
                "processing" => language.pick("응답 대기", "processing"),
                _ => language.pick("수신", "transfer"),
            };
            Some(format!("{name} {}", took(time?, language)))
        });
        told.collect::<Vec<_>>().join(", ")
    }
}
