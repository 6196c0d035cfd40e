//! The one clock that time enters through.
//!
//! A run has one [`Clock`]. It counts *device time*: on real hardware that is wall time, against a
//! simulated unit it may run faster by a fixed factor, so that both ends of a wire agree on how long a
//! second is. All stamps of a run are [`Nanos`] on this clock: monotonic, and never wall-clock time of
//! day, which may jump.

use std::ops::{Add, AddAssign, Sub};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_io::Timer;
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

/// A monotonic clock of device time, cheap to clone; clones agree.
#[derive(Debug, Clone)]
pub struct Clock {
    origin: Instant,
    origin_unix: Duration,
    speed: f64,
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
        let origin_unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Clock {
            origin: Instant::now(),
            origin_unix,
            speed,
        }
    }

    /// Seconds of device time per second of wall time.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Device time now.
    pub fn now(&self) -> Nanos {
        Nanos((self.origin.elapsed().as_nanos() as f64 * self.speed) as u64)
    }

    /// Seconds since the Unix epoch at `t`, as a unit on this clock would show them: the wall time of
    /// the origin plus device time since.
    pub fn unix(&self, t: Nanos) -> Duration {
        self.origin_unix + Duration::from_nanos(t.0)
    }

    /// Wall time that `span` of device time takes.
    pub fn wall(&self, span: Duration) -> Duration {
        span.div_f64(self.speed)
    }

    /// Sleeps for `span` of device time.
    pub async fn sleep(&self, span: Duration) {
        self.alarm().at(self.now() + span).await;
    }

    /// An alarm that can be set again and again.
    pub fn alarm(&self) -> Alarm {
        Alarm {
            clock: self.clone(),
            set_to: None,
            timer: Timer::never(),
        }
    }
}

/// A timer for a loop that waits for its next event or an instant, whichever comes first.
///
/// It wakes some 40 µs late on an idle Linux machine. tokio's own timer would be a whole millisecond
/// late, which is a tenth of a second of device time at speed 100.
#[derive(Debug)]
pub struct Alarm {
    clock: Clock,
    set_to: Option<Nanos>,
    timer: Timer,
}

impl Alarm {
    /// Waits until `t`. Cancel safe, and cheap when the alarm is still set to `t` from a call before.
    pub async fn at(&mut self, t: Nanos) {
        if self.set_to != Some(t) {
            self.set_to = Some(t);
            let wall = Duration::from_nanos(t.0).div_f64(self.clock.speed);
            match self.clock.origin.checked_add(wall) {
                Some(at) => self.timer.set_at(at),
                None => self.timer = Timer::never(),
            }
        }
        if self.clock.now() < t {
            (&mut self.timer).await;
        }
        self.set_to = None;
    }
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
    async fn a_scaled_clock_sleeps_device_time_and_never_wakes_early() {
        let clock = Clock::scaled(1000.0);
        let wall = Instant::now();
        let until = clock.now() + Duration::from_secs(5);
        clock.alarm().at(until).await;
        assert!(clock.now() >= until);
        assert!(wall.elapsed() >= Duration::from_millis(4));
        assert!(wall.elapsed() < Duration::from_secs(5), "ran in real time");
    }
}
