//! The units that the program plays itself, at the far end of real wires.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use thermine_drivers::sim::miner::PoolSettings;
use thermine_drivers::sim::params::Params;
use thermine_drivers::sim::s9;
use thermine_drivers::units::Model;
use tokio::net::TcpListener;

use super::Rig;
use crate::config::Config;

/// The listeners of a simulated unit's control interfaces.
#[derive(Debug)]
pub(super) struct Listeners {
    /// Address of the interface that is polled.
    pub(super) control: SocketAddr,
    listener: TcpListener,
}

/// Opens the listeners on free ports of `ip`.
///
/// # Errors
/// If there are none.
pub(super) async fn listen(ip: IpAddr) -> Result<Listeners> {
    let address = SocketAddr::new(ip, 0);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for the simulated unit's API"))?;
    Ok(Listeners {
        control: listener.local_addr()?,
        listener,
    })
}

impl Listeners {
    /// Starts the unit of `config` on them; it mines at `pool`.
    pub(super) fn start(
        self,
        config: &Config,
        pool: SocketAddr,
        difficulty_scale: f64,
        seed: u64,
        rig: &Rig,
    ) -> Result<()> {
        let worker = config
            .stratum
            .as_ref()
            .map(|stratum| stratum.worker.clone());
        let pool = PoolSettings {
            pool,
            worker: worker.unwrap_or_default(),
            difficulty_scale,
        };
        let (clock, tasks, shutdown) = (rig.clock.clone(), &rig.tasks, &rig.shutdown);
        match config.unit.model {
            Model::AntminerS9 => {
                let settings = s9::Settings {
                    pool,
                    params: Params::s9(),
                    seed,
                    faults: Vec::new(),
                };
                s9::start(settings, self.listener, clock, tasks, shutdown);
            }
            other => bail!("{other}: not simulated yet"),
        }
        Ok(())
    }
}
