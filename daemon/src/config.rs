//! Configuration of one unit and the steps that it is driven with: a TOML file, see `configs/`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thermine_drivers::pow::Difficulty;
use thermine_drivers::substrate::Pace;

/// What is used when no file is named: the simulated S9.
pub const DEFAULT: &str = include_str!("../../configs/sim-s9.toml");

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not TOML, or has a key or a value that is not known. The message shows the line.
    #[error("{}: {source}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A value that makes no sense.
    #[error("{}: {key} = {value} {reason}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        reason: &'static str,
    },
}

/// A unit, how it is reached, and how it is driven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which unit.
    pub unit: Unit,
    /// Where it gets its work.
    pub stratum: Stratum,
    /// Where its sensors are read.
    pub api: Api,
    /// What a step is.
    pub step: Step,
}

/// The unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Name in messages and reports.
    pub name: String,
    /// Its model.
    pub model: Model,
    /// Set if the program plays the unit itself.
    pub simulated: Option<Simulated>,
}

/// Models that can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Bitmain Antminer S9: 3 boards of 63 BM1387.
    AntminerS9,
}

/// How the program plays a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulated {
    /// Seconds of the unit's time per second of wall time; without it time is virtual, and runs as fast
    /// as both ends of the wire can.
    pub speed: Option<f64>,
    /// Factor on the difficulty at which its shares are really hashed.
    pub difficulty_scale: f64,
}

/// Our Stratum server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratum {
    /// Address that it listens on.
    pub listen: SocketAddr,
    /// Worker name that the unit authorises with; `*` for any.
    pub worker: String,
    /// Wall time that the unit is given to connect, in seconds.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout_seconds: f64,
}

fn default_connect_timeout() -> f64 {
    30.0
}

/// The unit's control interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Its address.
    pub address: SocketAddr,
    /// Time between two readings, in seconds of the unit's time.
    pub poll_seconds: f64,
}

/// A step of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Shortest length, in seconds of the unit's time.
    pub hold_seconds: f64,
    /// Answers that it needs.
    pub shares: u32,
    /// Longest length, in seconds of the unit's time.
    pub timeout_seconds: f64,
    /// Share difficulty.
    pub difficulty: Difficulty,
    /// Duty at the largest input.
    pub duty_min: f64,
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
    /// Reads `path`, or takes the simulated S9 if none is named.
    ///
    /// # Errors
    /// If the file cannot be read, is not a configuration or holds a value out of range.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let (path, text) = match path {
            None => (Path::new("configs/sim-s9.toml"), DEFAULT.to_string()),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                    path: path.to_path_buf(),
                    source,
                })?;
                (path, text)
            }
        };
        let config: Config = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        config.check(path)?;
        Ok(config)
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// If a value is out of range; `path` is named in the message.
    pub fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let positive = "must be a positive number";
        // An hour is longer than any span here can mean, and bounds what a Duration is made from.
        let span = |value: f64| value.is_finite() && value > 0.0 && value <= 3600.0;
        let mut rules = vec![
            (
                "stratum.connect_timeout_seconds",
                self.stratum.connect_timeout_seconds,
                span(self.stratum.connect_timeout_seconds),
                "must be above 0 and at most 3600",
            ),
            (
                "api.poll_seconds",
                self.api.poll_seconds,
                span(self.api.poll_seconds),
                "must be above 0 and at most 3600",
            ),
            (
                "step.hold_seconds",
                self.step.hold_seconds,
                self.step.hold_seconds == 0.0 || span(self.step.hold_seconds),
                "must be between 0 and 3600",
            ),
            (
                "step.timeout_seconds",
                self.step.timeout_seconds,
                span(self.step.timeout_seconds)
                    && self.step.timeout_seconds > self.step.hold_seconds,
                "must be above step.hold_seconds and at most 3600",
            ),
            (
                "step.shares",
                f64::from(self.step.shares),
                self.step.shares >= 1,
                "must be at least 1",
            ),
            (
                "step.duty_min",
                self.step.duty_min,
                (0.2..=1.0).contains(&self.step.duty_min),
                "must be between 0.2 (below that a unit does little but switch jobs) and 1",
            ),
        ];
        if let Some(simulated) = &self.unit.simulated {
            let speed = simulated.speed.unwrap_or(1.0);
            rules.push((
                "unit.simulated.speed",
                speed,
                speed.is_finite() && speed > 0.0 && speed <= 1000.0,
                "must be above 0 and at most 1000: beyond that a socket is slower than the unit; leave it \
                 out for virtual time",
            ));
            rules.push((
                "unit.simulated.difficulty_scale",
                simulated.difficulty_scale,
                simulated.difficulty_scale.is_finite() && simulated.difficulty_scale > 0.0,
                positive,
            ));
        }
        match rules.into_iter().find(|(_, _, ok, _)| !ok) {
            None => Ok(()),
            Some((key, value, _, reason)) => Err(ConfigError::Value {
                path: path.to_path_buf(),
                key,
                value: value.to_string(),
                reason,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_simulated_s9_and_every_example_loads() {
        let config = Config::load(None).expect("the default loads");
        assert!(config.unit.simulated.is_some());
        assert!(config.stratum.listen.ip().is_loopback());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        for entry in std::fs::read_dir(folder).expect("configs/") {
            let path = entry.expect("an entry").path();
            Config::load(Some(&path)).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn a_bad_key_or_value_is_named() {
        let error = |from: &str, to: &str| {
            let text = DEFAULT.replace(from, to);
            assert_ne!(text, DEFAULT);
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("unit.toml");
            std::fs::write(&path, text).expect("written");
            Config::load(Some(&path)).expect_err("refused").to_string()
        };
        let unknown = error("duty_min", "duty_mim");
        assert!(
            unknown.contains("duty_mim") && unknown.contains("line"),
            "{unknown}"
        );
        assert!(error("difficulty = 256", "difficulty = -1").contains("-1"));
        let range = error("duty_min = 0.3", "duty_min = 0.1");
        assert!(
            range.contains("step.duty_min = 0.1 must be between"),
            "{range}"
        );
        assert!(error("timeout_seconds = 60.0", "timeout_seconds = 1.0").contains("hold_seconds"));
    }
}
