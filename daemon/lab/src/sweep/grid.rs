//! Operating points: every voltage with every clock and every difficulty.

use serde::{Deserialize, Serialize};
use thermine_units::model::Model;
use utoipa::ToSchema;

/// Most values of one axis.
const MOST_VALUES: usize = 1_000;

/// Most cells of a grid.
pub(super) const MOST_CELLS: usize = 100_000;

const RANGE: &str = "must be a number, or LOW:HIGH:STEP with LOW up to HIGH and a STEP above 0";
const DOUBLINGS: &str = "must be from 1 to 10^12, LOW up to HIGH";

/// An axis from `low` to `high` by `step`; one value if the step is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SweepRange)]
pub struct Range {
    /// First value of the axis.
    pub(crate) low: f64,
    /// Limit of the axis; the last value if the steps meet it.
    pub(crate) high: f64,
    /// Distance between two values; 0 for one value alone.
    #[serde(default)]
    pub(crate) step: f64,
}

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Range, String> {
        let numbers: Result<Vec<f64>, _> = text.split(':').map(str::parse).collect();
        let range = match numbers.map_err(|_| RANGE.to_string())?[..] {
            [value] => Range {
                low: value,
                high: value,
                step: 0.0,
            },
            [low, high, step] if step > 0.0 => Range { low, high, step },
            _ => return Err(RANGE.into()),
        };
        range.check()?;
        Ok(range)
    }
}

impl Range {
    /// Checks the ends and the step.
    ///
    /// # Errors
    /// With what they must be.
    pub(crate) fn check(self) -> Result<(), String> {
        let sound = self.low > 0.0
            && self.low <= self.high
            && self.high.is_finite()
            && self.step.is_finite()
            && (self.step > 0.0 || (self.step == 0.0 && self.low == self.high));
        if !sound {
            return Err(RANGE.into());
        }
        if self.step > 0.0 && (self.high - self.low) / self.step >= MOST_VALUES as f64 {
            return Err(format!("has more than {MOST_VALUES} values"));
        }
        Ok(())
    }

    /// Its values, rounded to a millionth: 7.0 and then 7.2, and not 7.199999.
    pub(crate) fn values(self) -> Vec<f64> {
        if self.step == 0.0 {
            return vec![self.low];
        }
        let count = ((self.high - self.low) / self.step + 1e-9).floor() as usize + 1;
        (0..count)
            .map(|i| ((self.low + self.step * i as f64) * 1e6).round() / 1e6)
            .collect()
    }
}

/// Difficulties from one to another by factors of two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SweepDoublings)]
pub struct Doublings {
    /// Smallest difficulty.
    pub(crate) low: f64,
    /// Limit; the largest difficulty if doubling meets it.
    pub(crate) high: f64,
}

impl std::str::FromStr for Doublings {
    type Err = String;

    fn from_str(text: &str) -> Result<Doublings, String> {
        let numbers: Result<Vec<f64>, _> = text.split(':').map(str::parse).collect();
        let doublings = match numbers.unwrap_or_default()[..] {
            [value] => Doublings {
                low: value,
                high: value,
            },
            [low, high] => Doublings { low, high },
            _ => return Err("must be a difficulty, or LOW:HIGH".into()),
        };
        doublings.check()?;
        Ok(doublings)
    }
}

impl Doublings {
    /// Checks the ends.
    ///
    /// # Errors
    /// With what they must be.
    pub(crate) fn check(self) -> Result<(), String> {
        if self.low >= 1.0 && self.high <= 1e12 && self.low <= self.high {
            Ok(())
        } else {
            Err(DOUBLINGS.into())
        }
    }

    pub(crate) fn values(self) -> Vec<f64> {
        std::iter::successors(Some(self.low), |d| Some(d * 2.0))
            .take_while(|d| *d <= self.high)
            .collect()
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.step == 0.0 {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{}:{}:{}", self.low, self.high, self.step)
        }
    }
}

impl std::fmt::Display for Doublings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.low, self.high)
    }
}

/// The axes of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Voltages as a user names them, V: of an S9 those of a board. Empty where the unit's cannot be set.
    pub voltages: Vec<f64>,
    /// Chip clocks, MHz.
    pub frequencies: Vec<f64>,
    /// Share difficulties.
    pub difficulties: Vec<f64>,
}

/// One operating point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Voltage as a user names it, V; `None` where the unit's cannot be set.
    pub voltage: Option<f64>,
    /// Chip clock, MHz.
    pub frequency: f64,
    /// Share difficulty.
    pub difficulty: f64,
}

impl Grid {
    /// The model's default ranges of voltage, clock and difficulty.
    pub(super) fn usual(model: Model) -> (Range, Range, Doublings) {
        let range = |(low, high, step)| Range { low, high, step };
        let inputs = &model.entry().inputs;
        let (low, high) = inputs.sweep_difficulty;
        let difficulty = Doublings { low, high };
        (
            range(inputs.sweep_voltage),
            range(inputs.sweep_frequency),
            difficulty,
        )
    }

    /// All points: difficulty by difficulty, voltage by voltage, clock by clock.
    pub(super) fn points(&self) -> Vec<Point> {
        let voltages: Vec<Option<f64>> = if self.voltages.is_empty() {
            vec![None]
        } else {
            self.voltages.iter().copied().map(Some).collect()
        };
        let mut points = Vec::new();
        for &difficulty in &self.difficulties {
            for &voltage in &voltages {
                for &frequency in &self.frequencies {
                    points.push(Point {
                        voltage,
                        frequency,
                        difficulty,
                    });
                }
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_grid() {
        let (voltages, frequencies, difficulties) = Grid::usual(Model::AntminerS9);
        let grid = Grid {
            voltages: voltages.values(),
            frequencies: frequencies.values(),
            difficulties: difficulties.values(),
        };
        assert_eq!(grid.voltages, [7.0, 7.2, 7.4, 7.6, 7.8, 8.0, 8.2, 8.4]);
        assert_eq!((grid.frequencies.len(), grid.frequencies[16]), (17, 600.0));
        assert_eq!(
            (grid.difficulties.len(), grid.difficulties[6]),
            (7, 65536.0)
        );
        assert_eq!(grid.points().len(), 952);
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        for text in [
            "", "x", "2:1:1", "1:2", "1:2:0", "1:2:-1", "nan", "-1", "1:1e9:1", "inf",
        ] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
        for text in ["", "0", "8:4", "1:2:3", "nan", "1:1e30"] {
            assert!(text.parse::<Doublings>().is_err(), "{text}");
        }
        assert_eq!("5".parse::<Range>().expect("one").values(), [5.0]);
    }
}
