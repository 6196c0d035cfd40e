//! The web backend of a simulated Box.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, put};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::board;
use super::firmware::Firmware;
use super::pages;
use super::setting::Setting;
use super::state::BoxState;
use crate::Params;
use crate::command::{Command, Orders};
use crate::connections::{self, Connections};
use thermine_drivers::goldshell::{Credentials, Secret};

/// Longest request body. The settings have a kilobyte.
const BODY_BYTES: usize = 64 * 1024;
/// Pools that are kept; the web page allows three.
const POOLS: usize = 3;

/// What the backend holds.
#[derive(Debug)]
pub struct Backend {
    firmware: Firmware,
    /// The password as `cipher=true` wants it. That of the default one is published, and matches.
    enciphered: Secret,
    state: watch::Receiver<BoxState>,
    orders: Orders,
    kept: Mutex<Kept>,
    /// Requests with a good token.
    authorised: AtomicU32,
}

/// What a write changes.
#[derive(Debug)]
struct Kept {
    setting: Setting,
    /// The list as read. It is kept and no more: the unit goes on mining where it was told to at its start.
    pools: Vec<Value>,
}

type Shared = State<Arc<Backend>>;

impl Backend {
    /// A backend whose unit tells of itself through `state`, is told through `orders`, and mines at
    /// `pool_url` as `user`.
    pub(crate) fn new(
        firmware: Firmware,
        params: &Params,
        (pool_url, user): (&str, &str),
        state: watch::Receiver<BoxState>,
        orders: Orders,
    ) -> Backend {
        let credentials = Credentials {
            password: firmware.password.clone(),
            ..Credentials::default()
        };
        Backend {
            enciphered: Secret::new(credentials.enciphered()),
            kept: Mutex::new(Kept {
                setting: Setting::new(&firmware, params),
                pools: vec![pool(pool_url, user, "x", 0)],
            }),
            firmware,
            state,
            orders,
            authorised: AtomicU32::new(0),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Whole between any two statements that hold the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request may pass.
    fn admits(&self, path: &str, headers: &HeaderMap) -> bool {
        let faults = &self.firmware.faults;
        if faults.open || matches!(path, "/" | "/mcb/status" | "/user/login") {
            return true;
        }
        let shown = headers
            .get(header::AUTHORIZATION)
            .map(HeaderValue::as_bytes);
        let wanted = format!("Bearer {}", self.firmware.token.expose());
        if shown != Some(wanted.as_bytes()) {
            return false;
        }
        let number = self.authorised.fetch_add(1, Ordering::Relaxed);
        faults
            .spurious_401
            .is_none_or(|every| number % every != every.get() - 1)
    }

    async fn give(&self, command: Command) -> StatusCode {
        match self.orders.give(command).await {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Serves the backend on `listener` until `shutdown`.
pub async fn serve(listener: TcpListener, backend: Backend, shutdown: CancellationToken) {
    let page = router(Arc::new(backend));
    connections::serve(Connections::of(listener), page, shutdown).await;
}

fn router(backend: Arc<Backend>) -> Router {
    Router::new()
        .route("/", get(async || Html(pages::PAGE)))
        .route("/user/login", get(login))
        .route("/user/logout", get(async || text("{}".to_owned())))
        .route("/mcb/status", get(status))
        .route("/mcb/setting", get(read_setting).put(write_setting))
        .route("/mcb/pools", get(read_pools).put(write_pools))
        .route("/mcb/newpool", put(new_pool))
        .route("/mcb/delpool", put(delete_pool))
        .route("/mcb/cgminer", get(devs))
        .route("/mcb/restart", put(restart))
        .route("/mcb/facrst", put(factory_reset))
        .route("/cpb/hshistory", get(history))
        .route("/dbg/minerinfo", get(minerinfo))
        .route("/dbg/icinfo", get(icinfo))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(backend.clone(), gate))
        .with_state(backend)
}

/// Answers `OPTIONS`, turns away who shows no token, and lets any page's scripts read the rest.
async fn gate(State(backend): Shared, request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else if backend.admits(request.uri().path(), request.headers()) {
        next.run(request).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    };
    let headers = response.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, any);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, PUT, POST, OPTIONS"),
    );
    response
}

async fn login(State(backend): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    let is = |key: &str, wanted: &str| query.get(key).is_some_and(|value| value == wanted);
    let ciphered = is("cipher", "true");
    if !ciphered && backend.firmware.faults.ciphered_login_only {
        return "cipher".into_response();
    }
    let password = if ciphered {
        &backend.enciphered
    } else {
        &backend.firmware.password
    };
    if is("username", "admin") && is("password", password.expose()) {
        return text(json!({ "JWT Token": backend.firmware.token.expose() }).to_string());
    }
    // What a real unit says is not known but for the missing token.
    text("{}".to_owned())
}

async fn status(State(backend): Shared) -> Response {
    text(pages::status(&backend.firmware))
}

async fn read_setting(State(backend): Shared) -> Response {
    text(backend.kept().setting.to_json())
}

async fn write_setting(State(backend): Shared, body: Bytes) -> Response {
    let point = {
        let mut kept = backend.kept();
        match kept.setting.replace(&body) {
            Some(()) => kept.setting.point(),
            None => return StatusCode::BAD_REQUEST.into_response(),
        }
    };
    let status = backend.give(Command::Set(point)).await;
    (status, text("{}".to_owned())).into_response()
}

async fn read_pools(State(backend): Shared) -> Response {
    let connected = backend.state.borrow().counters.connected;
    let mut pools = backend.kept().pools.clone();
    for (place, pool) in pools.iter_mut().enumerate() {
        pool["active"] = json!(connected && place == 0);
        pool["pool-priority"] = json!(place);
        pool["dragid"] = json!(place);
    }
    text(Value::Array(pools).to_string())
}

async fn write_pools(State(backend): Shared, body: Bytes) -> Response {
    let list = serde_json::from_slice::<Vec<Value>>(&body);
    let read = list.ok().and_then(|list| {
        let pools = list.iter().map(read_pool);
        pools.collect::<Option<Vec<Value>>>()
    });
    match read {
        Some(pools) if pools.len() <= POOLS => backend.kept().pools = pools,
        _ => return StatusCode::BAD_REQUEST.into_response(),
    }
    text("{}".to_owned())
}

async fn new_pool(State(backend): Shared, body: Bytes) -> Response {
    let entry = serde_json::from_slice::<Value>(&body).ok();
    let mut kept = backend.kept();
    match entry.as_ref().and_then(read_pool) {
        Some(pool) if kept.pools.len() < POOLS => kept.pools.push(pool),
        _ => return StatusCode::BAD_REQUEST.into_response(),
    }
    text("{}".to_owned())
}

/// Removes the pool with this URL and user, at the place that `dragid` names if it names one.
async fn delete_pool(State(backend): Shared, body: Bytes) -> Response {
    let Ok(entry) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let place = entry["dragid"].as_u64();
    let mut kept = backend.kept();
    let found = kept.pools.iter().zip(0..).position(|(pool, number)| {
        pool["url"] == entry["url"]
            && pool["user"] == entry["user"]
            && place.is_none_or(|place| place == number)
    });
    match found {
        Some(position) => drop(kept.pools.remove(position)),
        None => return StatusCode::BAD_REQUEST.into_response(),
    }
    text("{}".to_owned())
}

async fn devs(State(backend): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    if backend.firmware.faults.devs_fails {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if query
        .get("cgminercmd")
        .is_none_or(|command| command != "devs")
    {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let plan = backend.kept().setting.in_force();
    let plan = plan.map(|plan| plan.to_string()).unwrap_or_default();
    text(pages::devs(&backend.state.borrow(), &plan))
}

/// A real controller is then gone for a minute; this one answers on.
async fn restart(State(backend): Shared) -> Response {
    let status = backend.give(Command::Restart(None)).await;
    (status, text("{}".to_owned())).into_response()
}

/// Answers and resets nothing: no client of ours must ever ask for it, and no test should need the unit back.
async fn factory_reset() -> Response {
    text("{}".to_owned())
}

async fn history(State(backend): Shared) -> Response {
    text(pages::history(&backend.state.borrow()))
}

async fn minerinfo(State(backend): Shared) -> Response {
    board::minerinfo(&backend.state.borrow()).into_response()
}

async fn icinfo(State(backend): Shared) -> Response {
    text(pages::icinfo(&backend.state.borrow()))
}

/// `body`, which is JSON.
fn text(body: String) -> Response {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    ([(header::CONTENT_TYPE, json)], body).into_response()
}

fn pool(url: &str, user: &str, pass: &str, place: usize) -> Value {
    json!({
        "url": url,
        "legal": url.contains("://"),
        "active": false,
        "dragid": place,
        "user": user,
        "pool-priority": place,
        "pass": pass,
    })
}

fn read_pool(entry: &Value) -> Option<Value> {
    let word = |key: &str| entry.get(key)?.as_str().filter(|word| word.len() < 256);
    Some(pool(
        word("url")?,
        word("user")?,
        word("pass").unwrap_or(""),
        0,
    ))
}
