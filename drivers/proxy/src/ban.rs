//! Who is kept out, why and until when.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thermine_units::clock::Nanos;
use thermine_units::record::Verdict;

/// Bans that are remembered; the one that ends first makes room for a further one.
const MOST: usize = 4096;

/// What gets a unit banned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Invalid shares within the window, if they are also more than the valid ones.
    pub invalid: u32,
    /// Time within which they are counted.
    pub window: Duration,
    /// How long it is then kept out.
    pub length: Duration,
}

impl Default for Rules {
    /// 100 in a minute. A real S9 sends an exact copy of a share now and then, and a late one after each
    /// block; neither comes near.
    fn default() -> Rules {
        Rules {
            invalid: 100,
            window: Duration::from_secs(60),
            length: Duration::from_secs(600),
        }
    }
}

/// A worker is kept out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ban {
    /// For people, and for the store.
    pub(crate) reason: String,
    /// From when on it may come again.
    pub(crate) until: Nanos,
}

/// Workers whose conduct is remembered; when there are more, those that are not connected are forgotten.
const MOST_CONDUCTS: usize = 4096;

/// The conduct of one worker at one address, over all its connections: who connects again does not begin again.
#[derive(Debug)]
pub(crate) struct Conduct {
    rules: Rules,
    since: Nanos,
    invalid: u32,
    valid: u32,
}

impl Conduct {
    /// A unit that comes at `now`.
    pub(crate) fn new(rules: Rules, now: Nanos) -> Conduct {
        Conduct {
            rules,
            since: now,
            invalid: 0,
            valid: 0,
        }
    }

    /// A share was judged; the ban, if this was one too many. Stale ones count neither way: a pool that
    /// changes blocks in quick succession makes them.
    pub(crate) fn judged(&mut self, verdict: Verdict, now: Nanos) -> Option<Ban> {
        if now.since(self.since) > self.rules.window {
            *self = Conduct::new(self.rules, now);
        }
        match verdict {
            Verdict::Accepted => self.valid = self.valid.saturating_add(1),
            Verdict::Stale => {}
            _ => self.invalid = self.invalid.saturating_add(1),
        }
        let banned = self.invalid >= self.rules.invalid && self.invalid > self.valid;
        if !banned {
            return None;
        }
        let ban = Ban {
            reason: format!(
                "{} invalid shares and {} valid ones within {:.1} s, the last: {}",
                self.invalid,
                self.valid,
                now.since(self.since).as_secs_f64(),
                verdict.name()
            ),
            until: now + self.rules.length,
        };
        // After the ban it begins again.
        *self = Conduct::new(self.rules, now);
        Some(ban)
    }
}

/// The conduct of all workers, by address and worker.
#[derive(Debug, Default)]
pub(crate) struct Conducts(HashMap<(IpAddr, String), Arc<Mutex<Conduct>>>);

impl Conducts {
    /// That of a worker at an address, which begins at `now` if nothing is known of it.
    pub(crate) fn of(
        &mut self,
        address: IpAddr,
        worker: &str,
        rules: Rules,
        now: Nanos,
    ) -> Arc<Mutex<Conduct>> {
        let key = (address, worker.to_owned());
        if let Some(known) = self.0.get(&key) {
            return known.clone();
        }
        if self.0.len() >= MOST_CONDUCTS {
            // Those of connections that are open stay.
            self.0.retain(|_, conduct| Arc::strong_count(conduct) > 1);
        }
        let conduct = Arc::new(Mutex::new(Conduct::new(rules, now)));
        self.0.insert(key, conduct.clone());
        conduct
    }
}

/// All bans in force, by address and worker: one unit behind a router does not ban its neighbours.
#[derive(Debug, Default)]
pub(crate) struct Bans(HashMap<(IpAddr, String), Ban>);

impl Bans {
    /// Bans a worker at an address.
    pub(crate) fn ban(&mut self, address: IpAddr, worker: &str, ban: Ban) {
        if self.0.len() >= MOST {
            let first = self.0.iter().min_by_key(|(_, ban)| ban.until);
            if let Some(key) = first.map(|(key, _)| key.clone()) {
                self.0.remove(&key);
            }
        }
        self.0.insert((address, worker.to_owned()), ban);
    }

    /// The ban of a worker at an address, if one is in force at `now`.
    pub(crate) fn find(&mut self, address: IpAddr, worker: &str, now: Nanos) -> Option<Ban> {
        let key = (address, worker.to_owned());
        let ban = self.0.get(&key)?;
        if ban.until <= now {
            self.0.remove(&key);
            return None;
        }
        Some(ban.clone())
    }

    /// Bans in force at `now`.
    #[cfg(test)]
    fn count(&self, now: Nanos) -> usize {
        self.0.values().filter(|ban| ban.until > now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        invalid: 10,
        window: Duration::from_secs(60),
        length: Duration::from_secs(100),
    };

    #[test]
    fn a_flood_is_banned_and_an_honest_unit_with_copies_is_not() {
        let mut flood = Conduct::new(RULES, Nanos::ZERO);
        let bans = (0..10).filter_map(|_| flood.judged(Verdict::LowDifficulty, Nanos(7)));
        let bans: Vec<Ban> = bans.collect();
        assert_eq!(bans.len(), 1);
        assert!(bans[0].reason.contains("10 invalid shares"), "{bans:?}");
        let mut honest = Conduct::new(RULES, Nanos::ZERO);
        for i in 0..2000 {
            let now = Nanos::from_seconds(f64::from(i) / 50.0);
            let verdict = if i % 3 == 0 {
                Verdict::Duplicate
            } else {
                Verdict::Accepted
            };
            assert_eq!(honest.judged(verdict, now), None);
            assert_eq!(honest.judged(Verdict::Stale, now), None);
        }
    }

    #[test]
    fn a_worker_that_connects_again_does_not_begin_again_and_the_list_is_bounded() {
        let (mut conducts, address) = (Conducts::default(), IpAddr::from([127, 0, 0, 1]));
        let judged = |conducts: &mut Conducts| {
            let conduct = conducts.of(address, "w", RULES, Nanos(1));
            let mut conduct = conduct.lock().expect("sound");
            conduct.judged(Verdict::UnknownJob, Nanos(2))
        };
        for _ in 0..9 {
            assert_eq!(judged(&mut conducts), None);
        }
        assert!(judged(&mut conducts).is_some());
        let open = conducts.of(address, "open", RULES, Nanos(3));
        for i in 0..3 * MOST_CONDUCTS {
            conducts.of(address, &i.to_string(), RULES, Nanos(3));
        }
        assert!(conducts.0.len() <= MOST_CONDUCTS);
        let again = conducts.of(address, "open", RULES, Nanos(4));
        assert!(Arc::ptr_eq(&open, &again));
    }

    #[test]
    fn a_ban_ends_and_the_list_is_bounded() {
        let (mut bans, address) = (Bans::default(), IpAddr::from([127, 0, 0, 1]));
        let ban = |until| Ban {
            reason: "flood".into(),
            until: Nanos(until),
        };
        bans.ban(address, "w", ban(100));
        assert_eq!(bans.find(address, "other", Nanos(1)), None);
        assert_eq!(bans.find(address, "w", Nanos(99)), Some(ban(100)));
        assert_eq!(bans.find(address, "w", Nanos(100)), None);
        for i in 0..=MOST as u64 {
            bans.ban(address, &i.to_string(), ban(200 + i));
        }
        assert_eq!(bans.count(Nanos::ZERO), MOST);
        assert_eq!(bans.find(address, "0", Nanos::ZERO), None, "it ended first");
    }
}
