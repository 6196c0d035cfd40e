//! The wall's time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// The same with its fraction.
pub(super) fn now_exactly_ms() -> f64 {
    since_1970().as_secs_f64() * 1e3
}

fn since_1970() -> std::time::Duration {
    // A clock that stands before 1970 is taken to stand there.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
