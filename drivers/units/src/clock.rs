//! The one clock that time enters through.
//!
//! A run has one [`Clock`]. It counts *device time*, in one of two ways:
//!
//! - *wall time* times a factor: 1 against hardware, more against a simulated unit;
//! - *virtual time*, against a simulated unit only: time stands still while any task works or anything is
//!   under way on a wire, and jumps to the next event when all wait. A run then goes as fast as its two
//!   ends can, and comes out the same however busy the machine is.
//!
//! A task waits for an instant through a [`Waiter`]. All stamps of a run are [`Nanos`]:
//! monotonic, and never the time of day, which may jump.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::{Add, AddAssign, Sub};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Nanoseconds of device time since the clock's origin.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The clock's origin.
    pub const ZERO: Nanos = Nanos(0);
    /// Later than anything a run reaches (584 years).
    pub const MAX: Nanos = Nanos(u64::MAX);

    /// Seconds since the origin.
    pub fn seconds(self) -> f64 {
        self.0 as f64 * 1e-9
    }

    /// The instant `seconds` after the origin; negative and non-finite values give the origin.
    pub fn from_seconds(seconds: f64) -> Nanos {
        // `as` saturates, and maps NaN to 0.
        Nanos((seconds * 1e9) as u64)
    }

    /// Time from `earlier` to `self`; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Nanos) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Nanos {
    type Output = Nanos;
    fn add(self, span: Duration) -> Nanos {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Nanos(self.0.saturating_add(span))
    }
}

impl AddAssign<Duration> for Nanos {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Nanos {
    type Output = Nanos;
    fn sub(self, span: Duration) -> Nanos {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Nanos(self.0.saturating_sub(span))
    }
}

/// Wall time before an instant from which a fast wall clock waits busily: more than tokio's timer is
/// late.
const BUSY_WAIT: Duration = Duration::from_millis(2);

/// Time of day at which virtual time begins: 1 January 2026.
const VIRTUAL_ORIGIN: Duration = Duration::from_secs(1_767_225_600);

/// A monotonic clock of device time, cheap to clone; clones agree.
#[derive(Debug, Clone)]
pub struct Clock {
    origin_unix: Duration,
    time: Time,
}

#[derive(Debug, Clone)]
enum Time {
    Wall { origin: Instant, speed: f64 },
    Virtual(Arc<Mutex<Table>>),
}

/// The state of virtual time: who waits at the clock, and what is on the wires.
#[derive(Debug, Default)]
struct Table {
    now: Nanos,
    /// Bytes sent and not yet dealt with by their receiver.
    under_way: u64,
    drivers: usize,
    next_waiter: u64,
    /// What each waiter waits for; `None` while its owner works.
    waiters: BTreeMap<u64, Option<(Nanos, Waker)>>,
    /// The waiter whose instant has come, until it takes note.
    turn: Option<u64>,
}

/// Through which one task waits at a clock; the clock forgets it when this is dropped.
#[derive(Debug)]
pub struct Waiter {
    clock: Clock,
    number: u64,
    drives: bool,
}

impl Clock {
    /// Wall time: one second of device time a second.
    pub fn real() -> Clock {
        Clock::scaled(1.0)
    }

    /// Device time that runs `speed` times as fast as wall time. Only a simulated unit can follow it.
    ///
    /// # Panics
    /// If `speed` is not a positive finite number: it comes from configuration that has been checked.
    pub fn scaled(speed: f64) -> Clock {
        assert!(
            speed.is_finite() && speed > 0.0,
            "clock speed {speed} is not a positive number"
        );
        Clock::new(Time::Wall {
            origin: Instant::now(),
            speed,
        })
    }

    /// Virtual time. It begins on a fixed day, since the time of day goes into the headers that are hashed:
    /// so a run comes out the same whenever it is made.
    pub fn virtual_time() -> Clock {
        Clock {
            origin_unix: VIRTUAL_ORIGIN,
            time: Time::Virtual(Arc::default()),
        }
    }

    fn new(time: Time) -> Clock {
        Clock {
            origin_unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            time,
        }
    }

    /// Device time now.
    pub fn now(&self) -> Nanos {
        match &self.time {
            Time::Wall { origin, speed } => {
                Nanos((origin.elapsed().as_nanos() as f64 * speed) as u64)
            }
            Time::Virtual(table) => lock(table).now,
        }
    }

    /// Seconds since the Unix epoch at `t`, as a unit on this clock would show them: the wall time of
    /// the origin plus device time since.
    pub fn unix(&self, t: Nanos) -> Duration {
        self.origin_unix + Duration::from_nanos(t.0)
    }

    /// Wall time that `span` of device time takes; `span` itself in virtual time, which has no rate.
    pub fn wall(&self, span: Duration) -> Duration {
        match self.time {
            Time::Wall { speed, .. } => span.div_f64(speed),
            Time::Virtual(_) => span,
        }
    }

    /// Device time that passes in `span` of wall time; `span` itself in virtual time. For limits on how long a peer may
    /// take: a real peer is no faster where device time is, and a simulated one has its limits in virtual time.
    pub fn device(&self, span: Duration) -> Duration {
        match self.time {
            Time::Wall { speed, .. } => span.mul_f64(speed),
            Time::Virtual(_) => span,
        }
    }

    /// A waiter for the task that drives the run. Virtual time moves only while there is one: a unit that nobody
    /// drives does not age.
    pub fn drive(&self) -> Waiter {
        self.waiter(true)
    }

    /// A waiter for any other task: a simulated unit, a poller.
    pub fn follow(&self) -> Waiter {
        self.waiter(false)
    }

    fn waiter(&self, drives: bool) -> Waiter {
        let number = match &self.time {
            Time::Wall { .. } => 0,
            Time::Virtual(table) => {
                let mut table = lock(table);
                table.next_waiter += 1;
                table.drivers += usize::from(drives);
                let number = table.next_waiter;
                table.waiters.insert(number, None);
                number
            }
        };
        Waiter {
            clock: self.clone(),
            number,
            drives,
        }
    }

    /// `bytes` have been given to a wire between two parties at this clock.
    pub fn send(&self, bytes: usize) {
        if let Time::Virtual(table) = &self.time {
            lock(table).under_way += bytes as u64;
        }
    }

    /// Something on its way between two tasks at this clock, like bytes on a wire: virtual time waits until it
    /// is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.send(1);
        InFlight(self.clone())
    }

    /// `bytes` that came over such a wire have been dealt with, answers to them given to the wire included.
    pub fn settle(&self, bytes: usize) {
        if let Time::Virtual(table) = &self.time
            && bytes > 0
        {
            let mut table = lock(table);
            table.under_way = table.under_way.saturating_sub(bytes as u64);
            table.advance();
        }
    }
}

/// Something on its way between two tasks, until this is dropped; see [`Clock::in_flight`].
#[derive(Debug)]
pub struct InFlight(Clock);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.settle(1);
    }
}

impl Waiter {
    /// Waits until `t`. Cancel safe.
    ///
    /// On a wall clock of speed 1 this is tokio's timer, up to a millisecond late. On a faster one that
    /// would be a tenth of a second of device time, so the last two milliseconds are spent giving way to
    /// other tasks again and again: late by microseconds, at the price of a busy processor.
    pub async fn wait_until(&self, t: Nanos) {
        match &self.clock.time {
            Time::Virtual(table) => {
                VirtualWait {
                    table,
                    waiter: self.number,
                    until: t,
                }
                .await;
            }
            Time::Wall { origin, speed } => {
                let wall = Duration::from_nanos(t.0).div_f64(*speed);
                let Some(at) = origin.checked_add(wall) else {
                    return std::future::pending().await;
                };
                if *speed <= 1.0 {
                    return tokio::time::sleep_until(at.into()).await;
                }
                let coarse = at.checked_sub(BUSY_WAIT);
                if let Some(coarse) = coarse.filter(|coarse| *coarse > Instant::now()) {
                    tokio::time::sleep_until(coarse.into()).await;
                }
                while Instant::now() < at {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl Waiter {
    /// Waits for `what`, but not beyond `t`; `None` if that comes first.
    pub async fn timeout<T>(&self, t: Nanos, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            outcome = what => Some(outcome),
            () = self.wait_until(t) => None,
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Time::Virtual(table) = &self.clock.time {
            let mut table = lock(table);
            table.waiters.remove(&self.number);
            table.drivers -= usize::from(self.drives);
            if table.turn == Some(self.number) {
                table.turn = None;
            }
            table.advance();
        }
    }
}

impl Table {
    /// If all wait and nothing is under way, moves on to the earliest instant that is waited for and
    /// wakes its waiter: one at a time, in order of instant and waiter, so that a run has one order.
    fn advance(&mut self) {
        if self.drivers == 0 || self.under_way > 0 || self.turn.is_some() {
            return;
        }
        let mut next: Option<(Nanos, u64)> = None;
        for (number, waits) in &self.waiters {
            let Some((until, _)) = waits else { return };
            if next.is_none_or(|(earliest, _)| *until < earliest) {
                next = Some((*until, *number));
            }
        }
        if let Some((until, number)) = next.filter(|(until, _)| *until < Nanos::MAX) {
            self.now = self.now.max(until);
            self.turn = Some(number);
            if let Some(Some((_, waker))) = self.waiters.get(&number) {
                waker.wake_by_ref();
            }
        }
    }
}

struct VirtualWait<'a> {
    table: &'a Mutex<Table>,
    waiter: u64,
    until: Nanos,
}

impl Future for VirtualWait<'_> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut table = lock(self.table);
        if table.turn != Some(self.waiter) {
            let waits = (self.until, cx.waker().clone());
            table.waiters.insert(self.waiter, Some(waits));
            table.advance();
        }
        // `advance` may have given the turn to this very waiter.
        if table.turn == Some(self.waiter) {
            table.turn = None;
            table.waiters.insert(self.waiter, None);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for VirtualWait<'_> {
    /// Its owner works again, on whatever came first.
    fn drop(&mut self) {
        let mut table = lock(self.table);
        table.waiters.insert(self.waiter, None);
        if table.turn == Some(self.waiter) {
            table.turn = None;
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // The table is whole between any two statements that hold the lock.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_saturate_instead_of_wrapping() {
        assert_eq!(Nanos(5).since(Nanos(9)), Duration::ZERO);
        assert_eq!(Nanos(5) - Duration::from_secs(1), Nanos::ZERO);
        assert_eq!(Nanos::MAX + Duration::from_secs(1), Nanos::MAX);
        assert_eq!(Nanos::from_seconds(f64::NAN), Nanos::ZERO);
        assert_eq!(Nanos::from_seconds(-3.0), Nanos::ZERO);
    }

    #[tokio::test]
    async fn a_scaled_clock_waits_device_time_and_never_wakes_early() {
        let clock = Clock::scaled(1000.0);
        let waiter = clock.follow();
        let began = clock.now();
        let wall = Instant::now();
        let until = began + Duration::from_secs(5);
        waiter.wait_until(until).await;
        assert!(clock.now() >= until);
        let wall = wall.elapsed();
        assert!(wall >= Duration::from_millis(4));
        // The device's clock is read outside of what the wall's measures.
        let device = clock.now().since(began);
        assert!(device >= wall * 999, "{device:?} in {wall:?}");
    }

    /// Two parties that wait in turns, in virtual time: who woke when.
    async fn dance(clock: &Clock, mine: &[u64], theirs: &[u64]) -> Vec<(char, u64)> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let (driver, follower) = (clock.drive(), clock.follow());
        let partner = {
            let (log, clock, theirs) = (log.clone(), clock.clone(), theirs.to_vec());
            tokio::spawn(async move {
                for t in theirs {
                    follower.wait_until(Nanos(t)).await;
                    log.lock().expect("unpoisoned").push(('f', clock.now().0));
                }
            })
        };
        for t in mine {
            driver.wait_until(Nanos(*t)).await;
            log.lock().expect("unpoisoned").push(('d', clock.now().0));
        }
        driver.wait_until(Nanos(10_000)).await;
        partner.await.expect("no panic");
        let log = log.lock().expect("unpoisoned");
        log.clone()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn virtual_time_jumps_from_event_to_event_in_one_order() {
        for _ in 0..50 {
            let log = dance(&Clock::virtual_time(), &[10, 30, 30], &[20, 30]).await;
            assert_eq!(log, [('d', 10), ('f', 20), ('d', 30), ('d', 30), ('f', 30)]);
        }
    }

    #[tokio::test]
    async fn virtual_time_stands_while_bytes_are_under_way_or_nobody_drives() {
        let clock = Clock::virtual_time();
        let follower = clock.follow();
        let soon = Duration::from_millis(20);
        let waited = |waiter: Waiter| async move {
            tokio::time::timeout(soon, waiter.wait_until(Nanos(5)))
                .await
                .is_ok()
        };
        assert!(!waited(follower).await, "nobody drives");
        clock.send(3);
        assert!(!waited(clock.drive()).await, "3 bytes are under way");
        clock.settle(3);
        assert!(waited(clock.drive()).await);
        assert_eq!(clock.now(), Nanos(5));
    }
}
