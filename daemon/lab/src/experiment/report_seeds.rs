//! The same run with several seeds, as data: mean and spread of every figure.

use std::collections::HashMap;

use serde::Serialize;
use thermine_reservoir::multi_seed::OverSeeds;

/// One figure over the seeds.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Name of the row of results.
    pub name: String,
    /// Its value with each seed.
    pub(crate) values: Vec<f64>,
    /// Mean and spread.
    pub over_seeds: Option<OverSeeds>,
    /// The first figure minus this one, seed by seed.
    pub difference: Option<OverSeeds>,
    /// Seeds in which the first figure is the smaller.
    pub smaller_in: usize,
}

/// The figures of one seed, by name.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Scores, the one that others are compared with first.
    pub scores: Vec<(String, f64)>,
    /// Shares of wrong decisions, likewise; empty where the task is none.
    pub wrong: Vec<(String, f64)>,
}

/// All figures over the seeds.
#[derive(Debug, Clone, Serialize)]
pub struct SeedsReport {
    /// What was run, as a title.
    pub what: String,
    /// Seeds that were run, in order.
    pub seeds: Vec<u64>,
    /// The scores, those of the first seed that every other has too.
    pub figures: Vec<Figure>,
    /// The shares of wrong decisions, likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<Figure>,
}

impl SeedsReport {
    /// Of the figures of each seed.
    pub fn new(what: String, runs: &[(u64, Figures)]) -> SeedsReport {
        let scores: Vec<_> = runs.iter().map(|(_, run)| run.scores.as_slice()).collect();
        let wrong: Vec<_> = runs.iter().map(|(_, run)| run.wrong.as_slice()).collect();
        SeedsReport {
            what,
            seeds: runs.iter().map(|(seed, _)| *seed).collect(),
            figures: over_seeds(&scores),
            wrong: over_seeds(&wrong),
        }
    }
}

/// The figures that all `runs` have, in the order of the first.
fn over_seeds(runs: &[&[(String, f64)]]) -> Vec<Figure> {
    let tables: Vec<HashMap<&str, f64>> = runs
        .iter()
        .map(|figures| {
            let figures = figures.iter();
            figures
                .map(|(name, value)| (name.as_str(), *value))
                .collect()
        })
        .collect();
    let names = runs.first().copied().unwrap_or_default();
    let values = |name: &str| -> Option<Vec<f64>> {
        tables
            .iter()
            .map(|table| table.get(name).copied())
            .collect()
    };
    let first = names.first().and_then(|(name, _)| values(name));
    let figures = names.iter().enumerate().filter_map(|(i, (name, _))| {
        let values = values(name)?;
        let beside = first.as_ref().filter(|_| i > 0);
        let pairs = beside
            .into_iter()
            .flat_map(|first| first.iter().zip(&values));
        Some(Figure {
            name: name.clone(),
            over_seeds: OverSeeds::of(&values),
            difference: beside.and_then(|first| OverSeeds::paired(first, &values)),
            smaller_in: pairs.filter(|(first, this)| first < this).count(),
            values,
        })
    });
    figures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_matched_by_name_and_paired_by_seed() {
        let run = |seed, device: f64, control: f64| {
            let scores = vec![
                ("device".to_string(), device),
                ("control".to_string(), control),
                (format!("only {seed}"), 1.0),
            ];
            let wrong = Vec::new();
            (seed, Figures { scores, wrong })
        };
        let report = SeedsReport::new(
            "x".into(),
            &[run(1, 1.0, 2.0), run(2, 2.0, 3.1), run(3, 3.0, 2.9)],
        );
        let names: Vec<&str> = report.figures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["device", "control"], "the others are not in all");
        let control = &report.figures[1];
        assert_eq!(control.smaller_in, 2);
        let difference = control.difference.expect("three");
        assert!((difference.mean - (-2.0 / 3.0)).abs() < 1e-9);
    }
}
