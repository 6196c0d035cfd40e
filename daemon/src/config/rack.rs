//! A rack: the files of several units.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Config, ConfigError};

/// `units = ["a.toml", "b.toml"]`, relative to the rack's own file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rack {
    units: Vec<PathBuf>,
}

/// The units of `path`: of a rack, or the one that the file is of.
///
/// # Errors
/// As [`Config::load`], for the rack or any of its files; if it has no unit, or two of one name.
pub fn load(path: &Path) -> Result<Vec<Config>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let rack: Rack = match toml::from_str(&text) {
        Ok(rack) => rack,
        // Only a rack has this key; any other file is a unit's, with a unit's errors.
        Err(source) if is_rack(&text) => {
            return Err(ConfigError::Parse {
                path: path.to_path_buf(),
                source: Box::new(source),
            });
        }
        Err(_) => return Ok(vec![Config::load(path)?]),
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let units: Vec<Config> = rack
        .units
        .iter()
        .map(|unit| Config::load(&folder.join(unit)))
        .collect::<Result<_, _>>()?;
    let wrong = |what: String| ConfigError::Wires {
        path: path.to_path_buf(),
        what,
    };
    if units.is_empty() {
        return Err(wrong("a rack needs at least one unit".into()));
    }
    for (i, unit) in units.iter().enumerate() {
        let name = &unit.unit.name;
        if units[..i].iter().any(|other| other.unit.name == *name) {
            return Err(wrong(format!("two units have the name {name}")));
        }
    }
    Ok(units)
}

fn is_rack(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("units"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rack_is_its_units_and_a_unit_is_a_rack_of_one() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
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
