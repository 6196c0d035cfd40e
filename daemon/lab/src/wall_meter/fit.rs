//! From watts to `idle`.
//!
//! By the law of the twins, the power at the wall is
//!
//! ```text
//! P = others + D · (idle + (1 − idle) · a) + L · exp((T − 80)/fold)
//! ```
//!
//! with the activity a (the rate of shares over that at full duty), the temperature T of the chips, D the dynamic power and
//! L the leakage. At each drawn L, fold and others, the rest is a straight line c + S·a, so that idle = c/(c + S). The three
//! are drawn from what is assumed of them: L and fold log-normal with 95 % of their mass within the assumed range of the
//! model's parameters, others uniform over what the user gives; the activities are drawn by their numbers of shares. Each
//! draw counts by how well its line fits (its marginal likelihood with flat priors on c, S and log σ). Leakage is told from
//! the rest by the minutes after a change of duty, when activity is constant and the temperature is not. The loss of the
//! supply cancels, as far as it is a constant fraction.

use anyhow::{Result, ensure};
use rand_distr::{Distribution, Gamma, StandardNormal};
use thermine_reservoir::bootstrap::Estimate;
use thermine_units::params::{ASSUMPTIONS, End, Params};
use thermine_units::seed::{self, Rng};

use super::course::{CHANGE, Course, Watts};
use super::report::{Level, Report};
use super::request::WallMeterRequest;

/// Draws of what is assumed.
const DRAWS: usize = 20_000;

/// Length of the means that are fitted, s: neighbouring readings of a meter are not independent.
const BIN: f64 = 20.0;

/// Smallest standard deviation of a mean, W: meters show whole watts.
const RESOLUTION: f64 = 0.3;

/// Fewest effective draws that carry an interval.
const FEWEST_DRAWS: f64 = 100.0;

/// Largest change of a fan's speed that is not worth a note.
const STEADY_FAN: f64 = 0.05;

/// A mean of the meter, and what went with it.
#[derive(Debug, Clone, Default)]
struct Point {
    /// Which of the duties.
    duty: usize,
    watts: f64,
    /// Chip temperatures of its readings, all boards.
    chips: Vec<f64>,
}

/// One duty over all of its levels.
#[derive(Debug, Clone, Default)]
struct Duty {
    duty: f64,
    shares: u64,
    seconds: f64,
}

/// One drawn set of parameters with the line that it leaves.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    log_weight: f64,
    idle: f64,
    dynamic: f64,
    leakage: f64,
}

/// Fits the readings `watts` of the drive `course`.
///
/// # Errors
/// If a level has no reading, or nothing is known of the model's leakage.
pub(super) fn fit(course: &Course, watts: &[Watts], request: &WallMeterRequest) -> Result<Report> {
    let Some(params) = Params::of(course.model) else {
        anyhow::bail!("nothing is known of the leakage of a {}", course.model);
    };
    let duties = duties(course);
    let (points, readings) = points(course, watts, &duties)?;
    let mut rng = seed::stream(request.seed, "wall-meter");
    let assumed = params.leakage_w * params.chip_count() as f64 * (1.0 + params.regulator_loss);
    let spreads = (spread("leakage_w"), spread("leakage_fold_k"));
    let drawn: Vec<Drawn> = (0..DRAWS)
        .map(|_| {
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            let leakage = assumed * (spreads.0 * normal()).exp();
            let fold = params.leakage_fold_k * (spreads.1 * normal()).exp();
            let activities = activities(&duties, &mut rng);
            let (low, high) = request.others;
            let others = low + (high - low) * uniform(&mut rng);
            draw(&points, &activities, (leakage, fold, others), &mut rng)
        })
        .collect();
    let (weights, effective_draws) = weights(&drawn);
    let estimate = |of: fn(&Drawn) -> f64| quantiles(drawn.iter().map(of).zip(&weights));
    let mut notes = notes(course);
    if effective_draws < FEWEST_DRAWS {
        notes.push(format!(
            "the interval rests on {effective_draws:.0} draws and is rough: the meter disagrees with what is assumed of \
             the leakage"
        ));
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        unit: course.unit.clone(),
        model: course.model,
        provenance: course.provenance.clone(),
        levels: levels(&duties, &points),
        idle: estimate(|one| one.idle),
        dynamic_w: estimate(|one| one.dynamic),
        leakage_w: estimate(|one| one.leakage),
        assumed_leakage_w: assumed,
        others_w: request.others,
        points: points.len(),
        readings,
        effective_draws,
        seed: request.seed,
        notes,
    })
}

/// Standard deviation of the logarithm of the parameter `name`, by its assumed range.
fn spread(name: &str) -> f64 {
    let mut all = ASSUMPTIONS.iter();
    let range = all.find(|assumption| assumption.parameters == [name]);
    match range.map(|range| (range.low, range.high)) {
        Some((End::Times(low), End::Times(high))) => (high / low).ln() / (2.0 * 1.96),
        _ => 0.0,
    }
}

fn uniform(rng: &mut Rng) -> f64 {
    use rand::RngExt;
    rng.random::<f64>()
}

/// The duties of `course`, the largest first, with their shares.
fn duties(course: &Course) -> Vec<Duty> {
    let mut duties: Vec<Duty> = Vec::new();
    for moment in &course.moments {
        let duty = course.duties[moment.level];
        let index = duties.iter().position(|one| one.duty == duty);
        let index = index.unwrap_or_else(|| {
            duties.push(Duty {
                duty,
                ..Duty::default()
            });
            duties.len() - 1
        });
        duties[index].shares += moment.shares;
        duties[index].seconds += moment.seconds;
    }
    duties.sort_by(|a, b| b.duty.total_cmp(&a.duty));
    duties
}

/// Means of the meter over up to [`BIN`] s each, and the number of its readings within the drive.
fn points(course: &Course, watts: &[Watts], duties: &[Duty]) -> Result<(Vec<Point>, usize)> {
    let mut sums: Vec<((usize, usize), Point, usize)> = Vec::new();
    let mut readings = 0;
    let mut began = vec![f64::INFINITY; course.duties.len()];
    for moment in &course.moments {
        let start = moment.unix_s - moment.seconds;
        began[moment.level] = began[moment.level].min(start);
    }
    for reading in watts {
        // The step that the reading fell into; one at the very end of a step is of that step.
        let at = reading.unix_s - 1e-3;
        let found = course.moments.iter().find(|moment| {
            let from = moment.unix_s - moment.seconds;
            at > from && at <= moment.unix_s
        });
        let Some(moment) = found else { continue };
        let age = reading.unix_s - began[moment.level];
        if moment.chips_c.is_empty() || (age < CHANGE && moment.level > 0) {
            continue;
        }
        readings += 1;
        let key = (moment.level, (age / BIN) as usize);
        let index = sums.iter().position(|(at, ..)| *at == key);
        let index = index.unwrap_or_else(|| {
            let duty = course.duties[moment.level];
            let duty = duties.iter().position(|one| one.duty == duty);
            let point = Point {
                duty: duty.unwrap_or(0),
                ..Point::default()
            };
            sums.push((key, point, 0));
            sums.len() - 1
        });
        let (_, point, n) = &mut sums[index];
        point.watts += reading.watts;
        point.chips.extend(&moment.chips_c);
        *n += 1;
    }
    for (index, duty) in course.duties.iter().enumerate() {
        let is_seen = sums.iter().any(|((level, _), ..)| *level == index);
        ensure!(
            is_seen,
            "level {} of {}, at duty {duty}, has no reading of the meter: the drive is kept, so give a log of the meter \
             that covers it with --watts",
            index + 1,
            course.duties.len()
        );
    }
    let means = sums.into_iter().map(|(_, point, n)| Point {
        watts: point.watts / n as f64,
        ..point
    });
    Ok((means.collect(), readings))
}

/// The activities of `duties`, drawn by their numbers of shares: a rate with a flat prior on its square root.
fn activities(duties: &[Duty], rng: &mut Rng) -> Vec<f64> {
    let rates: Vec<f64> = duties
        .iter()
        .map(|duty| {
            let shape = duty.shares as f64 + 0.5;
            let law = Gamma::new(shape, 1.0 / duty.seconds);
            law.map_or(f64::NAN, |law| law.sample(rng))
        })
        .collect();
    rates.iter().map(|rate| rate / rates[0]).collect()
}

/// The line that is left with a leakage of `leakage` W at 80 °C and with `others` W taken off.
fn draw(
    points: &[Point],
    activities: &[f64],
    (leakage, fold, others): (f64, f64, f64),
    rng: &mut Rng,
) -> Drawn {
    let n = points.len() as f64;
    let rest: Vec<(f64, f64)> = points
        .iter()
        .map(|point| {
            let leaks = point.chips.iter().map(|c| ((c - 80.0) / fold).exp());
            let leak = leaks.sum::<f64>() / point.chips.len() as f64;
            let rest = point.watts - others - leakage * leak;
            (activities[point.duty], rest)
        })
        .collect();
    let (mean_a, mean_p) = (
        rest.iter().map(|(a, _)| a).sum::<f64>() / n,
        rest.iter().map(|(_, p)| p).sum::<f64>() / n,
    );
    let (mut aa, mut ap) = (0.0, 0.0);
    for (a, p) in &rest {
        aa += (a - mean_a).powi(2);
        ap += (a - mean_a) * (p - mean_p);
    }
    let slope = ap / aa;
    let squares = rest
        .iter()
        .map(|(a, p)| (p - mean_p - slope * (a - mean_a)).powi(2));
    let squares = squares.sum::<f64>() + n * RESOLUTION.powi(2);
    let sd = (squares / (n - 2.0)).sqrt();
    let mut normal = || -> f64 { StandardNormal.sample(&mut *rng) };
    let slope = slope + normal() * sd / aa.sqrt();
    let full = mean_p + normal() * sd / n.sqrt() + slope * (1.0 - mean_a);
    Drawn {
        log_weight: -0.5 * (n - 2.0) * squares.ln() - 0.5 * aa.ln(),
        idle: (full - slope) / full,
        dynamic: full,
        leakage,
    }
}

/// The weights of all draws, 1 in sum, and how many equal ones they are worth.
fn weights(drawn: &[Drawn]) -> (Vec<f64>, f64) {
    let best = drawn.iter().map(|one| one.log_weight);
    let best = best
        .filter(|weight| weight.is_finite())
        .fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = drawn
        .iter()
        .map(|one| (one.log_weight - best).exp())
        .map(|weight| if weight.is_finite() { weight } else { 0.0 })
        .collect();
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    let weights = weights.iter().map(|weight| weight / sum).collect();
    (weights, sum * sum / squares)
}

/// Median with the 2.5 % and 97.5 % quantiles of weighted values.
fn quantiles<'a>(values: impl Iterator<Item = (f64, &'a f64)>) -> Estimate {
    let mut values: Vec<(f64, f64)> = values.map(|(value, weight)| (value, *weight)).collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |q: f64| {
        let mut sum = 0.0;
        let found = values.iter().find(|(_, weight)| {
            sum += weight;
            sum >= q
        });
        found.map_or(f64::NAN, |(value, _)| *value)
    };
    Estimate {
        value: at(0.5),
        low: at(0.025),
        high: at(0.975),
    }
}

fn levels(duties: &[Duty], points: &[Point]) -> Vec<Level> {
    let rate = |duty: &Duty| duty.shares as f64 / duty.seconds;
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, n) = values.fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
        sum / f64::from(n)
    };
    let all = duties.iter().enumerate().map(|(index, duty)| {
        let of = || points.iter().filter(move |point| point.duty == index);
        Level {
            duty: duty.duty,
            activity: rate(duty) / rate(&duties[0]),
            shares: duty.shares,
            watts: mean(&mut of().map(|point| point.watts)),
            chip_c: mean(&mut of().flat_map(|point| point.chips.iter().copied())),
        }
    });
    all.collect()
}

/// What spoils the measurement.
fn notes(course: &Course) -> Vec<String> {
    let speeds = course.moments.iter().flat_map(|moment| &moment.fans_rpm);
    let (low, high) = speeds.fold((f64::INFINITY, 0.0_f64), |(low, high), rpm| {
        (low.min(*rpm), high.max(*rpm))
    });
    let moved = (high > low * (1.0 + STEADY_FAN)).then(|| {
        format!(
            "fans turned at {low:.0} to {high:.0} rpm: their power is taken for constant, so set them to a fixed speed, \
             or give the wider --others"
        )
    });
    moved.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_units::model::Model;
    use thermine_units::provenance::Provenance;

    use crate::wall_meter::course::{DUTIES, Moment};

    /// A drive whose watts follow the law with this `idle`, with `others` W beside, and readings every 2 s.
    fn driven(idle: f64, others: f64) -> (Course, Vec<Watts>) {
        let (mut moments, mut watts, mut chip) = (Vec::new(), Vec::new(), 85.0);
        for (level, duty) in DUTIES.iter().enumerate() {
            for _ in 0..60 {
                let unix_s = 2.0 * (moments.len() + 1) as f64;
                let dynamic = 1000.0 * (idle + (1.0 - idle) * duty);
                chip += 0.02 * (25.0 + 0.06 * dynamic - chip);
                let leakage = 120.0 * ((chip - 80.0) / 40.0_f64).exp();
                watts.push(Watts {
                    unix_s,
                    watts: (others + dynamic + leakage).round(),
                });
                moments.push(Moment {
                    level,
                    unix_s,
                    seconds: 2.0,
                    shares: (2000.0 * duty) as u64,
                    chips_c: vec![chip.round()],
                    fans_rpm: vec![4800.0],
                });
            }
        }
        let course = Course {
            unit: "s9".into(),
            model: Model::AntminerS9,
            provenance: Provenance::Simulated,
            duties: DUTIES.to_vec(),
            moments,
            watts: watts.clone(),
        };
        (course, watts)
    }

    #[test]
    fn idle_is_recovered_with_a_leakage_that_is_not_the_models() {
        for idle in [0.0, 0.15, 0.5, 1.0] {
            let (course, watts) = driven(idle, 0.0);
            let request = WallMeterRequest::default();
            let report = fit(&course, &watts, &request).expect("fitted");
            let found = report.idle;
            assert!((found.value - idle).abs() < 0.05, "{idle}: {found:?}");
            assert!(!report.rules_out(idle), "{idle}: {found:?}");
            assert!(found.high - found.low < 0.2, "{idle}: {found:?}");
        }
    }

    #[test]
    fn watts_beside_the_chips_are_taken_off_within_their_range() {
        let (course, watts) = driven(0.15, 60.0);
        let of = |others| {
            let request = WallMeterRequest {
                others,
                ..WallMeterRequest::default()
            };
            fit(&course, &watts, &request).expect("fitted").idle
        };
        let (none, right) = (of((0.0, 0.0)), of((20.0, 100.0)));
        assert!(none.value > right.value + 0.03, "{none:?} {right:?}");
        assert!(right.low < 0.15 && right.high > 0.15, "{right:?}");
        assert!(right.high - right.low > none.high - none.low);
    }

    #[test]
    fn a_log_that_misses_a_level_is_refused() {
        let (course, watts) = driven(0.15, 0.0);
        let refused = fit(&course, &watts[..200], &WallMeterRequest::default());
        let said = refused.expect_err("refused").to_string();
        assert!(said.contains("level 5 of 5"), "{said}");
    }
}
