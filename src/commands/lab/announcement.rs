//! What `bongsu lab` prints.

use std::io::{self, Write};

use lab::drill::{Drill, Event};
use lab::files::WrittenFiles;
use lab::world::LabWorld;

/// The addresses and files of the lab, and the first commands to try.
pub(super) fn announcement(world: &LabWorld, files: &WrittenFiles) -> String {
    let control = &world.control_url;
    let mut text = String::from("\n봉수 모의 훈련 환경 · Bongsu lab\n\n");
    let mut row = |title: &str, value: &str| text.push_str(&format!("  {title}\n      {value}\n"));
    if let Some(url) = world.daemon_url.get() {
        row("상태 화면 · status page", url);
        row("지표 · metrics", &format!("{url}metrics"));
    }
    row("장애 주입 · break things", control);
    row("설정 · configuration", &files.config.display().to_string());
    for file in &files.certificates {
        row("인증서 · certificate", &file.display().to_string());
    }
    for file in &files.secrets {
        row("비밀 값 · secret", &file.display().to_string());
    }
    text.push_str(&format!(
        "\n  장애 · break:  curl -d '{{\"system\":\"gpki\",\"fault\":\"stall_large\"}}' {control}api/faults\n"
    ));
    if let Some(url) = world.daemon_url.get() {
        text.push_str(&format!(
            "  확인 · see:    curl -s {url}metrics | grep bongsu_probe_failure_info\n"
        ));
    }
    text.push_str(&format!(
        "  복구 · mend:   curl -X DELETE '{control}api/faults?system=gpki'\n\n  Ctrl-C: 종료 · stop\n\n"
    ));
    text
}

/// One event of a drill and its switches. On a terminal it replaces the line of the clock.
pub(super) fn event_line(drill: &Drill, event: &Event, terminal: bool) -> String {
    let clear = if terminal { "\x1b[K" } else { "" };
    let mut line = format!("{clear}{}  {}\n", drill.clock(event.at), event.note.ko);
    line.push_str(&format!("{:25}{}\n", "", event.note.en));
    for change in &event.changes {
        line.push_str(&format!("{:25}{change}\n", ""));
    }
    line
}

/// Writes to standard output. Errors are ignored: a reader may close it.
pub(super) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
