//! Hierarchical numbers against the golden sums of the proofs, against `num-bigint`, and against the cases in which a
//! published implementation fails.

use std::str::FromStr;

use num_bigint::{BigInt, BigUint, Sign};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use thermine_reservoir::hierarchical::levels::{level_count, level_of, level_start};
use thermine_reservoir::hierarchical::lookahead::{self, Prefix};
use thermine_reservoir::hierarchical::{
    HierNat, MOST_BITS, Naf, ParseError, Signed, SparseNat, TooLarge,
};

fn sparse(exponents: &[u64]) -> SparseNat {
    SparseNat::from_terms(exponents.iter().copied()).expect("small exponents")
}

fn big(number: &HierNat) -> BigUint {
    BigUint::from_bytes_le(&number.to_bytes_le())
}

fn dense(number: &SparseNat) -> HierNat {
    HierNat::try_from(number).expect("short")
}

fn naf(number: &Signed) -> Naf {
    Naf::try_from(number).expect("short")
}

fn signed(number: &Naf) -> Signed {
    Signed::try_from(number).expect("short")
}

fn big_signed(number: &Signed) -> BigInt {
    let sign = if number.negative {
        Sign::Minus
    } else {
        Sign::Plus
    };
    BigInt::from_biguint(sign, big(&number.magnitude))
}

/// Numbers of up to so many limbs, with the runs of ones and zeros that carry far.
fn numbers(limbs: usize) -> impl Strategy<Value = HierNat> {
    let limb = prop_oneof![Just(0), Just(u64::MAX), Just(1 << 63), any::<u64>()];
    vec(limb, 0..=limbs).prop_map(HierNat::from_limbs)
}

fn signed_numbers(limbs: usize) -> impl Strategy<Value = Signed> {
    (any::<bool>(), numbers(limbs)).prop_map(|(negative, n)| Signed::new(negative, n))
}

/// Few exponents, near each other and far apart.
fn sparse_numbers() -> impl Strategy<Value = SparseNat> {
    let exponents = prop_oneof![
        btree_set(0u64..40, 0..30),
        btree_set(0u64..4_000, 0..30),
        btree_set(0u64..60_000, 0..8),
    ];
    exponents.prop_map(|set| SparseNat::from_terms(set).expect("small exponents"))
}

#[test]
fn the_golden_sums_of_the_proofs_come_out() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../lean/golden/hierarchical.json"
    );
    let text = std::fs::read_to_string(path).expect("the golden file is part of the project");
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    assert!(cases.len() >= 12);
    for case in cases {
        let list = |name: &str| -> Vec<u64> {
            serde_json::from_value(case[name].clone()).expect("exponents")
        };
        let (a, b) = (sparse(&list("a")), sparse(&list("b")));
        let sum = a.add(&b).expect("small exponents");
        let exponents: Vec<u64> = sum.exponents().collect();
        assert_eq!(exponents, list("sum"), "{case}");
        assert_eq!(Some(a < b), case["a_less_b"].as_bool(), "{case}");
        // The other kinds of number agree.
        let signed = Naf::try_from(&a).and_then(|a| a.add(&Naf::try_from(&b)?));
        let to_sparse = signed.and_then(|sum| sum.to_sparse());
        assert_eq!(to_sparse, Ok((false, sum.clone())), "{case}");
        let (a, b) = (HierNat::try_from(&a), HierNat::try_from(&b));
        if let (Ok(a), Ok(b)) = (a, b) {
            assert_eq!(SparseNat::from(&(&a + &b)), sum, "{case}");
            assert_eq!(Some(a < b), case["a_less_b"].as_bool(), "{case}");
        }
    }
}

#[test]
fn four_terms_of_2_to_the_6_are_2_to_the_8() {
    let sum = sparse(&[6, 6, 6, 6]);
    assert_eq!(sum, SparseNat::power_of_two(8));
    assert_eq!(sum.to_decimal().as_deref(), Ok("256"));
    let one = SparseNat::power_of_two(6);
    let one_by_one = (0..4).try_fold(SparseNat::zero(), |sum, _| sum.add(&one));
    assert_eq!(one_by_one, Ok(SparseNat::power_of_two(8)));
}

#[test]
fn level_boundaries_are_one_definition() {
    assert_eq!([0, 63, 64, 191, 192, 447].map(level_of), [0, 0, 1, 1, 2, 2]);
    assert_eq!(
        [1, 64, 65, 192, 193, 448].map(level_count),
        [1, 1, 2, 2, 3, 3]
    );
    for level in 0..6 {
        let start = level_start(level).expect("in range");
        let number = HierNat::power_of_two(start).expect("short");
        assert_eq!(number.level_count(), level + 1);
        assert_eq!(number.level(level), [1]);
        assert!((0..level).all(|below| number.level(below).iter().all(|limb| *limb == 0)));
        assert_eq!(
            (number.level(level + 1), number.level(63)),
            (&[][..], &[][..])
        );
    }
}

#[test]
fn a_carry_crosses_every_level() {
    let ones = HierNat::from_limbs(vec![u64::MAX; 127]);
    assert_eq!(ones.level_count(), 7);
    let sum = &ones + &HierNat::from(1u64);
    assert_eq!(SparseNat::from(&sum), SparseNat::power_of_two(127 * 64));
    assert_eq!(sum.level_count(), 8);
}

#[test]
fn a_tower_of_carries_is_a_single_term() {
    let tower: Vec<u64> = (5..100_000).collect();
    let sum = sparse(&tower)
        .add(&SparseNat::power_of_two(5))
        .expect("small exponents");
    assert_eq!(sum, SparseNat::power_of_two(100_000));
}

#[test]
fn what_is_too_large_is_refused_before_memory_is_taken() {
    let bits = MOST_BITS + 1;
    assert_eq!(
        HierNat::power_of_two(MOST_BITS),
        Err(TooLarge::Bits { bits })
    );
    let high = SparseNat::power_of_two(u64::MAX);
    assert_eq!(high.add(&high), Err(TooLarge::Exponent));
    assert_eq!(high.clone().shift_up(1), Err(TooLarge::Exponent));
    assert_eq!(high.mul(&sparse(&[1])), Err(TooLarge::Exponent));
    assert_eq!(
        HierNat::try_from(&high),
        Err(TooLarge::Bits { bits: u64::MAX })
    );
    let terms = high.checked_sub(&sparse(&[0]));
    assert!(matches!(terms, Err(TooLarge::Terms { .. })), "{terms:?}");
    // In non-adjacent form it is short.
    let short = Naf::difference(&high, &sparse(&[0])).expect("two digits");
    assert_eq!(short.weight(), 2);
    assert!(HierNat::from(3u64).pow(u64::MAX).is_err());
    assert_eq!(HierNat::from(1u64).pow(u64::MAX), Ok(HierNat::from(1u64)));
    // Terms this far apart have no dense form that would be shorter.
    let many = SparseNat::from_terms((0..20_000).map(|i| 1_000 * i)).expect("small exponents");
    assert!(matches!(many.mul(&many), Err(TooLarge::Terms { .. })));
}

#[test]
fn a_product_of_many_terms_close_together_is_computed() {
    // (2^5000 − 1)² = 2^10000 − 2^5001 + 1, from 25,000,000 products of terms.
    let ones = SparseNat::from_terms(0..5_000).expect("small exponents");
    let expected: Vec<u64> = std::iter::once(0).chain(5_001..10_000).collect();
    assert_eq!(ones.mul(&ones), Ok(sparse(&expected)));
    // Every second bit, far above zero: no term is lost to the offset.
    let many = SparseNat::from_terms((0..20_000).map(|i| 2 * i)).expect("small exponents");
    let shifted = many.clone().shift_up(1 << 40).expect("small exponents");
    let square = &dense(&many) * &dense(&many);
    let product = shifted
        .mul(&many)
        .map(|product| product.shift_down(1 << 40));
    assert_eq!(product.map(|product| dense(&product)), Ok(square));
}

#[test]
fn text_that_is_no_number_says_why() {
    assert_eq!(HierNat::from_str(""), Err(ParseError::Empty));
    let error = HierNat::from_str("12é4").expect_err("no digit");
    assert_eq!(error.to_string(), "'é' at byte 2 is not a decimal digit");
    let error = Signed::from_str("-1x").expect_err("no digit");
    assert_eq!(
        error,
        ParseError::Digit {
            found: 'x',
            place: 2
        }
    );
    assert!(HierNat::from_str("-1").is_err() && HierNat::from_str("+1").is_err());
    assert_eq!(HierNat::from_str("000"), Ok(HierNat::zero()));
    assert_eq!(Signed::from_str("-0"), Ok(Signed::default()));
}

#[test]
fn long_numbers_multiply_divide_and_print_as_num_bigint_does() {
    // Some 300,000 bits: above every threshold, where every way of multiplying and dividing takes part.
    let a = HierNat::from(3u64).pow(190_000).expect("short");
    let b = HierNat::from(7u64).pow(80_001).expect("short");
    let (big_a, big_b) = (big(&a), big(&b));
    let product = &a * &b;
    assert_eq!(big(&product), &big_a * &big_b);
    let (quotient, rest) = a.div_rem(&b).expect("not by zero");
    assert_eq!(
        (big(&quotient), big(&rest)),
        (&big_a / &big_b, &big_a % &big_b)
    );
    assert_eq!(product.div_rem(&a), Some((b.clone(), HierNat::zero())));
    let digits = a.to_string();
    assert_eq!(digits, big_a.to_string());
    assert_eq!(digits.parse(), Ok(a));
}

#[test]
fn bounds_of_a_logarithm_enclose_it() {
    assert_eq!(HierNat::zero().ln_bounds(), None);
    assert_eq!(HierNat::from(1u64).ln_bounds(), Some((0.0, 0.0)));
    for (base, exponent) in [(2u64, 1u64), (3, 33), (10, 500), (12_345, 9_999)] {
        let power = HierNat::from(base).pow(exponent).expect("short");
        let (low, high) = power.ln_bounds().expect("not zero");
        let exact = exponent as f64 * (base as f64).ln();
        assert!(low <= exact * (1.0 + 1e-15) && exact * (1.0 - 1e-15) <= high);
        assert!(high - low < 1e-13 * exact);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn dense_numbers_are_num_bigints(a in numbers(80), b in numbers(40), by in 0u64..300) {
        let (x, y) = (big(&a), big(&b));
        prop_assert_eq!(big(&(&a + &b)), &x + &y);
        let mut sum = b.clone();
        sum += &a;
        prop_assert_eq!(big(&sum), &x + &y);
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        match a.checked_sub(&b) {
            Some(difference) => prop_assert_eq!(big(&difference), &x - &y),
            None => prop_assert!(x < y),
        }
        prop_assert_eq!(big(&(&a * &b)), &x * &y);
        prop_assert_eq!(big(&a.shift_up(by).expect("short")), &x << by);
        prop_assert_eq!(big(&a.shift_down(by)), &x >> by);
        prop_assert_eq!(a.bits(), x.bits());
        prop_assert_eq!(a.bit(by), x.bit(by));
        match a.div_rem(&b) {
            Some((quotient, rest)) => {
                prop_assert_eq!(big(&quotient), &x / &y);
                prop_assert_eq!(big(&rest), &x % &y);
            }
            None => prop_assert!(b.is_zero()),
        }
        prop_assert_eq!(a.to_string(), x.to_string());
        prop_assert_eq!(a.to_string().parse::<HierNat>(), Ok(a.clone()));
        prop_assert_eq!(HierNat::from_bytes_le(&a.to_bytes_le()), a);
    }

    #[test]
    fn long_quotients_are_num_bigints(a in numbers(700), b in numbers(300)) {
        let (x, y) = (big(&a), big(&b));
        if let Some((quotient, rest)) = a.div_rem(&b) {
            prop_assert_eq!(big(&quotient), &x / &y);
            prop_assert_eq!(big(&rest), &x % &y);
        }
    }

    #[test]
    fn powers_are_num_bigints(a in numbers(2), exponent in 0u32..40) {
        let power = a.pow(u64::from(exponent)).expect("short");
        prop_assert_eq!(big(&power), big(&a).pow(exponent));
    }

    #[test]
    fn levels_hold_the_limbs_once_each(a in numbers(70)) {
        let levels: Vec<u64> = (0..a.level_count()).flat_map(|k| a.level(k).to_vec()).collect();
        prop_assert_eq!(&levels, a.limbs());
        prop_assert!(a.level(a.level_count()).is_empty());
    }

    #[test]
    fn sparse_numbers_are_num_bigints(
        a in sparse_numbers(), b in sparse_numbers(), by in 0u64..5_000,
    ) {
        let (x, y) = (big(&dense(&a)), big(&dense(&b)));
        let value = |number: &SparseNat| big(&dense(number));
        let (sum, steps) = a.add_counted(&b).expect("short");
        prop_assert_eq!(value(&sum), &x + &y);
        prop_assert!(steps <= 2 * (a.terms() + b.terms()) as u64);
        prop_assert!(sum.exponents().is_sorted_by(|a, b| a < b));
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        match a.checked_sub(&b).expect("short") {
            Some(difference) => prop_assert_eq!(value(&difference), &x - &y),
            None => prop_assert!(x < y),
        }
        prop_assert_eq!(value(&a.mul(&b).expect("short")), &x * &y);
        prop_assert_eq!(value(&a.clone().shift_up(by).expect("short")), &x << by);
        prop_assert_eq!(value(&a.clone().shift_down(by)), &x >> by);
        match a.div_rem(&b).expect("short") {
            Some((quotient, rest)) => {
                prop_assert_eq!(value(&quotient), &x / &y);
                prop_assert_eq!(value(&rest), &x % &y);
            }
            None => prop_assert!(b.is_zero()),
        }
        let digits = a.to_decimal().expect("short");
        prop_assert_eq!(&digits, &x.to_string());
        prop_assert_eq!(digits.parse::<SparseNat>(), Ok(a.clone()));
        prop_assert_eq!(SparseNat::from_bytes_le(&a.to_bytes_le().expect("short")), a.clone());
        prop_assert_eq!(SparseNat::from(&dense(&a)), a);
    }

    #[test]
    fn terms_add_up_in_any_order(exponents in vec(0u64..30, 0..60)) {
        let sum: BigUint = exponents.iter().map(|e| BigUint::from(1u32) << *e).sum();
        prop_assert_eq!(big(&dense(&sparse(&exponents))), sum);
    }

    #[test]
    fn signed_numbers_are_num_bigints(
        a in signed_numbers(6), b in signed_numbers(4), by in 0u64..200,
    ) {
        let (x, y) = (big_signed(&a), big_signed(&b));
        let (m, n) = (naf(&a), naf(&b));
        let value = |number: &Naf| {
            let digits: Vec<_> = number.digits().collect();
            // Non-adjacent, hence the shortest and the only one.
            assert!(digits.windows(2).all(|pair| pair[0].exponent + 2 <= pair[1].exponent));
            big_signed(&signed(number))
        };
        prop_assert_eq!(value(&m), x.clone());
        prop_assert!(m.weight() as u64 <= a.magnitude.bits() / 2 + 1);
        prop_assert!(m.weight() as u64 <= a.magnitude.ones());
        prop_assert_eq!(m.is_negative(), a.negative);
        prop_assert_eq!(value(&m.add(&n).expect("short")), &x + &y);
        prop_assert_eq!(value(&m.sub(&n).expect("short")), &x - &y);
        prop_assert_eq!(value(&m.mul(&n).expect("short")), &x * &y);
        prop_assert_eq!(value(&-m.clone()), -&x);
        prop_assert_eq!(m.cmp(&n), x.cmp(&y));
        prop_assert_eq!(value(&m.clone().shift_up(by).expect("short")), &x << by);
        prop_assert_eq!(value(&m.clone().shift_down(by).expect("smaller")), &x >> by);
        match m.div_rem(&n).expect("short") {
            Some((quotient, rest)) => {
                prop_assert_eq!(value(&quotient), &x / &y);
                prop_assert_eq!(value(&rest), &x % &y);
            }
            None => prop_assert!(b.magnitude.is_zero()),
        }
        prop_assert_eq!(a.to_string(), x.to_string());
        prop_assert_eq!(a.to_string().parse::<Signed>(), Ok(a.clone()));
        let bytes = a.to_bytes_le();
        if !a.magnitude.is_zero() {
            prop_assert_eq!(&bytes, &x.to_signed_bytes_le());
        }
        prop_assert_eq!(Signed::from_bytes_le(&bytes), a.clone());
        let (negative, magnitude) = m.to_sparse().expect("short");
        prop_assert_eq!((negative, dense(&magnitude)), (a.negative, a.magnitude));
    }

    /// The circuit's sum is the sum, whatever the arrangement; its depth is logarithmic and its work is not.
    #[test]
    fn look_ahead_adds_in_few_layers(a in numbers(12), b in numbers(12)) {
        for prefix in [Prefix::Sklansky, Prefix::BrentKung] {
            let found = lookahead::add(&a, &b, prefix);
            prop_assert_eq!(&found.sum, &(&a + &b));
            let n = found.places;
            prop_assert_eq!(n, a.bits().max(b.bits()));
            if n > 1 {
                let log = (n - 1).ilog2() + 1;
                prop_assert!(found.joins >= n - 1);
                match prefix {
                    Prefix::Sklansky => prop_assert!(found.depth <= log),
                    Prefix::BrentKung => {
                        prop_assert!(found.joins < 2 * n);
                        prop_assert!(found.depth <= 2 * log);
                    }
                }
            }
        }
    }
}
