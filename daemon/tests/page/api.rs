//! The API as programs meet it, over real sockets.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use thermine::live::Live;
use thermine::live::snapshot::Health;
use thermine::web::{self, Settings};
use thermine_drivers::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::rack::{Dice, rack, unit};
use crate::serve::{Served, now_ms, serve, settings, share};

const WORD: &str = "a word of sixteen bytes and more";
/// Generous: the machine may be busy.
const SOON: Duration = Duration::from_secs(30);

async fn open(n: usize) -> (Live, Served) {
    let live = rack(n, now_ms());
    let served = serve(live.clone(), settings(), "127.0.0.1:0").await;
    (live, served)
}

fn ask(served: &Served, method: Method, path: &str) -> RequestBuilder {
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    client.request(method, format!("http://{}{path}", served.address))
}

async fn get(served: &Served, path: &str) -> Response {
    ask(served, Method::GET, path)
        .send()
        .await
        .expect("an answer")
}

async fn body(response: Response) -> Value {
    let text = response.text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// That it is an error that says what, where and what to do.
async fn problem(response: Response, status: StatusCode) -> Value {
    assert_eq!(response.status(), status);
    let said = body(response).await;
    assert_eq!(said["status"], status.as_u16());
    for key in ["what", "where", "fix"] {
        assert!(
            said[key].as_str().is_some_and(|text| !text.is_empty()),
            "{said}"
        );
    }
    said
}

#[tokio::test]
async fn the_state_is_served_whole_and_by_unit() {
    let (live, served) = open(5).await;
    let seen = body(get(&served, "/api/v1/snapshot").await).await;
    assert!(seen["at_ms"].as_u64() >= live.snapshot().units[0].read_ms);
    let known: thermine::live::Snapshot = serde_json::from_value(seen).expect("a snapshot");
    assert_eq!(known, live.snapshot());
    let one = body(get(&served, "/api/v1/units/lv06-02").await).await;
    assert_eq!(
        one,
        serde_json::to_value(&live.snapshot().units[1]).expect("JSON")
    );
    assert_eq!(
        one["hash_rate_ghs"]["n"],
        known.units[1].hash_rate_ghs.expect("a rate").n
    );
    let said = problem(
        get(&served, "/api/v1/units/nobody").await,
        StatusCode::NOT_FOUND,
    )
    .await;
    assert!(
        said["what"]
            .as_str()
            .is_some_and(|what| what.contains("nobody"))
    );
}

#[tokio::test]
async fn experiments_go_in_and_out_of_the_queue() {
    let (live, served) = open(3).await;
    assert_eq!(
        body(get(&served, "/api/v1/jobs").await).await,
        serde_json::to_value(live.snapshot().jobs).expect("JSON")
    );
    let post = |text: String| {
        ask(&served, Method::POST, "/api/v1/jobs")
            .header("content-type", "application/json")
            .body(text)
    };
    let good = json!({ "command": "train narma10", "unit": "s9-01" }).to_string();
    let made = post(good.clone()).send().await.expect("an answer");
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.headers()["location"], "/api/v1/jobs/19");
    assert_eq!(body(made).await, json!({ "id": 19 }));
    for (text, status) in [
        (
            json!({ "command": "train narma10", "unit": "nobody" }).to_string(),
            StatusCode::NOT_FOUND,
        ),
        (
            json!({ "command": "rm -rf", "unit": "s9-01" }).to_string(),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            json!({ "command": "train", "unit": "s9-01", "when": 3 }).to_string(),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("{".into(), StatusCode::BAD_REQUEST),
        (
            format!("{{\"command\":\"{}\"", "x".repeat(20_000)),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        problem(post(text).send().await.expect("an answer"), status).await;
    }
    // What a form of another site could send.
    let form = ask(&served, Method::POST, "/api/v1/jobs")
        .header("content-type", "text/plain")
        .body(good.clone());
    problem(
        form.send().await.expect("an answer"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
    )
    .await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let from = post(good.clone())
            .header(name, value)
            .send()
            .await
            .expect("an answer");
        problem(from, StatusCode::FORBIDDEN).await;
    }
    let own = post(good)
        .header("origin", format!("http://{}", served.address))
        .header("sec-fetch-site", "same-origin");
    assert_eq!(
        own.send().await.expect("an answer").status(),
        StatusCode::CREATED
    );
    let gone = ask(&served, Method::DELETE, "/api/v1/jobs/18")
        .send()
        .await
        .expect("an answer");
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    for (path, status) in [
        ("/api/v1/jobs/3", StatusCode::NOT_FOUND),
        ("/api/v1/jobs/x", StatusCode::BAD_REQUEST),
    ] {
        problem(
            ask(&served, Method::DELETE, path)
                .send()
                .await
                .expect("an answer"),
            status,
        )
        .await;
    }
}

#[tokio::test]
async fn only_loopback_does_without_a_token() {
    let mut guarded = settings();
    let [loopback, anywhere] =
        ["[::1]:80", "0.0.0.0:80"].map(|text| text.parse().expect("an address"));
    assert!(guarded.permit(loopback).is_ok());
    let refused = guarded.permit(anywhere).expect_err("no token").to_string();
    assert!(refused.contains("token file"), "{refused}");
    guarded.token = Some(Secret::new("short"));
    assert!(guarded.permit(anywhere).is_err());
    guarded.token = Some(Secret::new(WORD));
    assert!(guarded.permit(anywhere).is_ok());

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    guarded.token = Some(Secret::new("short"));
    let (commands, _asked) = mpsc::channel(1);
    let ended = web::serve(
        listener,
        Live::new(0),
        guarded,
        commands,
        CancellationToken::new(),
    )
    .await;
    assert!(ended.is_err(), "it does not start");
}

#[tokio::test]
async fn a_token_opens_the_api_and_its_cookie_the_page() {
    let guarded = Settings {
        token: Some(Secret::new(WORD)),
        ..settings()
    };
    let live = rack(12, now_ms());
    let served = serve(live, guarded, "127.0.0.1:0").await;
    for path in [
        "/api/v1/snapshot",
        "/api/v1/jobs",
        "/api/v1/stream",
        "/metrics",
        "/api/v1/openapi.json",
    ] {
        let shut = get(&served, path).await;
        assert!(shut.headers().contains_key("www-authenticate"), "{path}");
        problem(shut, StatusCode::UNAUTHORIZED).await;
        for word in [
            "Bearer a word of sixteen bytes",
            "Bearer ",
            "Basic YTpi",
            WORD,
        ] {
            let tried = ask(&served, Method::GET, path)
                .header("authorization", word)
                .send()
                .await;
            assert_eq!(
                tried.expect("an answer").status(),
                StatusCode::UNAUTHORIZED,
                "{word}"
            );
        }
    }
    let opened =
        ask(&served, Method::GET, "/metrics").header("authorization", format!("Bearer {WORD}"));
    assert_eq!(
        opened.send().await.expect("an answer").status(),
        StatusCode::OK
    );
    // Health is told to everybody, its reasons are not.
    let well = get(&served, "/healthz").await;
    assert_eq!(well.status(), StatusCode::OK);
    assert_eq!(
        body(well).await,
        json!({ "status": "degraded", "reasons": [] })
    );

    let form = get(&served, "/").await;
    assert_eq!(form.status(), StatusCode::UNAUTHORIZED);
    assert!(
        form.text()
            .await
            .expect("text")
            .contains("<form method=\"post\" action=\"/login\">")
    );
    assert_eq!(
        get(&served, "/page/page.css").await.status(),
        StatusCode::OK
    );
    let enter = |word: &str| {
        ask(&served, Method::POST, "/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={}", word.replace(' ', "+")))
    };
    let wrong = enter("something else").send().await.expect("an answer");
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(!wrong.headers().contains_key("set-cookie"));
    let strange = enter(WORD)
        .header("origin", "http://evil.example")
        .send()
        .await
        .expect("an answer");
    assert_eq!(strange.status(), StatusCode::FORBIDDEN);
    let right = enter(WORD).send().await.expect("an answer");
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    let cookie = right.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains(WORD) && !cookie.contains("sixteen"),
        "{cookie}"
    );
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    let seen =
        ask(&served, Method::GET, "/api/v1/snapshot").header("cookie", format!("other=1; {pair}"));
    assert_eq!(
        seen.send().await.expect("an answer").status(),
        StatusCode::OK
    );
    let forged = ask(&served, Method::GET, "/api/v1/snapshot").header("cookie", format!("{pair}0"));
    assert_eq!(
        forged.send().await.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn on_loopback_it_answers_to_its_own_names_only() {
    let named = Settings {
        hosts: vec!["rack.lan".into()],
        ..settings()
    };
    let served = serve(rack(1, now_ms()), named, "127.0.0.1:0").await;
    for host in [
        "localhost",
        "localhost:9",
        "127.0.0.1",
        "[::1]:80",
        "rack.lan",
        "RACK.lan:443",
    ] {
        let seen = ask(&served, Method::GET, "/healthz")
            .header("host", host)
            .send()
            .await;
        assert_eq!(seen.expect("an answer").status(), StatusCode::OK, "{host}");
    }
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "192.168.0.7",
        "rack.lan.evil.example",
    ] {
        let seen = ask(&served, Method::GET, "/healthz")
            .header("host", host)
            .send()
            .await;
        problem(seen.expect("an answer"), StatusCode::MISDIRECTED_REQUEST).await;
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let (_, served) = open(1).await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/api/v1/snapshot"),
        (Method::GET, "/nothing"),
        (Method::PUT, "/metrics"),
        (Method::GET, "/api/v1/stream"),
    ] {
        let answer = ask(&served, method, path).send().await.expect("an answer");
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(
            policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
    problem(get(&served, "/nothing").await, StatusCode::NOT_FOUND).await;
    problem(
        ask(&served, Method::PUT, "/metrics")
            .send()
            .await
            .expect("an answer"),
        StatusCode::METHOD_NOT_ALLOWED,
    )
    .await;
    // No script in the page itself, or the policy would forbid it.
    for name in ["/", "/login"] {
        let text = get(&served, name).await.text().await.expect("text");
        assert!(
            !text.contains("style=") && !text.contains(" onclick") && !text.contains("<script>"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn health_fails_when_no_unit_works() {
    let (live, served) = open(2).await;
    let check = async |status: StatusCode, word: &str, reasons: usize| {
        let answer = get(&served, "/healthz").await;
        assert_eq!(answer.status(), status);
        let said = body(answer).await;
        assert_eq!(said["status"], word, "{said}");
        assert_eq!(
            said["reasons"].as_array().map(Vec::len),
            Some(reasons),
            "{said}"
        );
    };
    check(StatusCode::OK, "ok", 0).await;
    live.change("s9-01", |unit| unit.health = Health::Lost);
    check(StatusCode::OK, "degraded", 1).await;
    live.change("lv06-02", |unit| unit.health = Health::Tripped);
    check(StatusCode::SERVICE_UNAVAILABLE, "failed", 2).await;
    live.change("lv06-02", |unit| unit.health = Health::Starting);
    check(StatusCode::OK, "degraded", 1).await;
    for name in ["s9-01", "lv06-02"] {
        live.forget(name);
    }
    check(StatusCode::OK, "ok", 0).await;
}

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

#[tokio::test]
async fn the_stream_says_everything_once_and_then_what_changes() {
    let (live, served) = open(3).await;
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
    let columns: Vec<&str> = first["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .filter_map(Value::as_str)
        .collect();

    let rows = events
        .find("frame", |data| {
            !data["units"].as_array().expect("rows").is_empty()
        })
        .await;
    assert_eq!(
        rows["units"].as_array().map(Vec::len),
        Some(3),
        "all, the first time"
    );
    let accepted = 1 + columns
        .iter()
        .position(|name| *name == "accepted")
        .expect("a column");
    live.change("lv06-02", |unit| unit.shares.accepted = 5_000);
    let rows = events
        .find("frame", |data| {
            !data["units"].as_array().expect("rows").is_empty()
        })
        .await;
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

    live.change("lv06-02", |unit| unit.health = Health::Stale);
    let changed = events.find("snapshot", |_| true).await;
    assert_eq!(changed["units"].as_array().map(Vec::len), Some(1));
    assert_eq!(changed["units"][0]["health"], "stale");
    live.forget("s9-01");
    let changed = events.find("snapshot", |_| true).await;
    assert_eq!(changed["order"], json!(["lv06-02", "lb-box-03"]));
    assert_ne!(changed["revision"], first["revision"]);

    live.share(share(1, &mut Dice::new(1), 1.0));
    let shares = events.find("shares", |_| true).await;
    assert_eq!(
        (&shares["shares"][0]["unit"], &shares["missed"]),
        (&json!("lv06-02"), &json!(0))
    );
    // Nothing changes, and yet it is heard that the daemon lives.
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
    let again = async {
        while get(&served, "/api/v1/stream").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, again).await.expect("places are given back");
}

#[tokio::test]
async fn a_slow_client_misses_frames_and_shares_and_is_told_how_many() {
    let (live, served) = open(200).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("set");
    let mut slow = socket.connect(served.address).await.expect("connected");
    let request = format!(
        "GET /api/v1/stream?rate=60&detail= HTTP/1.1\r\nHost: {}\r\n\r\n",
        served.address
    );
    slow.write_all(request.as_bytes()).await.expect("sent");
    // It does not read, while everything changes all the time.
    let mut dice = Dice::new(5);
    for step in 0..120 {
        for i in 0..200 {
            let new = unit(i, step, now_ms());
            live.unit(new);
        }
        for _ in 0..100 {
            live.share(share(0, &mut dice, 0.0));
        }
        tokio::time::sleep(Duration::from_millis(16)).await;
    }
    // A daemon that it slows would not answer others.
    assert_eq!(
        timeout(SOON, get(&served, "/healthz"))
            .await
            .expect("in time")
            .status(),
        StatusCode::OK
    );
    let mut text = String::new();
    let (mut skipped, mut missed) = (0, 0);
    let read = async {
        while skipped == 0 || missed == 0 {
            let mut bytes = [0; 65_536];
            let n = slow.read(&mut bytes).await.expect("read");
            assert!(n > 0, "it is not hung up on");
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
            let number = |key: &str| {
                text.rsplit(&format!("\"{key}\":"))
                    .take_while(|_| text.contains(key))
                    .filter_map(|rest| rest.split([',', '}']).next()?.parse::<u64>().ok())
                    .max()
                    .unwrap_or(0)
            };
            (skipped, missed) = (number("skipped"), number("missed"));
        }
    };
    timeout(SOON, read).await.expect("it is told");
}

#[tokio::test]
async fn who_says_nothing_is_hung_up_on_and_who_finds_no_place_is_told() {
    let (_, served) = open(1).await;
    let mut silent = Vec::new();
    for _ in 0..128 {
        silent.push(TcpStream::connect(served.address).await.expect("connected"));
    }
    let told = async {
        loop {
            let mut other = TcpStream::connect(served.address).await.expect("connected");
            let mut text = String::new();
            // Until the server has taken all of those before.
            if timeout(Duration::from_secs(1), other.read_to_string(&mut text))
                .await
                .is_ok_and(|read| read.is_ok())
                && text.contains("503")
            {
                return text;
            }
        }
    };
    let text = timeout(SOON, told).await.expect("in time");
    assert!(text.contains("too many connections"), "{text}");
    // Half a head is as good as none.
    silent[0]
        .write_all(b"GET / HTTP/1.1\r\nHost: loc")
        .await
        .expect("sent");
    for mut stream in silent {
        let mut rest = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut rest))
            .await
            .expect("hung up on");
    }
    assert_eq!(get(&served, "/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_description_says_what_is_served_method_by_method() {
    let (_, served) = open(1).await;
    let description = body(get(&served, "/api/v1/openapi.json").await).await;
    assert!(
        description["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    std::fs::write(
        crate::folder().join("openapi.json"),
        description.to_string(),
    )
    .expect("written");
    for (path, methods) in description["paths"].as_object().expect("paths") {
        let described: BTreeSet<&str> = methods
            .as_object()
            .expect("methods")
            .keys()
            .map(String::as_str)
            .collect();
        let asked = path
            .replace("{name}", "s9-01")
            .replace("{id}", "18")
            .replace("{file}", "page.css");
        for method in ["get", "post", "put", "delete", "patch"] {
            let verb = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let status = ask(&served, verb, &asked)
                .send()
                .await
                .expect("an answer")
                .status();
            assert_eq!(
                described.contains(method),
                status != StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}: {status}"
            );
            assert_ne!(status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn metrics_are_in_base_units_and_leave_out_what_is_not_known() {
    let (live, served) = open(12).await;
    live.change("s9-01", |unit| {
        unit.temperatures[0].value = 61.5;
        unit.temperatures[0].name = "a \"chip\"\\1".into();
        unit.hash_rate_ghs = unit
            .hash_rate_ghs
            .map(|rate| thermine::live::snapshot::Estimate {
                value: 13.5,
                ..rate
            });
    });
    let answer = get(&served, "/metrics").await;
    assert!(
        answer.headers()["content-type"]
            .to_str()
            .is_ok_and(|kind| kind.starts_with("text/plain; version=0.0.4"))
    );
    let text = answer.text().await.expect("text");
    std::fs::write(crate::folder().join("metrics.txt"), &text).expect("written");
    for line in [
        r#"thermine_unit_temperature_celsius{unit="s9-01",sensor="a \"chip\"\\1"} 61.5"#,
        r#"thermine_unit_hash_rate_hashes_per_second{unit="s9-01"} 13500000000"#,
        r#"thermine_unit_info{unit="s9-01",model="Antminer S9",provenance="simulated"} 1"#,
        r#"thermine_unit_health{unit="lv06-08",health="lost"} 1"#,
        r#"thermine_unit_health{unit="lv06-08",health="well"} 0"#,
        r#"thermine_unit_shares_total{verdict="accepted",unit="s9-01"} 1200"#,
        r#"thermine_proxy_waiting_ratio{work="unqueued"} 0.221"#,
        r#"thermine_jobs{progress="running"} 1"#,
        "# TYPE thermine_unit_shares_total counter",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    for unknown in [
        r#"power_watts{unit="lb-box-03"}"#,
        r#"hashes_per_second{unit="lv06-08"}"#,
        r#"age_seconds{unit="lv06-11"}"#,
    ] {
        assert!(!text.contains(unknown), "{unknown}");
    }
}
