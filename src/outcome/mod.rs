//! What one run of a probe found: plain data, no behaviour beyond naming.
//!
//! A failing target is this program's ordinary result, so a [`Failure`] is a value and not an
//! `Error`. Facts learned before a failure survive it. What may be relied on by alert rules is the
//! closed list of causes in [`Reason`]; free text lives in [`Failure::detail`] and goes to logs and
//! pages only.

mod bounds;
mod detail_texts;
mod evidence;
mod failed_socket;
mod failed_tls;
mod nature;
mod reason;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base::cut;
use chain::TlsFacts;

pub use bounds::{DETAIL_BYTES_MAX, EXCERPT_TAKEN_BYTES_MAX, HOPS_BYTES_MAX, URL_TAKEN_BYTES_MAX};
pub use detail_texts::in_korean;
pub use evidence::{Evidence, TraceId};
pub use nature::Nature;
pub use reason::{Bilingual, Reason, Stage};

/// The result of one run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Wall clock at the start of the run, for people; intervals are measured on the monotonic one.
    pub started_at: SystemTime,
    /// From the start of the run to its end, name resolution included, without what we waited for
    /// ourselves ([`Phases::wait`]).
    pub elapsed: Duration,
    /// `Err` says why the run did not find what it expects.
    pub result: Result<(), Failure>,
    /// Everything learned, also when the run failed.
    pub facts: Facts,
}

impl Outcome {
    /// Sums the run up. Warnings degrade a successful run; they never soften a failed one.
    pub fn verdict(&self) -> Verdict {
        match &self.result {
            Err(_) if self.facts.counts_as_down => Verdict::Down,
            Err(failure) if failure.reason.says_nothing_about_the_service() => Verdict::Unknown,
            Err(_) => Verdict::Down,
            Ok(()) if self.facts.warnings.is_empty() => Verdict::Up,
            Ok(()) => Verdict::Degraded,
        }
    }

    /// Whether nothing was found out, because other runs had to come first.
    pub fn is_skipped(&self) -> bool {
        self.result.as_ref().is_err_and(|failure| failure.reason == Reason::NoTurn)
    }

    /// The failure, or else the first warning: what a page names as the cause of "not up".
    pub fn cause(&self) -> Option<&Failure> {
        self.result.as_ref().err().or_else(|| self.facts.warnings.first())
    }
}

/// What a run says about its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Everything expected was found.
    Up,
    /// Works, but outside a `warn` limit.
    Degraded,
    /// The service does not do what it should.
    Down,
    /// The run says nothing about the service: our account, our certificate, our own fault.
    Unknown,
}

impl Verdict {
    /// Every verdict, in the order of exposition.
    pub const ALL: [Verdict; 4] = [Verdict::Up, Verdict::Degraded, Verdict::Down, Verdict::Unknown];

    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Up => "up",
            Verdict::Degraded => "degraded",
            Verdict::Down => "down",
            Verdict::Unknown => "unknown",
        }
    }
}

/// Why a run failed, or why it is degraded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The cause, from the closed list.
    pub reason: Reason,
    /// The login step it happened in.
    pub step: Option<Step>,
    /// One sentence for a person. Never holds a secret.
    pub detail: String,
}

impl Failure {
    /// A failure outside any login step. The detail may be of any length and is cut.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Failure {
        let detail = cut(detail.into(), bounds::DETAIL_TAKEN_BYTES_MAX);
        Failure { reason, step: None, detail }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(f, "step {}: ", step.name)?;
        }
        write!(f, "{}: {}", self.reason.as_str(), self.detail)
    }
}

/// A login step and the service that it tests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// The step's name, unique within its probe.
    pub name: Arc<str>,
    /// The service that is being tested by the step.
    pub component: Arc<str>,
}

/// Everything a run learned. Each field is absent when the run did not get that far or the kind
/// of probe does not have it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub phases: Phases,
    /// The first name resolution, also when it failed.
    pub dns_lookup: Option<Duration>,
    /// The address of the first connection attempt that was answered, else of the last one tried.
    pub address: Option<IpAddr>,
    /// What the first name was resolved to: the target's own, unless its address is written in the file.
    pub resolved: Vec<IpAddr>,
    pub http: Option<HttpFacts>,
    /// The last handshake.
    pub tls: Option<TlsFacts>,
    /// The kernel's view of the last connection, read before it was closed.
    pub tcp: Option<TcpFacts>,
    /// Each address that was looked at, where the probe looks at several.
    pub addresses: Vec<AddressFacts>,
    /// Login steps, in order, as far as they were reached.
    pub steps: Vec<StepFacts>,
    /// Limits of `warn` that were passed, failed logouts, unavailable revocation lists.
    pub warnings: Vec<Failure>,
    /// The file wants the failure to be the service's, whatever its reason says by itself.
    pub counts_as_down: bool,
    /// The failure is what another run of the same service found before, while this one waited for its turn.
    pub is_relayed: bool,
    /// Of every request of the run.
    pub trace_id: Option<TraceId>,
    /// What came, masked; of a failed run only. Of a login in the order of its steps.
    pub evidence: Vec<Evidence>,
    /// What the programs of a login wrote to standard error, masked.
    pub stderr: Vec<StepStderr>,
}

impl Facts {
    /// The beginning of the last page that was kept.
    pub fn excerpt(&self) -> Option<&str> {
        self.evidence.iter().rev().find_map(|evidence| evidence.body.as_deref())
    }
}

/// Where the time of a run went, summed over redirects. A phase that never began is `None`; one
/// that was cut off holds the time until then, so that the phases account for the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    pub resolve: Option<Duration>,
    /// TCP connect, to a proxy if there is one.
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    /// From the request being written to the response head.
    pub processing: Option<Duration>,
    pub transfer: Option<Duration>,
    /// Not the service's time: what our own files took, and a login's wait for its account's turn, for a
    /// one-time code, or for its turn after an outage. `None` when nothing was waited for.
    pub wait: Option<Duration>,
}

impl Phases {
    /// What was added to each phase since then.
    pub fn since(&self, before: &Phases) -> Phases {
        let added = |now: Option<Duration>, before: Option<Duration>| {
            let added = now?.saturating_sub(before.unwrap_or_default());
            (before.is_none() || !added.is_zero()).then_some(added)
        };
        Phases {
            resolve: added(self.resolve, before.resolve),
            connect: added(self.connect, before.connect),
            tls: added(self.tls, before.tls),
            processing: added(self.processing, before.processing),
            transfer: added(self.transfer, before.transfer),
            wait: added(self.wait, before.wait),
        }
    }

    /// The phases of the service with their label values, in the order of a run.
    pub fn named(&self) -> [(&'static str, Option<Duration>); 5] {
        [
            ("resolve", self.resolve),
            ("connect", self.connect),
            ("tls", self.tls),
            ("processing", self.processing),
            ("transfer", self.transfer),
        ]
    }
}

/// The HTTP exchange; of the last response where there were several.
#[derive(Debug, Clone, Default)]
pub struct HttpFacts {
    /// Status code, 0 when no response came.
    pub status: u16,
    /// Protocol version as blackbox_exporter writes it (1.1, 2), 0 when no response came.
    pub version: f64,
    /// `Content-Length`; -1 when the response did not say, 0 when none came.
    pub content_length: i64,
    /// Bytes read of the body, after decompression.
    pub body_bytes: u64,
    /// Redirects received, the one that passed the limit or was not followed included.
    pub redirects: u32,
    /// Whether the last response came over TLS with an accepted certificate.
    pub tls: bool,
    /// Whether a regular expression on body or header failed.
    pub regex_failed: bool,
    /// `Last-Modified`, in unix seconds.
    pub last_modified: Option<i64>,
    /// Every response, in order, the final one included; of very many the last ones.
    pub hops: Vec<Hop>,
}

/// One response on the way to the final one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The URL asked, without query, fragment and userinfo.
    pub url: String,
    pub status: u16,
    /// From the request's start to the response head.
    pub elapsed: Duration,
}

/// The kernel's counters of one TCP connection (Linux `TCP_INFO`).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TcpFacts {
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Segments sent again over the life of the connection (`tcpi_total_retrans`).
    pub retransmits: u32,
    /// Segments that arrived out of order (`tcpi_rcv_ooopack`): the sign of loss towards us.
    pub rcv_out_of_order: u32,
    /// The path's sending segment size in bytes. Below 1,448 the 2023 fault cannot show.
    pub snd_mss: u32,
}

/// One of several addresses of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressFacts {
    pub address: IpAddr,
    /// Why it is not as expected; `None` when it is.
    pub failure: Option<Failure>,
}

/// What the program of a step wrote to standard error.
#[derive(Debug, Clone)]
pub struct StepStderr {
    pub step: Arc<str>,
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct StepFacts {
    pub step: Step,
    pub elapsed: Duration,
    /// Whether it found what it expects.
    pub success: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_degrades_success_and_leaves_failure_alone() {
        let mut outcome = Outcome {
            started_at: SystemTime::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            result: Ok(()),
            facts: Facts::default(),
        };
        assert_eq!(outcome.verdict(), Verdict::Up);
        outcome.facts.warnings.push(Failure::new(Reason::TooSlow, "2.1 s"));
        assert_eq!(outcome.verdict(), Verdict::Degraded);
        outcome.result = Err(Failure::new(Reason::HttpStatus, "503"));
        assert_eq!(outcome.verdict(), Verdict::Down);
        outcome.result = Err(Failure::new(Reason::Captcha, "shown"));
        assert_eq!(outcome.verdict(), Verdict::Unknown);
    }
}
