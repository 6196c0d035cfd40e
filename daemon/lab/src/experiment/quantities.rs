//! The quantities that a unit may be read by, with their names and units, in groups.

use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use thermine_units::model::Model;
use thermine_units::unit::Telemetry;
use utoipa::ToSchema;

use super::counts::{TIMESCALES, ZONES, places};

/// Groups of columns that a readout may be given.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    VariantArray,
    EnumMessage,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Features)]
#[strum(serialize_all = "kebab-case")]
pub enum Group {
    /// Every temperature that the unit senses.
    Heat,
    /// Power, by the unit's own meter, or one at the wall of a twin.
    Power,
    /// Speed of each fan.
    Fan,
    /// Hash rate over the unit's short window.
    HashRate,
    /// Rate of the chips' wrong answers.
    Errors,
    /// Share rate of each third of a board along the air, or of a single chip's cores.
    Zones,
    /// Share rate in all.
    Shares,
    /// Share rate of each chip, by its place in the chain.
    Chips,
    /// Share rate of each core number, over all chips.
    Cores,
    /// Mean, logarithm of the mean and coefficient of variation of Δt, from one answer to the next.
    Waits,
    /// Δt by octaves of averaging, over 1, 2, 4 and 8 answers: its Allan deviation, and the way it goes within twice
    /// as many (mean Haar detail).
    Timescales,
    /// Change of each temperature since the step before, per second.
    HeatRates,
}

/// A sensor of a temperature, on the board in a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heat {
    Pcb(u8),
    Chip(u8),
    Regulator(u8),
}

/// Where a column's value comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    Heat(Heat),
    HeatRate(Heat),
    Power,
    Fan(usize),
    HashRate,
    Errors,
    Shares,
    Zone(usize),
    Chip(u8),
    Core(u8),
    MeanWait,
    LogWait,
    WaitCv,
    Allan(usize),
    Trend(usize),
}

impl Heat {
    fn name(self) -> String {
        match self {
            Heat::Pcb(slot) => format!("board{slot}.pcb_temp"),
            Heat::Chip(slot) => format!("board{slot}.chip_temp"),
            Heat::Regulator(slot) => format!("board{slot}.regulator_temp"),
        }
    }

    /// What it reads, °C.
    pub(super) fn read(self, telemetry: &Telemetry) -> Option<f64> {
        let board = |slot| telemetry.boards.iter().find(|b| b.slot == slot);
        let celsius = match self {
            Heat::Pcb(slot) => board(slot)?.pcb_temp,
            Heat::Chip(slot) => board(slot)?.chip_temp,
            Heat::Regulator(slot) => board(slot)?.regulator_temp,
        };
        celsius.map(|t| t.0)
    }

    /// Those that a model has.
    fn of(model: Model) -> Vec<Heat> {
        if model.is_bare() {
            return Vec::new();
        }
        let reports = model.entry().reports;
        let sensors = reports.slots.iter().flat_map(|&slot| {
            [
                reports.board_temperature.then_some(Heat::Pcb(slot)),
                Some(Heat::Chip(slot)),
                reports
                    .regulator_temperature
                    .then_some(Heat::Regulator(slot)),
            ]
        });
        sensors.flatten().collect()
    }
}

impl Source {
    /// Name and unit of the column.
    pub(super) fn column(self) -> (String, &'static str) {
        match self {
            Source::Heat(heat) => (heat.name(), "°C"),
            Source::HeatRate(heat) => (format!("{}.rate", heat.name()), "K/s"),
            Source::Power => ("power".into(), "W"),
            Source::Fan(fan) => (format!("fan{fan}"), "rpm"),
            Source::HashRate => ("hash_rate".into(), "GH/s"),
            Source::Errors => ("error_rate".into(), "1/s"),
            Source::Shares => ("share_rate".into(), "1/s"),
            Source::Zone(zone) => (format!("zone{zone}.share_rate"), "1/s"),
            Source::Chip(chip) => (format!("chip{chip}.share_rate"), "1/s"),
            Source::Core(core) => (format!("core{core}.share_rate"), "1/s"),
            Source::MeanWait => ("wait".into(), "s"),
            Source::LogWait => ("log_wait".into(), "1"),
            Source::WaitCv => ("wait_cv".into(), "1"),
            Source::Allan(octave) => (format!("wait.allan{}", 1 << octave), "s"),
            Source::Trend(octave) => (format!("wait.trend{}", 1 << octave), "s"),
        }
    }

    /// What a group has on a unit of `model`.
    pub(super) fn of(group: Group, model: Model) -> Vec<Source> {
        let heat = Heat::of(model).into_iter();
        let (chips, cores) = places(model);
        match group {
            Group::Heat => heat.map(Source::Heat).collect(),
            Group::HeatRates => heat.map(Source::HeatRate).collect(),
            Group::Power => vec![Source::Power],
            Group::Fan => (0..usize::from(model.limits().fans))
                .map(Source::Fan)
                .collect(),
            Group::HashRate => vec![Source::HashRate],
            Group::Errors => vec![Source::Errors],
            Group::Zones => (0..ZONES).map(Source::Zone).collect(),
            Group::Shares => vec![Source::Shares],
            Group::Chips => (0..chips).map(Source::Chip).collect(),
            Group::Cores => (0..cores).map(Source::Core).collect(),
            Group::Waits => vec![Source::MeanWait, Source::LogWait, Source::WaitCv],
            Group::Timescales => (0..TIMESCALES)
                .flat_map(|octave| [Source::Allan(octave), Source::Trend(octave)])
                .collect(),
        }
    }
}
