//! A unit while it is driven, whatever its wire.

use thermine_drivers::substrate::{
    Drive, Handshake, Observation, Provenance, Substrate, SubstrateError,
};

/// A unit as a substrate.
#[derive(Debug)]
pub enum Driven {
    /// Behind a Stratum session.
    Handshake(Box<Handshake>),
}

impl Substrate for Driven {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        match self {
            Driven::Handshake(unit) => unit.step(drive).await,
        }
    }

    fn provenance(&self) -> Provenance {
        match self {
            Driven::Handshake(unit) => unit.provenance(),
        }
    }
}
