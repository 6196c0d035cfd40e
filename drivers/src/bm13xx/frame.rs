//! What goes over the wire, as values.

use serde::{Deserialize, Serialize};

use thermine_units::pow::Work;
use thermine_units::pow::sha256d::Midstate;

/// A chip generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Antminer S9: jobs carry midstates, replies are 7 bytes.
    Bm1387,
    /// Lucky Miner LV06: jobs carry the whole header, replies have a preamble.
    Bm1366,
}

impl Family {
    /// Name of its chips.
    pub(super) fn name(self) -> &'static str {
        match self {
            Family::Bm1387 => "BM1387",
            Family::Bm1366 => "BM1366",
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Which chips a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// All chips of the chain.
    All,
    /// The chip of this address.
    Chip(u8),
}

/// From host to chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A register is read or written.
    Command(Command),
    /// A block header to hash.
    Job(Job),
}

/// A command to the chips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Every addressed chip replies with the register's value.
    Read {
        /// The chips that it is for.
        to: Target,
        /// Number of the register.
        register: u8,
    },
    /// The register takes the value.
    Write {
        /// The chips that it is for.
        to: Target,
        /// Number of the register.
        register: u8,
        /// Value of the register.
        value: u32,
    },
    /// From now on the next chip without an address takes the first that it sees.
    ChainInactive,
    /// The next chip without an address takes this one.
    SetAddress(u8),
}

/// Work for the chips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Work with a midstate, as a BM1387 takes it.
    Bm1387 {
        /// Number by which a nonce names the job, 7 bits. With n midstates the low log2(n) bits must be 0:
        /// they come back as the index of the midstate that was hit.
        id: u8,
        /// Network target in compact form.
        nbits: u32,
        /// Block time of the header, Unix seconds.
        ntime: u32,
        /// Header bytes 64 to 67: the last four of the merkle root.
        tail: [u8; 4],
        /// SHA-256 states after the header's first 64 bytes, as eight words h0 to h7: 1, 2 or 4 of them,
        /// which differ by the version alone.
        midstates: Vec<[u32; 8]>,
    },
    /// Work with the whole header, as a BM1366 takes it.
    Bm1366 {
        /// Number by which a nonce names the job, a multiple of 8: the low 3 bits come back as a sub-core.
        id: u8,
        /// Nonce to begin at.
        start_nonce: u32,
        /// Network target in compact form.
        nbits: u32,
        /// Block time of the header, Unix seconds.
        ntime: u32,
        /// Merkle root in header order.
        merkle_root: [u8; 32],
        /// Previous block hash in header order.
        prevhash: [u8; 32],
        /// Block version; the chip rolls its masked bits by itself.
        version: u32,
    },
}

impl Job {
    /// The job of `family` for `work` with this merkle root and one midstate.
    pub fn of(family: Family, id: u8, work: &Work, merkle_root: &[u8; 32]) -> Job {
        match family {
            Family::Bm1387 => {
                let header = work.header(work.version, merkle_root, work.ntime, 0);
                let mut tail = [0; 4];
                tail.copy_from_slice(&header[64..68]);
                Job::Bm1387 {
                    id,
                    nbits: work.nbits,
                    ntime: work.ntime,
                    tail,
                    midstates: vec![Midstate::of(header.first_block()).words()],
                }
            }
            Family::Bm1366 => Job::Bm1366 {
                id,
                start_nonce: 0,
                nbits: work.nbits,
                ntime: work.ntime,
                merkle_root: *merkle_root,
                prevhash: work.prevhash,
                version: work.version,
            },
        }
    }

    /// Number of the job.
    pub fn id(&self) -> u8 {
        match self {
            Job::Bm1387 { id, .. } | Job::Bm1366 { id, .. } => *id,
        }
    }
}

/// From chip to host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// An answer to work.
    Nonce(Nonce),
    /// An answer to [`Command::Read`].
    Register {
        /// Value of the register.
        value: u32,
        /// Chip and register that it is of; a BM1387 says neither, so its replies are told by their order.
        of: Option<(u8, u8)>,
    },
}

/// A nonce that a chip has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce {
    /// The header's nonce as a number: its four bytes are sent as they stand in the header.
    pub nonce: u32,
    /// BM1387: number of the solution; BM1366: a hint of excess difficulty. Neither is needed.
    pub hint: u8,
    /// BM1387: job id with the midstate's index in its low bits. BM1366: job id with the sub-core in its
    /// low 3 bits.
    pub id: u8,
    /// Version bits that the chip rolled, at their place in the version; 0 on a BM1387.
    pub version_bits: u32,
}

impl Nonce {
    /// Id of the job that it answers, which had `midstates` midstates (a power of two; 1 on a BM1366).
    pub fn job_id(&self, family: Family, midstates: u8) -> u8 {
        match family {
            Family::Bm1387 => self.id & 0x7f & !(midstates.max(1) - 1),
            Family::Bm1366 => self.id & 0xf8,
        }
    }
}
