//! Simulated chips at the far end of a serial line: registers, addresses, line time, and work that is
//! hashed for real.
//!
//! The physics ([`crate::Device`]) decides when a nonce is found and by which chip and core. The nonce itself is
//! searched for among those of that chip and core, in the frame's own bytes, at the ticket mask's difficulty
//! times a scale. A wrong byte anywhere between host and header therefore gives nonces that do not verify.
//!
//! - `chain`: registers and addresses; `pty`: the port that a driver opens;
//! - `serial`: the task; `search`: nonces; `faults`: a bad line;
//! - `settings`: what the chain is made of; `status`: what the simulator knows of it.

pub(crate) mod chain;
mod faults;
pub(crate) mod pty;
mod search;
mod serial;
mod settings;
mod status;

use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use faults::Faults;
use serial::Serial;
pub use settings::Settings;
pub use status::{Counters, Status};

use thermine_units::clock::Clock;

/// Starts the chips as a task of `tracker`, on a pseudo-terminal of their own, until `shutdown`. Returns
/// the path that a driver opens as it would a serial port; it may close it and open it again.
///
/// They begin as after a reset, but warm as after half an hour of hashing. To be called within a tokio
/// runtime.
///
/// # Errors
/// If the settings contradict themselves, or the system gives no pseudo-terminal.
pub fn start(
    settings: Settings,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) -> io::Result<PathBuf> {
    settings.check()?;
    let (port, slave) = pty::open()?;
    let path = slave.path().clone();
    let (serial, _) = Serial::new(settings, port, Some(slave), clock);
    tracker.spawn(serial.run(shutdown.clone()));
    Ok(path)
}

/// Like [`start`], at the far end of `port`, which must carry bytes unchanged. It gives what the simulator
/// knows, with each sample of the sensors.
///
/// # Errors
/// If the settings contradict themselves.
pub fn serve<T>(
    settings: Settings,
    port: T,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) -> io::Result<watch::Receiver<Status>>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    settings.check()?;
    let (serial, status) = Serial::new(settings, port, None, clock);
    tracker.spawn(serial.run(shutdown.clone()));
    Ok(status)
}
