//! The chips' own serial protocol, two generations of it: BM1387 (Antminer S9) and BM1366 (Lucky Miner LV06).
//!
//! - [`crc`]: the two checksums;
//! - [`frame`]: what goes over the wire, as values; [`wire`]: its bytes, for either end;
//! - [`port`]: frames over an open port, stamped as they arrive;
//! - [`register`]: what the registers mean: PLL, ticket mask, baud rate.
//!
//! The two generations share command set, checksums and ideas, but neither the bytes nor a codec: a BM1387
//! frame has no preamble (`55` is a command there), other codes, other registers and other job frames.

pub mod crc;
pub mod frame;
pub mod port;
pub mod register;
pub mod wire;

pub use frame::{Command, Family, Job, Nonce, Reply, Request, Target};
pub use port::{Port, PortError};
pub use wire::{ChipCodec, HostCodec};
