//! The settings of a simulated Box: one object, written whole, that says where the chips run.

use serde_json::{Map, Value, json};

use super::firmware::Firmware;
use crate::Params;
use thermine_drivers::goldshell::reply::PowerPlan;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::unit::OperatingPoint;

/// Keys that a write does not change. Assumed.
const FIXED: [&str; 4] = ["name", "powerplans", "temp_targets", "version"];

/// The object, and the bounds of what it can ask of the chips.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    object: Map<String, Value>,
    highest_mhz: f64,
    highest_v: f64,
}

impl Setting {
    /// As delivered: the first plan.
    pub(super) fn new(firmware: &Firmware, params: &Params) -> Setting {
        let plans: Vec<Value> = firmware
            .plans
            .iter()
            .map(|(level, info)| json!({"level": level, "info": info}))
            .collect();
        let by_hand = firmware.plans.first().map_or("", |(_, info)| info);
        let object = json!({
            "select": 0,
            "tempcontrol": true,
            "ledcontrol": true,
            "manualPowerplan": by_hand,
            "name": firmware.mac,
            "powerplans": plans,
            "manual": false,
            "temp_targets": [65.0, 75.0],
            "version": "v2.1",
            "temp_target": 65,
        });
        Setting {
            object: match object {
                Value::Object(object) => object,
                _ => Map::new(),
            },
            highest_mhz: params.frequency_max_mhz,
            highest_v: params.voltage_max_v,
        }
    }

    pub(super) fn to_json(&self) -> String {
        Value::Object(self.object.clone()).to_string()
    }

    /// Takes a whole new object. The plan by hand is brought within what the chips can do, and the target
    /// temperature within its bounds. `None` if it is no settings object: then all stays as it was.
    pub(super) fn replace(&mut self, body: &[u8]) -> Option<()> {
        let Value::Object(mut object) = serde_json::from_slice(body).ok()? else {
            return None;
        };
        for key in FIXED {
            match self.object.get(key) {
                Some(value) => object.insert(key.to_owned(), value.clone()),
                None => object.remove(key),
            };
        }
        if let Some(target) = object.get("temp_target").and_then(Value::as_f64) {
            object.insert("temp_target".to_owned(), json!(target.clamp(65.0, 75.0)));
        }
        let by_hand = object.get("manualPowerplan").and_then(Value::as_str);
        if let Some(mut plan) = by_hand.and_then(PowerPlan::parse) {
            plan.frequency.0 = plan.frequency.0.min(self.highest_mhz);
            plan.voltage.0 = plan.voltage.0.min(self.highest_v);
            object.insert("manualPowerplan".to_owned(), plan.to_string().into());
        }
        let after = Setting {
            object,
            ..self.clone()
        };
        after.in_force()?;
        *self = after;
        Some(())
    }

    /// The plan in force.
    pub(super) fn in_force(&self) -> Option<PowerPlan> {
        if self.object.get("manual")? == true {
            return PowerPlan::parse(self.object.get("manualPowerplan")?.as_str()?);
        }
        let select = usize::try_from(self.object.get("select")?.as_u64()?).ok()?;
        let plan = self.object.get("powerplans")?.get(select)?;
        PowerPlan::parse(plan.get("info")?.as_str()?)
    }

    /// Where the chips are to run. The fans' speeds in the plan are ignored, as by a real controller.
    pub(super) fn point(&self) -> OperatingPoint {
        let plan = self.in_force();
        OperatingPoint {
            frequency: plan.as_ref().map(|plan| MegaHertz(plan.frequency.0)),
            voltage: plan.as_ref().map(|plan| Volts(plan.voltage.0)),
            ..OperatingPoint::UNCHANGED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> Setting {
        Setting::new(&Firmware::default(), &Params::lb_box())
    }

    fn with(change: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
        let mut object = setting().object;
        change(&mut object);
        Value::Object(object).to_string().into_bytes()
    }

    #[test]
    fn a_plan_is_chosen_by_its_index() {
        let mut setting = setting();
        assert_eq!(setting.point().frequency, Some(MegaHertz(750.0)));
        let body = with(|object| {
            object.insert("select".to_owned(), json!(1));
        });
        setting.replace(&body).expect("taken");
        assert_eq!(setting.point().frequency, Some(MegaHertz(0.0)));
    }

    #[test]
    fn a_plan_by_hand_is_brought_within_bounds_and_nonsense_is_refused() {
        let mut setting = setting();
        let by_hand = |text: &str| {
            with(|object| {
                object.insert("manual".to_owned(), json!(true));
                object.insert("manualPowerplan".to_owned(), json!(text));
                object.insert("temp_target".to_owned(), json!(99));
                object.insert("name".to_owned(), json!("mine"));
            })
        };
        setting
            .replace(&by_hand("9000 MHz 3 V 70 RPM 70 RPM"))
            .expect("taken");
        assert_eq!(
            setting.object["manualPowerplan"],
            "850 MHz 0.45 V 70 RPM 70 RPM"
        );
        assert_eq!(setting.object["temp_target"], 75.0);
        assert_eq!(setting.object["name"], Firmware::default().mac);
        let before = setting.to_json();
        for body in [
            by_hand("fast"),
            b"[]".to_vec(),
            b"{".to_vec(),
            b"{}".to_vec(),
        ] {
            assert_eq!(setting.replace(&body), None);
        }
        assert_eq!(setting.to_json(), before);
    }
}
