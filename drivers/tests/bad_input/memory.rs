//! A bound on all memory of the tests together, simulated units and the abuse itself included.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Most megabytes at any time. Less than a single flood of these tests sends.
const MOST_MB: f32 = 96.0;

/// Bytes that a flood sends.
pub(crate) const FLOOD: usize = 128 << 20;

/// Fails if ever so far more was held.
pub(crate) fn check() {
    let peak = MEMORY.peak_usage_as_mb();
    assert!(peak < MOST_MB, "{peak} MB at the peak");
    assert!(peak > 0.0, "the allocator counts");
}
