//! Headers hashed per second: by all rounds with every state kept, by the early exit, and by the `sha2` crate,
//! which uses the processor's SHA instructions where there are any.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use sha2::block_api::compress256;
use thermine_sha256::{LANES, Nonces, START, Words};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("SHA-256d of headers from their midstate");
    group.throughput(Throughput::Elements(LANES as u64));
    let mut next: Words = std::array::from_fn(|lane| lane as u32);
    let mut advance = move || {
        for nonce in &mut next {
            *nonce = nonce.wrapping_add(LANES as u32);
        }
        next
    };
    let mut nonces = Nonces::new(START, &[7; 12]);
    group.bench_function("all 128 rounds, every state kept", |b| {
        b.iter(|| black_box(nonces.hash(&advance()))[7]);
    });
    group.bench_function("early exit, 122 rounds", |b| {
        b.iter(|| black_box(nonces.last_words(&advance())));
    });
    group.bench_function("sha2 crate, one after the other", |b| {
        b.iter(|| {
            let mut last = 0;
            for nonce in advance() {
                let mut block = [0; 64];
                block[12..16].copy_from_slice(&nonce.to_le_bytes());
                block[16] = 0x80;
                block[62..].copy_from_slice(&640u16.to_be_bytes());
                let mut state = START;
                compress256(&mut state, &[block]);
                let mut block = [0; 64];
                for (to, word) in block.chunks_exact_mut(4).zip(state) {
                    to.copy_from_slice(&word.to_be_bytes());
                }
                block[32] = 0x80;
                block[62..].copy_from_slice(&256u16.to_be_bytes());
                let mut state = START;
                compress256(&mut state, &[block]);
                last ^= state[7];
            }
            black_box(last)
        });
    });
    group.finish();
    criterion.final_summary();
}
