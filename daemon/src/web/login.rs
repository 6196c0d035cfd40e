//! The login form of the page.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use super::auth::Auth;
use super::places::Place;
use super::shared::Shared;

const FORM: &str = include_str!("page/login.html");
/// Where the form says what was wrong.
const SAID: &str = "<!--said-->";

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Entry {
    token: String,
}

/// The login form.
#[utoipa::path(get, path = "/login", responses((status = 200, description = "The login form.", content_type = "text/html")))]
pub(super) async fn form(State(web): State<Arc<Shared>>) -> Response {
    match web.auth {
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
    responses((status = 303, description = "To the page, with the cookie."), (status = 401, description = "A wrong token.", content_type = "text/html")))]
pub(super) async fn enter(
    State(web): State<Arc<Shared>>,
    Extension(place): Extension<Arc<Place>>,
    entry: Result<Form<Entry>, FormRejection>,
) -> Response {
    let Some(auth) = &web.auth else {
        return Redirect::to("/").into_response();
    };
    let known = entry.is_ok_and(|Form(entry)| auth.is_token(&entry.token));
    if !known {
        web.guesses.slow(place.peer).await;
        return form_saying(
            StatusCode::UNAUTHORIZED,
            "That is not the token. It stands in the token file that the daemon was started with.",
        );
    }
    ([(header::SET_COOKIE, auth.set_cookie())], Redirect::to("/")).into_response()
}

/// Forgets the cookie.
#[utoipa::path(post, path = "/logout", responses((status = 303, description = "To the login form, without the cookie.")))]
pub(super) async fn leave() -> Response {
    let cookie = Auth::delete_cookie();
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}
