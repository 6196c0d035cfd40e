//! Error rates against closed forms, by hand, and properties.

use super::*;
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

const FAST: Resampling = Resampling {
    resamples: 200,
    seed: 1,
};

fn score(unit: usize, claimed: usize, value: f64) -> Score {
    Score {
        unit,
        claimed,
        value,
        distance: value,
    }
}

/// Every one of `units` claims to be each, `repeats` times: scores N(0, 1), genuine ones `gap` higher, and
/// `own` of a standard deviation common to all claims of a unit.
fn normal(units: usize, repeats: usize, gap: f64, own: f64, seed: u64) -> Trials {
    let mut rng = random::stream(seed, 7);
    let mut scores = Vec::new();
    for unit in 0..units {
        let common = own * random::normal(&mut rng);
        for claimed in 0..units {
            for _ in 0..repeats {
                let shift = if unit == claimed { gap } else { 0.0 };
                let value = common + (1.0 - own * own).sqrt() * random::normal(&mut rng);
                scores.push(score(unit, claimed, shift + value));
            }
        }
    }
    Trials::new(scores).expect("both kinds")
}

#[test]
fn gaussians_give_the_closed_form() {
    // Two normals of unit variance, d apart: EER = Φ(−d/2), area = Φ(d/√2).
    let law = Normal::standard();
    for (d, seed) in [(0.0, 1), (1.0, 2), (2.0, 3), (3.0, 4)] {
        let trials = normal(60, 20, d, 0.0, seed);
        let eer = trials.equal_error(FAST);
        let exact = law.cdf(-d / 2.0);
        // 1,200 genuine claims: a standard error of 0.014 at the most.
        assert!((eer.value - exact).abs() < 0.04, "{d}: {eer:?} for {exact}");
        assert!(
            eer.low - 0.01 <= exact && exact <= eer.high + 0.01,
            "{eer:?}"
        );
        let area = trials.area(FAST).value;
        assert!((area - law.cdf(d / 2f64.sqrt())).abs() < 0.03, "{area}");
    }
}

#[test]
fn the_interval_over_units_covers_what_one_over_claims_would_not() {
    // Each unit has a score of its own in common: 400 claims of a unit are far from 400 claims.
    let inside = (0..60)
        .filter(|seed| {
            let trials = normal(20, 2, 1.0, 0.7, 100 + seed);
            let eer = trials.equal_error(FAST);
            let exact = Normal::standard().cdf(-0.5);
            eer.low <= exact && exact <= eer.high
        })
        .count();
    // 57 expected; a bootstrap of 20 units covers somewhat less.
    assert!(inside >= 49, "{inside} of 60");
}

#[test]
fn by_hand() {
    let trials = Trials::new(vec![
        score(0, 0, 3.0),
        score(1, 1, 1.0),
        score(0, 1, 2.0),
        score(1, 0, 0.0),
        score(1, 0, f64::NAN),
    ])
    .expect("both kinds");
    assert_eq!(trials.counts(), (2, 2));
    // At a threshold of 2 one of two is rejected and one of two accepted.
    assert_eq!(trials.equal_error(FAST).value, 0.5);
    assert_eq!(trials.equal_threshold(), 2.0);
    let (accept, reject) = trials.rates(1.5, FAST);
    assert_eq!((accept.wrong, accept.claims), (1, 2));
    assert_eq!((reject.wrong, reject.claims), (1, 2));
    assert_eq!(accept.one_per_unit.value, 0.5);
    // Of four pairs of a genuine and a false score, three are in order.
    assert_eq!(trials.area(FAST).value, 0.75);
    assert!(Trials::new(vec![score(0, 0, 1.0)]).is_none());
}

#[test]
fn without_an_error_the_exact_interval_still_has_width() {
    let trials = normal(30, 1, 100.0, 0.0, 5);
    let (accept, reject) = trials.rates(50.0, FAST);
    assert_eq!((accept.wrong, reject.wrong), (0, 0));
    assert_eq!(reject.over_units.high, 0.0);
    let most = 1.0 - 0.025f64.powf(1.0 / 30.0);
    assert!((reject.one_per_unit.high - most).abs() < 1e-3);
    assert_eq!(trials.equal_error(FAST).value, 0.0);
}

#[test]
fn equal_scores_are_half_right() {
    let same = (0..10).flat_map(|i| (0..10).map(move |j| score(i, j, 0.0)));
    let trials = Trials::new(same.collect()).expect("both kinds");
    assert_eq!(trials.equal_error(FAST).value, 0.5);
    assert_eq!(trials.area(FAST).value, 0.5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn rates_move_against_each_other_and_ends_are_ends(
        values in proptest::collection::vec((0usize..5, 0usize..5, -20i8..20), 2..80)
    ) {
        let scores: Vec<Score> = values.iter().map(|(u, c, v)| score(*u, *c, f64::from(*v))).collect();
        let Some(trials) = Trials::new(scores) else { return Ok(()) };
        let curve = trials.characteristic();
        for pair in curve.windows(2) {
            prop_assert!(pair[1].false_accept <= pair[0].false_accept);
            prop_assert!(pair[1].false_reject >= pair[0].false_reject);
        }
        let eer = trials.equal_error(Resampling { resamples: 20, seed: 1 });
        prop_assert!((0.0..=1.0).contains(&eer.value));
        let (accept, reject) = trials.rates(trials.equal_threshold(), FAST);
        // No threshold can make both errors rarer than the equal rate.
        prop_assert!(accept.over_units.value.max(reject.over_units.value) >= eer.value - 1e-9);
    }

    #[test]
    fn a_rising_transformation_of_scores_changes_nothing(seed in 0u64..50) {
        let plain = normal(8, 3, 1.0, 0.3, seed);
        let bent = plain.scores().iter().map(|s| Score { value: s.value.exp(), ..*s });
        let bent = Trials::new(bent.collect()).expect("both kinds");
        prop_assert!((plain.equal_error(FAST).value - bent.equal_error(FAST).value).abs() < 1e-9);
    }
}
