//! `import blackbox`: modules and targets become services, one for each host, with a probe for each
//! module that is asked about it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use base::files::read_regular;
use base::shell_word;
use read::{ReadError, Value};

use super::configuration::{self, probe_name};
use super::drafts::{LeftOut, ProbeDraft, Translations, without_userinfo};
use super::scrape_jobs::Jobs;
use super::{Import, Unwritten, in_one_line};
use crate::blackbox::ModuleFile;
use crate::cli::import::BlackboxArgs;
use crate::commands::first_files::{CONFIGURATION, FirstFile};
use crate::config::{self, CONFIG_BYTES_MAX};

pub(super) fn import(args: &BlackboxArgs) -> Result<Import, ReadError> {
    let modules = ModuleFile::load(&args.file);
    let mut jobs = Jobs::default();
    for file in &args.targets {
        jobs.add(file, &args.module);
    }
    let (modules, before) = match modules {
        Ok(modules) => (modules, Vec::new()),
        Err(error) => (ModuleFile::default(), error.files),
    };
    // Without the modules nobody knows whether a target is one.
    let drafts = match &before[..] {
        [] => Translations::new(&args.file, &modules).drafts(&mut jobs),
        _ => Vec::new(),
    };
    let notes = std::mem::take(&mut jobs.notes);
    if let Some(error) = jobs.problems(before) {
        return Err(swapped(args).unwrap_or(error));
    }
    let path = args.output.out.join(CONFIGURATION);
    let mut carried =
        Carried { source: args, notes, left_out: BTreeMap::new(), drafts: Vec::new() };
    for draft in drafts {
        match draft {
            Ok(draft) => carried.drafts.push(draft),
            Err(left_out) => carried.leave_out(left_out),
        }
    }
    carried.refuse_what_does_not_load(&path);
    if carried.drafts.is_empty() {
        let message =
            format!("nothing can be carried over:\n    {}", carried.said().join("\n    "));
        return Err(ReadError::whole(args.file.clone(), message));
    }
    Ok(carried.import())
}

/// What is said where each of the two is what the other should be.
fn swapped(args: &BlackboxArgs) -> Option<ReadError> {
    let [targets] = &args.targets[..] else { return None };
    let has_modules = |path: &Path| top_keys(path).is_some_and(|keys| keys.contains("modules"));
    let is_swapped = has_modules(targets)
        && top_keys(&args.file)
            .is_none_or(|keys| keys.contains("scrape_configs") || keys.contains("global"))
        && args.file.is_file();
    let word = |path: &Path| shell_word(&path.display().to_string());
    is_swapped.then(|| {
        let message = format!(
            "the two files are swapped, {} has the modules; type:\n    bongsu import blackbox {} \
             --targets {}",
            targets.display(),
            word(targets),
            word(&args.file)
        );
        ReadError::whole(args.file.clone(), message)
    })
}

/// The keys at the top of a file, none where it is no mapping.
fn top_keys(path: &Path) -> Option<BTreeSet<String>> {
    let bytes = read_regular(path, CONFIG_BYTES_MAX).ok()?;
    match read::parse(&String::from_utf8(bytes).ok()?).ok()?.value {
        Value::Map(entries) => Some(entries.iter().map(|entry| entry.key.to_string()).collect()),
        _ => None,
    }
}

/// What is carried over, and what is not.
pub(super) struct Carried<'a> {
    pub(super) source: &'a BlackboxArgs,
    pub(super) notes: Vec<String>,
    /// By module and reason: targets.
    pub(super) left_out: BTreeMap<(String, String), Vec<String>>,
    drafts: Vec<ProbeDraft>,
}

impl Carried<'_> {
    fn leave_out(&mut self, left_out: LeftOut) {
        let LeftOut { module, why, target } = left_out;
        self.left_out.entry((module, why)).or_default().push(without_userinfo(&target));
    }

    /// Asks the loader: what it refuses is left out with its words. It is asked about each probe
    /// only when it does not take them all.
    fn refuse_what_does_not_load(&mut self, path: &Path) {
        if self.drafts.is_empty() || loads(&configuration::files(self, &self.drafts), path).is_ok()
        {
            return;
        }
        for draft in std::mem::take(&mut self.drafts) {
            let alone = std::slice::from_ref(&draft);
            match loads(&configuration::files(self, alone), path) {
                Ok(()) => self.drafts.push(draft),
                Err(why) => {
                    let (module, target) = (draft.target.module, draft.target.target);
                    self.leave_out(LeftOut { module, why, target });
                }
            }
        }
    }

    /// What is left out, a line each.
    fn said(&self) -> Vec<String> {
        let modules = self.left_out.iter().map(|((module, why), targets)| {
            format!("module {module}, {} targets: {why}", targets.len())
        });
        modules.chain(self.notes.iter().cloned()).collect()
    }

    fn import(self) -> Import {
        let files = configuration::files(&self, &self.drafts);
        let services: BTreeSet<&str> =
            self.drafts.iter().map(|draft| draft.place.service.as_str()).collect();
        let probe = self.drafts.first().map(|draft| {
            format!("{}/{}", draft.place.service, probe_name(draft, &mut HashSet::new()))
        });
        Import {
            probe: probe.unwrap_or_default(),
            services: services.len(),
            probes: self.drafts.len(),
            left_out: self.said(),
            files,
        }
    }
}

/// Whether the loader takes the files, the first of which is the configuration.
fn loads(files: &[FirstFile], path: &Path) -> Result<(), String> {
    let Some(first) = files.first() else { return Ok(()) };
    let out = path.parent().unwrap_or(Path::new(""));
    let loaded = config::parse(&first.text, path, &Unwritten { out, files });
    loaded.map(drop).map_err(|error| in_one_line(&error))
}
