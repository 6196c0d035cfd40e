//! One unit's web backend: one request at a time, well apart, bounded in time and size, logged in as needed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::{Failure, HttpError};
use super::login::{self, Answer, Credentials};
use thermine_units::secret::Secret;

const LOGIN: &str = "/user/login";

/// How long to wait for a unit, how often to ask and how much to take. The times are wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the request to the end of the reply, the connection included.
    pub total: Duration,
    /// Longest reply in bytes.
    pub bytes: usize,
    /// Shortest time from the end of one request to the start of the next. Zero for a simulated unit.
    pub spacing: Duration,
    /// Further attempts at a request that only reads.
    pub retries: u32,
    /// Wait before the first of them; doubled before each next.
    pub back_off: Duration,
}

impl Default for Limits {
    /// 5 s; 256 KiB, while the longest known reply has a few; two requests a second, while about fifteen
    /// make the backend fall over; two further attempts.
    fn default() -> Limits {
        Limits {
            total: Duration::from_secs(5),
            bytes: 256 * 1024,
            spacing: Duration::from_millis(500),
            retries: 2,
            back_off: Duration::from_millis(500),
        }
    }
}

/// The HTTP client that all Boxes share; clones share its connections.
pub type HttpClient = reqwest::Client;

/// An HTTP client that many units may share: no proxy, no redirects, no kept connections, `connect` at most
/// for a connection.
///
/// A backend that restarts now and then leaves dead connections behind; a request on one of those would
/// fail without reason, and one that changes something could not be repeated.
///
/// # Errors
/// If the system gives it no resolver.
pub fn http_client(connect: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(connect)
        .build()
}

/// One unit. Clones are the same unit: they share its token and wait for one another.
#[derive(Debug, Clone)]
pub struct Client {
    unit: Arc<Unit>,
}

#[derive(Debug)]
struct Unit {
    http: reqwest::Client,
    addr: SocketAddr,
    credentials: Credentials,
    limits: Limits,
    session: Mutex<Session>,
}

/// Held over every request, so that there is only one.
#[derive(Debug, Default)]
struct Session {
    token: Option<Secret>,
    last: Option<Instant>,
}

/// A request as it goes out.
struct Request<'a> {
    method: Method,
    path: &'static str,
    query: &'a [(&'static str, &'a str)],
    body: Option<Vec<u8>>,
}

impl Client {
    /// The unit at `addr`, asked through `http` (see [`http_client`]).
    pub fn new(
        http: reqwest::Client,
        addr: SocketAddr,
        credentials: Credentials,
        limits: Limits,
    ) -> Client {
        Client {
            unit: Arc::new(Unit {
                http,
                addr,
                credentials,
                limits,
                session: Mutex::default(),
            }),
        }
    }

    /// Where the unit is reached.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.unit.addr
    }

    /// Reads `path`. Tried again when the unit does not answer.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn get(
        &self,
        path: &'static str,
        query: &[(&'static str, &str)],
    ) -> Result<Bytes, HttpError> {
        let request = Request {
            method: Method::GET,
            path,
            query,
            body: None,
        };
        let mut session = self.unit.session.lock().await;
        let mut wait = self.unit.limits.back_off;
        for _ in 0..self.unit.limits.retries {
            match self.unit.authorised(&mut session, &request).await {
                Err(error) if error.failure.is_transient() => {
                    tracing::debug!(%error, "asking again");
                    sleep(wait).await;
                    wait = wait.saturating_mul(2);
                }
                outcome => return outcome,
            }
        }
        self.unit.authorised(&mut session, &request).await
    }

    /// Reads `path` and interprets the reply.
    ///
    /// # Errors
    /// See [`Failure`]; `Unreadable` if `read` fails.
    pub async fn read<T, E: std::fmt::Display>(
        &self,
        path: &'static str,
        query: &[(&'static str, &str)],
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, HttpError> {
        let body = self.get(path, query).await?;
        read(&body).map_err(|reason| HttpError {
            addr: self.unit.addr,
            method: "GET",
            path,
            failure: Failure::Unreadable {
                reason: reason.to_string(),
                bytes: body.len(),
            },
        })
    }

    /// Writes `body` to `path`; an empty one is sent without a type. Sent again only if the unit asked for
    /// a token instead of doing it: whether a broken exchange was heeded can only be read back.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn put(&self, path: &'static str, body: Vec<u8>) -> Result<Bytes, HttpError> {
        let request = Request {
            method: Method::PUT,
            path,
            query: &[],
            body: Some(body),
        };
        let mut session = self.unit.session.lock().await;
        self.unit.authorised(&mut session, &request).await
    }
}

impl Unit {
    /// Sends `request` with the token, if there is one, and gets one if that is what the unit wants. Old
    /// firmware wants none, so none is asked for before the unit does.
    async fn authorised(
        &self,
        session: &mut Session,
        request: &Request<'_>,
    ) -> Result<Bytes, HttpError> {
        // A good token is refused now and then: it is shown twice.
        let shows = if session.token.is_some() { 2 } else { 1 };
        for _ in 0..shows {
            match self.send(session, request).await {
                Err(Failure::Unauthorised) => {}
                outcome => return outcome.map_err(|failure| self.error(request, failure)),
            }
        }
        session.token = None;
        session.token = Some(self.login(session).await?);
        let outcome = self.send(session, request).await;
        outcome.map_err(|failure| self.error(request, failure))
    }

    /// Asks for a token, with the password in plain text and then, if the reply is no JSON, enciphered.
    async fn login(&self, session: &mut Session) -> Result<Secret, HttpError> {
        let enciphered = self.credentials.enciphered();
        let ways = [
            (self.credentials.password.expose(), "false"),
            (&enciphered, "true"),
        ];
        let mut unread = 0;
        for (password, cipher) in ways {
            let request = Request {
                method: Method::GET,
                path: LOGIN,
                query: &[
                    ("username", &self.credentials.user),
                    ("password", password),
                    ("cipher", cipher),
                ],
                body: None,
            };
            let body = match self.send(session, &request).await {
                Ok(body) => body,
                // With which status a wrong password is refused is not known.
                Err(Failure::Unauthorised | Failure::Status(400..=499)) => {
                    return Err(self.error(&request, Failure::WrongPassword));
                }
                Err(failure) => return Err(self.error(&request, failure)),
            };
            match login::answer(&body) {
                Answer::Token(token) => return Ok(token),
                Answer::NoToken => return Err(self.error(&request, Failure::WrongPassword)),
                Answer::NotJson => unread = body.len(),
            }
        }
        Err(HttpError {
            addr: self.addr,
            method: "GET",
            path: LOGIN,
            failure: Failure::Unreadable {
                reason: "not JSON".to_owned(),
                bytes: unread,
            },
        })
    }

    /// One exchange, not before the spacing from the last is over.
    async fn send(&self, session: &mut Session, request: &Request<'_>) -> Result<Bytes, Failure> {
        if let Some(last) = session.last {
            sleep_until(last + self.limits.spacing).await;
        }
        let total = self.limits.total;
        let outcome = timeout(total, self.exchange(session.token.as_ref(), request)).await;
        session.last = Some(Instant::now());
        outcome.unwrap_or(Err(Failure::TimedOut(total)))
    }

    async fn exchange(
        &self,
        token: Option<&Secret>,
        request: &Request<'_>,
    ) -> Result<Bytes, Failure> {
        let mut url = Url::parse(&format!("http://{}{}", self.addr, request.path))
            .map_err(|_| Failure::Unreachable("no URL can be made of the address".to_owned()))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        let mut builder = self.http.request(request.method.clone(), url);
        if let Some(token) = token {
            builder = builder.bearer_auth(token.expose());
        }
        if let Some(body) = &request.body {
            if !body.is_empty() {
                builder =
                    builder.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            builder = builder.body(body.clone());
        }
        let mut response = builder.send().await.map_err(Failure::of)?;
        match response.status().as_u16() {
            200..=299 => {}
            401 => return Err(Failure::Unauthorised),
            status @ 300..=399 => return Err(Failure::Redirected(status)),
            status => return Err(Failure::Status(status)),
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(Failure::of)? {
            if body.len() + chunk.len() > self.limits.bytes {
                return Err(Failure::TooLarge {
                    limit: self.limits.bytes,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn error(&self, request: &Request<'_>, failure: Failure) -> HttpError {
        HttpError {
            addr: self.addr,
            method: if request.method == Method::PUT {
                "PUT"
            } else {
                "GET"
            },
            path: request.path,
            failure,
        }
    }
}
