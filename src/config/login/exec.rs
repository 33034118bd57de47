//! The step that runs a program of the operator: which one, what it is told, and what later steps
//! take from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{capture, literal};
use crate::config::reading::{At, Fields};
use crate::config::{ExecSteps, http, value};
use crate::template::{FlowSource, Template};

/// Of the program, beside its name; more belongs on its standard input.
const ARGUMENTS_MAX: usize = 100;
/// Variables of its environment.
const VARIABLES_MAX: usize = 100;
/// Values of one program.
const CAPTURES_MAX: usize = 50;
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// Longer than any flow has time for.
const TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// `exec: { command: [/opt/runner/login.py], stdin: {...}, captures: [session], timeout: 20s }`
#[derive(Debug, Clone, PartialEq)]
pub struct ExecAction {
    /// Absolute. It is run as it is, by no shell.
    pub program: PathBuf,
    /// Hold no secret: every process of the host can read them.
    pub arguments: Vec<String>,
    /// All of its environment. Holds no secret, for the same reason.
    pub environment: BTreeMap<String, String>,
    /// One JSON document, all that the program is told.
    pub stdin: Template<FlowSource>,
    /// The site that it logs in at: its secrets must be bound to it, and the account is kept from being
    /// locked there. Known where `stdin` holds a secret.
    pub to: Option<Url>,
    /// All the time that the steps have left, where there is none.
    pub timeout: Option<Duration>,
    /// What it has to give, by the name that later steps use.
    pub captures: Vec<Arc<str>>,
}

pub(in crate::config) const KEYS: &[&str] =
    &["command", "env", "stdin", "to", "timeout", "captures"];

pub(super) fn exec(at: &At<'_>, base: Option<&Url>) -> Option<ExecAction> {
    if at.reading.load.exec_steps == ExecSteps::Refused {
        at.problem(
            "runs a program, which is refused unless bongsu is started with --login.allow-exec \
             (BONGSU_LOGIN_ALLOW_EXEC=true): whoever may write this file may then run programs as \
             its user",
        );
    }
    let fields = at.fields(KEYS)?;
    let command = fields.need("command").and_then(|at| command(&at));
    let stdin = match fields.take("stdin") {
        Some(at) => stdin(&at),
        None => Some(Template::plain("{}")),
    };
    let to = fields.take("to").map(|at| at.parse(|text| value::url(text, &value::PROBED)));
    let stdin = stdin?;
    if stdin.is_credential() && to.is_none() && base.is_none() {
        at.problem(
            "is given a secret, and nothing says where it logs in; write to: https://HOST, to which \
             the secret must be bound",
        );
    }
    let (program, arguments) = command?;
    Some(ExecAction {
        program,
        arguments,
        environment: fields.take("env").map(|at| environment(&at)).unwrap_or_default(),
        stdin,
        to: to.map_or_else(|| Some(base.cloned()), |to| to.map(Some))?,
        timeout: fields.parse("timeout", value::duration_between(TIMEOUT_MIN, TIMEOUT_MAX)),
        captures: captures(&fields),
    })
}

/// The program, whose path is relative to the file, and its arguments.
fn command(at: &At<'_>) -> Option<(PathBuf, Vec<String>)> {
    let items = at.items()?;
    let Some((program, arguments)) = items.split_first() else {
        at.problem("is empty; write the path of a program, then its arguments");
        return None;
    };
    if arguments.len() > ARGUMENTS_MAX {
        at.problem(format!("has {} arguments; the most is {ARGUMENTS_MAX}", arguments.len()));
    }
    let written = program.parse(read::some_text)?;
    if !written.contains('/') {
        program.problem(format!(
            "\"{written}\" is not looked for anywhere; write the program's path, such as \
             /usr/bin/{written} or ./{written}"
        ));
        return None;
    }
    let arguments = arguments.iter().map(|at| Some(without_nul(at)?.into_owned()));
    // It is not run in the directory of this process.
    let path = std::path::absolute(program.reading.document.resolve(&written));
    let path = program.settle(path.map_err(|error| error.to_string()))?;
    Some((path, arguments.collect::<Option<_>>()?))
}

fn environment(at: &At<'_>) -> BTreeMap<String, String> {
    let entries = at.entries().unwrap_or_default();
    if entries.len() > VARIABLES_MAX {
        at.problem(format!("has {} variables; the most is {VARIABLES_MAX}", entries.len()));
    }
    let variable = |(name, at): (&str, At<'_>)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            at.problem(format!("\"{}\" cannot be a variable's name", name.escape_default()));
            return None;
        }
        Some((name.to_owned(), without_nul(&at)?.into_owned()))
    };
    entries.into_iter().take(VARIABLES_MAX).filter_map(variable).collect()
}

/// A text as the system takes it.
fn without_nul<'a>(at: &At<'a>) -> Option<std::borrow::Cow<'a, str>> {
    let text = at.text()?;
    if text.contains('\0') {
        at.problem("holds a NUL character, which no program can be given");
        return None;
    }
    Some(text)
}

fn stdin(at: &At<'_>) -> Option<Template<FlowSource>> {
    at.entries()?;
    literal::advise(at);
    let mut document = Template { parts: Vec::new() };
    http::json(at, &mut document)?;
    Some(document)
}

fn captures(fields: &Fields<'_>) -> Vec<Arc<str>> {
    let Some(at) = fields.take("captures") else { return Vec::new() };
    let items = at.items().unwrap_or_default();
    if items.len() > CAPTURES_MAX {
        at.problem(format!("has {} captures; the most is {CAPTURES_MAX}", items.len()));
    }
    let mut names: Vec<Arc<str>> = Vec::new();
    for at in items.iter().take(CAPTURES_MAX) {
        let Some(name) = at.text() else { continue };
        capture::name(&name, at);
        let known = at.reading.scope.flow.as_ref();
        if known.is_some_and(|flow| flow.captured.contains(&*name))
            || names.iter().any(|known| **known == *name)
        {
            at.problem(format!("\"{name}\" is captured already; choose another name"));
        }
        names.push(name.as_ref().into());
    }
    names
}

/// The names under `captures`, whether or not the step can be read.
pub(super) fn names(step: &At<'_>) -> Vec<String> {
    let listed = step.quietly("exec").and_then(|at| at.quietly("captures"));
    let items = listed.map(|at| at.one_or_many()).unwrap_or_default();
    items.iter().filter_map(|at| at.written().map(str::to_owned)).collect()
}

impl ExecAction {
    /// A value that the program gives, as later steps name it. What came of a secret is as good as it,
    /// and goes only where the secret may go. A one-time code that it was given is not asked for again.
    pub(super) fn source(&self, name: &Arc<str>) -> FlowSource {
        let mut roots = vec![FlowSource::Capture(name.clone())];
        for root in self.stdin.sources() {
            let root = match root {
                FlowSource::Code(secret) => FlowSource::Secret(secret.clone()),
                root => root.clone(),
            };
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        FlowSource::Made(name.clone(), roots.into())
    }
}
