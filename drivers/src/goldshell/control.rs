//! A unit's HTTP interface as a way to set it.

use super::client::Client;
use super::error::{Failure, HttpError};
use super::reply::{PowerPlan, Setting};
use crate::control::{self, Applied, Change, ControlError, Remark};
use thermine_units::model::{Entry, Limits, Model};
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::unit::{OperatingPoint, PowerMode};

const SETTING: &str = "/mcb/setting";
const RESTART: &str = "/mcb/restart";

/// Steps of clock (MHz) and voltage (V): the captured plans have no finer digits.
const STEPS: (f64, f64) = (1.0, 0.01);

/// Sets one unit.
///
/// A mode is one of the unit's own power plans. A clock or a voltage is put in force by hand, beside the
/// plans, and what is not asked for is taken over from the plan in force. Asked for both, the unit
/// takes the plan and the clock by hand over it, except for [`PowerMode::Sleep`], which leaves nothing
/// else in force. The fans cannot be set: the controller drives them by itself.
///
/// Every write makes the controller restart its fans, so nothing is written that is already so.
#[derive(Debug, Clone)]
pub struct Control {
    client: Client,
    limits: &'static Limits,
}

impl Control {
    /// The unit behind `client`.
    pub fn new(client: Client) -> Control {
        Control {
            client,
            limits: Model::GoldshellLbBox.limits(),
        }
    }

    /// As a unit of `model`, with that model's limits.
    pub fn of(self, model: &'static Entry) -> Control {
        Control {
            limits: &model.limits,
            ..self
        }
    }

    async fn setting(&self) -> Result<Setting, HttpError> {
        self.client.read(SETTING, &[], Setting::parse).await
    }
}

impl control::Control for Control {
    async fn operating_point(&mut self) -> Result<OperatingPoint, ControlError> {
        Ok(point(&self.setting().await?))
    }

    async fn set(&mut self, asked: &OperatingPoint) -> Result<Applied, ControlError> {
        let before = self.setting().await?;
        let change = plan_change(&before, asked, self.limits)?;
        let mut after = before.clone();
        if change.wanted != before {
            let body = change.wanted.to_json().into_bytes();
            match self.client.put(SETTING, body).await {
                Ok(_) => after = self.setting().await?,
                // The unit may have obeyed all the same.
                Err(error) if is_uncertain(&error) => {
                    after = self.setting().await?;
                    if after == before {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut remarks = change.remarks;
        compare(&change.sent, asked, &after, &mut remarks);
        Ok(Applied {
            asked: *asked,
            now: point(&after),
            remarks,
        })
    }

    async fn restart(&mut self) -> Result<(), ControlError> {
        match self.client.put(RESTART, Vec::new()).await {
            Ok(_) => Ok(()),
            // The controller may be gone before it has answered.
            Err(error) if matches!(error.failure, Failure::Broken(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a write may have been heeded although it failed.
fn is_uncertain(error: &HttpError) -> bool {
    matches!(error.failure, Failure::Broken(_) | Failure::TimedOut(_))
}

/// Where a unit with this setting runs. The mode is that of the plan in force; a clock set by hand is none
/// of them, but one of 0 is sleep.
fn point(setting: &Setting) -> OperatingPoint {
    let plan = setting.in_force();
    let stands = plan.as_ref().is_some_and(|plan| plan.frequency.0 == 0.0);
    let mode = match setting.manual() {
        Some(true) => stands.then_some(PowerMode::Sleep),
        _ => setting.selected().and_then(|plan| plan.mode()),
    };
    OperatingPoint {
        frequency: plan.as_ref().map(|plan| plan.frequency),
        voltage: plan.as_ref().map(|plan| plan.voltage),
        mode,
        ..OperatingPoint::UNCHANGED
    }
}

/// What is to be written for a wish, and what became of the wish on the way.
struct Planned {
    wanted: Setting,
    sent: OperatingPoint,
    remarks: Vec<Remark>,
}

fn plan_change(
    before: &Setting,
    asked: &OperatingPoint,
    limits: &Limits,
) -> Result<Planned, ControlError> {
    let mut planned = Planned {
        wanted: before.clone(),
        sent: OperatingPoint::default(),
        remarks: Vec::new(),
    };
    if let Some(fan) = asked.fan {
        planned.remark("fan", format!("{fan}"), Change::Unsupported);
    }
    if let Some(mode) = asked.mode {
        match before.plan_for(mode) {
            Some(index) => {
                planned.wanted.choose(index);
                planned.sent.mode = Some(mode);
            }
            None => planned.remark("mode", name(mode), Change::Unsupported),
        }
    }
    let asleep = planned.sent.mode == Some(PowerMode::Sleep);
    let frequency = planned.bring("frequency", asked.frequency, limits.frequency, asleep);
    let voltage = match limits.voltage {
        Some(bounds) => planned.bring("voltage", asked.voltage, bounds, asleep),
        None => {
            if let Some(voltage) = asked.voltage {
                planned.remark("voltage", voltage.to_string(), Change::Unsupported);
            }
            None
        }
    };
    if frequency.is_none() && voltage.is_none() {
        return Ok(planned);
    }
    let by_hand = by_hand(&planned.wanted, frequency, voltage)?;
    planned.wanted.put_by_hand(&by_hand);
    planned.sent.frequency = frequency;
    planned.sent.voltage = voltage;
    Ok(planned)
}

/// The plan in force with `frequency` and `voltage` in place of its own. A unit that stands still has no
/// voltage to take over; that of its normal plan is taken instead.
fn by_hand(
    setting: &Setting,
    frequency: Option<MegaHertz>,
    voltage: Option<Volts>,
) -> Result<PowerPlan, ControlError> {
    let in_force = setting.in_force();
    let normal = setting
        .plan_for(PowerMode::Normal)
        .and_then(|index| setting.plans().into_iter().nth(index)?.plan);
    let Some(base) = in_force.or_else(|| normal.clone()) else {
        return Err(ControlError::Wire(
            "the unit's settings name no plan in force; choose one on its web page".to_owned(),
        ));
    };
    let frequency = frequency.unwrap_or(base.frequency);
    let live = |volts: &Volts| volts.0 > 0.0;
    let voltage = voltage
        .or(Some(base.voltage).filter(live))
        .or(normal.map(|plan| plan.voltage).filter(live))
        .or(Some(base.voltage).filter(|_| frequency.0 == 0.0))
        .ok_or_else(|| {
            ControlError::Wire(
                "the unit stands without voltage and has no normal plan: ask for a voltage too"
                    .to_owned(),
            )
        })?;
    Ok(PowerPlan {
        frequency,
        voltage,
        rest: base.rest,
    })
}

impl Planned {
    fn remark(&mut self, setting: &'static str, asked: String, what: Change) {
        self.remarks.push(Remark {
            setting,
            asked,
            what,
        });
    }

    /// `asked` within `bounds` and at a whole step, remarking on the difference. `None` is left as it is.
    fn bring<Q: Quantity>(
        &mut self,
        setting: &'static str,
        asked: Option<Q>,
        bounds: (Q, Q),
        asleep: bool,
    ) -> Option<Q> {
        let asked = asked?;
        if asleep {
            let what = Change::Clamped("the sleep plan's".to_owned());
            self.remark(setting, asked.to_string(), what);
            return None;
        }
        if asked.value().is_nan() {
            let what = Change::Clamped("nothing".to_owned());
            self.remark(setting, asked.to_string(), what);
            return None;
        }
        let within = asked.value().clamp(bounds.0.value(), bounds.1.value());
        let steps = (within / Q::STEP).round();
        // Divided rather than multiplied, so that 0.41 prints as 0.41.
        let sent = Q::of(steps / (1.0 / Q::STEP).round());
        if (sent.value() - asked.value()).abs() > 1e-9 {
            self.remark(
                setting,
                asked.to_string(),
                Change::Clamped(sent.to_string()),
            );
        }
        Some(sent)
    }
}

/// A number with a unit and a step.
trait Quantity: Copy + std::fmt::Display {
    const STEP: f64;
    fn value(self) -> f64;
    fn of(value: f64) -> Self;
}

impl Quantity for MegaHertz {
    const STEP: f64 = STEPS.0;
    fn value(self) -> f64 {
        self.0
    }
    fn of(value: f64) -> MegaHertz {
        MegaHertz(value)
    }
}

impl Quantity for Volts {
    const STEP: f64 = STEPS.1;
    fn value(self) -> f64 {
        self.0
    }
    fn of(value: f64) -> Volts {
        Volts(value)
    }
}

/// Remarks on what was sent and reads back otherwise.
fn compare(
    sent: &OperatingPoint,
    asked: &OperatingPoint,
    after: &Setting,
    remarks: &mut Vec<Remark>,
) {
    let now = point(after);
    let shown = |text: Option<String>| text.unwrap_or_else(|| "nothing".to_owned());
    let mut differs = |setting, asked: Option<String>, is: Option<String>| {
        remarks.push(Remark {
            setting,
            asked: shown(asked),
            what: Change::ReadBack(shown(is)),
        });
    };
    if sent.frequency.is_some() && now.frequency != sent.frequency {
        let text = |f: Option<MegaHertz>| f.map(|f| f.to_string());
        differs("frequency", text(asked.frequency), text(now.frequency));
    }
    if sent.voltage.is_some() && now.voltage != sent.voltage {
        let text = |v: Option<Volts>| v.map(|v| v.to_string());
        differs("voltage", text(asked.voltage), text(now.voltage));
    }
    // A clock by hand lies over the plan, so it is the choice that is compared; but a plan that was asked
    // for alone must not lie under a clock by hand.
    let by_hand = sent.frequency.is_some() || sent.voltage.is_some();
    let chosen = match after.manual() {
        Some(true) if !by_hand => None,
        _ => after.selected().and_then(|plan| plan.mode()),
    };
    if sent.mode.is_some() && chosen != sent.mode {
        differs("mode", sent.mode.map(name), chosen.map(name));
    }
}

fn name(mode: PowerMode) -> String {
    match mode {
        PowerMode::Normal => "normal",
        PowerMode::LowPower => "low power",
        PowerMode::Sleep => "sleep",
    }
    .to_owned()
}
