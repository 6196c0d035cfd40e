//! A rack: the files of several units, the proxy's, and what the daemon is to do with them.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thermine_units::model::Model;
use thermine_units::pow::Difficulty;

use super::check::Problem;
use super::conflicts::conflicts;
use super::daemon::{Daemon, Served};
use super::error::read;
use super::key;
use super::nearest::nearest;
use super::overrides::Overrides;
use super::proxy::Config as Proxy;
use super::{Config, ConfigError};
use thermine_capture::error_chain::chain;

/// Seconds of its time a second, of the unit that is there without a file: some three steps of the live task in two
/// seconds.
const NEWCOMERS_SPEED: f64 = 10.0;
/// Its share difficulty. At that speed a socket's latency is ten times as long for the unit: shares that came faster
/// than an answer takes would be late.
const NEWCOMERS_DIFFICULTY: f64 = 1024.0;

/// `units = ["a.toml", "b.toml"]`, relative to the rack's own file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    units: Vec<PathBuf>,
    #[serde(default)]
    proxied: Vec<PathBuf>,
    proxy: Option<PathBuf>,
    #[serde(default)]
    daemon: Daemon,
    #[serde(default)]
    readout: Vec<Served>,
}

/// A rack with all its files read.
#[derive(Debug, Clone, Default)]
pub struct Rack {
    /// The units that are driven.
    pub units: Vec<Config>,
    /// The units that mine through the proxy.
    pub proxied: Vec<Config>,
    /// The proxy of the rack; `None` without proxied units.
    pub proxy: Option<Proxy>,
    /// What the daemon is to do.
    pub daemon: Daemon,
    /// Readouts that are applied to units' live states.
    pub readouts: Vec<Served>,
}

impl Rack {
    /// Reads the rack `path`, or the one unit that the file is of, and all its files.
    ///
    /// # Errors
    /// As [`Config::load`], for the rack or any of its files; if it has no unit, two of one name, or units that do not
    /// go with its proxy.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Rack, ConfigError> {
        let text = read(path)?;
        // Only a rack has these keys; any other file is a unit's, with a unit's errors.
        if !is_rack(&text) {
            let mut rack = Rack {
                units: vec![Config::parse(path, &text)?],
                ..Rack::default()
            };
            rack.daemon = overrides.daemon(Daemon::default())?;
            return Ok(rack);
        }
        let file: File = overrides.parse(key::File::Rack, path, &text)?;
        let (rack, mut failed) = Rack::of(file, path, overrides);
        if !failed.is_empty() {
            return Err(failed.swap_remove(0));
        }
        Problem::none_of(rack.problems(true)).map_err(|what| ConfigError::Wires {
            path: path.to_path_buf(),
            what,
        })?;
        Ok(rack)
    }

    /// What the rack's file `path` names, as far as it can be read, and the errors of what cannot.
    pub(super) fn of(file: File, path: &Path, overrides: &Overrides) -> (Rack, Vec<ConfigError>) {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut failed = Vec::new();
        let mut all = |files: &[PathBuf]| -> Vec<Config> {
            let mut sound = Vec::new();
            for unit in files {
                match Config::load(&folder.join(unit)) {
                    Ok(unit) => sound.push(unit),
                    Err(error) => failed.push(error),
                }
            }
            sound
        };
        let (units, proxied) = (all(&file.units), all(&file.proxied));
        let proxy = file.proxy.and_then(|proxy| {
            let proxy = folder.join(proxy);
            let loaded = Proxy::load_with(&proxy, overrides);
            loaded
                .map_err(|error| {
                    failed.push(ConfigError::Wires {
                        path: path.to_path_buf(),
                        what: format!("proxy: {}", chain(&error)),
                    });
                })
                .ok()
        });
        let mut daemon = file.daemon;
        daemon.token_file = daemon.token_file.map(|token| folder.join(token));
        let readouts = file.readout.into_iter().map(|served| Served {
            file: folder.join(served.file),
            ..served
        });
        let rack = Rack {
            units,
            proxied,
            proxy,
            daemon,
            readouts: readouts.collect(),
        };
        (rack, failed)
    }

    /// What there is without a file: one simulated S9, fast enough to be watched.
    ///
    /// # Errors
    /// If an override cannot be its value.
    pub fn newcomer(overrides: &Overrides) -> Result<Rack, ConfigError> {
        let mut unit = Config::simulated(Model::AntminerS9)?;
        let daemon = Daemon {
            speed: NEWCOMERS_SPEED,
            ..Daemon::default()
        };
        unit.unit.name = "s9".into();
        unit.step.difficulty = Difficulty::ONE.scaled(NEWCOMERS_DIFFICULTY);
        Ok(Rack {
            units: vec![unit],
            daemon: overrides.daemon(daemon)?,
            ..Rack::default()
        })
    }

    /// All units, the driven ones first.
    pub fn all(&self) -> impl Iterator<Item = &Config> {
        self.units.iter().chain(&self.proxied)
    }

    /// Everything wrong with what its files say together. Of a rack that is not `whole`, since some of its files cannot be
    /// used, only what would be wrong with these files too.
    pub(super) fn problems(&self, whole: bool) -> Vec<Problem> {
        let mut found = self.daemon.problems();
        let units: Vec<&Config> = self.all().collect();
        if whole && units.is_empty() {
            found.push(Problem::new("units", "a rack needs at least one unit"));
        }
        for (i, unit) in units.iter().enumerate() {
            let name = &unit.unit.name;
            if units[..i].iter().any(|other| other.unit.name == *name) {
                found.push(Problem::new(
                    "units",
                    format!("two units have the name {name}"),
                ));
            }
        }
        let conflicts = conflicts(&self.units, &self.proxied).into_iter();
        found.extend(conflicts.map(|what| Problem::new("units", what)));
        for readout in self.readouts.iter().filter(|_| whole) {
            if !self.units.iter().any(|unit| unit.unit.name == readout.unit) {
                let names = self.units.iter().map(|unit| unit.unit.name.as_str());
                let meant = nearest(&readout.unit, names)
                    .map_or(String::new(), |near| format!(": did you mean {near}?"));
                let what = format!(
                    "readout.unit = \"{}\" is none of the units{meant}",
                    readout.unit
                );
                found.push(Problem::new("readout", what));
            }
        }
        let proxied = |what: String| Problem::new("proxied", what);
        let Some(proxy) = &self.proxy else {
            let first = self.proxied.first().filter(|_| whole);
            found.extend(first.map(|unit| {
                proxied(format!(
                    "{} is among the proxied units, but there is no proxy: name its file with `proxy = \"...\"`",
                    unit.unit.name
                ))
            }));
            return found;
        };
        for unit in &self.proxied {
            if unit.unit.model.is_bare() {
                found.push(proxied(format!(
                    "{} is among the proxied units, but bare chips cannot mine at a pool",
                    unit.unit.name
                )));
                continue;
            }
            let scale = unit.unit.simulated.as_ref();
            let scale = scale.map_or(1.0, |simulated| simulated.difficulty_scale);
            if scale != proxy.proxy.difficulty_scale {
                found.push(proxied(format!(
                    "{} hashes at {scale} of the difficulty, but the proxy asks for {}: make \
                     unit.simulated.difficulty_scale and proxy.difficulty_scale the same",
                    unit.unit.name, proxy.proxy.difficulty_scale
                )));
            }
        }
        found
    }
}

/// The units of `path`: of a rack, or the one that the file is of.
///
/// # Errors
/// As [`Rack::load`].
pub fn load(path: &Path) -> Result<Vec<Config>, ConfigError> {
    let rack = Rack::load(path, &Overrides::none())?;
    let Rack {
        mut units, proxied, ..
    } = rack;
    units.extend(proxied);
    Ok(units)
}

/// The units of the rack `path` that are driven; `None` of a file that is a unit's.
///
/// # Errors
/// As [`Rack::load`].
pub fn driven(path: &Path) -> Result<Option<Vec<Config>>, ConfigError> {
    if !is_rack(&read(path)?) {
        return Ok(None);
    }
    Rack::load(path, &Overrides::none()).map(|rack| Some(rack.units))
}

/// Whether `text` is a rack's.
fn is_rack(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| {
        table.is_empty()
            || ["units", "proxied", "proxy", "daemon", "readout"]
                .iter()
                .any(|key| table.contains_key(*key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rack_is_its_units_and_a_unit_is_a_rack_of_one() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let name = |configs: Vec<Config>| -> Vec<String> {
            configs.into_iter().map(|c| c.unit.name).collect()
        };
        let rack = load(&configs.join("rack.toml")).expect("a rack");
        assert_eq!(rack.len(), 5);
        let one = load(&configs.join("sim-s9.toml")).expect("a unit");
        assert_eq!(name(one), ["sim-s9"]);

        let dir = tempfile::tempdir().expect("a folder");
        let error = |text: &str| {
            let path = dir.path().join("rack.toml");
            std::fs::write(&path, text).expect("written");
            load(&path).expect_err("refused").to_string()
        };
        let s9 = configs.join("sim-s9.toml");
        assert!(
            error(&format!("units = [{s9:?}, {s9:?}]")).contains("two units have the name sim-s9")
        );
        assert!(error("units = []").contains("at least one"));
        assert!(error("units = [\"nowhere.toml\"]").contains("nowhere.toml"));
        assert!(error("units = 3").contains("units = 3"));
        assert!(error("unit = 3").contains("unit"));
    }
}
