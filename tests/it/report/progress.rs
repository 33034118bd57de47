//! Somebody at a terminal sees how far a long report is; a pipe gets the report alone.

use super::month::{february, remembered};
use super::url;
use crate::support::daemon::Setup;
use crate::terminal::in_a_terminal;

#[test]
fn a_terminal_shows_how_far_it_is_and_a_pipe_nothing_of_it() {
    let prometheus = remembered();
    let server = url(&prometheus);
    let arguments = ["report", "month", "--month", "2026-02", "--prometheus", &server];
    let seen = in_a_terminal(&Setup::new("").env("TERM", "xterm").command(&arguments));
    let (before, report) = seen.split_once("2026-02").unwrap_or_else(|| panic!("{seen}"));
    assert!(before.contains("Prometheus ["), "no bar: {seen:?}");
    assert!(!report.contains("Prometheus ["), "the bar is still there: {seen:?}");
    let output = february(&[]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("Prometheus ["));
}
