//! The running daemon's web server: the page, the API behind it, the metrics.
//!
//! It only watches: what it shows it takes from [`Live`], what it is asked to do it hands on as a [`Command`]. Nobody
//! waits for it; a client that reads slowly loses frames of its own stream and nothing else.

mod api;
mod asked;
mod assets;
mod door;
mod error;
mod frame;
mod guard;
mod metrics;
mod openapi;
mod patient;
mod places;
mod server;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, ensure};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post};
use thermine_units::clock::Clock;
use thermine_units::secret::Secret;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub(crate) use self::api::Present;
use self::door::{Door, Guesses};
use crate::lab::request::{ReadCommand, Request};
use crate::live::Live;

/// Largest body of a request, in bytes. A job's command is a line.
const BODY: usize = 16 * 1024;
/// Streams at once. Each costs the comparison of all units at its own rate.
const STREAMS: usize = 32;
/// Bytes that a token has at least: 128 bits, if they are random.
pub const TOKEN_BYTES: usize = 16;

/// How the server is to behave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The word that opens it. Without one it serves on loopback only.
    pub token: Option<Secret>,
    /// Names, beside `localhost` and the addresses of loopback, by which a server on loopback may be called; of a
    /// reverse proxy in front of it, for instance. No ports.
    pub hosts: Vec<String>,
    /// Tells the time of day.
    pub clock: Clock,
    /// Reads a job that is submitted in words.
    pub read_command: ReadCommand,
}

impl Settings {
    /// No token, no further names.
    pub fn new(clock: Clock, read_command: ReadCommand) -> Settings {
        Settings {
            token: None,
            hosts: Vec::new(),
            clock,
            read_command,
        }
    }

    /// Whether a server may listen on `address`.
    ///
    /// # Errors
    /// If it is not of loopback and there is no token, or one that is too short.
    pub fn permit(&self, address: SocketAddr) -> Result<()> {
        ensure!(
            self.token.is_some() || address.ip().is_loopback(),
            "the web server may listen on {address} only with a token, since others can reach that address: \
             set a token file, or listen on 127.0.0.1"
        );
        if let Some(token) = &self.token {
            ensure!(
                token.bytes() >= TOKEN_BYTES,
                "the web server's token has {} bytes, and needs {TOKEN_BYTES} or more that cannot be guessed, as \
                 `openssl rand -hex 16` makes",
                token.bytes()
            );
        }
        Ok(())
    }
}

/// What a client asks the daemon to do. An answer of `Err` says why not, in words.
#[derive(Debug)]
pub enum Command {
    /// Put an experiment into the queue.
    Submit {
        /// What is asked for.
        request: Box<Request>,
        /// The unit it is for.
        unit: String,
        /// When it is due, wall time in milliseconds since 1970; absent for at once.
        due_ms: Option<u64>,
        /// Its number.
        reply: oneshot::Sender<Result<u64, String>>,
    },
    /// Take an experiment out of the queue, or stop it.
    Cancel {
        /// Its number.
        id: u64,
        /// Whether it was there.
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// What the handlers share.
#[derive(Debug)]
struct Web {
    live: Live,
    clock: Clock,
    door: Option<Door>,
    guesses: Guesses,
    hosts: Vec<String>,
    /// Whether it listens on loopback, where names are checked.
    loopback: bool,
    read_command: ReadCommand,
    commands: mpsc::Sender<Command>,
    streams: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Web {
    /// Wall time in milliseconds since 1970.
    fn now_ms(&self) -> u64 {
        self.clock.unix(self.clock.now()).as_millis() as u64
    }
}

/// Serves on `listener` until `shutdown`; open streams are ended then, and requests under way are given a few seconds.
///
/// # Errors
/// If the address is not [permitted](Settings::permit), or the listener fails.
pub async fn serve(
    listener: TcpListener,
    live: Live,
    settings: Settings,
    commands: mpsc::Sender<Command>,
    shutdown: CancellationToken,
) -> Result<()> {
    let address = listener.local_addr()?;
    settings.permit(address)?;
    let web = Arc::new(Web {
        live,
        clock: settings.clock,
        door: settings.token.map(Door::new),
        guesses: Guesses::default(),
        hosts: settings.hosts,
        loopback: address.ip().is_loopback(),
        read_command: settings.read_command,
        commands,
        streams: Arc::new(Semaphore::new(STREAMS)),
        shutdown: shutdown.clone(),
    });
    server::run(listener, router(web), shutdown).await
}

/// Every route, in the form in which the description names it.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<Web>>)> {
    vec![
        ("/", get(assets::page)),
        ("/page/{file}", get(assets::file)),
        ("/login", get(door::form).post(door::enter)),
        ("/logout", post(door::leave)),
        ("/api/v1/snapshot", get(api::snapshot)),
        ("/api/v1/units/{name}", get(api::unit)),
        ("/api/v1/stream", get(stream::stream)),
        ("/api/v1/jobs", get(api::jobs).post(api::submit)),
        ("/api/v1/jobs/{id}", delete(api::cancel)),
        ("/api/v1/openapi.json", get(openapi::serve)),
        ("/metrics", get(metrics::serve)),
        ("/healthz", get(api::health)),
    ]
}

fn router(web: Arc<Web>) -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods)
        })
        .fallback(error::nothing_here)
        .method_not_allowed_fallback(error::not_that_method)
        .layer(middleware::from_fn_with_state(web.clone(), guard::guard))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(web)
}
