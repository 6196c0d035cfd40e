//! Environment variables that override a file's values: `THERMINE_DAEMON__LISTEN` for `daemon.listen`.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::ConfigError;
use super::key::{File, Holds, Key, PREFIX};
use super::nearest::nearest;

/// What separates a section from a key in a variable's name.
const SEPARATOR: &str = "__";

/// Variables that are no overrides: the log's filter and the token.
const OTHERS: [&str; 2] = ["THERMINE_LOG", TOKEN];

/// Environment variable of the HTTP API's token.
pub(crate) const TOKEN: &str = "THERMINE_TOKEN";

/// Edits within which a variable without a section is taken for a misspelt override.
const NEAR: usize = 2;

/// The overrides that are set.
#[derive(Debug, Clone, Default)]
pub struct Overrides(pub Vec<(&'static Key, String, String)>);

impl Overrides {
    /// No override: neither by environment nor by flag.
    pub fn none() -> Overrides {
        Overrides::default()
    }

    /// Those of the process.
    ///
    /// # Errors
    /// As `of`.
    pub fn from_environment() -> Result<Overrides, ConfigError> {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Overrides::of(std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))))
    }

    /// Those among `variables`.
    ///
    /// # Errors
    /// If one has the form of an override, or nearly the name of one, and overrides nothing.
    pub(crate) fn of(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Overrides, ConfigError> {
        let known: Vec<(&'static Key, String)> = File::ALL
            .into_iter()
            .flat_map(File::keys)
            .filter_map(|key| Some((key, key.variable()?)))
            .collect();
        let mut set = Vec::new();
        for (name, value) in variables {
            if !name.starts_with(PREFIX) || OTHERS.contains(&name.as_str()) {
                continue;
            }
            if let Some((key, _)) = known.iter().find(|(_, variable)| *variable == name) {
                set.push((*key, name, value));
                continue;
            }
            let meant = |word: &str| strsim::damerau_levenshtein(&name, word) <= NEAR;
            let misspelt = known.iter().any(|(_, variable)| meant(variable));
            if name.contains(SEPARATOR) || misspelt {
                let lower = name.to_lowercase();
                let words: Vec<String> = known.iter().map(|(_, v)| v.to_lowercase()).collect();
                let near = nearest(&lower, words.iter().map(String::as_str));
                return Err(ConfigError::Override {
                    name,
                    what: match near {
                        Some(near) => format!("overrides nothing: did you mean {}?", near.to_uppercase()),
                        None => "overrides nothing: `thermine config explain` lists what can be overridden".into(),
                    },
                });
            }
        }
        Ok(Overrides(set))
    }

    /// Reads `text`, the file `path` of kind `file`, and what overrides it.
    ///
    /// # Errors
    /// If the file is wrong, or with an override in it.
    pub(crate) fn parse<T: DeserializeOwned>(
        &self,
        file: File,
        path: &Path,
        text: &str,
    ) -> Result<T, ConfigError> {
        // First as it stands, for errors with their line.
        let plain = toml::from_str(text).map_err(|source| ConfigError::Parse {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        let mine = |(key, ..): &&(&'static Key, String, String)| key.file == file;
        if !self.0.iter().any(|set| mine(&set)) {
            return Ok(plain);
        }
        let mut table: toml::Table = toml::from_str(text).unwrap_or_default();
        file.rename(&mut table);
        for (key, name, value) in self.0.iter().filter(mine) {
            let section = table
                .entry(key.section())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(section) = section.as_table_mut() {
                section.insert(key.name().into(), typed(key.holds, value));
            }
            // One after the other, so that an error is known to be this one's.
            let checked: Result<T, _> = table.clone().try_into();
            checked.map_err(|error| ConfigError::Override {
                name: name.clone(),
                what: format!("= {value} cannot be {}: {}", key.path, error.message()),
            })?;
        }
        table.try_into().map_err(|source| ConfigError::Parse {
            path: path.to_path_buf(),
            source: Box::new(source),
        })
    }
}

/// A variable's text as a value for a key that holds `holds`: text for text, else a number or a switch if it is one.
fn typed(holds: Holds, text: &str) -> toml::Value {
    if matches!(
        holds,
        Holds::Text | Holds::Path | Holds::Address | Holds::Choice(_)
    ) {
        return toml::Value::String(text.into());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return toml::Value::Integer(whole);
    }
    if let Ok(number) = text.parse::<f64>() {
        return toml::Value::Float(number);
    }
    match text {
        "true" => toml::Value::Boolean(true),
        "false" => toml::Value::Boolean(false),
        _ => toml::Value::String(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::daemon::Daemon;

    fn of(variables: &[(&str, &str)]) -> Result<Overrides, ConfigError> {
        Overrides::of(variables.iter().map(|(n, v)| ((*n).into(), (*v).into())))
    }

    #[test]
    fn a_variable_overrides_and_a_misspelt_one_is_an_error() {
        let set = of(&[
            ("THERMINE_DAEMON__LISTEN", "127.0.0.1:9"),
            ("THERMINE_DAEMON__SPEED", "20"),
            ("THERMINE_LOG", "debug"),
            ("THERMINE_RIG", "rig.toml"),
            ("HOME", "/"),
        ])
        .expect("known");
        let daemon = set.daemon(Daemon::default()).expect("sound");
        assert_eq!(daemon.listen.port(), 9);
        assert_eq!((daemon.speed, daemon.seed), (20.0, 1));
        for text in ["2026", "1.5", "true", "inf"] {
            let set = of(&[("THERMINE_DAEMON__DATA", text)]).expect("known");
            let daemon = set.daemon(Daemon::default()).expect("a folder's name");
            assert_eq!(daemon.data, Path::new(text));
        }
        for (name, near) in [
            ("THERMINE_DAEMON__LISTNE", "THERMINE_DAEMON__LISTEN"),
            ("THERMINE_DAEMON_LISTEN", "THERMINE_DAEMON__LISTEN"),
        ] {
            let error = of(&[(name, "127.0.0.1:9")]).expect_err("refused");
            let said = error.to_string();
            assert!(said.contains(name) && said.contains(near), "{said}");
        }
        assert!(of(&[("THERMINE_STEP__DUTY_MIN", "1")]).is_err());
        let wrong = of(&[("THERMINE_DAEMON__LIVE", "always")]).expect("known");
        let said = wrong.daemon(Daemon::default()).expect_err("refused");
        assert!(said.to_string().contains("daemon.live"), "{said}");
    }
}
