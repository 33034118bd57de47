use super::*;
use chain::{Certificate, Chain, ChainFault, ChainFaultKind, TlsFacts};

use crate::outcome::{Facts, Step};

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);
const FRESHNESS: Duration = Duration::from_secs(100);

/// One target on a clock that only the test moves.
struct Script {
    start: Instant,
    wall: SystemTime,
    availability: Availability,
}

impl Script {
    fn new() -> Script {
        let start = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Script { start, wall, availability: Availability::new(3 * INTERVAL + TIMEOUT, start) }
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn wall(&self, second: u64) -> SystemTime {
        self.wall + Duration::from_secs(second)
    }

    fn run(&mut self, second: u64, cadence: Cadence, result: Result<(), Failure>) {
        self.run_with(second, cadence, result, Facts::default());
    }

    fn run_with(&mut self, s: u64, cadence: Cadence, result: Result<(), Failure>, facts: Facts) {
        let started_at = self.wall(s);
        let outcome = Arc::new(Outcome { started_at, elapsed: Duration::ZERO, result, facts });
        self.availability.observe(&Run {
            cadence,
            lag: Duration::ZERO,
            finished: self.at(s),
            outcome,
        });
    }

    fn up(&mut self, second: u64) {
        self.run(second, Cadence::Scheduled, Ok(()));
    }

    fn down(&mut self, second: u64) {
        self.run(second, Cadence::Scheduled, Err(refused()));
    }

    fn recheck_down(&mut self, second: u64) {
        self.run(second, Cadence::Recheck, Err(refused()));
    }

    fn unknown(&mut self, second: u64) {
        self.run(second, Cadence::Scheduled, Err(Failure::new(Reason::Captcha, "shown")));
    }

    /// Seconds up, degraded, down, unknown, unobserved at this second.
    fn shares(&mut self, second: u64) -> [f64; 5] {
        self.availability.accrue(self.at(second));
        self.availability.booked.map(|duration| duration.as_secs_f64())
    }
}

fn refused() -> Failure {
    Failure::new(Reason::ConnectRefused, "10.0.0.1:443 refused the connection")
}

fn chain_of(serial: &str) -> TlsFacts {
    let leaf = Certificate {
        subject: "CN=www.example.go.kr".into(),
        issuer: "CN=Example CA".into(),
        serial: serial.into(),
        dns_names: vec!["www.example.go.kr".into()],
        fingerprint_sha256: serial.into(),
        public_key_sha256: String::new(),
        not_before: 1,
        not_after: 2,
        key: "ECDSA P-256".into(),
        key_bits: Some(256),
        signature: "ecdsa-with-SHA256".into(),
    };
    TlsFacts { chain: Some(Arc::new(Chain { certs: vec![leaf] })), ..TlsFacts::default() }
}

#[test]
fn freshness_of_the_tests_is_that_of_the_schedule() {
    let schedule = crate::config::Schedule::new(INTERVAL, TIMEOUT, None).unwrap();
    assert_eq!(schedule.freshness(), FRESHNESS);
}

#[test]
fn an_outage_of_known_minutes_with_rechecks_and_a_stall_is_booked_to_the_second() {
    let mut script = Script::new();
    // Unobserved until the first run at 15 s, then ten minutes up.
    for run in 0..20 {
        script.up(15 + run * 30);
    }
    // Down from 615 s: rechecks at 620, 625, 630, then the grid, up again at 795 s = 3 minutes.
    script.down(615);
    for second in [620, 625, 630] {
        script.recheck_down(second);
    }
    for second in [645, 675, 705, 735, 765] {
        script.down(second);
    }
    script.up(795);
    for second in [800, 805, 810] {
        script.run(second, Cadence::Recheck, Ok(()));
    }
    assert_eq!(script.shares(810), [615.0, 0.0, 180.0, 0.0, 15.0]);
    // A stall: no run from 825 s to 1,425 s. The verdict holds for the 100 s of freshness, and
    // the other 500 s were watched by nobody.
    script.up(825);
    script.up(1425);
    assert_eq!(script.shares(1440), [615.0 + 15.0 + 100.0 + 15.0, 0.0, 180.0, 0.0, 515.0]);
    // Runs and rechecks are counted apart.
    assert_eq!(script.availability.runs(), Counts { success: 23, failure: 6, unknown: 0 });
    assert_eq!(script.availability.rechecks(), Counts { success: 3, failure: 3, unknown: 0 });
}

#[test]
fn the_shares_add_up_to_the_time_since_adoption_however_often_they_are_read() {
    let mut often = Script::new();
    let mut once = Script::new();
    for second in 0..3_000 {
        if second % 70 == 5 && !(1_000..1_500).contains(&second) {
            let turn = [Script::up, Script::down, Script::unknown][(second / 70 % 3) as usize];
            turn(&mut often, second);
            turn(&mut once, second);
        }
        let sum: f64 = often.shares(second).iter().sum();
        assert_eq!(sum, second as f64);
    }
    assert_eq!(often.shares(3_000), once.shares(3_000));
}

#[test]
fn a_scrape_between_a_runs_end_and_its_observation_makes_no_counter_fall() {
    let mut script = Script::new();
    script.up(10);
    let before = script.shares(41);
    script.down(40);
    let after = script.shares(41);
    assert_eq!(before, after);
    assert_eq!(script.shares(51), [31.0, 0.0, 10.0, 0.0, 10.0]);
}

#[test]
fn degraded_and_unknown_have_shares_of_their_own() {
    let mut script = Script::new();
    let mut facts = Facts::default();
    facts.warnings.push(Failure::new(Reason::TooSlow, "2.1 s"));
    script.run_with(0, Cadence::Scheduled, Ok(()), facts);
    script.unknown(30);
    assert_eq!(script.shares(45), [0.0, 30.0, 0.0, 15.0, 0.0]);
}

#[test]
fn unknown_runs_leave_consecutive_failures_alone_and_rechecks_count() {
    let mut script = Script::new();
    script.down(0);
    script.recheck_down(5);
    assert_eq!(script.availability.consecutive_failures(), 2);
    script.unknown(30);
    assert_eq!(script.availability.consecutive_failures(), 2);
    script.down(60);
    assert_eq!(script.availability.consecutive_failures(), 3);
    script.up(90);
    assert_eq!(script.availability.consecutive_failures(), 0);
}

#[test]
fn transitions_count_changes_between_working_and_down_and_skip_unknown() {
    let mut script = Script::new();
    script.up(0);
    assert_eq!(script.availability.transitions(), 0, "the first verdict changes nothing");
    script.down(30);
    script.unknown(60);
    script.down(90);
    assert_eq!(script.availability.transitions(), 1);
    script.up(120);
    script.unknown(150);
    script.down(180);
    assert_eq!(script.availability.transitions(), 3);
}

#[test]
fn an_outage_is_older_than_the_unknown_run_in_its_middle() {
    let mut script = Script::new();
    script.up(0);
    script.down(30);
    script.unknown(60);
    assert_eq!(script.availability.since(), Some(script.wall(60)));
    script.down(90);
    assert_eq!(script.availability.since(), Some(script.wall(30)));
    script.up(120);
    script.up(150);
    assert_eq!(script.availability.since(), Some(script.wall(120)));
}

#[test]
fn freshness_ends_three_intervals_and_a_timeout_after_the_last_run() {
    let mut script = Script::new();
    assert!(!script.availability.is_fresh(script.at(0)), "no run yet");
    script.up(30);
    assert!(script.availability.is_fresh(script.at(130)));
    assert!(!script.availability.is_fresh(script.at(131)));
    assert_eq!(
        script.availability.verdict(),
        Some(Verdict::Up),
        "the verdict itself is remembered"
    );
}

#[test]
fn failures_are_counted_by_reason_and_step() {
    let mut script = Script::new();
    let mut in_step = refused();
    in_step.step = Some(Step { name: "sign".into(), component: "gpki".into() });
    script.down(0);
    script.run(30, Cadence::Scheduled, Err(in_step.clone()));
    script.run(35, Cadence::Recheck, Err(in_step));
    let counted: Vec<_> = script
        .availability
        .failures()
        .iter()
        .map(|failure| (failure.reason, failure.step.as_deref(), failure.runs))
        .collect();
    assert_eq!(
        counted,
        [(Reason::ConnectRefused, None, 1), (Reason::ConnectRefused, Some("sign"), 2)]
    );
}

#[test]
fn the_last_success_survives_failures() {
    let mut script = Script::new();
    script.up(0);
    script.down(30);
    assert_eq!(script.availability.last_success_at(), Some(script.wall(0)));
    assert_eq!(script.availability.last_run_at(), Some(script.wall(30)));
}

#[test]
fn certificates_are_kept_while_unreachable_and_replaced_at_once_by_a_renewal() {
    let mut script = Script::new();
    let with = |tls| Facts { tls: Some(tls), ..Facts::default() };
    let mut expired = chain_of("0a");
    for detail in ["leaf", "intermediate"] {
        expired.faults.push(ChainFault { kind: ChainFaultKind::Expired, detail: detail.into() });
    }
    let failure = Err(Failure::new(Reason::TlsExpired, "expired yesterday"));
    script.run_with(0, Cadence::Scheduled, failure, with(expired));
    script.down(30);
    script.run_with(60, Cadence::Scheduled, Err(refused()), with(TlsFacts::default()));
    let known = script.availability.certs().unwrap();
    assert_eq!(known.chain.certs[0].serial, "0a");
    assert_eq!(*known.faults, [ChainFaultKind::Expired]);
    script.run_with(90, Cadence::Scheduled, Ok(()), with(chain_of("0b")));
    let known = script.availability.certs().unwrap();
    assert_eq!(known.chain.certs[0].serial, "0b");
    assert!(known.faults.is_empty());
}
