//! How the pool's extranonce2 is divided, so that no two units and no two pieces search the same headers.
//!
//! ```text
//! coinbase = coinb1 │ extranonce1 of the pool │ extranonce2 of the pool          │ coinb2
//!                                             │ prefix │ the unit's own │ piece  │
//! a unit sees     coinb1 │ extranonce1 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ │ extranonce2    │ coinb2 ┄┄┄
//! ```
//!
//! The prefix is a unit's for as long as it is connected; the piece numbers the jobs that it is given of one
//! template, and stands at the head of its coinb2, where no firmware looks.

use std::collections::HashSet;

/// Fewest bytes of extranonce2 that are left to a unit: bmminer refuses less than 2.
const LEAST_UNIT: usize = 2;

/// Most bytes left to a unit. Four are what pools commonly give, and 2^64 headers.
const MOST_UNIT: usize = 4;

/// Most bytes of extranonce2 that a pool may ask for: what ESP-Miner fills, and more than any pool gives.
const MOST_UPSTREAM: usize = 32;

/// The extranonces of one subscription to a pool, and how they are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    extranonce1: Vec<u8>,
    prefix: usize,
    unit: usize,
    piece: usize,
    version_mask: u32,
}

/// The pool's extranonce2 cannot be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the pool gives an extranonce2 of {0} bytes, and to divide it between units takes 3 to {MOST_UPSTREAM}: use \
     another pool"
)]
pub(crate) struct Indivisible(pub usize);

impl Space {
    /// Divides an extranonce2 of `extranonce2_len` bytes. The pool allows version bits in `version_mask` to be
    /// rolled.
    ///
    /// # Errors
    /// If it is too short or unreasonably long.
    pub(crate) fn divide(
        extranonce1: Vec<u8>,
        extranonce2_len: usize,
        version_mask: u32,
    ) -> Result<Space, Indivisible> {
        if !(LEAST_UNIT + 1..=MOST_UPSTREAM).contains(&extranonce2_len)
            || extranonce1.len() > MOST_UPSTREAM
        {
            return Err(Indivisible(extranonce2_len));
        }
        let prefix = if extranonce2_len > LEAST_UNIT + 1 {
            2
        } else {
            1
        };
        let rest = extranonce2_len - prefix;
        // Two bytes of pieces where there is room for them.
        let unit = rest.saturating_sub(2).clamp(LEAST_UNIT, MOST_UNIT);
        Ok(Space {
            extranonce1,
            prefix,
            unit,
            piece: rest - unit,
            version_mask,
        })
    }

    /// Extranonce1 of the pool.
    pub fn extranonce1(&self) -> &[u8] {
        &self.extranonce1
    }

    /// Bytes of extranonce2 that the pool wants.
    pub(crate) fn extranonce2_len(&self) -> usize {
        self.prefix + self.unit + self.piece
    }

    /// Version bits that the pool allows to be rolled; 0 if none.
    pub fn version_mask(&self) -> u32 {
        self.version_mask
    }

    /// Units that can be told apart.
    pub(crate) fn units(&self) -> u32 {
        1 << (8 * self.prefix)
    }

    /// Pieces that one unit can be given of one template; 1 if they cannot be told apart.
    pub(crate) fn pieces(&self) -> u64 {
        match self.piece {
            bytes @ 0..8 => 1 << (8 * bytes),
            _ => u64::MAX,
        }
    }

    /// Extranonce1 of the unit with `prefix`.
    pub(crate) fn unit_extranonce1(&self, prefix: u32) -> Vec<u8> {
        let mut bytes = self.extranonce1.clone();
        bytes.extend(self.prefix_bytes(prefix));
        bytes
    }

    /// Bytes of extranonce2 that a unit has.
    pub(crate) fn unit_extranonce2_len(&self) -> usize {
        self.unit
    }

    /// The bytes of `piece`, which a unit gets at the head of its coinb2.
    pub(crate) fn piece_bytes(&self, piece: u64) -> Vec<u8> {
        let bytes = piece.to_be_bytes();
        let mut all = vec![0; self.piece.saturating_sub(bytes.len())];
        all.extend(&bytes[bytes.len() - self.piece.min(bytes.len())..]);
        all
    }

    /// The pool's extranonce2 for a unit's.
    pub(crate) fn upstream_extranonce2(&self, prefix: u32, unit: &[u8], piece: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.extranonce2_len());
        bytes.extend(self.prefix_bytes(prefix));
        bytes.extend(unit);
        bytes.extend(self.piece_bytes(piece));
        bytes
    }

    fn prefix_bytes(&self, prefix: u32) -> impl Iterator<Item = u8> + use<> {
        let bytes = prefix.to_be_bytes();
        bytes.into_iter().skip(bytes.len() - self.prefix)
    }
}

/// Which prefixes are in use. They are handed out going round, so that the one of a unit that left is used
/// again as late as can be: its headers of the present template have been searched.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    next: u32,
    used: HashSet<u32>,
}

impl Prefixes {
    /// Begins at `next`: past all that were used before a restart.
    pub(crate) fn beginning_at(next: u32) -> Prefixes {
        Prefixes {
            next,
            used: HashSet::new(),
        }
    }

    /// A prefix below `units` that is free; `None` if there is none.
    pub(crate) fn take(&mut self, units: u32) -> Option<u32> {
        if units == 0 || self.used.len() >= units as usize {
            return None;
        }
        loop {
            let prefix = self.next % units;
            self.next = (prefix + 1) % units;
            if self.used.insert(prefix) {
                return Some(prefix);
            }
        }
    }

    /// Takes a prefix back.
    pub(crate) fn give_back(&mut self, prefix: u32) {
        self.used.remove(&prefix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use thermine_units::pow::Work;

    #[test]
    fn division_leaves_units_what_their_firmware_takes() {
        let shape = |len| {
            let space = Space::divide(vec![1; 4], len, 0).expect("divided");
            (space.prefix, space.unit, space.piece)
        };
        assert_eq!(shape(3), (1, 2, 0));
        assert_eq!(shape(4), (2, 2, 0));
        assert_eq!(shape(6), (2, 2, 2));
        assert_eq!(shape(8), (2, 4, 2));
        assert_eq!(shape(16), (2, 4, 10));
        assert_eq!(
            Space::divide(vec![], 2, 0),
            Err(Indivisible(2)),
            "an S9 needs two bytes of its own"
        );
        assert!(Space::divide(vec![], 33, 0).is_err());
        assert_eq!(
            Space::divide(vec![], 16, 0).map(|s| s.pieces()),
            Ok(u64::MAX)
        );
    }

    #[test]
    fn prefixes_go_round_and_end() {
        let mut prefixes = Prefixes::beginning_at(254);
        assert_eq!(prefixes.take(256), Some(254));
        prefixes.give_back(254);
        assert_eq!(prefixes.take(256), Some(255), "not the one just freed");
        assert_eq!(prefixes.take(256), Some(0));
        let rest = (0..254).filter_map(|_| prefixes.take(256)).count();
        assert_eq!((rest, prefixes.take(256)), (254, None));
    }

    proptest! {
        /// What a unit puts together from its own parts is the coinbase that the pool will put together.
        #[test]
        fn unit_and_pool_build_one_coinbase(
            len in 3_usize..=20, prefix in 0_u32..256, piece in 0_u64..65536, fill in any::<u8>(),
        ) {
            let space = Space::divide(vec![0xaa, 0xbb], len, 0).expect("divided");
            let piece = piece % space.pieces();
            let unit = vec![fill; space.unit_extranonce2_len()];
            let work = |coinb2: Vec<u8>| Work {
                version: 0, prevhash: [0; 32], claim_trie: None, coinb1: vec![1, 2], coinb2,
                merkle_branch: vec![[9; 32]], ntime: 0, nbits: 0,
            };
            let pool = work(vec![3, 4]);
            let seen = work([space.piece_bytes(piece), vec![3, 4]].concat());
            let upstream = space.upstream_extranonce2(prefix, &unit, piece);
            prop_assert_eq!(upstream.len(), len);
            prop_assert_eq!(
                pool.merkle_root(space.extranonce1(), &upstream),
                seen.merkle_root(&space.unit_extranonce1(prefix), &unit)
            );
        }
    }
}
