//! Locks of this crate: what they guard is whole between any two statements that hold them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after a holder has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
