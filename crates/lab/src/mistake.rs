//! A name that does not exist is answered with those that do, in files, in the API and on the page.

use std::fmt;

/// A name or value that does not exist, with those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// One sentence, with a suggestion where one is near.
    pub message: String,
    /// Everything that would have been right; empty where that cannot be listed.
    pub valid: Vec<String>,
}

impl Mistake {
    /// `no fault named "stal"; did you mean "stall"?`
    pub fn unknown<'a>(
        what: &str,
        name: &str,
        valid: impl IntoIterator<Item = &'a str>,
    ) -> Mistake {
        let valid: Vec<String> = valid.into_iter().map(str::to_owned).collect();
        let hint = read::hint(name, valid.iter().map(String::as_str));
        Mistake { message: format!("no {what} named \"{name}\"{hint}"), valid }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.valid.is_empty() {
            write!(f, " (valid: {})", self.valid.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistake {}
