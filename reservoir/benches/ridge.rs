//! Time of a ridge fit with its whole path of penalties, at the main job's size and at two larger ones.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::RngExt;
use thermine_reservoir::random;
use thermine_reservoir::readout::Ridge;
use thermine_reservoir::state::{Feature, StateMatrix};

fn states(rows: usize, columns: usize) -> StateMatrix {
    let mut rng = random::stream(1, 8);
    let column = |i| {
        let values = (0..rows).map(|_| rng.random::<f64>()).collect();
        (Feature::new(format!("x{i}"), "1"), values)
    };
    let columns = (0..columns).map(column).collect();
    #[expect(clippy::expect_used, reason = "uniform numbers are finite")]
    StateMatrix::from_columns(rows, columns).expect("finite")
}

fn fit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ridge, path of 13 penalties");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500));
    for (rows, columns) in [(2_000, 9), (10_000, 200), (10_000, 1_000)] {
        let states = states(rows, columns);
        let target: Vec<f64> = states.values().column(0).iter().copied().collect();
        group.bench_function(format!("T={rows} N={columns}"), |bencher| {
            bencher.iter(|| Ridge::fit(black_box(&states), &target, 0..rows));
        });
    }
    group.finish();
}

criterion_group!(benches, fit);
criterion_main!(benches);
