//! Blocking work of commands that are not yet asynchronous, on the program's one runtime.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::task::block_in_place;

use crate::lab::session::Context;

/// Runs `work`, which ends by itself soon after `context` is stopped. Returns when every unit's safe end is over too.
///
/// # Errors
/// None.
pub(crate) fn run<T>(context: &Context, work: impl Future<Output = T>) -> io::Result<T> {
    Ok(block_in_place(|| {
        Handle::current().block_on(context.on_notice(work))
    }))
}

/// Runs `work`, which drives nothing and ends by itself.
///
/// # Errors
/// If the system gives no reactor.
pub(crate) fn run_here<T>(work: impl Future<Output = T>) -> io::Result<T> {
    Ok(Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work))
}
