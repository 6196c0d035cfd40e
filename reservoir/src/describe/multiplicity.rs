//! Many tests at once: p-values adjusted so that each can be compared with the level itself.
//!
//! [`holm`] bounds the chance of any false rejection, under any dependence; [`benjamini_hochberg`] bounds
//! the expected share of false rejections among the rejections, for independent or positively dependent
//! tests. A p-value that is not a number counts as 1.

/// Holm's adjusted p-values, in the order given (Scand. J. Stat. 6(2), 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let count = p.len();
    let mut largest = 0.0f64;
    adjusted(p, |rank, value| {
        largest = largest.max(value * (count - rank) as f64);
        largest
    })
}

/// Benjamini and Hochberg's adjusted p-values, in the order given (J. R. Stat. Soc. B 57(1), 1995).
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let count = p.len();
    let mut sorted: Vec<f64> = p.iter().map(|value| valid(*value)).collect();
    sorted.sort_by(f64::total_cmp);
    // From the largest down, each is at most its successor.
    let mut smallest = 1.0f64;
    for (rank, value) in sorted.iter_mut().enumerate().rev() {
        smallest = smallest.min(*value * count as f64 / (rank + 1) as f64);
        *value = smallest;
    }
    adjusted(p, |rank, _| sorted[rank])
}

fn valid(p: f64) -> f64 {
    if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) }
}

/// `adjust(rank, p)` of each p-value in rising order, returned in the original order.
fn adjusted(p: &[f64], mut adjust: impl FnMut(usize, f64) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| valid(p[*a]).total_cmp(&valid(p[*b])));
    let mut result = vec![1.0; p.len()];
    for (rank, place) in order.into_iter().enumerate() {
        result[place] = adjust(rank, valid(p[place])).min(1.0);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn four_tests_by_hand() {
        let p = [0.01, 0.04, 0.03, 0.005];
        // Sorted 0.005·4, 0.01·3, 0.03·2, 0.04·1 → 0.02, 0.03, 0.06, 0.06.
        assert!(close(&holm(&p), &[0.03, 0.06, 0.06, 0.02]));
        // 0.005·4, 0.01·2, 0.03·4/3, 0.04 → 0.02, 0.02, 0.04, 0.04.
        assert!(close(&benjamini_hochberg(&p), &[0.02, 0.04, 0.04, 0.02]));
    }

    #[test]
    fn nothing_and_not_a_number() {
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
        assert_eq!(holm(&[f64::NAN, 0.01]), [1.0, 0.02]);
        assert_eq!(benjamini_hochberg(&[f64::NAN, 0.01]), [1.0, 0.02]);
    }

    proptest! {
        #[test]
        fn adjusted_values_keep_the_order_and_only_grow(
            p in proptest::collection::vec(0.0f64..1.0, 1..30),
        ) {
            let (holm, bh) = (holm(&p), benjamini_hochberg(&p));
            for i in 0..p.len() {
                prop_assert!(bh[i] >= p[i] - 1e-15 && holm[i] >= bh[i] - 1e-15 && holm[i] <= 1.0);
                for j in 0..p.len() {
                    if p[i] < p[j] {
                        prop_assert!(holm[i] <= holm[j] && bh[i] <= bh[j]);
                    }
                }
            }
        }
    }
}
