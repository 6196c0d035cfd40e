//! A simulated Lucky Miner LV06 at the far end of real sockets: mines at a Stratum pool and serves the
//! AxeOS page, with one physics behind both.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::axeos::rate::Window;
use super::axeos::state::{
    OVERHEAT_FREQUENCY, OVERHEAT_VOLTAGE, Readings, Stored, automatic_fan, must_shut_down,
};
use super::axeos::{self, Build, State, Unit};
use super::command::{Command, Orders, Tap, orders};
use super::device::Device;
use super::firmware;
use super::miner::{Miner, PoolCounters, PoolSettings};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::params::Params;
use thermine_units::quantity::{Celsius, HashRate, Rpm};
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;

/// What a simulated LV06 is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it mines.
    pub pool: PoolSettings,
    /// Parameters of its physics.
    pub params: Params,
    /// Seed of its physics and of its nonces.
    pub seed: u64,
}

/// Starts the unit as tasks of `tracker`; it serves its page on `api` and mines until `shutdown`. It
/// begins warm, as after half an hour of hashing, with the fan held at the speed of its table.
pub fn start(
    settings: Settings,
    api: TcpListener,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) {
    start_with(Build::V2_1, settings, api, clock, tracker, shutdown);
}

/// As [`start`], with another build of the firmware.
pub fn start_with(
    build: Build,
    settings: Settings,
    api: TcpListener,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let device = Device::warm(&settings.params, settings.seed);
    let counters = PoolCounters::default();
    let first = State {
        stored: stored(build, &settings),
        readings: readings(&device, &counters, HashRate(0.0)),
    };
    let state = Arc::new(watch::Sender::new(first));
    let (orders, inbox) = orders();
    let tap = Tap::new(clock.clone());
    let mut firmware = Firmware {
        state: state.clone(),
        orders: orders.clone(),
        shown: device.sampled(),
        since: counters.since,
        window: Window::default(),
    };
    let report = move |device: &Device, counters: &PoolCounters| firmware.look(device, counters);
    let rng = seed::stream(settings.seed, "nonces");
    let miner = Miner::new(device, settings.pool, clock, rng, report).with_firmware(
        firmware::LV06,
        inbox,
        tap.clone(),
    );
    tracker.spawn(miner.run(shutdown.clone()));
    let unit = Unit { state, orders, tap };
    tracker.spawn(axeos::run(api, unit, shutdown.clone()));
}

/// The loop in which the controller watches its sensors.
struct Firmware {
    state: Arc<watch::Sender<State>>,
    orders: Orders,
    /// When the sample that is shown was taken.
    shown: Nanos,
    /// Start that the shown counters are of.
    since: Nanos,
    window: Window,
}

impl Firmware {
    /// Shows each new sample, and each change of being on or off, and nothing at other times: what a reader
    /// sees then depends on device time alone.
    fn look(&mut self, device: &Device, counters: &PoolCounters) {
        let on = device.now() >= counters.since;
        let restarted = self.since != counters.since || self.state.borrow().readings.on != on;
        if device.sampled() == self.shown && !restarted {
            return;
        }
        if self.since != counters.since {
            self.window.clear();
        }
        self.shown = device.sampled();
        self.since = counters.since;
        let sensors = device.sensors();
        let hashes = sensors.hash_rate_average.0 * sensors.taken.seconds();
        let rate = self.window.rate(sensors.taken, hashes);
        self.state.send_modify(|state| {
            let best = &mut state.stored.best_difficulty;
            *best = best.max(counters.best_share);
            state.readings = readings(device, counters, rate);
            if on {
                guard(state, &self.orders);
            }
        });
    }
}

/// What the firmware does about heat: shuts down, or turns the fan up.
fn guard(state: &mut State, orders: &Orders) {
    if must_shut_down(state) {
        let mut fallback = state.stored.clone();
        fallback.frequency = OVERHEAT_FREQUENCY;
        fallback.core_voltage = OVERHEAT_VOLTAGE;
        fallback.autofanspeed = 0;
        fallback.fanspeed = 100;
        fallback.manual_fan = 100;
        fallback.overheat_mode = 1;
        let point = fallback.operating_point();
        // Without room in the queue the next look tries again.
        if orders.try_give([Command::Set(point), Command::Restart(None)]) {
            state.stored = fallback;
        }
    } else if state.stored.autofanspeed != 0 {
        let percent = automatic_fan(state.readings.chip);
        let point = OperatingPoint {
            fan: Some(f64::from(percent) / 100.0),
            ..OperatingPoint::default()
        };
        if percent != state.stored.fanspeed && orders.try_give([Command::Set(point)]) {
            state.stored.fanspeed = percent;
        }
    }
}

fn readings(device: &Device, counters: &PoolCounters, hash_rate: HashRate) -> Readings {
    let sensors = device.sensors();
    let board = sensors.boards.first();
    let nothing = Celsius(-1.0);
    Readings {
        on: device.now() >= counters.since,
        uptime: device.now().since(counters.since),
        power: sensors.meter,
        chip: board.map_or(nothing, |board| board.chip),
        regulator: board.map_or(nothing, |board| board.regulator),
        hash_rate,
        core_voltage: sensors.voltage,
        fan: sensors.fans.first().copied().unwrap_or(Rpm(0.0)),
        accepted: counters.accepted,
        rejected: counters.rejected,
        best_session: counters.best_share,
    }
}

fn stored(build: Build, settings: &Settings) -> Stored {
    let (params, pool) = (&settings.params, &settings.pool);
    Stored {
        build,
        frequency: params.frequency_mhz.round() as u16,
        core_voltage: (params.voltage_v * 1000.0).round() as u16,
        autofanspeed: 0,
        fanspeed: (params.fan * 100.0).round() as u16,
        manual_fan: (params.fan * 100.0).round() as u16,
        overheat_mode: 0,
        flipscreen: 1,
        invertscreen: 0,
        invertfanpolarity: 1,
        stratum_url: pool.pool.ip().to_string(),
        stratum_port: pool.pool.port(),
        stratum_user: pool.worker.clone(),
        ssid: "lab".to_owned(),
        hostname: "luckyminer".to_owned(),
        swarm: "[]".to_owned(),
        best_difficulty: 0.0,
    }
}
