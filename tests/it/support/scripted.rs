//! Probes that do as they are told and an observer that writes everything down, for tests of the
//! scheduler on a paused clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu::config::{
    DialOptions, Kind, Revocation, RouteOptions, Schedule, Target, TargetId, TlsClientOptions,
    TlsOptions,
};
use bongsu::controls::Controls;
use bongsu::deadline::Deadline;
use bongsu::outcome::{Facts, Failure, Reason, Verdict};
use bongsu::probe::Probe;
use bongsu::scheduler::permits::Limits;
use bongsu::scheduler::phase::Grid;
use bongsu::scheduler::{Cadence, Observer, Run, Scheduler, Work};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A target of an interval, with a timeout of a third of it.
pub(crate) struct Spec {
    service: String,
    interval: Duration,
    timeout: Duration,
    recheck: Option<Duration>,
    instance: String,
}

pub(crate) fn spec(service: &str, interval: Duration) -> Spec {
    Spec {
        service: service.to_owned(),
        interval,
        timeout: interval / 3,
        recheck: None,
        instance: "first".to_owned(),
    }
}

impl Spec {
    pub(crate) fn timeout(self, timeout: Duration) -> Spec {
        Spec { timeout, ..self }
    }

    pub(crate) fn recheck(self, recheck: Duration) -> Spec {
        Spec { recheck: Some(recheck), ..self }
    }

    /// The same id, other work.
    pub(crate) fn changed(self) -> Spec {
        Spec { instance: "second".to_owned(), ..self }
    }

    pub(crate) fn target(&self) -> Arc<Target> {
        let service: Arc<str> = self.service.as_str().into();
        Arc::new(Target {
            id: TargetId { service: Arc::clone(&service), probe: "front".into(), site: None },
            component: service,
            instance: self.instance.clone(),
            schedule: Schedule::new(self.interval, self.timeout, self.recheck).unwrap(),
            latency_objective: None,
            labels: Default::default(),
            dial: DialOptions::default(),
            kind: Kind::Tls(Arc::new(TlsOptions {
                route: RouteOptions::default(),
                host: "localhost".to_owned(),
                port: 443,
                tls: TlsClientOptions { revocation: Revocation::Off, ..Default::default() },
                alpn: Vec::new(),
                starttls: None,
                expect: Default::default(),
                warn: Default::default(),
            })),
        })
    }

    pub(crate) fn grid(&self, origin: Instant) -> Grid {
        Grid::new(&self.target().id, self.interval, origin)
    }

    pub(crate) fn runs(self, script: Script) -> Work {
        Work { target: self.target(), probe: Arc::new(Scripted::new(script)) }
    }
}

/// What a run of a scripted probe does; the last step is repeated.
pub(crate) type Script = Vec<Step>;

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) takes: Takes,
    pub(crate) result: Result<(), Reason>,
}

#[derive(Debug, Clone)]
pub(crate) enum Takes {
    Time(Duration),
    /// Until the deadline, as a black hole does.
    Timeout,
    /// As long as it is let, whatever the deadline.
    Forever,
    /// Until it is asked to stop, and then a little for signing out.
    UntilStopped(Duration),
    Panic,
}

pub(crate) fn up() -> Step {
    Step { takes: Takes::Time(Duration::ZERO), result: Ok(()) }
}

pub(crate) fn fails(reason: Reason) -> Step {
    Step { takes: Takes::Time(Duration::ZERO), result: Err(reason) }
}

pub(crate) fn down() -> Step {
    fails(Reason::HttpStatus)
}

pub(crate) fn black_hole() -> Step {
    Step { takes: Takes::Timeout, result: Err(Reason::ConnectTimeout) }
}

impl Step {
    pub(crate) fn after(self, takes: Duration) -> Step {
        Step { takes: Takes::Time(takes), ..self }
    }
}

pub(crate) struct Scripted {
    script: Script,
    run: Mutex<usize>,
    /// Never more than one.
    under_way: Semaphore,
}

impl Scripted {
    pub(crate) fn new(script: Script) -> Scripted {
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
                    deadline.stop().wait().await;
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
pub(crate) enum Event {
    Adopted { at: Duration },
    Started { at: Duration },
    Ran { cadence: Cadence, finished: Duration, lag: Duration, verdict: Verdict },
    Skipped { cadence: Cadence, runs: u64 },
    Forgotten,
}

/// Writes everything down, per service, in time since its own start.
pub(crate) struct Witness {
    pub(crate) start: Instant,
    events: Mutex<HashMap<String, Vec<Event>>>,
}

impl Witness {
    pub(crate) fn new() -> Arc<Witness> {
        Arc::new(Witness { start: Instant::now(), events: Mutex::default() })
    }

    pub(crate) fn note(&self, id: &TargetId, event: Event) {
        self.events.lock().unwrap().entry(id.service.to_string()).or_default().push(event);
    }

    pub(crate) fn of(&self, service: &str) -> Vec<Event> {
        self.events.lock().unwrap().get(service).cloned().unwrap_or_default()
    }

    pub(crate) fn starts(&self, service: &str) -> Vec<Duration> {
        let starts = self.of(service).into_iter().filter_map(|event| match event {
            Event::Started { at } => Some(at),
            _ => None,
        });
        starts.collect()
    }

    pub(crate) fn count(&self, matching: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().values().flatten().filter(|event| matching(event)).count()
    }

    pub(crate) fn skipped(&self, which: Cadence) -> u64 {
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

pub(crate) fn scheduler(witness: &Arc<Witness>) -> Scheduler {
    limited(witness, Limits::default())
}

pub(crate) fn limited(witness: &Arc<Witness>, limits: Limits) -> Scheduler {
    Scheduler::new(limits, Arc::new(Controls::none()), Arc::clone(witness) as Arc<dyn Observer>)
}

/// Runs of a service, without the starts.
pub(crate) fn ran(witness: &Witness, service: &str) -> Vec<(Cadence, Duration, Duration)> {
    let runs = witness.of(service).into_iter().filter_map(|event| match event {
        Event::Ran { cadence, finished, lag, .. } => Some((cadence, finished, lag)),
        _ => None,
    });
    runs.collect()
}

/// A name whose offset in the interval lies in a range of milliseconds.
pub(crate) fn named(interval: Duration, offset: std::ops::Range<u64>) -> String {
    let origin = Instant::now();
    let mut names = (0..).map(|number| format!("service-{number}"));
    let fits = |name: &String| {
        let first = spec(name, interval).grid(origin).first() - origin;
        offset.contains(&(first.as_millis() as u64))
    };
    names.find(fits).unwrap()
}
