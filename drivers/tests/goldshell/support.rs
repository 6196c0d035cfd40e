//! What the tests share: a simulated LB-Box with work, clients for it, servers from a script.

use std::net::SocketAddr;
use std::time::Duration;

use thermine_drivers::goldshell::{Client, Control, Credentials, Limits, Secret, http_client};
use thermine_sim::goldshell::Firmware;
use thermine_sim::lb_box::{self, Settings};
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::Server;
use thermine_stratum::session;
use thermine_units::clock::{Clock, Waiter};
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::seed;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub(crate) use crate::script::Act;

/// 2^-34: the 2^40 hashes of a share of difficulty 256 become 64.
const SCALE: f64 = 1.0 / (1u64 << 34) as f64;

/// A simulated LB-Box in virtual time.
pub(crate) struct Unit {
    pub(crate) http: SocketAddr,
    pub(crate) api: SocketAddr,
    pub(crate) clock: Clock,
    seat: Waiter,
    tasks: TaskTracker,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl Unit {
    /// A unit that was given work, and works at it.
    pub(crate) async fn start(firmware: Firmware) -> Unit {
        Unit::with(firmware, Params::lb_box(), loopback().await).await
    }

    pub(crate) async fn with(firmware: Firmware, params: Params, http: TcpListener) -> Unit {
        let clock = Clock::virtual_time();
        let seat = clock.drive();
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let server = Server::new(
            session::Settings {
                difficulty_scale: SCALE,
                ..session::Settings::default()
            },
            clock.clone(),
        );
        let listener = loopback().await;
        let pool = address(&listener);
        let mut expected = server.expect("box");
        tokio::spawn(server.serve(listener, stop.clone()));

        let api = loopback().await;
        let (http_addr, api_addr) = (address(&http), address(&api));
        let settings = Settings {
            pool: PoolSettings {
                pool,
                worker: "box".to_owned(),
                difficulty_scale: SCALE,
            },
            params,
            seed: 1,
            firmware,
        };
        lb_box::start(settings, http, api, clock.clone(), &tasks, &stop);
        let (working, begun) = tokio::sync::oneshot::channel();
        let mut working = Some(working);
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            // A unit that restarts comes again.
            loop {
                let mut session = expected
                    .session(Duration::from_secs(20))
                    .await
                    .expect("the unit connects");
                let mut jobs =
                    JobFactory::new(seed::stream(1, "jobs")).with_algorithm(Algorithm::Lbry);
                let job = jobs.next(1, 1_700_000_000, session.extranonce_len());
                let difficulty = Difficulty::new(256.0).expect("positive");
                let sent = session.send_job(job, difficulty, true, None).await;
                sent.expect("sent");
                if let Some(working) = working.take() {
                    let _ = working.send(());
                }
                while session.next_share().await.is_ok() {}
            }
        }));
        begun.await.expect("the unit works");
        Unit {
            http: http_addr,
            api: api_addr,
            clock,
            seat,
            tasks,
            stop: stop.clone(),
            _guard: stop.drop_guard(),
        }
    }

    /// Lets `seconds` of device time go by.
    pub(crate) async fn pass(&self, seconds: f64) {
        let until = self.clock.now() + Duration::from_secs_f64(seconds);
        let passed = tokio::time::timeout(Duration::from_secs(60), self.seat.wait_until(until));
        passed.await.expect("virtual time moves");
    }

    pub(crate) fn client(&self) -> Client {
        client(self.http)
    }

    pub(crate) fn control(&self) -> Control {
        Control::new(self.client())
    }

    /// Pulls the plug, and waits until the ports are free.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A client with the default password, in no hurry to give up and without pauses.
pub(crate) fn client(addr: SocketAddr) -> Client {
    client_with(addr, "123456789", quick())
}

pub(crate) fn client_with(addr: SocketAddr, password: &str, limits: Limits) -> Client {
    let http = http_client(Duration::from_secs(5)).expect("a client");
    let credentials = Credentials {
        password: Secret::new(password),
        ..Credentials::default()
    };
    Client::new(http, addr, credentials, limits)
}

/// The default limits but for the pauses.
pub(crate) fn quick() -> Limits {
    Limits {
        spacing: Duration::ZERO,
        back_off: Duration::from_millis(1),
        ..Limits::default()
    }
}

pub(crate) async fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

pub(crate) fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("an address")
}

/// What a scripted server answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Whatever was asked.
    Act(Act),
    /// The request, as the body of a reply with this status.
    Echo(u16),
}

impl From<Act> for Answer {
    fn from(act: Act) -> Answer {
        Answer::Act(act)
    }
}

/// A reply with `status` and `body`.
pub(crate) fn reply(status: u16, body: &str) -> Act {
    let text = format!(
        "HTTP/1.1 {status} Some\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Act::Send(text.into_bytes())
}

/// A server that goes through `answers`, one a connection, and stays at the last; and the request lines that it
/// has read. It ends with the test's runtime.
pub(crate) async fn server<A: Into<Answer>>(answers: Vec<A>) -> (SocketAddr, Requests) {
    let answers: Vec<Answer> = answers.into_iter().map(Into::into).collect();
    let listener = loopback().await;
    let addr = address(&listener);
    let requests = Requests::default();
    let seen = requests.clone();
    tokio::spawn(async move {
        let mut next = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answers[next.min(answers.len() - 1)].clone();
            next += 1;
            tokio::spawn(perform(answer, stream, seen.clone()));
        }
    });
    (addr, requests)
}

/// The requests that a server has read, whole.
#[derive(Clone, Default)]
pub(crate) struct Requests(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl Requests {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("unpoisoned").clone()
    }

    /// Method and path of each, without the query.
    pub(crate) fn paths(&self) -> Vec<String> {
        let word = |request: String| {
            let line: Vec<&str> = request.split_whitespace().take(2).collect();
            line.join(" ").split('?').next().unwrap_or("").to_owned()
        };
        self.all().into_iter().map(word).collect()
    }
}

/// Remembers the request, and answers it.
async fn perform(answer: Answer, mut stream: TcpStream, seen: Requests) -> std::io::Result<()> {
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).await?;
    let request = String::from_utf8_lossy(&request[..read]).into_owned();
    seen.0.lock().expect("unpoisoned").push(request.clone());
    let act = match answer {
        Answer::Act(act) => act,
        Answer::Echo(status) => reply(status, &request),
    };
    act.perform(stream).await
}

/// The file `name` of `tests/data`.
pub(crate) fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
