//! The server: every route, and how it begins and ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;

use super::auth::{Auth, Guesses};
use super::listener::{Bounded, Client};
use super::places::Places;
use super::settings::Settings;
use super::shared::{Command, Shared};
use super::{api, assets, error, guard, login, metrics, openapi, stream};
use crate::live::Live;

/// Largest body of a request, in bytes. A job's command is a line.
const BODY: usize = 16 * 1024;
/// Streams at once. Each costs the comparison of all units at its own rate.
const STREAMS: usize = 32;
/// Time for requests under way when the server ends, and then for their connections to close.
const LAST: Duration = Duration::from_secs(3);

/// Serves on `listener` until `shutdown`; open streams are ended then, and requests under way are given a few seconds.
///
/// # Errors
/// If the address is not [permitted](Settings::permit), or the listener fails.
pub async fn serve(
    listener: TcpListener,
    live: Live,
    settings: Settings,
    commands: mpsc::Sender<Command>,
    shutdown: CancellationToken,
) -> Result<()> {
    let address = listener.local_addr()?;
    settings.permit(address)?;
    let shared = Arc::new(Shared {
        live,
        clock: settings.clock,
        auth: settings.token.map(Auth::new),
        guesses: Guesses::default(),
        hosts: settings.hosts,
        loopback: address.ip().is_loopback(),
        read_command: settings.read_command,
        commands,
        streams: Arc::new(Semaphore::new(STREAMS)),
        shutdown: shutdown.clone(),
    });
    let places = Places::default();
    let bounded = Bounded {
        listener,
        places: places.clone(),
    };
    let service = router(shared).into_make_service_with_connect_info::<Client>();
    let server = axum::serve(bounded, service)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return Ok(ended?),
        () = async { shutdown.cancelled().await; tokio::time::sleep(LAST).await } => places.close(),
    }
    match tokio::time::timeout(LAST, server).await {
        Ok(ended) => Ok(ended?),
        Err(_) => {
            tracing::warn!("a web connection did not close in time; it ends with the program");
            Ok(())
        }
    }
}

/// Every route, as the API's description names it.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        ("/", get(assets::page)),
        ("/page/{file}", get(assets::file)),
        ("/login", get(login::form).post(login::enter)),
        ("/logout", post(login::leave)),
        ("/api/v1/snapshot", get(api::snapshot)),
        ("/api/v1/units/{name}", get(api::unit)),
        ("/api/v1/stream", get(stream::stream)),
        ("/api/v1/jobs", get(api::jobs).post(api::submit)),
        ("/api/v1/jobs/{id}", delete(api::cancel)),
        ("/api/v1/openapi.json", get(openapi::serve)),
        ("/metrics", get(metrics::serve)),
        ("/healthz", get(api::health)),
    ]
}

fn router(shared: Arc<Shared>) -> Router {
    let routes = routes().into_iter();
    let router = routes
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods)
        })
        .fallback(error::nothing_here)
        .method_not_allowed_fallback(error::not_that_method)
        .layer(middleware::from_fn_with_state(shared.clone(), guard::guard))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ));
    let router = guard::HEADERS
        .into_iter()
        .fold(router, |router, (name, value)| {
            let value = HeaderValue::from_static(value);
            router.layer(SetResponseHeaderLayer::overriding(name, value))
        });
    router.with_state(shared)
}
