//! The driver against servers that misbehave: an error that says what happened, in bounded time and memory.

use std::time::Duration;

use thermine_drivers::axeos::{ApiError, Control, Failure, Info};
use thermine_drivers::control::{Change, Control as _};
use thermine_units::quantity::MegaHertz;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::patience::LIMIT;
use crate::support::{Act, client, reply, server};

const INFO: &str = r#"{"power":13,"temp":60,"hashRate":500,"ASICModel":"BM1366","frequency":485}"#;

/// Wall time for a reply: longer than a busy machine takes for an honest one.
const SHORT: Duration = Duration::from_secs(1);

/// Asks for info, and counts the requests that came.
async fn ask(act: Act) -> (Result<Info, ApiError>, usize) {
    let (addr, mut requests) = server(act).await;
    let mut unit = client(SHORT).unit(addr, seed::stream(1, "client"));
    let outcome = timeout(LIMIT, unit.info()).await.expect("no hang");
    let mut count = 0;
    while requests.try_recv().is_ok() {
        count += 1;
    }
    (outcome, count)
}

async fn failure(act: Act) -> (ApiError, usize) {
    let (outcome, count) = ask(act).await;
    (outcome.expect_err("a failure"), count)
}

#[tokio::test]
async fn a_good_reply_is_read_in_one_piece_or_many() {
    let good = reply("200 OK", INFO);
    let (info, count) = ask(Act::Send(good.clone())).await;
    assert_eq!(info.expect("info").point.frequency, Some(MegaHertz(485.0)));
    assert_eq!(count, 1);
    // The length is known: the connection need not close.
    assert!(ask(Act::Hang(good.clone())).await.0.is_ok());
    assert!(ask(Act::Drip(good, Duration::ZERO)).await.0.is_ok());
}

#[tokio::test]
async fn a_closed_port_is_refused_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    drop(listener);
    let error = client(SHORT)
        .unit(addr, seed::stream(1, "client"))
        .info()
        .await;
    let error = error.expect_err("closed");
    assert_eq!(error.failure, Failure::Refused);
    assert!(!error.is_fatal());
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("asked {addr} for `GET /api/system/info`: ")),
        "{text}"
    );
}

#[tokio::test]
async fn what_breaks_off_is_asked_again_and_then_said() {
    let mut half = reply("200 OK", INFO);
    half.truncate(half.len() - 20);
    for bytes in [Vec::new(), half, b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()] {
        let (error, count) = failure(Act::Send(bytes)).await;
        assert!(matches!(error.failure, Failure::Broken(_)), "{error}");
        assert_eq!(count, 2, "two attempts");
    }
}

#[tokio::test]
async fn garbage_is_no_axeos() {
    for bytes in [
        &b"\xff\xfe\x00\x01\r\n\r\n"[..],
        b"SSH-2.0-x\r\n",
        b"{\"temp\":1}\n",
    ] {
        let (error, _) = failure(Act::Send(bytes.to_vec())).await;
        assert!(matches!(error.failure, Failure::Broken(_)), "{error}");
    }
    for body in [
        "",
        "<html>",
        "[]",
        "{\"STATUS\":1}",
        "{\"temp\":1",
        "\u{e9}",
    ] {
        let (error, count) = failure(Act::Send(reply("200 OK", body))).await;
        assert!(matches!(error.failure, Failure::NotAxeOs { .. }), "{error}");
        assert!(!error.is_fatal());
        assert_eq!(count, 1);
    }
    let deep = reply("200 OK", &"[".repeat(30_000));
    let (error, _) = failure(Act::Send(deep)).await;
    assert!(matches!(error.failure, Failure::NotAxeOs { .. }), "{error}");
}

#[tokio::test]
async fn the_slow_and_the_silent_time_out() {
    let good = reply("200 OK", INFO);
    for act in [
        Act::Hang(Vec::new()),
        Act::Hang(good[..good.len() - 1].to_vec()),
        Act::Drip(good, Duration::from_millis(20)),
    ] {
        let (error, count) = failure(act).await;
        assert!(matches!(error.failure, Failure::TimedOut { .. }), "{error}");
        assert_eq!(count, 1, "its time is up");
    }
}

#[tokio::test]
async fn what_is_too_long_is_cut_short() {
    let long = reply("200 OK", &" ".repeat(33 * 1024));
    let (error, _) = failure(Act::Send(long)).await;
    assert_eq!(error.failure, Failure::TooLarge { limit: 32 * 1024 });
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400)).into_bytes();
    let (error, _) = failure(Act::Flood(head, chunk)).await;
    assert_eq!(error.failure, Failure::TooLarge { limit: 32 * 1024 });
    // Headers without end.
    let (error, _) = failure(Act::Flood(
        b"HTTP/1.1 200 OK\r\n".to_vec(),
        b"a: b\r\n".to_vec(),
    ))
    .await;
    let bounded = matches!(error.failure, Failure::Broken(_) | Failure::TimedOut { .. });
    assert!(bounded, "{error}");
    // And small chunks for ever.
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let drip = [head, b"1\r\n \r\n".repeat(2000)].concat();
    let (error, _) = failure(Act::Drip(drip, Duration::from_millis(1))).await;
    assert!(matches!(error.failure, Failure::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_status_that_is_no_success_says_what_to_do() {
    let (error, count) = failure(Act::Send(reply("401 Unauthorized", "Unauthorized"))).await;
    assert_eq!((&error.failure, count), (&Failure::Denied, 1));
    assert!(error.is_fatal() && error.to_string().contains("192.168/16"));
    let (error, count) = failure(Act::Send(reply("500 Internal Server Error", "no"))).await;
    let status = Failure::Status {
        code: 500,
        text: "no".to_owned(),
    };
    assert_eq!((&error.failure, count), (&status, 2));
    assert!(!error.is_fatal());
    let (error, _) = failure(Act::Send(reply("404 Not Found", "{}"))).await;
    assert_eq!(error.failure, Failure::NoSuchPath);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, mut requests) = server(Act::Send(reply("200 OK", INFO))).await;
    let away =
        format!("HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
    let (error, count) = failure(Act::Send(away.into_bytes())).await;
    let to = format!("http://{elsewhere}/");
    assert_eq!((&error.failure, count), (&Failure::Redirected { to }, 1));
    assert!(error.is_fatal());
    assert!(requests.try_recv().is_err(), "nobody was asked elsewhere");
}

#[tokio::test]
async fn a_restart_is_sent_once_and_a_setting_again() {
    let (addr, mut requests) = server(Act::Send(Vec::new())).await;
    let mut unit = client(SHORT).unit(addr, seed::stream(1, "client"));
    unit.restart().await.expect_err("no reply");
    let request = requests.try_recv().expect("a request");
    assert!(
        request.starts_with("POST /api/system/restart HTTP/1.1"),
        "{request}"
    );
    assert!(requests.try_recv().is_err(), "once");
    let body = serde_json::json!({"frequency": 400});
    unit.patch(&body).await.expect_err("no reply");
    for _ in 0..2 {
        let request = requests.try_recv().expect("a request");
        assert!(
            request.starts_with("PATCH /api/system HTTP/1.1"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_unit_that_does_not_do_as_told_is_found_out_and_another_model_is_left_alone() {
    let asked = OperatingPoint {
        frequency: Some(MegaHertz(400.0)),
        fan: Some(0.5),
        ..OperatingPoint::default()
    };
    let (addr, _requests) = server(Act::Send(reply("200 OK", INFO))).await;
    let mut control = Control::new(&client(SHORT), addr, seed::stream(1, "control"));
    let applied = control.set(&asked).await.expect("it answers");
    let said: Vec<_> = applied
        .remarks
        .iter()
        .map(|r| (r.setting, r.what.clone()))
        .collect();
    let read = |is: &str| Change::ReadBack(is.to_owned());
    assert_eq!(
        said,
        [("frequency", read("485 MHz")), ("fan", read("nothing"))]
    );

    let other = INFO.replace("BM1366", "BM1370");
    let (addr, mut requests) = server(Act::Send(reply("200 OK", &other))).await;
    let mut control = Control::new(&client(SHORT), addr, seed::stream(1, "control"));
    let error = control
        .set(&asked)
        .await
        .expect_err("not an LV06")
        .to_string();
    assert!(error.contains("BM1370"), "{error}");
    while let Ok(request) = requests.try_recv() {
        assert!(request.starts_with("GET "), "{request}");
    }
}
