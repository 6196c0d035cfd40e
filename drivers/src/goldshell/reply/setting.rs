//! `/mcb/setting`: the unit's one object of settings, which is read and written whole.

use serde_json::{Map, Value};

use super::{PowerPlan, Unreadable, object};
use crate::cgminer::reply::fields::Fields;
use thermine_units::quantity::Celsius;
use thermine_units::unit::PowerMode;

/// Plans that are read; the captured units have two.
const MOST_PLANS: usize = 16;

/// The settings as read, unknown ones included, so that they can be written back whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    object: Map<String, Value>,
}

/// One of the plans that a unit offers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What it is for: 0 full rate, 1 low power, 3 sleep; of 2 nothing is known.
    pub(crate) level: Option<u64>,
    /// Clock and voltage.
    pub plan: Option<PowerPlan>,
}

impl Plan {
    /// The mode that the plan's level stands for.
    pub(crate) fn mode(&self) -> Option<PowerMode> {
        match self.level? {
            0 => Some(PowerMode::Normal),
            1 => Some(PowerMode::LowPower),
            3 => Some(PowerMode::Sleep),
            _ => None,
        }
    }
}

impl Setting {
    /// Reads the settings.
    ///
    /// # Errors
    /// If the reply is no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Setting, Unreadable> {
        object(bytes).map(|object| Setting { object })
    }

    /// The settings as they are written back.
    pub fn to_json(&self) -> String {
        Value::Object(self.object.clone()).to_string()
    }

    /// Index of the chosen plan in [`plans`](Setting::plans); it is no level.
    pub fn select(&self) -> Option<usize> {
        usize::try_from(self.fields().count("select")?).ok()
    }

    /// The plans on offer, each in its place.
    pub fn plans(&self) -> Vec<Plan> {
        let list = self.object.get("powerplans").and_then(Value::as_array);
        let list: &[Value] = list.map_or(&[], Vec::as_slice);
        list.iter()
            .take(MOST_PLANS)
            .map(|plan| match plan.as_object() {
                None => Plan::default(),
                Some(row) => Plan {
                    level: Fields(row).count("level"),
                    plan: Fields(row).text("info").and_then(|i| PowerPlan::parse(&i)),
                },
            })
            .collect()
    }

    /// Index of the plan for `mode`, if the unit has one.
    pub(crate) fn plan_for(&self, mode: PowerMode) -> Option<usize> {
        let plans = self.plans();
        plans.iter().position(|plan| plan.mode() == Some(mode))
    }

    /// The chosen plan.
    pub fn selected(&self) -> Option<Plan> {
        self.plans().into_iter().nth(self.select()?)
    }

    /// Whether the plan set by hand is in force instead of the chosen one.
    pub fn manual(&self) -> Option<bool> {
        self.fields().flag("manual")
    }

    /// The plan set by hand, in force or not.
    pub(crate) fn manual_plan(&self) -> Option<PowerPlan> {
        let text = self.fields().text("manualPowerplan")?;
        PowerPlan::parse(&text)
    }

    /// The plan in force.
    pub fn in_force(&self) -> Option<PowerPlan> {
        if self.manual() == Some(true) {
            self.manual_plan()
        } else {
            self.selected()?.plan
        }
    }

    /// The unit's network address, which serves as its name and serial number.
    pub fn serial(&self) -> Option<String> {
        self.fields().text("name")
    }

    /// Temperature that the controller holds by means of the fans. Some models have none.
    pub fn temp_target(&self) -> Option<Celsius> {
        self.fields().number("temp_target").map(Celsius)
    }

    /// Chooses the plan at `index`, and leaves the plan set by hand.
    pub fn choose(&mut self, index: usize) {
        self.object.insert("select".to_owned(), index.into());
        self.object.insert("manual".to_owned(), false.into());
    }

    /// Puts `plan` in force by hand.
    pub fn put_by_hand(&mut self, plan: &PowerPlan) {
        let text = plan.to_string();
        self.object
            .insert("manualPowerplan".to_owned(), text.into());
        self.object.insert("manual".to_owned(), true.into());
    }

    fn fields(&self) -> Fields<'_> {
        Fields(&self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPTURED: &str = r#"{"select":0,"tempcontrol":true,"ledcontrol":true,"manualPowerplan":"",
        "name":"00:11:22:33:44:55","powerplans":[{"level":0,"info":"725 MHz 0.41 V 70 RPM 70 RPM"},
        {"level":3,"info":"0 MHz 0 V 70 RPM 70 RPM"}],"manual":false,"temp_targets":[65.0,75.0],
        "version":"v2.1","temp_target":65}"#;

    #[test]
    fn the_captured_settings_are_read() {
        let setting = Setting::parse(CAPTURED.as_bytes()).expect("readable");
        assert_eq!(setting.select(), Some(0));
        assert_eq!(setting.plan_for(PowerMode::Normal), Some(0));
        assert_eq!(setting.plan_for(PowerMode::LowPower), None);
        assert_eq!(
            setting.plan_for(PowerMode::Sleep),
            Some(1),
            "an index, no level"
        );
        assert_eq!(setting.in_force().map(|plan| plan.frequency.0), Some(725.0));
        assert_eq!(setting.manual_plan(), None);
        assert_eq!(setting.serial().as_deref(), Some("00:11:22:33:44:55"));
        assert_eq!(setting.temp_target(), Some(Celsius(65.0)));
    }

    #[test]
    fn what_is_changed_is_changed_and_nothing_else() {
        let mut setting = Setting::parse(CAPTURED.as_bytes()).expect("readable");
        setting.choose(1);
        assert_eq!(setting.in_force().map(|plan| plan.frequency.0), Some(0.0));
        let by_hand = PowerPlan::parse("600 MHz 0.4 V 70 RPM 70 RPM").expect("a plan");
        setting.put_by_hand(&by_hand);
        assert_eq!(setting.in_force(), Some(by_hand));
        let Value::Object(mut written) = serde_json::from_str(&setting.to_json()).expect("JSON")
        else {
            panic!("no object")
        };
        let Value::Object(mut read) = serde_json::from_str(CAPTURED).expect("JSON") else {
            panic!("no object")
        };
        for key in ["select", "manual", "manualPowerplan"] {
            assert!(written.remove(key).is_some() && read.remove(key).is_some());
        }
        assert_eq!(written, read);
    }

    #[test]
    fn settings_of_the_wrong_type_are_missing() {
        let setting = Setting::parse(
            br#"{"select":-1,"powerplans":[7,{"level":"x","info":3}],"manual":1,"name":[]}"#,
        )
        .expect("readable");
        assert_eq!(setting.select(), None);
        assert_eq!(setting.plans(), [Plan::default(), Plan::default()]);
        assert_eq!((setting.manual(), setting.serial()), (None, None));
        assert_eq!(setting.in_force(), None);
        assert!(Setting::parse(b"[]").is_err());
    }
}
