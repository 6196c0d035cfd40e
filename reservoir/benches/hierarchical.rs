//! Hierarchical numbers beside `num-bigint`: operations and time against length, with the exponent b of a fit
//! y = a n^b, by least squares of logarithms. Then the same products under criterion.
//!
//! Numbers are random bits of a seeded stream; times are the wall's, the least of several runs.

#![expect(clippy::print_stdout, reason = "the bench prints its tables")]

use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use num_bigint::BigUint;
use rand::RngExt;
use thermine_reservoir::hierarchical::lookahead::{self, Prefix};
use thermine_reservoir::hierarchical::{BinomialHeap, HierNat, SparseNat};
use thermine_reservoir::random;

/// Seed of every number here.
const SEED: u64 = 1;

/// Time that a run is filled with: short, so that some runs are not interrupted.
const RUN: Duration = Duration::from_micros(300);

/// Time that all runs of a case may take; there are three at the least.
const CASE: Duration = Duration::from_millis(60);

/// Lengths in bits: 64 up to 1 Mbit, and beyond.
const BITS: [u64; 10] = [
    1 << 6,
    1 << 8,
    1 << 10,
    1 << 12,
    1 << 14,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 24,
];

/// Most that a product may take of `num-bigint`'s time, up to 1 Mbit.
const GOAL: f64 = 3.0;

fn main() {
    println!(
        "computed on this machine, seed {SEED}, least of several runs; exponents over the rows from the fourth on"
    );
    sums();
    products();
    quotients();
    digits();
    sparse_sums();
    sparse_products();
    sparse_shifts();
    heaps();
    look_ahead();
    let mut criterion = Criterion::default().configure_from_args();
    under_criterion(&mut criterion);
    criterion.final_summary();
}

/// A number of exactly so many bits, and the same of the peer's.
fn number(bits: u64, stream: u64) -> (HierNat, BigUint) {
    let mut rng = random::stream(SEED, stream);
    let mut limbs: Vec<u64> = (0..bits / 64).map(|_| rng.random()).collect();
    if let Some(top) = limbs.last_mut() {
        *top |= 1 << 63;
    }
    let number = HierNat::from_limbs(limbs);
    let peer = BigUint::from_bytes_le(&number.to_bytes_le());
    (number, peer)
}

/// Seconds of one run.
fn seconds<T>(mut run: impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    black_box(run());
    let once = start.elapsed().as_secs_f64().max(1e-9);
    let times = (RUN.as_secs_f64() / once).ceil().clamp(1.0, 1e7) as usize;
    let runs = (CASE.as_secs_f64() / (once * times as f64)).ceil().max(3.0) as usize;
    let runs = (0..runs).map(|_| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(run());
        }
        start.elapsed().as_secs_f64() / times as f64
    });
    runs.fold(f64::INFINITY, f64::min)
}

/// Exponent b of y = a n^b.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs =
        |f: fn(&(f64, f64)) -> f64| -> Vec<f64> { points.iter().map(|p| f(p).ln()).collect() };
    let (x, y) = (logs(|p| p.0), logs(|p| p.1));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(&x), mean(&y));
    let xy: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    xy / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
}

/// One column of a table: its name, and its value in each row.
type Column<'a> = (&'a str, Vec<f64>);

/// Prints a table of columns against `n`, the fitted exponent of each at the foot.
fn table(title: &str, unit: &str, n: &[f64], columns: &[Column<'_>]) {
    println!("\n{title}");
    print!("{unit:>12}");
    columns.iter().for_each(|(name, _)| print!("{name:>22}"));
    println!();
    for (row, n) in n.iter().enumerate() {
        print!("{n:>12}");
        for (_, values) in columns {
            match values[row] {
                value if value == value.trunc() => print!("{value:>22}"),
                value => print!("{value:>22.3e}"),
            }
        }
        println!();
    }
    print!("{:>12}", "exponent");
    let from = 3.min(n.len().saturating_sub(2));
    for (_, values) in columns {
        let points: Vec<(f64, f64)> = n.iter().copied().zip(values.iter().copied()).collect();
        print!("{:>22.3}", exponent(&points[from..]));
    }
    println!();
}

fn floats(values: &[u64]) -> Vec<f64> {
    values.iter().map(|value| *value as f64).collect()
}

/// Measures ours and the peer's at each length.
fn both(lengths: &[u64], mut case: impl FnMut(u64) -> (f64, f64)) -> (Vec<f64>, Vec<f64>) {
    lengths.iter().map(|bits| case(*bits)).unzip()
}

fn sums() {
    let (ours, peers) = both(&BITS, |bits| {
        let ((a, x), (b, y)) = (number(bits, 1), number(bits, 2));
        (seconds(|| &a + &b), seconds(|| &x + &y))
    });
    let additions = BITS.iter().map(|bits| (bits / 64) as f64).collect();
    table(
        "dense sums: work is one addition a limb, linear in n",
        "bits",
        &floats(&BITS),
        &[
            ("limb additions", additions),
            ("s", ours),
            ("s num-bigint", peers),
        ],
    );
}

fn products() {
    let mut counts = Vec::new();
    let (ours, peers) = both(&BITS, |bits| {
        let ((a, x), (b, y)) = (number(bits, 1), number(bits, 2));
        let (product, count) = a.mul_counted(&b);
        assert_eq!(BigUint::from_bytes_le(&product.to_bytes_le()), &x * &y);
        counts.push(count as f64);
        (seconds(|| &a * &b), seconds(|| &x * &y))
    });
    let up_to_goal = ours
        .iter()
        .zip(&peers)
        .zip(BITS)
        .filter(|(_, bits)| *bits <= 1 << 20);
    let worst = up_to_goal
        .map(|((ours, peer), _)| ours / peer)
        .fold(0.0, f64::max);
    table(
        "dense products: by rows, from 32 limbs by halves, from 3,072 by a transform",
        "bits",
        &floats(&BITS),
        &[
            ("limb products", counts),
            ("s", ours),
            ("s num-bigint", peers),
        ],
    );
    let verdict = if worst <= GOAL { "reached" } else { "missed" };
    println!(
        "64 bits to 1 Mbit: at most {worst:.2} times num-bigint's time; the goal of {GOAL} is {verdict}"
    );
}

fn quotients() {
    let (ours, peers) = both(&BITS[..9], |bits| {
        let ((a, x), (b, y)) = (number(2 * bits, 1), number(bits, 2));
        (seconds(|| a.div_rem(&b)), seconds(|| (&x / &y, ())))
    });
    table(
        "dense quotients, 2n bits by n, ours with the remainder",
        "bits",
        &floats(&BITS[..9]),
        &[("s", ours), ("s num-bigint", peers)],
    );
}

fn digits() {
    let (ours, peers) = both(&BITS[..8], |bits| {
        let (a, x) = number(bits, 1);
        (seconds(|| a.to_string()), seconds(|| x.to_string()))
    });
    table(
        "decimal digits",
        "bits",
        &floats(&BITS[..8]),
        &[("s", ours), ("s num-bigint", peers)],
    );
}

/// So many terms, one in 64 bits on average.
fn sparse(terms: u64, stream: u64) -> SparseNat {
    let mut rng = random::stream(SEED, stream);
    let exponents = (0..terms).map(|_| rng.random_range(0..64 * terms));
    SparseNat::from_terms(exponents).expect("small exponents")
}

fn sparse_sums() {
    let sizes: Vec<u64> = (4..20).step_by(2).map(|k| 1 << k).collect();
    let mut counts = Vec::new();
    let (ours, peers) = both(&sizes, |terms| {
        let (a, b) = (sparse(terms, 3), sparse(terms, 4));
        let (_, steps) = a.add_counted(&b).expect("small exponents");
        counts.push(steps as f64);
        let peer = |n: &SparseNat| BigUint::from_bytes_le(&n.to_bytes_le().expect("short"));
        let (x, y) = (peer(&a), peer(&b));
        (seconds(|| a.add(&b)), seconds(|| &x + &y))
    });
    table(
        "sparse sums of s terms each, one in 64 bits; num-bigint adds the same numbers densely",
        "terms",
        &floats(&sizes),
        &[
            ("exponents looked at", counts),
            ("s", ours),
            ("s num-bigint", peers),
        ],
    );
}

fn sparse_products() {
    let sizes: Vec<u64> = (2..11).map(|k| 1 << k).collect();
    let far = |terms: u64, stream| {
        let mut rng = random::stream(SEED, stream);
        let exponents = (0..terms).map(|_| rng.random_range(0..1 << 40));
        SparseNat::from_terms(exponents).expect("small exponents")
    };
    let mut apart = Vec::new();
    let (ours, peers) = both(&sizes, |terms| {
        let (a, b) = (sparse(terms, 3), sparse(terms, 4));
        let peer = |n: &SparseNat| BigUint::from_bytes_le(&n.to_bytes_le().expect("short"));
        let (x, y) = (peer(&a), peer(&b));
        let (c, d) = (far(terms, 6), far(terms, 7));
        apart.push(seconds(|| c.mul(&d)));
        (seconds(|| a.mul(&b)), seconds(|| &x * &y))
    });
    let products = sizes.iter().map(|s| (s * s) as f64).collect();
    table(
        "sparse products of s by s terms: over 2^40 bits, term by term; and one in 64 bits, which goes densely",
        "terms",
        &floats(&sizes),
        &[
            ("products of terms", products),
            ("s over 2^40 bits", apart),
            ("s one in 64 bits", ours),
            ("s num-bigint, same", peers),
        ],
    );
}

fn sparse_shifts() {
    let sizes: Vec<u64> = (4..20).step_by(2).map(|k| 1 << k).collect();
    let (ours, peers) = both(&sizes, |terms| {
        let mut a = sparse(terms, 3);
        let x = BigUint::from_bytes_le(&a.to_bytes_le().expect("short"));
        let ours = seconds(|| {
            a = std::mem::take(&mut a).shift_up(1).expect("small exponents");
        });
        (ours, seconds(|| &x << 1u32))
    });
    table(
        "sparse shifts by one place: no term is touched",
        "terms",
        &floats(&sizes),
        &[("s", ours), ("s num-bigint", peers)],
    );
}

fn heaps() {
    let sizes: Vec<u64> = (8..21).step_by(2).map(|k| 1 << k).collect();
    let mut columns: [Vec<f64>; 6] = Default::default();
    for n in &sizes {
        let mut rng = random::stream(SEED, 5);
        let keys: Vec<u64> = (0..*n).map(|_| rng.random()).collect();
        let heap: BinomialHeap<u64> = keys.iter().copied().collect();
        let per = |comparisons: u64| comparisons as f64 / *n as f64;
        let mut full = heap.clone();
        // One key fewer than a power of two, twice: every place carries.
        let mut melded: BinomialHeap<u64> = keys[1..].iter().copied().collect();
        let other = melded.clone();
        let before = melded.comparisons() + other.comparisons();
        melded.meld(other);
        let before_draining = full.comparisons();
        while full.extract_min().is_some() {}
        let values = [
            per(heap.comparisons()),
            per(full.comparisons() - before_draining),
            (melded.comparisons() - before) as f64,
            seconds(|| keys.iter().copied().collect::<BinomialHeap<u64>>()) / *n as f64,
            seconds(|| {
                let mut heap: BinomialHeap<u64> = keys.iter().copied().collect();
                while heap.extract_min().is_some() {}
            }) / *n as f64,
            seconds(|| {
                let mut heap = BinaryHeap::new();
                keys.iter().for_each(|key| heap.push(*key));
                while heap.pop().is_some() {}
            }) / *n as f64,
        ];
        columns
            .iter_mut()
            .zip(values)
            .for_each(|(column, value)| column.push(value));
    }
    let logs: Vec<f64> = sizes.iter().map(|n| n.ilog2() as f64).collect();
    let against_log = |values: &[f64]| {
        let points: Vec<(f64, f64)> = logs.iter().copied().zip(values.iter().copied()).collect();
        exponent(&points)
    };
    let (extract, meld) = (against_log(&columns[1]), against_log(&columns[2]));
    let [inserts, extracts, melds, insert_time, both_time, peer_time] = columns;
    table(
        "binomial heap, per key: comparisons, and seconds beside std's BinaryHeap",
        "keys",
        &floats(&sizes),
        &[
            ("compared an insert", inserts),
            ("an extract-min", extracts),
            ("a meld", melds),
            ("s an insert", insert_time),
            ("s with its extract", both_time),
            ("s BinaryHeap", peer_time),
        ],
    );
    println!(
        "against log n: extract-min goes as (log n)^{extract:.2}, a meld as (log n)^{meld:.2}; an insert compares fewer \
         than once"
    );
}

fn look_ahead() {
    let sizes: Vec<u64> = (6..21).step_by(2).map(|k| 1 << k).collect();
    let mut columns: [Vec<f64>; 4] = Default::default();
    for bits in &sizes {
        let ((a, _), (b, _)) = (number(*bits, 1), number(*bits, 2));
        let found =
            [Prefix::Sklansky, Prefix::BrentKung].map(|prefix| lookahead::add(&a, &b, prefix));
        for circuit in &found {
            assert_eq!(circuit.sum, &a + &b);
        }
        let [few_layers, few_joins] = found;
        let values = [
            few_layers.joins as f64,
            f64::from(few_layers.depth),
            few_joins.joins as f64,
            f64::from(few_joins.depth),
        ];
        columns
            .iter_mut()
            .zip(values)
            .for_each(|(column, value)| column.push(value));
    }
    let work = sizes
        .iter()
        .zip(&columns[2])
        .map(|(n, joins)| joins / *n as f64);
    let work = work.fold(0.0, f64::max);
    let depth = sizes
        .iter()
        .zip(&columns[3])
        .map(|(n, d)| d / f64::from(n.ilog2()));
    let depth = depth.fold(0.0, f64::max);
    let [sklansky_joins, sklansky_depth, joins, layers] = columns;
    table(
        "carry look-ahead, evaluated and equal to the sum: joins in all and in a row",
        "bits",
        &floats(&sizes),
        &[
            ("joins Sklansky", sklansky_joins),
            ("in a row", sklansky_depth),
            ("joins Brent-Kung", joins),
            ("in a row", layers),
        ],
    );
    println!(
        "the work of a sum is linear: at most {work:.2} joins a bit here, and no circuit has fewer than n - 1; only its \
         depth is logarithmic: at most {depth:.2} log2 n joins in a row. Energy goes with the work."
    );
}

fn under_criterion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hierarchical_product");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for bits in [1u64 << 10, 1 << 15, 1 << 20] {
        let ((a, x), (b, y)) = (number(bits, 1), number(bits, 2));
        group.bench_with_input(BenchmarkId::new("thermine", bits), &bits, |bench, _| {
            bench.iter(|| black_box(&a) * black_box(&b));
        });
        group.bench_with_input(BenchmarkId::new("num-bigint", bits), &bits, |bench, _| {
            bench.iter(|| black_box(&x) * black_box(&y));
        });
    }
    group.finish();
}
