//! From observations to the columns of the state matrix.

use thermine_drivers::sim::Layout;
use thermine_drivers::substrate::Observation;
use thermine_drivers::units::{Model, s9};

/// Thirds of a board along the air flow, or of a single chip's cores, in which shares are counted: the air
/// warms on its way, so a chip's place decides how hot it runs. Which *board* found a share cannot be told
/// from its nonce.
const ZONES: usize = 3;

/// Columns as they come, with gaps where the unit did not report.
#[derive(Debug, Clone)]
pub struct Features {
    model: Model,
    columns: Vec<Column>,
    /// The unit's count of wrong answers at the last step.
    errors: Option<u64>,
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
    source: Source,
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

/// Where a column's value comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    /// Circuit board of a slot.
    Pcb(u8),
    /// Hottest sensed chip of a slot.
    Chip(u8),
    /// Hottest regulator of a slot.
    Regulator(u8),
    /// The unit's own power meter.
    Power,
    /// Hash rate over the unit's short window.
    HashRate,
    /// Wrong answers of the chips in the step.
    Errors,
    /// Shares of a zone.
    Zone(usize),
}

impl Source {
    /// Name and unit of the column.
    fn column(self) -> (String, &'static str) {
        match self {
            Source::Pcb(slot) => (format!("board{slot}.pcb_temp"), "°C"),
            Source::Chip(slot) => (format!("board{slot}.chip_temp"), "°C"),
            Source::Regulator(slot) => (format!("board{slot}.regulator_temp"), "°C"),
            Source::Power => ("power".into(), "W"),
            Source::HashRate => ("hash_rate".into(), "GH/s"),
            Source::Errors => ("error_rate".into(), "1/s"),
            Source::Zone(zone) => (format!("zone{zone}.share_rate"), "1/s"),
        }
    }
}

impl Features {
    /// The columns of a model: what it senses of its heat, as it reports it, and the share rate of each
    /// zone. Bare chips sense nothing: there the host's own counts stand in.
    pub fn of(model: Model) -> Features {
        let sensors: Vec<Source> = match model {
            Model::AntminerS9 => s9::SLOTS
                .into_iter()
                .flat_map(|slot| [Source::Pcb(slot), Source::Chip(slot)])
                .collect(),
            Model::LuckyMinerLv06 => vec![Source::Chip(0), Source::Regulator(0), Source::Power],
            Model::GoldshellLbBox => vec![Source::Chip(0)],
            Model::Bm1387 | Model::Bm1366 => vec![Source::HashRate, Source::Errors],
        };
        let sources = sensors.into_iter().chain((0..ZONES).map(Source::Zone));
        let columns = sources
            .map(|source| {
                let (name, unit) = source.column();
                Column {
                    name,
                    unit,
                    values: Vec::new(),
                    source,
                }
            })
            .collect();
        Features {
            model,
            columns,
            errors: None,
        }
    }

    /// Appends the row of one step.
    pub fn push(&mut self, observation: &Observation) {
        let span = observation.ended.since(observation.started).as_secs_f64();
        let rate = |count: f64| (span > 0.0).then(|| count / span);
        let mut counts = [0u32; ZONES];
        for share in &observation.shares {
            counts[zone(self.model, share.nonce)] += 1;
        }
        let telemetry = observation.telemetry.as_ref();
        let board = |slot| telemetry.and_then(|t| t.boards.iter().find(|b| b.slot == slot));
        let errors = telemetry.and_then(|t| t.hardware_errors);
        let new_errors = self.errors.zip(errors);
        self.errors = errors.or(self.errors);
        for column in &mut self.columns {
            column.values.push(match column.source {
                Source::Pcb(slot) => board(slot).and_then(|b| b.pcb_temp).map(|t| t.0),
                Source::Chip(slot) => board(slot).and_then(|b| b.chip_temp).map(|t| t.0),
                Source::Regulator(slot) => board(slot).and_then(|b| b.regulator_temp).map(|t| t.0),
                Source::Power => telemetry.and_then(|t| t.power).map(|p| p.0),
                Source::HashRate => telemetry.and_then(|t| t.hash_rate).map(|h| h.0 * 1e-9),
                Source::Errors => {
                    new_errors.and_then(|(before, now)| rate(now.saturating_sub(before) as f64))
                }
                Source::Zone(zone) => rate(f64::from(counts[zone])),
            });
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

/// Zone of what found a nonce.
fn zone(model: Model, nonce: u32) -> usize {
    let (place, places) = match model {
        Model::AntminerS9 | Model::Bm1387 => {
            (Layout::Bm1387.decode(nonce).chip, s9::CHIPS_PER_BOARD)
        }
        Model::LuckyMinerLv06 | Model::Bm1366 => {
            (Layout::Bm1366.decode(nonce).core, Layout::Bm1366.cores())
        }
        // Nobody has published how its nonces are divided: by the upper bits, as chips of its age do.
        Model::GoldshellLbBox => ((nonce >> 24) as u8, u8::MAX),
    };
    (usize::from(place) * ZONES / usize::from(places)).min(ZONES - 1)
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
            source: Source::Power,
        };
        let features = Features {
            model: Model::AntminerS9,
            errors: None,
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
        let zone = |nonce| zone(Model::AntminerS9, nonce);
        assert_eq!(zone(0x0000_0000), 0);
        assert_eq!(zone(20 << 2), 0);
        assert_eq!(zone(21 << 2), 1);
        assert_eq!(zone(62 << 2), 2);
        assert_eq!(zone(63 << 2), 2, "the one code that no chip has");
    }
}
