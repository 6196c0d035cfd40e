//! Operating points: every voltage with every clock and every difficulty.

use serde::{Deserialize, Serialize};
use thermine_drivers::units::Model;

/// Most values of one axis.
const MOST_VALUES: usize = 1_000;

/// Most cells of a grid.
pub(super) const MOST_CELLS: usize = 100_000;

/// An axis from `low` to `high` by `step`; one value if the step is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    low: f64,
    high: f64,
    step: f64,
}

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Range, String> {
        let numbers: Result<Vec<f64>, _> = text.split(':').map(str::parse).collect();
        let wanted = "must be a number, or LOW:HIGH:STEP with LOW up to HIGH and a STEP above 0";
        let range = match numbers.map_err(|_| wanted.to_string())?[..] {
            [value] => Range {
                low: value,
                high: value,
                step: 0.0,
            },
            [low, high, step] if step > 0.0 => Range { low, high, step },
            _ => return Err(wanted.into()),
        };
        let sound = range.low.is_finite() && range.high.is_finite() && range.low > 0.0;
        if !sound || range.low > range.high {
            return Err(wanted.into());
        }
        if range.step > 0.0 && (range.high - range.low) / range.step >= MOST_VALUES as f64 {
            return Err(format!("has more than {MOST_VALUES} values"));
        }
        Ok(range)
    }
}

impl Range {
    /// Its values, rounded to a millionth: 7.0 and then 7.2, and not 7.199999.
    pub(super) fn values(self) -> Vec<f64> {
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Doublings {
    low: f64,
    high: f64,
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
        let sound =
            doublings.low >= 1.0 && doublings.high <= 1e12 && doublings.low <= doublings.high;
        if sound {
            Ok(doublings)
        } else {
            Err("must be from 1 to 10^12, LOW up to HIGH".into())
        }
    }
}

impl Doublings {
    /// The difficulties.
    pub(super) fn values(self) -> Vec<f64> {
        std::iter::successors(Some(self.low), |d| Some(d * 2.0))
            .take_while(|d| *d <= self.high)
            .collect()
    }
}

/// The axes of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Grid {
    /// Voltages as a user names them, V: of an S9 those of a board. Empty where the unit's cannot be set.
    pub(super) voltages: Vec<f64>,
    /// Chip clocks, MHz.
    pub(super) frequencies: Vec<f64>,
    /// Share difficulties.
    pub(super) difficulties: Vec<f64>,
}

/// One operating point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    /// V; `None` where it cannot be set.
    pub(super) voltage: Option<f64>,
    /// MHz.
    pub(super) frequency: f64,
    pub(super) difficulty: f64,
}

impl Grid {
    /// The published ranges for an S9 (arXiv 2601.12032); for the others some of what they can be set to.
    pub(super) fn default_of(model: Model) -> (&'static str, &'static str, &'static str) {
        match model {
            Model::LuckyMinerLv06 | Model::Bm1366 => ("1.1:1.3:0.05", "300:550:50", "256:4096"),
            Model::GoldshellLbBox => ("0.41:0.45:0.01", "500:800:50", "256:4096"),
            Model::AntminerS9 | Model::Bm1387 => ("7.0:8.4:0.2", "200:600:25", "1024:65536"),
        }
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
        let (voltages, frequencies, difficulties) = Grid::default_of(Model::AntminerS9);
        let grid = Grid {
            voltages: voltages.parse::<Range>().expect("a range").values(),
            frequencies: frequencies.parse::<Range>().expect("a range").values(),
            difficulties: difficulties.parse::<Doublings>().expect("a range").values(),
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
