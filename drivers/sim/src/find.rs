//! What a simulated unit finds.

use thermine_units::clock::Nanos;

/// A share that the unit submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Find {
    /// When, device time.
    pub at: Nanos,
    /// Token of the job that it answers; after a switch this may be the replaced one.
    pub job: u64,
    pub(crate) board: u8,
    /// Chip of the board's chain, from 0.
    pub chip: u8,
    /// Core of the chip as written in the nonce, see [`thermine_units::nonce::Layout::core`].
    pub core: u8,
    /// Whether this is a second submission of the same share.
    pub copy: bool,
    /// Whether the chip computed wrongly, so that its nonce will not verify. Only bare chips hand such
    /// answers on, see [`super::Device::take_frame`].
    pub(crate) wrong: bool,
}

impl Find {
    /// Whether this is the same share as `other`, sent at whatever time.
    pub fn repeats(&self, other: &Find) -> bool {
        let share = |find: &Find| (find.job, find.board, find.chip, find.core);
        share(self) == share(other)
    }
}
