//! The chips' own serial protocol, two generations of it: BM1387 (Antminer S9) and BM1366 (Lucky Miner LV06).
//!
//! - [`crc`]: the two checksums;
//! - [`frame`]: what goes over the wire, as values; [`wire`]: its bytes, for either end;
//! - `port`: frames over an open port, stamped as they arrive;
//! - [`register`]: what the registers mean: PLL, ticket mask, baud rate;
//! - [`link`]: a port with a seat at the clock, at a [`baud`] rate; [`bring_up`]: from reset to a chain;
//! - [`controller`]: work to the chips, shares back; `tally`: what the host sees; `error`: what can go
//!   wrong.
//!
//! The two generations share command set, checksums and ideas, but neither the bytes nor a codec: a BM1387
//! frame has no preamble (`55` is a command there), other codes, other registers and other job frames.

mod answers;
pub mod baud;
pub mod bring_up;
mod clocking;
mod control;
pub mod controller;
pub mod crc;
pub(crate) mod error;
pub mod frame;
pub mod link;
pub(crate) mod port;
pub mod register;
mod retune;
pub(crate) mod tally;
pub mod wire;
mod worklist;

pub use baud::Baud;
pub use bring_up::{BringUp, Chain};
pub use controller::Controller;
pub use error::ChainError;
pub use frame::{Command, Family, Job, Nonce, Reply, Request, Target};
pub use link::Link;
pub use port::{Port, PortError};
pub use wire::{ChipCodec, HostCodec};
