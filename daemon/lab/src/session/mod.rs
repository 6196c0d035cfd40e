//! One session with a unit: the only way in which this program drives one.
//!
//! `with_unit` takes the unit's lock, attaches the unit, waits until it is ready and hands it to the drive. However the
//! drive ends, the session then awaits the unit's safe end: after success, an error, a panic, and after the
//! [`Context`] was stopped, which Ctrl-C, SIGTERM and SIGHUP do. A session that is itself dropped hands the safe end to a
//! task that its context waits for.
//!
//! - `context`: who drives, how it is asked to stop, and which units are not safe yet;
//! - `ending`: the safe end; `lock`: one driver a unit, across processes.
//!
//! That the miner that logs in is the one that the interlock watches is checked where connections come in:
//! [`crate::attach`].

pub(crate) mod context;
mod ending;
mod lock;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use anyhow::{Result, anyhow};
use thermine_units::model::Model;
use thermine_units::unit::OperatingPoint;

pub use self::context::{Context, Interrupted};
pub use self::ending::{Ending, SAFE_END};
pub use self::lock::Lock;
use crate::attach::{Attachments, Unit};
use crate::config::{Config, Wires};
use crate::observer::Notices;

/// What a session is about.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// The context of the request, which can stop the session.
    pub context: &'a Context,
    /// Configuration of the unit.
    pub config: &'a Config,
    /// Seed of the unit's physics, if it is simulated, and of its jobs.
    pub seed: u64,
    /// Where notices go.
    pub notices: &'a dyn Notices,
}

/// Has the unit of `session` driven by `drive` once it is ready, and leaves it safe.
///
/// # Errors
/// If another process drives the unit, it cannot be attached or does not become ready; what `drive` fails with;
/// [`Interrupted`] if the context was stopped.
pub(crate) async fn with_unit<T>(
    session: Session<'_>,
    drive: impl AsyncFnOnce(&mut Unit) -> Result<T>,
) -> Result<T> {
    let Session {
        context,
        config,
        notices,
        ..
    } = session;
    with_attached(session, context.rig(config)?, async |unit, _| {
        if config.unit.simulated.is_none() {
            notices.notice(&format!("waiting for {}", unit.instructions()));
        }
        for remark in unit.ready().await? {
            notices.remark(&remark);
        }
        drive(unit).await
    })
    .await
}

/// As `with_unit`, on a rig that the caller chooses and without waiting until the unit is ready.
///
/// # Errors
/// As `with_unit`.
pub async fn with_attached<T>(
    session: Session<'_>,
    mut rig: Attachments,
    drive: impl AsyncFnOnce(&mut Unit, &Attachments) -> Result<T>,
) -> Result<T> {
    let Session {
        context, config, ..
    } = session;
    let lock = Lock::of(config, context)?;
    let unit = rig.attach(config, session.seed).await?;
    let mut ending = Ending::new(unit, rig, lock, label(config), context);
    let outcome = {
        let (unit, rig) = ending.parts();
        let drive = pin!(caught(drive(unit, rig)));
        tokio::select! {
            biased;
            done = drive => done,
            () = context.stopped() => Err(Interrupted.into()),
        }
    };
    leave(session, ending, outcome.is_ok()).await;
    outcome
}

/// Leaves the unit safe, and says how that went unless all is well.
async fn leave(session: Session<'_>, ending: Ending<Unit>, is_well: bool) {
    let (config, notices) = (session.config, session.notices);
    let name = &config.unit.name;
    // Of a simulated unit of this process there is nothing to say: it ends with the process.
    let is_told = !is_well && config.unit.simulated.is_none();
    if is_told {
        notices.notice(&format!(
            "{name}: going to its safe operating point; this takes up to {} s",
            SAFE_END.as_secs()
        ));
    }
    let is_safe = ending.finish().await;
    if !is_safe {
        notices.notice(&format!(
            "{} did NOT confirm its safe operating point: check it now",
            label(config)
        ));
    } else if is_told && is_settable(config.unit.model) {
        notices.notice(&format!("{name} confirmed its safe operating point"));
    } else if is_told {
        notices.notice(&format!(
            "{name} has no more work; its wire cannot set anything else"
        ));
    }
}

/// Whether a safe operating point can be set over the model's wire.
fn is_settable(model: Model) -> bool {
    model.is_bare() || model.limits().safe != OperatingPoint::UNCHANGED
}

/// The unit and where it is reached, for a person who has to find it.
pub fn label(config: &Config) -> String {
    format!("{} at {}", config.unit.name, place(config))
}

/// Where the unit is reached: its API's address or its serial port.
fn place(config: &Config) -> String {
    match config.wires() {
        Ok(Wires::Network { api, .. }) => api.address.to_string(),
        Ok(Wires::Serial(serial)) => serial.port.display().to_string(),
        Err(_) => "no wire".into(),
    }
}

/// What `work` gives; a panic in it is an error.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        // After a panic `work` is not polled again, so that nothing sees it half changed but its destructor.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Err(anyhow!("the drive panicked: {}", said(&*panic)))),
        }
    })
    .await
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests;
