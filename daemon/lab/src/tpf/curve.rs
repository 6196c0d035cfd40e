//! The round from which on the state predicts success.

use anyhow::{Result, bail};
use serde::Serialize;
use thermine_reservoir::tpf::curve::{Point, Setup, point};
use thermine_sha256::{Compression, EXIT_ROUND, ROUNDS};

use super::header::Header;
use crate::observer::Progress;
use crate::request::declare::request;
use crate::threads::{computed, on_all_cores};

/// Passes of the network over its nonces.
const EPOCHS: usize = 2;

/// First round of the second compression that is always computed.
const LAST_ROUNDS: usize = 56;

request! {
    /// A search for the first round whose state predicts success.
    pub struct CurveRequest {
        /// Block header whose nonces are hashed.
        header: Header = Header::default();
        /// Nonces: half of them to fit, a fifth to choose among models, the rest to judge.
        nonces: usize = 20_000 => within(500, 1 << 18);
        /// Zero bits that a success begins with: one hash in 2^bits.
        bits: u32 = 4 => within(1, 32);
        /// Rounds from one point to the next. Rounds 56 to 64 of the second compression are always computed.
        every: usize = 1 => within(1, 64);
        /// Seed of nonces and networks.
        seed: u64 = 42;
    }
}

impl CurveRequest {
    /// The rounds of both compressions that are computed, in order.
    fn rounds(&self) -> Vec<(Compression, usize)> {
        let of = |compression, first: bool| {
            (1..=ROUNDS)
                .filter(move |round| {
                    (round - 1) % self.every == 0 || !first && *round >= LAST_ROUNDS
                })
                .map(move |round| (compression, round))
        };
        let second = of(Compression::Second, false);
        of(Compression::First, true).chain(second).collect()
    }
}

/// The filter's curve: what is kept against what is saved.
#[derive(Debug, Serialize)]
pub struct CurveReport {
    version: &'static str,
    /// What is real of it, in words.
    pub provenance: &'static str,
    /// Block header whose nonces were hashed.
    pub header: Header,
    /// What the points have in common.
    pub setup: Setup,
    /// A point for each round, in order.
    pub points: Vec<Point>,
    /// The result in one sentence.
    pub verdict: String,
}

/// Computes the curve that `request` asks for.
///
/// # Errors
/// If the request is wrong, its nonces hold too few successes, or the work was interrupted.
pub async fn run(request: CurveRequest, progress: &Progress) -> Result<CurveReport> {
    request.check()?;
    let rounds = request.rounds();
    let bar = progress.bar("curve", rounds.len());
    let compute = move || {
        let setup = Setup {
            nonces: request.nonces,
            bits: request.bits,
            epochs: EPOCHS,
            seed: request.seed,
        };
        let points = on_all_cores(rounds.len(), |i| {
            let (compression, round) = rounds[i];
            let point = point(&request.header.0, &setup, compression, round);
            bar.step();
            point
        });
        if points.iter().all(|point| point.auc.is_none()) {
            bail!(
                "{} nonces hold too few successes of 2^-{}: give more --nonces or fewer --bits",
                request.nonces,
                request.bits
            );
        }
        Ok(CurveReport {
            version: env!("CARGO_PKG_VERSION"),
            provenance: "computed: SHA-256d for real",
            header: request.header,
            verdict: verdict(&points),
            setup,
            points,
        })
    };
    computed(progress.context(), compute).await
}

/// Round of the whole header, 1 to 128.
pub fn place(point: &Point) -> usize {
    (usize::from(point.compression) - 1) * ROUNDS + point.round
}

/// The result in one sentence.
fn verdict(points: &[Point]) -> String {
    let exit = ROUNDS + EXIT_ROUND;
    let judged = || {
        points
            .iter()
            .filter_map(|point| Some((place(point), point.auc?)))
    };
    let before: Vec<_> = judged()
        .filter(|(place, auc)| *place < exit && auc.null_sd > 0.0)
        .collect();
    let outside = before.iter().filter(|(_, auc)| {
        let (low, high) = auc.null_band(before.len());
        !(low..=high).contains(&auc.value)
    });
    let after: Vec<_> = judged().filter(|(place, _)| *place >= exit).collect();
    let exact = after.iter().filter(|(_, auc)| auc.value == 1.0).count();
    match outside.count() {
        0 => format!(
            "No state before round 61 of the second compression predicts success ({} rounds within chance); from there on the \
             prediction is exact in {exact} of {} rounds.",
            before.len(),
            after.len()
        ),
        count => format!(
            "{count} of {} rounds before round 61 of the second compression are outside the band of chance: repeat with \
             another seed before believing it; from there on the prediction is exact in {exact} of {} rounds.",
            before.len(),
            after.len()
        ),
    }
}
