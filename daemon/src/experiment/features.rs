//! From observations to the columns of the state matrix.

use thermine_drivers::sim::Layout;
use thermine_drivers::substrate::Observation;
use thermine_drivers::units::s9;

/// Thirds of a board along the air flow, in which shares are counted: the air warms on its way, so a
/// chip's place decides how hot it runs. Which *board* found a share cannot be told from its nonce.
const ZONES: usize = 3;

/// Columns as they come, with gaps where the unit did not report.
#[derive(Debug, Clone)]
pub struct Features {
    columns: Vec<Column>,
}

/// One quantity over all steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name, for example `board6.chip_temp`.
    pub name: String,
    /// Unit of its values.
    pub unit: &'static str,
    /// A value per step, `None` where it was not reported.
    pub values: Vec<Option<f64>>,
}

/// Columns without gaps, and what was done about the gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// Name, unit and values of each column.
    pub columns: Vec<(String, &'static str, Vec<f64>)>,
    /// Readings that were missing and replaced by the last one before (or, at the start, the first
    /// after).
    pub carried: usize,
    /// Columns of which the unit never reported anything, left out.
    pub absent: Vec<String>,
}

impl Features {
    /// The columns of an Antminer S9: board and chip temperature of each board as the firmware reports
    /// them, and the share rate of each zone.
    pub fn s9() -> Features {
        let column = |name: String, unit| Column {
            name,
            unit,
            values: Vec::new(),
        };
        let mut columns = Vec::new();
        for slot in s9::SLOTS {
            columns.push(column(format!("board{slot}.pcb_temp"), "°C"));
            columns.push(column(format!("board{slot}.chip_temp"), "°C"));
        }
        for zone in 0..ZONES {
            columns.push(column(format!("zone{zone}.share_rate"), "1/s"));
        }
        Features { columns }
    }

    /// Appends the row of one step.
    pub fn push(&mut self, observation: &Observation) {
        let mut row = Vec::with_capacity(self.columns.len());
        for slot in s9::SLOTS {
            let board = observation
                .telemetry
                .as_ref()
                .and_then(|t| t.boards.iter().find(|board| board.slot == slot));
            row.push(board.and_then(|b| b.pcb_temp).map(|t| t.0));
            row.push(board.and_then(|b| b.chip_temp).map(|t| t.0));
        }
        let span = observation.ended.since(observation.started).as_secs_f64();
        let mut counts = [0u32; ZONES];
        for share in &observation.shares {
            counts[zone(share.nonce)] += 1;
        }
        row.extend(counts.map(|count| (span > 0.0).then(|| f64::from(count) / span)));
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.values.push(value);
        }
    }

    /// Closes the gaps. Only a value of the past may stand in for a missing one, except at the start.
    pub fn filled(self) -> Filled {
        let mut filled = Filled {
            columns: Vec::new(),
            carried: 0,
            absent: Vec::new(),
        };
        for column in self.columns {
            let Some(mut last) = column.values.iter().flatten().next().copied() else {
                filled.absent.push(column.name);
                continue;
            };
            filled.carried += column.values.iter().filter(|v| v.is_none()).count();
            let values = column
                .values
                .into_iter()
                .map(|value| {
                    last = value.unwrap_or(last);
                    last
                })
                .collect();
            filled.columns.push((column.name, column.unit, values));
        }
        filled
    }
}

/// Zone of the chip that found a BM1387 nonce.
fn zone(nonce: u32) -> usize {
    let chip = Layout::Bm1387.decode(nonce).chip;
    (usize::from(chip) * ZONES / usize::from(s9::CHIPS_PER_BOARD)).min(ZONES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_carried_forward_and_empty_columns_left_out() {
        let column = |name: &str, values: &[Option<f64>]| Column {
            name: name.into(),
            unit: "1",
            values: values.to_vec(),
        };
        let features = Features {
            columns: vec![
                column("a", &[None, Some(1.0), None, Some(2.0)]),
                column("b", &[None; 4]),
            ],
        };
        let filled = features.filled();
        assert_eq!(filled.columns.len(), 1);
        assert_eq!(filled.columns[0].2, [1.0, 1.0, 1.0, 2.0]);
        assert_eq!(filled.carried, 2);
        assert_eq!(filled.absent, ["b"]);
    }

    #[test]
    fn zones_follow_the_chip_number() {
        assert_eq!(zone(0x0000_0000), 0);
        assert_eq!(zone(20 << 2), 0);
        assert_eq!(zone(21 << 2), 1);
        assert_eq!(zone(62 << 2), 2);
        assert_eq!(zone(63 << 2), 2, "the one code that no chip has");
    }
}
