//! The network beside the check values of the device model, and its own laws.

use super::super::hashing::Chips;
use super::super::testing::Table;
use super::*;
use thermine_units::seed;
use thermine_units::unit::BOARDS;

/// A network at ambient 25 °C that has run for `seconds` at `duty`.
fn run(network: &mut Network, p: &Params, duty: f64, seconds: f64) {
    for _ in 0..(seconds / p.tick_s).round() as u64 {
        network.step(drive(p, duty));
    }
}

fn drive(p: &Params, duty: f64) -> Drive {
    Drive {
        voltage: p.voltage_v,
        clocking: p.frequency_mhz * 1e6 * (p.idle + (1.0 - p.idle) * duty),
        boards: [1.0; BOARDS],
        fan: p.fan,
        flow: 1.0,
        ambient: p.ambient_c,
    }
}

fn steady(p: &Params) -> Network {
    let mut network = Network::new(p, p.ambient_c);
    run(&mut network, p, 1.0, 4000.0);
    network
}

/// Right hashes per second, mean over 200 units.
fn hash_rate(p: &Params, network: &Network) -> f64 {
    let units = 200;
    let rates = (0..units).map(|seed| {
        let mut chips = Chips::new(p, &mut seed::stream(seed, "sim/spread"));
        let frequency = p.frequency_mhz * 1e6;
        chips.update(frequency, p.voltage_v, network.division(), network.die());
        chips.valid_rate()
    });
    rates.sum::<f64>() / units as f64
}

/// Fall of a temperature within `seconds` of a step of duty from 1 to 0.5, and the time in which it
/// falls by 63 % of the way.
struct Fall {
    first_second: f64,
    ten_seconds: f64,
    time_63: f64,
}

fn fall(p: &Params, read: impl Fn(&Network) -> f64) -> Fall {
    let mut network = steady(p);
    let mut after = vec![read(&network)];
    for _ in 0..(4000.0 / p.tick_s) as u64 {
        network.step(drive(p, 0.5));
        after.push(read(&network));
    }
    let fallen = |ticks: usize| after[0] - after[ticks];
    let at = |seconds: f64| fallen((seconds / p.tick_s).round() as usize);
    let whole = fallen(after.len() - 1);
    let ticks = (0..after.len()).find(|&i| fallen(i) > 0.632 * whole);
    Fall {
        first_second: at(1.0),
        ten_seconds: at(10.0),
        time_63: ticks.expect("falls") as f64 * p.tick_s,
    }
}

fn fine(p: Params) -> Params {
    Params { tick_s: 0.1, ..p }
}

#[test]
fn the_s9_meets_the_check_values_of_the_device_model() {
    let p = fine(Params::s9());
    let network = steady(&p);
    let rate = hash_rate(&p, &network);
    let raw = 189.0 * 114.0 * 600e6;
    let chip = fall(&p, |n| n.sensed_die(0));
    let pcb = fall(&p, |n| n.sensed_pcb(0));
    Table::new("Antminer S9", "sheet", "model")
        .row("wall power, W", 1254.0, network.wall_power(), 0.02)
        .row("right hashes, TH/s", 12.5, rate * 1e-12, 0.02)
        .row("errors, %", 3.6, 100.0 * (1.0 - rate / raw), 0.05)
        .row("last PCB, °C", 74.0, network.sensed_pcb(0), 0.03)
        .row("last chip, °C", 91.0, network.sensed_die(0), 0.02)
        .row("chip after 1 s, K", 2.5, chip.first_second, 0.05)
        .row("chip after 10 s, K", 4.6, chip.ten_seconds, 0.03)
        .row("chip 63 %, s", 121.0, chip.time_63, 0.03)
        .row("PCB 63 %, s", 171.0, pcb.time_63, 0.03)
        .check();
    let rise = network.sensed_die(0) - network.die()[0];
    assert!((15.0..21.0).contains(&rise), "first to last chip: {rise} K");
}

#[test]
fn the_lv06_meets_the_check_values_of_the_device_model() {
    let p = fine(Params::lv06());
    let network = steady(&p);
    let chip = fall(&p, |n| n.sensed_die(0));
    let rate = hash_rate(&p, &network);
    Table::new("LV06", "sheet", "model")
        .row("wall power, W", 12.6, network.wall_power(), 0.02)
        .row("right hashes, TH/s", 0.498, rate * 1e-12, 0.02)
        .row("chip, °C", 65.0, network.sensed_die(0), 0.02)
        .row("chip after 1 s, K", 3.3, chip.first_second, 0.05)
        .row("chip 63 %, s", 127.0, chip.time_63, 0.05)
        .check();
}

#[test]
fn the_lb_box_meets_its_nameplate() {
    let p = fine(Params::lb_box());
    let network = steady(&p);
    let rate = hash_rate(&p, &network);
    Table::new("LB-Box", "nameplate or estimate", "model")
        .row("wall power, W", 162.0, network.wall_power(), 0.02)
        .row("right hashes, GH/s", 175.0, rate * 1e-9, 0.02)
        .row("last chip, °C", 75.0, network.sensed_die(0), 0.04)
        .row("last PCB, °C", 62.0, network.sensed_pcb(0), 0.06)
        .check();
}

#[test]
fn the_sweep_step_agrees_with_the_check_step() {
    let coarse = steady(&Params::s9());
    let fine = steady(&fine(Params::s9()));
    for (a, b) in coarse.die().iter().zip(fine.die()) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
}

/// In the steady state all that the wall delivers leaves with the air.
#[test]
fn heat_in_is_heat_out() {
    for p in [
        Params::s9(),
        Params {
            regulator_heats: RegulatorHeats::Board,
            ..Params::s9()
        },
        Params::lv06(),
    ] {
        let network = steady(&p);
        let h = network.fan.powf(0.6);
        let mut out = 0.0;
        for (c, air) in network.scratch.air.iter().enumerate() {
            let sinks = network.sink.iter().skip(c).step_by(network.pcb.len());
            out += sinks.map(|sink| sink - air).sum::<f64>() * h / p.sink_air_k_w;
            out += (network.pcb[c] - air) * h * p.pcb_air_w_k;
        }
        if p.regulator_heats == RegulatorHeats::Inlet {
            out += network.scratch.regulator_heat.iter().sum::<f64>();
        }
        assert!((out / network.wall_power() - 1.0).abs() < 1e-4, "{out}");

        // And the air is that much warmer.
        let carried = p.air_w_k * network.fan;
        let last = network.scratch.air.len() - 1;
        if p.boards == 3 {
            let rise = network.wall_power() / 3.0 / carried;
            let before_last = network.scratch.air[last] - p.ambient_c;
            assert!((before_last / rise - 20.0 / 21.0).abs() < 0.01, "{rise}");
        }
    }
}

#[test]
fn the_columns_share_the_voltage_of_the_board() {
    let network = steady(&Params::s9());
    for board in network.division().chunks_exact(21) {
        assert!((board.iter().sum::<f64>() - 21.0).abs() < 1e-9);
        assert!(board[20] < board[0], "the hot end gets less");
    }
}
