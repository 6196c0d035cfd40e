//! The tests of a study, all made at once so that all are corrected together.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use thermine_reservoir::describe::exact::clopper_pearson;
use thermine_reservoir::describe::{Uniformity, holm};
use thermine_reservoir::information::discrimination::{Auc, Tvla};
use thermine_reservoir::information::ksg::ksg_test;
use thermine_reservoir::information::power::{Demand, Design};
use thermine_reservoir::information::protocol::{Measurement, Protocol};
use thermine_reservoir::information::sequential::RateProcess;
use thermine_reservoir::information::table::quantile_labels;
use thermine_units::seed;

use crate::tpf::evidence::Share;

/// Classes of a quantity.
const CLASSES: usize = 8;

/// U below which a share counts as one of high difficulty: four times the difficulty asked.
pub(super) const HIGH: f64 = 0.25;

/// Shares before each one that its Δt is compared with.
const WINDOW: usize = 100;

/// Neighbours of the estimate for continuous quantities.
const NEIGHBOURS: usize = 3;

/// Most shares of that estimate: of more, every so many are taken.
const MOST_NEIGHBOURED: usize = 20_000;

/// Permutations of that estimate. Each costs as much as the estimate itself.
const NEIGHBOUR_PERMUTATIONS: usize = 199;

/// One test of a study.
#[derive(Debug, Clone, Serialize)]
pub struct TestRow {
    /// The quantity that difficulty is tested against.
    pub beside: String,
    /// Name of the statistical test.
    pub kind: &'static str,
    /// Shares that it is made of.
    pub n: usize,
    /// The statistic, in words.
    pub statistic: String,
    /// Information above the null's mean, in bits, where it is an estimate of that.
    pub bits: Option<f64>,
    /// p-value, uncorrected.
    pub p: f64,
    /// Adjusted for the whole family (Holm).
    pub adjusted: f64,
    /// Size of the test, by which its reach is computed; `None` where that is not known.
    pub design: Option<Design>,
    /// Effect that is detected with a power of 80 % at a level of 5 %, and at the strictest level of Holm's procedure.
    pub detectable: Option<(f64, f64)>,
    /// Reasons to doubt the result.
    pub cautions: Vec<String>,
    /// The whole measurement, where the test is of classes.
    pub measurement: Option<Measurement>,
}

/// The loss of a filter that drops the shares with the longest Δt.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Dropped {
    /// Part of the shares that is dropped.
    pub dropped: f64,
    /// Part of the shares of high difficulty that is dropped with them.
    pub lost: f64,
    /// Exact 95 % interval of `lost`.
    pub interval: (f64, f64),
}

/// The shares, column by column.
pub(super) struct Columns {
    /// asked/found, uniform for honest shares.
    uniform: Vec<f64>,
    waited: Vec<f64>,
    high: Vec<bool>,
    arrived: Vec<f64>,
    counter: Option<Vec<f64>>,
    rolled: Option<Vec<f64>>,
    nonces: Vec<u32>,
}

impl Columns {
    /// Of the shares whose difficulty and that asked are known.
    pub(super) fn of<'a>(shares: impl Iterator<Item = &'a Share>) -> Columns {
        let known: Vec<(&Share, f64)> = shares
            .filter_map(|share| {
                let uniform = share.asked? / share.found?;
                (uniform > 0.0 && uniform <= 1.0).then_some((share, uniform))
            })
            .collect();
        let numbers = |number: fn(&Share) -> Option<f64>| -> Option<Vec<f64>> {
            known.iter().map(|(share, _)| number(share)).collect()
        };
        Columns {
            high: known.iter().map(|(_, u)| *u < HIGH).collect(),
            uniform: known.iter().map(|(_, u)| *u).collect(),
            waited: known.iter().map(|(share, _)| share.waited).collect(),
            arrived: known.iter().map(|(share, _)| share.arrived).collect(),
            counter: numbers(|share| share.extranonce2.map(|n| n as f64)),
            rolled: numbers(|share| share.version_bits.map(f64::from)),
            nonces: known.iter().map(|(share, _)| share.nonce).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.uniform.len()
    }

    /// The density of U in `bins` of equal width.
    pub(super) fn density(&self, bins: usize) -> Vec<f64> {
        let mut counts = vec![0u64; bins];
        for u in &self.uniform {
            counts[((u * bins as f64) as usize).min(bins - 1)] += 1;
        }
        let density = |count| count as f64 * bins as f64 / self.len() as f64;
        counts.into_iter().map(density).collect()
    }

    /// The loss of shares of high difficulty for each part of the shares that is dropped, the slowest first.
    pub(super) fn dropping(&self, parts: &[f64]) -> Vec<Dropped> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|a, b| self.waited[*b].total_cmp(&self.waited[*a]));
        let all = self.high.iter().filter(|high| **high).count();
        if all == 0 {
            return Vec::new();
        }
        let lost = |part: f64| {
            let slowest = &order[..(part * order.len() as f64).round() as usize];
            let lost = slowest.iter().filter(|i| self.high[**i]).count();
            Dropped {
                dropped: part,
                lost: lost as f64 / all as f64,
                interval: clopper_pearson(lost as u64, all as u64, 0.05).unwrap_or((0.0, 1.0)),
            }
        };
        parts.iter().map(|part| lost(*part)).collect()
    }

    /// Makes all tests of the shares, or only the one against the quantity `only`.
    ///
    /// # Errors
    /// If there is no such test; the message names all tests.
    pub(super) fn tests(
        &self,
        permutations: usize,
        seed: u64,
        only: Option<&str>,
    ) -> Result<Vec<TestRow>> {
        let mut rows = vec![self.law()?];
        let mut classes = |beside: &str, x: &[f64], y: &[f64], bins: usize| -> Result<()> {
            let row = in_classes(beside, x, y, bins, permutations, seed)?;
            rows.extend(row);
            Ok(())
        };
        let (u, waited) = (&self.uniform[..], &self.waited[..]);
        let last = u.len() - 1;
        classes("Δt of the share", u, waited, CLASSES)?;
        classes("Δt of the share before", &u[1..], &waited[..last], CLASSES)?;
        classes(
            "difficulty of the share before",
            &u[1..],
            &u[..last],
            CLASSES,
        )?;
        let gaps: Vec<f64> = self.arrived.windows(2).map(|w| w[1] - w[0]).collect();
        classes("time since the share before", &u[1..], &gaps, CLASSES)?;
        classes("time since the beginning", u, &self.arrived, CLASSES)?;
        if let Some(counter) = &self.counter {
            classes("extranonce2, the work counter", u, counter, CLASSES)?;
        }
        if let Some(rolled) = &self.rolled {
            classes("rolled version bits", u, rolled, CLASSES)?;
        }
        for bit in 0..32 {
            let bits: Vec<f64> = self
                .nonces
                .iter()
                .map(|n| f64::from(n >> bit & 1))
                .collect();
            classes(&format!("nonce bit {bit}"), u, &bits, 2)?;
        }
        rows.extend(self.high_and_slow());
        rows.extend(self.neighbours(seed));
        rows.extend(self.one_after_the_other());
        if let Some(name) = only {
            let names: Vec<String> = rows.iter().map(|row| row.beside.clone()).collect();
            rows.retain(|row| row.beside == name);
            if rows.is_empty() {
                bail!(
                    "there is no test of `{name}`, only of: {}",
                    names.join("; ")
                );
            }
        }
        let tests = rows.len();
        let p: Vec<f64> = rows.iter().map(|row| row.p).collect();
        for (row, adjusted) in rows.iter_mut().zip(holm(&p)) {
            row.adjusted = adjusted;
            let strict = Demand::default().among(tests);
            row.detectable = row.design.and_then(|design| {
                design
                    .smallest(Demand::default())
                    .zip(design.smallest(strict))
            });
        }
        Ok(rows)
    }

    fn law(&self) -> Result<TestRow> {
        let law = Uniformity::of(self.uniform.clone()).context("no share to test")?;
        Ok(TestRow {
            statistic: format!("distance {:.4}", law.distance),
            design: Some(Design::Distribution { n: self.len() }),
            ..TestRow::new(
                "its own law, U uniform",
                "Kolmogorov–Smirnov",
                self.len(),
                law.p,
            )
        })
    }

    /// Area under the ROC curve and Welch's t of Δt for high difficulty.
    fn high_and_slow(&self) -> Vec<TestRow> {
        let group = |wanted: bool| -> Vec<f64> {
            let both = self.waited.iter().zip(&self.high);
            both.filter(|(_, high)| **high == wanted)
                .map(|(w, _)| *w)
                .collect()
        };
        let (high, others) = (group(true), group(false));
        let auc = Auc::of(&self.waited, &self.high).map(|auc| TestRow {
            statistic: format!("area {:.4} [{:.4}, {:.4}]", auc.value, auc.low, auc.high),
            design: Some(Design::Area {
                positives: auc.positives,
                negatives: auc.negatives,
            }),
            ..TestRow::new("Δt, for U < ¼", "ROC area, DeLong", self.len(), auc.p)
        });
        let welch = Tvla::of(&high, &others).map(|t| TestRow {
            design: Some(Design::Means {
                first: high.len(),
                second: others.len(),
            }),
            statistic: format!(
                "t {:.2}, {} beyond 4.5",
                t.t,
                if t.leaks() { "is" } else { "not" }
            ),
            ..TestRow::new(
                "Δt, between U < ¼ and others",
                "TVLA, Welch's t",
                self.len(),
                t.p,
            )
        });
        auc.into_iter().chain(welch).collect()
    }

    /// The nearest-neighbour estimate on ln D and Δt, beside permutations of itself.
    fn neighbours(&self, seed: u64) -> Option<TestRow> {
        let every = self.len().div_ceil(MOST_NEIGHBOURED).max(1);
        let x: Vec<f64> = self
            .uniform
            .iter()
            .step_by(every)
            .map(|u| -u.ln())
            .collect();
        let y: Vec<f64> = self.waited.iter().step_by(every).copied().collect();
        let mut rng = seed::stream(seed, "neighbours");
        let permutations = NEIGHBOUR_PERMUTATIONS;
        // Where more times coincide than there are neighbours there is no such estimate; where fewer do, they are moved
        // within their resolution.
        let test = ksg_test(&x, &y, NEIGHBOURS, permutations, &mut rng).ok()?;
        Some(TestRow {
            statistic: format!(
                "I {:.4} bit, k {NEIGHBOURS}{}",
                test.estimate.bits,
                moved(test.estimate.moved_y)
            ),
            bits: Some(test.estimate.bits - test.null_mean),
            design: Some(Design::Estimate {
                standard_error: test.null_sd,
            }),
            ..TestRow::new("Δt, continuous", "KSG, permutation", x.len(), test.p)
        })
    }

    /// The e-process of high difficulties among the shares that come sooner than half of the hundred before them:
    /// under independence the law says ¼, whatever the times are.
    fn one_after_the_other(&self) -> Option<TestRow> {
        if self.len() <= WINDOW {
            return None;
        }
        let mut process = RateProcess::new(HIGH, (0.5, 0.5)).ok()?;
        for (waits, high) in self.waited.windows(WINDOW + 1).zip(&self.high[WINDOW..]) {
            let (this, before) = (waits[WINDOW], &waits[..WINDOW]);
            if 2 * before.iter().filter(|wait| **wait < this).count() < WINDOW {
                process.add(*high);
            }
        }
        let (high, other) = process.counts();
        let (low, up) = process.interval(0.05);
        Some(TestRow {
            statistic: format!("e {:.2}, rate [{low:.3}, {up:.3}]", process.log_e().exp()),
            ..TestRow::new(
                "U < ¼, for Δt below its running median",
                "e-process, anytime",
                (high + other) as usize,
                process.p(),
            )
        })
    }
}

/// How far times of finite resolution were moved at random.
fn moved(resolution: Option<f64>) -> String {
    resolution.map_or_else(String::new, |seconds| {
        format!(", Δt spread within {:.3} ms", 1e3 * seconds)
    })
}

impl TestRow {
    fn new(beside: &str, kind: &'static str, n: usize, p: f64) -> TestRow {
        TestRow {
            beside: beside.to_string(),
            kind,
            n,
            statistic: String::new(),
            bits: None,
            p,
            adjusted: p,
            design: None,
            detectable: None,
            cautions: Vec::new(),
            measurement: None,
        }
    }
}

/// A G-test of U in classes; `None` if the other quantity is always the same.
fn in_classes(
    beside: &str,
    u: &[f64],
    y: &[f64],
    bins: usize,
    permutations: usize,
    seed: u64,
) -> Result<Option<TestRow>> {
    if y.iter().all(|value| *value == y[0]) {
        return Ok(None);
    }
    let x = quantile_labels(u, CLASSES).context("a difficulty is not finite")?;
    let y = if bins == 2 {
        y.iter().map(|bit| u32::from(*bit > 0.5)).collect()
    } else {
        quantile_labels(y, bins).with_context(|| format!("{beside} is not finite"))?
    };
    let protocol = Protocol {
        permutations,
        ..Protocol::default()
    };
    let mut rng = seed::stream(seed, beside);
    let measured = Measurement::of((&x, CLASSES), (&y, bins), &protocol, &mut rng)?;
    Ok(measured.map(|m| TestRow {
        statistic: format!("G {:.1}, df {}", m.test.g, m.test.freedom),
        bits: Some(m.above_null()),
        design: Some(Design::Table {
            n: m.n,
            freedom: m.test.freedom,
        }),
        cautions: m.cautions.iter().map(ToString::to_string).collect(),
        measurement: Some(m.clone()),
        ..TestRow::new(beside, "G, permutation", m.n as usize, m.test.null.p_g)
    }))
}
