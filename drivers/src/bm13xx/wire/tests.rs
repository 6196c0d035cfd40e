//! Frames as published and as captured, and whatever else may come.

use super::*;
use proptest::prelude::*;
use thermine_units::pow::rosetta::{array, bytes, s9_shares};
use thermine_units::pow::work::swap_words;

fn sent(family: Family, request: &Request) -> String {
    let mut out = BytesMut::new();
    HostCodec::new(family)
        .encode(request, &mut out)
        .expect("encoded");
    hex::encode(out)
}

fn received(family: Family, rolling: bool, text: &str) -> Option<Reply> {
    let mut codec = HostCodec::new(family);
    codec.set_rolling(rolling);
    codec
        .decode(&mut BytesMut::from(&bytes(text)[..]))
        .expect("decoded")
}

#[test]
fn commands_have_the_published_bytes() {
    let read = |to| Command::Read { to, register: 0 };
    let write = |to, register, value| Command::Write {
        to,
        register,
        value,
    };
    let old = [
        (read(Target::All), "5405000019"),
        (Command::ChainInactive, "5505000010"),
        (Command::SetAddress(4), "410504000a"),
        (
            write(Target::Chip(0), 0x0c, 0x0068_0221),
            "4809000c0068022102",
        ),
    ];
    let new = [
        (read(Target::All), "55aa520500000a"),
        (Command::ChainInactive, "55aa5305000003"),
        (Command::SetAddress(0), "55aa400500001c"),
        (
            write(Target::All, 0xa4, 0x9000_ffff),
            "55aa510900a49000ffff1c",
        ),
    ];
    for (family, known) in [(Family::Bm1387, old), (Family::Bm1366, new)] {
        for (command, text) in known {
            let request = Request::Command(command);
            assert_eq!(sent(family, &request), text);
            let mut codec = ChipCodec::new(family);
            let mut wire = BytesMut::from(&bytes(text)[..]);
            assert_eq!(codec.decode(&mut wire).expect("decoded"), Some(request));
            assert_eq!((wire.len(), codec.skipped()), (0, 0));
        }
    }
}

/// The first share of a real S9 as job frames: layouts from public drivers, bytes constructed.
#[test]
fn jobs_have_the_published_bytes() {
    let (work, extranonce2, ..) = s9_shares().remove(0);
    let root = work.merkle_root(&bytes("0000ffff"), &bytes(extranonce2));
    let job = |family, id| Request::Job(Job::of(family, id, &work, &root));
    assert_eq!(
        sent(Family::Bm1387, &job(Family::Bm1387, 5)),
        "2136050100000000ffff001d927363695f3047c410f60b1aa30dfa9295591d91312d74fd4d37468e12356aeafda56df4a67eabeb0e7e"
    );
    assert_eq!(
        sent(Family::Bm1366, &job(Family::Bm1366, 0x28)),
        "55aa2156280100000000ffff001d927363695f3047c408e26e9f9dee8f27c1d9cf6e56772167b2f8ebc229a6f46ff26fb4f0359b840b9f136dd4d872ddfd71ac362b4ba44f62527162157cfdaaa768c17d6c0000002048fa"
    );
}

/// A job and its answer as captured on the wire of a BM1370, whose frames are the BM1366's.
#[test]
fn a_captured_round_trip_is_understood() {
    let text = "55aa2156680100000000043a0217d76854685519a7cb044f88726355919e61a98bcf71a0c28795ea54db8c36414b06ddf5f00000000000000000965201001d3996bca3f4670dfcd4f201c162b96dfd55646b00000020721c";
    let request = Request::Job(Job::Bm1366 {
        id: 0x68,
        start_nonce: 0,
        nbits: 0x1702_3a04,
        ntime: 0x6854_68d7,
        merkle_root: array("06ddf5f08c36414b95ea54db71a0c28761a98bcf6355919e044f88725519a7cb"),
        prevhash: swap_words(array(
            "6b6455fd6db962c101f2d4fc0d67f4a3bc96391d000152960000000000000000",
        )),
        version: 0x2000_0000,
    });
    assert_eq!(sent(Family::Bm1366, &request), text);
    let mut wire = BytesMut::from(&bytes(text)[..]);
    let decoded = ChipCodec::new(Family::Bm1366).decode(&mut wire);
    assert_eq!(decoded.expect("decoded"), Some(request));

    let Some(Reply::Nonce(nonce)) = received(Family::Bm1366, true, "aa554c0352750cd205a29c") else {
        panic!("a nonce")
    };
    assert_eq!(nonce.nonce, 0x7552_034c);
    assert_eq!(nonce.version_bits, 0x00b4_4000);
}

#[test]
fn replies_have_the_published_bytes() {
    let nonce = |id| {
        Some(Reply::Nonce(Nonce {
            nonce: 0x8b77_46ab,
            hint: 0,
            id,
            version_bits: 0,
        }))
    };
    let register = |value, of| Some(Reply::Register { value, of });
    for (family, rolling, text, reply) in [
        (Family::Bm1387, false, "ab46778b00059e", nonce(5)),
        (Family::Bm1366, true, "aa55ab46778b002800008a", nonce(0x28)),
        (
            Family::Bm1387,
            false,
            "13879004000010",
            register(0x1387_9004, None),
        ),
        (
            Family::Bm1366,
            true,
            "aa55136600000000000005",
            register(0x1366_0000, Some((0, 0))),
        ),
        (
            Family::Bm1366,
            false,
            "aa551366000000000c",
            register(0x1366_0000, Some((0, 0))),
        ),
    ] {
        assert_eq!(received(family, rolling, text), reply, "{text}");
        let mut codec = ChipCodec::new(family);
        codec.set_rolling(rolling);
        let mut out = BytesMut::new();
        codec
            .encode(&reply.expect("a reply"), &mut out)
            .expect("encoded");
        assert_eq!(hex::encode(out), text);
    }
}

fn requests(family: Family) -> impl Strategy<Value = Request> {
    let target = prop_oneof![Just(Target::All), any::<u8>().prop_map(Target::Chip)];
    let command =
        (target, any::<u8>(), any::<u32>(), 0..4).prop_map(|(to, register, value, which)| {
            Request::Command(match which {
                0 => Command::Read { to, register },
                1 => Command::Write {
                    to,
                    register,
                    value,
                },
                2 => Command::ChainInactive,
                _ => Command::SetAddress(register),
            })
        });
    let job = (any::<[u8; 32]>(), any::<[u32; 8]>(), any::<u32>(), 0..3u32).prop_map(
        move |(hash, words, number, log2)| {
            Request::Job(match family {
                Family::Bm1387 => Job::Bm1387 {
                    id: hash[0],
                    nbits: number,
                    ntime: words[1],
                    tail: words[2].to_be_bytes(),
                    midstates: vec![words; 1 << log2],
                },
                Family::Bm1366 => Job::Bm1366 {
                    id: hash[0],
                    start_nonce: number,
                    nbits: words[0],
                    ntime: words[1],
                    merkle_root: hash,
                    prevhash: swap_words(hash),
                    version: words[2],
                },
            })
        },
    );
    prop_oneof![command, job]
}

proptest! {
    #[test]
    fn requests_survive_the_wire_in_pieces(
        (family, requests) in prop_oneof![Just(Family::Bm1387), Just(Family::Bm1366)]
            .prop_flat_map(|f| (Just(f), prop::collection::vec(requests(f), 1..8))),
        piece in 1usize..40,
    ) {
        let mut host = HostCodec::new(family);
        let mut wire = BytesMut::new();
        for request in &requests {
            host.encode(request, &mut wire).expect("encoded");
        }
        let mut chip = ChipCodec::new(family);
        let (mut pending, mut got) = (BytesMut::new(), Vec::new());
        for bytes in wire.chunks(piece) {
            pending.extend_from_slice(bytes);
            while let Some(request) = chip.decode(&mut pending).expect("decoded") {
                got.push(request);
            }
        }
        prop_assert_eq!(got, requests);
        prop_assert_eq!(chip.skipped(), 0);
    }

    #[test]
    fn noise_never_panics_and_a_frame_after_it_is_found(
        noise in prop::collection::vec(any::<u8>(), 0..60), rolling: bool, nonce: u32, id: u8,
    ) {
        for family in [Family::Bm1387, Family::Bm1366] {
            let mut chip = ChipCodec::new(family);
            let mut host = HostCodec::new(family);
            chip.set_rolling(rolling);
            host.set_rolling(rolling);
            let mut wire = BytesMut::from(&noise[..]);
            while chip.decode(&mut wire).expect("decoded").is_some() {}
            let mut wire = BytesMut::from(&noise[..]);
            let reply = Reply::Nonce(Nonce { nonce, hint: 0, id, version_bits: 0 });
            // Noise may end in what looks like the beginning of a frame and swallow what follows; three
            // frames on, the decoder must be back.
            for _ in 0..4 {
                chip.encode(&reply, &mut wire).expect("encoded");
            }
            let mut last = None;
            while let Some(reply) = host.decode(&mut wire).expect("decoded") {
                last = Some(reply);
            }
            if family == Family::Bm1366 {
                prop_assert_eq!(last, Some(reply));
            }
            prop_assert!(wire.len() < 11);
        }
    }
}
