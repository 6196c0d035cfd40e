//! A unit while it is driven, whatever its wire.

use std::sync::Arc;

use crate::substrate::{
    Drive, Handshake, Idle, Observation, SerialChain, Substrate, SubstrateError,
};
use parking_lot::Mutex;
use thermine_drivers::bm13xx::Controller;
use thermine_units::provenance::Provenance;
use tokio_serial::SerialStream;

/// A unit as a substrate.
#[derive(Debug)]
pub enum Driven {
    /// Behind a Stratum session.
    Handshake(Box<Handshake>),
    /// Bare chips on a serial line.
    Chain(Chain),
    /// A unit that has no work.
    Idle(Box<Idle>),
}

/// Bare chips while they are driven. Dropped in the middle of it, it leaves their controller to the unit, which has to
/// stop them.
#[derive(Debug)]
pub struct Chain {
    chain: Option<Box<SerialChain<SerialStream>>>,
    provenance: Provenance,
    left: LeftBehind,
}

/// Where the controller of a drive that broke off is left.
pub(super) type LeftBehind = Arc<Mutex<Option<Controller<SerialStream>>>>;

impl Chain {
    pub(super) fn new(chain: SerialChain<SerialStream>, left: &LeftBehind) -> Chain {
        Chain {
            provenance: chain.provenance(),
            chain: Some(Box::new(chain)),
            left: left.clone(),
        }
    }

    pub(super) fn into_inner(mut self) -> Option<SerialChain<SerialStream>> {
        self.chain.take().map(|chain| *chain)
    }

    fn chain(&mut self) -> &mut SerialChain<SerialStream> {
        #[expect(clippy::expect_used, reason = "taken by `into_inner` and `drop` alone")]
        self.chain.as_mut().expect("there until it ends")
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        if let Some(chain) = self.chain.take() {
            *self.left.lock() = Some(chain.into_controller());
        }
    }
}

impl Substrate for Driven {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        match self {
            Driven::Handshake(unit) => unit.step(drive).await,
            Driven::Chain(chain) => chain.chain().step(drive).await,
            Driven::Idle(unit) => unit.step(drive).await,
        }
    }

    fn provenance(&self) -> Provenance {
        match self {
            Driven::Handshake(unit) => unit.provenance(),
            Driven::Chain(chain) => chain.provenance.clone(),
            Driven::Idle(unit) => unit.provenance(),
        }
    }
}
