//! The exact early exit: 122 of 128 rounds decide whether a nonce can be a share.
//!
//! The nonce is word 3 of the second block, so the first three rounds of the first compression are the same for all
//! nonces. Of the second compression only digest word 7 is needed, the most significant word of the number that is
//! compared with the target: it is h after round 64, which is e after round 61. The other 61 + 61 rounds are
//! computed. No share is lost: a hash meets a target only if its most significant word does not exceed the target's.
//! (lean/Thermine/Sha256: `first_three_rounds_nonce_free`, `last_word_known_after_round_61`, `early_exit_recall`.)

use pulp::{Simd, WithSimd};

use crate::nonces::{LANES, Nonces, Words, Work};
use crate::rounds::{EXIT_ROUND, NONCE_FREE_ROUNDS, ROUNDS, START, extend};

impl Nonces {
    /// Digest word 7 of the header with each of `nonces`, by 122 rounds; after it, [`Nonces::state`] returns states
    /// of these rounds. The reversed bytes of the word are the most significant bytes of the hash.
    pub fn last_words(&mut self, nonces: &Words) -> Words {
        let arch = self.arch();
        arch.dispatch(Early {
            midstate: self.midstate,
            work: &mut self.work,
            nonces,
        })
    }
}

/// The loop up to the early exit, compiled for the processor's vector instructions.
struct Early<'a> {
    midstate: [u32; 8],
    work: &'a mut Work,
    nonces: &'a Words,
}

impl WithSimd for Early<'_> {
    type Output = Words;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Words {
        let work = self.work;
        work.set(self.nonces);
        extend(&mut work.w1, 18, ROUNDS);
        work.first.run(&work.w1, NONCE_FREE_ROUNDS, ROUNDS);
        work.hand_over(self.midstate);
        extend(&mut work.w2, 16, EXIT_ROUND);
        work.second.run(&work.w2, 0, EXIT_ROUND);
        work.second
            .word(EXIT_ROUND, 4)
            .map(|e| e.wrapping_add(START[7]))
    }
}

/// Selects the nonces whose hash can be below a target.
#[derive(Debug, Clone)]
pub struct EarlyExit {
    nonces: Nonces,
    top: u32,
}

impl EarlyExit {
    /// A selection for a target whose most significant 32 bits are `top`.
    pub fn new(nonces: Nonces, top: u32) -> EarlyExit {
        EarlyExit { nonces, top }
    }

    /// Marks the `nonces` that may be shares. Every share is marked, and on average one nonce in 2³²/(`top` + 1); the
    /// caller hashes the marked ones in full.
    pub fn candidates(&mut self, nonces: &Words) -> [bool; LANES] {
        let top = self.top;
        self.nonces
            .last_words(nonces)
            .map(|word| word.swap_bytes() <= top)
    }
}
