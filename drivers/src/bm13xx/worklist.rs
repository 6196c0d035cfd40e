//! The work that chips have, and what their nonces answer.

use super::clocking::MIDSTATES;
use super::frame::{self, Family, Nonce};
use thermine_stratum::factory::Job;
use thermine_units::pow::Difficulty;
use thermine_units::pow::sha256d::Midstate;

/// Nonces remembered of one chip job, against repetition. At any sensible ticket difficulty a job has
/// less than one on average.
const REMEMBERED_NONCES: usize = 64;

/// Lowest version bit that BIP 320 sets aside for rolling. The host rolls it and the next.
const FIRST_ROLLED_BIT: u32 = 13;

/// Chip jobs by their number, as many as there are numbers: a late nonce of replaced work is understood
/// until its number is given again.
#[derive(Debug, Clone)]
pub(super) struct Worklist {
    family: Family,
    slots: Vec<Option<Issued>>,
    next: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Issued {
    /// Number of the step's job that it is of.
    pub(super) serial: u64,
    /// Share difficulty of that job.
    pub(super) difficulty: Difficulty,
    /// Block time of that job.
    pub(super) ntime: u32,
    /// Extranonce2 that was rolled for it.
    pub(super) extranonce2: u32,
    seen: Vec<(u32, u32)>,
    oldest: usize,
}

impl Issued {
    /// Remembers a nonce. Returns whether it is new.
    pub(super) fn remember(&mut self, nonce: u32, version_bits: u32) -> bool {
        let nonce = (nonce, version_bits);
        if self.seen.contains(&nonce) {
            return false;
        }
        if self.seen.len() < REMEMBERED_NONCES {
            self.seen.push(nonce);
        } else {
            self.seen[self.oldest] = nonce;
            self.oldest = (self.oldest + 1) % REMEMBERED_NONCES;
        }
        true
    }
}

impl Family {
    /// Numbers that jobs can have, and the distance between them: the low bits of a BM1387's come back as
    /// the midstate's index, those of a BM1366's as a sub-core. ESP-Miner uses no more than 16 of these.
    fn job_ids(self) -> (usize, u8) {
        match self {
            Family::Bm1387 => (128 / usize::from(MIDSTATES), MIDSTATES),
            Family::Bm1366 => (16, 8),
        }
    }

    /// Version bits that the host rolls.
    pub(super) fn host_rolled(self) -> u32 {
        match self {
            Family::Bm1387 => (u32::from(MIDSTATES) - 1) << FIRST_ROLLED_BIT,
            Family::Bm1366 => 0,
        }
    }
}

impl Worklist {
    pub(super) fn new(family: Family) -> Worklist {
        Worklist {
            family,
            slots: vec![None; family.job_ids().0],
            next: 0,
        }
    }

    /// The chip job of `job` with this extranonce2, under the next number.
    pub(super) fn issue(
        &mut self,
        job: &Job,
        difficulty: Difficulty,
        extranonce1: &[u8],
        extranonce2: u32,
    ) -> frame::Job {
        let work = &job.work;
        // Numbers stay below 128.
        let id = self.next as u8 * self.family.job_ids().1;
        let root = work.merkle_root(extranonce1, &extranonce2.to_be_bytes());
        let mut chip_job = frame::Job::of(self.family, id, work, &root);
        if let frame::Job::Bm1387 { midstates, .. } = &mut chip_job {
            midstates.extend((1..u32::from(MIDSTATES)).map(|index| {
                let version = work.version | index << FIRST_ROLLED_BIT;
                Midstate::of(work.header(version, &root, work.ntime, 0).first_block()).words()
            }));
        }
        self.slots[self.next] = Some(Issued {
            serial: job.serial,
            difficulty,
            ntime: work.ntime,
            extranonce2,
            seen: Vec::new(),
            oldest: 0,
        });
        self.next = (self.next + 1) % self.slots.len();
        chip_job
    }

    /// The chip job that a nonce answers and the version bits that it was found with; `None` if its number
    /// was never given.
    pub(super) fn find(&mut self, nonce: &Nonce) -> Option<(&mut Issued, u32)> {
        let id = nonce.job_id(self.family, MIDSTATES);
        let bits = match self.family {
            Family::Bm1387 => u32::from(nonce.id & (MIDSTATES - 1)) << FIRST_ROLLED_BIT,
            Family::Bm1366 => nonce.version_bits,
        };
        let slot = usize::from(id / self.family.job_ids().1);
        let issued = self.slots.get_mut(slot)?.as_mut()?;
        Some((issued, bits))
    }
}
