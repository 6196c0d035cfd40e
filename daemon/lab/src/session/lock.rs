//! One driver a unit, across all processes of a user.
//!
//! A unit's lock is an advisory lock on a file in `/tmp/thermine-UID`, named after the unit's API address or serial port.
//! The system releases it when the process that holds it ends, however it ends. The folder does not follow `TMPDIR` or
//! `XDG_RUNTIME_DIR`: a daemon and a terminal of the same user often have different ones. Two users are not kept apart,
//! and neither is a service that has a `/tmp` of its own (`PrivateTmp`).

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Context;
use crate::config::{Config, Wires};

/// Longest text of a lock file that is read: what another process wrote there is shown.
const LONGEST: u64 = 200;

/// A unit that this process drives and no other. Dropped, it is free.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the unit of `config` for `context`; `None` if the unit is simulated in this process, where nobody else can
    /// reach it.
    ///
    /// # Errors
    /// If it is taken: by whom.
    pub fn of(config: &Config, context: &Context) -> Result<Option<Lock>> {
        if config.unit.simulated.is_some() {
            return Ok(None);
        }
        let name = &config.unit.name;
        Lock::take(&folder()?, name, &key(config), context.name()).map(Some)
    }

    fn take(folder: &Path, unit: &str, key: &str, holder: &str) -> Result<Lock> {
        let path = folder.join(file_name(key));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| {
                format!(
                    "cannot drive {unit}: its lock {} cannot be opened",
                    path.display()
                )
            })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "cannot drive {unit}: {} drives the unit at {key} already; end that first, or wait until it is done",
                held_by(&file)
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| {
                    format!(
                        "cannot drive {unit}: its lock {} cannot be taken",
                        path.display()
                    )
                });
            }
        }
        // Who holds it is only for the message to others.
        let _ = file.set_len(0);
        let _ = write!(file, "{holder} (process {})", std::process::id());
        Ok(Lock { _file: file })
    }
}

/// What makes a unit the same one: its API's address, or the device behind its serial port's name.
fn key(config: &Config) -> String {
    match config.wires() {
        Ok(Wires::Serial(serial)) => {
            let port = std::fs::canonicalize(&serial.port);
            port.unwrap_or_else(|_| serial.port.clone())
                .display()
                .to_string()
        }
        _ => super::place(config),
    }
}

fn file_name(key: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '_'
        }
    };
    key.chars().map(plain).collect()
}

fn held_by(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(LONGEST).read_to_string(&mut text);
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match read {
        Ok(_) if !text.is_empty() => text,
        _ => "another process".into(),
    }
}

/// The folder of the locks: this user's own, and nobody else's.
fn folder() -> Result<PathBuf> {
    let mine = std::fs::metadata("/proc/self")
        .context("cannot lock units: /proc is not there to tell this process's user")?
        .uid();
    let folder = PathBuf::from(format!("/tmp/thermine-{mine}"));
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| {
                format!(
                    "cannot lock units: the folder {} cannot be made",
                    folder.display()
                )
            });
        }
        _ => {}
    }
    // Of a link, the link itself.
    let is = std::fs::symlink_metadata(&folder)
        .with_context(|| format!("cannot lock units: {} cannot be read", folder.display()))?;
    if !is.is_dir() || is.uid() != mine {
        bail!(
            "cannot lock units: {} is not a folder of this user; remove it",
            folder.display()
        );
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_held_once_by_name_and_free_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let take = |unit: &str, key: &str, holder: &str| Lock::take(dir.path(), unit, key, holder);
        let first = take("s9", "192.168.1.40:4028", "thermine run").expect("free");
        let other = take("lv06", "192.168.1.40:80", "thermine run").expect("another port");
        let refused = take("my-s9", "192.168.1.40:4028", "thermine train").expect_err("held");
        let expected = format!(
            "cannot drive my-s9: thermine run (process {}) drives the unit at 192.168.1.40:4028",
            std::process::id()
        );
        assert!(refused.to_string().starts_with(&expected), "{refused}");
        drop((first, other));
        let _again = take("my-s9", "192.168.1.40:4028", "thermine train").expect("free again");
        let refused = take("s9", "192.168.1.40:4028", "thermine run").expect_err("held");
        assert!(refused.to_string().contains("thermine train"), "{refused}");
    }

    #[test]
    fn a_port_by_another_name_is_the_same_port() {
        let dir = tempfile::tempdir().expect("a folder");
        let (port, link) = (dir.path().join("tty"), dir.path().join("by-id"));
        File::create(&port).expect("made");
        std::os::unix::fs::symlink(&port, &link).expect("linked");
        let of = |path: &Path| {
            let mut config = Config::simulated(thermine_units::model::Model::Bm1366).expect("one");
            config.serial.as_mut().expect("serial").port = path.to_path_buf();
            key(&config)
        };
        assert_eq!(of(&port), of(&link));
        assert_ne!(of(&port), of(Path::new("/dev/no-such-port")));
    }
}
