//! Files that `bongsu init` and `bongsu import` write: all of them or none, and none is replaced.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base::shell_word;

use super::tell;
use crate::cli::Exit;
use crate::config;
use crate::language::Language;

pub(super) const CONFIGURATION: &str = "bongsu.yml";
pub(super) const SCHEMA: &str = "bongsu.schema.json";

/// A file below the directory that is written to.
pub(super) struct FirstFile {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) readers: Readers,
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// As the user's mask has it.
    Usual,
    /// It holds a secret.
    Owner,
}

impl FirstFile {
    pub(super) fn new(name: &str, text: String) -> FirstFile {
        FirstFile { name: name.to_owned(), text, readers: Readers::Usual }
    }

    /// What the first line of a configuration names.
    pub(super) fn schema() -> FirstFile {
        FirstFile::new(SCHEMA, config::schema::schema())
    }
}

/// Writes them, or says why not.
pub(super) fn write(out: &Path, files: &[FirstFile], language: Language) -> Result<(), Exit> {
    let paths = files.iter().map(|file| out.join(&file.name));
    let there: Vec<PathBuf> = paths.filter(|path| path.exists()).collect();
    if let [first, ..] = &there[..] {
        let (first, out) = (first.display(), out.display());
        let said = match language {
            Language::Korean => format!(
                "{first}: 이미 있는 파일은 덮어쓰지 않습니다. --out으로 {out}이 아닌 디렉터리를 지정하십시오. 아무것도 \
                 쓰지 않았습니다.\n"
            ),
            Language::English => format!(
                "{first} exists and is not overwritten; name a directory other than {out} by --out. \
                 Nothing was written\n"
            ),
        };
        tell(&said);
        return Err(Exit::Failed);
    }
    for (index, file) in files.iter().enumerate() {
        let path = out.join(&file.name);
        if let Err(error) = write_new(&path, file) {
            // Half of them would be in the way of the next attempt.
            for written in &files[..index] {
                let _ = fs::remove_file(out.join(&written.name));
            }
            let nothing = language.pick("아무것도 쓰지 않았습니다.", "Nothing was written");
            tell(&format!("{}: {error}. {nothing}\n", path.display()));
            return Err(Exit::Failed);
        }
    }
    Ok(())
}

fn write_new(path: &Path, file: &FirstFile) -> io::Result<()> {
    let (of_directory, of_file) = match file.readers {
        Readers::Usual => (0o777, 0o666),
        Readers::Owner => (0o700, 0o600),
    };
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(of_directory).create(directory)?;
    }
    let mut new = OpenOptions::new().write(true).create_new(true).mode(of_file).open(path)?;
    new.write_all(file.text.as_bytes()).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// What is typed next.
pub(super) fn next(out: &Path, probe: &str, language: Language) -> String {
    let file = shell_word(&out.join(CONFIGURATION).display().to_string());
    let heading = match language {
        Language::Korean => "다음 명령:",
        Language::English => "next:",
    };
    format!(
        "\n{heading}\n  bongsu check {file}\n  bongsu --config.file={file} probe {probe}\n  bongsu \
         --config.file={file}\n"
    )
}
