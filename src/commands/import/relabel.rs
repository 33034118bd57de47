//! `relabel_configs` of Prometheus, by which a target of a scrape job becomes what blackbox_exporter
//! is asked about (prometheus.io/docs/prometheus/latest/configuration/configuration, relabel_config).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::blackbox::GoPattern;

/// LabelSet by name. An empty one is none.
pub(super) type LabelSet = BTreeMap<String, String>;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawRelabeling {
    source_labels: Vec<String>,
    separator: Option<String>,
    regex: Option<String>,
    target_label: Option<String>,
    replacement: Option<String>,
    action: Option<String>,
}

/// One step, ready to be taken.
pub(super) struct Relabeling {
    source_labels: Vec<String>,
    separator: String,
    regex: GoPattern,
    target_label: String,
    replacement: String,
    action: RelabelAction,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RelabelAction {
    Replace,
    Lowercase,
    Uppercase,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    LabelMap,
    LabelDrop,
    LabelKeep,
}

impl RawRelabeling {
    /// `Err` is the key and what is wrong with it.
    pub(super) fn compile(self) -> Result<Relabeling, (&'static str, String)> {
        let action = match self.action.as_deref().unwrap_or("replace").to_lowercase().as_str() {
            "replace" => RelabelAction::Replace,
            "lowercase" => RelabelAction::Lowercase,
            "uppercase" => RelabelAction::Uppercase,
            "keep" => RelabelAction::Keep,
            "drop" => RelabelAction::Drop,
            "keepequal" => RelabelAction::KeepEqual,
            "dropequal" => RelabelAction::DropEqual,
            "labelmap" => RelabelAction::LabelMap,
            "labeldrop" => RelabelAction::LabelDrop,
            "labelkeep" => RelabelAction::LabelKeep,
            other => {
                return Err(("action", format!("{other:?} cannot be followed here; remove it")));
            }
        };
        let regex = self.regex.as_deref().unwrap_or("(.*)");
        // What is wrong with it is said without what is put around it.
        let anchored =
            GoPattern::new(regex).and_then(|_| GoPattern::new(&format!("^(?s:{regex})$")));
        let regex = anchored.map_err(|message| ("regex", message))?;
        Ok(Relabeling {
            source_labels: self.source_labels,
            separator: self.separator.unwrap_or_else(|| ";".to_owned()),
            regex,
            target_label: self.target_label.unwrap_or_default(),
            replacement: self.replacement.unwrap_or_else(|| "$1".to_owned()),
            action,
        })
    }
}

impl Relabeling {
    /// Whether the target is kept.
    pub(super) fn apply(&self, labels: &mut LabelSet) -> bool {
        let of = |labels: &LabelSet, name: &str| labels.get(name).cloned().unwrap_or_default();
        let values: Vec<String> = self.source_labels.iter().map(|name| of(labels, name)).collect();
        let value = values.join(&self.separator);
        let matches = |text: &str| self.regex.regex.is_match(text.as_bytes());
        match self.action {
            RelabelAction::Replace => {
                if let Some(name) = self.expanded(&value, &self.target_label)
                    && let Some(new) = self.expanded(&value, &self.replacement)
                {
                    set(labels, name, new);
                }
            }
            RelabelAction::Lowercase => {
                set(labels, self.target_label.clone(), value.to_lowercase())
            }
            RelabelAction::Uppercase => {
                set(labels, self.target_label.clone(), value.to_uppercase())
            }
            RelabelAction::Keep => return matches(&value),
            RelabelAction::Drop => return !matches(&value),
            RelabelAction::KeepEqual => return value == of(labels, &self.target_label),
            RelabelAction::DropEqual => return value != of(labels, &self.target_label),
            RelabelAction::LabelMap => {
                for (name, value) in labels.clone() {
                    if let Some(new) = self.expanded(&name, &self.replacement) {
                        set(labels, new, value);
                    }
                }
            }
            RelabelAction::LabelDrop => labels.retain(|name, _| !matches(name)),
            RelabelAction::LabelKeep => labels.retain(|name, _| matches(name)),
        }
        true
    }

    /// A template with what the pattern found in a text; none where it does not match.
    fn expanded(&self, text: &str, template: &str) -> Option<String> {
        let found = self.regex.regex.captures(text.as_bytes())?;
        let mut out = Vec::new();
        found.expand(template.as_bytes(), &mut out);
        String::from_utf8(out).ok()
    }
}

fn set(labels: &mut LabelSet, name: String, value: String) {
    if value.is_empty() {
        labels.remove(&name);
    } else if !name.is_empty() {
        labels.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relabeled(steps: &str, labels: &[(&str, &str)]) -> Option<LabelSet> {
        let raw: Vec<RawRelabeling> =
            crate::foreign_yaml::read(std::path::Path::new("a.yml"), steps).unwrap();
        let mut labels =
            labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let kept = raw.into_iter().all(|step| step.compile().ok().unwrap().apply(&mut labels));
        kept.then_some(labels)
    }

    #[test]
    fn steps_do_what_prometheus_documents_of_them() {
        let of = |labels: LabelSet, name: &str| labels.get(name).cloned();
        // The documented way to blackbox_exporter.
        let usual = "- source_labels: [__address__]\n  target_label: __param_target\n\
                     - source_labels: [__param_target]\n  target_label: instance\n\
                     - target_label: __address__\n  replacement: 127.0.0.1:9115\n";
        let labels = relabeled(usual, &[("__address__", "https://a.kr")]).unwrap();
        assert_eq!(labels["__param_target"], "https://a.kr");
        assert_eq!(labels["instance"], "https://a.kr");
        assert_eq!(labels["__address__"], "127.0.0.1:9115");
        // A module in front of the target.
        let split = "- source_labels: [__address__]\n  regex: '(.+)\\|(.+)'\n  target_label: __param_module\n\
                     - source_labels: [__address__]\n  regex: '(.+)\\|(.+)'\n  target_label: \
                     __param_target\n  replacement: '${2}/x'\n";
        let labels = relabeled(split, &[("__address__", "http_2xx|a.kr")]).unwrap();
        assert_eq!(labels["__param_module"], "http_2xx");
        assert_eq!(labels["__param_target"], "a.kr/x");
        // What does not match stays, and the pattern is anchored.
        let labels = relabeled(split, &[("__address__", "a.kr")]).unwrap();
        assert_eq!(of(labels, "__param_target"), None);
        let keep = "- { source_labels: [zone, env], regex: 'a;prod', action: keep }";
        assert!(relabeled(keep, &[("zone", "a"), ("env", "prod")]).is_some());
        assert!(relabeled(keep, &[("zone", "a"), ("env", "production")]).is_none());
        let drop = "- { source_labels: [env], regex: test, action: drop }";
        assert!(relabeled(drop, &[("env", "test")]).is_none());
        let map = "- { regex: 'meta_(.+)', action: labelmap }";
        assert_eq!(of(relabeled(map, &[("meta_team", "x")]).unwrap(), "team"), Some("x".into()));
        let clear = "- { target_label: team, replacement: '' }";
        assert_eq!(of(relabeled(clear, &[("team", "x")]).unwrap(), "team"), None);
        let raw = RawRelabeling { action: Some("hashmod".into()), ..RawRelabeling::default() };
        assert_eq!(raw.compile().err().unwrap().0, "action");
    }
}
