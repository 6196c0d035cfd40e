//! A frame of work, and the nonces that a core finds in it.

use thermine_drivers::bm13xx::{Family, Job, Nonce};
use thermine_units::model::{lv06, s9};
use thermine_units::nonce::Origin;
use thermine_units::pow::Header;
use thermine_units::pow::first_passing;
use thermine_units::pow::sha256d::Midstate;
use thermine_units::pow::work::rolled_version;

/// Nonces tried for one answer, after which it is given up: 2^16 times what 4 zero bits take.
const MAX_TRIES: u32 = 1 << 20;

/// The work on the chips.
#[derive(Debug)]
pub(super) struct Frame {
    job: Job,
    /// Number of midstates, or of versions that the chips roll through: they take one after the other.
    rounds: u32,
    version_mask: u32,
    zero_bits: u32,
}

/// Where in a frame a core has got to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Address of the chip.
    pub(super) address: u8,
    /// The core, as written in the nonce.
    pub(super) core: u8,
    /// Number of nonces that a core goes through a round, a power of two but for the coverage.
    pub(super) counters: u32,
    /// Rounds gone through; the fraction says how far the present one is.
    pub(super) progress: f64,
}

impl Frame {
    /// A frame of `rounds` midstates, or of the versions under `version_mask`. Its nonces must begin in
    /// `zero_bits` zero bits.
    pub(super) fn new(job: Job, rounds: u32, version_mask: u32, zero_bits: u32) -> Frame {
        Frame {
            job,
            rounds,
            version_mask,
            zero_bits,
        }
    }

    /// The next nonce from `place` on that passes; or, if `wrong`, one that does not. `None` if there is
    /// none near: with more than some 16 zero bits that may happen.
    pub(super) fn search(&self, place: Place, wrong: bool) -> Option<Nonce> {
        if wrong && self.zero_bits == 0 {
            return None;
        }
        let round = (place.progress as u32).min(self.rounds.saturating_sub(1));
        let (midstate, mut tail, id, version_bits) = self.material(round)?;
        let start = (place.progress.fract() * f64::from(place.counters)) as u32;
        let passes = |hash: &[u8; 32]| zero_bits(hash) >= self.zero_bits;
        let mut nonces = (0..place.counters.min(MAX_TRIES))
            .map(|i| place.nonce(&self.job, (start + i) % place.counters));
        let nonce = if wrong {
            // Nearly every nonce is: the first will mostly do.
            nonces.find(|nonce| {
                tail[12..].copy_from_slice(&nonce.to_le_bytes());
                !passes(&midstate.hash(&tail))
            })?
        } else {
            let most_significant = u32::MAX.checked_shr(self.zero_bits).unwrap_or(0);
            first_passing(midstate, &tail, most_significant, nonces, passes)?.0
        };
        Some(Nonce {
            nonce,
            hint: 0,
            id,
            version_bits,
        })
    }

    /// What is hashed in a round: state after the header's first 64 bytes, its last 16, and the id and
    /// version bits that go with it.
    fn material(&self, round: u32) -> Option<(Midstate, [u8; 16], u8, u32)> {
        let mut end = [0; 16];
        match &self.job {
            Job::Bm1387 {
                id,
                nbits,
                ntime,
                tail,
                midstates,
            } => {
                end[..4].copy_from_slice(tail);
                end[4..8].copy_from_slice(&ntime.to_le_bytes());
                end[8..12].copy_from_slice(&nbits.to_le_bytes());
                let words = midstates.get(round as usize)?;
                let id = (id & 0x7f) | round as u8;
                Some((Midstate::from_words(*words), end, id, 0))
            }
            Job::Bm1366 {
                id,
                nbits,
                ntime,
                merkle_root,
                prevhash,
                version,
                ..
            } => {
                let bits = spread(round, self.version_mask);
                let version = rolled_version(*version, self.version_mask, bits);
                let header = Header::new(version, [prevhash, merkle_root], None, *ntime, *nbits, 0);
                end.copy_from_slice(&header[64..]);
                Some((Midstate::of(header.first_block()), end, id & 0xf8, bits))
            }
        }
    }
}

impl Place {
    fn nonce(&self, job: &Job, counter: u32) -> u32 {
        match job {
            Job::Bm1387 { .. } => s9::LAYOUT.encode(Origin {
                chip: self.address >> 2,
                core: self.core,
                counter,
            }),
            // The address takes the counter's upper bits, as many as the chain needs.
            Job::Bm1366 { .. } => lv06::LAYOUT.encode(Origin {
                chip: 0,
                core: self.core,
                counter: (u32::from(self.address) << 17).wrapping_add(counter),
            }),
        }
    }
}

/// Number of nonces that a core of a chain of `chips` goes through a round.
pub(super) fn counters(family: Family, chips: usize) -> u32 {
    match family {
        Family::Bm1387 => s9::LAYOUT.counters(),
        Family::Bm1366 => (family.address_step(chips) as u32) << 17,
    }
}

/// Number of zero bits that a hash begins with, as it is shown (from its last byte on), 64 at most.
fn zero_bits(hash: &[u8; 32]) -> u32 {
    let mut top = [0; 8];
    top.copy_from_slice(&hash[24..]);
    u64::from_le_bytes(top).leading_zeros()
}

/// Zero bits that a nonce needs where the ticket mask has `ticket_log2` bits and difficulty is scaled: 32 +
/// log2(ticket) + log2(scale), rounded, from 0 to 64.
///
/// A real chip tests the 32 bits and then the mask's bits one by one. The mask of a power of two asks for
/// the next so many bits, and that is what is tested here for any mask.
pub(super) fn zero_bits_needed(ticket_log2: u32, scale: f64) -> u32 {
    (f64::from(32 + ticket_log2) + scale.log2())
        .round()
        .clamp(0.0, 64.0) as u32
}

/// The low bits of `number` put, from the lowest on, where `mask` has its bits.
fn spread(mut number: u32, mut mask: u32) -> u32 {
    let mut spread = 0;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if number & 1 == 1 {
            spread |= lowest;
        }
        number >>= 1;
        mask ^= lowest;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_go_where_the_mask_has_them() {
        assert_eq!(spread(0b101, 0b1101_0000), 0b1001_0000);
        assert_eq!(spread(u32::MAX, 0x1fff_e000), 0x1fff_e000);
        assert_eq!(spread(7, 0), 0);
    }

    #[test]
    fn difficulty_is_a_number_of_bits() {
        assert_eq!(zero_bits_needed(6, 1.0), 38);
        assert_eq!(zero_bits_needed(6, 2f64.powi(-34)), 4);
        assert_eq!(zero_bits_needed(0, 2f64.powi(-40)), 0);
        assert_eq!(zero_bits_needed(32, 1.0), 64);
        let mut hash = [0xff; 32];
        assert_eq!(zero_bits(&hash), 0);
        hash[31] = 0;
        hash[30] = 0x10;
        assert_eq!(zero_bits(&hash), 11);
    }
}
