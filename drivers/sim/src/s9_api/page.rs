//! The web page of a simulated S9: what the stock firmware's lighttpd answers on port 80 behind HTTP Digest.
//!
//! Clients that look for units (asic-rs, pyasic) read the model here before they ask the cgminer API. Keys are
//! those of the firmware's own scripts as public clients read them. `miner_type.cgi` is known of firmware from
//! 2019 on only; that the S9's last firmware has it is *assumed*. Settings are not simulated: the stock firmware
//! restarts the miner for each, and a request to change one is refused with 501.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::state::{ApiState, PoolState};
use crate::connections::{Connections, serve};

/// The realm of every stock Antminer.
const REALM: &str = "antMiner Configuration";
/// Name and password as delivered.
const USER: &str = "root";
const PASSWORD: &str = "root";

/// What a request can reach.
#[derive(Debug)]
struct Page {
    state: watch::Receiver<ApiState>,
    mac: String,
    nonce: String,
}

/// Serves the page on `listener` until `shutdown`, each reply from the state at that moment. `seed` tells the
/// MAC address of one simulated unit from another's.
pub async fn serve_page(
    listener: TcpListener,
    state: watch::Receiver<ApiState>,
    seed: u64,
    shutdown: CancellationToken,
) {
    let id = hex::encode(Md5::digest(format!("simulated S9 {seed}")));
    let page = Arc::new(Page {
        state,
        // Locally administered: no maker's address.
        mac: format!(
            "02:{}:{}:{}:{}:{}",
            &id[..2],
            &id[2..4],
            &id[4..6],
            &id[6..8],
            &id[8..10]
        ),
        nonce: id,
    });
    serve(Connections::of(listener), router(page), shutdown).await;
}

fn router(page: Arc<Page>) -> Router {
    Router::new()
        .route(
            "/",
            get(async || Html("<!doctype html>\n<title>Ant Miner</title>\n")),
        )
        .route("/cgi-bin/get_system_info.cgi", get(system_info))
        .route("/cgi-bin/miner_type.cgi", get(miner_type))
        .route("/cgi-bin/get_miner_conf.cgi", get(configuration))
        .route("/cgi-bin/get_network_info.cgi", get(network))
        .route("/cgi-bin/blink.cgi", post(blink))
        .route("/cgi-bin/set_miner_conf.cgi", post(not_simulated))
        .route("/cgi-bin/reboot.cgi", get(not_simulated))
        .layer(from_fn_with_state(page.clone(), authorised))
        .with_state(page)
}

/// Lets a request with the right digest pass; answers any other as lighttpd does.
async fn authorised(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    if page.admits(request.method(), request.headers()) {
        return next.run(request).await;
    }
    let challenge = format!(
        "Digest realm=\"{REALM}\", nonce=\"{}\", qop=\"auth\"",
        page.nonce
    );
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, challenge);
        headers.insert(header::SERVER, HeaderValue::from_static("lighttpd/1.4.32"));
    }
    response
}

impl Page {
    /// Whether a request carries the digest of name and password (RFC 2617, with and without `qop`).
    fn admits(&self, method: &Method, headers: &HeaderMap) -> bool {
        let Some(shown) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Digest "))
        else {
            return false;
        };
        let field = |name: &str| field(shown, name).unwrap_or_default();
        if field("username") != USER || field("nonce") != self.nonce {
            return false;
        }
        let hashed = |text: String| hex::encode(Md5::digest(text));
        let secret = hashed(format!("{USER}:{REALM}:{PASSWORD}"));
        let asked = hashed(format!("{method}:{}", field("uri")));
        let expected = match field("qop") {
            "" => hashed(format!("{secret}:{}:{asked}", self.nonce)),
            qop => hashed(format!(
                "{secret}:{}:{}:{}:{qop}:{asked}",
                self.nonce,
                field("nc"),
                field("cnonce")
            )),
        };
        field("response") == expected
    }
}

/// The value of `name` in the list of a Digest header, without its quotes.
fn field<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.split(',').find_map(|item| {
        let (key, value) = item.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

async fn system_info(State(page): State<Arc<Page>>) -> Response {
    let state = page.state.borrow();
    let firmware = state.firmware;
    json_text(json!({
        "minertype": "Antminer S9",
        "nettype": "DHCP",
        "netdevice": "eth0",
        "macaddr": page.mac,
        "hostname": "antMiner",
        "ipaddress": "127.0.0.1",
        "netmask": "255.0.0.0",
        "gateway": "",
        "dnsservers": "",
        "curtime": "",
        "uptime": state.whole_seconds(),
        "ant_hwv": firmware.version(),
        "system_mode": "GNU/Linux",
        "system_kernel_version": "Linux 3.14.0-xilinx",
        "system_filesystem_version": firmware.compiled(),
        "bmminer_version": "2.0.0",
    }))
}

async fn miner_type(State(page): State<Arc<Page>>) -> Response {
    let firmware = page.state.borrow().firmware;
    json_text(json!({
        "miner_type": "Antminer S9",
        "subtype": "",
        "fw_version": firmware.compiled(),
    }))
}

async fn network(State(page): State<Arc<Page>>) -> Response {
    json_text(json!({
        "nettype": "DHCP",
        "netdevice": "eth0",
        "macaddr": page.mac,
        "ipaddress": "127.0.0.1",
        "netmask": "255.0.0.0",
        "conf_nettype": "DHCP",
        "conf_hostname": "antMiner",
        "conf_ipaddress": "",
        "conf_netmask": "",
        "conf_gateway": "",
        "conf_dnsservers": "",
    }))
}

/// The miner's configuration file as it stands. Passwords of pools are not kept, and shown as delivered.
async fn configuration(State(page): State<Arc<Page>>) -> Response {
    let state = page.state.borrow();
    let pool = |pool: &PoolState| json!({"url": pool.url, "user": pool.user, "pass": "x"});
    let pools: Vec<Value> = state.pools.iter().map(pool).collect();
    json_text(json!({
        "pools": pools,
        "api-listen": true,
        "api-network": true,
        "api-groups": "A:stats:pools:devs:summary:version",
        "api-allow": "A:0/0,W:*",
        "bitmain-fan-ctrl": false,
        "bitmain-fan-pwm": "100",
        "bitmain-use-vil": true,
        "bitmain-freq": format!("{:.0}", state.frequency.0),
        "bitmain-voltage": "0706",
    }))
}

async fn blink() -> Response {
    json_text(json!({"isBlinking": false}))
}

async fn not_simulated() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_IMPLEMENTED,
        "the simulated S9 takes no settings over its page\n",
    )
}

/// The scripts name no type of content but plain text.
fn json_text(value: Value) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], value.to_string()).into_response()
}
