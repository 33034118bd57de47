//! `bongsu maintenance add|end|list`: windows by hand, in the file that the daemon watches.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{load, print, print_json, tell};
use crate::calendar;
use crate::cli::maintenance::{
    AddWindowArgs, EndWindowArgs, ListWindowsArgs, MaintenanceCommand, SignedArgs,
};
use crate::cli::{Exit, Flags};
use crate::config::{Config, WindowKind, WindowTarget, name_of};
use crate::language::Language;
use crate::maintenance::append::{WorkChange, append, read, spoken};
use crate::maintenance::record::{
    OPEN_MAX, RecordedWindow, Signature, WorkRecords, check_length, line_of_text, target,
};
use crate::server::times::LocalTime;

pub(super) fn maintenance(flags: &Flags, what: &MaintenanceCommand) -> Exit {
    let Some(path) = &flags.maintenance_file else {
        let said = "--maintenance.file: name the file that the daemon was given by the same flag \
                    (or BONGSU_MAINTENANCE_FILE)\n";
        tell(said);
        return Exit::Usage;
    };
    let desk = Desk {
        flags,
        path,
        times: LocalTime::named(flags.time_zone.as_deref()),
        language: flags.terminal.language(),
        now: calendar::now(),
    };
    let done = match what {
        MaintenanceCommand::Add(args) => desk.add(args).map(Done::Told),
        MaintenanceCommand::End(args) => desk.end(args).map(Done::Told),
        MaintenanceCommand::List(args) => desk.list(args),
    };
    match done {
        Ok(Done::Json(text)) => print_json(&text),
        Ok(Done::Told(text)) => print(&text),
        Err(NotDone { text, exit }) => {
            tell(&text);
            exit
        }
    }
}

/// What is said of what was done.
enum Done {
    Told(String),
    Json(String),
}

/// Why nothing was done.
struct NotDone {
    text: String,
    exit: Exit,
}

impl NotDone {
    fn usage(text: impl AsRef<str>) -> NotDone {
        NotDone { text: format!("{}\n", text.as_ref()), exit: Exit::Usage }
    }
}

/// Everything that the three have in common.
struct Desk<'a> {
    flags: &'a Flags,
    path: &'a Path,
    times: LocalTime,
    language: Language,
    now: Timestamp,
}

/// A window as programs read it.
#[derive(Serialize)]
struct ListedWindow<'a> {
    name: &'a str,
    kind: &'static str,
    targets: Vec<String>,
    from: String,
    until: String,
    state: &'static str,
    by: &'a str,
    why: &'a str,
    opened: String,
    ended: Option<ListedEnd<'a>>,
}

#[derive(Serialize)]
struct ListedEnd<'a> {
    at: String,
    by: &'a str,
    why: &'a str,
}

impl Desk<'_> {
    fn add(&self, args: &AddWindowArgs) -> Result<String, NotDone> {
        let (config, _) = load(self.flags).map_err(|exit| NotDone { text: String::new(), exit })?;
        let targets = targets(&args.targets, &config)?;
        let opened = self.signature(&args.signed)?;
        let local = |flag: &str, time| {
            let found = self.times.instant(time);
            found.map_err(|problem| NotDone::usage(format!("{flag}: {problem}")))
        };
        let from = args.from.map_or(Ok(self.now), |time| local("--from", time))?;
        let (flag, until) = match (args.until, args.lasts) {
            (Some(time), _) => ("--until", local("--until", time)?),
            (None, lasts) => {
                let lasts = SignedDuration::try_from(lasts.unwrap_or_default());
                let until = lasts.ok().and_then(|lasts| from.checked_add(lasts).ok());
                ("--for", until.ok_or_else(|| NotDone::usage("--for: is too long"))?)
            }
        };
        check_length(from, until).map_err(|problem| {
            let (from, until) = (self.times.minute(from), self.times.minute(until));
            NotDone::usage(format!("{flag}: {problem} ({from} - {until})"))
        })?;
        if until <= self.now {
            return Err(NotDone::usage(format!("{flag}: the window would be over already")));
        }
        let name = args.name.as_deref().map(name_of).transpose();
        let name = name.map_err(|problem| NotDone::usage(format!("--name: {problem}")))?;
        let kind = if args.announced { WindowKind::Announced } else { WindowKind::Emergency };
        let change = self.append(|records| {
            let open = records.windows.iter().filter(|window| !window.is_over(self.now)).count();
            if open >= OPEN_MAX {
                return Err(format!(
                    "{open} windows are open or to come; end some, or write what is planned into the \
                     configuration"
                ));
            }
            let name = name_for(name, from, records, &config, &self.times)?;
            let (targets, ended) = (targets, None);
            Ok(WorkChange::Add(RecordedWindow { name, targets, kind, from, until, opened, ended }))
        })?;
        let WorkChange::Add(window) = change else { return Ok(String::new()) };
        let (name, targets) = (&window.name, spoken_all(&window.targets));
        let (from, until) = (self.times.minute(window.from), self.times.minute(window.until));
        Ok(match (self.language, kind) {
            (Language::Korean, WindowKind::Emergency) => format!(
                "{name}: {targets}, {from} - {until}, 긴급 점검 (접속 불가는 장애로 계산)\n\
                 끝나면: bongsu maintenance end {name} --by WHO --why WHY\n"
            ),
            (Language::Korean, WindowKind::Announced) => format!(
                "{name}: {targets}, {from} - {until}, 예고된 점검 (시작 때 정상이던 것은 장애에서 제외)\n\
                 끝나면: bongsu maintenance end {name} --by WHO --why WHY\n"
            ),
            (Language::English, WindowKind::Emergency) => format!(
                "{name}: {targets}, {from} - {until}, emergency work (what is down counts as a fault)\n\
                 when it is done: bongsu maintenance end {name} --by WHO --why WHY\n"
            ),
            (Language::English, WindowKind::Announced) => format!(
                "{name}: {targets}, {from} - {until}, announced work (what was up when it began is \
                 excused)\n\
                 when it is done: bongsu maintenance end {name} --by WHO --why WHY\n"
            ),
        })
    }

    fn end(&self, args: &EndWindowArgs) -> Result<String, NotDone> {
        let ended = self.signature(&args.signed)?;
        let name = args.name.clone();
        self.append(|records| match records.open(&name, self.now) {
            Some(_) => Ok(WorkChange::End { name: name.clone(), ended }),
            None => {
                let open = records.windows.iter().filter(|window| !window.is_over(self.now));
                let open: Vec<&str> = open.map(|window| window.name.as_str()).collect();
                let known = match &open[..] {
                    [] => "none is".to_owned(),
                    open => format!("these are: {}", open.join(", ")),
                };
                Err(format!("no window \"{name}\" is open or to come; {known}"))
            }
        })?;
        Ok(match self.language {
            Language::Korean => format!("{name}: 끝냄\n"),
            Language::English => format!("{name}: ended\n"),
        })
    }

    fn list(&self, args: &ListWindowsArgs) -> Result<Done, NotDone> {
        let records = read(self.path).map_err(|error| self.failed(&error.to_string()))?;
        let shown = records.windows.iter().filter(|window| args.all || !window.is_over(self.now));
        if args.json {
            let listed: Vec<_> = shown.map(|window| self.listed(window)).collect();
            // Every key is a name of ours.
            let json = serde_json::to_string_pretty(&listed).unwrap_or_default();
            return Ok(Done::Json(json + "\n"));
        }
        let lines: Vec<String> = shown.map(|window| self.line(window)).collect();
        if lines.is_empty() {
            let none = self
                .language
                .pick("열려 있거나 예정된 것이 없습니다.\n", "No window is open or to come.\n");
            return Ok(Done::Told(none.to_owned()));
        }
        Ok(Done::Told(lines.concat()))
    }

    fn line(&self, window: &RecordedWindow) -> String {
        let pick = |korean, english| self.language.pick(korean, english);
        let kind = match window.kind {
            WindowKind::Announced => pick("예고된 점검", "announced"),
            WindowKind::Emergency => pick("긴급 점검", "emergency"),
        };
        let state = match self.state(window) {
            "open" => pick("지금", "open"),
            "to_come" => pick("예정", "to come"),
            _ => pick("끝남", "over"),
        };
        let mut text = format!(
            "{}: {state}, {kind}, {} - {}, {}\n  {} ({}): {}\n",
            window.name,
            self.times.minute(window.from),
            self.times.minute(window.end()),
            spoken_all(&window.targets),
            window.opened.by,
            self.times.minute(window.opened.at),
            window.opened.why,
        );
        if let Some(ended) = &window.ended {
            let (by, at, why) = (&ended.by, self.times.minute(ended.at), &ended.why);
            text.push_str(&format!("  {by} ({at}): {why}\n"));
        }
        text
    }

    fn listed<'w>(&self, window: &'w RecordedWindow) -> ListedWindow<'w> {
        ListedWindow {
            name: &window.name,
            kind: window.kind.as_str(),
            targets: window.targets.iter().map(spoken).collect(),
            from: window.from.to_string(),
            until: window.end().to_string(),
            state: self.state(window),
            by: &window.opened.by,
            why: &window.opened.why,
            opened: window.opened.at.to_string(),
            ended: window.ended.as_ref().map(|ended| ListedEnd {
                at: ended.at.to_string(),
                by: &ended.by,
                why: &ended.why,
            }),
        }
    }

    fn state(&self, window: &RecordedWindow) -> &'static str {
        match window.is_over(self.now) {
            true => "over",
            false if self.now < window.from => "to_come",
            false => "open",
        }
    }

    fn signature(&self, signed: &SignedArgs) -> Result<Signature, NotDone> {
        let text = |flag: &str, text: &str| {
            line_of_text(text).map_err(|problem| NotDone::usage(format!("{flag}: {problem}")))
        };
        let (by, why) = (text("--by", &signed.by)?, text("--why", &signed.why)?);
        Ok(Signature { by, why, at: self.now })
    }

    fn append(
        &self,
        change: impl FnOnce(&WorkRecords) -> Result<WorkChange, String>,
    ) -> Result<WorkChange, NotDone> {
        append(self.path, change).map_err(|error| self.failed(&error.to_string()))
    }

    fn failed(&self, problem: &str) -> NotDone {
        let path = self.path.display().to_string();
        // The problems of a file name it already.
        let text = match problem.starts_with(&path) {
            true => format!("{problem}\n"),
            false => format!("{path}: {problem}\n"),
        };
        NotDone { text, exit: Exit::Failed }
    }
}

/// What the words name, as far as the configuration knows it.
fn targets(words: &[String], config: &Config) -> Result<Vec<WindowTarget>, NotDone> {
    words.iter().map(|word| known(word, config).map_err(NotDone::usage)).collect()
}

fn known(word: &str, config: &Config) -> Result<WindowTarget, String> {
    let target = target(word).map_err(|problem| format!("{word}: {problem}"))?;
    let names = || config.services.iter().map(|service| &*service.name);
    if !names().any(|name| *name == *target.service) {
        let hint = read::hint(&target.service, names());
        return Err(format!("no service named \"{}\"{hint}", target.service));
    }
    let Some(site) = &target.site else { return Ok(target) };
    let all = config.targets.iter().map(|target| &target.id).chain(&config.disabled);
    let mut sites: Vec<&str> =
        all.filter(|id| id.service == target.service).filter_map(|id| id.site.as_deref()).collect();
    sites.sort_unstable();
    sites.dedup();
    if sites.contains(&&**site) {
        return Ok(target);
    }
    let hint = read::hint(site, sites.iter().copied());
    Err(format!("\"{}\" has no site \"{site}\"{hint}", target.service))
}

/// The name that was given, or one of the window's beginning; no other open window has it.
fn name_for(
    given: Option<String>,
    from: Timestamp,
    records: &WorkRecords,
    config: &Config,
    times: &LocalTime,
) -> Result<String, String> {
    let is_taken = |name: &str| {
        let in_records = records.windows.iter().any(|window| window.name == name);
        in_records || config.maintenance.iter().any(|window| *window.name == *name)
    };
    if let Some(name) = given {
        return match is_taken(&name) {
            true => {
                Err(format!("--name: a window is called \"{name}\" already; give another name"))
            }
            false => Ok(name),
        };
    }
    let digits: String = times.minute(from).chars().take(16).collect();
    let name = format!("work-{}", digits.replace([' ', ':'], "-"));
    let mut names = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}")));
    names.find(|name| !is_taken(name)).ok_or_else(|| "there is no name left".to_owned())
}

fn spoken_all(targets: &[WindowTarget]) -> String {
    targets.iter().map(spoken).collect::<Vec<_>>().join(", ")
}
