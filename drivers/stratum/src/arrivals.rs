//! Connections that have not authorised yet.
//!
//! Anyone who reaches the port can open connections and say nothing. There is room for a bounded number of those;
//! beyond it the oldest connection of the address with the most of them is closed. So a flood pushes out itself, and an
//! honest unit, which authorises within milliseconds, always gets in.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections that may be unauthorised at once, unless configuration says otherwise: more than a rack that loses power
/// and comes back in the same second.
pub const MOST_UNAUTHORISED: usize = 2048;

/// Wall time without a further attempt after a connection could not be accepted, and between two reports of that.
const PAUSE: Duration = Duration::from_millis(50);
const REPORT: Duration = Duration::from_secs(60);

/// First byte of a TLS handshake.
const TLS: u8 = 0x16;

/// The unauthorised connections of one listener; clones are the same.
#[derive(Debug, Clone)]
pub struct Arrivals {
    most: usize,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// By address, in the order of arrival.
    by_address: HashMap<IpAddr, BTreeMap<u64, CancellationToken>>,
    count: usize,
    evicted: u64,
}

/// A connection that has not authorised yet, until this is dropped.
#[derive(Debug)]
pub struct Arrival {
    arrivals: Arrivals,
    address: IpAddr,
    number: u64,
    evicted: CancellationToken,
}

impl Arrivals {
    /// Room for `most` unauthorised connections, at least one.
    pub fn new(most: usize) -> Arrivals {
        Arrivals {
            most: most.max(1),
            waiting: Arc::default(),
        }
    }

    /// The next connection of `listener`. One that cannot be accepted, mostly for want of file descriptors, makes room
    /// for itself.
    pub async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, Arrival) {
        let mut reported: Option<Instant> = None;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, self.enter(peer.ip())),
                Err(error) => {
                    if reported.is_none_or(|at| at.elapsed() > REPORT) {
                        reported = Some(Instant::now());
                        tracing::error!(
                            %error,
                            "cannot accept connections: if the system's limit of open files is reached, raise it"
                        );
                    }
                    self.lock().evict();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// A connection from `address`; another is closed for it if there is no room.
    pub(crate) fn enter(&self, address: IpAddr) -> Arrival {
        let address = network(address);
        let evicted = CancellationToken::new();
        let mut waiting = self.lock();
        if waiting.count >= self.most {
            waiting.evict();
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.count += 1;
        let here = waiting.by_address.entry(address).or_default();
        here.insert(number, evicted.clone());
        drop(waiting);
        Arrival {
            arrivals: self.clone(),
            address,
            number,
            evicted,
        }
    }

    /// Connections that have not authorised yet.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whole between any two statements that hold the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Closes the oldest connection of the address with the most of them.
    fn evict(&mut self) {
        let most = self
            .by_address
            .iter()
            .max_by_key(|(_, here)| (here.len(), std::cmp::Reverse(here.keys().next().copied())))
            .and_then(|(address, here)| Some((*address, *here.keys().next()?)));
        let Some((address, number)) = most else {
            return;
        };
        if let Some(evicted) = self.remove(address, number) {
            evicted.cancel();
            self.evicted += 1;
            if self.evicted.is_power_of_two() {
                tracing::warn!(
                    %address,
                    closed = self.evicted,
                    "too many connections do not authorise: the oldest are closed"
                );
            }
        }
    }

    fn remove(&mut self, address: IpAddr, number: u64) -> Option<CancellationToken> {
        let here = self.by_address.get_mut(&address)?;
        let evicted = here.remove(&number);
        if here.is_empty() {
            self.by_address.remove(&address);
        }
        self.count -= usize::from(evicted.is_some());
        evicted
    }
}

impl Arrival {
    /// Waits until this connection has to make room for another.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.arrivals.lock().remove(self.address, self.number);
    }
}

/// What counts as one address: a host on IPv6 has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        v4 => v4,
    }
}

/// Whether the peer begins with a TLS handshake, as bfgminer does before it tries Stratum. Waits for its first byte, and
/// takes nothing of what it says.
pub async fn speaks_tls(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0] == TLS
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 66));
    const HONEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 5));

    fn is_evicted(arrival: &Arrival) -> bool {
        arrival.evicted.is_cancelled()
    }

    #[test]
    fn a_flood_closes_its_own_oldest_connections() {
        let arrivals = Arrivals::new(8);
        let honest = arrivals.enter(HONEST);
        let flood: Vec<Arrival> = (0..100).map(|_| arrivals.enter(FLOOD)).collect();
        assert!(!is_evicted(&honest));
        assert_eq!(arrivals.count(), 8);
        let kept: Vec<usize> = (0..100).filter(|i| !is_evicted(&flood[*i])).collect();
        assert_eq!(kept, (93..100).collect::<Vec<usize>>());
        let late = arrivals.enter(HONEST);
        assert!(!is_evicted(&late) && !is_evicted(&honest));
    }

    #[test]
    fn room_is_given_back() {
        let arrivals = Arrivals::new(2);
        for _ in 0..10 {
            let first = arrivals.enter(HONEST);
            let second = arrivals.enter(FLOOD);
            assert!(!is_evicted(&first) && !is_evicted(&second));
        }
        assert_eq!(arrivals.count(), 0);
    }

    #[test]
    fn one_host_on_ipv6_is_one_address() {
        let arrivals = Arrivals::new(4);
        let honest = arrivals.enter("2001:db8:1::5".parse().expect("an address"));
        let host = |i: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_0002_0000 << 64 | i));
        let flood: Vec<Arrival> = (0..20).map(|i| arrivals.enter(host(i))).collect();
        assert!(!is_evicted(&honest));
        assert_eq!(flood.iter().filter(|a| !is_evicted(a)).count(), 3);
    }
}
