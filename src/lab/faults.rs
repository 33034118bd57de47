//! The ways a system can be broken, and the switchboard that says which are on.
//!
//! Faults compose: a system has a set of them, one of each kind. Everything that listens, speaks
//! TLS or answers for a system asks its set at the moment it matters, so a switch takes effect
//! with the next connection, handshake, message or page.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::systems::{self, System};

/// Messages of this size and more are stalled by [`Kind::StallLarge`]: in November 2023 about
/// 90 % of the packets of 1,500 bytes and more were lost, and nearly none of the smaller ones.
pub const LARGE_MESSAGE_BYTES: usize = 1_500;

/// Longest latency or flapping period that is accepted: more would never be seen by a probe.
const LONGEST_VALUE: Duration = Duration::from_secs(3_600);

/// Declares [`Kind`] once: variant, name, title, English, default value on one line.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal $title:literal $english:literal $value:literal,)*) => {
        /// What can be wrong with a system.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// Every kind, from the connection up to the page.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// As files, the API and the page write it.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// Korean, for buttons.
            pub const fn title(self) -> &'static str {
                match self { $(Kind::$variant => $title,)* }
            }

            /// What it does, in English.
            pub const fn english(self) -> &'static str {
                match self { $(Kind::$variant => $english,)* }
            }

            /// The value it takes when none is given; empty where it takes none.
            pub const fn default_value(self) -> &'static str {
                match self { $(Kind::$variant => $value,)* }
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
    SlowDrip "slow_drip" "찔끔 응답" "answers trickle, 64 bytes a second" "",
    /// A leaf that ended yesterday.
    ExpiredCertificate "expired_certificate" "인증서 만료" "the certificate ended yesterday" "",
    /// Only the leaf is sent: browsers fetch the rest, API clients fail.
    MissingIntermediate "missing_intermediate" "중간인증서 누락" "the intermediate is not sent" "",
    /// This status for every page.
    ErrorStatus "error_status" "오류 상태" "every page answers with the status" "503",
    /// Status 200 and a page that says the service is closed.
    NoticePage "notice_page" "점검 안내" "a notice page with status 200" "",
    /// Every password is wrong, as when a directory has gone empty.
    WrongPassword "wrong_password" "비밀번호 거부" "every password is rejected" "",
    /// The login page shows a picture with letters and insists on them.
    Captcha "captcha" "캡차" "logins ask for a captcha" "",
    /// Sessions are gone at the next request after the login.
    LostSession "lost_session" "세션 유실" "sessions vanish after the login" "",
    /// The other faults come and go: half of the period on, half off. Alone it answers 503.
    Flapping "flapping" "불안정" "the other faults come and go with the period" "20s",
}

impl Kind {
    /// Finds a kind by its name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A kind and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    kind: Kind,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Time(Duration),
    Status(u16),
}

impl Fault {
    /// A fault with its kind's default value.
    pub fn new(kind: Kind) -> Fault {
        let value = match kind {
            Kind::Latency => Value::Time(Duration::from_secs(3)),
            Kind::Flapping => Value::Time(Duration::from_secs(20)),
            Kind::ErrorStatus => Value::Status(503),
            _ => Value::None,
        };
        Fault { kind, value }
    }

    /// Every answer is `delay` late.
    pub fn latency(delay: Duration) -> Fault {
        Fault { kind: Kind::Latency, value: Value::Time(delay) }
    }

    /// Every page answers with `status`.
    pub fn error_status(status: u16) -> Fault {
        Fault { kind: Kind::ErrorStatus, value: Value::Status(status) }
    }

    /// Half of `period` broken, half well.
    pub fn flapping(period: Duration) -> Fault {
        Fault { kind: Kind::Flapping, value: Value::Time(period) }
    }

    /// Reads `latency`, `latency=3s`, `error_status=500`.
    pub fn parse(text: &str) -> Result<Fault, Mistake> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let kind = Kind::from_name(name.trim()).ok_or_else(|| {
            Mistake::unknown("fault", name.trim(), Kind::ALL.iter().map(|kind| kind.name()))
        })?;
        let value = value.trim();
        if value.is_empty() {
            return Ok(Fault::new(kind));
        }
        let bad = |wanted: &str| Mistake {
            message: format!("{}={value}: wanted {wanted}", kind.name()),
            valid: Vec::new(),
        };
        match kind {
            Kind::Latency | Kind::Flapping => match humantime::parse_duration(value) {
                Ok(time) if !time.is_zero() && time <= LONGEST_VALUE => {
                    Ok(Fault { kind, value: Value::Time(time) })
                }
                _ => Err(bad("a time of at most 1h such as 3s or 500ms")),
            },
            Kind::ErrorStatus => match value.parse() {
                Ok(status @ 400..=599) => Ok(Fault::error_status(status)),
                _ => Err(bad("a status from 400 to 599")),
            },
            _ => Err(bad("no value")),
        }
    }

    /// Which.
    pub fn kind(self) -> Kind {
        self.kind
    }

    fn time(self) -> Duration {
        match self.value {
            Value::Time(time) => time,
            _ => Duration::ZERO,
        }
    }
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Fault {
        Fault::new(kind)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.value {
            Value::None => Ok(()),
            Value::Time(time) => write!(f, "={}", humantime::format_duration(time)),
            Value::Status(status) => write!(f, "={status}"),
        }
    }
}

/// A name or value that does not exist, with those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// One sentence, with a suggestion where one is near.
    pub message: String,
    /// Everything that would have been right; empty where that cannot be listed.
    pub valid: Vec<String>,
}

impl Mistake {
    /// `no fault named "stal"; did you mean "stall"?`
    pub fn unknown<'a>(
        what: &str,
        name: &str,
        valid: impl IntoIterator<Item = &'a str>,
    ) -> Mistake {
        /// Jaro-Winkler similarity from which on a name is worth suggesting.
        const NEAR: f64 = 0.8;
        let valid: Vec<String> = valid.into_iter().map(str::to_owned).collect();
        let near = valid
            .iter()
            .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(score, _)| *score >= NEAR);
        let hint = near.map(|(_, name)| format!("; did you mean \"{name}\"?")).unwrap_or_default();
        Mistake { message: format!("no {what} named \"{name}\"{hint}"), valid }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.valid.is_empty() {
            write!(f, " (valid: {})", self.valid.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistake {}

/// The faults of one system, at most one of each kind.
#[derive(Debug, Clone, Default)]
pub struct FaultSet {
    faults: Vec<(Fault, Instant)>,
}

impl FaultSet {
    /// Everything that is switched on, whether or not it bites at this moment.
    pub fn switched_on(&self) -> impl Iterator<Item = Fault> {
        self.faults.iter().map(|(fault, _)| *fault)
    }

    /// The fault of this kind, if it bites at `now`.
    pub fn active(&self, kind: Kind, now: Instant) -> Option<Fault> {
        let found = self.switched_on().find(|fault| fault.kind == kind);
        match self.flap(now) {
            None => found,
            Some(flap) if !flap.broken => None,
            // Flapping alone needs something that comes and goes.
            Some(_) if self.faults.len() == 1 && kind == Kind::ErrorStatus => {
                Some(Fault::new(Kind::ErrorStatus))
            }
            Some(_) => found,
        }
    }

    /// Whether the fault of this kind bites now.
    pub fn bites(&self, kind: Kind) -> bool {
        self.active(kind, Instant::now()).is_some()
    }

    /// The delay of every answer now.
    pub fn latency(&self) -> Option<Duration> {
        self.active(Kind::Latency, Instant::now()).map(Fault::time)
    }

    /// The status of every answer now.
    pub fn error_status(&self) -> Option<u16> {
        match self.active(Kind::ErrorStatus, Instant::now())?.value {
            Value::Status(status) => Some(status),
            _ => None,
        }
    }

    /// When [`FaultSet::active`] may next say something else by itself.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        self.flap(now).map(|flap| flap.until)
    }

    fn flap(&self, now: Instant) -> Option<Flap> {
        let (fault, since) = self.faults.iter().find(|(fault, _)| fault.kind == Kind::Flapping)?;
        let half = (fault.time() / 2).max(Duration::from_millis(1));
        let halves = now.saturating_duration_since(*since).as_millis() / half.as_millis().max(1);
        let halves = u32::try_from(halves).unwrap_or(u32::MAX - 1);
        let broken = halves.is_multiple_of(2);
        let until = half.checked_mul(halves + 1).and_then(|time| since.checked_add(time));
        Some(Flap { broken, until: until.unwrap_or(now + half) })
    }

    fn insert(&mut self, fault: Fault) {
        self.faults.retain(|(old, _)| old.kind != fault.kind);
        self.faults.push((fault, Instant::now()));
        self.faults.sort_by_key(|(fault, _)| fault.kind);
    }
}

struct Flap {
    broken: bool,
    until: Instant,
}

/// One switch for every system of the estate.
#[derive(Debug)]
pub struct Switchboard {
    sets: Vec<watch::Sender<FaultSet>>,
}

impl Switchboard {
    /// Everything works.
    pub fn new() -> Switchboard {
        Switchboard { sets: systems::ALL.iter().map(|_| watch::Sender::default()).collect() }
    }

    /// Switches a fault on; one of the same kind is replaced.
    pub fn set(&self, system: &System, fault: impl Into<Fault>) {
        let fault = fault.into();
        self.sender(system).send_modify(|set| set.insert(fault));
    }

    /// Switches a kind off.
    pub fn clear(&self, system: &System, kind: Kind) {
        self.sender(system).send_modify(|set| set.faults.retain(|(fault, _)| fault.kind != kind));
    }

    /// Switches everything of a system off.
    pub fn clear_all(&self, system: &System) {
        self.sender(system).send_modify(|set| set.faults.clear());
    }

    /// What is on now.
    pub fn of(&self, system: &System) -> FaultSet {
        self.sender(system).borrow().clone()
    }

    /// Follows a system's set.
    pub fn subscribe(&self, system: &System) -> watch::Receiver<FaultSet> {
        self.sender(system).subscribe()
    }

    fn sender(&self, system: &System) -> &watch::Sender<FaultSet> {
        &self.sets[system.index()]
    }
}

impl Default for Switchboard {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_read_back() {
        for text in ["refuse", "latency=250ms", "error_status=500", "flapping=1m"] {
            assert_eq!(Fault::parse(text).unwrap().to_string(), text);
        }
        for &kind in Kind::ALL {
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
        assert_eq!(mistake.valid.len(), Kind::ALL.len());
        assert!(Fault::parse("latency=forever").is_err());
        assert!(Fault::parse("latency=0s").is_err());
        assert!(Fault::parse("error_status=200").is_err());
        assert!(Fault::parse("refuse=1").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn flapping_gates_the_others_and_alone_answers_503() {
        let board = Switchboard::new();
        let gpki = systems::ALL[0];
        board.set(gpki, Fault::flapping(Duration::from_secs(20)));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let status = |seconds| board.of(gpki).active(Kind::ErrorStatus, at(seconds)).is_some();
        assert_eq!([0, 9, 10, 19, 20].map(status), [true, true, false, false, true]);
        assert_eq!(board.of(gpki).next_change(at(3)), Some(at(10)));

        board.set(gpki, Kind::Refuse);
        let refuse = |seconds| board.of(gpki).active(Kind::Refuse, at(seconds)).is_some();
        assert_eq!([0, 10, 20].map(refuse), [true, false, true]);
        assert!(!status(0));
    }
}
