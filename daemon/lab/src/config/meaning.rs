//! What is wrong with a configuration beyond its keys and their kinds: values out of range, and what does not go together.
//!
//! It is asked of a file that has other errors too: what they are about is left out, or taken from an example, so that
//! everything wrong is found at once. The checks are those by which `run` starts.

use std::collections::HashSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use thermine_units::model::Model;
use toml::Table;

use super::check::Problem;
use super::key::{File, Holds, Missing};
use super::overrides::Overrides;
use super::rack::{self, Rack};
use super::unit::simulated;
use super::{Config, ConfigError, proxy};
use crate::experiment::trained::Readout;
use thermine_capture::error_chain::chain;

/// What stands in where a proxy's file lacks something.
const PROXY: &str = "[proxy]\nlisten = \"127.0.0.1:0\"\njournal = \"journal\"\n[[pool]]\n\
                     url = \"stratum+tcp://127.0.0.1:1\"\nuser = \"user\"\n[units]\ndifficulty_first = 1\n";

/// Everything wrong with `text`, the file `path` of kind `file`, of which the keys `wrong` cannot be used.
pub(super) fn problems(
    (file, path): (File, &Path),
    text: &str,
    wrong: &HashSet<String>,
    overrides: &Overrides,
) -> Vec<Problem> {
    let Some((text, filled)) = usable(file, text, wrong) else {
        return Vec::new();
    };
    let found = match file {
        File::Unit => unit(path, &text),
        File::Rack => rack(path, &text, overrides),
        File::Proxy => proxy(path, &text, overrides),
    };
    let stands_in = |problem: &Problem| {
        let key = problem.key.as_str();
        let inside = |section: &String| {
            key.strip_prefix(section.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        filled.iter().any(inside) || wrong.iter().any(inside)
    };
    found
        .into_iter()
        .filter(|problem| !stands_in(problem))
        .collect()
}

/// `text` without the keys `wrong` and with what must be there, and the keys that were put in.
fn usable(file: File, text: &str, wrong: &HashSet<String>) -> Option<(String, HashSet<String>)> {
    let mut table: Table = toml::from_str(text).ok()?;
    let renamed = file.rename(&mut table);
    for path in wrong {
        remove(&mut table, path);
    }
    let example: Table = toml::from_str(match file {
        File::Unit => {
            let model = table.get("unit").and_then(|unit| unit.get("model"));
            let name = model.and_then(toml::Value::as_str);
            let bare = table.contains_key("serial");
            let known = Model::ALL
                .into_iter()
                .find(|model| Some(model.name()) == name);
            simulated(known.unwrap_or(if bare {
                Model::Bm1387
            } else {
                Model::AntminerS9
            }))
            .1
        }
        File::Rack => "",
        File::Proxy => PROXY,
    })
    .ok()?;
    let mut filled = HashSet::new();
    fill(file, "", &mut table, &example, &mut filled);
    // As it stands where it can be, so that errors have their place in it.
    let text = match wrong.is_empty() && filled.is_empty() && renamed.is_empty() {
        true => text.to_owned(),
        false => toml::to_string(&table).ok()?,
    };
    Some((text, filled))
}

fn remove(table: &mut Table, path: &str) {
    match path.split_once('.') {
        None => {
            table.remove(path);
        }
        Some((first, rest)) => {
            if let Some(inner) = table.get_mut(first).and_then(toml::Value::as_table_mut) {
                remove(inner, rest);
            }
        }
    }
}

fn fill(
    file: File,
    section: &str,
    table: &mut Table,
    example: &Table,
    filled: &mut HashSet<String>,
) {
    for key in file.section(section) {
        match (table.get_mut(key.name()), example.get(key.name())) {
            (None, Some(value)) if key.missing == Missing::Required => {
                table.insert(key.name().into(), value.clone());
                filled.insert(key.path.into());
            }
            (Some(toml::Value::Table(inner)), value) if key.holds == Holds::Section => {
                let nothing = Table::new();
                let example = value.and_then(toml::Value::as_table).unwrap_or(&nothing);
                fill(file, key.path, inner, example, filled);
            }
            _ => {}
        }
    }
}

/// `text` as a `T`, or the problem that it is none.
fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Problem>> {
    toml::from_str(text).map_err(|error| vec![Problem::new("", error.message())])
}

fn unit(path: &Path, text: &str) -> Vec<Problem> {
    let config: Config = match parsed(text) {
        Ok(config) => config,
        Err(problems) => return problems,
    };
    let mut found = config.problems();
    let password = config
        .api
        .as_ref()
        .and_then(|api| api.password_env.as_ref());
    if let Some(name) = password.filter(|name| std::env::var_os(name).is_none()) {
        let what = format!(
            "api.password_env names the environment variable {name}, which is not set: export it for {}",
            path.display()
        );
        found.push(Problem::new("api.password_env", what));
    }
    found
}

fn rack(path: &Path, text: &str, overrides: &Overrides) -> Vec<Problem> {
    let file: rack::File = match overrides.parse(File::Rack, path, text) {
        Ok(file) => file,
        Err(error) => return vec![without_place(&error)],
    };
    // What is wrong with a file that it names is said of that file.
    let (rack, failed) = Rack::of(file, path, overrides);
    let mut found = rack.problems(failed.is_empty());
    if let Err(error) = rack.daemon.token() {
        let key = match rack.daemon.token_file {
            Some(_) => "daemon.token_file",
            None => "daemon.listen",
        };
        found.push(Problem::new(key, chain(&error)));
    }
    for served in &rack.readouts {
        if let Err(error) = Readout::load(&served.file) {
            found.push(Problem::new("readout", chain(&error)));
        }
    }
    found
}

fn proxy(path: &Path, text: &str, overrides: &Overrides) -> Vec<Problem> {
    let config: proxy::Config = match overrides.parse(File::Proxy, path, text) {
        Ok(config) => config,
        Err(error) => return vec![without_place(&error)],
    };
    let mut found = config.problems();
    // Once it is sound: passwords, certificates, addresses.
    if found.is_empty()
        && let Err(error) = config.settings()
    {
        found.push(Problem::new("pool", chain(&error)));
    }
    found
}

/// `error` without the file's name and the excerpt of its text.
fn without_place(error: &ConfigError) -> Problem {
    match error {
        ConfigError::Parse { source, .. } => Problem::new("", source.message()),
        other => Problem::new("", other.to_string()),
    }
}
