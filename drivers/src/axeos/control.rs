//! Setting a unit with AxeOS: the firmware checks nothing, so all checks are here.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::client::{ApiError, Client, Unit};
use super::info::{Info, MANUAL_FAN};
use crate::control::{self, Applied, Change, ControlError, Remark};
use thermine_units::model::{Entry, Limits, Model};
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::seed::Rng;
use thermine_units::unit::OperatingPoint;

/// Sets the unit at one address.
#[derive(Debug, Clone)]
pub struct Control {
    unit: Unit,
    model: &'static Entry,
    /// Whether a fan speed that was sent did not read back. The fan is then left to the firmware for good: a
    /// hot unit must not lose its automatic again and again.
    fan_refused: bool,
}

/// Times that a fan which has not reached its new speed is read again, and the wall time between them: the
/// firmware's own loop takes up to two seconds.
const FAN_LOOKS: u32 = 3;
const FAN_PAUSE: Duration = Duration::from_secs(1);

/// Wall time for a setting, and then for the fan's automatic to be switched back on if that failed; with the reading
/// before them less than the interlock's patience.
const SENDING: Duration = Duration::from_secs(6);
const RESCUE: Duration = Duration::from_secs(2);

/// Wall time from the first request on after which a fan is not read again: what is left of [`SENDING`] is enough to
/// switch the automatic on.
const LOOKING: Duration = Duration::from_secs(3);

impl Control {
    /// The LV06 at `addr`, asked through `client`. `rng` spreads repeated requests.
    pub fn new(client: &Client, addr: SocketAddr, rng: Rng) -> Control {
        Control {
            unit: client.unit(addr, rng),
            model: Model::LuckyMinerLv06.entry(),
            fan_refused: false,
        }
    }

    /// As a unit of `model`, with that model's limits and chip.
    pub fn of(self, model: &'static Entry) -> Control {
        Control { model, ..self }
    }

    /// Tells a unit that has shut down for heat that it may be set again. It goes on at the lowest clock and
    /// voltage until it is.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn clear_overheat(&mut self) -> Result<(), ControlError> {
        Ok(self.unit.patch(&json!({"overheat_mode": 0})).await?)
    }

    /// Sends `plan`, and returns what the unit then shows. If the fan does not read back, its automatic is on
    /// again when this returns.
    async fn send(&mut self, plan: &Plan, before: &Info) -> Result<Info, ApiError> {
        let began = Instant::now();
        let mut body = plan.body.clone();
        let Some(fan) = plan.fan.as_ref().filter(|_| !self.fan_refused) else {
            if plan.fan.is_some() {
                body.insert("autofanspeed".to_owned(), json!(1));
            }
            if !body.is_empty() {
                self.unit.patch(&Value::Object(body)).await?;
            }
            return self.unit.info().await;
        };
        // Firmware from 2.11 on shows the stored speed under the name by which it is set, and passes over the
        // older name. Its automatic is switched off only when the speed has been stored.
        if !before.has_manual_fan {
            body.insert("fanspeed".to_owned(), json!(fan.sent));
            body.insert("autofanspeed".to_owned(), json!(0));
            self.unit.patch(&Value::Object(body)).await?;
            let info = self.unit.info().await?;
            return self.judge_fan(fan.is_at(info.point.fan), info).await;
        }
        body.insert(MANUAL_FAN.to_owned(), json!(fan.sent));
        self.unit.patch(&Value::Object(body)).await?;
        let mut info = self.unit.info().await?;
        if !fan.is_at(info.manual_fan) {
            // Some builds show the new name and are set by the old one.
            self.unit.patch(&json!({"fanspeed": fan.sent})).await?;
            info = self.unit.info().await?;
        }
        if !fan.is_at(info.manual_fan) {
            return self.judge_fan(false, info).await;
        }
        if info.automatic_fan != Some(false) {
            self.unit.patch(&json!({"autofanspeed": 0})).await?;
            info = self.unit.info().await?;
        }
        for _ in 0..FAN_LOOKS {
            if fan.turns(&info) || began.elapsed() > LOOKING {
                break;
            }
            tokio::time::sleep(FAN_PAUSE).await;
            info = self.unit.info().await?;
        }
        let is_taken = fan.turns(&info) && fan.is_at(info.manual_fan);
        if is_taken {
            // Where it stands is measured, and differs by some percent.
            info.point.fan = info.manual_fan;
        }
        self.judge_fan(is_taken, info).await
    }

    /// Leaves the fan to the firmware if it has not taken its speed. Returns what the unit then shows.
    async fn judge_fan(&mut self, is_taken: bool, info: Info) -> Result<Info, ApiError> {
        if is_taken && info.automatic_fan != Some(true) {
            return Ok(info);
        }
        self.fan_refused = true;
        if info.automatic_fan == Some(true) {
            return Ok(info);
        }
        self.automatic_fan_on().await?;
        self.unit.info().await
    }

    async fn automatic_fan_on(&mut self) -> Result<(), ApiError> {
        self.unit.patch(&json!({"autofanspeed": 1})).await
    }

    /// Refuses to set another model, and to heat up a unit that has just been too hot.
    fn check(&self, info: &Info, plan: &Plan) -> Result<(), ControlError> {
        let addr = self.unit.addr();
        let Entry { title, chip, .. } = self.model;
        if let Some(asic) = info.asic.as_deref().filter(|asic| Some(*asic) != *chip) {
            return Err(ControlError::Wire(format!(
                "{addr} has a {asic} where a {title} has a {}: its limits are not known, check the address",
                chip.unwrap_or("chip that is not known")
            )));
        }
        if info.overheated == Some(true) && plan.heats(&info.point) {
            return Err(ControlError::Wire(format!(
                "{addr} has shut down for heat: check its fan, let it cool, then clear its overheat mode"
            )));
        }
        Ok(())
    }
}

impl control::Control for Control {
    async fn operating_point(&mut self) -> Result<OperatingPoint, ControlError> {
        Ok(self.unit.info().await?.point)
    }

    async fn set(&mut self, asked: &OperatingPoint) -> Result<Applied, ControlError> {
        let plan = Plan::of(asked, &self.model.limits)?;
        let before = self.unit.info().await?;
        self.check(&before, &plan)?;
        // The interlock gives a setting ten seconds: the automatic must be on again within them.
        let sent = timeout(SENDING, self.send(&plan, &before)).await;
        let sent = sent.map_err(|_| {
            let seconds = SENDING.as_secs();
            ControlError::Wire(format!("the unit was not set within {seconds} s"))
        });
        let info = match sent.and_then(|sent| Ok(sent?)) {
            Ok(info) => info,
            Err(error) => {
                // Whether the speed arrived is not known, so the firmware is to watch the fan.
                if plan.fan.is_some()
                    && !matches!(timeout(RESCUE, self.automatic_fan_on()).await, Ok(Ok(())))
                {
                    tracing::warn!(
                        "cannot switch the fan's automatic back on: check that it turns"
                    );
                }
                return Err(error);
            }
        };
        let mut remarks = plan.remarks.clone();
        remarks.extend(plan.unlike(&info, self.fan_refused));
        Ok(Applied {
            asked: *asked,
            now: info.point,
            remarks,
        })
    }

    async fn restart(&mut self) -> Result<(), ControlError> {
        Ok(self.unit.restart().await?)
    }
}

impl From<ApiError> for ControlError {
    fn from(error: ApiError) -> ControlError {
        ControlError::Wire(error.to_string())
    }
}

/// Differences below this, in units of the wire, are those of arithmetic.
const NOTHING: f64 = 1e-6;

/// What is sent, in the wire's whole units.
#[derive(Debug, Default)]
struct Plan {
    /// MHz.
    frequency: Option<Step>,
    /// mV.
    voltage: Option<Step>,
    /// Percent.
    fan: Option<Step>,
    body: Map<String, Value>,
    remarks: Vec<Remark>,
}

/// One setting: as asked, as text, and as sent, in whole units of the wire.
#[derive(Debug, Clone)]
struct Step {
    asked: String,
    sent: u32,
}

impl Step {
    /// Whether a fan's speed, as a fraction, is the one that was sent in percent.
    fn is_at(&self, fan: Option<f64>) -> bool {
        fan.is_some_and(|fan| (fan * PERCENT.per_asked - f64::from(self.sent)).abs() < 0.5)
    }

    /// Whether the fan stands where it was sent, as well as firmware measures that, and no longer follows the
    /// temperature.
    fn turns(&self, info: &Info) -> bool {
        let near =
            |fan: f64| (fan * PERCENT.per_asked - f64::from(self.sent)).abs() <= NEAR_PERCENT;
        info.automatic_fan != Some(true) && info.point.fan.is_some_and(near)
    }
}

/// How far the measured speed of a fan may be from the one that was sent, in percent of full speed. Assumed.
const NEAR_PERCENT: f64 = 5.0;

impl Plan {
    /// Within `limits`, rounded into them. Refuses what is not finite before anything is sent.
    fn of(asked: &OperatingPoint, limits: &Limits) -> Result<Plan, ControlError> {
        let mut plan = Plan::default();
        if let Some(MegaHertz(f)) = asked.frequency {
            let (MegaHertz(low), MegaHertz(high)) = limits.frequency;
            plan.frequency = Some(plan.step("frequency", f, (low, high), MHZ)?);
        }
        if let Some(Volts(v)) = asked.voltage {
            plan.voltage = match limits.voltage {
                Some((Volts(low), Volts(high))) => {
                    Some(plan.step("voltage", v, (low * 1000.0, high * 1000.0), MILLIVOLTS)?)
                }
                None => plan.unsupported("voltage", format!("{v} V")),
            };
        }
        if let Some(fan) = asked.fan {
            plan.fan = match limits.fan_min {
                Some(low) => Some(plan.step("fan", fan, (low * 100.0, 100.0), PERCENT)?),
                None => plan.unsupported("fan", format!("{fan}")),
            };
        }
        if let Some(mode) = asked.mode {
            plan.unsupported("mode", format!("{mode:?}"));
        }
        let body = &mut plan.body;
        let sent = |step: &Option<Step>| step.as_ref().map(|step| json!(step.sent));
        if let Some(voltage) = sent(&plan.voltage) {
            body.insert("coreVoltage".to_owned(), voltage);
        }
        if let Some(frequency) = sent(&plan.frequency) {
            body.insert("frequency".to_owned(), frequency);
        }
        Ok(plan)
    }

    /// `value` as the wire takes it, with a remark if that is not what was asked.
    fn step(
        &mut self,
        setting: &'static str,
        value: f64,
        (low, high): (f64, f64),
        unit: WireUnit,
    ) -> Result<Step, ControlError> {
        if !value.is_finite() {
            return Err(ControlError::NotFinite(setting));
        }
        let wanted = value * unit.per_asked;
        // Limits that are no whole units are rounded inwards.
        let (low, high) = ((low - NOTHING).ceil(), (high + NOTHING).floor());
        let sent = wanted.round().max(low).min(high);
        let step = Step {
            asked: format!("{} {}", (wanted * 1e6).round() / 1e6, unit.name),
            sent: sent as u32,
        };
        if (sent - wanted).abs() > NOTHING {
            self.remarks.push(Remark {
                setting,
                asked: step.asked.clone(),
                what: Change::Clamped(format!("{sent} {}", unit.name)),
            });
        }
        Ok(step)
    }

    fn unsupported(&mut self, setting: &'static str, asked: String) -> Option<Step> {
        self.remarks.push(Remark {
            setting,
            asked,
            what: Change::Unsupported,
        });
        None
    }

    /// Whether anything would be hotter than at `now`, or cannot be said to be no hotter.
    fn heats(&self, now: &OperatingPoint) -> bool {
        let [frequency, voltage, fan] = in_wire_units(now);
        let sent = |step: &Option<Step>| step.as_ref().map(|step| f64::from(step.sent));
        let above = |sent: f64, now: Option<f64>| now.is_none_or(|now| sent > now + NOTHING);
        sent(&self.frequency).is_some_and(|sent| above(sent, frequency))
            || sent(&self.voltage).is_some_and(|sent| above(sent, voltage))
            || sent(&self.fan).is_some_and(|sent| fan.is_none_or(|fan| sent < fan - NOTHING))
    }

    /// What the unit reads back otherwise than it was sent.
    /// `is_refused` says that the fan was left to the firmware.
    fn unlike(&self, info: &Info, is_refused: bool) -> Vec<Remark> {
        let [frequency, voltage, fan] = in_wire_units(&info.point);
        let rows = [
            ("frequency", &self.frequency, frequency, MHZ),
            ("voltage", &self.voltage, voltage, MILLIVOLTS),
            ("fan", &self.fan, fan, PERCENT),
        ];
        let mut remarks = Vec::new();
        for (setting, step, is, unit) in rows {
            let Some(step) = step else { continue };
            let differs = is.is_none_or(|is| (is - f64::from(step.sent)).abs() > NOTHING);
            let automatic = setting == "fan" && (is_refused || info.automatic_fan == Some(true));
            if !differs && !automatic {
                continue;
            }
            let is = match is {
                Some(_) if automatic => "an automatic speed".to_owned(),
                Some(is) => format!("{is} {}", unit.name),
                None => "nothing".to_owned(),
            };
            remarks.push(Remark {
                setting,
                asked: format!("{} {}", step.sent, unit.name),
                what: Change::ReadBack(is),
            });
        }
        remarks
    }
}

/// Clock in MHz, voltage in mV, fan in percent.
fn in_wire_units(point: &OperatingPoint) -> [Option<f64>; 3] {
    [
        point.frequency.map(|f| f.0 * MHZ.per_asked),
        point.voltage.map(|v| v.0 * MILLIVOLTS.per_asked),
        point.fan.map(|fan| fan * PERCENT.per_asked),
    ]
}

/// A unit of the wire.
#[derive(Debug, Clone, Copy)]
struct WireUnit {
    name: &'static str,
    /// How many make one of what a caller asks in.
    per_asked: f64,
}

const MHZ: WireUnit = WireUnit {
    name: "MHz",
    per_asked: 1.0,
};
const MILLIVOLTS: WireUnit = WireUnit {
    name: "mV",
    per_asked: 1000.0,
};
const PERCENT: WireUnit = WireUnit {
    name: "%",
    per_asked: 100.0,
};
