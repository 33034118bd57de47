//! What Prometheus asks blackbox_exporter about: its scrape jobs, or a bare list of targets
//! (`file_sd_configs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::files::read_regular;
use read::{FileProblems, Problem, ReadError};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::relabel::{LabelSet, RawRelabeling, Relabeling};
use crate::config::{CONFIG_BYTES_MAX, Disk, Files};
use crate::foreign_yaml::{self, refused, wrong};

/// Prometheus' own, where its configuration says nothing.
const INTERVAL: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// A target as blackbox_exporter is asked about it.
pub(super) struct ProbedTarget {
    pub(super) target: String,
    pub(super) module: String,
    pub(super) labels: LabelSet,
    pub(super) interval: Duration,
    /// Of the scrape.
    pub(super) timeout: Duration,
    /// The file, and the path in it, that name it.
    pub(super) file: usize,
    pub(super) path: String,
}

/// What the files say.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) targets: Vec<ProbedTarget>,
    /// Jobs that are left out, each a sentence without a dot.
    pub(super) notes: Vec<String>,
    files: Vec<(PathBuf, String)>,
    problems: Vec<FileProblems>,
}

#[derive(Deserialize)]
struct RawPrometheus {
    #[serde(default)]
    global: RawSchedule,
    #[serde(default)]
    scrape_configs: Vec<RawJob>,
    #[serde(default)]
    scrape_config_files: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSchedule {
    scrape_interval: Option<String>,
    scrape_timeout: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawJob {
    job_name: String,
    scrape_interval: Option<String>,
    scrape_timeout: Option<String>,
    metrics_path: Option<String>,
    params: BTreeMap<String, Vec<String>>,
    static_configs: Vec<RawGroup>,
    file_sd_configs: Vec<RawFiles>,
    relabel_configs: Vec<RawRelabeling>,
}

#[derive(Deserialize)]
struct RawGroup {
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    labels: Option<LabelSet>,
}

#[derive(Deserialize)]
struct RawFiles {
    #[serde(default)]
    files: Vec<String>,
}

/// The keys of each job, of which some name ways to find targets that no file has.
#[derive(Deserialize)]
struct RawKeys {
    #[serde(default)]
    scrape_configs: Vec<BTreeMap<String, IgnoredAny>>,
}

/// A scrape job, or a bare list.
struct Job {
    name: Option<String>,
    interval: Duration,
    timeout: Duration,
    /// What every target of it begins with.
    labels: LabelSet,
    relabelings: Vec<Relabeling>,
}

impl Jobs {
    /// Adds what a file says. Its targets have this module where they name none.
    pub(super) fn add(&mut self, path: &Path, module: &str) {
        let Some((file, text)) = self.text(path) else { return };
        let is_list =
            matches!(read::parse(&text), Ok(read::Node { value: read::Value::List(_), .. }));
        if is_list {
            let labels = LabelSet::from([("__param_module".to_owned(), module.to_owned())]);
            let job = Job {
                name: None,
                interval: INTERVAL,
                timeout: TIMEOUT,
                labels,
                relabelings: Vec::new(),
            };
            self.groups(path, file, &text, &job);
        } else {
            self.prometheus(path, file, &text);
        }
    }

    /// Notes what is wrong with the target at a place.
    pub(super) fn problem(&mut self, file: usize, path: &str, message: String) {
        self.note(file, vec![wrong(path, message)]);
    }

    /// Everything that is wrong with the files, those of others before them.
    pub(super) fn problems(self, before: Vec<FileProblems>) -> Option<ReadError> {
        let files: Vec<FileProblems> = before.into_iter().chain(self.problems).collect();
        (!files.is_empty()).then_some(ReadError { files })
    }

    /// The text of a file, and its number. `None` has been noted.
    fn text(&mut self, path: &Path) -> Option<(usize, String)> {
        let bytes = read_regular(path, CONFIG_BYTES_MAX).map_err(|error| error.to_string());
        let text = bytes
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".into()));
        match text {
            Ok(mut text) => {
                // JSON is YAML but for its tabs, of which none is inside a string.
                if path.extension().is_some_and(|extension| extension == "json") {
                    text = text.replace('\t', " ");
                }
                self.files.push((path.to_owned(), text.clone()));
                Some((self.files.len() - 1, text))
            }
            Err(message) => {
                self.problems.extend(ReadError::whole(path.to_owned(), message).files);
                None
            }
        }
    }

    fn note(&mut self, file: usize, problems: Vec<Problem>) {
        let Some((path, text)) = self.files.get(file) else { return };
        let error = refused(path, text, problems);
        for new in error.files {
            match self.problems.iter_mut().find(|known| known.file == new.file) {
                Some(known) => {
                    known.problems.extend(new.problems);
                    known.problems.sort_by_key(|problem| problem.place);
                }
                None => self.problems.push(new),
            }
        }
    }

    fn prometheus(&mut self, path: &Path, file: usize, text: &str) {
        let read = foreign_yaml::read::<RawPrometheus>(path, text);
        let keys = foreign_yaml::read::<RawKeys>(path, text);
        let (raw, keys) = match (read, keys) {
            (Ok(raw), Ok(keys)) => (raw, keys),
            (Err(error), _) | (_, Err(error)) => {
                self.problems.extend(error.files);
                return;
            }
        };
        if raw.scrape_configs.is_empty() && raw.scrape_config_files.is_empty() {
            let message =
                "is no Prometheus configuration with scrape_configs and no list of targets";
            self.note(file, vec![wrong("", message)]);
        }
        for included in &raw.scrape_config_files {
            self.notes.push(format!("{included}: name it by a --targets of its own"));
        }
        for (index, (job, keys)) in
            raw.scrape_configs.into_iter().zip(keys.scrape_configs).enumerate()
        {
            let at = format!("scrape_configs[{index}]");
            self.job(path, file, &at, &raw.global, job, &keys);
        }
    }

    fn job(
        &mut self,
        path: &Path,
        file: usize,
        at: &str,
        global: &RawSchedule,
        raw: RawJob,
        keys: &BTreeMap<String, IgnoredAny>,
    ) {
        let metrics_path = raw.metrics_path.unwrap_or_else(|| "/metrics".to_owned());
        let leads_to_exporter = metrics_path.ends_with("/probe")
            || raw.params.contains_key("module")
            || raw.params.contains_key("target");
        if !leads_to_exporter {
            self.notes.push(format!("job {}: it asks no blackbox_exporter", raw.job_name));
            return;
        }
        for other in
            keys.keys().filter(|key| key.ends_with("_sd_configs") && *key != "file_sd_configs")
        {
            self.notes.push(format!(
                "job {}: its {other} name targets that no file has; write them as static_configs",
                raw.job_name
            ));
        }
        let mut problems = Vec::new();
        let mut duration = |key: &str, own: &Option<String>, global: &Option<String>, default| {
            let Some(text) = own.as_ref().or(global.as_ref()) else { return default };
            match humantime::parse_duration(text) {
                Ok(duration) if !duration.is_zero() => duration,
                _ => {
                    let message = format!("{text:?} is no duration; write one such as 15s");
                    let at = if own.is_some() { at } else { "global" };
                    problems.push(wrong(format!("{at}.{key}"), message));
                    default
                }
            }
        };
        let interval =
            duration("scrape_interval", &raw.scrape_interval, &global.scrape_interval, INTERVAL);
        let timeout =
            duration("scrape_timeout", &raw.scrape_timeout, &global.scrape_timeout, TIMEOUT);
        let mut relabelings = Vec::new();
        for (index, step) in raw.relabel_configs.into_iter().enumerate() {
            match step.compile() {
                Ok(step) => relabelings.push(step),
                Err((key, message)) => {
                    problems.push(wrong(format!("{at}.relabel_configs[{index}].{key}"), message));
                }
            }
        }
        let mut labels = LabelSet::from([
            ("job".to_owned(), raw.job_name.clone()),
            ("__metrics_path__".to_owned(), metrics_path),
        ]);
        for (name, values) in &raw.params {
            labels.extend(values.first().map(|value| (format!("__param_{name}"), value.clone())));
        }
        let job = Job {
            name: Some(raw.job_name),
            interval,
            timeout: timeout.min(interval),
            labels,
            relabelings,
        };
        for (index, group) in raw.static_configs.iter().enumerate() {
            self.group(file, &format!("{at}.static_configs[{index}]"), group, &job);
        }
        let directory = path.parent().unwrap_or(Path::new(""));
        for (index, list) in raw.file_sd_configs.iter().enumerate() {
            for (number, pattern) in list.files.iter().enumerate() {
                let found = Disk.glob(&directory.join(pattern)).unwrap_or_default();
                if found.is_empty() {
                    let at = format!("{at}.file_sd_configs[{index}].files[{number}]");
                    problems.push(wrong(at, format!("{pattern}: there is no such file")));
                }
                for path in found {
                    if let Some((file, text)) = self.text(&path) {
                        self.groups(&path, file, &text, &job);
                    }
                }
            }
        }
        if !problems.is_empty() {
            self.note(file, problems);
        }
    }

    /// A file of targets.
    fn groups(&mut self, path: &Path, file: usize, text: &str, job: &Job) {
        match foreign_yaml::read::<Vec<RawGroup>>(path, text) {
            Ok(groups) => {
                for (index, group) in groups.iter().enumerate() {
                    self.group(file, &format!("[{index}]"), group, job);
                }
            }
            Err(error) => self.problems.extend(error.files),
        }
    }

    fn group(&mut self, file: usize, at: &str, group: &RawGroup, job: &Job) {
        for (index, address) in group.targets.iter().enumerate() {
            let mut labels = job.labels.clone();
            labels.extend(group.labels.clone().unwrap_or_default());
            labels.insert("__address__".to_owned(), address.clone());
            if !job.relabelings.iter().all(|step| step.apply(&mut labels)) {
                continue;
            }
            // In a bare list the target is what stands there.
            let target = match job.name {
                Some(_) => labels.remove("__param_target").unwrap_or_default(),
                None => address.clone(),
            };
            let path = format!("{at}.targets[{index}]");
            if target.is_empty() {
                let message = "no relabel_configs makes a parameter \"target\" of it".to_owned();
                self.problem(file, &path, message);
                continue;
            }
            let module = labels.remove("__param_module").unwrap_or_else(|| "http_2xx".to_owned());
            if let Some(hostname) = labels.remove("__param_hostname") {
                self.notes.push(format!(
                    "{target}: it is asked with hostname={hostname}; write headers: {{ Host: \
                     {hostname} }}"
                ));
            }
            labels.retain(|name, _| {
                !name.starts_with("__") && !["job", "instance"].contains(&name.as_str())
            });
            let (interval, timeout) = (job.interval, job.timeout);
            self.targets.push(ProbedTarget {
                target,
                module,
                labels,
                interval,
                timeout,
                file,
                path,
            });
        }
    }
}
