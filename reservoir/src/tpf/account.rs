//! The value of a filter: keep share, recall, and rounds per found share relative to no filter.
//!
//! The filter keeps the fraction c of N candidates after k of n rounds, and its decision costs m rounds. Of the S
//! successes it keeps the fraction r, the recall. Then
//!
//! ```text
//! rounds per candidate  k + (n − k) c + m
//! raw saving            1 − (k + (n − k) c + m) / n          what the paper prints
//! cost per found share  ρ = (k + (n − k) c + m) / (n r)      1 without a filter
//! true saving           1 − ρ
//! break-even            r > (k + (n − k) c + m) / n
//! ```
//!
//! Proved in lean/Thermine/Energy; see [`theorems`](super::theorems).

use serde::{Deserialize, Serialize};

use super::exact::Proportion;

/// Which rounds count as one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitOfAccount {
    /// One compression of 64 rounds, as the paper counts.
    Single,
    /// SHA-256d from the midstate: two compressions, 128 rounds.
    Double,
    /// SHA-256d with the exact early exit: 122 rounds; the first three rounds of the header are free.
    Optimised,
}

impl UnitOfAccount {
    /// Each unit of account, the paper's first.
    pub const ALL: [UnitOfAccount; 3] = [
        UnitOfAccount::Single,
        UnitOfAccount::Double,
        UnitOfAccount::Optimised,
    ];

    /// Cost of a decision after round `round` of the header's compression that itself costs `price` rounds.
    pub fn cost(self, round: u32, price: f64) -> Cost {
        let (rounds, look) = match self {
            UnitOfAccount::Single => (thermine_sha256::ROUNDS, round),
            UnitOfAccount::Double => (thermine_sha256::ROUNDS_OF_HEADER, round),
            UnitOfAccount::Optimised => (
                thermine_sha256::ROUNDS_OF_EARLY_EXIT,
                round.saturating_sub(thermine_sha256::NONCE_FREE_ROUNDS as u32),
            ),
        };
        Cost {
            rounds: rounds as f64,
            look: f64::from(look),
            price,
        }
    }

    /// Name of the unit of account in tables, with its n.
    pub fn name(self) -> &'static str {
        match self {
            UnitOfAccount::Single => "n = 64 (paper)",
            UnitOfAccount::Double => "n = 128",
            UnitOfAccount::Optimised => "n = 122",
        }
    }
}

/// Cost of a decision, in rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// n: rounds of a hash.
    pub(crate) rounds: f64,
    /// k: rounds before the decision.
    pub(crate) look: f64,
    /// m: cost of the decision itself, in rounds.
    pub(crate) price: f64,
}

impl Cost {
    /// Rounds per candidate relative to no filter: (k + (n − k) c + m) / n. A filter breaks even at this recall.
    pub fn break_even_recall(&self, keep: f64) -> f64 {
        (self.look + (self.rounds - self.look) * keep + self.price) / self.rounds
    }

    /// 1 − rounds per candidate: the saving if lost shares are ignored.
    pub(crate) fn raw_saving(&self, keep: f64) -> f64 {
        1.0 - self.break_even_recall(keep)
    }

    /// ρ; infinite if nothing is found.
    pub(crate) fn per_share(&self, keep: f64, recall: f64) -> f64 {
        self.break_even_recall(keep) / recall
    }

    /// ρ of a coin that keeps the fraction `keep` of all candidates: the best that is possible without information.
    pub fn of_coin(&self, keep: f64) -> f64 {
        self.per_share(keep, keep)
    }
}

/// Counts of a filter's decisions on data that it was not fitted on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Number of candidate nonces.
    pub candidates: u64,
    /// Number of candidates that the filter keeps.
    pub kept: u64,
    /// Number of candidates that are successes.
    pub successes: u64,
    /// Number of successes that the filter keeps.
    pub found: u64,
}

impl Account {
    /// Counts decisions beside outcomes.
    pub fn of(decisions: impl IntoIterator<Item = (bool, bool)>) -> Account {
        let mut account = Account::default();
        for (kept, success) in decisions {
            account.candidates += 1;
            account.kept += u64::from(kept);
            account.successes += u64::from(success);
            account.found += u64::from(kept && success);
        }
        account
    }

    /// c, with its exact interval; `None` without candidates.
    pub fn keep(&self) -> Option<Proportion> {
        Proportion::of(self.kept, self.candidates)
    }

    /// r, with its exact interval; `None` without successes: the recall is then *unidentified*.
    pub fn recall(&self) -> Option<Proportion> {
        Proportion::of(self.found, self.successes)
    }

    /// Costs and savings at `cost`; `None` without candidates.
    pub fn bill(&self, cost: Cost) -> Option<Bill> {
        let keep = self.keep()?;
        Some(Bill {
            cost,
            raw_saving: cost.raw_saving(keep.value),
            break_even_recall: cost.break_even_recall(keep.value),
            per_share: self.per_share(cost, 0.05),
        })
    }

    /// ρ with an interval that misses it with probability `alpha` at most; `None` without successes. Its ends are
    /// computed from the intervals of c and r at `alpha`/2 each, so that both hold at once (Bonferroni).
    pub fn per_share(&self, cost: Cost, alpha: f64) -> Option<PerShare> {
        let keep = Proportion::at(self.kept, self.candidates, alpha / 2.0)?;
        let recall = Proportion::at(self.found, self.successes, alpha / 2.0)?;
        let finite = |rho: f64| Some(rho).filter(|rho| rho.is_finite());
        Some(PerShare {
            value: finite(cost.per_share(keep.value, recall.value)),
            low: cost.per_share(keep.low, recall.high),
            high: finite(cost.per_share(keep.high, recall.low)),
        })
    }
}

/// Cost and savings of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// The cost model.
    pub cost: Cost,
    /// 1 − rounds per candidate.
    pub raw_saving: f64,
    /// Recall from which on ρ < 1.
    pub break_even_recall: f64,
    /// ρ; `None` if the test set had no success, because recall is then unidentified.
    pub per_share: Option<PerShare>,
}

/// ρ: rounds per found share relative to no filter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PerShare {
    /// The value; `None` if no success was found.
    pub value: Option<f64>,
    /// Lower end of the interval of ρ.
    pub low: f64,
    /// Upper end of the interval; `None` if it is unbounded.
    pub high: Option<f64>,
}

impl PerShare {
    /// True saving, 1 − ρ; `None` if no share was found.
    pub fn true_saving(&self) -> Option<f64> {
        self.value.map(|rho| 1.0 - rho)
    }

    /// 1/ρ: the factor by which energy per share falls. 0 if nothing is found.
    pub fn multiplier(&self) -> f64 {
        self.value.map_or(0.0, |rho| 1.0 / rho)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_cases_of_the_proofs_come_out() {
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../lean/golden/energy.json"
        ));
        let cases: serde_json::Value = serde_json::from_str(&text.expect("file")).expect("JSON");
        let cases = cases.as_array().expect("a list");
        assert!(cases.len() >= 8);
        for case in cases {
            let count = |key: &str| case[key].as_u64().expect("a number");
            let ratio = |key: &str| {
                let part = |i: usize| case[key][i].as_i64().expect("a whole number") as f64;
                part(0) / part(1)
            };
            let account = Account {
                candidates: count("candidates"),
                kept: count("kept"),
                successes: count("successes"),
                found: count("found"),
            };
            let cost = Cost {
                rounds: count("rounds") as f64,
                look: count("look") as f64,
                price: count("price") as f64,
            };
            let bill = account.bill(cost).expect("candidates");
            let close = |ours: f64, key: &str| {
                assert!((ours - ratio(key)).abs() < 1e-12, "{key} of {case}: {ours}");
            };
            close(bill.raw_saving, "raw_saving");
            close(bill.break_even_recall, "break_even_recall");
            let rho = bill.per_share.expect("successes");
            close(rho.value.expect("found"), "cost_per_share");
            assert!(rho.low <= ratio("cost_per_share"));
            assert!(rho.high.is_none_or(|high| high >= ratio("cost_per_share")));
        }
    }

    #[test]
    fn without_a_success_there_is_no_recall_and_no_rho() {
        let account = Account::of([(true, false), (false, false)]);
        assert_eq!(account.recall(), None);
        let bill = account.bill(UnitOfAccount::Single.cost(5, 0.0));
        assert_eq!(bill.expect("candidates").per_share, None);
        assert_eq!(
            Account::default().bill(UnitOfAccount::Single.cost(5, 0.0)),
            None
        );
    }

    #[test]
    fn aborting_everything_saves_59_64_and_finds_nothing() {
        let account = Account::of((0..1_000).map(|i| (false, i % 250 == 0)));
        let bill = account
            .bill(UnitOfAccount::Single.cost(5, 0.0))
            .expect("candidates");
        assert_eq!(bill.raw_saving, 59.0 / 64.0);
        let rho = bill.per_share.expect("successes");
        assert_eq!((rho.value, rho.high, rho.multiplier()), (None, None, 0.0));
        // Even so, ρ is bounded below by the upper end of recall.
        assert!(rho.low > 0.1 && rho.low < 0.2, "{rho:?}");
    }

    #[test]
    fn a_coin_never_pays_and_the_units_count_their_rounds() {
        for unit in UnitOfAccount::ALL {
            let cost = unit.cost(5, 1.0);
            for keep in [0.01, 0.1, 0.5, 0.99, 1.0] {
                assert!(cost.of_coin(keep) >= 1.0, "{unit:?} {keep}");
            }
        }
        assert_eq!(UnitOfAccount::Double.cost(5, 0.0).rounds, 128.0);
        let optimised = UnitOfAccount::Optimised.cost(5, 0.0);
        assert_eq!((optimised.rounds, optimised.look), (122.0, 2.0));
    }

    #[test]
    fn the_interval_covers_rho_at_least_as_often_as_it_says() {
        use rand::RngExt;
        // Keeps a success with probability 0.6, anything else with 0.2; successes are 1 in 20.
        let (base, recall, rest) = (0.05, 0.6, 0.2);
        let keep = base * recall + (1.0 - base) * rest;
        let cost = UnitOfAccount::Double.cost(5, 0.0);
        let truth = cost.per_share(keep, recall);
        let mut rng = crate::random::stream(1, 77);
        let covered = (0..400)
            .filter(|_| {
                let account = Account::of((0..1_000).map(|_| {
                    let success = rng.random::<f64>() < base;
                    let kept = rng.random::<f64>() < if success { recall } else { rest };
                    (kept, success)
                }));
                let rho = account.bill(cost).and_then(|bill| bill.per_share);
                rho.is_some_and(|rho| rho.low <= truth && rho.high.is_none_or(|high| truth <= high))
            })
            .count();
        assert!(covered >= 380, "{covered} of 400");
    }
}
