//! Ports for listeners that are yet to come, or that come again.

use std::net::{SocketAddr, TcpListener};

/// An address of loopback that nobody has, and that nobody calls from: a call over loopback is made from 127.0.0.1, and
/// keeps the port that it was made from to itself for a minute after it has ended (TIME-WAIT, RFC 9293 section 3.6).
pub(crate) fn port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.2:0").expect("a port");
    listener.local_addr().expect("bound")
}
