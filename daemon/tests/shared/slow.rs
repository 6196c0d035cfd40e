//! A unit whose control interface is slow, as a busy controller's is.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Stands before `address` and passes every request on after `delay`. Ends with the process.
pub(crate) fn slow(address: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let front = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(unit) = TcpStream::connect(address) else {
                continue;
            };
            let back = (unit.try_clone(), client.try_clone());
            if let (Ok(unit), Ok(client)) = back {
                std::thread::spawn(move || pass(unit, client, Duration::ZERO));
            }
            std::thread::spawn(move || pass(client, unit, delay));
        }
    });
    front
}

/// Passes on what comes until one end closes.
fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let mut bytes = [0; 65536];
    while let Ok(n) = from.read(&mut bytes) {
        std::thread::sleep(delay);
        if n == 0 || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
