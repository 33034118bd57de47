//! Turns at what is dear (checking a password, writing a long answer), given fairly to the addresses
//! that ask.
//!
//! Whoever has done least harm goes first, then who has fewest turns, then whose connection is newest:
//! those that are older wait because there is a crowd, and a crowd is what an attack looks like. An
//! address that has ended many turns badly gets the next one only after a pause, and the oldest of
//! its waiting connections is turned away when its share of the room is full.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::connections::{ClientAddress, ClientConnection};

/// Addresses whose conduct is remembered.
///
/// Limit: addresses whose bad turns are remembered.
/// Share: of all.
/// Full: the one that was bad longest ago is forgotten.
/// Filled: addresses_that_are_remembered_are_few
const ADDRESSES_MAX: usize = 1024;
/// A script with an old password tries a few times in a minute, and so does a person.
///
/// No row: a threshold, nothing is kept by it.
const BAD_TURNS_MAX: u32 = 20;
/// How long bad turns are held against an address after the last one.
const MEMORY: Duration = Duration::from_secs(60);
/// Before the next turn of an address with too many bad ones. Below a second, so that a right
/// password from behind the same gateway is not kept from passing.
const PAUSE: Duration = Duration::from_millis(500);
/// How often somebody who waits looks whether a pause is over.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How many have their turn at a time, and how many may wait for one.
#[derive(Debug, Clone, Copy)]
pub(super) struct TurnLimits {
    /// How many run at a time.
    pub(super) turns: usize,
    /// Of each address; its oldest is turned away.
    pub(super) waiting: usize,
}

pub(super) struct FairTurns {
    limits: TurnLimits,
    room: Mutex<WaitingRoom>,
}

#[derive(Default)]
struct WaitingRoom {
    taken: HashMap<ClientAddress, usize>,
    /// In the order of arrival.
    waiting: Vec<WaitingClient>,
    conduct: HashMap<ClientAddress, Conduct>,
}

struct WaitingClient {
    from: ClientAddress,
    opened: Instant,
    turn: oneshot::Sender<FairTurn>,
}

struct Conduct {
    bad_turns: u32,
    last: Instant,
}

/// A turn, until it is dropped.
pub(super) struct FairTurn {
    turns: Arc<FairTurns>,
    from: ClientAddress,
}

impl FairTurns {
    pub(super) fn new(limits: TurnLimits) -> Arc<FairTurns> {
        Arc::new(FairTurns { limits, room: Mutex::default() })
    }

    /// A turn, or none when this client is turned away for newer ones of its address.
    pub(super) async fn take(self: &Arc<Self>, client: &ClientConnection) -> Option<FairTurn> {
        let (turn, mut given) = oneshot::channel();
        let client = WaitingClient { from: client.from(), opened: client.opened(), turn };
        self.room.lock().enter(client, self.limits.waiting);
        loop {
            self.hand_out();
            match timeout(LOOK_AGAIN, &mut given).await {
                Ok(turn) => return turn.ok(),
                Err(_) => continue,
            }
        }
    }

    /// Whether one is left.
    pub(super) fn are_free(&self) -> bool {
        self.room.lock().taken.values().sum::<usize>() < self.limits.turns
    }

    fn hand_out(self: &Arc<Self>) {
        let mut room = self.room.lock();
        // What could not be delivered is dropped when the lock is free again.
        let mut undelivered = Vec::new();
        while let Some(next) = room.next(self.limits.turns) {
            *room.taken.entry(next.from).or_default() += 1;
            let turn = FairTurn { turns: Arc::clone(self), from: next.from };
            undelivered.extend(next.turn.send(turn).err());
        }
        drop(room);
    }
}

impl WaitingRoom {
    fn enter(&mut self, client: WaitingClient, share: usize) {
        self.waiting.retain(|waiting| !waiting.turn.is_closed());
        let from = client.from;
        self.waiting.push(client);
        let own = self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.from == from);
        let opened: Vec<_> = own.map(|(position, waiting)| (waiting.opened, position)).collect();
        if opened.len() > share
            && let Some((_, oldest)) = opened.into_iter().min()
        {
            self.waiting.remove(oldest);
        }
    }

    /// Who is next, if anybody may be.
    fn next(&mut self, turns: usize) -> Option<WaitingClient> {
        self.waiting.retain(|waiting| !waiting.turn.is_closed());
        if self.taken.values().sum::<usize>() >= turns {
            return None;
        }
        let now = Instant::now();
        let order = |position: usize, client: &WaitingClient| {
            let from = client.from;
            let taken = self.taken.get(&from).copied().unwrap_or(0);
            let conduct = self.conduct.get(&from).filter(|conduct| now - conduct.last < MEMORY);
            let bad_turns = conduct.map_or(0, |conduct| conduct.bad_turns);
            let pauses = bad_turns >= BAD_TURNS_MAX
                && conduct.is_some_and(|conduct| now - conduct.last < PAUSE);
            (!pauses).then_some((bad_turns, taken, Reverse(client.opened), Reverse(position)))
        };
        let waiting = self.waiting.iter().enumerate();
        let (_, next) = waiting
            .filter_map(|(position, client)| Some((order(position, client)?, position)))
            .min()?;
        Some(self.waiting.remove(next))
    }
}

impl FairTurn {
    /// Holds against the address that this turn was wasted.
    pub(super) fn ended_badly(&self) {
        let now = Instant::now();
        let mut room = self.turns.room.lock();
        let conduct = &mut room.conduct;
        conduct.retain(|_, conduct| now - conduct.last < MEMORY);
        if conduct.len() >= ADDRESSES_MAX && !conduct.contains_key(&self.from) {
            let oldest = conduct.iter().min_by_key(|(_, conduct)| conduct.last);
            if let Some(oldest) = oldest.map(|(&from, _)| from) {
                conduct.remove(&oldest);
            }
        }
        let own = conduct.entry(self.from).or_insert(Conduct { bad_turns: 0, last: now });
        own.bad_turns = own.bad_turns.saturating_add(1);
        own.last = now;
    }
}

impl Drop for FairTurn {
    fn drop(&mut self) {
        let mut room = self.turns.room.lock();
        if let Some(taken) = room.taken.get_mut(&self.from) {
            *taken -= 1;
            if *taken == 0 {
                room.taken.remove(&self.from);
            }
        }
        drop(room);
        self.turns.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;

    use super::*;

    fn client(number: u32) -> Arc<ClientConnection> {
        ClientConnection::alone(ClientAddress::of(Ipv4Addr::from_bits(0x0a00_0000 + number).into()))
    }

    fn one_at_a_time() -> Arc<FairTurns> {
        FairTurns::new(TurnLimits { turns: 1, waiting: 2 })
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_last_is_next_and_the_oldest_is_turned_away() {
        let turns = one_at_a_time();
        let first = turns.take(&client(1)).await.unwrap();
        let clients: Vec<_> = (0..3).map(|_| client(1)).collect();
        let mut waiting: Vec<_> =
            clients.iter().map(|client| Box::pin(turns.take(client))).collect();
        for client in &mut waiting {
            assert!(client.now_or_never().is_none());
        }
        let (third, second, oldest) =
            (waiting.pop().unwrap(), waiting.pop().unwrap(), waiting.pop().unwrap());
        assert!(oldest.await.is_none(), "its share of the room was full");
        drop(first);
        let third = third.await.expect("the newest");
        drop(third);
        assert!(second.await.is_some());
        assert!(turns.are_free());
    }

    #[tokio::test(start_paused = true)]
    async fn who_did_no_harm_goes_before_who_did() {
        let turns = one_at_a_time();
        let first = turns.take(&client(1)).await.unwrap();
        let (harmless, harmful) = (client(2), client(1));
        let mut good = Box::pin(turns.take(&harmless));
        assert!((&mut good).now_or_never().is_none());
        let mut bad = Box::pin(turns.take(&harmful));
        assert!((&mut bad).now_or_never().is_none());
        first.ended_badly();
        drop(first);
        assert!((&mut bad).now_or_never().is_none());
        drop(good.await);
        assert!(bad.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn many_bad_turns_are_followed_by_a_pause() {
        let turns = one_at_a_time();
        for _ in 0..BAD_TURNS_MAX {
            turns.take(&client(1)).await.unwrap().ended_badly();
        }
        let before = Instant::now();
        drop(turns.take(&client(2)).await.unwrap());
        assert!(before.elapsed() < PAUSE, "another address does not wait");
        drop(turns.take(&client(1)).await.unwrap());
        assert!(before.elapsed() >= PAUSE && before.elapsed() <= PAUSE + LOOK_AGAIN);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_gives_the_turn_back() {
        let turns = one_at_a_time();
        let first = turns.take(&client(1)).await.unwrap();
        let leaving = client(1);
        let mut gone = Box::pin(turns.take(&leaving));
        assert!((&mut gone).now_or_never().is_none());
        drop(first);
        // The turn was sent, and nobody is there to receive it.
        drop(gone);
        assert!(turns.take(&client(1)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_are_remembered_are_few() {
        let turns = one_at_a_time();
        for number in 0..2 * ADDRESSES_MAX as u32 {
            turns.take(&client(number)).await.unwrap().ended_badly();
        }
        assert_eq!(turns.room.lock().conduct.len(), ADDRESSES_MAX);
    }
}
