//! Loops over rows of numbers, on the vectors that the processor has.
//!
//! Which these are is found out at run time. Nothing is fused and no sum is taken in another order, so that a seed
//! gives the same bits on every machine.

use pulp::Arch;

/// Runs `loops`, compiled for the widest vectors of this processor. What it calls must be inlined into it.
///
/// The bound is what makes a closure one that is called once, by value; handed to `dispatch` itself it would be called
/// through its reference, and not inlined.
#[inline(always)]
pub(crate) fn vectorised(loops: impl FnOnce()) {
    Arch::new().dispatch(loops);
}

/// The largest of `values`, NaN passed over; the least number there is if there are none.
pub(crate) fn largest(values: &[f64]) -> f64 {
    // Side by side: one after the other, each comparison would wait for the one before.
    const LANES: usize = 16;
    let larger = |best: f64, value: f64| if value > best { value } else { best };
    let (rows, rest) = values.as_chunks::<LANES>();
    let mut best = [f64::MIN; LANES];
    for row in rows {
        for (best, value) in best.iter_mut().zip(row) {
            *best = larger(*best, *value);
        }
    }
    best.iter().chain(rest).copied().fold(f64::MIN, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_found_wherever_it_stands() {
        for length in [1, 15, 16, 17, 63, 189] {
            for place in 0..length {
                let mut values = vec![-3.0; length];
                values[place] = -1.0;
                values[(place + 1) % length] = if length > 1 { f64::NAN } else { -1.0 };
                assert_eq!(largest(&values), -1.0, "{place} of {length}");
            }
        }
        assert_eq!(largest(&[]), f64::MIN);
    }
}
