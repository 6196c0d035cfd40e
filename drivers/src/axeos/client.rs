//! One request to one unit: bounded in time and in memory, repeated where that can do no harm.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use reqwest::{Method, Response, StatusCode, header, redirect};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::info::{Asic, Info, ParseError};
use thermine_units::seed::Rng;

/// How long to wait for a unit, how much to take from it and how often to ask. The times are wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the connection to be made.
    pub connect: Duration,
    /// From the first packet to the end of the reply, connection included.
    pub reply: Duration,
    /// Longest reply in bytes.
    pub bytes: usize,
    /// Attempts at a request that may be repeated, the first included.
    pub attempts: u32,
    /// Pause before the second attempt, give or take a half; doubles with each.
    pub pause: Duration,
}

impl Default for Limits {
    /// 2 s and 4 s: the controller answers within 0.1 s unless its only server task is busy. 64 KiB: the
    /// longest reply known has some 3 kB. Three attempts within half a second, as its few sockets may
    /// be taken for a moment.
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(2),
            reply: Duration::from_secs(4),
            bytes: 64 * 1024,
            attempts: 3,
            pause: Duration::from_millis(100),
        }
    }
}

/// Asks any number of units. Clones share all that can be shared.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    limits: Limits,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client: {0}")]
pub struct NoClient(#[from] reqwest::Error);

impl Client {
    /// A client within `limits`. It goes to the unit alone: no proxy, no redirect is followed.
    ///
    /// # Errors
    /// If the system gives no sockets to work with.
    pub fn new(limits: Limits) -> Result<Client, NoClient> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(limits.connect)
            // A controller has a handful of sockets in all: none is held between requests.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Client { http, limits })
    }

    /// The unit at `addr`. `rng` spreads repeated requests.
    pub fn unit(&self, addr: SocketAddr, rng: Rng) -> Unit {
        Unit {
            client: self.clone(),
            addr,
            rng,
        }
    }

    async fn attempt(&self, addr: SocketAddr, ask: &Ask) -> Result<Vec<u8>, Failure> {
        let url = format!("http://{addr}{}", ask.path);
        let mut request = self.http.request(ask.method.clone(), url);
        if let Some(body) = &ask.body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let exchange = async {
            let response = request.send().await.map_err(|error| self.failure(&error))?;
            self.read(response).await
        };
        let after = self.limits.reply;
        timeout(after, exchange)
            .await
            .unwrap_or(Err(Failure::TimedOut { after }))
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(header::LOCATION);
            let to = to.map(|to| start(to.as_bytes())).unwrap_or_default();
            return Err(Failure::Redirected { to });
        }
        let limit = self.limits.bytes;
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failure(&error))?
        {
            if body.len() + chunk.len() > limit {
                return Err(Failure::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Denied,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Failure::NoSuchPath,
            status => Failure::Status {
                code: status.as_u16(),
                text: start(&body),
            },
        })
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            let after = self.limits.connect;
            return Failure::NotConnected { after };
        }
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<io::Error>()
                && io.kind() == io::ErrorKind::ConnectionRefused
            {
                return Failure::Refused;
            }
            if inner.source().is_none() {
                break;
            }
            cause = inner.source();
        }
        let reason = cause.map_or_else(|| error.to_string(), ToString::to_string);
        if error.is_connect() {
            Failure::Unreachable(reason)
        } else {
            Failure::Broken(reason)
        }
    }
}

struct Ask {
    method: Method,
    path: &'static str,
    body: Option<String>,
    /// Whether asking twice is as good as asking once.
    repeatable: bool,
}

/// A unit that answers as AxeOS does.
#[derive(Debug, Clone)]
pub struct Unit {
    client: Client,
    addr: SocketAddr,
    rng: Rng,
}

impl Unit {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Readings and settings.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn info(&mut self) -> Result<Info, ApiError> {
        let ask = get("/api/system/info");
        let body = self.send(&ask).await?;
        Info::parse(&body).map_err(|error| self.unreadable(&ask, error, &body))
    }

    /// Chip and model. Firmware before 2.2 has no such path.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn asic(&mut self) -> Result<Asic, ApiError> {
        let ask = get("/api/system/asic");
        let body = self.send(&ask).await?;
        Asic::parse(&body).map_err(|error| self.unreadable(&ask, error, &body))
    }

    /// Changes settings. They are values and not changes of values, so that a request whose reply is lost may
    /// be sent again. Nothing is checked, here or by the unit: see [`Control`](super::Control).
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn patch(&mut self, settings: &Value) -> Result<(), ApiError> {
        let ask = Ask {
            method: Method::PATCH,
            path: "/api/system",
            body: Some(settings.to_string()),
            repeatable: true,
        };
        self.send(&ask).await.map(drop)
    }

    /// Restarts the unit. Sent once, whatever comes of it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn restart(&mut self) -> Result<(), ApiError> {
        let ask = Ask {
            method: Method::POST,
            path: "/api/system/restart",
            body: None,
            repeatable: false,
        };
        self.send(&ask).await.map(drop)
    }

    async fn send(&mut self, ask: &Ask) -> Result<Vec<u8>, ApiError> {
        let limits = self.client.limits;
        let mut pause = limits.pause;
        let mut left = if ask.repeatable { limits.attempts } else { 1 };
        loop {
            let failure = match self.client.attempt(self.addr, ask).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            left = left.saturating_sub(1);
            if left == 0 || !failure.may_pass() {
                return Err(self.error(ask, failure));
            }
            sleep(pause.mul_f64(self.rng.random_range(0.5..1.5))).await;
            pause = pause.saturating_mul(2);
        }
    }

    fn unreadable(&self, ask: &Ask, error: ParseError, body: &[u8]) -> ApiError {
        let failure = Failure::NotAxeOs {
            reason: error.to_string(),
            start: start(body),
        };
        self.error(ask, failure)
    }

    fn error(&self, ask: &Ask, failure: Failure) -> ApiError {
        ApiError {
            addr: self.addr,
            request: format!("{} {}", ask.method, ask.path),
            failure,
        }
    }
}

fn get(path: &'static str) -> Ask {
    Ask {
        method: Method::GET,
        path,
        body: None,
        repeatable: true,
    }
}

/// The beginning of something received, for a message.
fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned()
}

/// A request that brought no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("asked {addr} for `{request}`: {failure}")]
pub struct ApiError {
    pub(crate) addr: SocketAddr,
    /// Method and path.
    pub(crate) request: String,
    /// What came of it.
    pub failure: Failure,
}

impl ApiError {
    /// Whether asking again is of no use until a person changes the unit's configuration or its address.
    pub fn is_fatal(&self) -> bool {
        match &self.failure {
            Failure::Denied | Failure::NoSuchPath | Failure::Redirected { .. } => true,
            Failure::Status { code, .. } => (400..500).contains(code),
            _ => false,
        }
    }
}

/// What came of a request that brought no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing listens on the port.
    #[error("connection refused; the unit is restarting, or this is not its address")]
    Refused,
    /// The connection could not be made.
    #[error("no connection ({0}); check the address and the network")]
    Unreachable(String),
    /// The connection was not made in time.
    #[error("no connection within {after:?}; check that the unit is powered and on this network")]
    NotConnected {
        /// How long it was waited for.
        after: Duration,
    },
    /// The unit took too long.
    #[error(
        "no complete reply within {after:?}; the unit hangs or is busy, restart it if this lasts"
    )]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
    /// The exchange broke off, or was no HTTP.
    #[error("the reply broke off or is no HTTP ({0}); ask again, then check the port")]
    Broken(String),
    /// The reply does not end.
    #[error("the reply is longer than {limit} bytes; this is no AxeOS, check the address")]
    TooLarge {
        /// Most bytes that are taken.
        limit: usize,
    },
    /// The reply is something else.
    #[error("the reply is not AxeOS's ({reason}) but begins {start:?}; check the address")]
    NotAxeOs {
        /// What the parser made of it.
        reason: String,
        /// Its first bytes.
        start: String,
    },
    /// The unit answers to some networks only.
    #[error(
        "the unit denies access; call it from its own private network (10/8, 172.16/12, 192.168/16)"
    )]
    Denied,
    /// The firmware has no such path or method.
    #[error("the firmware has no such path; it is too old or not AxeOS")]
    NoSuchPath,
    /// The unit points elsewhere, which is not followed.
    #[error(
        "the reply points to {to:?}; the firmware has no such path, or this is not its address"
    )]
    Redirected {
        /// The address that it leads to.
        to: String,
    },
    /// Any other status.
    #[error("the unit answered {code} ({text:?}); restart it if this lasts")]
    Status {
        /// HTTP status of the answer.
        code: u16,
        /// Beginning of the reply.
        text: String,
    },
}

impl Failure {
    /// Whether another attempt soon may well succeed. One that ran out of time has had its time.
    fn may_pass(&self) -> bool {
        match self {
            Failure::Refused | Failure::Unreachable(_) | Failure::Broken(_) => true,
            Failure::Status { code, .. } => *code >= 500,
            _ => false,
        }
    }
}
