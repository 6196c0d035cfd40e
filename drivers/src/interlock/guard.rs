//! The task that stands between an experiment and its unit.
//!
//! A [`Guard`] judges the unit once per period. When its interlock trips it withholds work, for which the
//! substrate looks at the [`Permission`], and sets the unit to its model's safe operating point, again and
//! again until the unit reads it back. The experiment sets the unit only through [`Guarded::set`], which
//! keeps to the limits and refuses while work is withheld.
//!
//! However the experiment ends, the unit is not left where the experiment has put it:
//!
//! - *it returns or panics*: its [`Guarded`] is dropped. The guard is a task of its own, so it is still
//!   there; it sees that nobody is at the other end, makes the unit safe and ends. So it does on shutdown.
//! - *the guard's own task panics or is aborted*: dropping the control spawns a detached last-chance task
//!   that owns it and makes the unit safe. The permission's channel closes, which counts as withheld.
//! - *the unit cannot be read or set*: that is a hazard like any other. Work is withheld, and the safe
//!   point tried every period until it holds.
//! - *the whole process dies*: nobody is left. The unit loses its pool, and its own firmware's protection
//!   is the last; hence limits well below the firmware's. The same holds if the runtime is shut down before
//!   the guard has ended: wait for [`Guarded::end`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, warn};

use super::hazard::{Cause, Hazard};
use super::limits::Enforced;
use super::safe::{Held, NotSafe, PATIENCE};
use super::state::{Interlock, State};
use crate::control::{Applied, Control, ControlError};
use crate::poller::Latest;
use thermine_units::clock::{Clock, Waiter};
use thermine_units::unit::OperatingPoint;

/// Shortest period, so that a period of zero does not keep a processor busy with judging.
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

/// Longest period: a third of the shortest age at which a reading no longer counts.
const LONGEST_PERIOD: Duration = Duration::from_secs(5);

/// Attempts to make the unit safe when the guard ends, and the wall time between them.
const LAST_ATTEMPTS: u32 = 3;
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Settings that may wait for the guard.
const REQUESTS: usize = 4;

/// Whether a unit may be given work.
#[derive(Debug, Clone, PartialEq)]
pub enum Permission {
    /// The unit may have work.
    Grant,
    /// It keeps the work that it has and gets no more, until the bad reading has been taken again.
    Pause(Cause),
    /// It must not, because of this.
    Withhold(Cause),
}

/// Why the experiment's setting did not reach the unit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SetError {
    /// The interlock has tripped.
    #[error("{0}")]
    Interlocked(Cause),
    /// The unit could not be set.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The guard has ended.
    #[error("the interlock has ended: the unit is at its safe operating point")]
    Ended,
}

/// Watches one unit, and alone holds its control.
#[derive(Debug)]
pub struct Guard<C> {
    interlock: Interlock,
    control: C,
    latest: watch::Receiver<Latest>,
    seat: Waiter,
    clock: Clock,
    period: Duration,
    dry_run: bool,
    trip: Trip,
}

/// Why the last interlock of a unit had tripped when it ended, for the unit's next one; `None` if it had not. Clones are
/// the same place.
#[derive(Debug, Clone, Default)]
pub struct Trip(Arc<Mutex<Option<Cause>>>);

impl Trip {
    /// The interlock that follows: of a unit that has not been read, or of one that has tripped.
    pub fn resume(&self, unit: &str, limits: Enforced) -> Interlock {
        match self.cause().take() {
            Some(cause) => Interlock::after_trip(unit, limits, cause),
            None => Interlock::new(unit, limits),
        }
    }

    fn cause(&self) -> MutexGuard<'_, Option<Cause>> {
        // Whole between any two statements that hold the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The experiment's end of a guard. When it is dropped the experiment is over.
#[derive(Debug)]
pub struct Guarded {
    permission: watch::Receiver<Permission>,
    requests: mpsc::Sender<Request>,
    task: JoinHandle<bool>,
}

/// A way to set the unit for whoever drives it; it does not keep the guard at work.
#[derive(Debug, Clone)]
pub struct Setter {
    requests: mpsc::WeakSender<Request>,
}

#[derive(Debug)]
struct Request {
    asked: OperatingPoint,
    answer: oneshot::Sender<Result<Applied, SetError>>,
}

impl<C: Control + 'static> Guard<C> {
    /// A guard that judges `latest`, which the unit's poller publishes, every `period` of device time,
    /// but at least every five seconds.
    pub fn new(
        interlock: Interlock,
        control: C,
        latest: watch::Receiver<Latest>,
        clock: Clock,
        period: Duration,
    ) -> Guard<C> {
        Guard {
            interlock,
            control,
            latest,
            // Taken here and not in the task, so that it always comes at the same place among the others.
            seat: clock.follow(),
            clock,
            period: period.clamp(SHORTEST_PERIOD, LONGEST_PERIOD),
            dry_run: false,
            trip: Trip::default(),
        }
    }

    /// Leaves in `trip` whether the unit had tripped when this guard ends.
    pub fn leaving(self, trip: Trip) -> Guard<C> {
        Guard { trip, ..self }
    }

    /// Judges and logs, but neither withholds work nor makes the unit safe. For tests against simulated
    /// units: no configuration can ask for it.
    pub fn dry_run(self) -> Guard<C> {
        Guard {
            dry_run: true,
            ..self
        }
    }

    /// Starts the guard as a task of its own, until `shutdown` or the end of the experiment. Work is withheld
    /// until the unit has been read and found well.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(self, shutdown: CancellationToken) -> Guarded {
        let first = match self.interlock.state() {
            State::Tripped { cause, .. } if !self.dry_run => Permission::Withhold(cause.clone()),
            _ => Permission::Grant,
        };
        let (sender, permission) = watch::channel(first);
        let (requests, asked) = mpsc::channel(REQUESTS);
        let unit = self.interlock.unit().clone();
        let safe = if self.dry_run {
            OperatingPoint::UNCHANGED
        } else {
            self.interlock.limits().limits().safe
        };
        let watcher = Watcher {
            control: Held::new(self.control, safe, unit.clone(), Handle::current()),
            interlock: self.interlock,
            latest: self.latest,
            seat: self.seat,
            clock: self.clock,
            period: self.period,
            dry_run: self.dry_run,
            permission: sender,
            requests: asked,
            deferred: Vec::new(),
            is_safe: false,
            tolerated: Vec::new(),
            trip: self.trip,
        };
        let span = tracing::info_span!("interlock", %unit);
        Guarded {
            permission,
            requests,
            task: tokio::spawn(watcher.run(shutdown).instrument(span)),
        }
    }
}

impl Guarded {
    /// Whether the unit may be given work, for the substrate. A closed channel is a withheld permission.
    pub fn permission(&self) -> watch::Receiver<Permission> {
        self.permission.clone()
    }

    /// Waits until work is granted.
    ///
    /// # Errors
    /// If that takes longer than `patience` of wall time: why it is withheld.
    pub async fn granted(&self, patience: Duration) -> Result<(), Cause> {
        let mut permission = self.permission.clone();
        let granted = permission.wait_for(|permission| *permission == Permission::Grant);
        // The borrow of what was waited for must end before it is looked at again.
        let in_time = matches!(tokio::time::timeout(patience, granted).await, Ok(Ok(_)));
        let paused = || match &*self.permission.borrow() {
            Permission::Pause(cause) => Some(cause.clone()),
            _ => None,
        };
        match withheld(&self.permission).or_else(paused) {
            Some(cause) if !in_time => Err(cause),
            _ => Ok(()),
        }
    }

    /// Asks the unit to run at `asked`, within its limits, and reads back where it then runs.
    ///
    /// # Errors
    /// If work is withheld, the unit cannot be set, or the guard has ended.
    pub async fn set(&self, asked: OperatingPoint) -> Result<Applied, SetError> {
        request(&self.requests, asked).await
    }

    /// The same for whoever drives the unit.
    pub fn setter(&self) -> Setter {
        Setter {
            requests: self.requests.downgrade(),
        }
    }

    /// Ends the guard, and waits until it has made the unit safe. Returns whether the unit has confirmed it,
    /// or has nothing that could be set.
    pub async fn end(self) -> bool {
        drop(self.requests);
        self.task.await.unwrap_or(false)
    }
}

impl Setter {
    /// As [`Guarded::set`].
    ///
    /// # Errors
    /// If work is withheld, the unit cannot be set, or the guard has ended.
    pub async fn set(&self, asked: OperatingPoint) -> Result<Applied, SetError> {
        let requests = self.requests.upgrade().ok_or(SetError::Ended)?;
        request(&requests, asked).await
    }
}

async fn request(
    requests: &mpsc::Sender<Request>,
    asked: OperatingPoint,
) -> Result<Applied, SetError> {
    let (answer, answered) = oneshot::channel();
    let request = Request { asked, answer };
    requests.send(request).await.map_err(|_| SetError::Ended)?;
    answered.await.unwrap_or(Err(SetError::Ended))
}

/// Whether the unit keeps its work but gets no more for now.
pub fn paused(permission: &watch::Receiver<Permission>) -> bool {
    matches!(&*permission.borrow(), Permission::Pause(_))
}

/// Whether a further interlock may take the unit over: it would not know that this one has tripped, or is reading the
/// unit again.
pub fn may_be_lent(permission: &watch::Receiver<Permission>) -> bool {
    !paused(permission) && !withheld(permission).is_some_and(|cause| cause.hazard.is_trip())
}

/// Why work is withheld; `None` if it is granted or only [`paused`].
pub fn withheld(permission: &watch::Receiver<Permission>) -> Option<Cause> {
    let last = match &*permission.borrow() {
        Permission::Withhold(cause) => Some(cause.clone()),
        Permission::Grant | Permission::Pause(_) => None,
    };
    let is_closed = permission.has_changed().is_err();
    last.or_else(|| {
        is_closed.then(|| Cause {
            unit: "the unit".into(),
            hazard: Hazard::Unguarded,
        })
    })
}

/// A guard at work.
#[derive(Debug)]
struct Watcher<C: Control + 'static> {
    control: Held<C>,
    interlock: Interlock,
    latest: watch::Receiver<Latest>,
    seat: Waiter,
    clock: Clock,
    period: Duration,
    dry_run: bool,
    permission: watch::Sender<Permission>,
    requests: mpsc::Receiver<Request>,
    /// Settings that came while the unit was paused, at most [`REQUESTS`].
    deferred: Vec<Request>,
    /// Whether the unit has confirmed its safe operating point since it last tripped.
    is_safe: bool,
    tolerated: Vec<u8>,
    trip: Trip,
}

impl<C: Control + 'static> Watcher<C> {
    /// Returns whether the unit is left safe.
    async fn run(mut self, shutdown: CancellationToken) -> bool {
        let shutdown = shutdown.run_until_cancelled_owned(self.watch());
        shutdown.await;
        *self.trip.cause() = match self.interlock.state() {
            State::Tripped { cause, .. } if cause.hazard.is_trip() => Some(cause.clone()),
            _ => None,
        };
        self.finish().await
    }

    /// Watches until the experiment has gone.
    async fn watch(&mut self) {
        let mut due = self.clock.now();
        loop {
            if self.clock.now() >= due {
                self.judge();
                if !self.is_safe && self.must_be_safe() {
                    self.make_safe().await;
                }
                // On schedule, unless that took longer than a period.
                due = (due + self.period).max(self.clock.now());
            }
            tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    Some(request) => self.serve(request).await,
                    None => return,
                },
                // At once, so that a run need not wait for it; and in virtual time, that stands until the run
                // begins, there would be no other moment.
                Ok(()) = self.latest.changed(), if self.awaits_a_reading() => self.judge(),
                () = self.seat.wait_until(due) => {}
            }
            if !self.is_paused() {
                for request in std::mem::take(&mut self.deferred) {
                    self.serve(request).await;
                }
            }
        }
    }

    fn judge(&mut self) {
        let decision = {
            let latest = self.latest.borrow();
            // After the borrow, so that no reading is younger than now.
            self.interlock.judge(self.clock.now(), &latest)
        };
        if decision.tolerated != self.tolerated {
            warn!(boards = ?decision.tolerated, "boards with a failed temperature sensor");
            self.tolerated = decision.tolerated;
        }
        if !decision.changed {
            return;
        }
        let permission = match decision.state {
            State::Running => {
                info!("running");
                Permission::Grant
            }
            State::Paused { cause, .. } => {
                warn!(%cause, "a bad reading: no new work until the next");
                Permission::Pause(cause)
            }
            State::Tripped { cause, .. } => {
                error!(%cause, trips = self.interlock.trips(), dry_run = self.dry_run, "tripped");
                self.is_safe = false;
                Permission::Withhold(cause)
            }
        };
        if !self.dry_run {
            self.permission.send_replace(permission);
        }
    }

    /// Whether the first reading is still to come.
    fn is_unread(&self) -> bool {
        matches!(self.interlock.state(), State::Tripped { cause, .. } if cause.hazard == Hazard::Unread)
    }

    fn is_paused(&self) -> bool {
        matches!(self.interlock.state(), State::Paused { .. })
    }

    /// Whether the next reading is to be judged as soon as it is there.
    fn awaits_a_reading(&self) -> bool {
        self.is_unread() || self.is_paused()
    }

    /// Whether the unit has tripped for more than the want of a first reading.
    fn must_be_safe(&self) -> bool {
        let is_tripped = matches!(self.interlock.state(), State::Tripped { .. });
        is_tripped && !self.is_unread() && !self.dry_run
    }

    /// One attempt at the safe operating point.
    async fn make_safe(&mut self) {
        match self.control.make_safe().await {
            Ok(()) => {
                info!("the unit is at its safe operating point");
                self.interlock.control_back();
                self.is_safe = true;
            }
            Err(NotSafe::Unsupported(what)) => {
                warn!(what, "the unit has no safe operating point to be set to");
                self.is_safe = true;
            }
            Err(error) => {
                warn!(%error, "the unit is not at its safe operating point yet");
                self.interlock.control_lost(error.to_string());
            }
        }
    }

    /// The one place where an experiment's setting goes to the unit. While the unit is paused a setting waits.
    async fn serve(&mut self, request: Request) {
        if self.is_paused() && !self.dry_run && self.deferred.len() < REQUESTS {
            self.deferred.push(request);
            return;
        }
        let answer = match self.interlock.state() {
            State::Paused { cause, .. } if !self.dry_run => {
                Err(SetError::Interlocked(cause.clone()))
            }
            State::Tripped { cause, .. } if !self.dry_run => {
                Err(SetError::Interlocked(cause.clone()))
            }
            _ => self.set(&request.asked).await.map_err(SetError::Control),
        };
        // Nobody waits for it any more: then nobody needs it.
        let _ = request.answer.send(answer);
    }

    async fn set(&mut self, asked: &OperatingPoint) -> Result<Applied, ControlError> {
        let (within, mut remarks) = self.interlock.limits().clamp(asked);
        self.is_safe = false;
        let set = tokio::time::timeout(PATIENCE, self.control.get().set(&within)).await;
        let outcome = set.unwrap_or_else(|_| Err(ControlError::Wire(too_slow())));
        match outcome {
            Ok(applied) => {
                remarks.extend(applied.remarks);
                Ok(Applied {
                    asked: *asked,
                    now: applied.now,
                    remarks,
                })
            }
            Err(error) => {
                if let ControlError::Wire(reason) = &error {
                    self.interlock.control_lost(reason.clone());
                }
                Err(error)
            }
        }
    }

    /// Withholds work for good, and leaves the unit safe if it can be.
    async fn finish(mut self) -> bool {
        if self.dry_run {
            self.control.release();
            return true;
        }
        let cause = Cause {
            unit: self.interlock.unit().clone(),
            hazard: Hazard::Unguarded,
        };
        self.permission.send_replace(Permission::Withhold(cause));
        for attempt in 1..=LAST_ATTEMPTS {
            match self.control.make_safe().await {
                Ok(()) | Err(NotSafe::Unsupported(_)) => {
                    self.control.release();
                    return true;
                }
                Err(error) => {
                    error!(%error, attempt, "the unit is not at its safe operating point");
                }
            }
            if attempt < LAST_ATTEMPTS {
                tokio::time::sleep(LAST_PAUSE).await;
            }
        }
        self.control.release();
        false
    }
}

fn too_slow() -> String {
    format!(
        "it did not take the setting within {} s",
        PATIENCE.as_secs()
    )
}
