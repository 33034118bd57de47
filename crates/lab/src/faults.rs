//! The ways a system can be broken, as values.
//!
//! Faults compose: a system has a set of them, at most one of each kind.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::mistake::Mistake;

/// Messages of this size and more are stalled by [`FaultKind::StallLarge`]: in November 2023 about
/// 90 % of the packets of 1,500 bytes and more were lost, and nearly none of the smaller ones.
pub const LARGE_MESSAGE_BYTES: usize = 1_500;

/// Longest latency, wait or flapping period that is accepted: more would never be seen by a probe.
const LONGEST_VALUE: Duration = Duration::from_secs(3_600);

/// Declares [`FaultKind`] once: variant, name, title, English, default value on one line.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal $title:literal $english:literal $value:literal,)*) => {
        /// What can be wrong with a system.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind { $($(#[$doc])* $variant,)* }

        impl FaultKind {
            /// Every kind, from the connection up to the page.
            pub const ALL: &'static [FaultKind] = &[$(FaultKind::$variant,)*];

            /// As files, the API and the page write it.
            pub const fn name(self) -> &'static str {
                match self { $(FaultKind::$variant => $name,)* }
            }

            /// Korean, for buttons.
            pub const fn title(self) -> &'static str {
                match self { $(FaultKind::$variant => $title,)* }
            }

            /// What it does, in English.
            pub const fn english(self) -> &'static str {
                match self { $(FaultKind::$variant => $english,)* }
            }

            /// The value it takes when none is given; empty where it takes none.
            pub const fn default_value(self) -> &'static str {
                match self { $(FaultKind::$variant => $value,)* }
            }
        }
    };
}

kinds! {
    /// Nothing listens: the kernel answers a connection attempt with a reset.
    Refuse "refuse" "연결 거부" "connections are refused" "",
    /// Connections are accepted and never answered, not even the TLS handshake.
    Stall "stall" "무응답" "accepts, then never answers" "",
    /// Small messages pass; a request or response of 1,500 bytes and more never arrives.
    StallLarge "stall_large" "대용량 유실" "messages of 1,500 bytes and more never arrive" "",
    /// Every answer is this much late.
    Latency "latency" "지연" "every answer is late by the value" "3s",
    /// Answers arrive a few bytes at a time.
    SlowDrip "slow_drip" "저속 응답" "answers trickle, 64 bytes a second" "",
    /// A leaf that ended yesterday.
    ExpiredCertificate "expired_certificate" "인증서 만료" "the certificate ended yesterday" "",
    /// Only the leaf is sent: browsers fetch the rest, API clients fail.
    MissingIntermediate "missing_intermediate" "중간인증서 누락" "the intermediate is not sent" "",
    /// A leaf of another key, as who moves gets one.
    NewCertificate "new_certificate" "새 인증서" "another certificate, as good as the first" "",
    /// The first address refuses; where a system has a name of its own, that leads to another one.
    Relocated "relocated" "주소 이전" "the name leads to another address, and the first one refuses" "",
    /// This status for every page.
    ErrorStatus "error_status" "오류 상태" "every page answers with the status" "503",
    /// Status 200 and a page that says the service is closed.
    NoticePage "notice_page" "점검 안내" "a notice page with status 200" "",
    /// Every password is wrong, as when a directory has gone empty.
    WrongPassword "wrong_password" "비밀번호 거부" "every password is rejected" "",
    /// The login page shows a picture with letters and insists on them.
    Captcha "captcha" "캡차" "logins ask for a captcha" "",
    /// People wait this long before they may sign in, where a system has a waiting room.
    WaitingRoom "waiting_room" "접속 대기" "the waiting room lets people in after the value" "2s",
    /// A right password leads to a notice that it should be changed, with a button "later".
    PasswordNotice "password_notice" "비밀번호 변경 안내" "a notice behind the login: change the password, or later" "",
    /// A right password has to be changed before anybody is let in.
    PasswordExpired "password_expired" "비밀번호 만료" "passwords have to be changed first" "",
    /// A right password is told that another session is open.
    DuplicateSession "duplicate_session" "중복 로그인" "logins are told of another open session" "",
    /// An account has one session: a second login is asked whether the first one is to end.
    OneSession "one_session" "중복 로그인 확인" "who is signed in elsewhere is asked to end that session" "",
    /// The probes' certificate is on the list of revoked ones.
    RevokedSigner "revoked_signer" "인증서 폐지" "the probes' certificate is revoked" "",
    /// Verification finds no revocation list.
    PkiBackend "pki_backend" "CRL 서버 장애" "the revocation list cannot be had" "",
    /// Sessions are gone at the next request after the login.
    LostSession "lost_session" "세션 유실" "sessions vanish after the login" "",
    /// The other faults come and go: half of the period on, half off. Alone it answers 503.
    Flapping "flapping" "불안정" "the other faults come and go with the period" "20s",
}

impl FaultKind {
    /// The kind of this name.
    pub fn find(name: &str) -> Result<FaultKind, Mistake> {
        FaultKind::named(name).ok_or_else(|| Mistake::unknown("fault", name, FaultKind::names()))
    }

    /// The kind of this name; `None` for `all`.
    pub fn find_or_all(name: &str) -> Result<Option<FaultKind>, Mistake> {
        match (name, FaultKind::named(name)) {
            (_, Some(kind)) => Ok(Some(kind)),
            ("all", None) => Ok(None),
            _ => Err(Mistake::unknown("fault", name, FaultKind::names().chain(["all"]))),
        }
    }

    fn named(name: &str) -> Option<FaultKind> {
        FaultKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    fn names() -> impl Iterator<Item = &'static str> {
        FaultKind::ALL.iter().map(|kind| kind.name())
    }
}

/// A kind and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    value: FaultValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultValue {
    None,
    Time(Duration),
    Status(u16),
}

impl Fault {
    /// A fault with its kind's default value.
    pub fn new(kind: FaultKind) -> Fault {
        let value = match kind {
            FaultKind::Latency => FaultValue::Time(Duration::from_secs(3)),
            FaultKind::WaitingRoom => FaultValue::Time(Duration::from_secs(2)),
            FaultKind::Flapping => FaultValue::Time(Duration::from_secs(20)),
            FaultKind::ErrorStatus => FaultValue::Status(503),
            _ => FaultValue::None,
        };
        Fault { kind, value }
    }

    /// Every answer is `delay` late.
    pub fn latency(delay: Duration) -> Fault {
        Fault { kind: FaultKind::Latency, value: FaultValue::Time(delay) }
    }

    /// The waiting room lets people in after `wait`.
    pub fn waiting_room(wait: Duration) -> Fault {
        Fault { kind: FaultKind::WaitingRoom, value: FaultValue::Time(wait) }
    }

    /// Every page answers with `status`.
    pub fn error_status(status: u16) -> Fault {
        Fault { kind: FaultKind::ErrorStatus, value: FaultValue::Status(status) }
    }

    /// Half of `period` broken, half well.
    pub fn flapping(period: Duration) -> Fault {
        Fault { kind: FaultKind::Flapping, value: FaultValue::Time(period) }
    }

    /// Reads `latency`, `latency=3s`, `error_status=500`.
    pub fn parse(text: &str) -> Result<Fault, Mistake> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let kind = FaultKind::find(name.trim())?;
        let value = value.trim();
        if value.is_empty() {
            return Ok(Fault::new(kind));
        }
        let bad = |wanted: &str| Mistake {
            message: format!("{}={value}: wanted {wanted}", kind.name()),
            valid: Vec::new(),
        };
        match kind {
            FaultKind::Latency | FaultKind::WaitingRoom | FaultKind::Flapping => {
                match humantime::parse_duration(value) {
                    Ok(time) if !time.is_zero() && time <= LONGEST_VALUE => {
                        Ok(Fault { kind, value: FaultValue::Time(time) })
                    }
                    _ => Err(bad("a time of at most 1h such as 3s or 500ms")),
                }
            }
            FaultKind::ErrorStatus => match value.parse() {
                Ok(status @ 400..=599) => Ok(Fault::error_status(status)),
                _ => Err(bad("a status from 400 to 599")),
            },
            _ => Err(bad("no value")),
        }
    }

    pub fn kind(self) -> FaultKind {
        self.kind
    }

    fn time(self) -> Duration {
        match self.value {
            FaultValue::Time(time) => time,
            _ => Duration::ZERO,
        }
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Fault {
        Fault::new(kind)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.value {
            FaultValue::None => Ok(()),
            FaultValue::Time(time) => write!(f, "={}", humantime::format_duration(time)),
            FaultValue::Status(status) => write!(f, "={status}"),
        }
    }
}

/// The faults of one system, at most one of each kind.
#[derive(Debug, Clone, Default)]
pub struct FaultSet {
    faults: Vec<(Fault, Instant)>,
}

impl FaultSet {
    /// Every fault that is switched on, whether or not flapping lets it take effect now.
    pub fn switched_on(&self) -> impl Iterator<Item = Fault> {
        self.faults.iter().map(|(fault, _)| *fault)
    }

    /// The fault of this kind, if it is in effect at `now`.
    pub fn active(&self, kind: FaultKind, now: Instant) -> Option<Fault> {
        let found = self.switched_on().find(|fault| fault.kind == kind);
        match self.flap(now) {
            None => found,
            Some(flap) if !flap.broken => None,
            // Flapping alone answers 503 in its broken half.
            Some(_) if self.faults.len() == 1 && kind == FaultKind::ErrorStatus => {
                Some(Fault::new(FaultKind::ErrorStatus))
            }
            Some(_) => found,
        }
    }

    /// Whether a fault of this kind is in effect now.
    pub fn bites(&self, kind: FaultKind) -> bool {
        self.active(kind, Instant::now()).is_some()
    }

    /// The delay of every answer now, if there is one.
    pub fn latency(&self) -> Option<Duration> {
        self.active(FaultKind::Latency, Instant::now()).map(Fault::time)
    }

    /// How long the waiting room keeps people now, if there is one.
    pub fn waiting_time(&self) -> Option<Duration> {
        self.active(FaultKind::WaitingRoom, Instant::now()).map(Fault::time)
    }

    /// The error status of every answer now, if there is one.
    pub fn error_status(&self) -> Option<u16> {
        match self.active(FaultKind::ErrorStatus, Instant::now())?.value {
            FaultValue::Status(status) => Some(status),
            _ => None,
        }
    }

    /// When flapping next changes what [`FaultSet::active`] returns.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        self.flap(now).map(|flap| flap.until)
    }

    fn flap(&self, now: Instant) -> Option<Flap> {
        let (fault, since) =
            self.faults.iter().find(|(fault, _)| fault.kind == FaultKind::Flapping)?;
        let half = (fault.time() / 2).max(Duration::from_millis(1));
        let halves = now.saturating_duration_since(*since).as_millis() / half.as_millis().max(1);
        let halves = u32::try_from(halves).unwrap_or(u32::MAX - 1);
        let broken = halves.is_multiple_of(2);
        let until = half.checked_mul(halves + 1).and_then(|time| since.checked_add(time));
        Some(Flap { broken, until: until.unwrap_or(now + half) })
    }

    /// Switches a fault on; one of the same kind is replaced.
    pub fn insert(&mut self, fault: Fault) {
        self.remove(fault.kind);
        self.faults.push((fault, Instant::now()));
        self.faults.sort_by_key(|(fault, _)| fault.kind);
    }

    pub fn remove(&mut self, kind: FaultKind) {
        self.faults.retain(|(fault, _)| fault.kind != kind);
    }

    pub fn clear(&mut self) {
        self.faults.clear();
    }
}

struct Flap {
    broken: bool,
    until: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_read_back() {
        for text in
            ["refuse", "latency=250ms", "error_status=500", "flapping=1m", "waiting_room=9s"]
        {
            assert_eq!(Fault::parse(text).unwrap().to_string(), text);
        }
        for &kind in FaultKind::ALL {
            let written = Fault::new(kind).to_string();
            let value = kind.default_value();
            let wanted = if value.is_empty() {
                kind.name().into()
            } else {
                format!("{}={value}", kind.name())
            };
            assert_eq!(written, wanted);
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let mistake = Fault::parse("stal_large").unwrap_err();
        assert_eq!(mistake.message, "no fault named \"stal_large\"; did you mean \"stall_large\"?");
        assert_eq!(mistake.valid.len(), FaultKind::ALL.len());
        assert!(Fault::parse("latency=forever").is_err());
        assert!(Fault::parse("latency=0s").is_err());
        assert!(Fault::parse("error_status=200").is_err());
        assert!(Fault::parse("refuse=1").is_err());
    }
}
