//! nalgebra beside faer on the products and factorisations that a readout is made of: what the choice of
//! `dense` rests on. One thread.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, MatRef, Par, Side};
use nalgebra::{Cholesky, DMatrix, SymmetricEigen};
use rand::RngExt;
use thermine_reservoir::random;

fn uniform(rows: usize, columns: usize) -> DMatrix<f64> {
    let mut rng = random::stream(1, 8);
    DMatrix::from_fn(rows, columns, |_, _| rng.random::<f64>() - 0.5)
}

fn gram(x: &DMatrix<f64>) -> Mat<f64> {
    let x = MatRef::from_column_major_slice(x.as_slice(), x.nrows(), x.ncols());
    let mut gram = Mat::zeros(x.ncols(), x.ncols());
    matmul(
        &mut gram,
        BlockStructure::TriangularLower,
        Accum::Replace,
        x.transpose(),
        BlockStructure::Rectangular,
        x,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    gram
}

fn algebra(criterion: &mut Criterion) {
    faer::set_global_parallelism(Par::Seq);
    let mut group = criterion.benchmark_group("algebra");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for (rows, columns) in [(10_000, 1_000), (100_000, 200)] {
        let x = uniform(rows, columns);
        let size = format!("T={rows} N={columns}");
        group.bench_function(format!("Gram, nalgebra, {size}"), |b| {
            b.iter(|| black_box(&x).transpose() * &x);
        });
        group.bench_function(format!("Gram, faer, {size}"), |b| {
            b.iter(|| gram(black_box(&x)));
        });
        let ours = gram(&x);
        let theirs = x.tr_mul(&x);
        let size = format!("N={columns}");
        group.bench_function(format!("Cholesky, nalgebra, {size}"), |b| {
            b.iter(|| Cholesky::new(black_box(&theirs).clone()));
        });
        group.bench_function(format!("Cholesky, faer, {size}"), |b| {
            b.iter(|| black_box(&ours).llt(Side::Lower));
        });
        group.bench_function(format!("eigen, nalgebra, {size}"), |b| {
            b.iter(|| SymmetricEigen::new(black_box(&theirs).clone()));
        });
        group.bench_function(format!("eigen, faer, {size}"), |b| {
            b.iter(|| black_box(&ours).self_adjoint_eigen(Side::Lower));
        });
    }
    group.finish();
}

criterion_group!(benches, algebra);
criterion_main!(benches);
