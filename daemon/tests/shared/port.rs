//! Ports for listeners that are yet to come, or that come again.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports below those that systems give away by themselves.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// How many were given in this process: two tests at once must not get the same, which nobody has until it is listened on.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// An address of loopback that nobody has, and that nobody calls from: a call over loopback is made from 127.0.0.1, and
/// keeps the port that it was made from to itself for a minute after it has ended (TIME-WAIT, RFC 9293 section 3.6).
pub(crate) fn port() -> SocketAddr {
    // Another process begins elsewhere.
    let begin = u32::from(FIRST) + std::process::id().wrapping_mul(97) % u32::from(COUNT);
    loop {
        let next = begin + u32::from(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + (next % u32::from(COUNT)) as u16;
        if let Ok(listener) = TcpListener::bind(("127.0.0.2", port)) {
            return listener.local_addr().expect("bound");
        }
    }
}
