//! The Virtual Block Manager: a Stratum proxy behind which no unit waits for the network.
//!
//! It knows pools, units and their shares. It does not know what stores a share ([`journal`] is the way to a store, not
//! the store), what controls a unit, or what an experiment does with one that it takes out of mining.
//!
//! Begin reading at `proxy.rs`, which puts the tasks together, then follow a share: `unit/share.rs`, [`Hub`],
//! `upstream/session.rs`, `upstream/notices.rs`, [`journal`].
//!
//! - [`space`]: how the pool's extranonce2 is divided between units and pieces of work;
//! - [`template`]: the pool's newest job, kept, and its form for a unit;
//! - `ledger`: the jobs of one unit, and what its shares are worth;
//! - `queue`: when a unit that runs dry gets its next piece; [`vardiff`]: its share difficulty;
//! - [`account`]: where its time and its shares went; [`ban`]: who is kept out, why and until when;
//! - `permits`: which connections may have work, as the interlocks of their units say;
//! - [`journal`]: shares on their way to a store, and what a restart finds there; `subscription`: what they belong to;
//! - `mailbox`: what a unit's task is told; `unit`: that task; [`hub`]: what all of them share; `held`: a unit's job
//!   stream, taken out for an experiment; `lock`: how all of it is locked;
//! - [`upstream`]: the one connection to the pools; `proxy`: all of it, put together.
//!
//! Nothing waits for anything that it does not need: a share goes to the pool while it is being stored, and to the unit
//! as accepted when it has been stored; a new block goes to every unit's mailbox, where it replaces whatever was there.
//!
//! # Example
//!
//! A proxy on loopback that mines at no pool yet, with a store that keeps nothing:
//!
//! ```
//! use std::time::Duration;
//! use thermine_proxy::journal::{self, Journal, Restored};
//! use thermine_proxy::upstream::endpoint::Trust;
//! use thermine_proxy::upstream::{Policy, Pool};
//! use thermine_proxy::{Proxy, Settings, ban, hub, vardiff};
//! use thermine_units::{clock::Clock, pow::Difficulty, secret::Secret, seed};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = Pool {
//!     endpoint: "stratum+tcp://127.0.0.1:1".parse()?,
//!     user: "account".into(),
//!     password: Secret::new("x"),
//!     reconnect_hosts: Vec::new(),
//!     timeout: Duration::from_secs(10),
//!     silence: Duration::from_secs(300),
//! };
//! let settings = Settings {
//!     policy: Policy {
//!         pools: vec![pool],
//!         backoff: (Duration::from_secs(1), Duration::from_secs(60)),
//!         return_after: Duration::from_secs(60),
//!         keep_for: Duration::from_secs(600),
//!     },
//!     units: hub::UnitSettings {
//!         difficulty_scale: 1.0,
//!         vardiff: vardiff::Goal {
//!             interval: Duration::from_secs(3),
//!             least: Difficulty::ONE,
//!             most: Difficulty::new(1e9)?,
//!             first: Difficulty::new(256.0)?,
//!         },
//!         ban: ban::Rules {
//!             invalid: 20,
//!             window: Duration::from_secs(60),
//!             length: Duration::from_secs(600),
//!         },
//!         ranged: Vec::new(),
//!         lead: Duration::from_millis(100),
//!         most: 1000,
//!         max_unauthorised: 1000,
//!         handshake_timeout: Duration::from_secs(10),
//!         idle_timeout: Duration::from_secs(600),
//!     },
//!     trust: Trust::new(Vec::new())?,
//! };
//! let (journal, entries) = Journal::channel();
//! let store = tokio::spawn(journal::keep_nothing(entries));
//! let rng = seed::stream(1, "back-off");
//! let proxy = Proxy::new(settings, Clock::real(), journal, Restored::default(), rng);
//! let hub = proxy.hub();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let stop = CancellationToken::new();
//! let running = tokio::spawn(proxy.run(listener, stop.clone()));
//! assert_eq!(hub.count(), 0);
//! stop.cancel();
//! running.await?;
//! drop(hub);
//! store.await?;
//! # Ok(())
//! # }
//! ```

pub mod account;
pub mod ban;
mod held;
pub mod hub;
pub mod journal;
mod ledger;
mod lock;
mod mailbox;
mod permits;
mod proxy;
mod queue;
pub mod space;
mod subscription;
pub mod template;
mod unit;
pub mod upstream;
pub mod vardiff;

pub use held::{Held, Release};
pub use hub::Hub;
pub use proxy::{Proxy, Settings};
