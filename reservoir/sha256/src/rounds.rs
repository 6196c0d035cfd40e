//! The compression function: message schedule and rounds, for any number of lanes.
//!
//! Only two words of a state are new after a round; the other six are the last three values of each. So all states of
//! a compression are two sequences: after round r, counted from 1, the state a … h is A[r + 3], A[r + 2], A[r + 1],
//! A[r], E[r + 3], E[r + 2], E[r + 1], E[r].

/// Rounds of one compression.
pub const ROUNDS: usize = 64;

/// Rounds at the start of the first compression that do not read the nonce, because it is word 3 of the block.
pub const NONCE_FREE_ROUNDS: usize = 3;

/// Round of the second compression after which the last digest word is known.
pub const EXIT_ROUND: usize = 61;

/// Rounds of a full header hash from its midstate: 128.
pub const ROUNDS_OF_HEADER: usize = 2 * ROUNDS;

/// Rounds of a header hash with the exact early exit: 122.
pub const ROUNDS_OF_EARLY_EXIT: usize = ROUNDS - NONCE_FREE_ROUNDS + EXIT_ROUND;

/// State of SHA-256 before any input (FIPS 180-4, section 5.3.3).
pub const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Constant of each round (FIPS 180-4, section 4.2.2).
const K: [u32; ROUNDS] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// All states of one compression, in `L` lanes.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct States<const L: usize> {
    pub(crate) a: [[u32; L]; ROUNDS + 4],
    pub(crate) e: [[u32; L]; ROUNDS + 4],
}

impl<const L: usize> States<L> {
    pub(crate) fn new() -> States<L> {
        States {
            a: [[0; L]; ROUNDS + 4],
            e: [[0; L]; ROUNDS + 4],
        }
    }

    /// Begins at `state`, the same in every lane.
    pub(crate) fn begin(&mut self, state: [u32; 8]) {
        for i in 0..4 {
            self.a[3 - i] = [state[i]; L];
            self.e[3 - i] = [state[4 + i]; L];
        }
    }

    /// Word `word` (0 to 7: a to h) of the state after `round` rounds.
    #[inline(always)]
    pub(crate) fn word(&self, round: usize, word: usize) -> &[u32; L] {
        match word {
            0..4 => &self.a[round + 3 - word],
            _ => &self.e[round + 7 - word],
        }
    }

    /// The state after `round` rounds of `lane`.
    pub(crate) fn state(&self, round: usize, lane: usize) -> [u32; 8] {
        std::array::from_fn(|word| self.word(round, word)[lane])
    }

    /// Computes the rounds after the first `from` up to round `to`.
    #[inline(always)]
    pub(crate) fn run(&mut self, w: &[[u32; L]; ROUNDS], from: usize, to: usize) {
        for t in from..to {
            let (a, e) = (&mut self.a, &mut self.e);
            let mut new_a = [0; L];
            let mut new_e = [0; L];
            for l in 0..L {
                let [d, c, b, x] = [a[t][l], a[t + 1][l], a[t + 2][l], a[t + 3][l]];
                let [h, g, f, y] = [e[t][l], e[t + 1][l], e[t + 2][l], e[t + 3][l]];
                let s1 = y.rotate_right(6) ^ y.rotate_right(11) ^ y.rotate_right(25);
                let choice = (y & f) ^ (!y & g);
                let t1 = h
                    .wrapping_add(s1)
                    .wrapping_add(choice)
                    .wrapping_add(K[t].wrapping_add(w[t][l]));
                let s0 = x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22);
                let majority = (x & b) ^ (x & c) ^ (b & c);
                new_e[l] = d.wrapping_add(t1);
                new_a[l] = t1.wrapping_add(s0).wrapping_add(majority);
            }
            a[t + 4] = new_a;
            e[t + 4] = new_e;
        }
    }
}

/// Extends the message schedule by words `from` to `to`; `from` is at least 16.
#[inline(always)]
pub(crate) fn extend<const L: usize>(w: &mut [[u32; L]; ROUNDS], from: usize, to: usize) {
    for t in from..to {
        let mut new = [0; L];
        for l in 0..L {
            let (x, y) = (w[t - 15][l], w[t - 2][l]);
            let s0 = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
            let s1 = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
            new[l] = w[t - 16][l]
                .wrapping_add(s0)
                .wrapping_add(w[t - 7][l])
                .wrapping_add(s1);
        }
        w[t] = new;
    }
}

/// The message schedule of a block of 16 big-endian words.
pub fn schedule(block: &[u32; 16]) -> [u32; ROUNDS] {
    let mut w = [[0]; ROUNDS];
    for (to, word) in w.iter_mut().zip(block) {
        *to = [*word];
    }
    extend(&mut w, 16, ROUNDS);
    w.map(|[word]| word)
}

/// The state before the first round and after each: `[r]` is that after r rounds.
pub fn states(state: [u32; 8], block: &[u32; 16]) -> [[u32; 8]; ROUNDS + 1] {
    let mut track = States::<1>::new();
    track.begin(state);
    track.run(&schedule(block).map(|word| [word]), 0, ROUNDS);
    std::array::from_fn(|round| track.state(round, 0))
}

/// The compression function: the state after `block`.
pub fn compress(state: [u32; 8], block: &[u32; 16]) -> [u32; 8] {
    let last = states(state, block)[ROUNDS];
    std::array::from_fn(|i| state[i].wrapping_add(last[i]))
}
