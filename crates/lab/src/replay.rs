//! Plays a drill: a clock that runs faster than the wall's, and the switches it throws.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::drill::{Drill, DrillState, Event};
use crate::world::LabWorld;

/// The clock on page and terminal moves this often, in real time.
const TICK: Duration = Duration::from_millis(500);

/// A drill and how far it has been played. It has no clock: the caller says what time it is.
pub struct Player {
    drill: Arc<Drill>,
    speed: f64,
    done: usize,
}

impl Player {
    pub fn new(drill: Arc<Drill>, speed: f64) -> Player {
        Player { drill, speed, done: 0 }
    }

    /// Moves the drill's clock to `now`, throws the switches of everything up to then, in order,
    /// and returns those events.
    pub fn advance(&mut self, now: Timestamp, world: &LabWorld) -> &[Event] {
        let now = now.min(self.drill.ends);
        let rest = &self.drill.events[self.done..];
        let due = rest.iter().take_while(|event| event.at <= now).count();
        for change in rest[..due].iter().flat_map(|event| &event.changes) {
            change.apply(&world.faults);
        }
        let from = self.done;
        self.done += due;
        let (drill, done, speed) = (Arc::clone(&self.drill), self.done, self.speed);
        world.drill.send_replace(Some(DrillState { drill, now, done, speed }));
        &self.drill.events[from..self.done]
    }

    /// How long to wait, in real time, until something is due at `now`.
    fn wait(&self, now: Timestamp) -> Duration {
        let next = self.drill.events.get(self.done).map_or(self.drill.ends, |event| event.at);
        let ahead = next.duration_since(now).as_secs_f64() / self.speed;
        Duration::try_from_secs_f64(ahead.max(0.0)).unwrap_or(TICK).min(TICK)
    }
}

/// What a replay reports while it runs.
pub enum ReplayReport<'a> {
    /// An event has happened; its switches are thrown.
    Event(&'a Event),
    /// The drill's clock shows this now.
    Clock(Timestamp),
}

/// Plays a drill to its end on the real clock.
pub async fn play(
    drill: Arc<Drill>,
    speed: f64,
    world: &LabWorld,
    mut tell: impl FnMut(ReplayReport<'_>),
) {
    let mut player = Player::new(Arc::clone(&drill), speed);
    let begun = Instant::now();
    loop {
        let elapsed = SignedDuration::try_from_secs_f64(begun.elapsed().as_secs_f64() * speed);
        let now = elapsed.ok().and_then(|elapsed| drill.starts.checked_add(elapsed).ok());
        let now = now.unwrap_or(drill.ends).min(drill.ends);
        for event in player.advance(now, world) {
            tell(ReplayReport::Event(event));
        }
        tell(ReplayReport::Clock(now));
        if now >= drill.ends {
            return;
        }
        // A millisecond at least, so that rounding never makes this loop spin.
        tokio::time::sleep(player.wait(now).max(Duration::from_millis(1))).await;
    }
}
