//! Who may come in: the token, in a header of programs and, for the page, behind a cookie that the login form sets.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use thermine_drivers::secret::Secret;

use super::Web;

/// Name of the cookie.
const COOKIE: &str = "thermine";
/// Life of the cookie, in seconds: 30 days.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;
/// Wait before a false token is answered: with it guessing is slow even on many connections.
const FALSE_TOKEN: Duration = Duration::from_millis(500);

/// The form, before and after a false token.
const FORM: &str = include_str!("page/login.html");
/// Where the form says what was wrong.
const SAID: &str = "<!--said-->";

/// The token, and the cookie's word that stands for it. The cookie holds no token: it can be had from the token alone,
/// and the token not from it, so that it needs no table of sessions and outlives a restart.
#[derive(Debug)]
pub(super) struct Door {
    token: Secret,
    cookie: Secret,
}

impl Door {
    pub(super) fn new(token: Secret) -> Door {
        let cookie = Secret::new(token.derived(COOKIE));
        Door { token, cookie }
    }

    /// Whether a request with these headers may come in.
    pub(super) fn opens(&self, headers: &HeaderMap) -> bool {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .is_some_and(|(_, token)| self.token.matches(token.trim()));
        bearer
            || headers
                .get_all(header::COOKIE)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(';'))
                .filter_map(|pair| pair.trim().split_once('='))
                .any(|(name, value)| name == COOKIE && self.cookie.matches(value))
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Entry {
    token: String,
}

/// The login form.
#[utoipa::path(get, path = "/login", responses((status = 200, description = "The login form.", content_type = "text/html")))]
pub(super) async fn form(State(web): State<Arc<Web>>) -> Response {
    match web.door {
        Some(_) => Html(FORM).into_response(),
        None => Redirect::to("/").into_response(),
    }
}

/// The login form with `said` in it.
pub(super) fn form_saying(status: StatusCode, said: &str) -> Response {
    (status, Html(FORM.replace(SAID, said))).into_response()
}

/// Takes the token of the login form and sets the cookie.
#[utoipa::path(post, path = "/login",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`token=`"),
    responses((status = 303, description = "To the page, with the cookie."), (status = 401, description = "A false token.", content_type = "text/html")))]
pub(super) async fn enter(
    State(web): State<Arc<Web>>,
    entry: Result<Form<Entry>, FormRejection>,
) -> Response {
    let Some(door) = &web.door else {
        return Redirect::to("/").into_response();
    };
    let known = entry.is_ok_and(|Form(entry)| door.token.matches(entry.token.trim()));
    if !known {
        tokio::time::sleep(FALSE_TOKEN).await;
        return form_saying(
            StatusCode::UNAUTHORIZED,
            "That is not the token. It stands in the token file that the daemon was started with.",
        );
    }
    let cookie = format!(
        "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_SECONDS}",
        door.token.derived(COOKIE)
    );
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// Forgets the cookie.
#[utoipa::path(post, path = "/logout", responses((status = 303, description = "To the login form, without the cookie.")))]
pub(super) async fn leave() -> Response {
    let cookie = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}
