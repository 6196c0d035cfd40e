//! Error rates of claims among the units of a fleet.
//!
//! Units with even and with odd numbers form two halves. Each half is judged by the population of the other, so that no unit
//! is part of the population that it is judged by. Each unit is enrolled from the first half of its sessions; each of its
//! later sessions then claims to be each unit of its half.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::identity::drift::{self, Point};
use thermine_reservoir::identity::trials::{Rate, Resampling};
use thermine_reservoir::identity::{Kind, Population, Probe, Profile, Score, Trials};

use super::features::{Feature, Source};
use super::fleet::Session;

/// The features that a decision is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureSet {
    /// Nonces and times alone.
    Shares,
    /// What the unit reports of itself alone.
    Telemetry,
    /// Shares and telemetry.
    Both,
}

impl FeatureSet {
    /// All of them, as in the report.
    pub const ALL: [FeatureSet; 3] = [FeatureSet::Shares, FeatureSet::Telemetry, FeatureSet::Both];

    /// The name in tables and plots.
    pub fn name(self) -> &'static str {
        match self {
            FeatureSet::Shares => "shares",
            FeatureSet::Telemetry => "telemetry",
            FeatureSet::Both => "both",
        }
    }

    pub(super) fn takes(self, feature: &Feature) -> bool {
        match self {
            FeatureSet::Shares => feature.source == Source::Shares,
            FeatureSet::Telemetry => feature.source == Source::Telemetry,
            FeatureSet::Both => true,
        }
    }
}

/// The chosen columns of one session; `None` if one is missing.
pub(super) fn block(values: &[Option<f64>], columns: &[usize]) -> Option<Vec<f64>> {
    columns.iter().map(|i| values[*i]).collect()
}

/// A fleet's features of one set, at one length.
pub(super) struct Table {
    pub(super) columns: Vec<usize>,
    kinds: Vec<Kind>,
    /// Unit by unit, session by session.
    pub(super) units: Vec<Vec<Vec<f64>>>,
}

impl Table {
    /// Of `fleet` at its `length`-th length, without the columns that one of `further` lacks.
    pub(super) fn of(
        features: &[Feature],
        fleet: &[Vec<Session>],
        length: usize,
        evidence: FeatureSet,
        further: &[Vec<Option<f64>>],
    ) -> Table {
        let sessions = fleet.iter().flatten().map(|s| &s.values[length]);
        let all: Vec<&Vec<Option<f64>>> = sessions.chain(further).collect();
        let columns: Vec<usize> = (0..features.len())
            .filter(|i| evidence.takes(&features[*i]) && all.iter().all(|v| v[*i].is_some()))
            .collect();
        let of_unit = |sessions: &Vec<Session>| {
            let values = sessions.iter().map(|session| &session.values[length]);
            values
                .filter_map(|values| block(values, &columns))
                .collect()
        };
        Table {
            kinds: columns.iter().map(|i| features[*i].kind()).collect(),
            units: fleet.iter().map(of_unit).collect(),
            columns,
        }
    }

    /// The population of the units that `is_in` takes.
    pub(super) fn population(&self, is_in: impl Fn(usize) -> bool) -> Result<Population> {
        let chosen = self.units.iter().enumerate().filter(|(i, _)| is_in(*i));
        let units: Vec<Vec<Vec<f64>>> = chosen.map(|(_, blocks)| blocks.clone()).collect();
        Ok(Population::fit(&units, &self.kinds)?)
    }
}

/// All claims at one length, based on one set of features.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) trials: Trials,
    /// Genuine claims: unit, its session, score.
    pub(super) genuine: Vec<(usize, usize, f64)>,
    pub(super) features: usize,
    pub(super) components: usize,
}

/// Sessions of each unit that it is enrolled from.
pub(super) fn enrolled(sessions: usize) -> usize {
    sessions / 2
}

/// Judges all claims of `table`.
///
/// # Errors
/// If there are too few units or sessions to fit a population.
pub(super) fn judge(table: &Table) -> Result<Judged> {
    let mut scores = Vec::new();
    let mut genuine = Vec::new();
    let mut components = 0;
    for half in 0..2 {
        let population = table.population(|unit| unit % 2 != half).with_context(|| {
            "half of the fleet is the population of the other: simulate more units or sessions"
                .to_string()
        })?;
        components = components.max(population.between.len());
        let members: Vec<usize> = (0..table.units.len()).filter(|u| u % 2 == half).collect();
        let mut profiles = Vec::new();
        for &unit in &members {
            let blocks = &table.units[unit];
            let profile = Profile::enrol(&population, &blocks[..enrolled(blocks.len())]);
            profiles.push((unit, profile.context("too few sessions to enrol a unit")?));
        }
        for &unit in &members {
            let blocks = &table.units[unit];
            for (session, block) in blocks.iter().enumerate().skip(enrolled(blocks.len())) {
                let Some(answer) = Probe::of(&population, std::slice::from_ref(block)) else {
                    continue;
                };
                for (claimed, profile) in &profiles {
                    let score = Score {
                        unit,
                        claimed: *claimed,
                        value: profile.log_ratio(&population, &answer),
                        distance: profile.distance(&answer).unwrap_or(1.0),
                    };
                    if score.genuine() {
                        genuine.push((unit, session, score.value));
                    }
                    scores.push(score);
                }
            }
        }
    }
    let Some(trials) = Trials::new(scores) else {
        bail!("no unit could be compared with another: simulate at least 8 units and 4 sessions");
    };
    Ok(Judged {
        trials,
        genuine,
        features: table.columns.len(),
        components,
    })
}

/// The error rate of decisions at one length, based on one set of features.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimRow {
    /// What decisions are based on.
    pub evidence: FeatureSet,
    /// Jobs at each place.
    pub(super) jobs: usize,
    /// Shares of one decision.
    pub shares: u64,
    /// Features that no session lacks.
    pub features: usize,
    /// Components in which units differ.
    pub components: usize,
    /// Equal error rate, 0 to 1.
    pub equal_error: Estimate,
    /// Area under the ROC curve.
    pub area: Estimate,
}

/// The claims of the longest challenge, based on one set of features. Scores are logarithms of likelihood ratios.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimDetail {
    /// What decisions are based on.
    pub evidence: FeatureSet,
    /// Shares of one decision.
    pub shares: u64,
    /// Claims of a unit to be itself.
    pub genuine: usize,
    /// Claims of a unit to be another.
    pub false_claims: usize,
    /// Equal error rate, 0 to 1.
    pub equal_error: Estimate,
    /// Score at which false accepts and false rejects are equally frequent.
    pub equal_threshold: f64,
    /// Score from which on a claim is accepted.
    pub threshold: f64,
    /// Accepted claims to be another unit.
    pub false_accept: Rate,
    /// Rejected claims of a unit to be itself.
    pub false_reject: Rate,
    /// Distance of a later session from its own unit's profile, in standard deviations within a unit.
    pub intra: Estimate,
    /// Distance of a later session from another unit's profile.
    pub inter: Estimate,
    /// Change of a genuine claim's score per K of difference from the enrolment's mean ambient temperature.
    pub per_kelvin: Option<Estimate>,
    /// Change of a genuine claim's score per week since the enrolment.
    pub per_week: Option<Estimate>,
    /// Score of genuine claims.
    pub genuine_score: Estimate,
}

pub(super) fn row(
    judged: &Judged,
    evidence: FeatureSet,
    (jobs, shares): (usize, u64),
    resampling: Resampling,
) -> ClaimRow {
    ClaimRow {
        evidence,
        jobs,
        shares,
        features: judged.features,
        components: judged.components,
        equal_error: judged.trials.equal_error(resampling),
        area: judged.trials.area(resampling),
    }
}

pub(super) fn detail(
    judged: &Judged,
    evidence: FeatureSet,
    shares: u64,
    threshold: f64,
    fleet: &[Vec<Session>],
    resampling: Resampling,
) -> ClaimDetail {
    let trials = &judged.trials;
    let (genuine, false_claims) = trials.counts();
    let (false_accept, false_reject) = trials.rates(threshold, resampling);
    let drift = |at: &dyn Fn(&[Session], &Session) -> f64| {
        let points: Vec<Point> = judged
            .genuine
            .iter()
            .map(|(unit, session, score)| Point {
                unit: *unit,
                at: at(&fleet[*unit], &fleet[*unit][*session]),
                score: *score,
            })
            .collect();
        drift::slope(&points, resampling)
    };
    let room = |sessions: &[Session]| {
        let first = &sessions[..enrolled(sessions.len())];
        first.iter().map(|s| s.ambient_c).sum::<f64>() / first.len() as f64
    };
    ClaimDetail {
        evidence,
        shares,
        genuine,
        false_claims,
        equal_error: trials.equal_error(resampling),
        equal_threshold: trials.equal_threshold(),
        threshold,
        false_accept,
        false_reject,
        intra: trials.mean_of(true, resampling, |score| score.distance),
        inter: trials.mean_of(false, resampling, |score| score.distance),
        per_kelvin: drift(&|all, one| (one.ambient_c - room(all)).abs()),
        per_week: drift(&|_, one| one.week),
        genuine_score: trials.mean_of(true, resampling, |score| score.value),
    }
}
