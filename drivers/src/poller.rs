//! One task per unit that asks for its readings again and again and keeps the latest, whatever the wire.

use std::future::Future;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, warn};

use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::record::{Record, Recorder};
use thermine_units::seed::Rng;
use thermine_units::unit::{Identity, Telemetry};

/// Longest wait between two attempts on a unit that does not answer, in device time. A restarting S9 is
/// back in one to two minutes: much longer and it would heat up unwatched, much shorter and a unit that
/// is switched off would cost a connection time-out all the time.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Shortest period, so that a period of zero does not keep the unit busy with nothing else.
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

/// Pause before a bad reading is taken again: a sensor's bus is given time to recover.
const AGAIN: Duration = Duration::from_millis(100);

/// A wire on which a unit tells how it is.
pub trait Source: Send {
    /// One reading, stamped from `clock` when its sensors were read.
    fn read(
        &mut self,
        clock: &Clock,
    ) -> impl Future<Output = Result<Telemetry, SourceError>> + Send;

    /// Who the unit says it is.
    fn identify(&mut self) -> impl Future<Output = Result<Identity, SourceError>> + Send;

    /// Where it is reached, for the log: an address or a path, never a secret.
    fn place(&self) -> String;
}

/// Why there is no reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SourceError {
    /// What happened, where, and what to do.
    pub reason: String,
    /// Whether asking again soon is useless: the unit must be changed first.
    pub fatal: bool,
}

/// What is known of a unit. `Default` is a unit that was never reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latest {
    /// Last reading, however old: see [`freshness`](Latest::freshness).
    pub telemetry: Option<Telemetry>,
    /// Who the unit says it is. Asked at first contact and again after every loss of contact.
    pub identity: Option<Identity>,
    /// Failed attempts since the last reading; 0 while all is well.
    pub failures: u64,
    /// What the last failed attempt met with, kept after recovery.
    pub last_error: Option<SourceError>,
}

impl Latest {
    /// How far the reading can be trusted at `now` if it may be `limit` old.
    pub fn freshness(&self, now: Nanos, limit: Duration) -> Freshness {
        match &self.telemetry {
            None => Freshness::Never,
            Some(reading) => {
                let age = now.since(reading.taken);
                if age <= limit {
                    Freshness::Fresh(age)
                } else {
                    Freshness::Stale(age)
                }
            }
        }
    }
}

/// How far a reading can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// There is none yet.
    Never,
    /// It is this old, and that is young enough.
    Fresh(Duration),
    /// It is this old, and that is too old: a stale sensor counts as hot.
    Stale(Duration),
}

/// Asks one unit for a reading every period.
#[derive(Debug)]
pub struct Poller<S> {
    source: S,
    seat: Waiter,
    clock: Clock,
    period: Duration,
    rng: Rng,
    recorder: Option<Recorder>,
}

impl<S: Source + 'static> Poller<S> {
    /// A poller of the unit behind `source` every `period` of device time. `rng` spreads the attempts on units
    /// that do not answer, so that a room full of them is not called in step.
    pub fn new(source: S, clock: Clock, period: Duration, rng: Rng) -> Poller<S> {
        Poller {
            source,
            // Taken here and not in the task, so that it always comes at the same place among the others.
            seat: clock.follow(),
            clock,
            period: period.max(SHORTEST_PERIOD),
            rng,
            recorder: None,
        }
    }

    /// Records every reading and every identity. While the store's queue is full the poller waits for
    /// it, and its readings go stale: a run that cannot be recorded must not go on unnoticed.
    pub fn with_recorder(self, recorder: Recorder) -> Poller<S> {
        Poller {
            recorder: Some(recorder),
            ..self
        }
    }

    /// Runs the poller as a task of its own until `shutdown`.
    pub fn spawn(self, shutdown: CancellationToken) -> (JoinHandle<()>, watch::Receiver<Latest>) {
        let (sender, receiver) = watch::channel(Latest::default());
        (tokio::spawn(self.run(shutdown, sender)), receiver)
    }

    /// Polls until `shutdown`. Runs on when nobody listens to `latest`.
    pub async fn run(mut self, shutdown: CancellationToken, latest: watch::Sender<Latest>) {
        let span = tracing::info_span!("poller", unit = %self.source.place());
        let work = self.poll_for_ever(&latest).instrument(span);
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = work => {}
        }
    }

    async fn poll_for_ever(&mut self, latest: &watch::Sender<Latest>) {
        let mut must_identify = true;
        // Whether the last attempt was made at once, after a bad one: the next is not.
        let mut is_repeat = false;
        loop {
            let started = self.clock.now();
            let (wait, is_bad) = match self.source.read(&self.clock).await {
                Ok(telemetry) => {
                    let is_bad = telemetry.tells_less_than(latest.borrow().telemetry.as_ref());
                    publish_reading(latest, &telemetry);
                    self.record(Record::Telemetry(telemetry)).await;
                    if must_identify {
                        must_identify = !self.identify(latest).await;
                    }
                    (self.period, is_bad)
                }
                Err(error) => {
                    must_identify = true;
                    let fatal = error.fatal;
                    let failures = publish_failure(latest, error);
                    // A unit that answered until now may have lost one reply.
                    let is_bad = failures == 1 && !fatal && latest.borrow().telemetry.is_some();
                    (self.wait_after(failures, fatal), is_bad)
                }
            };
            is_repeat = is_bad && !is_repeat;
            if is_repeat {
                let soon = self.clock.now() + AGAIN.min(self.period);
                self.seat.wait_until(soon).await;
            } else {
                self.seat.wait_until(started + wait).await;
            }
        }
    }

    /// Asks who the unit is. A unit that gives readings but not its name is asked again next time.
    async fn identify(&mut self, latest: &watch::Sender<Latest>) -> bool {
        match self.source.identify().await {
            Ok(identity) => {
                latest.send_modify(|latest| latest.identity = Some(identity.clone()));
                self.record(Record::Identity(identity)).await;
                true
            }
            Err(error) => {
                debug!(%error, "no identity");
                false
            }
        }
    }

    async fn record(&mut self, record: Record) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        if let Err(error) = recorder.record(record).await {
            warn!(%error, "readings are no longer recorded");
            self.recorder = None;
        }
    }

    /// Doubles from one period with every failure up to [`LONGEST_WAIT`], give or take a quarter. What
    /// does not heal by asking again is given the longest wait at once.
    fn wait_after(&mut self, failures: u64, fatal: bool) -> Duration {
        let longest = LONGEST_WAIT.max(self.period);
        let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = match 2_u32.checked_pow(doublings) {
            Some(factor) if !fatal => self.period.saturating_mul(factor).min(longest),
            _ => longest,
        };
        wait.mul_f64(self.rng.random_range(0.75..1.25))
    }
}

fn publish_reading(latest: &watch::Sender<Latest>, telemetry: &Telemetry) {
    latest.send_modify(|latest| {
        if latest.telemetry.is_none() {
            info!("first reading");
        } else if latest.failures > 0 {
            info!(failures = latest.failures, "readings are back");
        }
        latest.telemetry = Some(telemetry.clone());
        latest.failures = 0;
    });
}

/// Returns how many attempts in a row have now failed.
fn publish_failure(latest: &watch::Sender<Latest>, error: SourceError) -> u64 {
    latest.send_modify(|latest| {
        if latest.failures == 0 {
            warn!(%error, "no reading");
        }
        latest.failures += 1;
        latest.last_error = Some(error);
    });
    latest.borrow().failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_units::seed;

    #[test]
    fn waits_grow_to_a_bound_and_never_vanish() {
        let period = Duration::from_secs(2);
        let addr = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let source = crate::cgminer::Source::new(addr);
        let mut poller = Poller::new(source, Clock::real(), period, seed::stream(1, "poller"));
        for failures in [1, 2, 5, 40, u64::MAX] {
            let wait = poller.wait_after(failures, false);
            assert!(wait >= period.mul_f64(0.75), "{failures}: {wait:?}");
            assert!(wait <= LONGEST_WAIT.mul_f64(1.25), "{failures}: {wait:?}");
        }
        assert!(poller.wait_after(1, false) <= period.mul_f64(1.25));
        assert!(poller.wait_after(1, true) >= LONGEST_WAIT.mul_f64(0.75));
    }

    #[test]
    fn a_reading_goes_stale_by_age_alone() {
        let limit = Duration::from_secs(5);
        let mut latest = Latest::default();
        assert_eq!(latest.freshness(Nanos::MAX, limit), Freshness::Never);
        latest.telemetry = Some(Telemetry {
            taken: Nanos::from_seconds(10.0),
            ..Telemetry::default()
        });
        assert_eq!(
            latest.freshness(Nanos::from_seconds(15.0), limit),
            Freshness::Fresh(limit)
        );
        assert!(matches!(
            latest.freshness(Nanos::from_seconds(15.1), limit),
            Freshness::Stale(_)
        ));
    }
}
