//! Authentication: the token, in a header of programs or, for the page, as a cookie that the login form sets.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use parking_lot::Mutex;
use thermine_units::secret::Secret;
use tokio::sync::Semaphore;

/// Name of the cookie.
const COOKIE: &str = "thermine";
/// Life of the cookie, in seconds: 30 days.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;
/// Wait before a wrong token is answered.
const WRONG_TOKEN: Duration = Duration::from_millis(500);
/// Wrong tokens that wait at the same time, over all connections: some 16 guesses a second.
const AT_ONCE: usize = 8;
/// Time between two log lines about wrong tokens.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The token, and the value of the cookie. The cookie is derived from the token and does not give the token away, so
/// it needs no table of sessions and outlives a restart.
#[derive(Debug)]
pub(super) struct Auth {
    token: Secret,
    cookie: Secret,
}

impl Auth {
    pub(super) fn new(token: Secret) -> Auth {
        let cookie = Secret::new(token.derived(COOKIE));
        Auth { token, cookie }
    }

    pub(super) fn is_token(&self, word: &str) -> bool {
        self.token.matches(word.trim())
    }

    /// The header value that sets the cookie.
    pub(super) fn set_cookie(&self) -> String {
        let value = self.token.derived(COOKIE);
        format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_SECONDS}")
    }

    /// The header value that deletes the cookie.
    pub(super) fn delete_cookie() -> String {
        format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
    }

    /// Whether these headers hold a wrong token or cookie.
    pub(super) fn is_guessed(&self, headers: &HeaderMap) -> bool {
        let holds =
            headers.contains_key(header::AUTHORIZATION) || cookies(headers).next().is_some();
        holds && !self.allows(headers)
    }

    /// Whether a request with these headers is allowed.
    pub(super) fn allows(&self, headers: &HeaderMap) -> bool {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .is_some_and(|(_, token)| self.is_token(token));
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

/// Wrong tokens, over all connections: each is answered late, a few at a time, and logged.
#[derive(Debug)]
pub(super) struct Guesses {
    turns: Semaphore,
    logged: Mutex<Logged>,
}

#[derive(Debug, Default)]
struct Logged {
    last: Option<Instant>,
    /// Wrong tokens since then.
    since: u64,
}

impl Default for Guesses {
    fn default() -> Guesses {
        Guesses {
            turns: Semaphore::new(AT_ONCE),
            logged: Mutex::default(),
        }
    }
}

impl Guesses {
    /// Waits before the wrong token of `peer` is answered.
    pub(super) async fn slow(&self, peer: IpAddr) {
        if let Some(wrong) = self.logged.lock().more(Instant::now()) {
            tracing::warn!(
                %peer,
                wrong,
                "wrong tokens were sent to the web server; the last came from this address"
            );
        }
        // It is never closed; if it were, only the wait for a turn would be left out.
        let _turn = self.turns.acquire().await;
        tokio::time::sleep(WRONG_TOKEN).await;
    }
}

impl Logged {
    /// Counts one more at `now`. Gives their number since the last line of the log, if another is due.
    fn more(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < LOG_EVERY)
        {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn guesses_wait_for_their_turn_on_many_connections_too() {
        let guesses = std::sync::Arc::new(Guesses::default());
        let turns = guesses.turns.acquire_many(AT_ONCE as u32).await;
        let one_more = guesses.clone();
        let waiting = tokio::spawn(async move { one_more.slow([10, 0, 0, 1].into()).await });
        while guesses.logged.lock().last.is_none() {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        drop(turns);
        waiting.await.expect("answered");
    }

    #[test]
    fn the_log_tells_of_a_million_guesses_in_a_line_a_minute() {
        let begun = Instant::now();
        let mut logged = Logged::default();
        let lines: Vec<u64> = (0..1_000_000)
            .filter_map(|i| logged.more(begun + Duration::from_millis(i)))
            .collect();
        assert_eq!(lines.len(), 17, "{lines:?}");
        assert_eq!((lines[0], lines[1]), (1, 60_000));
    }

    #[test]
    fn a_guess_is_a_false_token_or_cookie_and_not_a_missing_one() {
        let auth = Auth::new(Secret::new("0123456789abcdef"));
        let guessed = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            auth.is_guessed(&headers)
        };
        assert!(!auth.is_guessed(&HeaderMap::new()));
        assert!(guessed(header::AUTHORIZATION, "Bearer 0123456789abcdee"));
        assert!(guessed(header::AUTHORIZATION, "Basic eDp4"));
        assert!(guessed(header::COOKIE, "a=b; thermine=guess"));
        assert!(!guessed(header::COOKIE, "other=guess"));
        assert!(!guessed(header::AUTHORIZATION, "bearer 0123456789abcdef"));
    }
}
