//! A stretch of network between two sockets: latency, jitter and loss, line by line.
//!
//! Order is kept, as TCP keeps it: a line that is late holds up those behind it. A lost line is one that comes
//! a retransmission later: Linux waits at least 200 ms and the round trip (RFC 6298 with its shorter minimum),
//! and twice as long for each further loss of the same line. Without latency, jitter and loss this is a plain
//! forwarding proxy.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use thermine_stratum::line::{LineError, LineStream, Peer};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::seed::{self, Rng};

/// Linux's shortest retransmission time-out, over the round trip.
const LEAST_TIMEOUT: Duration = Duration::from_millis(200);

/// Lines under way in one direction at most.
const MOST: usize = 4096;

/// What the stretch does to a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// One-way latency.
    pub latency: Duration,
    /// Each line takes up to this fraction more or less, uniformly.
    pub jitter: f64,
    /// Probability that a line is lost and sent again.
    pub loss: f64,
}

struct Way {
    settings: Settings,
    rng: Rng,
    under_way: VecDeque<(Nanos, String)>,
    last: Nanos,
}

impl Way {
    fn new(settings: Settings, rng: Rng) -> Way {
        Way {
            settings,
            rng,
            under_way: VecDeque::new(),
            last: Nanos::ZERO,
        }
    }

    fn take(&mut self, line: String, now: Nanos) {
        let Settings {
            latency,
            jitter,
            loss,
        } = self.settings;
        let swing = 1.0 + jitter * (2.0 * self.rng.random::<f64>() - 1.0);
        let mut delay = latency.mul_f64(swing.max(0.0));
        let mut timeout = LEAST_TIMEOUT + latency * 2;
        while self.rng.random::<f64>() < loss {
            delay += timeout;
            timeout *= 2;
        }
        self.last = self.last.max(now + delay);
        self.under_way.push_back((self.last, line));
    }

    fn next(&self) -> Nanos {
        self.under_way.front().map_or(Nanos::MAX, |(due, _)| *due)
    }

    fn deliver(&mut self, to: &mut LineStream, now: Nanos) {
        while let Some((_, line)) = self.under_way.pop_front_if(|(due, _)| *due <= now) {
            to.push(&format!("{line}\n"));
        }
    }
}

/// Joins each connection that `listener` accepts with a new one to `far`, until `shutdown`.
pub async fn run(
    listener: TcpListener,
    far: SocketAddr,
    settings: Settings,
    seed: u64,
    clock: Clock,
    shutdown: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let mut number = 0_u64;
    let accept = async {
        // The listener's errors are those of the process, which the connecting side sees too.
        while let Ok((near, _)) = listener.accept().await {
            number += 1;
            let stream = format!("link {number}");
            let (clock, shutdown) = (clock.clone(), shutdown.clone());
            tasks.spawn(shutdown.run_until_cancelled_owned(async move {
                let rng = seed::stream(seed, &stream);
                if let Err(error) = join(near, far, settings, rng, clock).await {
                    tracing::debug!(%error, "a link has ended");
                }
            }));
        }
    };
    shutdown.run_until_cancelled(accept).await;
    tasks.close();
    tasks.wait().await;
}

async fn join(
    near: TcpStream,
    far: SocketAddr,
    settings: Settings,
    mut rng: Rng,
    clock: Clock,
) -> Result<(), LineError> {
    let waiter = clock.follow();
    let far = TcpStream::connect(far).await?;
    let mut near = LineStream::new(near, clock.clone());
    let mut far = LineStream::with(far, Peer::Pool, clock.clone());
    let mut other = rng.clone();
    other.set_stream(rng.get_stream().wrapping_add(1));
    // So that the two directions share no random number.
    let _: u64 = rng.random();
    let (mut out, mut back) = (Way::new(settings, rng), Way::new(settings, other));
    loop {
        near.flush().await?;
        far.flush().await?;
        let next = out.next().min(back.next());
        tokio::select! {
            biased;
            line = near.next(), if out.under_way.len() < MOST => out.take(line?.text, clock.now()),
            line = far.next(), if back.under_way.len() < MOST => back.take(line?.text, clock.now()),
            () = waiter.wait_until(next) => {}
        }
        let now = clock.now();
        out.deliver(&mut far, now);
        back.deliver(&mut near, now);
    }
}
