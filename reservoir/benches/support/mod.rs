//! What the benches beside peers share: times, and arrays in files.

use std::fs;
use std::path::Path;
use std::time::Instant;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Runs of each case.
const RUNS: usize = 5;

/// Prints the seconds of one run. What takes less than a tenth of a second is run often enough to fill it, as
/// the kernel counts processor time in steps of milliseconds.
pub(crate) fn time(name: &str, mut run: impl FnMut() -> bool) {
    let start = Instant::now();
    assert!(run(), "{name} failed");
    let once = start.elapsed().as_secs_f64();
    let times = (0.1 / once).ceil().clamp(1.0, 1e4);
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..RUNS {
        let (cpu, wall) = (processor_seconds(), Instant::now());
        for _ in 0..times as usize {
            assert!(run(), "{name} failed");
        }
        best.0 = best.0.min((processor_seconds() - cpu) / times);
        best.1 = best.1.min(wall.elapsed().as_secs_f64() / times);
    }
    println!("{name} {} {}", best.0, best.1);
}

/// Seconds that this thread has been on a processor, as Linux counts them; zero elsewhere.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|first| first.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) * 1e-9
}

/// Numbers that a peer left in a file.
pub(crate) fn read(path: &Path) -> Outcome<Vec<f64>> {
    let bytes = fs::read(path)?;
    let (numbers, _) = bytes.as_chunks::<8>();
    Ok(numbers.iter().map(|b| f64::from_le_bytes(*b)).collect())
}
