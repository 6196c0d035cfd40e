//! Who may come in: the token, in a header of programs and, for the page, behind a cookie that the login form sets.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use thermine_units::secret::Secret;
use tokio::sync::Semaphore;

use super::Web;
use super::places::Place;

/// Name of the cookie.
const COOKIE: &str = "thermine";
/// Life of the cookie, in seconds: 30 days.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;
/// Wait before a false token is answered.
const FALSE_TOKEN: Duration = Duration::from_millis(500);
/// False tokens that are answered at once, over all connections: some 16 guesses a second.
const AT_ONCE: usize = 8;
/// Time between two lines of the log about false tokens.
const TELL: Duration = Duration::from_secs(60);

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

    /// Whether these headers hold a token or a cookie, and not the right one.
    pub(super) fn is_guessed(&self, headers: &HeaderMap) -> bool {
        let holds =
            headers.contains_key(header::AUTHORIZATION) || cookies(headers).next().is_some();
        holds && !self.opens(headers)
    }

    /// Whether a request with these headers may come in.
    pub(super) fn opens(&self, headers: &HeaderMap) -> bool {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .is_some_and(|(_, token)| self.token.matches(token.trim()));
        bearer || cookies(headers).any(|value| self.cookie.matches(value))
    }
}

/// Values of our cookie among `headers`.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::COOKIE).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// False tokens, wherever they come in: each is answered late, few at a time, and the log tells of them.
#[derive(Debug)]
pub(super) struct Guesses {
    turns: Semaphore,
    told: Mutex<Told>,
}

/// What the log has been told.
#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    since: u64,
}

impl Default for Guesses {
    fn default() -> Guesses {
        Guesses {
            turns: Semaphore::new(AT_ONCE),
            told: Mutex::default(),
        }
    }
}

impl Guesses {
    /// Waits before the false token of `peer` is answered.
    pub(super) async fn slow(&self, peer: Option<IpAddr>) {
        self.tell(peer);
        // Closed never; and if it were, only the wait for a turn would be left out.
        let _turn = self.turns.acquire().await;
        tokio::time::sleep(FALSE_TOKEN).await;
    }

    fn tell(&self, peer: Option<IpAddr>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wrong) = told.more(Instant::now()) {
            let peer = peer.map_or_else(String::new, |peer| peer.to_string());
            tracing::warn!(
                %peer,
                wrong,
                "wrong tokens were sent to the web server; the last came from this address"
            );
        }
    }
}

impl Told {
    /// One more at `now`: how many there were since the last line of the log, if it is time for another.
    fn more(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < TELL)
        {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.since))
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
    place: Option<Extension<Arc<Place>>>,
    entry: Result<Form<Entry>, FormRejection>,
) -> Response {
    let Some(door) = &web.door else {
        return Redirect::to("/").into_response();
    };
    let known = entry.is_ok_and(|Form(entry)| door.token.matches(entry.token.trim()));
    if !known {
        web.guesses.slow(place.map(|place| place.peer)).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn guesses_wait_for_their_turn_on_many_connections_too() {
        let guesses = Arc::new(Guesses::default());
        let turns = guesses.turns.acquire_many(AT_ONCE as u32).await;
        let one_more = guesses.clone();
        let waiting = tokio::spawn(async move { one_more.slow(None).await });
        while guesses.told.lock().expect("not poisoned").last.is_none() {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        drop(turns);
        waiting.await.expect("answered");
    }

    #[test]
    fn the_log_tells_of_a_million_guesses_in_a_line_a_minute() {
        let begun = Instant::now();
        let mut told = Told::default();
        let lines: Vec<u64> = (0..1_000_000)
            .filter_map(|i| told.more(begun + Duration::from_millis(i)))
            .collect();
        assert_eq!(lines.len(), 17, "{lines:?}");
        assert_eq!((lines[0], lines[1]), (1, 60_000));
    }

    #[test]
    fn a_guess_is_a_false_token_or_cookie_and_not_a_missing_one() {
        let door = Door::new(Secret::new("0123456789abcdef"));
        let guessed = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            door.is_guessed(&headers)
        };
        assert!(!door.is_guessed(&HeaderMap::new()));
        assert!(guessed(header::AUTHORIZATION, "Bearer 0123456789abcdee"));
        assert!(guessed(header::AUTHORIZATION, "Basic eDp4"));
        assert!(guessed(header::COOKIE, "a=b; thermine=guess"));
        assert!(!guessed(header::COOKIE, "other=guess"));
        assert!(!guessed(header::AUTHORIZATION, "bearer 0123456789abcdef"));
    }
}
