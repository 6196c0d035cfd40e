//! The information laboratory: tests of independence by permutation, and mutual information by neighbours.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::RngExt;
use thermine_reservoir::information::ksg::ksg;
use thermine_reservoir::information::permutation::{PERMUTATIONS, exchangeable, series};
use thermine_reservoir::information::table::CountTable;
use thermine_reservoir::random;

const SHARES: usize = 2_500;
const CLASSES: usize = 8;

fn labels(seed: u64) -> Vec<u32> {
    let mut rng = random::stream(seed, 4);
    (0..SHARES)
        .map(|_| rng.random_range(0..CLASSES as u32))
        .collect()
}

fn permutations(c: &mut Criterion) {
    let (x, y) = (labels(1), labels(2));
    let table = CountTable::of_labels(&x, &y, CLASSES, CLASSES).expect("labels");
    let mut rng = random::stream(3, 5);
    let mut group = c.benchmark_group("g_test_5000_permutations_2500_shares");
    group.sample_size(20);
    group.bench_function("exchangeable", |b| {
        b.iter(|| exchangeable(black_box(&table), PERMUTATIONS, &mut rng));
    });
    group.bench_function("blocks_of_10", |b| {
        b.iter(|| {
            series(
                (black_box(&x), CLASSES),
                (&y, CLASSES),
                10,
                PERMUTATIONS,
                &mut rng,
            )
        });
    });
    group.finish();
}

fn neighbours(c: &mut Criterion) {
    let mut group = c.benchmark_group("ksg");
    group.sample_size(20);
    for n in [1_000, 10_000, 100_000] {
        let mut rng = random::stream(1, 4);
        let x: Vec<f64> = (0..n).map(|_| rng.random()).collect();
        let y: Vec<f64> = x.iter().map(|x| 0.5 * x + rng.random::<f64>()).collect();
        group.bench_with_input(BenchmarkId::from_parameter(n), &n, |b, _| {
            b.iter(|| ksg(black_box(&x), black_box(&y), 3, &mut rng));
        });
    }
    group.finish();
}

criterion_group!(benches, permutations, neighbours);
criterion_main!(benches);
