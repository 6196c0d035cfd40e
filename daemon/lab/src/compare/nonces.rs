//! What the nonces of a capture tell of the chips, and its work items of their clock.

use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::{CountUniformity, Uniformity, exact};
use thermine_units::model::s9;
use thermine_units::nonce::Layout;

use super::answers::{Answers, Kind};
use super::quantity::{List, STEADY_MS, Test, unique};
use super::work_rate::work_rate;
use crate::estimate::scaled;

/// What the nonces tell of the chips.
pub(super) fn measure(list: &mut List, of: &Answers) -> Vec<Test> {
    let layout = of.unit.layout;
    let chips_known = of.unit.columns * of.unit.chips;
    let mut chips = vec![0u64; chips_known];
    let mut cores = vec![0u64; usize::from(layout.cores())];
    let mut places = vec![None; 256];
    for index in 0..layout.cores() {
        places[usize::from(layout.core(index))] = Some(usize::from(index));
    }
    let (mut n, mut strange, mut largest) = (0u64, 0u64, 0u32);
    let mut counters = Vec::new();
    for answer in unique(&of.answers) {
        let origin = layout.decode(answer.nonce);
        let core = places[usize::from(origin.core)];
        n += 1;
        match (chips.get_mut(usize::from(origin.chip)), core) {
            (Some(chip), Some(core)) => {
                *chip += 1;
                cores[core] += 1;
            }
            _ => strange += 1,
        }
        largest = largest.max(origin.counter);
        counters.push(f64::from(origin.counter));
    }
    let span = f64::from(1u32 << layout.counter_bits());
    list.push(
        "nonces of no known chip or core",
        "",
        exact::proportion(strange, n),
    );
    let (by_chip, by_core) = (CountUniformity::of(&chips), CountUniformity::of(&cores));
    let found =
        |even: Option<CountUniformity>| even.map(|even| exact_count(even.found, even.places, n));
    list.push(format!("chips found, of {chips_known}"), "", found(by_chip));
    list.push(
        format!("cores found, of {}", cores.len()),
        "",
        found(by_core),
    );
    list.push(
        "chips: squared CV of their rates",
        "",
        by_chip.map(|even| even.excess),
    );
    list.push(
        "cores: squared CV of their rates",
        "",
        by_core.map(|even| even.excess),
    );
    let coverage = exact::reach(f64::from(largest), n).map(|reach| scaled(reach, 1.0 / span));
    list.push("part of the counter's range used", "", coverage);
    list.push("clock by the work counter", "MHz", work_clock(of, layout));
    let uniform = coverage.and_then(|coverage| {
        let top = coverage.value * span;
        Uniformity::of(
            counters
                .iter()
                .map(|counter| (counter / top).min(1.0))
                .collect(),
        )
    });
    vec![
        Test {
            name: "nonces: even over chips (χ²)",
            p: by_chip.map(|even| even.p),
        },
        Test {
            name: "nonces: even over cores (χ²)",
            p: by_core.map(|even| even.p),
        },
        Test {
            name: "nonces: counter uniform (KS)",
            p: uniform.map(|test| test.p),
        },
    ]
}

/// The number of places found, and the range in which it lies 95 times in 100 if all of them are there: with
/// `n` events on even places each is missed with probability (1 − 1/places)^n.
fn exact_count(found: usize, places: usize, n: u64) -> Estimate {
    let missed = places as f64 * (1.0 - 1.0 / places as f64).powf(n as f64);
    // Few and nearly independent: Poisson, whose 97.5 % quantile is below this.
    let most_missed = (missed + 2.0 * missed.sqrt()).ceil();
    Estimate {
        value: found as f64,
        low: (found as f64).min(places as f64 - most_missed),
        high: places as f64,
    }
}

/// Clock from the count of work items in extranonce2 against Δt: each board goes through one work item in
/// coverage · 2^counter cycles. `None` where shares do not tell their work item.
fn work_clock(of: &Answers, layout: Layout) -> Option<Estimate> {
    let points: Vec<(f64, f64)> = of
        .answers
        .iter()
        .filter(|answer| answer.kind == Kind::First && answer.wait > STEADY_MS)
        .filter_map(|answer| Some((answer.wait, answer.work? as f64)))
        .collect();
    if layout != s9::LAYOUT {
        return None;
    }
    let cycles = of.unit.work_cycles / of.unit.boards as f64;
    work_rate(&points).map(|rate| scaled(rate, cycles * 1e-6))
}
