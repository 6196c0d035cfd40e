//! The one way in which this program listens.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the system accepts before we do. A rack that loses power comes back with all its units in the same
/// second; beyond the backlog the system drops their first packets, which they repeat after a second or more.
const BACKLOG: u32 = 4096;

/// Listens on `address`. Choosing the address chooses who can connect.
///
/// # Errors
/// If the address is in use, not ours or not permitted.
///
/// # Panics
/// Outside a tokio runtime.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // An address whose last connections are still closing can be listened on again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
