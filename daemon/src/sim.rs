//! `thermine sim`: one simulated unit on its own, for other programs to be pointed at.

use anyhow::Result;
use thermine_drivers::clock::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli;
use crate::config::Config;
use crate::rig::simulated::{self, Mine};

/// Runs the subcommand until it is interrupted.
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
pub(crate) fn run(args: cli::Sim) -> Result<()> {
    let model = args.unit.model();
    let configured = Config::simulated(model)?.unit.simulated;
    let scale = args
        .difficulty_scale
        .or(configured.map(|simulated| simulated.difficulty_scale))
        .unwrap_or(1.0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let clock = Clock::scaled(args.speed);
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        if model.is_bare() {
            let parts = (&clock, &tasks, &shutdown);
            let path = simulated::chips(model, usize::from(args.chips), scale, args.seed, parts)?;
            println!("{model}: {} chips on {}", args.chips, path.display());
        } else {
            let ports = simulated::listen(model, args.bind, args.default_ports).await?;
            println!("{model}: control interface on {}", ports.control);
            if let Some(cgminer) = ports.cgminer {
                println!("{model}: cgminer API on {cgminer}");
            }
            println!(
                "{model}: mines at stratum+tcp://{} as {}, {scale:e} of the difficulty asked",
                args.pool, args.worker
            );
            if !args.bind.is_loopback() {
                tracing::warn!(bind = %args.bind, "the simulated unit can be reached from the network");
            }
            let mine = Mine {
                model,
                pool: args.pool,
                worker: args.worker,
                scale,
                frequency_mhz: None,
                voltage_v: None,
                fan: None,
                seed: args.seed,
            };
            ports.start(mine, &clock, &tasks, &shutdown);
        }
        println!("simulated; ends with Ctrl-C");
        tokio::signal::ctrl_c().await?;
        shutdown.cancel();
        tasks.close();
        tasks.wait().await;
        Ok(())
    })
}
