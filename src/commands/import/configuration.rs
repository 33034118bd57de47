//! The configuration that an import of blackbox_exporter's modules comes to, as text.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Display;
use std::time::Duration;

use super::blackbox::Carried;
use super::comment;
use super::drafts::ProbeDraft;
use crate::blackbox::NewSecretSource;
use crate::commands::first_files::{CONFIGURATION, FirstFile, Readers, SCHEMA};
use crate::commands::names;
use crate::config;
use crate::yaml_text::{Yaml, scalar};

/// Targets that a comment names of those that a module leaves out.
const NAMED_MAX: usize = 20;

/// What differs from every module.
const EVERY_MODULE: [&str; 3] = [
    "another address of a name is tried when the first does not answer",
    "roots are Mozilla's; where an authority of your own signs, write trust: { roots: [webpki, FILE] }",
    "a page is read in its charset, and one that is larger than body_limit is down",
];

/// The configuration, and the files beside it.
pub(super) fn files(carried: &Carried<'_>, drafts: &[ProbeDraft]) -> Vec<FirstFile> {
    let mut secrets: BTreeMap<&str, &NewSecretSource> = BTreeMap::new();
    for draft in drafts {
        let of_target = draft.userinfo.iter().map(|(_, secret)| secret);
        for secret in draft.translation.secrets.iter().chain(of_target) {
            secrets.insert(&secret.name, &secret.source);
        }
    }
    let defaults = UsualKeys::of(drafts);
    let mut text = head(carried, drafts);
    text.push_str(&format!(
        "\ndefaults:\n  interval: {}\n  timeout: {}\n  ip: {}\n",
        spoken(defaults.interval),
        spoken(defaults.timeout),
        defaults.ip
    ));
    let mut beside = vec![FirstFile::schema()];
    if !secrets.is_empty() {
        text.push_str("\nsecrets:\n");
    }
    for (name, source) in secrets {
        let file = match source {
            NewSecretSource::File(path) => path.display().to_string(),
            NewSecretSource::Text(secret) => {
                let file = format!("secrets/{name}");
                let text = secret.expose().to_owned();
                beside.push(FirstFile { name: file.clone(), text, readers: Readers::Owner });
                file
            }
        };
        text.push_str(&format!("  {}: {}\n", scalar(name), Yaml::one("file", Yaml::text(file))));
    }
    text.push_str("\nservices:\n");
    let mut services: Vec<&str> = Vec::new();
    let mut of_service: BTreeMap<&str, Vec<&ProbeDraft>> = BTreeMap::new();
    for draft in drafts {
        let drafts = of_service.entry(&draft.place.service).or_default();
        if drafts.is_empty() {
            services.push(&draft.place.service);
        }
        drafts.push(draft);
    }
    for service in services {
        write_service(&mut text, service, &of_service[service], &defaults);
    }
    beside.insert(0, FirstFile::new(CONFIGURATION, text));
    beside
}

/// The lines above the first key.
fn head(carried: &Carried<'_>, drafts: &[ProbeDraft]) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema={SCHEMA}\n\
         # Made by bongsu import of {}. Every key is explained in config/example.yml of the project.\n\
         #\n\
         # What is otherwise than blackbox_exporter has it:\n",
        comment(&carried.source.file.display().to_string()),
    );
    // Writing lines that are no line of YAML.
    let mut line = |words: &str| {
        text.push_str(format!("# {}", comment(words)).trim_end());
        text.push('\n');
    };
    for words in EVERY_MODULE {
        line(&format!("- {words}"));
    }
    let mut told = BTreeSet::new();
    for draft in drafts.iter().filter(|draft| told.insert(&draft.target.module)) {
        for note in &draft.translation.notes {
            line(&format!("- module {}: {note}", draft.target.module));
        }
    }
    if carried.left_out.is_empty() && carried.notes.is_empty() {
        return text;
    }
    line("");
    line("What is left out; bongsu --blackbox.config.file runs http and tcp modules as they are:");
    for ((module, why), targets) in &carried.left_out {
        line(&format!("- module {module}: {why}"));
        for target in targets.iter().take(NAMED_MAX) {
            line(&format!("    {target}"));
        }
        if let Some(more) = targets.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            line(&format!("    and {more} more"));
        }
    }
    for note in &carried.notes {
        line(&format!("- {note}"));
    }
    text
}

/// What most probes have.
struct UsualKeys {
    interval: Duration,
    timeout: Duration,
    ip: &'static str,
}

impl UsualKeys {
    fn of(drafts: &[ProbeDraft]) -> UsualKeys {
        let mut counts: BTreeMap<(Duration, Duration, &'static str), usize> = BTreeMap::new();
        for draft in drafts {
            let key = (draft.target.interval, draft.timeout, draft.translation.ip);
            *counts.entry(key).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(key, _)| key);
        let (interval, timeout, ip) =
            most.unwrap_or((Duration::from_secs(60), Duration::from_secs(10), "prefer_ipv6"));
        UsualKeys { interval, timeout, ip }
    }
}

/// A label of the target that says what a service has a key for.
fn said_of_service(key: &str, drafts: &[&ProbeDraft]) -> Option<String> {
    let labels = match key {
        "title" => ["title", "name", "service"].as_slice(),
        key => std::slice::from_ref(match key {
            "owner" => &"owner",
            _ => &"alternative",
        }),
    };
    let found = drafts
        .iter()
        .find_map(|draft| labels.iter().find_map(|label| draft.target.labels.get(*label)));
    found.cloned()
}

fn write_service(text: &mut String, service: &str, drafts: &[&ProbeDraft], defaults: &UsualKeys) {
    text.push_str(&format!("  - name: {}\n", scalar(service)));
    for key in ["title", "owner", "alternative"] {
        if let Some(value) = said_of_service(key, drafts) {
            text.push_str(&format!("    {key}: {}\n", scalar(&value)));
        }
    }
    text.push_str("    probes:\n");
    let mut taken = HashSet::new();
    for draft in drafts {
        let name = probe_name(draft, &mut taken);
        text.push_str(&format!("      - name: {}\n", scalar(&name)));
        let mut key =
            |key: &str, value: String| text.push_str(&format!("        {key}: {value}\n"));
        if draft.target.interval != defaults.interval {
            key("interval", spoken(draft.target.interval));
        }
        if draft.timeout != defaults.timeout {
            key("timeout", spoken(draft.timeout));
        }
        if draft.translation.ip != defaults.ip {
            key("ip", draft.translation.ip.to_owned());
        }
        let labels: Vec<(String, Yaml)> = draft
            .target
            .labels
            .iter()
            .filter(|(name, _)| !config::is_reserved_label(name))
            .map(|(name, value)| (name.clone(), Yaml::text(value)))
            .collect();
        if !labels.is_empty() {
            key("labels", Yaml::Map(labels).to_string());
        }
        text.push_str(&format!("        {}:\n", draft.translation.kind));
        let mut key = |key: &str, value: &dyn Display| {
            text.push_str(&format!("          {key}: {value}\n"));
        };
        key(draft.place.key, &scalar(&draft.place.written));
        for (name, value) in &draft.translation.options {
            key(name, value);
        }
        if let Some((username, secret)) = &draft.userinfo {
            let password = Yaml::Template(format!("${{secret.{}}}", secret.name));
            let pair = [("username".into(), Yaml::text(username)), ("password".into(), password)];
            key("basic_auth", &Yaml::Map(pair.into()));
        }
    }
}

/// A duration as our files have it.
fn spoken(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}

/// The name of a probe: its module.
pub(super) fn probe_name(draft: &ProbeDraft, taken: &mut HashSet<String>) -> String {
    let name = names::of_text(&draft.target.module);
    names::unique(if name.is_empty() { draft.translation.kind } else { &name }, taken)
}
