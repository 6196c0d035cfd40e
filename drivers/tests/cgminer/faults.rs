//! The client against servers that misbehave: an error that says what happened, in bounded time and
//! memory.

use std::time::Duration;

use thermine_drivers::cgminer::reply::telemetry;
use thermine_drivers::cgminer::{ApiError, Failure, Limits, Reply};
use thermine_units::clock::Nanos;
use tokio::net::TcpListener;

use crate::support::{Act, data, server};

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    reply: Duration::from_millis(800),
    bytes: 64 * 1024,
};

async fn ask(act: Act) -> Result<Reply, ApiError> {
    LIMITS.query(server(act).await, "stats", None).await
}

async fn failure(act: Act) -> Failure {
    ask(act).await.expect_err("a failure").failure
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    drop(listener);
    let error = LIMITS.query(addr, "stats", None).await.expect_err("closed");
    assert_eq!(error.failure, Failure::Refused);
    assert!(
        error
            .to_string()
            .starts_with(&format!("asked {addr} for `stats`: "))
    );
    assert!(!error.is_fatal());
}

#[tokio::test]
async fn a_socket_closed_without_a_word_is_incomplete() {
    let failure = failure(Act::Send(Vec::new())).await;
    assert_eq!(failure, Failure::Incomplete { received: 0 });
}

#[tokio::test]
async fn half_a_reply_is_incomplete() {
    let mut half = data("bmminer-30.0.1.3-stats.txt").into_bytes();
    half.truncate(3000);
    let cut = Failure::Incomplete { received: 3000 };
    assert_eq!(failure(Act::Send(half.clone())).await, cut);
    half.push(0);
    assert_eq!(failure(Act::Send(half)).await, cut);
}

#[tokio::test]
async fn garbage_is_not_json() {
    for garbage in [
        &b"<html>400</html>"[..],
        b"\xff\xfe\x00",
        b"7",
        b"{\"a\" 1}",
    ] {
        let failure = failure(Act::Send(garbage.to_vec())).await;
        assert!(matches!(failure, Failure::NotJson { .. }), "{failure}");
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_without_a_stack_overflow() {
    let mut deep = br#"{"STATS":"#.to_vec();
    deep.resize(60_000, b'[');
    deep.push(0);
    assert!(matches!(
        failure(Act::Send(deep)).await,
        Failure::NotJson { .. }
    ));
}

#[tokio::test]
async fn a_slow_reply_is_read_as_long_as_it_is_in_time() {
    let version = data("bmminer-30.0.1.3-version.txt").into_bytes();
    let reply = ask(Act::Drip(version.clone(), Duration::ZERO)).await;
    assert!(reply.expect("in time").identity().model.is_some());
    let late = failure(Act::Drip(version, Duration::from_millis(50))).await;
    assert!(matches!(late, Failure::TimedOut { .. }), "{late}");
}

#[tokio::test]
async fn a_unit_that_never_answers_times_out() {
    let failure = failure(Act::Hang(Vec::new())).await;
    assert!(matches!(failure, Failure::TimedOut { .. }), "{failure}");
}

#[tokio::test]
async fn a_nul_ends_the_reply_though_the_connection_stays_open() {
    let mut version = data("bmminer-30.0.1.3-version.txt").into_bytes();
    version.push(0);
    assert!(ask(Act::Hang(version)).await.is_ok());
}

#[tokio::test]
async fn an_endless_reply_is_cut_short() {
    let failure = failure(Act::Flood(Vec::new(), vec![b' '; 4096])).await;
    assert_eq!(failure, Failure::TooLarge { limit: 64 * 1024 });
}

#[tokio::test]
async fn wrong_types_leave_the_rest_readable() {
    let stats = data("bmminer-30.0.1.3-stats.txt")
        .replace("\"temp6\":61", "\"temp6\":\"warm\"")
        .replace("\"chain_rate7\":\"4633.10\"", "\"chain_rate7\":4633.10")
        .replace("\"chain_acn8\":63", "\"chain_acn8\":[63]")
        .replace("\"fan5\":3720", "\"fan5\":null");
    let stats = ask(Act::Send(stats.into_bytes()))
        .await
        .expect("a reply")
        .stats();
    let reading = telemetry(Nanos::ZERO, &Default::default(), &stats, &[]);
    assert_eq!(reading.boards.len(), 3);
    assert_eq!(reading.boards[0].pcb_temp, None);
    assert!(reading.boards[0].chip_temp.is_some());
    assert!(reading.boards[1].hash_rate.is_some());
    assert_eq!(reading.boards[2].chips, None);
    assert!(reading.boards[2].hash_rate.is_some());
    assert_eq!(reading.fans.len(), 1);
}

#[tokio::test]
async fn a_fatal_status_is_an_error_with_its_words() {
    let reply = br#"{"STATUS":[{"STATUS":"F","Code":-1,"Msg":"broken"}],"id":1}"#;
    let error = ask(Act::Send(reply.to_vec())).await.expect_err("fatal");
    assert!(error.to_string().contains("broken (no code)"), "{error}");
    assert!(!error.is_fatal());
}

#[tokio::test]
async fn the_farewell_of_a_restart_is_a_reply() {
    let reply = br#"{"STATUS":"RESTART","id":1}"#;
    let reply = ask(Act::Send(reply.to_vec())).await.expect("a reply");
    assert_eq!(reply.farewell(), Some("RESTART"));
}
