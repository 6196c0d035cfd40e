//! Whether a table of parameters describes a unit.

use super::silicon::BadSilicon;
use super::table::Params;

/// A table that describes no unit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadParam {
    /// A number out of its range.
    #[error("parameter {name}: {value} is not {wanted}")]
    Value {
        /// Name of the parameter.
        name: &'static str,
        /// The value that was given.
        value: f64,
        /// What it should be.
        wanted: &'static str,
    },
    /// An assumption that no unit can have.
    #[error("{0} describes no unit: a count must be a whole number")]
    Assumed(String),
    /// Chips or cores that the unit has not.
    #[error(transparent)]
    Silicon(#[from] BadSilicon),
}

impl Params {
    /// Whether the numbers describe a unit that can be integrated.
    ///
    /// # Errors
    /// Names the first parameter that is out of its range.
    pub fn check(&self) -> Result<(), BadParam> {
        let counts = [
            ("boards", self.boards),
            ("columns", self.columns),
            ("chips", self.chips),
        ];
        for (name, value) in counts {
            // A find names its board and its chip in a byte each.
            require(name, value as f64, "a count from 1 to 64", |v| {
                (1.0..=64.0).contains(&v)
            })?;
        }
        require(
            "chips",
            (self.columns * self.chips) as f64,
            "at most 256 a board",
            |v| v <= 256.0,
        )?;
        self.check_positive()?;
        self.check_not_negative()?;
        self.check_within()?;
        for (name, value, most) in self.spread.figures() {
            require(name, value, "within its limits", |v| {
                (0.0..=most).contains(&v)
            })?;
        }
        // The die is the fastest node: beyond its time constant an Euler step overshoots.
        let die_time = self.die_j_k * self.die_sink_k_w;
        require("tick_s", self.tick_s, "shorter than the die's time", |v| {
            v < 0.7 * die_time
        })?;
        Ok(self.silicon.check(self.chip_count(), self.layout.cores())?)
    }

    /// What must be above zero.
    fn check_positive(&self) -> Result<(), BadParam> {
        let positive = [
            ("hashes_per_cycle", self.hashes_per_cycle),
            ("frequency_step_mhz", self.frequency_step_mhz),
            ("voltage_v", self.voltage_v),
            ("reference_v", self.reference_v),
            ("fan_min", self.fan_min),
            ("fan_lag_s", self.fan_lag_s),
            ("switched_f", self.switched_f),
            ("leakage_w", self.leakage_w),
            ("leakage_fold_k", self.leakage_fold_k),
            ("die_j_k", self.die_j_k),
            ("die_sink_k_w", self.die_sink_k_w),
            ("sink_j_k", self.sink_j_k),
            ("sink_air_k_w", self.sink_air_k_w),
            ("pcb_j_k", self.pcb_j_k),
            ("regulator_j_k", self.regulator_j_k),
            ("regulator_k_w", self.regulator_k_w),
            ("air_w_k", self.air_w_k),
            ("ambient_time_s", self.ambient_time_s),
            ("fmax_mhz", self.fmax_mhz),
            ("error_width", self.error_width),
            ("difficulty_floor", self.difficulty_floor),
            ("work_cycles", self.work_cycles),
            ("sensor_period_s", self.sensor_period_s),
            ("temperature_step_k", self.temperature_step_k),
            ("power_step_w", self.power_step_w),
            ("fan_step_rpm", self.fan_step_rpm),
            ("answer_difficulty", self.answer_difficulty),
            ("tick_s", self.tick_s),
        ];
        for (name, value) in positive {
            require(name, value, "positive and finite", |v| {
                v > 0.0 && v.is_finite()
            })?;
        }
        Ok(())
    }

    /// What may be zero.
    fn check_not_negative(&self) -> Result<(), BadParam> {
        let not_negative = [
            // A unit that can be put to sleep stands still, without voltage.
            ("frequency_min_mhz", self.frequency_min_mhz),
            ("voltage_min_v", self.voltage_min_v),
            ("regulator_loss", self.regulator_loss),
            ("sink_sink_w_k", self.sink_sink_w_k),
            ("sink_pcb_w_k", self.sink_pcb_w_k),
            ("pcb_air_w_k", self.pcb_air_w_k),
            ("pcb_pcb_w_k", self.pcb_pcb_w_k),
            ("ambient_sd_k", self.ambient_sd_k),
            ("fmax_spread", self.fmax_spread),
            ("fan_full_rpm", self.fan_full_rpm),
            ("switch_min_s", self.switch_min_s),
            ("old_work_s", self.old_work_s),
            ("old_work_max_s", self.old_work_max_s),
            ("queue_min_s", self.queue_min_s),
            ("queue_max_s", self.queue_max_s),
            ("resume_s", self.resume_s),
            ("resumed_s", self.resumed_s),
            ("interrupted_s", self.interrupted_s),
            ("copy_min_s", self.copy_min_s),
            ("temperature_noise_k", self.temperature_noise_k),
            ("power_noise_w", self.power_noise_w),
        ];
        for (name, value) in not_negative {
            require(name, value, "finite and not negative", |v| {
                v >= 0.0 && v.is_finite()
            })?;
        }
        Ok(())
    }

    /// What stands between two limits.
    fn check_within(&self) -> Result<(), BadParam> {
        let within = [
            (
                "frequency_mhz",
                self.frequency_mhz,
                self.frequency_min_mhz,
                self.frequency_max_mhz,
            ),
            (
                "voltage_v",
                self.voltage_v,
                self.voltage_min_v,
                self.voltage_max_v,
            ),
            ("fan", self.fan, self.fan_min, 1.0),
            ("idle", self.idle, 0.0, 1.0),
            ("copy_probability", self.copy_probability, 0.0, 1.0),
            ("fmax_spread", self.fmax_spread, 0.0, 0.2),
            ("ambient_c", self.ambient_c, -40.0, 60.0),
            ("release_c", self.release_c, self.ambient_c, self.trip_c),
            ("trip_c", self.trip_c, self.release_c, 200.0),
            ("switch_max_s", self.switch_max_s, self.switch_min_s, 1.0),
            ("copy_max_s", self.copy_max_s, self.copy_min_s, 1.0),
            ("old_work_max_s", self.old_work_max_s, 0.0, 1.0),
        ];
        for (name, value, low, high) in within {
            require(name, value, "within its limits", |v| {
                (low..=high).contains(&v)
            })?;
        }
        Ok(())
    }
}

/// `Err` that names the parameter unless `fits`.
fn require(
    name: &'static str,
    value: f64,
    wanted: &'static str,
    fits: impl Fn(f64) -> bool,
) -> Result<(), BadParam> {
    if fits(value) {
        Ok(())
    } else {
        Err(BadParam::Value {
            name,
            value,
            wanted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sound_and_can_be_written_and_read() {
        for params in [Params::s9(), Params::lv06(), Params::lb_box()] {
            params.check().expect("sound");
            let text = serde_json::to_string(&params).expect("json");
            let read: Params = serde_json::from_str(&text).expect("params");
            assert_eq!(read.columns, params.columns);
            assert_eq!(read.regulator_heats, params.regulator_heats);
            read.check().expect("still sound");
        }
        let partial: Params = serde_json::from_str(r#"{"ambient_c": 30}"#).expect("partial");
        assert_eq!(
            partial,
            Params {
                ambient_c: 30.0,
                ..Params::s9()
            }
        );
        assert!(serde_json::from_str::<Params>(r#"{"ambient": 30}"#).is_err());
    }

    #[test]
    fn nonsense_is_named() {
        let bad = Params {
            tick_s: 0.5,
            ..Params::s9()
        };
        assert_eq!(
            bad.check().expect_err("unstable").to_string(),
            "parameter tick_s: 0.5 is not shorter than the die's time"
        );
        let bad = Params {
            fan: f64::NAN,
            ..Params::s9()
        };
        assert!(bad.check().is_err());
    }
}
