//! Shows a run as it goes on, to a person at a terminal and to nobody else: what ended, what is being
//! done, and for how long. What the run came to takes its place in the end.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::printable;
use crate::commands::terminal::{Colour, Terminal, clipped, padded};
use crate::config::{Kind, Target};
use crate::language::Language;
use crate::run_watch::{self, RunEvent};

/// Most runs have ended before anybody asks.
const SILENT: Duration = Duration::from_millis(300);
/// As often as seconds with one digit are worth reading.
const EVERY: Duration = Duration::from_millis(100);

/// What is shown of a long login fits on the smallest screen, or the cursor could not go back to its
/// first line.
const LINES_MAX: usize = 18;
const COLUMNS: usize = 78;

/// Runs to the end of `run`, which is shown on standard error meanwhile.
pub(super) async fn shown<T>(
    target: &Target,
    terminal: Terminal,
    run: impl Future<Output = T>,
) -> T {
    if !io::stderr().is_terminal() || !terminal.moves_cursor {
        return run.await;
    }
    let start = Instant::now();
    let view = Arc::new(Mutex::new(LiveView::new(target, terminal, start)));
    let onlooker = {
        let view = Arc::clone(&view);
        Arc::new(move |event| view.lock().add(event))
    };
    let mut ticks = interval_at(start + SILENT, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut run = std::pin::pin!(run_watch::seen_by(onlooker, run));
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut run => break ended,
            _ = ticks.tick() => {
                let text = view.lock().drawn();
                draw(&text);
            }
        }
    };
    let text = view.lock().wiped();
    draw(&text);
    ended
}

/// A screen that cannot be written shows nothing.
fn draw(text: &str) {
    let mut screen = io::stderr();
    let _ = screen.write_all(text.as_bytes()).and_then(|()| screen.flush());
}

/// The lines of a run that goes on.
struct LiveView {
    head: String,
    timeout: String,
    terminal: Terminal,
    /// Of a login, whose addresses may hold what is masked once the run has ended.
    hides_urls: bool,
    start: Instant,
    /// What ended, the last of it.
    ended: VecDeque<String>,
    /// What is being done, and since when.
    current: Option<(&'static str, Instant)>,
    /// Lines on the screen.
    shown: usize,
}

impl LiveView {
    fn new(target: &Target, terminal: Terminal, start: Instant) -> LiveView {
        LiveView {
            head: printable(&target.id.to_string()),
            timeout: humantime::format_duration(target.schedule.timeout()).to_string(),
            terminal,
            hides_urls: matches!(target.kind, Kind::Login(_)),
            start,
            ended: VecDeque::new(),
            current: None,
            shown: 0,
        }
    }

    fn add(&mut self, event: RunEvent) {
        let line = match event {
            RunEvent::PhaseBegan(phase) => {
                self.current = Some((phase, Instant::now()));
                return;
            }
            RunEvent::PhaseEnded(phase, took) => {
                self.current = None;
                self.line(phase, took, "")
            }
            RunEvent::Answered(status, url, took) => {
                let url = if self.hides_urls { String::new() } else { printable(&url) };
                self.line(&status.to_string(), took, &url)
            }
            RunEvent::StepEnded(step, took, success) => {
                let said = match success {
                    true => self.terminal.pick("성공", "ok"),
                    false => self.terminal.pick("실패", "failed"),
                };
                let label = self.terminal.pick("단계", "step");
                self.line(label, took, &format!("{}: {said}", printable(&step)))
            }
        };
        if self.ended.len() == LINES_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(line);
    }

    fn line(&self, label: &str, took: Duration, rest: &str) -> String {
        let took = format!("{:.1} ms", took.as_secs_f64() * 1000.0);
        let line = format!("  {}{took:>9}  {rest}", padded(label, 12));
        clipped(line.trim_end(), COLUMNS)
    }

    /// The lines, over those that were shown before.
    fn drawn(&mut self) -> String {
        let waited = self.start.elapsed().as_secs_f64();
        let timeout = &self.timeout;
        let text = match self.terminal.language {
            Language::Korean => format!("{waited:.1}초 경과 (제한 시간 {timeout})"),
            Language::English => format!("{waited:.1} s of at most {timeout}"),
        };
        let mut out = self.wiped();
        let head = clipped(&format!("{}: {text}", self.head), COLUMNS);
        let current = self.current.map(|(phase, since)| {
            let line = self.line(phase, since.elapsed(), "...");
            self.terminal.paint(Colour::Yellow, &line)
        });
        for line in std::iter::once(&head).chain(&self.ended).chain(&current) {
            out.push_str(line);
            out.push('\n');
            self.shown += 1;
        }
        out
    }

    /// Takes what was shown off the screen (ECMA-48, CPL and ED).
    fn wiped(&mut self) -> String {
        match std::mem::take(&mut self.shown) {
            0 => String::new(),
            lines => format!("\x1b[{lines}F\x1b[J"),
        }
    }
}
