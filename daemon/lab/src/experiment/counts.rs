//! What the shares of a step say by themselves: where they were found, and when.

use crate::substrate::Observation;
use thermine_reservoir::hierarchical::timescale::{Scale, Timescales};
use thermine_units::model::Model;
use thermine_units::nonce::Layout;

/// Thirds of a board along the air flow, or of a single chip's cores, in which shares are counted: the air
/// warms on its way, so a chip's place decides how hot it runs. Which *board* found a share cannot be told
/// from its nonce.
pub(super) const ZONES: usize = 3;

/// Octaves of averaging whose waits are features: over 1, 2, 4 and 8 answers.
pub(super) const TIMESCALES: usize = 4;

/// Counts of one step's shares.
pub(super) struct Counts {
    pub(super) zones: [u32; ZONES],
    pub(super) chips: [u32; 256],
    /// By the core's number, counted without the gaps that its codes have.
    pub(super) cores: [u32; 256],
}

impl Counts {
    pub(super) fn of(model: Model, observation: &Observation) -> Counts {
        let mut counts = Counts {
            zones: [0; ZONES],
            chips: [0; 256],
            cores: [0; 256],
        };
        for share in &observation.shares {
            counts.zones[zone(model, share.nonce)] += 1;
            if let Some(layout) = layout(model) {
                let origin = layout.decode(share.nonce);
                counts.chips[usize::from(origin.chip)] += 1;
                if let Some(core) = layout.core_index(origin.core) {
                    counts.cores[usize::from(core)] += 1;
                }
            }
        }
        counts
    }
}

/// Times from one answer of a step to the next, the first from the sending of its job, in seconds.
#[derive(Debug, Clone)]
pub(super) struct Waits {
    pub(super) mean: f64,
    pub(super) cv: f64,
    /// By octaves of averaging, the finest first.
    pub(super) scales: Vec<Scale>,
}

impl Waits {
    /// `None` of a step without answers.
    pub(super) fn of(seen: &Observation) -> Option<Waits> {
        let first = seen.shares.first()?;
        let mut waits = vec![first.since_job.as_secs_f64()];
        let pairs = seen.shares.windows(2);
        waits.extend(pairs.map(|pair| pair[1].arrived.since(pair[0].arrived).as_secs_f64()));
        let n = waits.len() as f64;
        // Two answers in one nanosecond have no logarithm.
        let mean = (waits.iter().sum::<f64>() / n).max(1e-9);
        let variance = waits.iter().map(|wait| (wait - mean).powi(2)).sum::<f64>() / n;
        Some(Waits {
            mean,
            cv: variance.sqrt() / mean,
            scales: Timescales::of(&waits).scales(),
        })
    }
}

/// How a model's nonces are divided, if that is known.
pub fn layout(model: Model) -> Option<Layout> {
    Some(model.entry().layout).filter(|layout| layout.is_known)
}

/// Chips and cores that a model's nonces tell apart.
pub fn places(model: Model) -> (u8, u8) {
    layout(model).map_or((0, 0), |layout| (chips(&layout).max(1), layout.cores()))
}

/// Positions of chips that nonces tell apart; 0 if they tell none.
fn chips(layout: &Layout) -> u8 {
    let runs = layout.chip.codes.iter();
    runs.map(|(first, last)| last - first + 1).sum()
}

/// Zone of what found a nonce.
fn zone(model: Model, nonce: u32) -> usize {
    let (place, places) = match layout(model) {
        Some(layout) if chips(&layout) > 0 => (layout.decode(nonce).chip, chips(&layout)),
        Some(layout) => (layout.decode(nonce).core, layout.cores()),
        // Nobody has published how its nonces are divided: by the upper bits, as chips of its age do.
        None => ((nonce >> 24) as u8, u8::MAX),
    };
    (usize::from(place) * ZONES / usize::from(places)).min(ZONES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_follow_the_chip_number() {
        let zone = |nonce| zone(Model::AntminerS9, nonce);
        assert_eq!(zone(0x0000_0000), 0);
        assert_eq!(zone(20 << 2), 0);
        assert_eq!(zone(21 << 2), 1);
        assert_eq!(zone(62 << 2), 2);
        assert_eq!(zone(63 << 2), 2, "the one code that no chip has");
    }
}
