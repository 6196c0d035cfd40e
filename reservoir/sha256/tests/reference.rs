//! Against the `sha2` crate, against the golden digests of the proofs, and the early exit against all rounds.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use thermine_sha256::{
    Compression, EXIT_ROUND, EarlyExit, LANES, NONCE_FREE_ROUNDS, Nonces, ROUNDS,
    ROUNDS_OF_EARLY_EXIT, START, Words, compress, schedule, states,
};

/// Header of Bitcoin's block 125,552.
const HEADER: &str = "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695";

fn words(block: &[u8]) -> [u32; 16] {
    let (words, _) = block.as_chunks::<4>();
    std::array::from_fn(|i| u32::from_be_bytes(words[i]))
}

/// SHA-256 of a whole message, by our compression function alone.
fn sha256(message: &[u8]) -> [u8; 32] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let state = padded
        .chunks(64)
        .fold(START, |state, block| compress(state, &words(block)));
    let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.try_into().expect("32 bytes")
}

fn double(header: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(header)).into()
}

fn nonces(header: &[u8]) -> Nonces {
    let midstate = compress(START, &words(&header[..64]));
    Nonces::new(midstate, header[64..76].try_into().expect("12 bytes"))
}

fn header(nonce: u32) -> Vec<u8> {
    let mut header = hex::decode(HEADER).expect("hex");
    header[76..].copy_from_slice(&nonce.to_le_bytes());
    header
}

#[test]
fn the_golden_digests_of_the_proofs_are_ours() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../lean/golden/digests.json"
    ));
    let cases: serde_json::Value = serde_json::from_str(&text.expect("file")).expect("JSON");
    let cases = cases.as_array().expect("a list");
    assert!(cases.len() > 3);
    for case in cases {
        let message = hex::decode(case["message"].as_str().expect("text")).expect("hex");
        let once = sha256(&message);
        let digest = if case["twice"] == true {
            sha256(&once)
        } else {
            once
        };
        let expected = case["digest"].as_array().expect("words");
        let expected: String = expected.iter().filter_map(|word| word.as_str()).collect();
        assert_eq!(hex::encode(digest), expected);
    }
}

#[test]
fn lanes_agree_with_the_reference_in_every_state_and_word() {
    let mut tries = nonces(&header(0));
    let lanes: Words = std::array::from_fn(|lane| 0x9546_a142 ^ (lane as u32) << 27);
    tries.hash(&lanes);
    for (lane, nonce) in lanes.into_iter().enumerate() {
        let header = header(nonce);
        assert_eq!(tries.digest(lane), double(&header));
        let midstate = compress(START, &words(&header[..64]));
        let mut block = [0; 64];
        block[..16].copy_from_slice(&header[64..]);
        block[16] = 0x80;
        block[62..].copy_from_slice(&640u16.to_be_bytes());
        let first = words(&block);
        let mut block = [0; 64];
        for (to, word) in block.chunks_exact_mut(4).zip(compress(midstate, &first)) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        block[32] = 0x80;
        block[62..].copy_from_slice(&256u16.to_be_bytes());
        let second = words(&block);
        for (compression, start, block) in [
            (Compression::First, midstate, first),
            (Compression::Second, START, second),
        ] {
            let all = states(start, &block);
            let w = schedule(&block);
            for (round, state) in all.into_iter().enumerate() {
                assert_eq!(tries.state(compression, round, lane), state);
                for (i, word) in state.into_iter().enumerate() {
                    assert_eq!(tries.state_word(compression, round, i)[lane], word);
                }
            }
            for (t, word) in w.into_iter().enumerate() {
                assert_eq!(tries.schedule_word(compression, t)[lane], word);
            }
        }
    }
}

#[test]
fn no_nonce_changes_the_first_three_rounds_and_every_one_changes_the_fourth() {
    let mut tries = nonces(&header(0));
    tries.hash(&std::array::from_fn(|lane| lane as u32));
    let state = |round, lane| tries.state(Compression::First, round, lane);
    for lane in 1..LANES {
        assert_eq!(state(NONCE_FREE_ROUNDS, lane), state(NONCE_FREE_ROUNDS, 0));
        assert_ne!(
            state(NONCE_FREE_ROUNDS + 1, lane),
            state(NONCE_FREE_ROUNDS + 1, 0)
        );
    }
}

#[test]
fn the_block_that_was_found_is_kept_by_the_early_exit() {
    let nonce = 0x9546_a142;
    let mut exit = EarlyExit::new(nonces(&header(0)), 0);
    let lanes: Words = std::array::from_fn(|lane| nonce - 5 + lane as u32);
    let kept = exit.candidates(&lanes);
    let expected: [bool; LANES] = std::array::from_fn(|lane| lane == 5);
    assert_eq!(kept, expected);
    assert_eq!(ROUNDS_OF_EARLY_EXIT, 122);
}

/// Compares the verdict after 122 rounds with the hash of all 128, for `count` nonces and targets of one in
/// 2^`bits`; returns how many met the target.
fn compare(count: u32, bits: u32, stride: u32) -> u64 {
    let top = u32::MAX >> bits;
    let mut full = nonces(&header(0));
    let mut exit = EarlyExit::new(nonces(&header(0)), top);
    let mut met = 0;
    for first in (0..count).step_by(LANES) {
        let lanes: Words = std::array::from_fn(|lane| (first + lane as u32).wrapping_mul(stride));
        let kept = exit.candidates(&lanes);
        full.hash(&lanes);
        for (lane, kept) in kept.into_iter().enumerate() {
            // Independently of the lanes for one in sixteen.
            let digest = if lane == (first as usize / LANES) % LANES {
                double(&header(lanes[lane]))
            } else {
                full.digest(lane)
            };
            let most_significant = u32::from_le_bytes(digest[28..].try_into().expect("4 bytes"));
            assert_eq!(kept, most_significant <= top, "nonce {:#x}", lanes[lane]);
            met += u64::from(kept);
        }
    }
    met
}

#[test]
fn the_early_exit_loses_nothing_on_65536_nonces() {
    // 256 expected, standard deviation 16.
    let met = compare(1 << 16, 8, 0x0001_0001);
    assert!((176..=336).contains(&met), "{met}");
}

#[test]
fn the_early_exit_loses_nothing_on_millions_of_nonces() {
    // Eight million nonces take some seconds. 8,192 expected, standard deviation 91.
    let met = compare(1 << 23, 10, 0x0101_0101);
    assert!((7_740..=8_650).contains(&met), "{met}");
}

#[test]
fn exit_round_is_the_earliest_that_holds_the_last_word() {
    // After round 61 e, after 62 f, after 63 g, after 64 h: one word, handed on.
    let mut tries = nonces(&header(7));
    tries.hash(&[7; LANES]);
    for (step, word) in (4..8).enumerate() {
        let state = tries.state(Compression::Second, EXIT_ROUND + step, 0);
        let last = state[word].wrapping_add(START[7]);
        assert_eq!(last.to_be_bytes(), tries.digest(0)[28..]);
    }
    assert_eq!(EXIT_ROUND + 3, ROUNDS);
}

proptest! {
    #[test]
    fn any_message_hashes_as_sha2_does(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(&sha256(&message)[..], &Sha256::digest(&message)[..]);
    }

    #[test]
    fn any_header_hashes_as_sha2_does(header in proptest::collection::vec(any::<u8>(), 80)) {
        let nonce = u32::from_le_bytes(header[76..].try_into().expect("4 bytes"));
        let mut tries = nonces(&header);
        tries.hash(&[nonce; LANES]);
        prop_assert_eq!(tries.digest(3), double(&header));
        let last = tries.last_words(&[nonce; LANES])[LANES - 1];
        prop_assert_eq!(&last.to_be_bytes()[..], &double(&header)[28..]);
    }
}
