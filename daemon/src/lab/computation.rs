//! Work that only computes, beside the tasks that wait.

use anyhow::Result;

use super::session::Context;

/// Does `work` on a thread that may block. If `context` is stopped first, the request ends without waiting for it.
///
/// # Errors
/// What `work` fails with; [`Interrupted`](super::session::Interrupted) if the context was stopped.
pub async fn compute<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let work = tokio::task::spawn_blocking(work);
    context.unless_stopped(async { work.await? }).await
}
