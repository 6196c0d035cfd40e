//! A simulated Antminer S9 at the far end of real sockets: mines at a Stratum pool and answers the
//! cgminer API and the stock firmware's web page, with one physics behind all.

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::device::Device;
use super::fault::Fault;
use super::miner::{Miner, PoolCounters, PoolSettings};
use super::s9_api::{self, ApiState, BoardState, Firmware, PoolState};
use super::sensors::Sensors;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::model::s9;
use thermine_units::params::Params;
use thermine_units::quantity::{Celsius, Rpm, Watts};
use thermine_units::seed;

/// What a simulated S9 is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it mines.
    pub pool: PoolSettings,
    /// Parameters of its physics.
    pub params: Params,
    /// Seed of its physics and of its nonces.
    pub seed: u64,
    /// What breaks, and when.
    pub faults: Vec<(Nanos, Fault)>,
}

/// What no firmware knows of the unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    pub(crate) at: Nanos,
    /// Temperature of the hottest die at `at`.
    pub(crate) hottest: Celsius,
    /// The same at its highest so far.
    pub peak: Celsius,
    /// What a meter at the wall shows.
    pub wall: Watts,
}

/// Starts the unit as tasks of `tracker`; it serves its API on `api` and mines until `shutdown`. It
/// begins warm, as after half an hour of hashing. Returns the truth about it, for tests.
pub fn start(
    settings: Settings,
    api: TcpListener,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) -> watch::Receiver<Truth> {
    start_with_page(settings, api, None, clock, tracker, shutdown)
}

/// As [`start`], with the firmware's web page on `page`.
pub fn start_with_page(
    settings: Settings,
    api: TcpListener,
    page: Option<TcpListener>,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) -> watch::Receiver<Truth> {
    let mut device = Device::warm(&settings.params, settings.seed);
    for (at, fault) in &settings.faults {
        device.inject(*at, *fault);
    }
    let hottest = device.hottest_die();
    let (truth, truth_seen) = watch::channel(Truth {
        at: device.now(),
        hottest,
        peak: hottest,
        wall: device.sensors().meter,
    });
    let pool_url = format!("stratum+tcp://{}", settings.pool.pool);
    let user = settings.pool.worker.clone();
    let state = move |sensors: &Sensors, counters: &PoolCounters, clock: &Clock| {
        api_state(sensors, counters, clock, &pool_url, &user)
    };
    let first = state(&device.sensors(), &PoolCounters::default(), &clock);
    let (sender, receiver) = watch::channel(first);
    let report_clock = clock.clone();
    // With each sample and at no other time: what a reader sees then depends on device time alone.
    let mut shown = device.sampled();
    let report = move |device: &Device, counters: &PoolCounters| {
        if truth.borrow().at != device.now() {
            truth.send_modify(|truth| truth.note(device));
        }
        if device.sampled() != shown && !device.api_is_frozen() {
            shown = device.sampled();
            sender.send_replace(state(&device.sensors(), counters, &report_clock));
        }
    };
    let rng = seed::stream(settings.seed, "nonces");
    let miner = Miner::new(device, settings.pool, clock, rng, report);
    tracker.spawn(miner.run(shutdown.clone()));
    if let Some(page) = page {
        let (state, seed) = (receiver.clone(), settings.seed);
        tracker.spawn(s9_api::serve_page(page, state, seed, shutdown.clone()));
    }
    tracker.spawn(s9_api::run(api, receiver, shutdown.clone()));
    truth_seen
}

impl Truth {
    fn note(&mut self, device: &Device) {
        self.at = device.now();
        self.hottest = device.hottest_die();
        self.peak = Celsius(self.peak.0.max(self.hottest.0));
        self.wall = device.sensors().meter;
    }
}

fn api_state(
    sensors: &Sensors,
    counters: &PoolCounters,
    clock: &Clock,
    pool_url: &str,
    user: &str,
) -> ApiState {
    let boards = sensors.boards.iter().zip(s9::SLOTS);
    let pool = PoolState {
        url: pool_url.to_string(),
        user: user.to_string(),
        alive: counters.connected,
        active: counters.connected,
        difficulty: counters.difficulty.map(f64::from),
        getworks: counters.jobs,
        accepted: counters.accepted,
        rejected: counters.rejected - counters.stale,
        stale: counters.stale,
        difficulty_accepted: counters.difficulty_accepted,
        difficulty_rejected: counters.difficulty_rejected,
        last_share_difficulty: counters.difficulty.map_or(0.0, f64::from),
        last_share: counters.last_share.map(|t| clock.unix(t).as_secs()),
        best_share: counters.best_share as u64,
        ..PoolState::default()
    };
    let fan = |i: usize| sensors.fans.get(i).copied().unwrap_or(Rpm(0.0));
    ApiState {
        firmware: Firmware::default(),
        unix: clock.unix(sensors.taken).as_secs(),
        elapsed: sensors.uptime,
        frequency: sensors.frequency,
        boards: boards
            .map(|(board, slot)| BoardState {
                slot,
                pcb_temp: board.pcb.0 as i16,
                chip_temp: board.chip.0 as i16,
                third_temp: 0,
                frequency: sensors.frequency,
                chips: s9::CHIPS_PER_BOARD,
                failing: Vec::new(),
                hash_rate: board.hash_rate,
                hardware_errors: board.hardware_errors,
                reopened: Vec::new(),
            })
            .collect(),
        fans: [fan(0), fan(1)],
        total_mh: sensors.hash_rate_average.0 * sensors.uptime.as_secs_f64() * 1e-6,
        pools: [pool, PoolState::default(), PoolState::default()],
        found_blocks: 0,
        local_work: counters.jobs,
        network_blocks: counters.jobs,
        last_getwork: clock.unix(sensors.taken).as_secs(),
    }
}
