//! The one place where a tokio runtime is made for work that can be asked to stop.

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::lab::session::Context;

/// Wall time that tasks which hold sockets are given to end.
const CLOSING: Duration = Duration::from_secs(2);

/// Runs `work`, which ends by itself soon after `context` is stopped. Returns when every unit's safe end is over too.
///
/// # Errors
/// If the system gives no threads.
pub(crate) fn run<T>(context: &Context, work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let _heeding = context.heed();
    let done = runtime.block_on(async {
        let done = work.await;
        // Those of sessions that were dropped.
        context.ended().await;
        done
    });
    runtime.shutdown_timeout(CLOSING);
    Ok(done)
}
