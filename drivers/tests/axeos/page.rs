//! The simulated page on the wire.

use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{Bench, http};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_answer_as_the_firmwares_do() {
    let bench = Bench::start().await;
    let (head, body) = http(bench.page, "GET /", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(body.contains("<title>Lucky miner</title>"), "{body}");

    let (head, body) = http(bench.page, "GET /api/system/info", "").await;
    assert!(head.contains("content-type: application/json"), "{head}");
    let info: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(info.as_object().expect("an object").len(), 35);
    let order = [
        "power",
        "coreVoltageActual",
        "uptimeSeconds",
        "asicCount",
        "fanrpm",
        "minerModel",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|key| body.find(&format!("\"{key}\"")))
        .collect();
    assert!(places.is_sorted(), "{body}");

    let (_, body) = http(bench.page, "GET /api/system/asic", "").await;
    assert_eq!(body.matches("\"ASICModel\"").count(), 2);
    let asic: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(asic["asicCount"], 1);

    let (head, body) = http(bench.page, "GET /api/nothing", "").await;
    assert!(head.starts_with("http/1.1 302"), "{head}");
    assert!(head.contains("location: /"), "{head}");
    assert_eq!(body, "Redirect to the captive portal");
    let (head, _) = http(bench.page, "OPTIONS /api/system", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("access-control-allow-methods: "), "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_stored_unchecked_and_the_rest_is_ignored() {
    let bench = Bench::start().await;
    let patch = async |body: &str| http(bench.page, "PATCH /api/system", body).await;
    let (head, body) = patch(r#"{"frequency":9999,"nonsense":{},"hostname":"a"}"#).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "");
    for odd in ["{\"frequency\":", "[1]", "\u{e9}", ""] {
        assert!(patch(odd).await.0.starts_with("http/1.1 200"));
    }
    let (_, body) = http(bench.page, "GET /api/system/info", "").await;
    let info: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (&info["frequency"], &info["hostname"]),
        (&9999.into(), &"a".into())
    );
    let (head, body) = patch(&" ".repeat(10_241)).await;
    assert!(head.starts_with("http/1.1 500"), "{head}");
    assert_eq!(body, "content too long");

    let (_, body) = http(bench.page, "GET /api/swarm/info", "").await;
    assert_eq!(body, "[]");
    http(bench.page, "PATCH /api/swarm", r#"[{"IP":"192.0.2.7"}]"#).await;
    let (_, body) = http(bench.page, "GET /api/swarm/info", "").await;
    assert_eq!(body, r#"[{"IP":"192.0.2.7"}]"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_confirmed_before_it_happens() {
    let bench = Bench::start().await;
    let (head, body) = http(bench.page, "POST /api/system/restart", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "System will restart shortly.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_clients_hold_up_the_others_for_a_while_at_most() {
    let bench = Bench::start().await;
    let mut silent = Vec::new();
    // More than there are places.
    for _ in 0..40 {
        silent.push(TcpStream::connect(bench.page).await.expect("a connection"));
    }
    http(bench.page, "GET /", "").await;
}
