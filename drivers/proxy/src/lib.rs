//! The Virtual Block Manager: a Stratum proxy behind which no unit waits for the network.
//!
//! - [`space`]: how the pool's extranonce2 is divided between units and pieces of work;
//! - [`template`]: the pool's newest job, kept, and its form for a unit;
//! - [`ledger`]: the jobs of one unit, and what its shares are worth;
//! - [`queue`]: when a unit that runs dry gets its next piece; [`vardiff`]: its share difficulty;
//! - [`account`]: where its time and its shares went; [`ban`]: who is kept out, why and until when;
//! - [`permits`]: which connections may have work, as the interlocks of their units say;
//! - [`journal`]: shares on their way to a store, and what a restart finds there;
//! - [`mailbox`]: what a unit's task is told; [`mod@unit`]: that task; [`hub`]: what all of them share;
//! - [`upstream`]: the one connection to the pools; [`proxy`]: all of it, put together.
//!
//! Nothing waits for anything that it does not need: a share goes to the pool while it is being stored, and
//! to the unit as accepted when it has been stored; a new block goes to every unit's mailbox, where it
//! replaces whatever was there.

pub mod account;
pub mod ban;
pub mod hub;
pub mod journal;
pub mod ledger;
pub mod mailbox;
pub mod permits;
pub mod proxy;
pub mod queue;
pub mod space;
pub mod template;
pub mod unit;
pub mod upstream;
pub mod vardiff;

pub use hub::{Held, Hub};
pub use proxy::{Proxy, Settings};
