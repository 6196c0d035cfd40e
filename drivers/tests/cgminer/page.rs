//! The simulated S9's web page, as a client with HTTP Digest reads it.

use std::net::SocketAddr;

use md5::{Digest, Md5};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::Value;
use thermine_sim::s9_api::serve_page;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::unit;

async fn page() -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (_, state) = watch::channel(unit());
    let stop = CancellationToken::new();
    tokio::spawn(serve_page(listener, state, 1, stop.clone()));
    (address, stop.drop_guard())
}

/// Status and body of a GET with this password, by the two requests that HTTP Digest needs.
async fn get(address: SocketAddr, path: &str, password: &str) -> (u16, String) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let url = format!("http://{address}{path}");
    let refused = client.get(&url).send().await.expect("a reply");
    assert_eq!(refused.status().as_u16(), 401, "{path} without a password");
    let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().expect("text");
    let realm = "antMiner Configuration";
    assert!(
        challenge.contains(&format!("realm=\"{realm}\"")),
        "{challenge}"
    );
    let nonce = challenge
        .split("nonce=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a nonce");
    let md5 = |text: String| hex::encode(Md5::digest(text));
    let secret = md5(format!("root:{realm}:{password}"));
    let asked = md5(format!("GET:{path}"));
    let response = md5(format!("{secret}:{nonce}:00000001:abc:auth:{asked}"));
    let digest = format!(
        "Digest username=\"root\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{path}\", qop=auth, nc=00000001, \
         cnonce=\"abc\", response=\"{response}\""
    );
    let request = client.get(&url).header(AUTHORIZATION, digest);
    let reply = request.send().await.expect("a reply");
    (reply.status().as_u16(), reply.text().await.expect("text"))
}

#[tokio::test]
async fn the_model_is_told_to_a_client_with_the_password_and_to_no_other() {
    let (address, _stop) = page().await;
    for (path, key) in [
        ("/cgi-bin/miner_type.cgi", "miner_type"),
        ("/cgi-bin/get_system_info.cgi", "minertype"),
    ] {
        let (status, body) = get(address, path, "root").await;
        assert_eq!(status, 200, "{path}");
        let reply: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(reply[key], "Antminer S9", "{path}");
        assert_eq!(get(address, path, "admin").await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn the_configuration_names_the_pools_and_cannot_be_changed() {
    let (address, _stop) = page().await;
    let (_, body) = get(address, "/cgi-bin/get_miner_conf.cgi", "root").await;
    let reply: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(reply["pools"][0]["user"], "rig.1");
    assert_eq!(reply["bitmain-freq"], "650");
    let (status, _) = get(address, "/cgi-bin/reboot.cgi", "root").await;
    assert_eq!(status, 501);
}
