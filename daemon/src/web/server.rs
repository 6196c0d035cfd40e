//! The connections: a bounded number at once; silent ones are closed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::patient::Patient;
use super::places::{Place, Places};

/// Time for the head of a request to be whole, from the opening of the connection or the end of the answer before.
const HEAD: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// What may be under way to a client, in bytes: a few frames of the largest racks.
const SEND_BYTES: usize = 128 * 1024;
/// Time for requests under way when the server ends.
const LAST: Duration = Duration::from_secs(3);
/// Wait after the listener has failed, as it does when the process has no more descriptors.
const AGAIN: Duration = Duration::from_millis(100);

/// What those get for whom there is no place.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n\
Connection: close\r\nContent-Length: 107\r\n\r\n\
{\"status\":503,\"what\":\"too many connections\",\"where\":\"server\",\"fix\":\"close some, or try again in a moment\"}\n";

/// Serves `router` until `shutdown`.
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> Result<()> {
    let places = Places::default();
    let tasks = TaskTracker::new();
    let abandon = CancellationToken::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "web server cannot accept a connection; it tries again");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
        };
        let Some(place) = places.enter(peer.ip()) else {
            turn_away(stream);
            continue;
        };
        let (router, shutdown, abandon) = (router.clone(), shutdown.clone(), abandon.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = converse(stream, Placed::new(router, place.clone()), shutdown) => {}
                () = abandon.cancelled() => {}
                () = place.left.cancelled() => {}
            }
        });
    }
    tasks.close();
    if tokio::time::timeout(LAST, tasks.wait()).await.is_err() {
        abandon.cancel();
        tasks.wait().await;
    }
    Ok(())
}

/// The router as one connection has it: every request carries the connection's place.
struct Placed {
    router: TowerToHyperService<Router>,
    place: Arc<Place>,
}

impl Placed {
    fn new(router: Router, place: Arc<Place>) -> Placed {
        Placed {
            router: TowerToHyperService::new(router),
            place,
        }
    }
}

impl Service<Request<Incoming>> for Placed {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.place.clone());
        self.router.call(request)
    }
}

async fn converse(stream: TcpStream, router: Placed, shutdown: CancellationToken) {
    // A frame is small and is wanted now; what has not been sent soon is old, and is better skipped. Where the system
    // does not grant it, frames are older on a slow line, and that is all.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BYTES);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream)), router);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "web connection ended");
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
    fn the_answer_for_whom_there_is_no_place_is_as_long_as_it_says() {
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
