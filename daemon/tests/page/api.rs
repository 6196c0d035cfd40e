//! The API as programs meet it, over real sockets.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use thermine::live::Live;
use thermine::live::snapshot::{Estimate, Health};

use crate::rack::rack;
use crate::serve::{Served, now_ms, serve, settings};

/// Generous: the machine may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) async fn open(n: usize) -> (Live, Served) {
    let live = rack(n, now_ms());
    let served = serve(live.clone(), settings(), "127.0.0.1:0").await;
    (live, served)
}

pub(crate) fn ask(served: &Served, method: Method, path: &str) -> RequestBuilder {
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    client.request(method, format!("http://{}{path}", served.address))
}

pub(crate) async fn get(served: &Served, path: &str) -> Response {
    ask(served, Method::GET, path)
        .send()
        .await
        .expect("an answer")
}

pub(crate) async fn body(response: Response) -> Value {
    let text = response.text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// That it is an error that says what, where and what to do.
pub(crate) async fn problem(response: Response, status: StatusCode) -> Value {
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

/// A request to queue what `text` says.
fn post(served: &Served, text: &str) -> RequestBuilder {
    ask(served, Method::POST, "/api/v1/jobs")
        .header("content-type", "application/json")
        .body(text.to_owned())
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

/// An experiment that may be queued.
fn good() -> String {
    json!({ "job": { "train": { "task": "narma10" } }, "unit": "s9-01" }).to_string()
}

#[tokio::test]
async fn the_queue_is_listed() {
    let (live, served) = open(3).await;
    assert_eq!(
        body(get(&served, "/api/v1/jobs").await).await,
        serde_json::to_value(live.snapshot().jobs).expect("JSON")
    );
}

#[tokio::test]
async fn an_experiment_is_queued_as_data_or_as_a_command() {
    let (_, served) = open(3).await;
    // The example that the page shows.
    let example = json!({ "command": "train narma10 --steps 500", "unit": "s9-01" }).to_string();
    let made = answer(post(&served, &example)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made = answer(post(&served, &good())).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.headers()["location"], "/api/v1/jobs/19");
    assert_eq!(body(made).await, json!({ "id": 19 }));
}

#[tokio::test]
async fn what_is_no_experiment_is_refused() {
    let (_, served) = open(3).await;
    for refused in [
        json!({ "command": "rm -rf", "unit": "s9-01" }),
        json!({ "command": "train", "unit": "s9-01", "when": 3 }),
        json!({ "command": "train x --out y", "unit": "s9-01" }),
        json!({ "job": { "record": {} }, "unit": "s9-01" }),
        json!({ "job": { "train": { "store": "x" } }, "unit": "s9-01" }),
        json!({ "job": { "train": {} }, "command": "train narma10", "unit": "s9-01" }),
        json!({ "command": "train narma10", "unit": "s9-01", "due_ms": -1 }),
    ] {
        let refused = answer(post(&served, &refused.to_string())).await;
        problem(refused, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let nobody = json!({ "command": "train narma10", "unit": "nobody" }).to_string();
    let large = format!("{{\"command\":\"{}\"", "x".repeat(20_000));
    for (text, status) in [
        (nobody.as_str(), StatusCode::NOT_FOUND),
        ("{", StatusCode::BAD_REQUEST),
        (large.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        problem(answer(post(&served, text)).await, status).await;
    }
}

#[tokio::test]
async fn no_other_site_can_queue_an_experiment() {
    let (_, served) = open(3).await;
    // What a form of another site could send.
    let form = ask(&served, Method::POST, "/api/v1/jobs")
        .header("content-type", "text/plain")
        .body(good());
    problem(answer(form).await, StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let from = post(&served, &good()).header(name, value);
        problem(answer(from).await, StatusCode::FORBIDDEN).await;
    }
    let own = post(&served, &good())
        .header("origin", format!("http://{}", served.address))
        .header("sec-fetch-site", "same-origin");
    assert_eq!(answer(own).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn an_experiment_is_taken_out_of_the_queue() {
    let (_, served) = open(3).await;
    let gone = answer(ask(&served, Method::DELETE, "/api/v1/jobs/18")).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    for (path, status) in [
        ("/api/v1/jobs/3", StatusCode::NOT_FOUND),
        ("/api/v1/jobs/x", StatusCode::BAD_REQUEST),
    ] {
        problem(answer(ask(&served, Method::DELETE, path)).await, status).await;
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
    live.change("s9-01", |unit| {
        unit.health = Health::Lost;
        unit.why = Some("no reading yet (connection refused)".into());
    });
    check(StatusCode::OK, "degraded", 1).await;
    let said = body(get(&served, "/healthz").await).await["reasons"][0].to_string();
    for words in ["s9-01", "lost", "connection refused"] {
        assert!(said.contains(words), "{said}");
    }
    live.change("lv06-02", |unit| unit.health = Health::Tripped);
    check(StatusCode::SERVICE_UNAVAILABLE, "failed", 2).await;
    live.change("lv06-02", |unit| unit.health = Health::Starting);
    check(StatusCode::OK, "degraded", 1).await;
    for name in ["s9-01", "lv06-02"] {
        live.forget(name);
    }
    check(StatusCode::OK, "ok", 0).await;
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
        unit.hash_rate_ghs = unit.hash_rate_ghs.map(|rate| Estimate {
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
        r#"thermine_unit_hash_rate_hashes_per_second{unit="s9-01",algorithm="sha256d"} 13500000000"#,
        r#"thermine_unit_info{unit="s9-01",model="Antminer S9",algorithm="sha256d",provenance="simulated"} 1"#,
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
        r#"hashes_per_second{unit="lv06-08","#,
        r#"age_seconds{unit="lv06-11"}"#,
    ] {
        assert!(!text.contains(unknown), "{unknown}");
    }
    // Hashes of different algorithms are never added.
    let value = |line: &str| {
        line.rsplit(' ')
            .next()
            .and_then(|number| number.parse::<f64>().ok())
    };
    for algorithm in ["sha256d", "lbry"] {
        let label = format!("algorithm=\"{algorithm}\"}}");
        let of = |name: &str| -> f64 {
            let lines = text.lines().filter(|line| line.starts_with(name));
            lines
                .filter(|line| line.contains(&label))
                .filter_map(value)
                .sum()
        };
        let total = of("thermine_hash_rate_hashes_per_second{");
        let units = of("thermine_unit_hash_rate_hashes_per_second{");
        assert!(
            total > 0.0 && (total / units - 1.0).abs() < 1e-9,
            "{algorithm}: {total} {units}"
        );
    }
}
