//! Places for connections: when all are taken, a new connection gets the place of one that waits, so that no client
//! keeps others out by opening connections and asking for nothing.
//!
//! A connection is *at work* from when its request is whole until its answer begins, and while it carries a stream; at
//! all other times it waits. The place is taken from the network that has most connections waiting, from the one
//! that has waited longest. Should every place be at work, a few more serve `/healthz` and nothing else.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Connections at once; HTTP/1.1 has one request at a time on each.
pub(super) const CONNECTIONS: usize = 128;
/// Further connections, for `/healthz` only: a supervisor must not end a daemon that is only busy.
const HEALTH_ONLY: usize = 8;

#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    seats: HashMap<u64, Seat>,
    /// Counts what happens, as an order in time.
    last: u64,
}

#[derive(Debug)]
struct Seat {
    network: IpAddr,
    health_only: bool,
    /// What keeps it at work.
    works: usize,
    /// When it began to wait.
    since: u64,
    left: CancellationToken,
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    number: u64,
    pub(super) peer: IpAddr,
    pub(super) health_only: bool,
    /// Cancelled when the place has been given to another connection, or the server ends.
    pub(super) left: CancellationToken,
    served: AtomicBool,
}

/// Keeps a connection at work until it is dropped.
#[derive(Debug)]
pub(super) struct AtWork(Arc<Place>);

/// Marks a request as being served until it is dropped.
#[derive(Debug)]
pub(super) struct Served<'a>(&'a Place);

impl Places {
    /// A place for a connection from `peer`; `None` if every one is at work.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Arc<Place>> {
        let mut taken = self.0.lock();
        let health_only = if taken.make_room(false, CONNECTIONS) {
            false
        } else if taken.make_room(true, HEALTH_ONLY) {
            true
        } else {
            return None;
        };
        taken.last += 1;
        let number = taken.last;
        let left = CancellationToken::new();
        taken.seats.insert(
            number,
            Seat {
                network: network(peer),
                health_only,
                works: 0,
                since: number,
                left: left.clone(),
            },
        );
        Some(Arc::new(Place {
            places: self.clone(),
            number,
            peer,
            health_only,
            left,
            served: AtomicBool::new(false),
        }))
    }

    /// Closes every connection.
    pub(super) fn close(&self) {
        for seat in self.0.lock().seats.values() {
            seat.left.cancel();
        }
    }
}

impl Taken {
    /// Whether one of `most` places is free, or could be freed.
    fn make_room(&mut self, health_only: bool, most: usize) -> bool {
        let of_kind = |seat: &&Seat| seat.health_only == health_only;
        if self.seats.values().filter(of_kind).count() < most {
            return true;
        }
        let waiting = || {
            self.seats
                .iter()
                .filter(|(_, seat)| seat.health_only == health_only && seat.works == 0)
        };
        let mut crowds: HashMap<IpAddr, usize> = HashMap::new();
        for (_, seat) in waiting() {
            *crowds.entry(seat.network).or_default() += 1;
        }
        let crowd = |seat: &Seat| crowds.get(&seat.network).copied().unwrap_or(0);
        let longest =
            waiting().max_by_key(|(_, seat)| (crowd(seat), std::cmp::Reverse(seat.since)));
        let Some(number) = longest.map(|(number, _)| *number) else {
            return false;
        };
        if let Some(seat) = self.seats.remove(&number) {
            tracing::debug!(network = %seat.network, "closed a waiting web connection for a new one");
            seat.left.cancel();
        }
        true
    }
}

impl Place {
    /// Whether a request has arrived, its head at least, and its answer has not begun.
    pub(super) fn is_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// A request is served from now on.
    pub(crate) fn serve(&self) -> Served<'_> {
        self.served.store(true, Ordering::Relaxed);
        Served(self)
    }

    /// From now on at work.
    pub(super) fn work(self: &Arc<Self>) -> AtWork {
        if let Some(seat) = self.places.0.lock().seats.get_mut(&self.number) {
            seat.works += 1;
        }
        AtWork(self.clone())
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.0.served.store(false, Ordering::Relaxed);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut taken = self.0.places.0.lock();
        taken.last += 1;
        let now = taken.last;
        if let Some(seat) = taken.seats.get_mut(&self.0.number) {
            seat.works -= 1;
            seat.since = now;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.lock().seats.remove(&self.number);
    }
}

/// What one owner has addresses of: an IPv4 address, the first 64 bits of an IPv6 address.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_newcomer_gets_the_place_that_the_largest_crowd_has_kept_waiting_longest() {
        let places = Places::default();
        let honest = places.enter(from(1)).expect("free");
        let crowd: Vec<_> = (1..CONNECTIONS)
            .map(|_| places.enter(from(2)).expect("free"))
            .collect();
        let _at_work = crowd[0].work();
        let newcomer = places.enter(from(3)).expect("made free");
        assert!(!newcomer.health_only);
        assert!(
            crowd[1].left.is_cancelled(),
            "the longest waiting of the crowd"
        );
        assert!(!crowd[0].left.is_cancelled(), "at work");
        assert!(!crowd[2].left.is_cancelled() && !honest.left.is_cancelled());
        assert_eq!(places.0.lock().seats.len(), CONNECTIONS);
    }

    #[test]
    fn when_all_are_at_work_a_few_more_come_in_for_health_and_places_are_given_back() {
        let places = Places::default();
        let busy: Vec<_> = (0..CONNECTIONS)
            .map(|_| places.enter(from(1)).expect("free").work())
            .collect();
        let health: Vec<_> = (0..HEALTH_ONLY)
            .map(|_| places.enter(from(2)).expect("for health"))
            .collect();
        assert!(health.iter().all(|place| place.health_only));
        let next = places.enter(from(2)).expect("made free");
        assert!(next.health_only && health[0].left.is_cancelled());
        let working: Vec<_> = health[1..].iter().chain([&next]).map(Place::work).collect();
        assert!(places.enter(from(3)).is_none(), "every place is at work");
        drop((working, next, health));
        drop(busy);
        assert!(places.0.lock().seats.is_empty());
        assert!(!places.enter(from(3)).expect("free").health_only);
    }

    #[test]
    fn addresses_of_one_owner_are_one_network() {
        let [a, b, c, d] = [
            "2001:db8::1",
            "2001:db8::ffff:1",
            "2001:db8:0:1::1",
            "::ffff:10.0.0.1",
        ]
        .map(|text| network(text.parse().expect("an address")));
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(d, from(1));
    }
}
