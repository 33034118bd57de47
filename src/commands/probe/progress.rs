//! Says that a run is still going on, to a person at a terminal and to nobody else.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::super::tell;
use crate::config::Target;
use crate::language::Language;

/// Most runs have ended before anybody asks.
const SILENT: Duration = Duration::from_millis(500);
/// As often as seconds with one digit are worth reading.
const EVERY: Duration = Duration::from_millis(200);

/// Runs to the end of `run`, with a line on standard error that counts the time.
pub(super) async fn shown<T>(
    target: &Target,
    language: Language,
    run: impl Future<Output = T>,
) -> T {
    if !io::stderr().is_terminal() {
        return run.await;
    }
    let start = Instant::now();
    let mut ticks = interval_at(start + SILENT, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let timeout = humantime::format_duration(target.schedule.timeout());
    let mut run = std::pin::pin!(run);
    let mut has_spoken = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut run => break ended,
            _ = ticks.tick() => {
                let waited = start.elapsed().as_secs_f64();
                let text = match language {
                    Language::Korean => format!("{waited:.1}초 경과 (제한 시간 {timeout})"),
                    Language::English => format!("{waited:.1} s of at most {timeout}"),
                };
                tell(&mut io::stderr(), &format!("\r\x1b[K{}: {text}", target.id));
                has_spoken = true;
            }
        }
    };
    if has_spoken {
        tell(&mut io::stderr(), "\r\x1b[K");
    }
    ended
}
