//! A header's proof of work for many nonces in parallel, with every intermediate state.

use pulp::{Arch, Simd, WithSimd};

use crate::rounds::{NONCE_FREE_ROUNDS, ROUNDS, START, States, extend};

/// Nonces that are hashed in parallel: the number of 32-bit words in the widest vectors.
pub const LANES: usize = 16;

/// One word of each lane.
pub type Words = [u32; LANES];

/// Place of the nonce in the second block's message.
pub(crate) const NONCE_WORD: usize = 3;

/// One of the two compressions that depend on the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// The compression of the header's last 16 bytes.
    First,
    /// The compression of the first digest.
    Second,
}

/// One header without its nonce, and the hashes of the last nonces.
///
/// Some 45 kB: make one for a header and use it for all its nonces.
#[derive(Debug, Clone)]
pub struct Nonces {
    arch: Arch,
    pub(crate) midstate: [u32; 8],
    pub(crate) work: Box<Work>,
}

/// Working memory of the loops. Values that do not depend on the nonce are stored once: the padding, the header's
/// words, the states before both compressions, and those after the nonce-free rounds.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct Work {
    pub(crate) first: States<LANES>,
    pub(crate) second: States<LANES>,
    pub(crate) w1: [Words; ROUNDS],
    pub(crate) w2: [Words; ROUNDS],
    pub(crate) digest: [Words; 8],
}

impl Nonces {
    /// The header whose first 64 bytes leave SHA-256 in `midstate` and whose next 12 are `tail`: the end of
    /// its merkle root, its time and its network target.
    pub fn new(midstate: [u32; 8], tail: &[u8; 12]) -> Nonces {
        let mut work = Box::new(Work {
            first: States::new(),
            second: States::new(),
            w1: [[0; LANES]; ROUNDS],
            w2: [[0; LANES]; ROUNDS],
            digest: [[0; LANES]; 8],
        });
        let (words, _) = tail.as_chunks::<4>();
        for (to, word) in work.w1.iter_mut().zip(words) {
            *to = [u32::from_be_bytes(*word); LANES];
        }
        // The padding of 80 bytes, and of 32: a one, zeros, the length in bits.
        work.w1[4] = [1 << 31; LANES];
        work.w1[15] = [80 * 8; LANES];
        work.w2[8] = [1 << 31; LANES];
        work.w2[15] = [32 * 8; LANES];
        work.first.begin(midstate);
        work.second.begin(START);
        let Work { first, w1, .. } = &mut *work;
        first.run(w1, 0, NONCE_FREE_ROUNDS);
        // Words 16 and 17 do not depend on the nonce either.
        extend(w1, 16, 18);
        Nonces {
            arch: Arch::new(),
            midstate,
            work,
        }
    }

    /// Hashes the header with each of `nonces`, by all 128 rounds. Returns the digests: word i of every lane
    /// in `[i]`, as SHA-256 numbers them. Every state stays for [`Nonces::state`].
    pub fn hash(&mut self, nonces: &Words) -> &[Words; 8] {
        self.arch.dispatch(Full {
            midstate: self.midstate,
            work: &mut self.work,
            nonces,
        });
        &self.work.digest
    }

    /// State of `lane` after `round` rounds (0 to 64) of `compression`, as [`Nonces::hash`] has left it.
    ///
    /// # Panics
    /// If there is no such round or lane.
    pub fn state(&self, compression: Compression, round: usize, lane: usize) -> [u32; 8] {
        self.states(compression).state(round, lane)
    }

    /// Word `word` (0 to 7: a to h) of the state after `round` rounds (0 to 64) of `compression`, of all lanes.
    ///
    /// # Panics
    /// If there is no such round or word.
    #[inline]
    pub fn state_word(&self, compression: Compression, round: usize, word: usize) -> &Words {
        assert!(word < 8, "a state has eight words");
        self.states(compression).word(round, word)
    }

    /// Word `t` (0 to 63) of the message schedule of `compression`, of all lanes.
    ///
    /// # Panics
    /// If there is no such word.
    pub fn schedule_word(&self, compression: Compression, t: usize) -> &Words {
        match compression {
            Compression::First => &self.work.w1[t],
            Compression::Second => &self.work.w2[t],
        }
    }

    /// The digest of `lane` as bytes, in the order of SHA-256.
    ///
    /// # Panics
    /// If there is no such lane.
    pub fn digest(&self, lane: usize) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, words) in bytes.chunks_exact_mut(4).zip(&self.work.digest) {
            to.copy_from_slice(&words[lane].to_be_bytes());
        }
        bytes
    }

    pub(crate) fn arch(&self) -> Arch {
        self.arch
    }

    fn states(&self, compression: Compression) -> &States<LANES> {
        match compression {
            Compression::First => &self.work.first,
            Compression::Second => &self.work.second,
        }
    }
}

impl Work {
    /// Stores the nonces in the message: little-endian in the header, whose words are read big-endian.
    #[inline(always)]
    pub(crate) fn set(&mut self, nonces: &Words) {
        for (to, nonce) in self.w1[NONCE_WORD].iter_mut().zip(nonces) {
            *to = nonce.swap_bytes();
        }
    }

    /// The first digest is the second message.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, midstate: [u32; 8]) {
        for (i, start) in midstate.into_iter().enumerate() {
            let last = *self.first.word(ROUNDS, i);
            for (to, last) in self.w2[i].iter_mut().zip(last) {
                *to = start.wrapping_add(last);
            }
        }
    }
}

/// All 128 rounds, compiled for the processor's vector instructions.
struct Full<'a> {
    midstate: [u32; 8],
    work: &'a mut Work,
    nonces: &'a Words,
}

impl WithSimd for Full<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let work = self.work;
        work.set(self.nonces);
        extend(&mut work.w1, 16, ROUNDS);
        work.first.run(&work.w1, 0, ROUNDS);
        work.hand_over(self.midstate);
        extend(&mut work.w2, 16, ROUNDS);
        work.second.run(&work.w2, 0, ROUNDS);
        for (i, start) in START.into_iter().enumerate() {
            let last = *work.second.word(ROUNDS, i);
            for (to, last) in work.digest[i].iter_mut().zip(last) {
                *to = start.wrapping_add(last);
            }
        }
    }
}
