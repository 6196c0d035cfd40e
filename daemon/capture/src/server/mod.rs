//! Captures on a PostgreSQL server, for racks and sites beyond one machine: every run a number in one database,
//! and as many programs writing at once as the server takes.
//!
//! - `client`: the connection, and the tables on the server; `login`: the password, and how the connection is protected;
//! - `absent`: instead of both in a build without the feature `postgres`.

#[cfg(not(feature = "postgres"))]
mod absent;
#[cfg(feature = "postgres")]
mod client;
#[cfg(feature = "postgres")]
mod login;

#[cfg(not(feature = "postgres"))]
pub(crate) use self::absent::{Server, check_url};
#[cfg(feature = "postgres")]
pub(crate) use self::client::Server;
#[cfg(feature = "postgres")]
pub(super) use self::login::check_url;
