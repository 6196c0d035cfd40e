//! The stream of events: each client has a task that looks at the present state at the client's own rate and says what
//! has changed. When the client has not taken what was said before, the task says nothing and counts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::error::Problem;
use super::extract::InQuery;
use super::frame::{self, COLUMNS, Numbers};
use super::places::Place;
use super::shared::Shared;
use crate::live::Share;

/// Events under way to a client.
const UNDER_WAY: usize = 8;
/// Frames a second, at most and where the client does not say.
const RATES: (f64, f64) = (60.0, 10.0);
/// Between looks at what is not in the frames.
const REST: Duration = Duration::from_millis(250);
/// Between batches of shares.
const SHARES: Duration = Duration::from_millis(100);
/// Shares of a batch; more are counted as missed. Nobody reads more.
const BATCH: usize = 256;
/// A frame is sent at least so often, with nothing in it if nothing has changed: so the client knows that the daemon lives.
const ALIVE: Duration = Duration::from_secs(1);

/// What the client wants.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// Frames a second, 1 to 60; 10 if absent.
    #[param(minimum = 1, maximum = 60)]
    rate: Option<f64>,
    /// The unit that is sent with its histogram, board, task, verdict and filter; the others come without these. All
    /// come with them if absent; none if it is empty.
    detail: Option<String>,
}

/// Server-sent events. `snapshot`: the order of the units, what has changed of each but for the numbers of the frames
/// (everything, the first time), the proxy, the queue. `frame`: rows of the units whose numbers have changed, the unit's
/// place in the order first, then the `columns` that the first snapshot names; `skipped` frames that were not sent
/// since the client was slow. `shares`: shares as they came, and how many were `missed`.
#[utoipa::path(get, path = "/api/v1/stream", params(Wish), responses(
    (status = 200, description = "Events until the client or the daemon ends.", content_type = "text/event-stream", body = String),
    (status = 400, description = "A rate that is not from 1 to 60, or an unknown parameter.", body = Problem),
    (status = 503, description = "Too many streams.", body = Problem)))]
pub(super) async fn stream(
    State(web): State<Arc<Shared>>,
    Extension(connection): Extension<Arc<Place>>,
    InQuery(wish): InQuery<Wish>,
) -> Result<Response, Problem> {
    let (most, usual) = RATES;
    let rate = wish.rate.unwrap_or(usual);
    if !(1.0..=most).contains(&rate) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!("{rate} frames a second cannot be had"),
            "query, rate",
            "ask for 1 to 60",
        ));
    }
    let place = web.streams.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many streams are open",
            "server",
            "close one, or poll /api/v1/snapshot",
        )
    })?;
    let (events, under_way) = mpsc::channel(UNDER_WAY);
    let at_work = connection.work();
    tokio::spawn(async move {
        let mut client = Client::new(wish.detail, events);
        client.follow(&web, rate).await;
        drop((place, at_work));
    });
    Ok((
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(ReceiverStream::new(under_way)),
    )
        .into_response())
}

/// What a client has been told, and what it has not.
struct Client {
    detail: Option<String>,
    events: mpsc::Sender<Result<Bytes, Infallible>>,
    /// Names of the units in the order told, the numbers told of each, the fingerprint told of its rest.
    order: Vec<String>,
    numbers: Vec<Option<Numbers>>,
    rests: Vec<Option<u64>>,
    /// The proxy and the queue as told.
    others: Option<String>,
    revision: u64,
    frames: u64,
    skipped: u64,
    shares: Vec<Share>,
    missed: u64,
    framed: Instant,
}

impl Client {
    fn new(detail: Option<String>, events: mpsc::Sender<Result<Bytes, Infallible>>) -> Client {
        Client {
            detail,
            events,
            order: Vec::new(),
            numbers: Vec::new(),
            rests: Vec::new(),
            others: None,
            revision: 0,
            frames: 0,
            skipped: 0,
            shares: Vec::new(),
            missed: 0,
            framed: Instant::now(),
        }
    }

    async fn follow(&mut self, web: &Shared, rate: f64) {
        let mut shares = web.live.shares();
        let [mut frames, mut rests, mut batches] =
            [Duration::from_secs_f64(1.0 / rate), REST, SHARES].map(|period| {
                let mut ticks = interval(period);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                ticks
            });
        loop {
            tokio::select! {
                // First the order of the units, then rows that refer to it.
                biased;
                () = web.shutdown.cancelled() => return,
                () = self.events.closed() => return,
                _ = rests.tick() => self.rest(web),
                _ = frames.tick() => self.frame(web),
                _ = batches.tick() => self.batch(),
                share = shares.recv() => match share {
                    Ok(share) if self.shares.len() < BATCH => self.shares.push(share),
                    Ok(_) => self.missed += 1,
                    Err(RecvError::Lagged(n)) => self.missed += n,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }

    /// Says what has changed of everything that is not in the frames.
    fn rest(&mut self, web: &Shared) {
        let Ok(place) = self.events.try_reserve() else {
            return;
        };
        let now = web.live.snapshot();
        let order: Vec<String> = now.units.iter().map(|unit| unit.name.clone()).collect();
        let first = self.others.is_none();
        let moved = order != self.order;
        if moved || first {
            self.rests = vec![None; order.len()];
            self.numbers = vec![None; order.len()];
            self.order = order;
            self.revision += 1;
        }
        let mut changed = Vec::new();
        for (unit, told) in now.units.into_iter().zip(&mut self.rests) {
            let closely = self.detail.as_ref().is_none_or(|name| *name == unit.name);
            let name = unit.name.clone();
            match frame::rest(unit, closely) {
                Ok((print, value)) => {
                    if *told != Some(print) {
                        *told = Some(print);
                        changed.push(value);
                    }
                }
                Err(error) => tracing::warn!(%error, unit = name, "cannot be served"),
            }
        }
        let others = json!({ "proxy": now.proxy, "jobs": now.jobs });
        let text = others.to_string();
        if !(moved || first) && changed.is_empty() && self.others.as_ref() == Some(&text) {
            return;
        }
        let mut event = json!({
            "at_ms": web.now_ms(),
            "revision": self.revision,
            "version": now.version,
            "started_ms": now.started_ms,
            "order": self.order,
            "units": changed,
            "proxy": others["proxy"],
            "jobs": others["jobs"],
        });
        if first {
            event["columns"] = json!(COLUMNS);
        }
        self.others = Some(text);
        place.send(Ok(said("snapshot", &event.to_string())));
    }

    /// Says which numbers have changed.
    fn frame(&mut self, web: &Shared) {
        let Ok(place) = self.events.try_reserve() else {
            self.skipped += 1;
            return;
        };
        let mut rows = String::new();
        let same = web.live.with(|all| {
            let same = all.units.len() == self.order.len()
                && all
                    .units
                    .iter()
                    .zip(&self.order)
                    .all(|(unit, name)| unit.name == *name);
            if same {
                for (i, (unit, told)) in all.units.iter().zip(&mut self.numbers).enumerate() {
                    let numbers = frame::numbers(unit);
                    if *told != Some(numbers) {
                        if !rows.is_empty() {
                            rows.push(',');
                        }
                        frame::row(&mut rows, i, &numbers);
                        *told = Some(numbers);
                    }
                }
            }
            same
        });
        // Otherwise the next snapshot comes first.
        if !same || (rows.is_empty() && self.framed.elapsed() < ALIVE) {
            return;
        }
        self.framed = Instant::now();
        self.frames += 1;
        let (at, n, revision, skipped) = (web.now_ms(), self.frames, self.revision, self.skipped);
        self.skipped = 0;
        place.send(Ok(said(
            "frame",
            &format!(
                r#"{{"at_ms":{at},"frame":{n},"revision":{revision},"skipped":{skipped},"units":[{rows}]}}"#
            ),
        )));
    }

    /// Says the shares since the last batch.
    fn batch(&mut self) {
        if self.shares.is_empty() && self.missed == 0 {
            return;
        }
        let Ok(place) = self.events.try_reserve() else {
            return;
        };
        let event = json!({ "shares": self.shares, "missed": self.missed });
        self.shares.clear();
        self.missed = 0;
        place.send(Ok(said("shares", &event.to_string())));
    }
}

/// An event. JSON has no line breaks but in strings, where they are escaped.
fn said(event: &str, data: &str) -> Bytes {
    Bytes::from(format!("event: {event}\ndata: {data}\n\n"))
}
