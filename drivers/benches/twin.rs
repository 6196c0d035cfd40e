//! How much faster than real time the twin of an Antminer S9 runs.
//!
//! `thrpt` counts seconds of device time as elements: elements a second is the ratio.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thermine_sim::{Device, Params};
use thermine_units::pow::difficulty::Difficulty;

/// Device time of one iteration, s.
const SPAN: u64 = 1000;

fn twin(c: &mut Criterion) {
    let mut group = c.benchmark_group("twin");
    group.throughput(Throughput::Elements(SPAN));
    group.sample_size(20);
    let span = Duration::from_secs(SPAN);
    let mut found = Vec::new();

    for d in [256.0, 65536.0] {
        let difficulty = Difficulty::ONE.scaled(d);
        let mut device = Device::warm(&Params::s9(), 1);
        device.take_job(0, difficulty, true);
        group.bench_function(format!("one job, difficulty {d}"), |b| {
            b.iter(|| {
                found.clear();
                device.advance(device.now() + span, &mut found);
                found.len()
            });
        });
    }

    let mut device = Device::warm(&Params::s9(), 1);
    let mut job = 0;
    device.take_job(job, Difficulty::ONE, true);
    group.bench_function("a clean job after every share, difficulty 256", |b| {
        b.iter(|| {
            let end = device.now() + span;
            while device.now() < end {
                found.clear();
                device.advance(device.next_event().min(end), &mut found);
                for _ in &found {
                    job += 1;
                    device.take_job(job, Difficulty::ONE, true);
                }
            }
            job
        });
    });
    group.finish();

    c.bench_function("warm start", |b| b.iter(|| Device::warm(&Params::s9(), 1)));
}

criterion_group!(benches, twin);
criterion_main!(benches);
