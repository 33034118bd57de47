//! When runs take place: scripted probes on a paused clock, never real sockets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu::config::{
    DialOptions, Kind, Revocation, Schedule, Target, TargetId, TlsClientOptions, TlsOptions,
};
use bongsu::controls::{Contact, Controls, Reading};
use bongsu::outcome::{Facts, Failure, Reason, Verdict};
use bongsu::probe::{Deadline, Probe};
use bongsu::scheduler::permits::Limits;
use bongsu::scheduler::phase::Grid;
use bongsu::scheduler::{Cadence, Changes, Observer, Run, Scheduler, Stopped, Work};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

const MS: Duration = Duration::from_millis(1);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A target of an interval, with a timeout of a third of it.
struct Spec {
    service: String,
    interval: Duration,
    timeout: Duration,
    recheck: Option<Duration>,
    instance: String,
}

fn spec(service: &str, interval: Duration) -> Spec {
    Spec {
        service: service.to_owned(),
        interval,
        timeout: interval / 3,
        recheck: None,
        instance: "first".to_owned(),
    }
}

impl Spec {
    fn timeout(self, timeout: Duration) -> Spec {
        Spec { timeout, ..self }
    }

    fn recheck(self, recheck: Duration) -> Spec {
        Spec { recheck: Some(recheck), ..self }
    }

    /// The same id, other work.
    fn changed(self) -> Spec {
        Spec { instance: "second".to_owned(), ..self }
    }

    fn target(&self) -> Arc<Target> {
        let service: Arc<str> = self.service.as_str().into();
        Arc::new(Target {
            id: TargetId { service: Arc::clone(&service), probe: "front".into(), site: None },
            component: service,
            instance: self.instance.clone(),
            schedule: Schedule::new(self.interval, self.timeout, self.recheck).unwrap(),
            latency_objective: None,
            labels: Default::default(),
            dial: DialOptions::default(),
            kind: Kind::Tls(Box::new(TlsOptions {
                host: "localhost".to_owned(),
                port: 443,
                tls: TlsClientOptions { revocation: Revocation::Off, ..Default::default() },
                alpn: Vec::new(),
                expect_time: None,
                warn_time: None,
            })),
        })
    }

    fn grid(&self, origin: Instant) -> Grid {
        Grid::new(&self.target().id, self.interval, origin)
    }

    fn runs(self, script: Script) -> Work {
        Work { target: self.target(), probe: Arc::new(Scripted::new(script)) }
    }
}

/// What a run of a scripted probe does; the last step is repeated.
type Script = Vec<Step>;

#[derive(Debug, Clone)]
struct Step {
    takes: Takes,
    result: Result<(), Reason>,
}

#[derive(Debug, Clone)]
enum Takes {
    Time(Duration),
    /// Until the deadline, as a black hole does.
    Timeout,
    /// As long as it is let, whatever the deadline.
    Forever,
    /// Until it is asked to stop, and then a little for signing out.
    UntilStopped(Duration),
    Panic,
}

fn up() -> Step {
    Step { takes: Takes::Time(Duration::ZERO), result: Ok(()) }
}

fn fails(reason: Reason) -> Step {
    Step { takes: Takes::Time(Duration::ZERO), result: Err(reason) }
}

fn down() -> Step {
    fails(Reason::HttpStatus)
}

fn black_hole() -> Step {
    Step { takes: Takes::Timeout, result: Err(Reason::ConnectTimeout) }
}

impl Step {
    fn after(self, takes: Duration) -> Step {
        Step { takes: Takes::Time(takes), ..self }
    }
}

struct Scripted {
    script: Script,
    run: Mutex<usize>,
    /// Never more than one.
    under_way: Semaphore,
}

impl Scripted {
    fn new(script: Script) -> Scripted {
        Scripted { script, run: Mutex::new(0), under_way: Semaphore::new(1) }
    }
}

impl Probe for Scripted {
    fn attempt<'a>(
        &'a self,
        _facts: &'a mut Facts,
        deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let _only = self.under_way.try_acquire().expect("a probe never overlaps itself");
            let number = {
                let mut run = self.run.lock().unwrap();
                *run += 1;
                *run - 1
            };
            let step = &self.script[number.min(self.script.len() - 1)];
            match &step.takes {
                Takes::Time(time) if time.is_zero() => {}
                Takes::Time(time) => sleep(*time).await,
                Takes::Timeout => sleep_until(deadline.at()).await,
                Takes::Forever => std::future::pending().await,
                Takes::UntilStopped(then) => {
                    deadline.stop().cancelled().await;
                    sleep(*then).await;
                }
                Takes::Panic => panic!("as scripted"),
            }
            step.result.map_err(|reason| Failure::new(reason, "as scripted"))
        }
        .boxed()
    }
}

/// Something an observer was told.
#[derive(Debug, Clone, PartialEq)]
enum Event {
    Adopted { at: Duration },
    Started { at: Duration },
    Ran { cadence: Cadence, finished: Duration, lag: Duration, verdict: Verdict },
    Skipped { cadence: Cadence, runs: u64 },
    Forgotten,
}

/// Writes everything down, per service, in time since its own start.
struct Witness {
    start: Instant,
    events: Mutex<HashMap<String, Vec<Event>>>,
}

impl Witness {
    fn new() -> Arc<Witness> {
        Arc::new(Witness { start: Instant::now(), events: Mutex::default() })
    }

    fn note(&self, id: &TargetId, event: Event) {
        self.events.lock().unwrap().entry(id.service.to_string()).or_default().push(event);
    }

    fn of(&self, service: &str) -> Vec<Event> {
        self.events.lock().unwrap().get(service).cloned().unwrap_or_default()
    }

    /// When runs began.
    fn starts(&self, service: &str) -> Vec<Duration> {
        let starts = self.of(service).into_iter().filter_map(|event| match event {
            Event::Started { at } => Some(at),
            _ => None,
        });
        starts.collect()
    }

    fn count(&self, matching: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().values().flatten().filter(|event| matching(event)).count()
    }

    fn skipped(&self, which: Cadence) -> u64 {
        let events = self.events.lock().unwrap();
        let skipped = events.values().flatten().map(|event| match event {
            Event::Skipped { cadence, runs } if *cadence == which => *runs,
            _ => 0,
        });
        skipped.sum()
    }
}

impl Observer for Witness {
    fn adopt(&self, target: &Arc<Target>, now: Instant) {
        self.note(&target.id, Event::Adopted { at: now - self.start });
    }

    fn started(&self, target: &Arc<Target>) {
        self.note(&target.id, Event::Started { at: self.start.elapsed() });
    }

    fn observe(&self, target: &Arc<Target>, run: &Run) {
        let finished = run.finished - self.start;
        let (cadence, lag, verdict) = (run.cadence, run.lag, run.outcome.verdict());
        self.note(&target.id, Event::Ran { cadence, finished, lag, verdict });
    }

    fn skipped(&self, target: &Arc<Target>, cadence: Cadence, runs: u64) {
        self.note(&target.id, Event::Skipped { cadence, runs });
    }

    fn forget(&self, id: &TargetId) {
        self.note(id, Event::Forgotten);
    }
}

fn scheduler(witness: &Arc<Witness>) -> Scheduler {
    limited(witness, Limits::default())
}

fn limited(witness: &Arc<Witness>, limits: Limits) -> Scheduler {
    Scheduler::new(limits, Arc::new(Controls::none()), Arc::clone(witness) as Arc<dyn Observer>)
}

#[tokio::test(start_paused = true)]
async fn a_run_starts_at_its_offset_and_then_on_the_grid() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(30));
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![up().after(7 * MS)])]);
    sleep(secs(120)).await;
    let expected: Vec<_> = (0..4).map(|slot| first + slot * secs(30)).collect();
    assert_eq!(witness.starts("gov24"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_long_interval_has_an_early_first_run() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(3600));
    let grid = spec.grid(witness.start);
    let early = grid.first() - witness.start;
    let on_grid = grid.after(grid.first()) - witness.start;
    assert!(early < secs(30) && on_grid > secs(30));
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![up()])]);
    sleep(secs(7200)).await;
    assert_eq!(witness.starts("gov24"), [early, on_grid, on_grid + secs(3600)]);
}

#[tokio::test(start_paused = true)]
async fn the_grid_does_not_drift_over_a_day() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(20));
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    // Durations that share no divisor with the interval or the timer's millisecond.
    let script = (1..50).map(|number| up().after(Duration::from_micros(number * 77_777))).collect();
    scheduler.apply(vec![spec.runs(script)]);
    sleep(secs(86_400)).await;
    let starts = witness.starts("gov24");
    assert_eq!(starts.len(), 4_320);
    for (slot, start) in starts.iter().enumerate() {
        assert_eq!(*start, first + secs(20) * slot as u32, "slot {slot}");
    }
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
}

/// Runs of a service, without the starts.
fn ran(witness: &Witness, service: &str) -> Vec<(Cadence, Duration, Duration)> {
    let runs = witness.of(service).into_iter().filter_map(|event| match event {
        Event::Ran { cadence, finished, lag, .. } => Some((cadence, finished, lag)),
        _ => None,
    });
    runs.collect()
}

/// A name whose offset in the interval lies in a range of milliseconds.
fn named(interval: Duration, offset: std::ops::Range<u64>) -> String {
    let origin = Instant::now();
    let mut names = (0..).map(|number| format!("service-{number}"));
    let fits = |name: &String| {
        let first = spec(name, interval).grid(origin).first() - origin;
        offset.contains(&(first.as_millis() as u64))
    };
    names.find(fits).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_skipped_when_the_next_one_comes_before_it_could_start() {
    let witness = Witness::new();
    let never = Step { takes: Takes::Forever, result: Ok(()) };
    // It ignores its deadline and is dropped 10.9 s after its start.
    let spec = spec("gov24", secs(10)).timeout(9_900 * MS);
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![never])]);
    sleep(first + 15 * 10_900 * MS).await;
    let runs = ran(&witness, "gov24");
    assert_eq!(runs.len(), 14);
    for (number, (_, finished, lag)) in (0..).zip(&runs) {
        assert_eq!(*finished, first + 10_900 * MS * (number + 1), "run {number}");
        // Each starts 0.9 s later in its slot, until a whole slot has been lost.
        let late = 900 * MS * number;
        assert_eq!(*lag, if number < 12 { late } else { late - secs(10) }, "run {number}");
    }
    let skips: Vec<_> = witness
        .of("gov24")
        .into_iter()
        .filter(|event| matches!(event, Event::Skipped { .. }))
        .collect();
    assert_eq!(skips, [Event::Skipped { cadence: Cadence::Scheduled, runs: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn every_slot_is_run_or_counted_when_permits_are_short_and_everybody_gets_a_turn() {
    let witness = Witness::new();
    let names: Vec<String> = (0..6).map(|number| format!("service-{number}")).collect();
    let mut scheduler = limited(&witness, Limits { permits: Some(2), ..Limits::default() });
    let work = names.iter().map(|name| spec(name, secs(30)).timeout(secs(20)));
    scheduler.apply(work.map(|spec| spec.runs(vec![black_hole()])).collect());
    // Demand is twice the supply: 6 targets of 20 s in 30 s, 2 permits.
    sleep(secs(3_000)).await;
    let mut total = 0;
    for name in &names {
        let runs = witness.starts(name).len() as u64;
        let skipped = witness.of(name).iter().fold(0, |sum, event| match event {
            Event::Skipped { runs, .. } => sum + runs,
            _ => sum,
        });
        assert!((99..=100).contains(&(runs + skipped)), "{name}: {runs} + {skipped}");
        assert!((49..=51).contains(&runs), "{name} had {runs} runs");
        total += runs;
    }
    assert!((297..=300).contains(&total), "the permits were idle: {total} runs");
    for name in &names {
        let late = ran(&witness, name).iter().filter(|(_, _, lag)| *lag >= secs(30)).count();
        assert_eq!(late, 0, "{name}: a run that late belongs to the next slot");
    }
}

#[tokio::test(start_paused = true)]
async fn three_rechecks_follow_a_change_at_exact_instants() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(30)).timeout(secs(10)).recheck(secs(5));
    let first = spec.grid(witness.start).first() - witness.start;
    let took = 100 * MS;
    let script = [vec![up().after(took); 2], vec![down().after(took); 5], vec![up().after(took)]];
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(script.concat())]);
    sleep(secs(150)).await;
    let at = |slot: u32, millis: u32| first + secs(30) * slot + millis * MS;
    let expected = [
        at(0, 0),
        at(1, 0),
        at(2, 0), // down
        at(2, 5_100),
        at(2, 10_200),
        at(2, 15_300),
        at(3, 0), // still down
        at(4, 0), // up
        at(4, 5_100),
        at(4, 10_200),
        at(4, 15_300),
    ];
    let starts = witness.starts("gov24");
    let until = at(4, 16_000).min(secs(150));
    let starts: Vec<_> = starts.into_iter().filter(|start| *start < until).collect();
    let expected: Vec<_> = expected.into_iter().filter(|start| *start < until).collect();
    assert_eq!(starts, expected);
    assert!(ran(&witness, "gov24").iter().all(|(_, _, lag)| lag.is_zero()));
    let rechecks = |event: &Event| matches!(event, Event::Ran { cadence: Cadence::Recheck, .. });
    assert_eq!(witness.count(rechecks), expected.len() - 5);
}

#[tokio::test(start_paused = true)]
async fn a_recheck_gives_way_to_the_scheduled_run() {
    let witness = Witness::new();
    let name = named(secs(30), 0..1_000);
    let spec = spec(&name, secs(30)).timeout(secs(10)).recheck(secs(5));
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![black_hole()])]);
    sleep(secs(130)).await;
    // 30 s: the second recheck would be due then; 45 s: the third of the three.
    let expected = [0, 15, 30, 45, 60, 90, 120].map(|second| first + secs(second));
    assert_eq!(witness.starts(&name), expected);
    let cadences: Vec<_> = ran(&witness, &name).iter().map(|(cadence, ..)| *cadence).collect();
    use Cadence::{Recheck, Scheduled};
    assert_eq!(cadences[..6], [Scheduled, Recheck, Scheduled, Recheck, Scheduled, Scheduled]);
    assert_eq!(witness.skipped(Recheck), 0, "a confirmation by the scheduled run is none lost");
}

#[tokio::test(start_paused = true)]
async fn unknown_results_do_not_trigger_rechecks() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(30)).timeout(secs(10)).recheck(secs(5));
    let held = fails(Reason::AccountHeld);
    let captcha = fails(Reason::Captcha);
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![
        up(),
        held,
        captcha,
        up(),
        fails(Reason::Internal),
        up(),
    ])]);
    sleep(secs(600)).await;
    assert_eq!(witness.starts("gov24").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn rechecks_are_shed_and_scheduled_runs_are_not() {
    let witness = Witness::new();
    // 24 permits, so 3 for rechecks, of which 20 failing targets would need 7.
    let mut scheduler = limited(&witness, Limits { permits: Some(24), ..Limits::default() });
    let specs = (0..20).map(|number| spec(&format!("service-{number}"), secs(60)));
    let specs = specs.map(|spec| spec.timeout(secs(20)).recheck(secs(5)));
    scheduler.apply(specs.map(|spec| spec.runs(vec![black_hole()])).collect());
    sleep(secs(300)).await;
    let done = |event: &Event| matches!(event, Event::Ran { cadence: Cadence::Recheck, .. });
    assert!(witness.count(done) > 0);
    assert!(witness.skipped(Cadence::Recheck) > 0);
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
    let late = |event: &Event| matches!(event, Event::Ran { lag, .. } if !lag.is_zero());
    assert_eq!(witness.count(late), 0);
}

#[tokio::test(start_paused = true)]
async fn no_recheck_while_scheduled_runs_are_short_of_permits() {
    let witness = Witness::new();
    let flapping = named(secs(30), 0..1_000);
    let hog = named(secs(60), 1_000..2_000);
    let mut scheduler = limited(&witness, Limits { permits: Some(1), ..Limits::default() });
    scheduler.apply(vec![
        spec(&flapping, secs(30)).recheck(secs(5)).runs(vec![down()]),
        spec(&hog, secs(60)).timeout(secs(20)).runs(vec![black_hole()]),
    ]);
    sleep(secs(29)).await;
    // Due at 5, 10 and 15 s, while the hog has the only permit until 21 s.
    assert_eq!(witness.starts(&flapping).len(), 1);
    assert_eq!(witness.skipped(Cadence::Recheck), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_equal_targets_on_their_grid() {
    let witness = Witness::new();
    let kept = || spec("gov24", secs(30));
    let first = kept().grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    let removed = spec("removed", secs(30)).runs(vec![up()]);
    let changes = scheduler.apply(vec![kept().runs(vec![up()]), removed]);
    assert_eq!(changes, Changes { started: 2, ..Changes::default() });
    sleep(secs(75)).await;
    let added = spec("added", secs(30)).runs(vec![up()]);
    let changes = scheduler.apply(vec![added, kept().runs(vec![down()])]);
    assert_eq!(changes, Changes { started: 1, stopped: 1, kept: 1, replaced: 0 });
    sleep(secs(75)).await;
    let slots: Vec<_> = (0..5).map(|slot| first + slot * secs(30)).collect();
    assert_eq!(witness.starts("gov24"), slots[..witness.starts("gov24").len()]);
    let events = witness.of("gov24");
    let adopted = events.iter().filter(|event| matches!(event, Event::Adopted { .. })).count();
    assert_eq!((adopted, events.contains(&Event::Forgotten)), (1, false));
    let Some(Event::Ran { verdict, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(*verdict, Verdict::Down, "the probe is the one of the last reload");
    assert_eq!(witness.of("removed").last(), Some(&Event::Forgotten));
    assert!(matches!(witness.of("added")[0], Event::Adopted { at } if at == secs(75)));
}

#[tokio::test(start_paused = true)]
async fn a_replaced_target_starts_anew_after_the_last_run_of_the_old_one() {
    let witness = Witness::new();
    let name = named(secs(60), 2_000..3_000);
    let old = || spec(&name, secs(60)).timeout(secs(50));
    let first = old().grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![old().runs(vec![up().after(secs(20))])]);
    sleep(first + secs(1)).await;
    let changes = scheduler.apply(vec![old().changed().runs(vec![up().after(secs(1))])]);
    assert_eq!(changes, Changes { replaced: 1, ..Changes::default() });
    sleep(secs(60)).await;
    let adopted = Event::Adopted { at: first + secs(1) };
    let (end, due) = (first + secs(20), first + secs(1) + first);
    let events = [
        Event::Adopted { at: Duration::ZERO },
        Event::Started { at: first },
        Event::Forgotten, // and the run under way is not heard of again
        adopted,
        Event::Started { at: end },
        Event::Ran {
            cadence: Cadence::Scheduled,
            finished: end + secs(1),
            lag: end - due,
            verdict: Verdict::Up,
        },
    ];
    assert_eq!(witness.of(&name)[..6], events);
    assert_eq!(witness.starts(&name)[2..], [due + secs(60)][..witness.starts(&name).len() - 2]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_waits_for_its_old_run_as_well() {
    let witness = Witness::new();
    let name = named(secs(60), 2_000..3_000);
    let old = || spec(&name, secs(60)).timeout(secs(50));
    let first = old().grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![old().runs(vec![up().after(secs(20))])]);
    sleep(first + secs(1)).await;
    scheduler.apply(Vec::new());
    sleep(secs(1)).await;
    scheduler.apply(vec![old().runs(vec![up()])]);
    sleep(secs(30)).await;
    assert_eq!(witness.starts(&name), [first, first + secs(20)]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_targets_run_ends_in_peace_and_unheard() {
    let witness = Witness::new();
    let work = spec("gov24", secs(30)).timeout(secs(25)).runs(vec![up().after(secs(20))]);
    let probe = Arc::clone(&work.probe);
    let first = spec("gov24", secs(30)).grid(witness.start).first();
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![work]);
    sleep_until(first + secs(1)).await;
    scheduler.apply(Vec::new());
    sleep(secs(1)).await;
    assert!(Arc::strong_count(&probe) > 1, "the run was cut off");
    sleep(secs(60)).await;
    assert_eq!(Arc::strong_count(&probe), 1, "the task is still there");
    let events = witness.of("gov24");
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(events[2], Event::Forgotten);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_runs_under_way_and_starts_no_others() {
    let witness = Witness::new();
    let busy = named(secs(60), 0..1_000);
    let idle = named(secs(60), 3_000..4_000);
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![
        spec(&busy, secs(60)).timeout(secs(20)).runs(vec![up().after(secs(8))]),
        spec(&idle, secs(60)).runs(vec![up()]),
    ]);
    sleep(secs(2)).await;
    let asked = Instant::now();
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
    assert!((secs(6)..secs(7)).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    assert!(matches!(witness.of(&busy).last(), Some(Event::Ran { .. })));
    assert!(witness.starts(&idle).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_login_is_asked_to_sign_out_when_the_daemon_stops_or_its_target_goes() {
    let witness = Witness::new();
    let name = named(secs(60), 0..1_000);
    let signs_out = || Step { takes: Takes::UntilStopped(secs(2)), result: Ok(()) };
    let login = || spec(&name, secs(60)).timeout(secs(50)).runs(vec![signs_out()]);
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![login()]);
    sleep(secs(5)).await;
    scheduler.apply(Vec::new());
    scheduler.apply(vec![login()]);
    sleep(secs(5)).await;
    assert_eq!(witness.starts(&name)[1..], [secs(7)], "the first run is asked to end at 5 s");
    let asked = Instant::now();
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
    assert_eq!(asked.elapsed(), secs(2));
}

#[tokio::test(start_paused = true)]
async fn stopping_cuts_off_what_does_not_end_in_time() {
    let witness = Witness::new();
    let busy = named(secs(60), 0..1_000);
    let waiting = named(secs(60), 1_000..2_000);
    let mut scheduler = limited(&witness, Limits { permits: Some(1), ..Limits::default() });
    let work = [&busy, &waiting].map(|name| spec(name, secs(60)).timeout(secs(50)));
    scheduler.apply(work.map(|spec| spec.runs(vec![up().after(secs(40))])).into());
    sleep(secs(5)).await;
    let asked = Instant::now();
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::CutOff(1));
    assert_eq!(asked.elapsed(), secs(10));
    assert!(witness.starts(&waiting).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_probe_is_a_result_and_the_next_run_takes_place() {
    let witness = Witness::new();
    let panics = Step { takes: Takes::Panic, result: Ok(()) };
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec("gov24", secs(30)).runs(vec![panics, up()])]);
    sleep(secs(60)).await;
    let events = witness.of("gov24");
    assert!(matches!(events[2], Event::Ran { verdict: Verdict::Unknown, .. }), "{events:?}");
    assert!(matches!(events[4], Event::Ran { verdict: Verdict::Up, .. }), "{events:?}");
    assert!(scheduler.failed().now_or_never().is_none());
}

/// An observer with a bug.
struct Broken;

impl Observer for Broken {
    fn adopt(&self, _target: &Arc<Target>, _now: Instant) {}
    fn started(&self, _target: &Arc<Target>) {}
    fn observe(&self, _target: &Arc<Target>, _run: &Run) {
        panic!("a bug in the observer");
    }
    fn skipped(&self, _target: &Arc<Target>, _cadence: Cadence, _runs: u64) {}
    fn forget(&self, _id: &TargetId) {}
}

#[tokio::test(start_paused = true)]
async fn a_task_that_dies_is_reported_with_its_target() {
    let controls = Arc::new(Controls::none());
    let mut scheduler = Scheduler::new(Limits::default(), controls, Arc::new(Broken));
    assert!(scheduler.failed().now_or_never().is_none(), "nothing has failed yet");
    scheduler.apply(vec![spec("gov24", secs(30)).runs(vec![up()])]);
    let failure = scheduler.failed().await;
    assert_eq!(failure.to_string(), "the task of gov24/front died: a bug in the observer");
}

struct Offline;

impl Contact for Offline {
    fn anyone(&self) -> BoxFuture<'_, bool> {
        async { false }.boxed()
    }
    fn everyone(&self, _patience: Duration) -> BoxFuture<'_, Reading> {
        async { Reading { online: false, skew: None } }.boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn an_offline_vantage_reports_unknown_and_rechecks_nothing() {
    let witness = Witness::new();
    let controls = Arc::new(Controls::none());
    controls.replace(Some(Arc::new(Offline)));
    let observer = Arc::clone(&witness) as Arc<dyn Observer>;
    let mut scheduler = Scheduler::new(Limits::default(), controls, observer);
    let spec = spec("gov24", secs(30)).recheck(secs(5));
    scheduler.apply(vec![spec.runs(vec![black_hole()])]);
    sleep(secs(300)).await;
    assert_eq!(witness.starts("gov24").len(), 10);
    let unknown = |event: &Event| matches!(event, Event::Ran { verdict: Verdict::Unknown, .. });
    assert!(witness.count(unknown) >= 9);
    assert_eq!(witness.skipped(Cadence::Recheck), 0);
}

/// Every public-sector system of the country.
const NATION: usize = 17_000;

fn nation(script: Script) -> Vec<Work> {
    (0..NATION)
        .map(|number| spec(&format!("system-{number}"), secs(30)).timeout(secs(10)))
        .map(|spec| spec.runs(script.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn seventeen_thousand_targets_run_exactly_once_a_slot() {
    let witness = Witness::new();
    let mut scheduler = scheduler(&witness);
    scheduler.apply(nation(vec![up().after(50 * MS)]));
    // All offsets are below 30 s, so after four intervals everybody has had four runs.
    sleep(secs(120) + 60 * MS).await;
    let ran = |event: &Event| matches!(event, Event::Ran { lag, .. } if lag.is_zero());
    assert_eq!(witness.count(ran), 4 * NATION + early(&witness, 60 * MS));
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
}

/// How many targets have run their fifth time `after` the fourth interval.
fn early(witness: &Witness, after: Duration) -> usize {
    let took = 50 * MS;
    let first = |number: usize| spec(&format!("system-{number}"), secs(30)).grid(witness.start);
    (0..NATION).filter(|&number| first(number).first() + took <= witness.start + after).count()
}

#[tokio::test(start_paused = true)]
async fn seventeen_thousand_black_holes_skip_nothing() {
    let witness = Witness::new();
    let mut scheduler = scheduler(&witness);
    scheduler.apply(nation(vec![black_hole()]));
    sleep(secs(130)).await;
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
    let late = |event: &Event| matches!(event, Event::Ran { lag, .. } if !lag.is_zero());
    assert_eq!(witness.count(late), 0, "somebody had to wait for a permit");
    let down = |event: &Event| matches!(event, Event::Ran { verdict: Verdict::Down, .. });
    assert!(witness.count(down) >= 4 * NATION);
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
}
