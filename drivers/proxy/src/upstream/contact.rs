//! How each pool wants to be spoken to, as far as its answers have shown.
//!
//! A pool that refuses the login in either manner is left alone for longer and longer: credentials do not heal by
//! trying them again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::{NotOpened, PoolError};
use super::opening::{EXTRANONCE, Manner};
use super::pool::Pool;
use thermine_stratum::client_protocol::{AUTHORIZE, ClientError};
use thermine_units::clock::Nanos;

/// A pool that hangs up within this time of the opening does it because of the opening.
const EARLY: Duration = Duration::from_secs(30);

/// Longest rest of a pool that refuses the login, in longest waits between attempts.
const MOST_RESTS: u32 = 15;

#[derive(Debug, Clone, Default)]
struct Contact {
    manner: Manner,
    /// Logins refused one after the other.
    refused: u32,
    /// Until then the pool is left alone.
    rests_until: Nanos,
}

/// What is known of each pool, by its place in the policy; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Contacts {
    contacts: Arc<Mutex<Vec<Contact>>>,
    /// First rest of a pool that refuses the login.
    rest: Duration,
}

impl Contacts {
    /// For `pools` pools; `rest` is the first rest of one that refuses the login.
    pub(super) fn new(pools: usize, rest: Duration) -> Contacts {
        Contacts {
            contacts: Arc::new(Mutex::new(vec![Contact::default(); pools])),
            rest,
        }
    }

    /// How the pool at `place` is to be spoken to.
    pub(super) fn manner(&self, place: usize) -> Manner {
        self.with(place, |contact| contact.manner)
    }

    /// Until when the pool at `place` is to be left alone.
    pub(super) fn rests_until(&self, place: usize) -> Nanos {
        self.with(place, |contact| contact.rests_until)
    }

    /// An opening succeeded.
    pub(super) fn opened(&self, place: usize) {
        self.with(place, |contact| {
            (contact.refused, contact.rests_until) = (0, Nanos::ZERO);
        });
    }

    /// An opening of `pool` failed at `now`: the next one may be another, or much later.
    pub(super) fn failed(&self, place: usize, pool: &Pool, failed: &NotOpened, now: Nanos) {
        let NotOpened { error, unanswered } = failed;
        if let Some(rest) = self.learn(place, error, unanswered, now) {
            tracing::warn!(
                pool = %pool.endpoint,
                seconds = rest.as_secs(),
                "the pool refuses the login and is left alone for a while: check its user and password"
            );
        }
    }

    /// Returns for how long the pool is to be left alone, if it is.
    fn learn(
        &self,
        place: usize,
        error: &PoolError,
        unanswered: &[u64],
        now: Nanos,
    ) -> Option<Duration> {
        self.with(place, |contact| {
            let refused = matches!(error, PoolError::Client(ClientError::Refused(AUTHORIZE, _)));
            let tried = contact.manner.one_at_a_time;
            contact.manner = contact.manner.after(error, unanswered);
            if !refused {
                contact.refused = 0;
                return None;
            }
            // Once more, one request at a time.
            if !tried {
                return None;
            }
            let times = 2_u32.saturating_pow(contact.refused).min(MOST_RESTS);
            contact.refused = contact.refused.saturating_add(1);
            let rest = self.rest * times;
            contact.rests_until = now + rest;
            Some(rest)
        })
    }

    /// A connection that had been opened at `opened` was lost at `now`.
    pub(super) fn lost(
        &self,
        place: usize,
        error: &PoolError,
        unanswered: &[u64],
        opened: Nanos,
        now: Nanos,
    ) {
        if now.since(opened) <= EARLY
            && matches!(error, PoolError::Client(ClientError::Line(_)))
            && unanswered.contains(&EXTRANONCE)
        {
            self.with(place, |contact| {
                contact.manner = contact.manner.after(error, unanswered)
            });
        }
    }

    fn with<T>(&self, place: usize, what: impl FnOnce(&mut Contact) -> T) -> T {
        // Whole between any two statements that hold the lock.
        let mut contacts = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
        match contacts.get_mut(place) {
            Some(contact) => what(contact),
            None => what(&mut Contact::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::opening::CONFIGURE;
    use super::*;
    use thermine_stratum::line::LineError;

    const ALL: [u64; 4] = [CONFIGURE, 2, 3, EXTRANONCE];

    fn hung_up() -> PoolError {
        ClientError::Line(LineError::Closed).into()
    }

    fn refused() -> PoolError {
        ClientError::Refused(AUTHORIZE, "no".into()).into()
    }

    #[test]
    fn a_request_that_costs_the_connection_is_left_out() {
        let contacts = Contacts::new(1, Duration::from_secs(60));
        // It answers in order, and hangs up on the last.
        contacts.learn(0, &hung_up(), &[EXTRANONCE], Nanos::ZERO);
        let manner = contacts.manner(0);
        assert_eq!((manner.extranonce, manner.one_at_a_time), (false, false));
        // It hangs up on the first: which one it was shows only one at a time.
        let contacts = Contacts::new(1, Duration::from_secs(60));
        contacts.learn(0, &hung_up(), &ALL, Nanos::ZERO);
        let manner = contacts.manner(0);
        assert_eq!((manner.configure, manner.one_at_a_time), (true, true));
        contacts.learn(0, &hung_up(), &[CONFIGURE], Nanos::ZERO);
        let manner = contacts.manner(0);
        assert_eq!((manner.configure, manner.extranonce), (false, true));
    }

    #[test]
    fn a_connection_lost_long_after_its_opening_says_nothing_of_it() {
        let contacts = Contacts::new(1, Duration::from_secs(60));
        let late = Nanos::ZERO + EARLY * 2;
        contacts.lost(0, &hung_up(), &[EXTRANONCE], Nanos::ZERO, late);
        assert_eq!(contacts.manner(0), Manner::default());
        contacts.lost(0, &hung_up(), &[EXTRANONCE], Nanos::ZERO, Nanos::ZERO);
        assert!(!contacts.manner(0).extranonce);
    }

    #[test]
    fn a_refused_login_is_tried_in_both_manners_and_then_less_and_less_often() {
        let contacts = Contacts::new(1, Duration::from_secs(60));
        let mut rests = Vec::new();
        for _ in 0..8 {
            rests.push(
                contacts
                    .learn(0, &refused(), &[], Nanos::ZERO)
                    .map(|rest| rest.as_secs()),
            );
        }
        let expected = [60, 120, 240, 480, 900, 900, 900].map(Some);
        assert_eq!(rests[0], None);
        assert_eq!(rests[1..], expected);
        assert!(contacts.manner(0).one_at_a_time);
        assert_eq!(
            contacts.rests_until(0),
            Nanos::ZERO + Duration::from_secs(900)
        );
        contacts.opened(0);
        assert_eq!(contacts.rests_until(0), Nanos::ZERO);
    }
}
