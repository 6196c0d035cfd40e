//! Maps of chips and cores, for the terminal and as SVG.

use std::fmt::Write;

use thermine_reservoir::describe::{Outlier, Place};

use crate::render::heatmap::HeatMap;
use thermine_lab::chips::measured::Group;

/// p-value of a place on its own from which it is shown as low or high, though it may well be chance.
const NOTED: f64 = 0.05;

/// Colours of the 256-colour terminal for low, rather low, middling, rather high and high counts: blue to orange,
/// told apart by colour-blind readers.
const SHADES: [u8; 5] = [32, 153, 255, 223, 208];

/// Distances at which a shade begins, in standard deviations.
const STEPS: [f64; 4] = [-3.0, -1.0, 1.0, 3.0];

/// Arrangement of places on a map: place i in row i % rows of column i / rows, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    rows: usize,
    columns: usize,
    /// Whether places follow each other down the columns.
    by_column: bool,
}

impl Grid {
    /// Grid of the chips of a board, `rows` of which lie side by side in the air.
    pub fn of_board(chips: usize, rows: usize) -> Grid {
        let rows = rows.max(1);
        Grid {
            rows,
            columns: chips.div_ceil(rows),
            by_column: true,
        }
    }

    /// Grid of cores, in rows that fill a line: their true places on the die are not known.
    pub fn of_cores(cores: usize) -> Grid {
        let columns = [19, 16, 14]
            .into_iter()
            .find(|columns| cores.is_multiple_of(*columns))
            .unwrap_or(16);
        Grid {
            rows: cores.div_ceil(columns),
            columns,
            by_column: false,
        }
    }

    /// The place at `row` and `column`.
    fn place(&self, row: usize, column: usize) -> usize {
        if self.by_column {
            column * self.rows + row
        } else {
            row * self.columns + column
        }
    }
}

/// A letter for a place: marked if it differs, otherwise how it lies among chance.
fn symbol(place: &Place) -> char {
    match place.outlier {
        Some(Outlier::Dead) => 'X',
        Some(Outlier::Weak) => 'W',
        Some(Outlier::Hot) => 'H',
        None if place.p >= NOTED => '.',
        None => match place.ratio {
            Some(ratio) if ratio.value > 1.0 => '+',
            _ => '-',
        },
    }
}

/// Distance of a count from the mean of the places that do not differ, in standard deviations.
fn deviation(place: &Place) -> Option<f64> {
    let ratio = place.ratio?.value;
    if ratio == 0.0 {
        return Some(f64::NEG_INFINITY);
    }
    let expected = place.count as f64 / ratio;
    Some((place.count as f64 - expected) / expected.sqrt())
}

/// The map as text, in colour if `colour`.
pub fn text(group: &Group, grid: Grid, colour: bool) -> String {
    let mut text = String::new();
    let places = &group.places.places;
    let width = 3;
    let _ = write!(text, "{:>6}", "");
    for column in 0..grid.columns {
        let _ = write!(text, "{:>width$}", grid.place(0, column));
    }
    text.push('\n');
    for row in 0..grid.rows {
        let first = if grid.by_column {
            row
        } else {
            grid.place(row, 0)
        };
        let sign = if grid.by_column { "+" } else { "" };
        let _ = write!(text, "{:>6}", format!("{sign}{first}"));
        for column in 0..grid.columns {
            let Some(place) = places.get(grid.place(row, column)) else {
                continue;
            };
            let cell = format!("{:>width$}", symbol(place));
            match deviation(place).filter(|_| colour) {
                None => text.push_str(&cell),
                Some(deviation) => {
                    let shade = STEPS.iter().filter(|step| deviation > **step).count();
                    let _ = write!(text, "\x1b[48;5;{};38;5;16m{cell}\x1b[0m", SHADES[shade]);
                }
            }
        }
        text.push('\n');
    }
    text.push_str(
        "       X dead, W weak, H hot (finds more); - + low, high on its own (p < 0.05), as chance alone makes one in twenty\n",
    );
    text
}

/// The map as SVG: deviation of each rate from the mean of the places that do not differ, in per cent.
pub fn svg(group: &Group, grid: Grid, title: &str) -> String {
    let places = &group.places.places;
    let order: Vec<Option<&Place>> = (0..grid.rows)
        .rev()
        .flat_map(|row| (0..grid.columns).map(move |column| grid.place(row, column)))
        .map(|i| places.get(i))
        .collect();
    let value = |place: &Place| place.ratio.map(|ratio| 100.0 * (ratio.value - 1.0));
    let values: Vec<Option<f64>> = order.iter().map(|place| place.and_then(value)).collect();
    let marks: Vec<(usize, &str)> = order
        .iter()
        .enumerate()
        .filter_map(|(i, place)| {
            let name = match place.as_ref()?.outlier? {
                Outlier::Dead => "dead",
                Outlier::Weak => "weak",
                Outlier::Hot => "hot",
            };
            Some((i, name))
        })
        .collect();
    // Three standard deviations of a count, so that chance is pale, and no outlier bleaches the rest.
    let mean = group.places.n as f64 / places.len().max(1) as f64;
    let range = (300.0 / mean.sqrt()).clamp(0.1, 100.0);
    let columns: Vec<f64> = (0..grid.columns)
        .map(|column| grid.place(0, column) as f64)
        .collect();
    let rows: Vec<f64> = (0..grid.rows)
        .rev()
        .map(|row| if grid.by_column { row } else { grid.place(row, 0) } as f64)
        .collect();
    let (x, y) = if grid.by_column {
        (
            "first chip of the column, along the chain",
            "chip of the column",
        )
    } else {
        ("core of the row", "first core of the row")
    };
    HeatMap {
        title,
        x: (x, &columns),
        y: (y, &rows),
        values: &values,
        range: (-range, range),
    }
    .render_marked(&marks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_reservoir::describe::Places;

    fn group(counts: &[u64]) -> Group {
        Group {
            what: "chip",
            even: None,
            places: Places::of(counts, 0.05).expect("counts"),
            rates: Vec::new(),
            hash_rates: None,
            needed: Vec::new(),
            shown: None,
        }
    }

    #[test]
    fn marks_stand_where_the_chips_are() {
        let mut counts = vec![10_000; 63];
        counts[17] = 0;
        counts[5] = 9_000;
        counts[30] = 12_000;
        counts[40] = 10_230;
        let group = group(&counts);
        let grid = Grid::of_board(63, 3);
        let plain = text(&group, grid, false);
        let rows: Vec<&str> = plain.lines().collect();
        let at = |chip: usize| {
            let row = rows[1 + chip % 3];
            row.chars().nth(6 + 3 * (chip / 3) + 2)
        };
        assert_eq!(
            [at(17), at(5), at(30), at(40), at(0)],
            [Some('X'), Some('W'), Some('H'), Some('+'), Some('.')],
            "{plain}"
        );
        assert!(!plain.contains('\x1b'));
        let coloured = text(&group, grid, true);
        assert_eq!(coloured.matches("\x1b[0m").count(), 63);
        assert!(coloured.contains("\x1b[48;5;32;38;5;16m  X"));
        let svg = svg(&group, grid, "a map");
        for (mark, times) in [("dead", 1), ("weak", 1), ("hot", 1)] {
            assert_eq!(svg.matches(&format!(">{mark}<")).count(), times, "{mark}");
        }
        assert_eq!(svg.matches("<title>").count(), 63);
    }

    #[test]
    fn cores_fill_rows() {
        let grid = Grid::of_cores(114);
        assert_eq!((grid.rows, grid.columns), (6, 19));
        assert_eq!(Grid::of_cores(112).columns, 16);
        let group = group(&[100; 114]);
        assert_eq!(text(&group, grid, false).matches('.').count() - 1, 114);
    }
}
