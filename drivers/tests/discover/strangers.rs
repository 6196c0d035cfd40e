//! What is no miner: named as far as it names itself, however slowly it answers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::patience::LIMIT;
use crate::support::{Act, loopback, page, probe, server};

/// The remark on a server that is no miner.
async fn remark(act: Act) -> String {
    let (addr, _) = server(act).await;
    let found = timeout(LIMIT, probe(addr)).await.expect("no hang");
    let found = found.expect("something answers");
    assert_eq!((found.model, found.is_miner()), (None, false));
    let remark = found.remark.expect("a remark");
    assert!(remark.contains(&addr.port().to_string()), "{remark}");
    assert!(
        remark.len() < 400 && !remark.contains(char::is_control),
        "{remark}"
    );
    remark
}

#[tokio::test]
async fn a_closed_port_is_nobody() {
    let (listener, addr) = loopback().await;
    drop(listener);
    assert_eq!(probe(addr).await, None);
}

#[tokio::test]
async fn a_web_server_is_named() {
    let said = remark(Act::Send(page("404 Not Found", "nginx/1.18.0", "no"))).await;
    assert!(said.contains("nginx/1.18.0"), "{said}");
    let said = remark(Act::Send(page("200 OK", "x", "<html>hello</html>"))).await;
    assert!(said.contains("web server"), "{said}");
    let said = remark(Act::Send(
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec(),
    ))
    .await;
    assert!(said.contains("500"), "{said}");
    // JSON on every path, of something else.
    let said = remark(Act::Send(page(
        "200 OK",
        "hub",
        r#"{"temp":21,"status":"ok"}"#,
    )))
    .await;
    assert!(said.contains("hub"), "{said}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, count) = server(Act::Send(page("200 OK", "x", "{}"))).await;
    let away = format!(
        "HTTP/1.1 302 Found\r\nServer: x\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
    );
    remark(Act::Send(away.into_bytes())).await;
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn nothing_is_set_and_nobody_is_logged_in() {
    let (listener, addr) = loopback().await;
    let (heard, mut requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let _ = heard.send(String::from_utf8_lossy(&request[..read]).into_owned());
            let reply = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(reply).await;
        }
    });
    probe(addr).await.expect("something answers");
    let mut all = Vec::new();
    while let Ok(request) = requests.try_recv() {
        assert!(
            !request.to_ascii_lowercase().contains("authorization"),
            "{request}"
        );
        all.push(request.lines().next().unwrap_or_default().to_owned());
    }
    all.sort();
    assert_eq!(
        all,
        [
            "GET /api/system/info HTTP/1.1",
            "GET /mcb/status HTTP/1.1",
            r#"{"command":"version"}"#
        ]
    );
}

#[tokio::test]
async fn a_port_that_is_silent_is_given_up() {
    let said = remark(Act::Hang(Vec::new())).await;
    assert!(said.contains("no complete reply"), "{said}");
}

#[tokio::test]
async fn a_port_that_hangs_up_or_breaks_off() {
    let said = remark(Act::Send(Vec::new())).await;
    assert!(said.contains("hangs up"), "{said}");
    let said = remark(Act::Send(b"{\"STATUS\":[{\"ST".to_vec())).await;
    assert!(said.contains("breaks off"), "{said}");
}

#[tokio::test]
async fn garbage_is_quoted_without_what_a_terminal_obeys() {
    let said = remark(Act::Send(b"SSH-2.0-dropbear_2019.78\r\n".to_vec())).await;
    assert!(said.contains("SSH-2.0-dropbear"), "{said}");
    remark(Act::Send(b"\x1b[2J\x00\xff\xfe\x07".to_vec())).await;
    remark(Act::Send(vec![0xff; 5000])).await;
}

#[tokio::test]
async fn what_is_slow_or_endless_is_cut_off() {
    let slow = page("200 OK", "x", &"x".repeat(1000));
    remark(Act::Drip(slow, Duration::from_millis(50))).await;
    remark(Act::Flood(Vec::new(), vec![b' '; 4096])).await;
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    remark(Act::Flood(head, vec![b'x'; 4096])).await;
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    remark(Act::Flood(head, b"a: b\r\n".to_vec())).await;
}
