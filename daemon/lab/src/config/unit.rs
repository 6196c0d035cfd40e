//! Configuration of one unit and the steps that it is driven with.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::substrate::Pace;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thermine_drivers::interlock::{Enforced, Tightening, TighteningError};
use thermine_sim::{Params, Silicon, Spread};
use thermine_stratum::arrivals::MOST_UNAUTHORISED;
use thermine_units::clock::Clock;
use thermine_units::model::Model;
use thermine_units::params::{Assumed, BadParam};
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::unit::{OperatingPoint, PowerMode};

use super::error::{ConfigError, read};
use super::key::File;

/// The simulated unit of `model` that stands for it when no file is named: its file's name and text.
pub(super) fn simulated(model: Model) -> (&'static str, &'static str) {
    let example = model.entry().example;
    (example.path, example.text)
}

/// A unit, how it is reached, and how it is driven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The unit: its name, its model, and whether it is simulated.
    pub unit: Unit,
    /// Where it gets its work; bare chips have none.
    pub stratum: Option<Stratum>,
    /// Where its sensors are read; bare chips have none.
    pub api: Option<Api>,
    /// The line that bare chips are on.
    pub serial: Option<Serial>,
    /// Where it runs during a run. It is written under its older name, so that the fingerprint of a configuration stays
    /// what it was.
    #[serde(
        default,
        rename(serialize = "point", deserialize = "operating_point"),
        alias = "point"
    )]
    pub point: Point,
    /// Where the interlock is to be stricter than the model demands.
    #[serde(default)]
    pub(crate) interlock: Tightening,
    /// What a step is.
    pub step: Step,
}

/// How a unit is reached.
#[derive(Debug, Clone, Copy)]
pub enum Wires<'a> {
    /// It connects to our Stratum server, and has a control interface.
    Network {
        /// The server that gives the unit its work.
        stratum: &'a Stratum,
        /// The interface that its sensors are read by.
        api: &'a Api,
    },
    /// Bare chips on a serial line.
    Serial(&'a Serial),
}

/// Name and model of a unit, and how the program plays it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Name in messages and reports.
    pub name: String,
    /// Model, which decides its limits and wires.
    pub model: Model,
    /// Time that it is given to come back when its connection breaks, in seconds of the unit's time; 0 ends the run.
    #[serde(default = "reconnect_seconds")]
    pub(crate) reconnect_seconds: f64,
    /// Whether its fans report no speed, so that none is expected to turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) without_tachometer: bool,
    /// Set if the program plays the unit itself.
    pub simulated: Option<Simulated>,
}

/// Long enough for a restart of an S9's miner or a Wi-Fi that blinks.
fn reconnect_seconds() -> f64 {
    120.0
}

/// How the program plays a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulated {
    /// Seconds of the unit's time per second of wall time; without it time is virtual, and runs as fast
    /// as both ends of the wire can.
    pub speed: Option<f64>,
    /// Factor on the difficulty at which its shares are really hashed.
    pub(crate) difficulty_scale: f64,
    /// Chip clock that it starts with, in MHz; without it the model's. For units that no wire can set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frequency_mhz: Option<f64>,
    /// Core voltage that it starts with, in V (S9: of one domain); without it the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) voltage_v: Option<f64>,
    /// Fan speed that it starts with, fraction of full speed; without it the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fan: Option<f64>,
    /// Chips that are weak, dead or have dead cores; without it all are alike.
    #[serde(default, skip_serializing_if = "Silicon::is_sound")]
    pub(crate) silicon: Silicon,
    /// Which unit of its model it is and how those differ; without it all are the same but for their chips' speeds.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) spread: Spread,
    /// Parameters of its physics that are assumed otherwise than its model does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) assume: Vec<Assumed>,
}

fn is_none(spread: &Spread) -> bool {
    *spread == Spread::default()
}

impl Simulated {
    /// The physics of this unit, one of `model`.
    ///
    /// # Errors
    /// If what is assumed describes no unit.
    pub(crate) fn params(&self, model: Params) -> Result<Params, BadParam> {
        let params = Params {
            frequency_mhz: self.frequency_mhz.unwrap_or(model.frequency_mhz),
            voltage_v: self.voltage_v.unwrap_or(model.voltage_v),
            fan: self.fan.unwrap_or(model.fan),
            silicon: self.silicon.clone(),
            spread: self.spread.clone(),
            ..model
        };
        params.assuming(&self.assume)
    }
}

/// Our Stratum server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratum {
    /// Address that it listens on.
    pub(crate) listen: SocketAddr,
    /// Worker name that the unit authorises with; `*` for any.
    pub worker: String,
    /// Address that the unit's connection comes from, if that is not the address of its API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connects_from: Option<IpAddr>,
    /// Wall time that the unit is given to connect, in seconds.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout_seconds: f64,
    /// Connections to `listen` that have not authorised yet, at most. Units that share it name the same.
    #[serde(
        default = "default_max_unauthorised",
        skip_serializing_if = "is_default_max_unauthorised"
    )]
    pub(crate) max_unauthorised: usize,
}

fn default_max_unauthorised() -> usize {
    MOST_UNAUTHORISED
}

/// Not written then, so that the fingerprint of a configuration without it stays what it was.
fn is_default_max_unauthorised(most: &usize) -> bool {
    *most == MOST_UNAUTHORISED
}

fn default_connect_timeout() -> f64 {
    30.0
}

/// The unit's control interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Its address: of the cgminer API of an S9, of the web server of the others.
    pub address: SocketAddr,
    /// Time between two readings, in seconds of the unit's time.
    pub poll_seconds: f64,
    /// Environment variable that holds the password of the web page, on models that ask for one; without
    /// it the maker's own is tried. The password itself stands in no file of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_env: Option<String>,
    /// Address of a second interface, the cgminer API of an LB-Box, read where the first fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cgminer: Option<SocketAddr>,
}

/// Where a unit runs during a run; what is missing stays as it is. When the run ends the interlock sets the
/// unit to its model's safe point, so a unit that can be set should have its point here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Point {
    /// Chip clock in MHz.
    pub frequency_mhz: Option<f64>,
    /// Core voltage in V.
    pub(crate) voltage_v: Option<f64>,
    /// Fan speed, 0 to 1.
    pub(crate) fan: Option<f64>,
    /// Power plan, of models that have some.
    pub(crate) mode: Option<PowerMode>,
}

impl Point {
    /// As the drivers want it.
    pub fn operating_point(&self) -> OperatingPoint {
        OperatingPoint {
            frequency: self.frequency_mhz.map(MegaHertz),
            voltage: self.voltage_v.map(Volts),
            fan: self.fan,
            mode: self.mode,
            boards: None,
        }
    }
}

/// The serial line of bare chips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// Device file of the port; ignored for a simulated chain, which makes its own.
    pub(crate) port: PathBuf,
    /// Chips in the chain.
    pub chips: u8,
    /// Clock that they are ramped to, in MHz.
    pub frequency_mhz: f64,
    /// Difficulty from which the chips report a nonce, a power of two.
    pub(crate) ticket_difficulty: u32,
    /// Must be `true`: whoever writes it has seen that this line tells no temperature, that no interlock can
    /// watch these chips, and that they are to be watched by other means.
    #[serde(
        rename(serialize = "unsensed", deserialize = "without_temperature_sensor"),
        alias = "unsensed"
    )]
    pub(crate) without_temperature_sensor: bool,
}

/// A step of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Shortest length, in seconds of the unit's time.
    pub hold_seconds: f64,
    /// Answers that it needs.
    pub(crate) shares: u32,
    /// Longest length, in seconds of the unit's time.
    pub timeout_seconds: f64,
    /// Share difficulty.
    pub difficulty: Difficulty,
    /// Duty at the largest input.
    pub(crate) duty_min: f64,
}

impl Step {
    /// The pace of the handshake.
    pub fn pace(&self) -> Pace {
        Pace {
            shares: self.shares,
            hold: Duration::from_secs_f64(self.hold_seconds),
            timeout: Duration::from_secs_f64(self.timeout_seconds),
        }
    }
}

impl Config {
    /// What the unit's interlock enforces.
    ///
    /// # Errors
    /// If the configuration is laxer than the model.
    pub fn enforced(&self) -> Result<Enforced, TighteningError> {
        let limits = Enforced::new(self.unit.model.limits(), &self.interlock)?;
        Ok(if self.unit.without_tachometer {
            limits.without_tachometer()
        } else {
            limits
        })
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is not a configuration or holds a value out of range.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        Config::parse(path, &read(path)?)
    }

    /// The simulated unit of `model`, as in `configs/`.
    ///
    /// # Errors
    /// As [`Config::load`], but for what the tests rule out.
    pub fn simulated(model: Model) -> Result<Config, ConfigError> {
        let (path, text) = simulated(model);
        Config::parse(Path::new(path), text)
    }

    /// This configuration with what is `assumed` of the simulated unit's physics, beside what it assumes already.
    ///
    /// # Errors
    /// If the unit is not simulated, or with it is none.
    pub fn assuming(mut self, assumed: &[Assumed]) -> Result<Config, ConfigError> {
        if assumed.is_empty() {
            return Ok(self);
        }
        let wrong = |what: String| ConfigError::Wires {
            path: PathBuf::from("--assume"),
            what,
        };
        let Some(simulated) = &mut self.unit.simulated else {
            return Err(wrong(format!(
                "{} is no simulated unit: its physics is as it is",
                self.unit.name
            )));
        };
        simulated.assume.extend(assumed.iter().cloned());
        self.check(Path::new("--assume"))?;
        Ok(self)
    }

    /// The clock that the unit lives by: the wall's, or a simulated unit's own.
    pub fn clock(&self) -> Clock {
        match &self.unit.simulated {
            None => Clock::real(),
            Some(simulated) => simulated
                .speed
                .map_or_else(Clock::virtual_time, Clock::scaled),
        }
    }

    /// Where the numbers of the unit, or of its twin, come from before anything of it was seen: that it is the hardware
    /// named here is known only from its wires.
    pub fn provenance(&self, on_twin: bool) -> Provenance {
        match self.unit.simulated {
            None if !on_twin => Provenance::UnverifiedDevice,
            _ => Provenance::Simulated,
        }
    }

    /// The configuration as TOML, and the first 16 hex digits of its SHA-256.
    ///
    /// # Errors
    /// If it cannot be written as TOML.
    pub fn fingerprint(&self) -> Result<(String, String), toml::ser::Error> {
        let text = toml::to_string(self)?;
        let hash = hex::encode(Sha256::digest(&text));
        Ok((text, hash[..16].to_string()))
    }

    /// How the unit is reached.
    ///
    /// # Errors
    /// With the section that the model needs and that is missing, or that it has no use for.
    pub fn wires(&self) -> Result<Wires<'_>, String> {
        let model = self.unit.model;
        let needs = |section: &str| format!("a unit of model {model} needs a section [{section}]");
        let network = self.stratum.is_some() || self.api.is_some();
        match (model.is_bare(), &self.stratum, &self.api, &self.serial) {
            (true, _, _, _) if network => Err(format!(
                "bare chips of model {model} have no use for [stratum] or [api]: work and replies both go \
                 over [serial]"
            )),
            (true, _, _, Some(serial)) => Ok(Wires::Serial(serial)),
            (true, _, _, None) => Err(needs("serial")),
            (false, _, _, Some(_)) => {
                Err(format!("a unit of model {model} has no use for [serial]"))
            }
            (false, Some(stratum), Some(api), None) => Ok(Wires::Network { stratum, api }),
            (false, None, _, _) => Err(needs("stratum")),
            (false, _, None, _) => Err(needs("api")),
        }
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        let config: Config = toml::from_str(text).map_err(|source| ConfigError::Parse {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        config.check(path)?;
        File::Unit.say_newer(path, text);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_has_a_simulated_unit_and_it_listens_on_loopback() {
        for model in Model::ALL {
            let config = Config::simulated(model).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.unit.model, model);
            assert!(config.unit.simulated.is_some());
            match config.wires().expect("sound") {
                Wires::Network { stratum, api } => {
                    assert!(stratum.listen.ip().is_loopback() && api.address.ip().is_loopback());
                }
                Wires::Serial(serial) => assert!(serial.chips > 0),
            }
        }
    }

    #[test]
    fn every_example_loads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        for entry in std::fs::read_dir(folder).expect("configs/") {
            let path = entry.expect("an entry").path();
            if path.ends_with("proxy.toml") {
                crate::config::proxy::Config::load(&path).unwrap_or_else(|e| panic!("{e:#}"));
                continue;
            }
            crate::config::rack::load(&path).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn silicon_is_read_and_kept_and_only_written_where_there_is_some() {
        let (path, text) = simulated(Model::AntminerS9);
        let sound = Config::parse(Path::new(path), text).expect("sound");
        assert!(!sound.fingerprint().expect("toml").0.contains("silicon"));
        let with = |silicon: &str| {
            let text = text.replace("[stratum]", &format!("{silicon}\n\n[stratum]"));
            Config::parse(Path::new("unit.toml"), &text)
        };
        let marred = with(
            "[unit.simulated.silicon]\nweak = [[5, 0.9]]\ndead = [17]\ndead_cores = [[3, 113]]",
        )
        .expect("sound");
        let again: Config = toml::from_str(&marred.fingerprint().expect("toml").0).expect("toml");
        assert_eq!(again, marred);
        let played = marred.unit.simulated.expect("simulated");
        let silicon = played.params(Params::s9()).expect("a unit").silicon;
        assert_eq!((silicon.weak, silicon.dead), (vec![(5, 0.9)], vec![17]));
        let refused = with("[unit.simulated.silicon]\ndead = [189]").expect_err("refused");
        let said = refused.to_string();
        assert!(
            said.contains("unit.simulated.silicon.dead names chip 189"),
            "{said}"
        );
    }

    #[test]
    fn a_bad_key_or_value_is_named() {
        let error = |model: Model, from: &str, to: &str| {
            let sound = simulated(model).1;
            let text = sound.replace(from, to);
            assert_ne!(text, sound);
            Config::parse(Path::new("unit.toml"), &text)
                .expect_err("refused")
                .to_string()
        };
        let s9 = |from, to| error(Model::AntminerS9, from, to);
        let unknown = s9("duty_min", "duty_mim");
        assert!(
            unknown.contains("duty_mim") && unknown.contains("line"),
            "{unknown}"
        );
        assert!(s9("difficulty = 256", "difficulty = -1").contains("-1"));
        let range = s9("duty_min = 0.3", "duty_min = 0.1");
        assert!(
            range.contains("step.duty_min = 0.1 must be between"),
            "{range}"
        );
        assert!(s9("timeout_seconds = 60.0", "timeout_seconds = 1.0").contains("hold_seconds"));
        let wires = s9("antminer-s9", "bm1387");
        assert!(wires.contains("bare chips of model bm1387"), "{wires}");
        let serial = |from, to| error(Model::Bm1387, from, to);
        assert!(serial("model = \"bm1387\"", "model = \"antminer-s9\"").contains("[serial]"));
        let ticket = serial("ticket_difficulty = 64", "ticket_difficulty = 65");
        assert!(ticket.contains("65 must be a power of two"), "{ticket}");
    }
}
