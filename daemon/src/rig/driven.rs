//! A unit while it is driven, whatever its wire.

use thermine_drivers::substrate::{
    Drive, Handshake, Idle, Observation, Provenance, SerialChain, Substrate, SubstrateError,
};
use tokio_serial::SerialStream;

/// A unit as a substrate.
#[derive(Debug)]
pub enum Driven {
    /// Behind a Stratum session.
    Handshake(Box<Handshake>),
    /// Bare chips on a serial line.
    Chain(Box<SerialChain<SerialStream>>),
    /// Without work.
    Idle(Box<Idle>),
}

impl Substrate for Driven {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        match self {
            Driven::Handshake(unit) => unit.step(drive).await,
            Driven::Chain(chain) => chain.step(drive).await,
            Driven::Idle(unit) => unit.step(drive).await,
        }
    }

    fn provenance(&self) -> Provenance {
        match self {
            Driven::Handshake(unit) => unit.provenance(),
            Driven::Chain(chain) => chain.provenance(),
            Driven::Idle(unit) => unit.provenance(),
        }
    }
}
