//! What one run of a probe found: plain data, no behaviour beyond naming.
//!
//! A failing target is this program's ordinary result, so a [`Failure`] is a value and not an
//! `Error`. Facts learned before a failure survive it. [`Reason`] is the closed list of causes:
//! its names are metric labels and may be relied on by alert rules; free text lives in
//! [`Failure::detail`] and goes to logs and pages only.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::cert::{CertFault, Chain};

/// The result of one run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Wall clock at the start of the run, for people; intervals are measured on the monotonic one.
    pub started_at: SystemTime,
    /// From the start of the run to its end, name resolution included.
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
            Err(failure) if failure.reason.says_nothing_about_the_service() => Verdict::Unknown,
            Err(_) => Verdict::Down,
            Ok(()) if self.facts.warnings.is_empty() => Verdict::Up,
            Ok(()) => Verdict::Degraded,
        }
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

    /// The label value.
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
    /// A failure outside any login step.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Failure {
        Failure { reason, step: None, detail: detail.into() }
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

/// The part of a run in which a failure happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Name resolution.
    Dns,
    /// Opening a connection.
    Tcp,
    /// The handshake and the certificate.
    Tls,
    /// The exchange of messages.
    Http,
    /// What the answer says.
    Content,
    /// Signing in.
    Login,
    /// Our own side: never the service's fault.
    Probe,
}

impl Stage {
    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Dns => "dns",
            Stage::Tcp => "tcp",
            Stage::Tls => "tls",
            Stage::Http => "http",
            Stage::Content => "content",
            Stage::Login => "login",
            Stage::Probe => "probe",
        }
    }
}

/// Declares [`Reason`] once: variant, stage, label and meaning stand on one line, so that a new
/// reason cannot be left out of a table.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $stage:ident $label:literal,)*) => {
        /// The closed list of causes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason, by stage.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The label value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $label,)* }
            }

            /// The part of the run it belongs to.
            pub const fn stage(self) -> Stage {
                match self { $(Reason::$variant => Stage::$stage,)* }
            }
        }
    };
}

reasons! {
    /// The name does not exist (RFC 2308, NXDOMAIN).
    DnsNxdomain Dns "dns_nxdomain",
    /// The server answered SERVFAIL or another error.
    DnsServfail Dns "dns_servfail",
    /// No answer in time.
    DnsTimeout Dns "dns_timeout",
    /// The name exists but has no address of a usable family.
    DnsNoAddress Dns "dns_no_address",
    /// The host refused the connection.
    ConnectRefused Tcp "connect_refused",
    /// No answer to the connection attempt in time.
    ConnectTimeout Tcp "connect_timeout",
    /// No route to the host, or a router refused.
    ConnectUnreachable Tcp "connect_unreachable",
    /// The peer closed or reset an open connection.
    ConnectionReset Tcp "connection_reset",
    /// The handshake failed for a cause that no other reason names.
    TlsHandshake Tls "tls_handshake",
    /// The handshake did not end in time.
    TlsTimeout Tls "tls_timeout",
    /// The server speaks nothing newer than TLS 1.1, RSA key exchange or CBC suites.
    TlsLegacy Tls "tls_legacy",
    /// A certificate of the path is past its `notAfter`.
    TlsExpired Tls "tls_expired",
    /// A certificate of the path is before its `notBefore`.
    TlsNotYetValid Tls "tls_not_yet_valid",
    /// The leaf is not for this name.
    TlsNameMismatch Tls "tls_name_mismatch",
    /// No path to a trusted root.
    TlsUnknownIssuer Tls "tls_unknown_issuer",
    /// No path as served, but one with an intermediate that browsers fetch by themselves.
    TlsChainIncomplete Tls "tls_chain_incomplete",
    /// The leaf is its own issuer and not trusted.
    TlsSelfSigned Tls "tls_self_signed",
    /// Bad encoding, purpose, constraint, or a CA used as a leaf.
    TlsInvalid Tls "tls_invalid",
    /// A signature algorithm or key below today's minimum.
    TlsWeak Tls "tls_weak",
    /// Revoked by its issuer.
    TlsRevoked Tls "tls_revoked",
    /// The revocation list could not be had. Fails only with `revocation: hard`.
    TlsRevocationUnavailable Tls "tls_revocation_unavailable",
    /// The server refused our client certificate or the lack of one.
    TlsClientCert Tls "tls_client_cert",
    /// A status other than expected.
    HttpStatus Http "http_status",
    /// A protocol version other than expected.
    HttpVersion Http "http_version",
    /// More redirects than allowed.
    RedirectLimit Http "redirect_limit",
    /// A redirect to a host outside `allow_hosts`.
    RedirectUnexpectedHost Http "redirect_unexpected_host",
    /// The request was sent and no complete response head came in time.
    ResponseTimeout Http "response_timeout",
    /// The response body did not end in time.
    BodyTimeout Http "body_timeout",
    /// The body is larger than the limit.
    BodyTooLarge Http "body_too_large",
    /// The body could not be decompressed or decoded.
    BodyDecode Http "body_decode",
    /// The peer broke the protocol.
    ProtocolError Http "protocol_error",
    /// A `body` or `css` expectation failed.
    BodyMismatch Content "body_mismatch",
    /// A `header` or `cookie` expectation failed.
    HeaderMismatch Content "header_mismatch",
    /// A `json` expectation failed.
    JsonMismatch Content "json_mismatch",
    /// The final URL, or its scheme, is not the expected one.
    UrlMismatch Content "url_mismatch",
    /// A notice instead of the service: status 200, nothing works (2023-11-17 13:55).
    NoticePage Content "notice_page",
    /// Slower than an expected time.
    TooSlow Content "too_slow",
    /// The flow ended without the positive marker.
    NotLoggedIn Login "not_logged_in",
    /// The form to submit is not on the page.
    FormMissing Login "form_missing",
    /// A value to capture is not in the response.
    CaptureMissing Login "capture_missing",
    /// The service said that the password is wrong.
    BadCredentials Login "bad_credentials",
    /// The service said that the account is locked.
    AccountLocked Login "account_locked",
    /// A captcha stands in the way.
    Captcha Login "captcha",
    /// A second factor is asked for that the flow does not have.
    MfaRequired Login "mfa_required",
    /// The service limits our rate.
    RateLimited Login "rate_limited",
    /// A web application firewall stands in the way.
    WafBlocked Login "waf_blocked",
    /// The service refused our signing certificate.
    CertRejected Login "cert_rejected",
    /// The service's certificate verification server failed (the cause of 2023-11-17).
    PkiBackend Login "pki_backend",
    /// The session was gone in a later step.
    SessionLost Login "session_lost",
    /// The logout failed; degrades only.
    LogoutFailed Login "logout_failed",
    /// The account is held by the guard.
    AccountHeld Probe "account_held",
    /// A secret cannot be read.
    SecretMissing Probe "secret_missing",
    /// A secret would have gone to a host it is not bound to.
    SecretHost Probe "secret_host",
    /// Our signing failed.
    SignFailed Probe "sign_failed",
    /// The proxy refused or could not be reached.
    ProxyFailed Probe "proxy_failed",
    /// All controls fail: this vantage is offline.
    VantageOffline Probe "vantage_offline",
    /// A fault of the prober itself.
    Internal Probe "internal",
}

impl Reason {
    /// Finds a reason by its label.
    pub fn from_label(label: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.as_str() == label)
    }

    /// True for causes on our side of the test: they make a ticket, never an outage.
    pub const fn says_nothing_about_the_service(self) -> bool {
        matches!(self.stage(), Stage::Probe)
            || matches!(
                self,
                Reason::BadCredentials
                    | Reason::AccountLocked
                    | Reason::Captcha
                    | Reason::MfaRequired
                    | Reason::RateLimited
                    | Reason::WafBlocked
                    | Reason::CertRejected
            )
    }
}

/// Everything a run learned. Each field is absent when the run did not get that far or the kind
/// of probe does not have it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Where the time went.
    pub phases: Phases,
    /// The first name resolution, also when it failed.
    pub dns_lookup: Option<Duration>,
    /// The address of the first connection attempt that was answered, else of the last one tried.
    pub address: Option<IpAddr>,
    /// The HTTP exchange.
    pub http: Option<HttpFacts>,
    /// The last handshake.
    pub tls: Option<TlsFacts>,
    /// The kernel's view of the last connection, read before it was closed.
    pub tcp: Option<TcpFacts>,
    /// Login steps, in order, as far as they were reached.
    pub steps: Vec<StepFacts>,
    /// Limits of `warn` that were passed, failed logouts, unavailable revocation lists.
    pub warnings: Vec<Failure>,
    /// What a person wants to see of a failed run: an excerpt of the body, masked.
    pub excerpt: Option<String>,
}

/// Where the time of a run went, summed over redirects. A phase that never began is `None`; one
/// that was cut off holds the time until then, so that the phases account for the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// Name resolution.
    pub resolve: Option<Duration>,
    /// TCP connect, to a proxy if there is one.
    pub connect: Option<Duration>,
    /// TLS handshake.
    pub tls: Option<Duration>,
    /// From the request being written to the response head.
    pub processing: Option<Duration>,
    /// The response body.
    pub transfer: Option<Duration>,
}

impl Phases {
    /// The phases with their label values, in the order of a run.
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
    /// Every response, in order, the final one included.
    pub hops: Vec<Hop>,
}

/// One response on the way to the final one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The URL asked, without query, fragment and userinfo.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// From the request's start to the response head.
    pub elapsed: Duration,
}

/// What the handshake showed, whether or not it was accepted.
#[derive(Debug, Clone, Default)]
pub struct TlsFacts {
    /// `TLS 1.2` or `TLS 1.3`; absent when the handshake did not get that far.
    pub version: Option<&'static str>,
    /// IANA name of the cipher suite, where the TLS stack shows it.
    pub cipher: Option<String>,
    /// The presented chain, leaf first, shared between runs that saw the same bytes.
    pub chain: Option<Arc<Chain>>,
    /// Positions of the chain on the path that was verified; empty when none was found.
    pub path: Vec<usize>,
    /// Earliest `notAfter` on the verified path, unix seconds.
    pub path_not_after: Option<i64>,
    /// All faults found, the one that failed the run first.
    pub faults: Vec<CertFault>,
    /// Which roots vouch for the chain: `webpki`, `file` or `leaf` (listed itself).
    pub trusted_by: Option<&'static str>,
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

/// One login step.
#[derive(Debug, Clone)]
pub struct StepFacts {
    /// Which.
    pub step: Step,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it found what it expects.
    pub success: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_unique_and_found_again() {
        for &reason in Reason::ALL {
            assert_eq!(Reason::from_label(reason.as_str()), Some(reason));
        }
    }

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
