//! How a test waits for another thread or process: it looks again and again until what it wants is there.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// The longest wait before a test fails. It only ends a hang: nothing takes this long, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `look` succeeds, and returns what it found.
///
/// # Panics
///
/// With the name `what` and the last error of `look`, if it has not succeeded within [`LIMIT`].
pub(crate) fn found<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(error) => assert!(began.elapsed() < LIMIT, "{what}: not yet: {error:?}"),
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits until `is` returns true.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    found(what, || is().then_some(()).ok_or("false"));
}

/// The same as [`found`] in a tokio runtime: other tasks run between two looks. The limit is one of wall time, also in
/// a runtime whose own time is paused.
pub(crate) async fn found_async<T, E: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let began = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(error) => assert!(began.elapsed() < LIMIT, "{what}: not yet: {error:?}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same as [`until`] in a tokio runtime.
pub(crate) async fn until_async(what: &str, mut is: impl FnMut() -> bool) {
    found_async(what, async || is().then_some(()).ok_or("false")).await;
}
