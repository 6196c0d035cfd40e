//! What the tests share: a simulated LV06 at a pool, plain HTTP, servers from a script.

use std::net::SocketAddr;
use std::time::Duration;

use thermine_drivers::axeos::{Client, Control, Limits, Source, Unit};
use thermine_sim::axeos::Build;
use thermine_sim::lv06;
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::{Expected, Server};
use thermine_stratum::session::{Settings, Share};
use thermine_units::clock::{Clock, Waiter};
use thermine_units::pow::Difficulty;
use thermine_units::seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub(crate) use crate::script::Act;

/// 2^-34: the 2^40 hashes of a share of difficulty 256 become 64.
pub(crate) const SCALE: f64 = 1.0 / (1u64 << 34) as f64;

/// Wall time after which a test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the pool's side of a bench tells.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The unit has connected.
    Connected,
    /// It has submitted a share.
    Share(Share),
}

/// A simulated LV06 in virtual time, with a pool that keeps it at one job.
pub(crate) struct Bench {
    pub(crate) clock: Clock,
    pub(crate) page: SocketAddr,
    pub(crate) client: Client,
    pub(crate) seen: mpsc::UnboundedReceiver<Seen>,
    seat: Waiter,
    _stop: DropGuard,
}

impl Bench {
    pub(crate) async fn start() -> Bench {
        Bench::with(Settings {
            difficulty_scale: SCALE,
            ..Settings::default()
        })
        .await
    }

    /// A bench whose pool has these settings.
    pub(crate) async fn with(settings: Settings) -> Bench {
        Bench::of(Build::V2_1, settings).await
    }

    /// A bench whose unit runs this build.
    pub(crate) async fn of(build: Build, settings: Settings) -> Bench {
        let clock = Clock::virtual_time();
        let seat = clock.drive();
        let stop = CancellationToken::new();
        let server = Server::new(settings, clock.clone());
        let expected = server.expect("lv06");
        let pool = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let pool_address = pool.local_addr().expect("an address");
        tokio::spawn(server.serve(pool, stop.clone()));
        let api = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let page = api.local_addr().expect("an address");
        let unit = lv06::Settings {
            pool: PoolSettings {
                pool: pool_address,
                worker: "lv06".into(),
                difficulty_scale: SCALE,
            },
            params: Params::lv06(),
            seed: 1,
        };
        lv06::start_with(build, unit, api, clock.clone(), &TaskTracker::new(), &stop);
        let (sender, mut seen) = mpsc::unbounded_channel();
        tokio::spawn(keep_at_work(expected, sender));
        let first = timeout(PATIENCE, seen.recv()).await;
        assert!(matches!(first, Ok(Some(Seen::Connected))), "{first:?}");
        Bench {
            clock,
            page,
            client: client(Duration::from_secs(20)),
            seen,
            seat,
            _stop: stop.drop_guard(),
        }
    }

    /// Lets device time pass.
    pub(crate) async fn pass(&self, seconds: f64) {
        let until = self.clock.now() + Duration::from_secs_f64(seconds);
        let passed = timeout(PATIENCE, self.seat.wait_until(until)).await;
        passed.expect("device time stands still");
    }

    pub(crate) fn unit(&self) -> Unit {
        self.client.unit(self.page, seed::stream(1, "client"))
    }

    pub(crate) fn source(&self) -> Source {
        Source::new(&self.client, self.page, seed::stream(1, "source"))
    }

    pub(crate) fn control(&self) -> Control {
        Control::new(&self.client, self.page, seed::stream(1, "control"))
    }

    /// The shares that have come so far.
    pub(crate) fn shares(&mut self) -> Vec<Share> {
        let mut shares = Vec::new();
        while let Ok(seen) = self.seen.try_recv() {
            if let Seen::Share(share) = seen {
                shares.push(share);
            }
        }
        shares
    }
}

/// Sends the unit one job whenever it connects, and tells what comes.
async fn keep_at_work(mut expected: Expected, seen: mpsc::UnboundedSender<Seen>) {
    let mut jobs = JobFactory::new(seed::stream(2, "jobs"));
    while let Ok(mut session) = expected.session(PATIENCE).await {
        let _ = seen.send(Seen::Connected);
        let job = jobs.next(1, 1_700_000_000, session.extranonce_len());
        let difficulty = Difficulty::new(256.0).expect("positive");
        let mut sent = session.send_job(job, difficulty, true, None).await.is_ok();
        while sent {
            match session.next_share().await {
                Ok(share) => _ = seen.send(Seen::Share(share)),
                Err(_) => sent = false,
            }
        }
    }
}

/// A client that waits this long for a reply, and asks twice.
pub(crate) fn client(reply: Duration) -> Client {
    Client::new(Limits {
        connect: Duration::from_secs(2),
        reply,
        bytes: 32 * 1024,
        attempts: 2,
        pause: Duration::from_millis(1),
    })
    .expect("a client")
}

/// One HTTP exchange by hand: status line and headers, and the body.
pub(crate) async fn http(addr: SocketAddr, head: &str, body: &str) -> (String, String) {
    let exchange = async {
        let mut stream = TcpStream::connect(addr).await.expect("a connection");
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("a reply");
        reply
    };
    let reply = timeout(PATIENCE, exchange).await.expect("a reply in time");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

/// A reply with this status and body.
pub(crate) fn reply(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A server that treats every connection alike, and a count of them. It ends with the test's runtime.
pub(crate) async fn server(act: Act) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(perform(act.clone(), stream, sender.clone()));
        }
    });
    (addr, requests)
}

/// Tells the request, and acts on it.
async fn perform(
    act: Act,
    mut stream: TcpStream,
    requests: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut request = vec![0; 4096];
    let read = stream.read(&mut request).await?;
    let _ = requests.send(String::from_utf8_lossy(&request[..read]).into_owned());
    act.perform(stream).await
}
