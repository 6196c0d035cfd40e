//! The stream of events.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use thermine::live::Live;
use thermine::live::snapshot::Health;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::api::{SOON, get, open, problem};
use crate::patience::{LIMIT, found_async};
use crate::rack::{Dice, unit};
use crate::serve::{Served, now_ms, share};

/// Reads the events of a stream.
struct Events {
    response: Response,
    held: String,
}

impl Events {
    async fn of(served: &Served, query: &str) -> Events {
        let response = get(served, &format!("/api/v1/stream{query}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            response,
            held: String::new(),
        }
    }

    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.held.split_once("\n\n") {
                let (name, data) = event.split_once('\n').expect("two lines");
                let name = name.strip_prefix("event: ").expect("a name").to_owned();
                let data =
                    serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
                self.held = rest.to_owned();
                return Some((name, data));
            }
            let chunk = timeout(SOON, self.response.chunk())
                .await
                .expect("in time")
                .expect("read")?;
            self.held
                .push_str(std::str::from_utf8(&chunk).expect("ASCII in these tests"));
        }
    }

    /// The next event called `name` whose data are as wanted.
    async fn find(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (is, data) = self.next().await.expect("more events");
            if is == name && wanted(&data) {
                return data;
            }
        }
    }
}

impl Events {
    /// The next frame with a row in it.
    async fn rows(&mut self) -> Value {
        self.find("frame", |data| {
            !data["units"].as_array().expect("rows").is_empty()
        })
        .await
    }
}

#[tokio::test]
async fn the_first_event_is_the_whole_state_with_details_of_the_unit_asked_for() {
    let (_, served) = open(3).await;
    let mut events = Events::of(&served, "?rate=30&detail=s9-01").await;
    let (name, first) = events.next().await.expect("an event");
    assert_eq!(name, "snapshot");
    assert_eq!(first["order"], json!(["s9-01", "lv06-02", "lb-box-03"]));
    assert_eq!(first["units"].as_array().map(Vec::len), Some(3));
    assert!(
        first["units"][0]["intervals"].is_object(),
        "looked at closely"
    );
    assert!(
        first["units"][1].get("intervals").is_none(),
        "not looked at"
    );
    assert_eq!(first["proxy"]["waiting_without"], 0.221);
}

#[tokio::test]
async fn frames_bring_every_unit_once_and_then_those_that_have_changed() {
    let (live, served) = open(3).await;
    let mut events = Events::of(&served, "?rate=30").await;
    let (_, first) = events.next().await.expect("an event");
    let columns = first["columns"].as_array().expect("columns");
    let accepted = 1 + columns
        .iter()
        .position(|name| name == "accepted")
        .expect("a column");
    let rows = events.rows().await;
    assert_eq!(
        rows["units"].as_array().map(Vec::len),
        Some(3),
        "all, the first time"
    );
    live.change("lv06-02", |unit| unit.shares.accepted = 5_000);
    let rows = events.rows().await;
    assert_eq!(
        rows["units"].as_array().map(Vec::len),
        Some(1),
        "only what has changed"
    );
    assert_eq!(
        (&rows["units"][0][0], &rows["units"][0][accepted]),
        (&json!(1), &json!(5000))
    );
    assert_eq!(rows["revision"], first["revision"]);
}

#[tokio::test]
async fn a_snapshot_comes_again_when_health_or_the_rack_changes() {
    let (live, served) = open(3).await;
    let mut events = Events::of(&served, "?rate=30").await;
    let (_, first) = events.next().await.expect("an event");
    live.change("lv06-02", |unit| unit.health = Health::Stale);
    let changed = events.find("snapshot", |_| true).await;
    assert_eq!(changed["units"].as_array().map(Vec::len), Some(1));
    assert_eq!(changed["units"][0]["health"], "stale");
    live.forget("s9-01");
    let changed = events.find("snapshot", |_| true).await;
    assert_eq!(changed["order"], json!(["lv06-02", "lb-box-03"]));
    assert_ne!(changed["revision"], first["revision"]);
}

#[tokio::test]
async fn a_share_is_told_at_once_and_none_is_missed() {
    let (live, served) = open(3).await;
    let mut events = Events::of(&served, "?rate=30").await;
    events.next().await.expect("an event");
    live.share(share(1, &mut Dice::new(1), 1.0));
    let shares = events.find("shares", |_| true).await;
    assert_eq!(
        (&shares["shares"][0]["unit"], &shares["missed"]),
        (&json!("lv06-02"), &json!(0))
    );
}

#[tokio::test]
async fn frames_come_while_nothing_changes_and_the_stream_ends_with_the_server() {
    let (_, served) = open(3).await;
    let mut events = Events::of(&served, "?rate=30").await;
    events.rows().await;
    events
        .find("frame", |data| {
            data["units"].as_array().is_some_and(Vec::is_empty)
        })
        .await;
    served.shutdown.cancel();
    while events.next().await.is_some() {}
    timeout(SOON, served.task)
        .await
        .expect("in time")
        .expect("ended");
}

#[tokio::test]
async fn a_stream_is_refused_at_a_false_rate_and_when_there_are_too_many() {
    let (_, served) = open(1).await;
    for query in ["?rate=0", "?rate=61", "?rate=NaN", "?rate=fast", "?pace=3"] {
        problem(
            get(&served, &format!("/api/v1/stream{query}")).await,
            StatusCode::BAD_REQUEST,
        )
        .await;
    }
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(Events::of(&served, "?rate=1").await);
    }
    problem(
        get(&served, "/api/v1/stream").await,
        StatusCode::SERVICE_UNAVAILABLE,
    )
    .await;
    drop(streams);
    found_async("places are given back", async || {
        let status = get(&served, "/api/v1/stream").await.status();
        if status == StatusCode::OK {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await;
}

/// Changes all of 200 units so many times, as often as a frame is sent, and has shares found meanwhile.
async fn change_everything(live: &Live, dice: &mut Dice, times: u64) {
    let mut frames = tokio::time::interval(Duration::from_millis(16));
    for step in 0..times {
        frames.tick().await;
        for i in 0..200 {
            live.unit(unit(i, step, now_ms()));
        }
        for _ in 0..100 {
            live.share(share(0, dice, 0.0));
        }
    }
}

/// The largest number that `text` says under a key.
fn largest(text: &str, key: &str) -> u64 {
    text.split(&format!("\"{key}\":"))
        .skip(1)
        .filter_map(|rest| rest.split([',', '}']).next()?.parse().ok())
        .max()
        .unwrap_or(0)
}

#[tokio::test]
async fn a_slow_client_misses_frames_and_shares_and_is_told_how_many() {
    /// A pause this long means that what waited for the client has been read.
    const QUIET: Duration = Duration::from_millis(500);
    let (live, served) = open(200).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("set");
    let mut slow = socket.connect(served.address).await.expect("connected");
    let request = format!(
        "GET /api/v1/stream?rate=60&detail= HTTP/1.1\r\nHost: {}\r\n\r\n",
        served.address
    );
    slow.write_all(request.as_bytes()).await.expect("sent");
    let mut dice = Dice::new(5);
    let (mut skipped, mut missed) = (0, 0);
    let told = async {
        // On a busy machine it takes longer until more waits for the client than the sockets hold.
        for round in 0.. {
            change_everything(&live, &mut dice, 120 << round).await;
            // A daemon that it slows would not answer others.
            assert_eq!(get(&served, "/healthz").await.status(), StatusCode::OK);
            let (mut tail, mut bytes) = (String::new(), [0; 65_536]);
            while let Ok(read) = timeout(QUIET, slow.read(&mut bytes)).await {
                let n = read.expect("read");
                assert!(n > 0, "it is not hung up on");
                tail.push_str(&String::from_utf8_lossy(&bytes[..n]));
                skipped = skipped.max(largest(&tail, "skipped"));
                missed = missed.max(largest(&tail, "missed"));
                if skipped > 0 && missed > 0 {
                    return;
                }
                // Long enough for a number that two reads share.
                tail = tail
                    .chars()
                    .rev()
                    .take(100)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
            }
        }
    };
    timeout(LIMIT, told).await.expect("it is told");
}
