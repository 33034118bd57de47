//! How far a long report is: a bar on a terminal, nothing in a pipe or a log.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that is there only while there is somebody to look at it.
pub struct QueryProgress(ProgressBar);

impl QueryProgress {
    /// For this many questions.
    pub fn new(what: &'static str) -> QueryProgress {
        let target = match stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // The template is ours, and the tests draw it.
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        QueryProgress(bar)
    }

    /// So many more questions are known to come.
    pub fn expect(&self, questions: usize) {
        self.0.inc_length(questions as u64);
    }

    /// One of them is answered.
    pub fn done(&self) {
        self.0.inc(1);
    }
}

impl Drop for QueryProgress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
