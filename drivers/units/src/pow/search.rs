//! Searching the nonces of one Bitcoin header: all of them by the exact early exit, the few that may be shares
//! in full.

use thermine_sha256::{EarlyExit, LANES, Nonces};

use super::sha256d::Midstate;

/// The first of `nonces` whose hash, as [`Midstate::hash`] gives it, `passes`; with its hash.
///
/// The header's first 64 bytes are in `midstate`, its last 16 are `tail`, of which the nonce is replaced.
/// `most_significant` is the largest value that the most significant 32 bits of a hash that passes can have:
/// nonces above it are given up after 122 of 128 rounds, and lose nothing by it.
pub fn first_passing(
    midstate: Midstate,
    tail: &[u8; 16],
    most_significant: u32,
    nonces: impl IntoIterator<Item = u32>,
    passes: impl Fn(&[u8; 32]) -> bool,
) -> Option<(u32, [u8; 32])> {
    let (fixed, _) = tail.split_first_chunk::<12>()?;
    let mut exit = EarlyExit::new(Nonces::new(midstate.words(), fixed), most_significant);
    let mut nonces = nonces.into_iter();
    loop {
        let mut lanes = [0; LANES];
        let mut filled = 0;
        for (lane, nonce) in lanes.iter_mut().zip(&mut nonces) {
            *lane = nonce;
            filled += 1;
        }
        if filled == 0 {
            return None;
        }
        let candidates = exit.candidates(&lanes);
        for (nonce, candidate) in lanes.into_iter().zip(candidates).take(filled) {
            if candidate {
                let mut tail = *tail;
                tail[12..].copy_from_slice(&nonce.to_le_bytes());
                let hash = midstate.hash(&tail);
                if passes(&hash) {
                    return Some((nonce, hash));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pow::{Difficulty, Target};

    #[test]
    fn it_finds_what_hashing_every_nonce_finds() {
        let midstate = Midstate::of(&[3; 64]);
        let mut tail = [5; 16];
        for difficulty in [2f64.powi(-31), 2f64.powi(-26), 0.7 * 2f64.powi(-20)] {
            let target = Target::of(Difficulty::new(difficulty).expect("positive"));
            let nonces = (0..200_000u32).map(|n| n.wrapping_mul(0x9e37_79b9));
            let found = first_passing(
                midstate,
                &tail,
                target.most_significant(),
                nonces.clone(),
                |hash| target.is_met_by(hash),
            );
            let slow = nonces.clone().find_map(|nonce| {
                tail[12..].copy_from_slice(&nonce.to_le_bytes());
                let hash = midstate.hash(&tail);
                target.is_met_by(&hash).then_some((nonce, hash))
            });
            assert_eq!(found, slow);
            assert!(found.is_some());
        }
    }

    #[test]
    fn it_ends_with_the_nonces() {
        let none = first_passing(Midstate::of(&[3; 64]), &[5; 16], 0, 0..33, |_| true);
        assert_eq!(none, None);
        let all = first_passing(Midstate::of(&[3; 64]), &[5; 16], u32::MAX, 7..8, |_| true);
        assert_eq!(all.map(|(nonce, _)| nonce), Some(7));
        let empty = first_passing(Midstate::of(&[3; 64]), &[5; 16], u32::MAX, 7..7, |_| true);
        assert_eq!(empty, None);
    }
}
