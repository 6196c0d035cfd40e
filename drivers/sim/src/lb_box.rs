//! A simulated Goldshell LB-Box at the far end of real sockets: mines at a Stratum pool, is read and set
//! through its web backend, and answers the cgminer API, with one physics behind all three.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cgminer_api;
use super::command::{Tap, orders};
use super::device::Device;
use super::firmware;
use super::goldshell::{self, Backend, BoxState, Firmware, History};
use super::miner::{Miner, PoolCounters, PoolSettings};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::params::Params;
use thermine_units::quantity::{Celsius, HashRate};
use thermine_units::seed;

/// What a simulated LB-Box is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it mines.
    pub pool: PoolSettings,
    /// Parameters of its physics.
    pub params: Params,
    /// Seed of its physics and of its nonces.
    pub seed: u64,
    /// Its web backend.
    pub firmware: Firmware,
}

/// Starts the unit as tasks of `tracker`; it serves its web backend on `http` and its cgminer API on `api`, and
/// mines until `shutdown`. It begins warm, as after half an hour of hashing.
pub fn start(
    settings: Settings,
    http: TcpListener,
    api: TcpListener,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let device = Device::warm(&settings.params, settings.seed);
    let mut front = Front::new(clock.clone());
    let (sender, receiver) = watch::channel(front.state(&device, &PoolCounters::default()));
    // With each sample, and at a restart: what a reader sees then depends on device time alone.
    let mut shown = (device.sampled(), Nanos::ZERO);
    let report = move |device: &Device, counters: &PoolCounters| {
        let due = (device.sampled(), counters.since);
        if due != shown {
            shown = due;
            sender.send_replace(front.state(device, counters));
        }
    };
    let (orders, inbox) = orders();
    let backend = Backend::new(
        settings.firmware,
        &settings.params,
        (
            &format!("stratum+tcp://{}", settings.pool.pool),
            &settings.pool.worker,
        ),
        receiver.clone(),
        orders,
    );
    let rng = seed::stream(settings.seed, "nonces");
    let miner = Miner::new(device, settings.pool, clock.clone(), rng, report).with_firmware(
        firmware::LB_BOX,
        inbox,
        Tap::none(clock),
    );
    tracker.spawn(miner.run(shutdown.clone()));
    tracker.spawn(goldshell::serve(http, backend, shutdown.clone()));
    tracker.spawn(cgminer_api::run(api, receiver, shutdown.clone()));
}

/// Makes the physics' readings into what the firmware reports, which counts from its last restart.
struct Front {
    clock: Clock,
    history: History,
    /// When it last restarted.
    since: Nanos,
    /// What the physics had counted then.
    hashes: f64,
    errors: u64,
}

impl Front {
    fn new(clock: Clock) -> Front {
        Front {
            clock,
            history: History::default(),
            since: Nanos::ZERO,
            hashes: 0.0,
            errors: 0,
        }
    }

    fn state(&mut self, device: &Device, counters: &PoolCounters) -> BoxState {
        let sensors = device.sensors();
        let params = device.params();
        let counted = sensors.taken.since(Nanos::ZERO).as_secs_f64();
        let hashes = sensors.hash_rate_average.0 * counted;
        if counters.since != self.since {
            *self = Front {
                since: counters.since,
                hashes,
                errors: sensors.hardware_errors,
                ..Front::new(self.clock.clone())
            };
        }
        // The sample may be older than the restart: then nothing has been counted since.
        let elapsed = sensors.taken.since(self.since);
        let hashed = (hashes - self.hashes).max(0.0);
        let average = if elapsed > Duration::ZERO {
            hashed / elapsed.as_secs_f64()
        } else {
            0.0
        };
        self.history.note(elapsed, sensors.hash_rate.0 * 1e-6);
        let board = sensors.boards.first();
        BoxState {
            unix: self.clock.unix(sensors.taken).as_secs(),
            elapsed,
            frequency: sensors.frequency,
            voltage: sensors.voltage,
            chip: board.map_or(Celsius(0.0), |board| board.chip),
            pcb: board.map_or(Celsius(0.0), |board| board.pcb),
            fans: sensors.fans.clone(),
            chips: params.columns * params.chips,
            hash_rate: sensors.hash_rate,
            hash_rate_average: HashRate(average),
            hardware_errors: sensors.hardware_errors.saturating_sub(self.errors),
            total_mh: hashed * 1e-6,
            counters: counters.clone(),
            history: self.history.clone(),
            last_share: counters.last_share.map(|t| self.clock.unix(t).as_secs()),
        }
    }
}
