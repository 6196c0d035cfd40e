//! What a fleet's sessions are worth: claims of every unit to be every other, judged by units that are neither.
//!
//! The fleet is halved by odd and even. Each half is judged by the population of the other, so that no unit is
//! measured by what it has itself taught. Each unit is enrolled from the first half of its sessions; each of its
//! later sessions then claims to be each unit of its half.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::identity::drift::{self, Point};
use thermine_reservoir::identity::trials::{Rate, Resampling};
use thermine_reservoir::identity::{Kind, Population, Probe, Profile, Score, Trials};

use super::features::{Feature, Source};
use super::fleet::Session;

/// Which features a decision is taken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Evidence {
    /// Nonces and times alone.
    Shares,
    /// What the unit reports of itself alone.
    Telemetry,
    /// Both.
    Both,
}

impl Evidence {
    pub(crate) const ALL: [Evidence; 3] = [Evidence::Shares, Evidence::Telemetry, Evidence::Both];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Evidence::Shares => "shares",
            Evidence::Telemetry => "telemetry",
            Evidence::Both => "both",
        }
    }

    pub(crate) fn takes(self, feature: &Feature) -> bool {
        match self {
            Evidence::Shares => feature.source == Source::Shares,
            Evidence::Telemetry => feature.source == Source::Telemetry,
            Evidence::Both => true,
        }
    }
}

/// The columns of a fleet's features that every session has and `evidence` takes.
pub(crate) fn columns(
    features: &[Feature],
    evidence: Evidence,
    values: &[&[Option<f64>]],
) -> Vec<usize> {
    (0..features.len())
        .filter(|i| evidence.takes(&features[*i]) && values.iter().all(|v| v[*i].is_some()))
        .collect()
}

/// The chosen columns of one session; `None` if one is missing.
pub(crate) fn block(values: &[Option<f64>], columns: &[usize]) -> Option<Vec<f64>> {
    columns.iter().map(|i| values[*i]).collect()
}

/// A fleet's features at one length, by one kind of evidence.
pub(crate) struct Table {
    pub(crate) columns: Vec<usize>,
    kinds: Vec<Kind>,
    /// Unit by unit, session by session.
    pub(crate) units: Vec<Vec<Vec<f64>>>,
}

impl Table {
    /// Of `fleet` at its `length`-th length.
    pub(crate) fn of(
        features: &[Feature],
        fleet: &[Vec<Session>],
        length: usize,
        evidence: Evidence,
    ) -> Table {
        let all: Vec<&[Option<f64>]> = fleet
            .iter()
            .flatten()
            .map(|s| s.values[length].as_slice())
            .collect();
        let columns = columns(features, evidence, &all);
        let units = fleet
            .iter()
            .map(|sessions| {
                let blocks = sessions.iter();
                blocks
                    .filter_map(|session| block(&session.values[length], &columns))
                    .collect()
            })
            .collect();
        Table {
            kinds: columns.iter().map(|i| features[*i].kind()).collect(),
            columns,
            units,
        }
    }

    /// The population of the units that `is_in` takes.
    pub(crate) fn population(&self, is_in: impl Fn(usize) -> bool) -> Result<Population> {
        let chosen = self.units.iter().enumerate().filter(|(i, _)| is_in(*i));
        let units: Vec<Vec<Vec<f64>>> = chosen.map(|(_, blocks)| blocks.clone()).collect();
        Ok(Population::fit(&units, &self.kinds)?)
    }
}

/// All claims at one length by one kind of evidence.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) trials: Trials,
    /// Genuine claims: unit, its session, score.
    pub(crate) genuine: Vec<(usize, usize, f64)>,
    pub(crate) features: usize,
    pub(crate) components: usize,
}

/// Sessions of each unit that it is enrolled from.
pub(crate) fn enrolled(sessions: usize) -> usize {
    sessions / 2
}

/// Judges all claims of `table`.
///
/// # Errors
/// If there are too few units or sessions to fit a population.
pub(crate) fn judge(table: &Table) -> Result<Judged> {
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
        bail!("no unit could be held against another: simulate at least 8 units and 4 sessions");
    };
    Ok(Judged {
        trials,
        genuine,
        features: table.columns.len(),
        components,
    })
}

/// The rates of one way to decide.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) evidence: Evidence,
    /// Jobs at each place.
    pub(crate) jobs: usize,
    /// Shares of one decision.
    pub(crate) shares: u64,
    pub(crate) features: usize,
    pub(crate) components: usize,
    pub(crate) equal_error: Estimate,
    pub(crate) area: Estimate,
}

/// All that is said of the longest challenge by one kind of evidence.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Detail {
    pub(crate) evidence: Evidence,
    pub(crate) shares: u64,
    pub(crate) genuine: usize,
    pub(crate) false_claims: usize,
    pub(crate) equal_error: Estimate,
    pub(crate) equal_threshold: f64,
    /// Threshold that is used: logarithm of the least likelihood ratio.
    pub(crate) threshold: f64,
    pub(crate) false_accept: Rate,
    pub(crate) false_reject: Rate,
    /// Distance of a later session from its own unit's profile, and from others'.
    pub(crate) intra: Estimate,
    pub(crate) inter: Estimate,
    /// Change of a genuine claim's score per K that the room is off the enrolment's mean.
    pub(crate) per_kelvin: Option<Estimate>,
    /// The same per week since the enrolment.
    pub(crate) per_week: Option<Estimate>,
    pub(crate) genuine_score: Estimate,
}

pub(crate) fn row(
    judged: &Judged,
    evidence: Evidence,
    (jobs, shares): (usize, u64),
    resampling: Resampling,
) -> Row {
    Row {
        evidence,
        jobs,
        shares,
        features: judged.features,
        components: judged.components,
        equal_error: judged.trials.equal_error(resampling),
        area: judged.trials.area(resampling),
    }
}

pub(crate) fn detail(
    judged: &Judged,
    evidence: Evidence,
    shares: u64,
    threshold: f64,
    fleet: &[Vec<Session>],
    resampling: Resampling,
) -> Detail {
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
    Detail {
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
