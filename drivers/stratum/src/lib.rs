//! Stratum V1, the wire on which miners get work: TCP, one JSON object a line.
//!
//! It knows both sides of the wire and the worth of a share. It does not know where a job comes from (a pool behind a
//! proxy, an experiment), what a unit is controlled by, or that units are simulated; it opens no file.
//!
//! | side | state machine, without I/O | connection | stands on it |
//! | --- | --- | --- | --- |
//! | server | [`server_protocol`] | [`server_connection`] | [`session`], the proxy's units, the simulated pool |
//! | client | [`client_protocol`] | [`client_connection`] | the proxy's pools, simulated units |
//!
//! Begin reading at [`server_protocol`]: it shows what a miner asks and what it is answered. Then:
//!
//! - [`request`] and [`notice`]: what the two sides say, as values and as bytes; [`refusal`]: how a request is refused;
//!   [`subscribed`]: the extranonces of a subscription; `loose`: values as real pools write them;
//! - [`mod@line`]: bounded lines over TCP, stamped as they arrive; `strikes`: how many bad ones are too many;
//! - [`verifier`]: what a submitted share is worth; [`factory`]: jobs that never repeat a header space;
//! - [`arrivals`]: connections before they have authorised; [`server`]: the listener that makes sessions of them;
//! - [`session`]: one authorised connection that an experiment drives;
//! - [`handshake`]: the Single-Word Handshake, one job in flight, as a state machine.
//!
//! Limits on how long a peer may be silent run on the clock of the run: wall time against hardware, virtual time in
//! simulation. Byte orders and the habits of real firmware stand in `QUIRKS.md` beside this file.
//!
//! # Example
//!
//! A miner that speaks ESP-Miner's way comes in; its lines are judged without a socket:
//!
//! ```
//! use std::time::Duration;
//! use thermine_stratum::server_protocol::{Asked, KEEP_ALIVE, ServerProtocol};
//! use thermine_stratum::subscribed::Subscribed;
//! use thermine_units::clock::Nanos;
//!
//! let idle = Duration::from_secs(600);
//! let mut miner = ServerProtocol::new(0x1fff_e000, KEEP_ALIVE, idle, Nanos::ZERO);
//!
//! // Version rolling is answered by itself.
//! let ask = r#"{"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff"}]}"#;
//! let (reply, _) = miner.hear(ask, Nanos(1))?;
//! assert!(reply.expect("a reply").to_line().contains("1fffe000"));
//!
//! // Extranonces and workers are the owner's to decide.
//! let ask = r#"{"id":2,"method":"mining.subscribe","params":["bitaxe/BM1366/2.1.10"]}"#;
//! if let (_, Some(Asked::Subscribe { id, .. })) = miner.hear(ask, Nanos(2))? {
//!     let given = Subscribed { session: None, extranonce1: vec![0, 0, 0, 1], extranonce2_len: 4 };
//!     assert!(miner.subscribe(id, &given).to_line().contains("\"00000001\",4]"));
//! }
//! let ask = r#"{"id":3,"method":"mining.authorize","params":["rack1.unit7","x"]}"#;
//! if let (_, Some(Asked::Authorize { id, user })) = miner.hear(ask, Nanos(3))? {
//!     miner.welcome(id, user);
//! }
//! assert!(miner.is_ready());
//! assert_eq!(miner.worker(), "rack1.unit7");
//! # Ok::<(), thermine_stratum::server_protocol::Lost>(())
//! ```

pub mod arrivals;
pub mod client_connection;
pub mod client_protocol;
mod configure;
pub mod factory;
pub mod handshake;
pub mod line;
mod loose;
pub mod notice;
pub mod refusal;
pub mod request;
pub mod server;
pub mod server_connection;
pub mod server_protocol;
pub mod session;
mod session_error;
mod strikes;
pub mod subscribed;
pub mod verifier;

pub use server::Server;
pub use session::{Session, SessionError};
