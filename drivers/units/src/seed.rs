//! Seeded randomness. Every generator of a run is a named stream of the run's seed, so that two parts
//! of the program never share random numbers and a run can be repeated from its seed alone.

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng as Rng;

/// Stream `name` of `seed`.
///
/// ```
/// use rand::RngExt;
/// use thermine_units::seed;
/// let a: u64 = seed::stream(7, "physics").random();
/// assert_eq!(a, seed::stream(7, "physics").random::<u64>());
/// assert_ne!(a, seed::stream(7, "jobs").random::<u64>());
/// ```
pub fn stream(seed: u64, name: &str) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    // FNV-1a, 64 bit: any fixed map from names to stream numbers serves.
    let number = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    rng.set_stream(number);
    rng
}
