//! The listener: a bounded number of connections at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::connection::Connection;
use super::places::{Place, Places};

/// What may be under way to a client, in bytes: a few frames of the largest racks.
const SEND_BYTES: usize = 128 * 1024;
/// Wait after an error of the listener, which the process has while it has no more descriptors.
const AGAIN: Duration = Duration::from_millis(100);

/// The answer to a client when there is no place.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n\
Connection: close\r\nContent-Length: 107\r\n\r\n\
{\"status\":503,\"what\":\"too many connections\",\"where\":\"server\",\"fix\":\"close some, or try again in a moment\"}\n";

/// A listener that gives each connection a place.
pub(super) struct Bounded {
    pub(super) listener: TcpListener,
    pub(super) places: Places,
}

/// The place of the connection by which a request came.
#[derive(Debug, Clone)]
pub(super) struct Client(pub(super) Arc<Place>);

impl Connected<IncomingStream<'_, Bounded>> for Client {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Client {
        Client(stream.io().place().clone())
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the web server cannot accept a connection; it tries again");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            };
            let Some(place) = self.places.enter(peer.ip()) else {
                turn_away(stream);
                continue;
            };
            // A frame is small and is wanted now; what has not been sent soon is old, and is better skipped. Where the
            // system does not grant it, frames are older on a slow line, and that is all.
            let _ = stream.set_nodelay(true);
            let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BYTES);
            return (Connection::new(stream, place), peer);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Says that there is no place, if that can be said without waiting.
fn turn_away(mut stream: TcpStream) {
    tokio::spawn(async move {
        let _ = tokio::time::timeout(AGAIN, stream.write_all(FULL)).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_when_there_is_no_place_is_as_long_as_it_says() {
        let text = String::from_utf8_lossy(FULL);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let length = head
            .split("Content-Length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        assert_eq!(length, Some(body.len().to_string().as_str()));
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["status"], 503);
    }
}
