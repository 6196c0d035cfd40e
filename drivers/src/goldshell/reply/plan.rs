//! A power plan as the firmware writes it: `725 MHz 0.41 V 70 RPM 70 RPM`.

use std::fmt;

use thermine_units::quantity::{MegaHertz, Volts};

/// Longest text that is taken for a plan.
const LONGEST: usize = 128;

/// Clock and voltage, and what else the text says.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerPlan {
    /// Chip clock; 0 stands still.
    pub frequency: MegaHertz,
    /// Core voltage; 0 with the clock at 0.
    pub voltage: Volts,
    /// The rest as it stands: fan speeds, which the controller ignores, and on some models `PV n`.
    pub(crate) rest: String,
}

impl PowerPlan {
    /// Reads a plan. `None` unless it begins with a clock in `MHz` and a voltage in `V`, both finite and not
    /// negative.
    ///
    /// ```
    /// use thermine_drivers::goldshell::reply::PowerPlan;
    /// let plan = PowerPlan::parse("725 MHz 0.41 V 70 RPM 70 RPM PV 3").expect("a plan");
    /// assert_eq!((plan.frequency.0, plan.voltage.0), (725.0, 0.41));
    /// assert_eq!(plan.to_string(), "725 MHz 0.41 V 70 RPM 70 RPM PV 3");
    /// ```
    pub fn parse(text: &str) -> Option<PowerPlan> {
        if text.len() > LONGEST {
            return None;
        }
        let mut words = text.split_whitespace();
        let mut quantity = |unit: &str| {
            let number: f64 = words.next()?.parse().ok()?;
            let named = words.next()?.eq_ignore_ascii_case(unit);
            (named && number.is_finite() && number >= 0.0).then_some(number)
        };
        let frequency = MegaHertz(quantity("MHz")?);
        let voltage = Volts(quantity("V")?);
        let rest: Vec<&str> = words.collect();
        Some(PowerPlan {
            frequency,
            voltage,
            rest: rest.join(" "),
        })
    }
}

impl fmt::Display for PowerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.frequency, self.voltage)?;
        if self.rest.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_begins_with_clock_and_voltage() {
        let sleep = PowerPlan::parse("0 MHz 0 V 70 RPM 70 RPM").expect("a plan");
        assert_eq!((sleep.frequency.0, sleep.voltage.0), (0.0, 0.0));
        assert_eq!(sleep.rest, "70 RPM 70 RPM");
        let bare = PowerPlan::parse(" 600  MHz 0.4 V ").expect("a plan");
        assert_eq!(bare.to_string(), "600 MHz 0.4 V");
        for text in [
            "",
            "725",
            "725 MHz",
            "725 V 0.41 MHz",
            "-1 MHz 0.41 V",
            "inf MHz 0.41 V",
            "NaN MHz 0 V",
            "725MHz 0.41V",
        ] {
            assert_eq!(PowerPlan::parse(text), None, "{text}");
        }
    }
}
