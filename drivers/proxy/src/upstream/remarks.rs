//! What pools say that nothing is done about: it is logged, each once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::endpoint::Endpoint;
use thermine_units::clock::{Clock, Nanos};

/// Remarks that are logged within one [`SPAN`]. A pool must not fill the disk with its words.
const MOST: usize = 64;

/// Time after which all may be logged again: a fault that lasts is to be seen in a log that was rotated.
const SPAN: Duration = Duration::from_secs(3600);

/// Characters of a pool's text that are logged or stored.
const LONGEST: usize = 200;

/// Remarks on pools; clones are the same ones.
#[derive(Debug, Clone)]
pub(super) struct Remarks {
    clock: Clock,
    logged: Arc<Mutex<Logged>>,
}

#[derive(Debug)]
struct Logged {
    since: Nanos,
    remarks: HashSet<String>,
}

impl Remarks {
    /// No remarks yet.
    pub(super) fn new(clock: Clock) -> Remarks {
        let logged = Logged {
            since: clock.now(),
            remarks: HashSet::new(),
        };
        Remarks {
            clock,
            logged: Arc::new(Mutex::new(logged)),
        }
    }

    /// Logs that `pool` did `what`, with its own `text`, unless that has been logged.
    pub(super) fn log(&self, pool: &Endpoint, what: &str, text: &str) {
        if self.is_new(format!("{pool} {what}: {}", short(text))) {
            // Quoted: what a pool sends may hold control characters.
            tracing::warn!(%pool, text = ?short(text), "the pool {what}");
        }
    }

    fn is_new(&self, remark: String) -> bool {
        let now = self.clock.now();
        // Whole between any two statements that hold the lock.
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(logged.since) >= SPAN {
            logged.since = now;
            logged.remarks.clear();
        }
        if logged.remarks.len() >= MOST || !logged.remarks.insert(remark) {
            return false;
        }
        if logged.remarks.len() == MOST {
            tracing::warn!("what else pools say is left out of the log for an hour");
        }
        true
    }
}

/// The beginning of a pool's text.
pub(super) fn short(text: &str) -> &str {
    let end = text.char_indices().nth(LONGEST);
    end.map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_remark_is_new_once_and_no_more_than_a_bound() {
        let clock = Clock::virtual_time();
        let waiter = clock.drive();
        let remarks = Remarks::new(clock.clone());
        assert!(remarks.is_new("a".into()));
        assert!(!remarks.clone().is_new("a".into()));
        let new = (0..1000).filter(|i| remarks.is_new(format!("{i}"))).count();
        assert_eq!(new, MOST - 1);
        waiter.wait_until(clock.now() + SPAN).await;
        assert!(remarks.is_new("a".into()));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let text = "ü".repeat(300);
        assert_eq!(short(&text).chars().count(), LONGEST);
        assert_eq!(short("ü"), "ü");
    }
}
