//! The running daemon's web server: the page, the API behind it, the metrics.
//!
//! It only watches: it shows what [`Live`](crate::live::Live) holds, and hands requests on as a [`Command`]. The daemon
//! never waits for it; a client that reads slowly loses frames of its own stream and nothing else.
//!
//! - `router`: routes, begin and end; `listener`, `places`, `connection`: connections and their limits;
//! - `guard`: the checks of every request; `auth`: the token; `login`: the form for it;
//! - `api`, `stream` (with `frame`), `metrics`, `openapi`, `assets`: the handlers; `extract`, `error`: how they read a
//!   request, and how they refuse it;
//! - `shared`: what handlers share; `settings`: what the daemon decides.

mod api;
mod assets;
mod auth;
mod connection;
mod error;
mod extract;
mod frame;
mod guard;
mod listener;
mod login;
mod metrics;
mod openapi;
mod places;
mod router;
mod settings;
mod shared;
mod stream;

pub use self::router::serve;
pub use self::settings::Settings;
pub use self::shared::Command;
