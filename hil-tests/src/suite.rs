//! The units that the suite runs on: one simulated unit of each model, or those of a rig.
//!
//! `THERMINE_RIG=configs/rig.toml cargo test -p hil-tests --test suite -- --nocapture` runs the same tests on the
//! units that the file names, one after the other.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use thermine_lab::attach::{Attachments, Driven, Unit};
use thermine_lab::config::{Config, rack};
use thermine_lab::substrate::{Discipline, Drive, Pace};
use thermine_units::clock::Clock;
use thermine_units::model::Model;
use thermine_units::record::Recorder;
use thermine_units::unit::OperatingPoint;
use tokio::sync::{Mutex, MutexGuard};

/// Environment variable that names the rig's file.
const RIG: &str = "THERMINE_RIG";

/// A unit at its wires, ready to be driven.
#[derive(Debug)]
pub struct Bench {
    /// Its configuration.
    pub config: Config,
    /// The unit that is tested.
    pub unit: Unit,
    /// What runs beside it.
    pub rig: Attachments,
    /// Real units are shared by all tests, which therefore take turns.
    _turn: Option<MutexGuard<'static, ()>>,
}

/// The units under test.
///
/// # Panics
/// If the rig's file is wrong: nothing is skipped silently.
pub fn configs() -> Vec<Config> {
    let configs = match std::env::var_os(RIG) {
        Some(path) => {
            // Tests run in their package's folder, a path is given from that of the workspace.
            let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
            rack::load(&workspace.join(path))
        }
        None => Model::ALL.into_iter().map(Config::simulated).collect(),
    };
    configs.unwrap_or_else(|error| panic!("{error}"))
}

impl Bench {
    /// Brings in the unit of `config` and says where `test` runs.
    ///
    /// # Panics
    /// If it cannot be had.
    pub async fn open(config: &Config, test: &str) -> Bench {
        static TURN: OnceLock<Mutex<()>> = OnceLock::new();
        let (clock, turn) = match &config.unit.simulated {
            Some(_) => (Clock::virtual_time(), None),
            None => {
                let turn = TURN.get_or_init(Mutex::default).lock().await;
                (Clock::real(), Some(turn))
            }
        };
        let name = &config.unit.name;
        let (unit, rig) = bring_in(config, clock)
            .await
            .unwrap_or_else(|error| panic!("{test} on {name}: {error:#}"));
        say(&format!(
            "{test}: on {name} ({}), {}, {}",
            config.unit.model,
            unit.provenance(),
            unit.wires()
        ));
        Bench {
            config: config.clone(),
            unit,
            rig,
            _turn: turn,
        }
    }

    /// The unit's model.
    pub fn model(&self) -> Model {
        self.unit.model
    }

    /// Whether it is simulated.
    pub fn is_simulated(&self) -> bool {
        self.config.unit.simulated.is_some()
    }

    /// Begins to drive it, unrecorded.
    ///
    /// # Panics
    /// If it is driven already.
    pub fn drive(&mut self) -> Driven {
        self.unit
            .drive(Discipline::Dialogue, Recorder::discard())
            .unwrap_or_else(|error| panic!("{}: {error:#}", self.unit.name))
    }

    /// A step at its configured difficulty.
    pub fn step(&self, duty: f64, shares: u32, hold_seconds: f64) -> Drive {
        Drive {
            word: 0,
            later: 0,
            difficulty: self.config.step.difficulty,
            duty,
            point: OperatingPoint::default(),
            pace: Pace {
                shares,
                hold: Duration::from_secs_f64(hold_seconds),
                timeout: Duration::from_secs_f64(hold_seconds + 120.0),
            },
        }
    }

    /// Leaves the unit at its safe point.
    ///
    /// # Panics
    /// If it does not confirm that.
    pub async fn close(self) {
        let name = self.unit.name.clone();
        assert!(self.unit.end().await, "{name} is at its safe point");
        self.rig.close().await;
    }
}

async fn bring_in(
    config: &Config,
    clock: Clock,
) -> Result<(Unit, Attachments), Box<dyn std::error::Error + Send + Sync>> {
    let mut rig = Attachments::new(clock)?;
    let mut unit = rig.attach(config, 1).await?;
    if config.unit.simulated.is_none() {
        say(&format!("waiting for {}", unit.instructions()));
    }
    for remark in unit.ready().await? {
        say(&format!("{}: {remark}", unit.name));
    }
    Ok((unit, rig))
}

/// A line for whoever runs the tests with `--nocapture`.
#[expect(clippy::print_stdout, reason = "each test says where it ran")]
pub fn say(line: &str) {
    println!("{line}");
}
