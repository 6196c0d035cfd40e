//! Who is let in, and what everybody is told.

use reqwest::{Method, RequestBuilder, StatusCode};
use thermine::live::Live;
use thermine::web::{self, Settings};
use thermine_units::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::WORD;
use crate::api::{SOON, ask, body, get, open, problem};
use crate::rack::rack;
use crate::serve::{Served, now_ms, serve, settings};

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

/// A rack of 12 units behind a token.
async fn guarded() -> Served {
    let guarded = Settings {
        token: Some(Secret::new(WORD)),
        ..settings()
    };
    serve(rack(12, now_ms()), guarded, "127.0.0.1:0").await
}

#[tokio::test]
async fn the_api_is_shut_without_the_token() {
    let served = guarded().await;
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
}

#[tokio::test]
async fn the_token_opens_the_api() {
    let served = guarded().await;
    let opened =
        ask(&served, Method::GET, "/metrics").header("authorization", format!("Bearer {WORD}"));
    assert_eq!(
        opened.send().await.expect("an answer").status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn without_the_token_health_tells_which_units_are_not_well_and_not_why() {
    let served = guarded().await;
    let well = get(&served, "/healthz").await;
    assert_eq!(well.status(), StatusCode::OK);
    let told = body(well).await;
    assert_eq!(told["status"], "degraded", "{told}");
    let reasons = told["reasons"].as_array().expect("reasons");
    let known = [
        "stale: its readings are too old",
        "lost: it does not answer or work",
        "tripped: its interlock withholds work",
    ];
    assert!(!reasons.is_empty());
    for reason in reasons {
        let reason = reason.as_str().expect("text");
        let is = known
            .iter()
            .any(|known| reason.ends_with(&format!(": {known}")));
        assert!(is || reason == "proxy: no pool answers", "{reason}");
    }
}

#[tokio::test]
async fn without_the_token_the_page_is_a_form() {
    let served = guarded().await;
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
}

/// The form, filled in.
fn enter(served: &Served, word: &str) -> RequestBuilder {
    ask(served, Method::POST, "/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", word.replace(' ', "+")))
}

#[tokio::test]
async fn the_form_refuses_another_word_and_another_site() {
    let served = guarded().await;
    let wrong = enter(&served, "something else").send().await;
    let wrong = wrong.expect("an answer");
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(!wrong.headers().contains_key("set-cookie"));
    let strange = enter(&served, WORD).header("origin", "http://evil.example");
    assert_eq!(
        strange.send().await.expect("an answer").status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn the_form_gives_a_cookie_that_opens_the_api_and_cannot_be_forged() {
    let served = guarded().await;
    let right = enter(&served, WORD).send().await.expect("an answer");
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

/// Connections to `served` that have sent `begin` and go no further.
async fn unfinished(served: &Served, count: usize, begin: &str) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(served.address).await.expect("connected");
        // One that has had to make room already is no error.
        let _ = stream.write_all(begin.as_bytes()).await;
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn unfinished_requests_keep_nobody_out() {
    let served = guarded().await;
    let body = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: \
                100\r\n\r\ntoken=";
    let mut all = Vec::new();
    for begin in ["", "GET / HTTP/1.1\r\nHost: loc", body] {
        // More than there are places.
        all.extend(unfinished(&served, 200, begin).await);
        let health = get(&served, "/healthz").await;
        assert_eq!(health.status(), StatusCode::OK, "{begin:?}");
        let opened = ask(&served, Method::GET, "/api/v1/snapshot").bearer_auth(WORD);
        let opened = opened.send().await.expect("an answer");
        assert_eq!(opened.status(), StatusCode::OK, "{begin:?}");
    }
    for mut stream in all {
        let mut rest = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut rest))
            .await
            .expect("closed, or answered that its time is over");
    }
}
