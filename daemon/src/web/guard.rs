//! The checks of every request: the name by which it calls the server, the site it comes from, the token, a time limit;
//! and the headers of every answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Problem;
use super::listener::Client;
use super::login;
use super::places::Place;
use super::shared::Shared;

/// Time for a request's body to be whole.
const WHOLE: Duration = Duration::from_secs(5);
/// Time for an answer to begin once the request is whole.
const ANSWER: Duration = Duration::from_secs(15);

/// No script, style, picture or connection but the server's own; nobody may put the page into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer.
pub(super) const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not "no-referrer": with that a browser hides its origin from the login form too.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Lets a request through to its handler, or says why not.
pub(super) async fn guard(
    State(web): State<Arc<Shared>>,
    ConnectInfo(Client(place)): ConnectInfo<Client>,
    mut request: Request,
    next: Next,
) -> Response {
    let _served = place.serve();
    let path = request.uri().path().to_owned();
    let auth = web.auth.as_ref();
    if !path.starts_with("/page/") && auth.is_some_and(|auth| auth.is_guessed(request.headers())) {
        web.guesses.slow(place.peer).await;
    }
    if let Some(refusal) = refusal(&web, &request).or_else(|| only_health(&place, &path)) {
        return refusal;
    }
    request.extensions_mut().insert(place.clone());
    match whole(request, &path).await {
        Err(problem) => problem.into_response(),
        Ok(request) => {
            let _at_work = place.work();
            answer(request, next).await
        }
    }
}

/// The request with its whole body. Until then the connection may lose its place to another.
async fn whole(request: Request, path: &str) -> Result<Request, Problem> {
    let place = format!("body of {path}");
    let (parts, body) = request.into_parts();
    let mut reading = Request::new(body);
    // The extensions hold the limit of the body's length.
    reading.extensions_mut().clone_from(&parts.extensions);
    match tokio::time::timeout(WHOLE, Bytes::from_request(reading, &())).await {
        Ok(Ok(body)) => Ok(Request::from_parts(parts, Body::from(body))),
        Ok(Err(error)) => {
            let fix = match error.status() {
                StatusCode::PAYLOAD_TOO_LARGE => "send a body of at most 16 KiB",
                _ => "send it again",
            };
            Err(Problem::new(error.status(), error.body_text(), place, fix))
        }
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body was not whole after {WHOLE:?}"),
            place,
            "send it again, faster",
        )),
    }
}

async fn answer(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the request was not answered after {ANSWER:?}"),
            "request",
            "send it again",
        )
        .into_response(),
    }
}

/// The refusal of a request other than `/healthz` on a connection that is for `/healthz` only.
fn only_health(place: &Place, path: &str) -> Option<Response> {
    if path == "/healthz" || !place.health_only {
        return None;
    }
    let mut response = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many connections",
        "server",
        "close some, or try again in a moment",
    )
    .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    Some(response)
}

fn refusal(web: &Shared, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| text(headers, &header::HOST));
    if web.loopback && !host.is_some_and(|host| is_known(name(host), &web.hosts)) {
        // A page of another site whose name has been made to lead here would call the server by that name.
        return Some(
            Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "the server does not answer to that name",
                "Host header",
                "call it 127.0.0.1 or localhost, or add the name to its configuration",
            )
            .into_response(),
        );
    }
    if is_cross_site(request, host) {
        return Some(
            Problem::new(
                StatusCode::FORBIDDEN,
                "the request was made by a page of another site",
                "Origin or Sec-Fetch-Site header",
                "make it from the daemon's own page, or from a program",
            )
            .into_response(),
        );
    }
    let path = request.uri().path();
    let open = path.starts_with("/page/") || matches!(path, "/login" | "/logout" | "/healthz");
    match &web.auth {
        Some(auth) if !open && !auth.allows(headers) => Some(if path == "/" {
            login::form_saying(StatusCode::UNAUTHORIZED, "")
        } else {
            let mut response = Problem::new(
                StatusCode::UNAUTHORIZED,
                "no token, or a wrong one",
                "Authorization header",
                "send Authorization: Bearer with the word in the daemon's token file",
            )
            .into_response();
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"thermine\""),
            );
            response
        }),
        _ => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether `name` is a name of a server on loopback.
fn is_known(name: &str, further: &[String]) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
        || further.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a browser made this request for a page of another site. Programs send neither header.
fn is_cross_site(request: &Request, host: Option<&str>) -> bool {
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let followed =
        reads && text(headers, &HeaderName::from_static("sec-fetch-mode")) == Some("navigate");
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let elsewhere = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let origin = text(headers, &header::ORIGIN)
        .is_some_and(|origin| origin.split_once("://").map(|(_, from)| from) != host);
    (elsewhere && !followed) || (origin && !reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_loopback_are_known_with_and_without_a_port() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:8080",
            "127.3.2.1",
            "[::1]",
            "[::1]:8080",
            "rack.lan:80",
        ] {
            assert!(is_known(name(host), &["rack.lan".to_owned()]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:80",
            "localhost.evil.example",
            "192.168.0.2",
            "rack.lan.evil",
        ] {
            assert!(!is_known(name(host), &["rack.lan".to_owned()]), "{host}");
        }
    }
}
