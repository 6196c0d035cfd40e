//! The safe end of a session.

use std::time::Duration;

use thermine_drivers::interlock::Guarded;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Context, Lock};
use crate::attach::{Attachments, Unit};

/// Wall time that a unit is given to confirm its safe operating point: a setting under way, three attempts of ten
/// seconds at the safe one, and the pauses between them. `TimeoutStopSec` of a service must be longer.
pub const SAFE_END: Duration = Duration::from_secs(45);

/// Wall time that pollers and simulated units are given to end.
const CLOSING: Duration = Duration::from_secs(10);

/// What can be brought to a safe end.
pub trait EndSafe: Send + 'static {
    /// Ends the unit's work and leaves it at its safe operating point. Returns whether the unit confirmed that, or has
    /// nothing that could be set.
    fn end_safe(self) -> impl Future<Output = bool> + Send;
}

impl EndSafe for Unit {
    async fn end_safe(self) -> bool {
        self.end().await
    }
}

impl EndSafe for Guarded {
    async fn end_safe(self) -> bool {
        self.end().await
    }
}

/// A unit that is attached. Dropped without [`finish`](Ending::finish), it is brought to its safe end all the same, by a
/// task that its context waits for.
#[derive(Debug)]
pub struct Ending<U: EndSafe> {
    attached: Option<Attached<U>>,
    context: Context,
    runtime: Handle,
}

#[derive(Debug)]
struct Attached<U> {
    unit: U,
    rig: Attachments,
    lock: Option<Lock>,
    label: String,
}

impl<U: EndSafe> Ending<U> {
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(
        unit: U,
        rig: Attachments,
        lock: Option<Lock>,
        label: String,
        context: &Context,
    ) -> Ending<U> {
        if lock.is_some() {
            context.attached(&label);
        }
        Ending {
            attached: Some(Attached {
                unit,
                rig,
                lock,
                label,
            }),
            context: context.clone(),
            runtime: Handle::current(),
        }
    }

    /// The unit, and the rig that it hangs on.
    pub(crate) fn parts(&mut self) -> (&mut U, &Attachments) {
        #[expect(clippy::expect_used, reason = "taken by `finish` and `drop` alone")]
        let attached = self.attached.as_mut().expect("there until it ends");
        (&mut attached.unit, &attached.rig)
    }

    /// Brings the unit to its safe end. Returns whether the unit confirmed it.
    pub async fn finish(mut self) -> bool {
        match self.start() {
            Some(task) => task.await.unwrap_or(false),
            None => false,
        }
    }

    /// In a task of its own: a caller that is dropped meanwhile does not stop it.
    fn start(&mut self) -> Option<JoinHandle<bool>> {
        let Attached {
            unit,
            rig,
            lock,
            label,
        } = self.attached.take()?;
        let context = self.context.clone();
        let end = async move {
            let is_safe = matches!(timeout(SAFE_END, unit.end_safe()).await, Ok(true));
            if is_safe {
                context.safe(&label);
            } else {
                tracing::error!("{label} did NOT confirm its safe operating point: check it now");
            }
            // What hangs on the rig ends with it even if it is not waited for.
            let _ = timeout(CLOSING, rig.close()).await;
            drop(lock);
            is_safe
        };
        Some(self.context.end(end, &self.runtime))
    }
}

impl<U: EndSafe> Drop for Ending<U> {
    fn drop(&mut self) {
        // The task is awaited by the context.
        let _ = self.start();
    }
}
