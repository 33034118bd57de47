//! One outcome as text for a terminal: where the time went, the responses on the way, the steps,
//! the certificates, and the verdict.

use std::fmt::Write;
use std::time::Duration;

use crate::config::Target;
use crate::outcome::{Failure, Outcome, Reason};
use chain::{Certificate, OcspStaple, TlsFacts};

/// Characters of the longest bar.
const BAR_WIDTH: f64 = 40.0;

pub(super) fn waterfall(target: &Target, outcome: &Outcome) -> String {
    let facts = &outcome.facts;
    let mut text = format!("{} {} {}\n", target.id, target.kind.as_str(), target.instance);
    if let Some(address) = facts.address {
        let _ = writeln!(text, "  address      {address}");
    }
    let mut start = Duration::ZERO;
    for (name, phase) in facts.phases.named() {
        let Some(phase) = phase else { continue };
        bar(&mut text, name, (start, phase), outcome.elapsed);
        start += phase;
    }
    if let Some(wait) = facts.phases.wait {
        let _ = writeln!(text, "  {:<12}{:>9}  ours, not in the total", "wait", millis(wait));
    }
    let _ = writeln!(text, "  {:<12}{:>9}", "total", millis(outcome.elapsed));
    for step in &facts.steps {
        let result = if step.success { "ok" } else { "failed" };
        let name = printable(&step.step.name);
        let _ = writeln!(text, "  step {name:<20}{:>9}  {result}", millis(step.elapsed));
    }
    for said in &facts.stderr {
        for line in said.text.lines() {
            let _ = writeln!(text, "  stderr {}: {}", printable(&said.step), printable(line));
        }
    }
    if let Some(http) = &facts.http {
        for hop in &http.hops {
            let url = printable(&hop.url);
            let _ = writeln!(text, "  {:<12}{:>9}  {url}", hop.status, millis(hop.elapsed));
        }
        if http.status != 0 {
            let (version, bytes) = (http.version, http.body_bytes);
            let _ = writeln!(text, "  http         HTTP/{version}, {bytes} bytes of body");
        }
    }
    if let Some(tls) = &facts.tls {
        certificates(&mut text, tls);
    }
    if let Some(tcp) = &facts.tcp {
        let _ = writeln!(
            text,
            "  tcp          rtt {}, {} retransmits, {} out of order, mss {}",
            millis(tcp.rtt),
            tcp.retransmits,
            tcp.rcv_out_of_order,
            tcp.snd_mss
        );
    }
    let _ = writeln!(text, "  verdict      {}", outcome.verdict().as_str());
    if let Err(failure) = &outcome.result {
        cause(&mut text, "reason", failure);
    }
    for warning in &facts.warnings {
        cause(&mut text, "warning", warning);
    }
    text
}

fn bar(text: &mut String, name: &str, (start, length): (Duration, Duration), whole: Duration) {
    let scale = BAR_WIDTH / whole.as_secs_f64().max(f64::MIN_POSITIVE);
    let before = (start.as_secs_f64() * scale) as usize;
    let width = ((length.as_secs_f64() * scale) as usize).max(1);
    let (gap, bar) = (" ".repeat(before), "█".repeat(width));
    let _ = writeln!(text, "  {name:<12}{:>9}  {gap}{bar}", millis(length));
}

fn certificates(text: &mut String, tls: &TlsFacts) {
    let version = tls.version.unwrap_or("not agreed");
    let cipher = tls.cipher.as_deref().unwrap_or_default();
    let _ = writeln!(text, "  tls          {version} {cipher}");
    let certs = tls.chain.iter().flat_map(|chain| &chain.certs);
    for (position, cert) in certs.enumerate() {
        let used = if tls.path.contains(&position) { "" } else { " (not in the path)" };
        certificate(text, position, cert);
        text.push_str(used);
        text.push('\n');
    }
    if let Some(staple) = &tls.staple {
        ocsp(text, staple);
    }
    for fault in &tls.faults {
        let _ = writeln!(
            text,
            "  fault        {}: {}",
            Reason::from(fault.kind).as_str(),
            printable(&fault.detail)
        );
    }
}

fn certificate(text: &mut String, position: usize, cert: &Certificate) {
    let _ = write!(
        text,
        "  {position:<12} {}, {} to {}, {}, by {}",
        printable(&cert.subject),
        day(cert.not_before),
        day(cert.not_after),
        cert.key,
        printable(&cert.issuer),
    );
}

fn day(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => seconds.to_string(),
    }
}

fn ocsp(text: &mut String, staple: &OcspStaple) {
    let said = match &staple.answer {
        Some(answer) => {
            let until = answer.next_update.map(|next| format!(" to {}", day(next)));
            let (status, from) = (answer.status.as_str(), day(answer.this_update));
            format!("{status}, {from}{}", until.unwrap_or_default())
        }
        None => "nothing".to_owned(),
    };
    let flaw = staple.flaw.map(|flaw| format!(", but it {flaw}")).unwrap_or_default();
    let _ = writeln!(text, "  ocsp staple  {said}{flaw}");
}

fn cause(text: &mut String, label: &str, failure: &Failure) {
    let (reason, detail) = (failure.reason.as_str(), printable(&failure.detail));
    let _ = write!(text, "  {label:<12} {reason}");
    if let Some(step) = &failure.step {
        let _ = write!(text, " in step {}", printable(&step.name));
    }
    let _ = writeln!(text, ": {detail}");
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// A hostile server's text must not move the cursor of whoever looks at it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
