//! Captures of what a unit does live, where the configuration asks for them: one while its keeper lasts, and a new one
//! after one that has failed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use thermine_units::record::{Durable, Recorder};
use tokio::sync::watch;

use thermine_capture::place::Place;
use thermine_capture::{RunMeta, Store};
use thermine_lab::config::Config;
use thermine_lab::config::daemon::{Daemon, Live};

/// Wall time that the last records are given to reach the disk.
const CLOSING: Duration = Duration::from_secs(10);

/// Where the live drives of one unit are kept.
#[derive(Debug)]
pub(super) struct Captures {
    /// A folder or the URL of a database; `None` if nothing is kept.
    place: Option<PathBuf>,
    task: Live,
    config: Config,
    seed: u64,
    open: Option<Open>,
}

/// A capture that is being written.
#[derive(Debug)]
struct Open {
    store: Store,
    drives: u64,
    durable: watch::Receiver<Durable>,
}

impl Captures {
    /// Those of the unit of `config`, whose jobs and physics follow from `seed`.
    pub(super) fn of(daemon: &Daemon, config: &Config, seed: u64) -> Captures {
        Captures {
            place: daemon.captures.clone(),
            task: daemon.live,
            config: config.clone(),
            seed,
            open: None,
        }
    }

    /// Where the next drive is kept: a stream of its own.
    ///
    /// # Errors
    /// If no capture can be made.
    pub(super) async fn next(&mut self) -> Result<Recorder> {
        let Some(place) = self.place.clone() else {
            return Ok(Recorder::discard());
        };
        let failed = |open: &Open| open.durable.borrow().failure.is_some();
        if self.open.as_ref().is_some_and(failed) {
            self.close().await;
        }
        let (store, drives) = match self.open.take() {
            Some(open) => (open.store, open.drives),
            None => {
                let meta = self.meta()?;
                let unit = self.config.unit.name.clone();
                let made = tokio::task::spawn_blocking(move || make(&place, &unit, &meta)).await;
                let store = made.context("the capture's maker has failed")??;
                let (unit, capture) = (&self.config.unit.name, store.path().display());
                tracing::info!(unit, %capture, "what it does live is kept");
                (store, 0)
            }
        };
        let drives = drives + 1;
        let recorder = store.stream(&format!("live{drives}"));
        self.open = Some(Open {
            store,
            drives,
            durable: recorder.durable(),
        });
        Ok(recorder)
    }

    fn meta(&self) -> Result<RunMeta> {
        let (config, config_hash) = self.config.fingerprint()?;
        Ok(RunMeta {
            seed: self.seed,
            config,
            config_hash,
            task: serde_json::json!({ "live": self.task }),
            provenance: self.config.provenance(false),
        })
    }

    /// Completes the capture. What has been recorded since the last commit is given some time.
    pub(super) async fn close(&mut self) {
        let Some(Open { store, .. }) = self.open.take() else {
            return;
        };
        let path = store.path().display().to_string();
        let finish = tokio::task::spawn_blocking(move || store.finish("finished"));
        let (unit, capture) = (&self.config.unit.name, path);
        match tokio::time::timeout(CLOSING, finish).await {
            Ok(Ok(Ok(_))) => {}
            Ok(Ok(Err(error))) => {
                tracing::error!(unit, capture, %error, "the capture has failed: it holds what was acknowledged");
            }
            Ok(Err(_)) | Err(_) => {
                tracing::error!(unit, capture, "the capture was not completed in time");
            }
        }
    }
}

/// A new capture of `unit` at `place`: in a folder, a file named after the unit and the time.
fn make(place: &Path, unit: &str, meta: &RunMeta) -> Result<Store> {
    let path = match Place::of(place)? {
        Place::Server { .. } => place.to_path_buf(),
        Place::File { .. } => {
            std::fs::create_dir_all(place)
                .with_context(|| format!("cannot make the folder {}", place.display()))?;
            let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
            place.join(format!("{unit}-{now}.sqlite"))
        }
    };
    Ok(Store::create(&path, meta)?)
}
