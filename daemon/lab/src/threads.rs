//! Computations that drive nothing, beside the runtime's own threads.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;

use super::session::Context;

/// Runs `work` on a thread of its own, so that the runtime can go on and `context` can be asked to stop. A thread that is
/// no longer waited for ends with the process.
///
/// # Errors
/// What `work` fails with, or that it was interrupted.
pub async fn computed<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let thread = async { tokio::task::spawn_blocking(work).await? };
    context.unless_stopped(thread).await
}

/// What `work` makes of each number below `n`, in order, computed on as many threads as there are cores.
pub(super) fn on_all_cores<T: Send>(n: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let worker = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let own = numbers.take_while(|i| *i < n).map(|i| (i, work(i)));
        own.collect::<Vec<_>>()
    };
    let mut done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(n)).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended
            .flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_worked_on_once_and_in_its_place() {
        let squares = on_all_cores(100, |i| i * i);
        assert_eq!(squares, (0..100).map(|i| i * i).collect::<Vec<_>>());
        assert!(on_all_cores(0, |i| i).is_empty());
    }
}
