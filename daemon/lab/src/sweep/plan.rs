//! A sweep made for one unit.

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thermine_reservoir::split::Split;
use thermine_sim::params::Params;

use super::feasibility::Feasibility;
use super::grid::{Grid, MOST_CELLS, Range};
use super::request::Sweep;
use crate::backend::Backend;
use crate::config::Config;

/// What a cell depends on, beside its point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(super) window_seconds: f64,
    pub(super) shares: u64,
    pub(super) hold_seconds: f64,
    pub(super) split: Split,
    /// Longest delay of the memory capacity, steps.
    pub(super) delays: usize,
    pub(super) narma: bool,
    pub(super) seed: u64,
}

/// A sweep that can be carried out.
#[derive(Debug)]
pub struct Plan {
    /// Configuration of the unit.
    pub(crate) config: Config,
    pub(super) on_twin: bool,
    pub(super) params: Params,
    /// The operating points.
    pub(crate) grid: Grid,
    pub(super) settings: Settings,
    /// First 16 hex digits of the SHA-256 of everything that a cell depends on.
    pub config_hash: String,
}

impl Plan {
    /// The sweep that `request` asks for on the unit of `config`.
    ///
    /// # Errors
    /// If the unit cannot be swept, or not over these ranges.
    pub fn new(request: &Sweep, config: Config, backend: Backend) -> Result<Plan> {
        let model = config.unit.model;
        let Some(params) = Params::of(model) else {
            bail!(
                "{model}: a chain of bare chips has neither a twin nor a voltage: sweep a unit with a controller"
            );
        };
        let on_twin = backend == Backend::Twin;
        let silicon = config.unit.simulated.as_ref().map(|s| s.silicon.clone());
        ensure!(
            !on_twin || silicon.is_some(),
            "--backend twin is a simulation, but {} is not configured as a simulated unit",
            config.unit.name
        );
        // A sweep sets clock and voltage itself; the chips are those of the configuration.
        let params = Params {
            silicon: silicon.unwrap_or_default(),
            ..params
        };
        // A twin can be built for any voltage; a unit only takes one over its wire.
        let is_settable = on_twin || model.limits().voltage.is_some();
        if request.voltage.is_some() && !is_settable {
            bail!("--voltage: that of a {model} cannot be set over its wire");
        }
        let usual = Grid::usual(model);
        let values = |asked: Option<Range>, usual: Range| asked.unwrap_or(usual).values();
        let grid = Grid {
            voltages: if is_settable {
                values(request.voltage, usual.0)
            } else {
                Vec::new()
            },
            frequencies: values(request.frequency, usual.1),
            difficulties: request.difficulty.unwrap_or(usual.2).values(),
        };
        let cells = grid.points().len();
        ensure!(
            cells <= MOST_CELLS,
            "{cells} cells are more than {MOST_CELLS}: take larger steps"
        );
        let settings = Settings {
            window_seconds: request.window,
            shares: request.shares,
            hold_seconds: request.hold,
            split: Split {
                washout: 50,
                train: request.train,
                test: request.train / 2,
            },
            delays: 30,
            narma: request.narma,
            seed: request.seed,
        };
        let everything = serde_json::to_string(&(
            env!("CARGO_PKG_VERSION"),
            on_twin,
            config.fingerprint()?.0,
            &params,
            &grid,
            &settings,
        ))?;
        Ok(Plan {
            config_hash: hex::encode(Sha256::digest(everything))[..16].to_string(),
            config,
            on_twin,
            params,
            grid,
            settings,
        })
    }

    /// The shares that the windows of the plan can hold.
    pub fn feasibility(&self) -> Feasibility {
        let (window, wanted) = (self.settings.window_seconds, self.settings.shares);
        Feasibility::of(&self.params, &self.grid, window, wanted)
    }
}
