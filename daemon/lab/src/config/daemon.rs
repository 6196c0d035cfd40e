//! What a rack's file says of the daemon: its sections `[daemon]` and `[[readout]]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use thermine_units::secret::Secret;

use super::check::Problem;
use super::error::ConfigError;
use super::folders::Folders;
use super::key::File;
use super::overrides::{Overrides, TOKEN};
use thermine_capture::place::is_url;
use thermine_capture::secret_file;

/// Name of the folder in the data folder in which each attempt at a job has its own.
pub const JOBS: &str = "jobs";

/// Longest token, in bytes: what is longer was not meant to be one.
pub const LONGEST_TOKEN: u64 = 4096;

/// Shortest token, in bytes: 96 bits in base 64.
const SHORTEST_TOKEN: usize = 16;

/// What `thermine run` is to do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daemon {
    /// Address of the web page and the HTTP API.
    pub listen: SocketAddr,
    /// File with the token of the HTTP API.
    pub token_file: Option<PathBuf>,
    /// Names by which the web page on loopback may be called besides.
    pub hosts: Vec<String>,
    /// Folder of the queue and of the experiments' reports.
    pub data: PathBuf,
    /// Folder of the captures of what units do live, or the URL of a database; `None` keeps nothing of it.
    pub captures: Option<PathBuf>,
    /// Folder of the data files that jobs may name; `None` for `files` in the data folder.
    pub files: Option<PathBuf>,
    /// Memory that the analysis of a job may take, in MiB.
    pub analysis_mib: u64,
    /// Time that the analysis of a job may take, in seconds.
    pub analysis_seconds: f64,
    /// What a unit does between experiments.
    pub live: Live,
    /// Length of a live step in seconds of the unit's time; `None` for the unit's own.
    pub step_seconds: Option<f64>,
    /// Seconds of the unit's time per second, of simulated units that do not say.
    pub speed: f64,
    /// Seed of the live task, of the simulated units and of the statistics.
    pub seed: u64,
}

impl Default for Daemon {
    fn default() -> Daemon {
        Daemon {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            token_file: None,
            hosts: Vec::new(),
            data: PathBuf::from("runs/daemon"),
            captures: None,
            files: None,
            analysis_mib: 2048,
            analysis_seconds: 3600.0,
            live: Live::Narma10,
            step_seconds: None,
            speed: 1.0,
            seed: 1,
        }
    }
}

/// What a unit does between experiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Live {
    /// It is driven with NARMA-10, which is learnt as it runs.
    Narma10,
    /// It has no work, and is watched.
    Off,
}

/// A trained readout that is applied to a unit's live states.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// Name of the unit.
    pub unit: String,
    /// The readout's file.
    pub file: PathBuf,
}

impl Daemon {
    /// Everything that is out of range.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let speed = self.speed;
        if !(speed > 0.0 && speed <= 1000.0) {
            let what = format!("daemon.speed = {speed} must be above 0 and at most 1000");
            found.push(Problem::new("daemon.speed", what));
        }
        let mib = self.analysis_mib;
        if !(16..=1 << 20).contains(&mib) {
            let what = format!("daemon.analysis_mib = {mib} must be from 16 to 1048576");
            found.push(Problem::new("daemon.analysis_mib", what));
        }
        let seconds = self.analysis_seconds;
        if !(seconds > 0.0 && seconds <= 1e6) {
            let what =
                format!("daemon.analysis_seconds = {seconds} must be above 0 and at most 1000000");
            found.push(Problem::new("daemon.analysis_seconds", what));
        }
        if let Some(seconds) = self.step_seconds
            && !(seconds > 0.0 && seconds <= 3600.0)
        {
            let what = format!("daemon.step_seconds = {seconds} must be above 0 and at most 3600");
            found.push(Problem::new("daemon.step_seconds", what));
        }
        found
    }

    /// The folders that jobs may read.
    pub fn folders(&self) -> Folders {
        let captures = match &self.captures {
            Some(place) if !is_url(&place.to_string_lossy()) => place.clone(),
            _ => self.data.join("captures"),
        };
        let files = self.files.clone();
        Folders {
            files: files.unwrap_or_else(|| self.data.join("files")),
            captures,
            jobs: self.data.join(JOBS),
        }
    }

    /// The token of the HTTP API: from its file, or from the environment.
    ///
    /// # Errors
    /// If the file cannot be read or holds no token, or there is none and the address is not loopback.
    pub fn token(&self) -> Result<Option<Secret>> {
        let text = match &self.token_file {
            Some(file) => {
                Some(secret_file::read(file, LONGEST_TOKEN).context("daemon.token_file")?)
            }
            None => std::env::var(TOKEN).ok(),
        };
        let whence = match &self.token_file {
            Some(file) => format!("daemon.token_file {}", file.display()),
            None => format!("the environment variable {TOKEN}"),
        };
        let token = text.map(|text| text.trim().to_string());
        match token {
            Some(token) if token.len() < SHORTEST_TOKEN => anyhow::bail!(
                "{whence} holds fewer than {SHORTEST_TOKEN} characters: make a token with `openssl rand -hex 16`"
            ),
            None if !self.listen.ip().is_loopback() => anyhow::bail!(
                "daemon.listen = {} can be reached from elsewhere and there is no token: set daemon.token_file or \
                 {TOKEN}, or listen on 127.0.0.1",
                self.listen
            ),
            token => Ok(token.map(Secret::new)),
        }
    }
}

impl Overrides {
    /// `daemon` as overridden, where there is no rack's file.
    ///
    /// # Errors
    /// If an override cannot be its value.
    pub(crate) fn daemon(&self, daemon: Daemon) -> Result<Daemon, ConfigError> {
        #[derive(serde::Deserialize)]
        struct Only {
            daemon: Daemon,
        }
        let path = Path::new("the environment");
        let mine: Vec<_> = self
            .0
            .iter()
            .filter(|(key, ..)| key.file == File::Rack)
            .collect();
        if mine.is_empty() {
            return Ok(daemon);
        }
        let only: Only = self.parse(File::Rack, path, "[daemon]")?;
        let over = only.daemon;
        let is_set = |name: &str| mine.iter().any(|(key, ..)| key.name() == name);
        let mut daemon = daemon;
        // Written out, so that what the caller has set stays where nothing overrides it.
        if is_set("listen") {
            daemon.listen = over.listen;
        }
        if is_set("token_file") {
            daemon.token_file = over.token_file;
        }
        if is_set("data") {
            daemon.data = over.data;
        }
        if is_set("captures") {
            daemon.captures = over.captures;
        }
        if is_set("files") {
            daemon.files = over.files;
        }
        if is_set("analysis_mib") {
            daemon.analysis_mib = over.analysis_mib;
        }
        if is_set("analysis_seconds") {
            daemon.analysis_seconds = over.analysis_seconds;
        }
        if is_set("live") {
            daemon.live = over.live;
        }
        if is_set("step_seconds") {
            daemon.step_seconds = over.step_seconds;
        }
        if is_set("speed") {
            daemon.speed = over.speed;
        }
        if is_set("seed") {
            daemon.seed = over.seed;
        }
        let wrong = |what| ConfigError::Wires {
            path: path.to_path_buf(),
            what,
        };
        Problem::none_of(daemon.problems()).map_err(wrong)?;
        Ok(daemon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_its_file_and_is_needed_beyond_loopback() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("token");
        let daemon = |listen: &str, token: Option<&str>| {
            if let Some(token) = token {
                std::fs::write(&file, token).expect("written");
                let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(&file, own).expect("set");
            }
            Daemon {
                listen: listen.parse().expect("an address"),
                token_file: token.map(|_| file.clone()),
                ..Daemon::default()
            }
        };
        let open = daemon("0.0.0.0:8080", None).token().expect_err("refused");
        assert!(open.to_string().contains("token"), "{open}");
        assert_eq!(daemon("127.0.0.1:1", None).token().expect("none"), None);
        let word = "0123456789abcdef";
        let kept = daemon("0.0.0.0:1", Some(&format!("{word}\n"))).token();
        assert_eq!(kept.expect("a token"), Some(Secret::new(word)));
        let short = daemon("0.0.0.0:1", Some("hunter2")).token();
        let short = short.expect_err("refused").to_string();
        assert!(!short.contains("hunter2"), "{short}");
    }
}
