//! What a nonce is worth: decided without I/O.

use super::bring_up::Chain;
use super::frame::{self, Family, Nonce};
use super::worklist::Worklist;
use thermine_stratum::factory::Job;
use thermine_stratum::request::Submit;
use thermine_stratum::verifier::{Judgement, Verifier, job_id};
use thermine_units::clock::Nanos;
use thermine_units::model::s9;
use thermine_units::pow::Difficulty;
use thermine_units::record::Verdict;

/// Bytes of each extranonce.
pub(super) const EXTRANONCE: usize = 4;

/// Zero bits that a chip always asks of a hash, beyond which its ticket mask counts.
const ALWAYS_ZERO: f64 = 32.0;

/// Issues chip jobs and judges the nonces that answer them.
#[derive(Debug)]
pub(super) struct Answers {
    worklist: Worklist,
    verifier: Verifier,
    /// A sound hash is below this (as difficulty: above its inverse), see [`ticket_difficulty`].
    ticket: f64,
    worker: String,
}

/// What a nonce is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Worth {
    /// An answer to a step's job, with its verdict.
    Answer(Submit, Judgement),
    /// Sound, but easier than what its job asks: a sign of hashing and nothing more.
    Easy,
    /// Came before.
    Repeated,
    /// Its hash is none that the chip should have reported: an error of the hardware.
    Wrong(Submit, Judgement),
    /// Answers work that was never given.
    Unknown,
}

impl Answers {
    pub(super) fn new(
        chain: &Chain,
        extranonce1: [u8; EXTRANONCE],
        scale: f64,
        worker: String,
    ) -> Answers {
        let mut verifier = Verifier::new(extranonce1.to_vec(), EXTRANONCE, scale);
        verifier.set_version_mask(chain.version_mask | chain.family.host_rolled());
        Answers {
            worklist: Worklist::new(chain.family),
            verifier,
            ticket: ticket_difficulty(chain.ticket, scale),
            worker,
        }
    }

    pub(super) fn verifier(&mut self) -> &mut Verifier {
        &mut self.verifier
    }

    /// The chip job of `job` with this extranonce2.
    pub(super) fn issue(
        &mut self,
        job: &Job,
        difficulty: Difficulty,
        extranonce2: u32,
    ) -> frame::Job {
        let extranonce1 = self.verifier.extranonce1();
        self.worklist
            .issue(job, difficulty, extranonce1, extranonce2)
    }

    /// Judges a nonce.
    pub(super) fn judge(&mut self, nonce: &Nonce) -> Worth {
        let Some((issued, bits)) = self.worklist.find(nonce) else {
            return Worth::Unknown;
        };
        let submit = Submit {
            user: self.worker.clone(),
            job_id: job_id(issued.serial),
            extranonce2: issued.extranonce2.to_be_bytes().to_vec(),
            ntime: issued.ntime,
            nonce: nonce.nonce,
            version_bits: (self.verifier.version_mask() != 0).then_some(bits),
        };
        let mut judgement = self.verifier.judge(&submit);
        // The verifier remembers more jobs than chips have numbers, so it knows this one.
        let Some(met) = judgement.difficulty else {
            return Worth::Unknown;
        };
        let new = issued.remember(nonce.nonce, bits);
        if met < self.ticket {
            return if new {
                judgement.verdict = Verdict::LowDifficulty;
                Worth::Wrong(submit, judgement)
            } else {
                Worth::Repeated
            };
        }
        match judgement.verdict {
            Verdict::LowDifficulty if new => Worth::Easy,
            Verdict::Stale if met < issued.difficulty.get() && new => Worth::Easy,
            Verdict::LowDifficulty | Verdict::Stale if !new => Worth::Repeated,
            _ => Worth::Answer(submit, judgement),
        }
    }

    /// Takes note of a step's job.
    pub(super) fn begin(&mut self, job: &Job, difficulty: Difficulty, sent: Nanos, clean: bool) {
        let work = job.work.clone();
        self.verifier
            .issue(job.serial, work, difficulty, sent, clean);
    }
}

/// Difficulty, in units of `scale`, that every nonce a chip reports must meet. Chips count zero bits: 32 and
/// log2 of the ticket difficulty, which is a trifle easier (1/65536) than the pool convention's difficulty.
/// Simulated chips ask for log2(`scale`) bits more, rounded, and never for fewer than none.
fn ticket_difficulty(ticket: u32, scale: f64) -> f64 {
    let bits = (ALWAYS_ZERO + f64::from(ticket).log2() + scale.log2())
        .round()
        .max(0.0);
    // A hash with that many zero bits is below 2^(256 − bits); difficulty 1 is 65535 · 2^208.
    65_535.0 * (bits - 48.0).exp2() / scale
}

/// Position in its chain of the chip that found `nonce`, by the nonce's own bits; `None` if there is no
/// such chip.
pub(super) fn chip_of(chain: &Chain, nonce: u32) -> Option<usize> {
    let chips = chain.addresses.len();
    let chip = match chain.family {
        Family::Bm1387 => usize::from(s9::LAYOUT.decode(nonce).chip),
        Family::Bm1366 => {
            // Bits 24 to 17 of the bytes read the other way round hold the address.
            let address = nonce.swap_bytes() >> 17 & 0xff;
            address as usize / Family::Bm1366.address_step(chips)
        }
    };
    (chip < chips).then_some(chip)
}
