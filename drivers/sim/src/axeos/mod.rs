//! The page of a simulated LV06: answers on HTTP as the firmware's server does, field for field.
//!
//! Of the builds from 2.11 on it plays what concerns the fan: [`Build::V2_11`].
//!
//! The figures come from a [`State`] that the simulated unit keeps up to date; settings are stored there at
//! once and passed to the unit as `Command`s. Model is the LV06 build of ESP-Miner 2.1.10, with what
//! later builds add where a client may rely on it: `minerModel`, `/api/system/asic` and `/api/ws`.
//!
//! Two things differ from a real unit, on purpose: a setting takes effect at once and not within the two
//! seconds of the firmware's power loop, and a request on a connection that was kept open over a restart
//! is told 503 where a real unit is silent.

mod gate;
pub(crate) mod info;
mod log;
pub(crate) mod patch;
pub(crate) mod rate;
pub(crate) mod state;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{State as Shared, WebSocketUpgrade};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, patch as patched, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::gate::Gate;
use self::info::Info;
pub use self::log::line;
pub use self::state::{Build, State};
use super::command::{Command, Orders, Pool, Tap};
use super::connections::serve;

/// Longest request body: the firmware's scratch buffer.
const BODY_BYTES: usize = 10_240;

/// Readers of the log at once.
const LOG_CLIENTS: usize = 10;

/// Wall time that a client has to send the body of its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the server shares with the unit.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// Settings and readings.
    pub(crate) state: Arc<watch::Sender<State>>,
    /// To the unit's task.
    pub(crate) orders: Orders,
    /// From the unit's task.
    pub(crate) tap: Tap,
}

/// What a request can reach.
#[derive(Debug, Clone)]
struct Page {
    unit: Unit,
    log_clients: Arc<Semaphore>,
    shutdown: CancellationToken,
}

/// Serves the page on `listener` until `shutdown`.
pub(crate) async fn run(listener: TcpListener, unit: Unit, shutdown: CancellationToken) {
    let gate = Gate::new(listener, unit.state.clone());
    let page = Page {
        unit,
        log_clients: Arc::new(Semaphore::new(LOG_CLIENTS)),
        shutdown: shutdown.clone(),
    };
    serve(gate, router(page), shutdown).await;
}

fn router(page: Page) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/api/system/info", get(info))
        .route("/api/system/asic", get(asic))
        .route("/api/system", patched(settings).options(StatusCode::OK))
        .route("/api/system/restart", post(restart).options(StatusCode::OK))
        .route("/api/swarm/info", get(swarm))
        .route("/api/swarm", patched(set_swarm).options(StatusCode::OK))
        .route("/api/ws", get(follow_log))
        .fallback(portal)
        .layer(middleware::from_fn_with_state(page.clone(), every_reply))
        .with_state(page)
}

/// Cross-origin headers on all replies, and none but 503 while the unit is off.
async fn every_reply(
    Shared(page): Shared<Page>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let on = page.unit.state.borrow().readings.on;
    let mut response = if on {
        next.run(request).await
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONNECTION, "close")],
        )
            .into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        ),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn index() -> Html<&'static str> {
    Html(
        "<!doctype html>\n<html lang=\"en\">\n<head><title>Lucky miner</title></head>\n\
         <body><app-root></app-root></body>\n</html>\n",
    )
}

async fn info(Shared(page): Shared<Page>) -> Response {
    let reply = Info::of(&page.unit.state.borrow());
    axum::Json(reply).into_response()
}

async fn asic() -> Response {
    json(info::asic())
}

async fn swarm(Shared(page): Shared<Page>) -> Response {
    json(page.unit.state.borrow().stored.swarm.clone())
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn settings(Shared(page): Shared<Page>, body: Body) -> Response {
    let body = match whole(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let mut point = None;
    page.unit.state.send_modify(|state| {
        let stored = &mut state.stored;
        if patch::apply(stored, &body) {
            point = Some(stored.operating_point());
        }
    });
    let Some(point) = point else {
        return StatusCode::OK.into_response();
    };
    match page.unit.orders.give(Command::Set(point)).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(stopped) => (StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()).into_response(),
    }
}

async fn set_swarm(Shared(page): Shared<Page>, body: Body) -> Response {
    let body = match whole(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let swarm = String::from_utf8_lossy(&body).into_owned();
    page.unit
        .state
        .send_modify(|state| state.stored.swarm = swarm);
    StatusCode::OK.into_response()
}

/// The body of a request, or what the firmware says of one that is too long or does not come.
async fn whole(body: Body) -> Result<Bytes, Response> {
    let refused = |text| (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    match timeout(PATIENCE, to_bytes(body, BODY_BYTES)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(refused("content too long")),
        Err(_) => Err(refused("Failed to post control value")),
    }
}

async fn restart(Shared(page): Shared<Page>) -> Response {
    let pool = pool(&page.unit.state.borrow());
    match page.unit.orders.give(Command::Restart(pool)).await {
        Ok(()) => (
            [
                (header::CONNECTION, "close"),
                (header::CONTENT_TYPE, "text/html"),
            ],
            "System will restart shortly.",
        )
            .into_response(),
        Err(stopped) => (StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()).into_response(),
    }
}

/// The stored pool, if its host is an address: the simulator asks no name server.
fn pool(state: &State) -> Option<Pool> {
    let stored = &state.stored;
    let host: IpAddr = stored.stratum_url.parse().ok()?;
    Some(Pool {
        address: SocketAddr::new(host, stored.stratum_port),
        worker: stored.stratum_user.clone(),
    })
}

async fn follow_log(Shared(page): Shared<Page>, upgrade: WebSocketUpgrade) -> Response {
    let Ok(permit) = page.log_clients.clone().try_acquire_owned() else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "Max WebSocket clients reached",
        )
            .into_response();
    };
    let Some(log) = page.unit.tap.listen() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (state, shutdown) = (page.unit.state, page.shutdown);
    upgrade
        .max_message_size(4096)
        .on_upgrade(|socket| log::forward(socket, log, state, shutdown, permit))
}

/// Whatever else is asked for: the file server finds no such file and sends to its start page.
async fn portal() -> Response {
    (
        StatusCode::FOUND,
        [(header::LOCATION, "/")],
        "Redirect to the captive portal",
    )
        .into_response()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::state::{Build, Readings, State, Stored};
    use thermine_units::quantity::{Celsius, HashRate, Rpm, Volts, Watts};

    pub(crate) fn state() -> State {
        State {
            stored: Stored {
                build: Build::V2_1,
                frequency: 485,
                core_voltage: 1200,
                autofanspeed: 0,
                fanspeed: 80,
                manual_fan: 80,
                overheat_mode: 0,
                flipscreen: 1,
                invertscreen: 0,
                invertfanpolarity: 1,
                stratum_url: "192.0.2.1".to_owned(),
                stratum_port: 3333,
                stratum_user: "w".to_owned(),
                ssid: "lab".to_owned(),
                hostname: "luckyminer".to_owned(),
                swarm: "[]".to_owned(),
                best_difficulty: 4.29e9,
            },
            readings: Readings {
                on: true,
                uptime: Duration::from_secs(3600),
                power: Watts(13.25),
                chip: Celsius(64.5),
                regulator: Celsius(70.0),
                hash_rate: HashRate(498.5e9),
                core_voltage: Volts(1.2),
                fan: Rpm(4800.0),
                accepted: 12,
                rejected: 1,
                best_session: 123.0,
            },
        }
    }

    #[test]
    fn page_and_miner_are_of_one_version() {
        let agent = crate::firmware::LV06.agent;
        assert_eq!(agent.rsplit('/').next(), Some(super::info::VERSION));
    }

    #[test]
    fn info_has_the_firmwares_fields_in_its_order() {
        let text = serde_json::to_string(&super::Info::of(&state())).expect("JSON");
        let wanted = concat!(
            r#"{"power":13.25,"voltage":5000,"current":2650,"temp":64.5,"vrTemp":70,"hashRate":498.5,"#,
            r#""bestDiff":"4.29 G","bestSessionDiff":"123 ","freeHeap":196608,"coreVoltage":1200,"#,
            r#""coreVoltageActual":1200,"frequency":485,"ssid":"lab","hostname":"luckyminer","#,
            r#""wifiStatus":"Connected!","sharesAccepted":12,"sharesRejected":1,"uptimeSeconds":3600,"#,
            r#""asicCount":1,"smallCoreCount":894,"ASICModel":"BM1366","stratumURL":"192.0.2.1","#,
            r#""stratumPort":3333,"stratumUser":"w","version":"2.1.10","boardVersion":"0.11","#,
            r#""runningPartition":"factory","flipscreen":1,"overheat_mode":0,"invertscreen":0,"#,
            r#""invertfanpolarity":1,"autofanspeed":0,"fanspeed":80,"fanrpm":4800,"minerModel":"LV06"}"#
        );
        assert_eq!(text, wanted);
    }
}
