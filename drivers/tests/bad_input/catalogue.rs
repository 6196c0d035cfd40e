//! The catalogue: what can be done to any exchange of messages.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use thermine_units::seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Wall time after which a test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two bytes of a slow sender, which is the abuse itself.
const SLOW: Duration = Duration::from_millis(10);

/// One way to misuse a wire.
#[derive(Debug, Clone)]
pub(crate) struct Abuse {
    pub(crate) kind: Kind,
    /// What is sent, piece by piece.
    pub(crate) pieces: Vec<Vec<u8>>,
    /// Pause after each piece.
    pub(crate) pause: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Cut off and closed.
    Truncated,
    /// A message without end, past every limit.
    Oversized,
    /// Byte by byte.
    Slow,
    /// Every message twice.
    Duplicated,
    /// The last message first, or the second half.
    Reordered,
    /// Any bytes.
    Random,
    /// The messages with some bytes changed.
    Damaged,
}

/// What can be done to `messages`, of which a peer takes no more than `limit` bytes at a time.
pub(crate) fn catalogue(messages: &[Vec<u8>], limit: usize) -> Vec<Abuse> {
    let mut rng = seed::stream(1, "abuse");
    let whole = messages.concat();
    let abuse = |kind, pieces| Abuse {
        kind,
        pieces,
        pause: Duration::ZERO,
    };
    let mut list = Vec::new();
    for cut in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 2] {
        list.push(abuse(Kind::Truncated, vec![whole[..cut].to_vec()]));
    }
    let first = &messages[0];
    let head = first[..first.len() / 2].to_vec();
    for filler in [b'a', b' ', b'[', 0xff] {
        let tail = vec![filler; 2 * limit + 1];
        list.push(abuse(Kind::Oversized, vec![head.clone(), tail]));
    }
    list.push(Abuse {
        pause: SLOW,
        ..abuse(Kind::Slow, whole.iter().map(|byte| vec![*byte]).collect())
    });
    let twice = messages.iter().flat_map(|m| [m.clone(), m.clone()]);
    list.push(abuse(Kind::Duplicated, twice.collect()));
    let reordered = match messages {
        [one] => vec![one[one.len() / 2..].to_vec(), one[..one.len() / 2].to_vec()],
        many => many.iter().rev().cloned().collect(),
    };
    list.push(abuse(Kind::Reordered, reordered));
    for _ in 0..12 {
        let length = rng.random_range(1..3000);
        let bytes = (0..length).map(|_| rng.random()).collect();
        list.push(abuse(Kind::Random, vec![bytes, b"\n".to_vec()]));
    }
    for _ in 0..12 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        list.push(abuse(Kind::Damaged, vec![bytes]));
    }
    list
}

/// Sends the pieces. Whoever is at the other end may hang up in between.
pub(crate) async fn send(stream: &mut TcpStream, abuse: &Abuse) -> std::io::Result<()> {
    for piece in &abuse.pieces {
        stream.write_all(piece).await?;
        if !abuse.pause.is_zero() {
            tokio::time::sleep(abuse.pause).await;
        }
    }
    Ok(())
}

/// Plays the client that misuses the server at `addr`, until that hangs up or has no more to say. Returns
/// the client's address and what it was told.
pub(crate) async fn play(addr: SocketAddr, abuse: &Abuse) -> (SocketAddr, Vec<u8>) {
    let mut stream = TcpStream::connect(addr).await.expect("connected");
    let own = stream.local_addr().expect("an address");
    let mut told = Vec::new();
    let exchange = async {
        // Errors mean that the server has had enough.
        let _ = send(&mut stream, abuse).await;
        let _ = stream.shutdown().await;
        let mut chunk = [0; 4096];
        while let Ok(1..) = stream
            .read(&mut chunk)
            .await
            .inspect(|n| told.extend(&chunk[..*n]))
        {}
    };
    let ended = timeout(PATIENCE, exchange).await;
    ended.unwrap_or_else(|_| panic!("{:?}: the server neither hangs up nor ends", abuse.kind));
    assert!(
        told.len() < 256 * 1024,
        "{:?}: {} bytes",
        abuse.kind,
        told.len()
    );
    (own, told)
}
