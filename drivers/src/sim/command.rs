//! What a simulated unit's control wire tells its physics.

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::unit::OperatingPoint;

/// Commands that may wait for the physics; a control wire that is faster has to wait.
pub const WAITING: usize = 16;

/// One command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Run there, as far as the unit can.
    Set(OperatingPoint),
    /// Start anew: the pool is left, the work dropped, and the counters begin at zero.
    Restart,
}

/// Hands `command` to the task that owns the physics. Virtual time stands until that has taken it.
///
/// # Errors
/// If the task has ended.
pub(crate) async fn give(
    commands: &mpsc::Sender<Command>,
    clock: &Clock,
    command: Command,
) -> Result<(), mpsc::error::SendError<()>> {
    let place = commands.reserve().await?;
    clock.send(1);
    place.send(command);
    Ok(())
}

/// The next command, once there is one; for ever without a control wire.
pub(crate) async fn next(commands: &mut Option<mpsc::Receiver<Command>>) -> Command {
    if let Some(receiver) = commands {
        if let Some(command) = receiver.recv().await {
            return command;
        }
        *commands = None;
    }
    std::future::pending().await
}

/// A command has been carried out.
pub(crate) fn done(clock: &Clock) {
    clock.settle(1);
}
