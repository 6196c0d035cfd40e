//! One GET to an address of which nothing is known: bounded in time and size, without login.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{self, HeaderName};
use tokio::time::timeout;

use super::classify::short;

/// Longest body that is taken. The longest known of a miner on the paths asked has 3 kB.
const MOST_BYTES: usize = 64 * 1024;

/// A reply of a web server, a miner's or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) status: u16,
    /// What the server calls itself: its `Server`, or the realm that it wants a password for.
    pub(crate) server: Option<String>,
    /// The body; empty unless the status is a success.
    pub(crate) body: Vec<u8>,
}

/// What came of a GET that brought no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoPage {
    /// Nothing accepts connections there.
    Unreachable,
    /// Something does, and this is what is wrong with it.
    Strange(String),
}

/// Fetches `path` from `addr` with `http`, within `total` of wall time. `http` must follow no redirects and use
/// no proxy, and bounds the time of the connection itself.
///
/// # Errors
/// See [`NoPage`].
pub(crate) async fn get(
    http: &reqwest::Client,
    addr: SocketAddr,
    path: &str,
    total: Duration,
) -> Result<Page, NoPage> {
    let exchange = async {
        let request = http.get(format!("http://{addr}{path}"));
        let response = request.send().await.map_err(no_page)?;
        read(response).await
    };
    let late =
        || NoPage::Strange("accepts connections, and then no complete web page comes".into());
    timeout(total, exchange)
        .await
        .unwrap_or_else(|_| Err(late()))
}

async fn read(mut response: Response) -> Result<Page, NoPage> {
    let mut page = Page {
        status: response.status().as_u16(),
        server: server(&response),
        body: Vec::new(),
    };
    if !response.status().is_success() {
        return Ok(page);
    }
    while let Some(chunk) = response.chunk().await.map_err(no_page)? {
        if page.body.len() + chunk.len() > MOST_BYTES {
            return Err(NoPage::Strange(format!(
                "sends a web page of more than {} KiB",
                MOST_BYTES / 1024
            )));
        }
        page.body.extend_from_slice(&chunk);
    }
    Ok(page)
}

fn server(response: &Response) -> Option<String> {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let realm = text(header::WWW_AUTHENTICATE).and_then(|challenge| {
        let (_, rest) = challenge.split_once("realm=\"")?;
        let (realm, _) = rest.split_once('"')?;
        Some(realm.to_owned())
    });
    let server = realm.or_else(|| text(header::SERVER))?;
    Some(short(&server)).filter(|server| !server.is_empty())
}

fn no_page(error: reqwest::Error) -> NoPage {
    if error.is_connect() || error.is_builder() {
        return NoPage::Unreachable;
    }
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    NoPage::Strange(short(&format!("speaks no HTTP ({reason})")))
}
