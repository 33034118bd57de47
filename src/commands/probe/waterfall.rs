//! One outcome as text for a terminal: where the time went, the responses on the way, the steps,
//! the certificates, what was expected, the verdict, and what to look at first.

use std::fmt::Write;
use std::time::Duration;

use chain::{Certificate, OcspStaple, TlsFacts};

use super::single_run::SingleRun;
use super::{expected, printable};
use crate::calendar;
use crate::commands::days_until;
use crate::commands::terminal::{Colour, Terminal, padded};
use crate::language::Language;
use crate::outcome::{Facts, Failure, Outcome, Reason, Verdict};
use crate::sentences::ToldPart;

/// Characters of the longest bar.
const BAR_WIDTH: f64 = 40.0;

/// Columns of what stands before each line.
const LABEL: usize = 12;

/// Days before its end at which a certificate is worth a glance, and a second one.
const SOON: i64 = 30;
const VERY_SOON: i64 = 7;

pub(super) fn waterfall(run: &SingleRun<'_>, terminal: Terminal) -> String {
    let SingleRun { target, outcome, online } = run;
    let facts = &outcome.facts;
    let text = format!("{} {} {}\n", target.id, target.kind.as_str(), target.instance);
    let mut paper = Paper { text, terminal };
    paper.times(outcome);
    paper.steps(facts);
    paper.exchange(facts);
    for wanted in expected::of_run(target, outcome) {
        paper.line(terminal.pick("예상", "expected"), &printable(&wanted));
    }
    if let Some(came) = came(facts) {
        paper.line(terminal.pick("실제", "came"), &came);
    }
    let verdict = outcome.verdict();
    let colour = match verdict {
        Verdict::Up => Colour::Green,
        Verdict::Degraded => Colour::Yellow,
        Verdict::Down => Colour::Red,
        Verdict::Unknown => Colour::Magenta,
    };
    paper.line(terminal.pick("판정", "verdict"), &terminal.paint(colour, verdict.as_str()));
    if let Err(failure) = &outcome.result {
        paper.cause(terminal.pick("원인", "reason"), failure);
    }
    for warning in &facts.warnings {
        paper.cause(terminal.pick("경고", "warning"), warning);
    }
    if !online {
        let said = terminal.pick(
            "오프라인: 응답하는 대조점이 없어 이 실행은 판정에 쓰이지 않습니다.",
            "offline: no control answers, so this run has no vote",
        );
        paper.line(terminal.pick("관측 지점", "vantage"), said);
    }
    paper.text
}

/// What came, in a few words.
fn came(facts: &Facts) -> Option<String> {
    let http = facts.http.as_ref().filter(|http| http.status != 0)?;
    let hop = http.hops.last().map(|hop| format!(", {}", printable(&hop.url)));
    let (status, bytes) = (http.status, http.body_bytes);
    Some(format!("status {status}, {bytes} bytes{}", hop.unwrap_or_default()))
}

/// What is written so far.
struct Paper {
    text: String,
    terminal: Terminal,
}

impl Paper {
    fn line(&mut self, label: &str, rest: &str) {
        let label = padded(label, LABEL);
        let _ = writeln!(self.text, "  {label} {rest}");
    }

    fn times(&mut self, outcome: &Outcome) {
        let facts = &outcome.facts;
        if let Some(address) = facts.address {
            self.line(self.terminal.pick("주소", "address"), &address.to_string());
        }
        let mut start = Duration::ZERO;
        for (name, phase) in facts.phases.named() {
            let Some(phase) = phase else { continue };
            self.bar(name, (start, phase), outcome.elapsed);
            start += phase;
        }
        if let Some(wait) = facts.phases.wait {
            let ours = self.terminal.pick("프로버의 대기, 합계에서 제외", "ours, not in the total");
            self.time(self.terminal.pick("대기", "wait"), wait, ours);
        }
        self.time(self.terminal.pick("합계", "total"), outcome.elapsed, "");
    }

    fn time(&mut self, label: &str, time: Duration, rest: &str) {
        let label = padded(label, LABEL);
        let line = format!("  {label}{:>9}  {rest}", millis(time));
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    fn bar(&mut self, name: &str, (start, length): (Duration, Duration), whole: Duration) {
        let scale = BAR_WIDTH / whole.as_secs_f64().max(f64::MIN_POSITIVE);
        let before = (start.as_secs_f64() * scale) as usize;
        let width = ((length.as_secs_f64() * scale) as usize).max(1);
        let (gap, bar) = (" ".repeat(before), "█".repeat(width));
        let _ = writeln!(self.text, "  {name:<12}{:>9}  {gap}{bar}", millis(length));
    }

    fn steps(&mut self, facts: &Facts) {
        for step in &facts.steps {
            let result = if step.success {
                self.terminal.paint(Colour::Green, self.terminal.pick("성공", "ok"))
            } else {
                self.terminal.paint(Colour::Red, self.terminal.pick("실패", "failed"))
            };
            let name = padded(&printable(&step.step.name), 20);
            let (step, took) = (self.terminal.pick("단계", "step"), millis(step.elapsed));
            let _ = writeln!(self.text, "  {step} {name}{took:>9}  {result}");
        }
        for said in &facts.stderr {
            for line in said.text.lines() {
                let (step, line) = (printable(&said.step), printable(line));
                let _ = writeln!(self.text, "  stderr {step}: {line}");
            }
        }
    }

    fn exchange(&mut self, facts: &Facts) {
        if let Some(http) = &facts.http {
            for hop in &http.hops {
                let url = printable(&hop.url);
                let _ =
                    writeln!(self.text, "  {:<12}{:>9}  {url}", hop.status, millis(hop.elapsed));
            }
            if http.status != 0 {
                let bytes = http.body_bytes;
                // The number of HTTP/1.0 is written with its zero, unlike that of HTTP/2.
                let digits = usize::from(http.version < 2.0);
                let version = format!("{:.digits$}", http.version);
                let _ = writeln!(self.text, "  http         HTTP/{version}, {bytes} bytes of body");
            }
        }
        if let Some(tls) = &facts.tls {
            self.certificates(tls);
        }
        if let Some(tcp) = &facts.tcp {
            let _ = writeln!(
                self.text,
                "  tcp          rtt {}, {} retransmits, {} out of order, mss {}",
                millis(tcp.rtt),
                tcp.retransmits,
                tcp.rcv_out_of_order,
                tcp.snd_mss
            );
        }
        for of in &facts.addresses {
            let said = match &of.failure {
                None => self.terminal.paint(Colour::Green, "up"),
                Some(failure) => {
                    let (reason, detail) = (failure.reason.as_str(), self.detail(&failure.detail));
                    format!("{}: {detail}", self.terminal.paint(Colour::Red, reason))
                }
            };
            self.line(self.terminal.pick("주소", "address"), &format!("{} {said}", of.address));
        }
    }

    fn certificates(&mut self, tls: &TlsFacts) {
        let version = tls.version.unwrap_or("not agreed");
        let said = [Some(version), tls.cipher.as_deref()].into_iter().flatten();
        let said = said.collect::<Vec<_>>().join(" ");
        let _ = writeln!(self.text, "  tls          {said}");
        let certs = tls.chain.iter().flat_map(|chain| &chain.certs);
        for (position, cert) in certs.enumerate() {
            self.certificate(position, cert, tls.path.contains(&position));
        }
        if let Some(staple) = &tls.staple {
            let said = self.ocsp(staple);
            self.line("ocsp staple", &said);
        }
        for fault in &tls.faults {
            let reason = Reason::from(fault.kind).as_str();
            let detail = self.detail(&fault.detail);
            let _ = writeln!(self.text, "  fault        {reason}: {detail}");
        }
    }

    fn certificate(&mut self, position: usize, cert: &Certificate, in_path: bool) {
        let days = days_until(cert.not_after, calendar::now());
        let said = match (days < 0, self.terminal.language) {
            (false, Language::Korean) => format!("{days}일 남음"),
            (false, Language::English) => format!("{days} days left"),
            (true, Language::Korean) => format!("{}일 전에 만료", -days),
            (true, Language::English) => format!("expired {} days ago", -days),
        };
        let colour = match days {
            ..VERY_SOON => Colour::Red,
            VERY_SOON..SOON => Colour::Yellow,
            _ => Colour::Green,
        };
        let said = self.terminal.paint(colour, &said);
        let unused = match in_path {
            true => "",
            false => self.terminal.pick(" (검증 경로에 없음)", " (not in the path)"),
        };
        let _ = writeln!(
            self.text,
            "  {position:<12} {}, {} to {}, {said}, {}, by {}{unused}",
            printable(&cert.subject),
            day(cert.not_before),
            day(cert.not_after),
            cert.key,
            printable(&cert.issuer),
        );
    }

    /// What happened, in the language of the terminal.
    fn detail(&self, detail: &str) -> String {
        let parts = self.terminal.language.of_detail(detail).into_iter();
        let text = parts.map(|part| match part {
            ToldPart::Said(text) => text.to_owned(),
            ToldPart::Quoted(text) => printable(text),
        });
        text.collect()
    }

    /// The reason, what it means, and what to look at first.
    fn cause(&mut self, label: &str, failure: &Failure) {
        let terminal = self.terminal;
        let (reason, detail) = (failure.reason.as_str(), self.detail(&failure.detail));
        let step = failure.step.as_ref().map(|step| {
            let name = printable(&step.name);
            match terminal.language {
                Language::Korean => format!(" ({name} 단계)"),
                Language::English => format!(" in step {name}"),
            }
        });
        self.line(label, &format!("{reason}{}: {detail}", step.unwrap_or_default()));
        let language = terminal.language;
        self.line("", language.of_both(failure.reason.meaning()));
        let first = language.of_both(failure.reason.first_look());
        self.line(self.terminal.pick("우선 확인", "check first"), first);
    }

    /// What a stapled answer says, from when to when, and what is wrong with it.
    fn ocsp(&self, staple: &OcspStaple) -> String {
        let said = match &staple.answer {
            Some(answer) => {
                let until = answer
                    .next_update
                    .map(|next| format!("{}{}", self.terminal.pick(" ~ ", " to "), day(next)));
                let (status, from) = (answer.status.as_str(), day(answer.this_update));
                format!("{status}, {from}{}", until.unwrap_or_default())
            }
            None => self.terminal.pick("내용 없음", "nothing").to_owned(),
        };
        let but = self.terminal.pick("; ", ", but it ");
        let flaw = staple.flaw.map(|flaw| format!("{but}{}", self.detail(flaw)));
        said + &flaw.unwrap_or_default()
    }
}

fn day(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => seconds.to_string(),
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
