//! Jobs that never repeat a header space.
//!
//! A unit restarts its extranonce2 counter at every clean job, so two jobs with the same coinbase would
//! make it search the same headers twice. Each job therefore carries its serial number in the coinbase,
//! beside the input word of the experiment.

use rand::RngExt;

use thermine_units::clock::Clock;
use thermine_units::pow::{Algorithm, Work};
use thermine_units::seed::Rng;

/// Bitcoin's own field values, kept hard so that no unit ever takes a share for a block.
const NBITS: u32 = 0x1702_3a04;
/// BIP 9 base version: every bit of the BIP 320 rolling mask is zero, so that XOR, OR and masked
/// replacement of rolled bits all give the same header.
const VERSION: u32 = 0x2000_0000;

/// Makes jobs, each with a header space of its own.
#[derive(Debug, Clone)]
pub struct JobFactory {
    rng: Rng,
    tag: [u8; 8],
    serial: u64,
    algorithm: Algorithm,
}

/// A job before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Number of the job, unique within its factory; its hex form is the job id on the wire.
    pub serial: u64,
    /// Header and coinbase material.
    pub work: Work,
}

impl JobFactory {
    /// A factory of the run that `rng` belongs to.
    pub fn new(mut rng: Rng) -> JobFactory {
        let tag = rng.random();
        JobFactory {
            rng,
            tag,
            serial: 0,
            algorithm: Algorithm::default(),
        }
    }

    /// The same for units that hash by `algorithm`.
    pub fn with_algorithm(self, algorithm: Algorithm) -> JobFactory {
        JobFactory { algorithm, ..self }
    }

    /// The next job as [`next`](JobFactory::next), its block time `later` seconds after what `clock` says.
    pub fn at(&mut self, word: u32, later: u16, clock: &Clock, extranonce_len: usize) -> Job {
        let ntime = clock.unix(clock.now()).as_secs() + u64::from(later);
        self.next(
            word,
            u32::try_from(ntime).unwrap_or(u32::MAX),
            extranonce_len,
        )
    }

    /// The next job, carrying `word`, with block time `ntime`; `extranonce_len` is the length in bytes of
    /// both extranonces together.
    ///
    /// The coinbase is a well-formed transaction without inputs of value: one input whose script holds
    /// the run's tag, the serial number, the word and the extranonces, and one unspendable output of
    /// zero. It can never be anyone's money.
    pub fn next(&mut self, word: u32, ntime: u32, extranonce_len: usize) -> Job {
        self.serial += 1;
        let script_len = 8 + 8 + 4 + extranonce_len;
        let mut coinb1 = Vec::with_capacity(62);
        coinb1.extend(1u32.to_le_bytes()); // transaction version
        coinb1.push(1); // one input
        coinb1.extend([0; 32]); // of no previous transaction
        coinb1.extend([0xff; 4]);
        coinb1.push(u8::try_from(script_len).unwrap_or(u8::MAX));
        coinb1.extend(self.tag);
        coinb1.extend(self.serial.to_be_bytes());
        coinb1.extend(word.to_be_bytes());

        let mut coinb2 = Vec::with_capacity(19);
        coinb2.extend([0xff; 4]); // sequence
        coinb2.push(1); // one output
        coinb2.extend(0u64.to_le_bytes()); // of nothing
        coinb2.extend([1, 0x6a]); // to OP_RETURN
        coinb2.extend([0; 4]); // lock time

        Job {
            serial: self.serial,
            work: Work {
                version: VERSION,
                prevhash: self.rng.random(),
                claim_trie: match self.algorithm {
                    Algorithm::Sha256d => None,
                    Algorithm::Lbry => Some(self.rng.random()),
                },
                coinb1,
                coinb2,
                merkle_branch: Vec::new(),
                ntime,
                nbits: NBITS,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use thermine_units::pow::work::BIP320_MASK;
    use thermine_units::seed;

    #[test]
    fn equal_words_never_share_a_header_space() {
        let mut factory = JobFactory::new(seed::stream(1, "jobs"));
        let roots: HashSet<_> = (0..1000)
            .map(|_| factory.next(7, 0, 8).work.merkle_root(&[0; 4], &[0; 4]))
            .collect();
        assert_eq!(roots.len(), 1000);
    }

    #[test]
    fn rolled_bits_are_free_and_the_script_length_is_right() {
        let job = JobFactory::new(seed::stream(1, "jobs")).next(7, 0, 8);
        assert_eq!(job.work.version & BIP320_MASK, 0);
        // 4 version + 1 count + 36 outpoint, then the length byte and what coinb1 holds of the script.
        let script_len = usize::from(job.work.coinb1[41]);
        assert_eq!(script_len, job.work.coinb1.len() - 42 + 8);
    }
}
