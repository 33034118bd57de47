//! What a person at a terminal meets, or a script in their place: `bongsu probe`, `bongsu check`.

mod check;
mod first_file;
mod first_steps;
mod import;
mod probe;
mod schema;

use std::process::Command;

use crate::support::output::{code, stderr, stdout};

/// The binary in a terminal of its own, as `script` of util-linux makes one, and what is seen there.
pub(crate) fn in_a_terminal(command: &Command) -> String {
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let words: Vec<String> =
        [command.get_program()].into_iter().chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let output = script.output().unwrap();
    stdout(&output).to_owned()
}
