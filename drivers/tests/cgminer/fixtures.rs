//! The replies in `tests/data`: what the simulator sends, and what the views make of it.

use std::time::Duration;

use thermine_drivers::cgminer::Reply;
use thermine_drivers::cgminer::reply::{Severity, telemetry};
use thermine_sim::s9_api::{self, Firmware, Form};
use thermine_units::clock::Nanos;
use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm};

use crate::support::{data, unit};

fn reply(name: &str) -> Reply {
    Reply::parse(data(name).as_bytes()).expect("a reply")
}

#[test]
fn the_simulator_sends_them_to_the_byte() {
    let mut state = unit();
    let json = Form::Json;
    let new = |command| data(&format!("bmminer-30.0.1.3-{command}.txt"));
    assert_eq!(s9_api::version(&state, json), new("version"));
    assert_eq!(s9_api::summary(&state, json), new("summary"));
    assert_eq!(s9_api::pools(&state, json), new("pools"));
    assert_eq!(s9_api::devs(&state, json), new("devs"));
    assert_eq!(s9_api::stats(&state, json), new("stats"));
    let asked =
        |command| s9_api::answer(&state, format!(r#"{{"command":"{command}"}}"#).as_bytes());
    assert_eq!(asked("config"), new("config"));
    assert_eq!(asked("version+summary"), new("version+summary"));

    state.firmware = Firmware::V16_8_1_3;
    let old = |command| data(&format!("bmminer-16.8.1.3-{command}.txt"));
    assert_eq!(s9_api::version(&state, json), old("version"));
    assert_eq!(s9_api::stats(&state, json), old("stats"));
}

#[test]
fn an_s9_reads_alike_on_both_firmwares() {
    for firmware in ["30.0.1.3", "16.8.1.3"] {
        let identity = reply(&format!("bmminer-{firmware}-version.txt")).identity();
        assert_eq!(identity.model.as_deref(), Some("Antminer S9"));
        assert_eq!(identity.firmware.as_deref(), Some(firmware));
        assert_eq!(identity.api.as_deref(), Some("3.1"));

        let stats = reply(&format!("bmminer-{firmware}-stats.txt")).stats();
        assert_eq!(stats.fan_count, Some(2));
        let summary = reply("bmminer-30.0.1.3-summary.txt").summary();
        let taken = Nanos::from_seconds(7.0);
        let reading = telemetry(taken, &summary, &stats, &[]);
        assert_eq!(reading.taken, taken);
        assert_eq!(reading.fans, [Rpm(3720.0), Rpm(2400.0)]);
        assert_eq!(reading.hash_rate, Some(HashRate(13_883.81e9)));
        assert_eq!(reading.hash_rate_average, Some(HashRate(13_500e9)));
        assert_eq!(reading.hardware_errors, Some(19));
        assert_eq!((reading.accepted, reading.rejected), (Some(1000), Some(3)));
        assert_eq!(reading.power, None);
        assert_eq!(reading.uptime, Some(Duration::from_secs(86_400)));
        assert_eq!(reading.hottest(), Some(Celsius(76.0)));
        let slots: Vec<u8> = reading.boards.iter().map(|board| board.slot).collect();
        assert_eq!(slots, [6, 7, 8]);
        let board = &reading.boards[2];
        assert_eq!(board.pcb_temp, Some(Celsius(60.0)));
        assert_eq!(board.chip_temp, Some(Celsius(75.0)));
        assert_eq!(board.frequency, Some(MegaHertz(650.0)));
        assert_eq!(board.hash_rate, Some(HashRate(4630.37e9)));
        assert_eq!((board.chips, board.failing_chips), (Some(63), Some(1)));
        assert_eq!((board.hardware_errors, board.failed_sensors), (Some(7), 0));
    }
}

#[test]
fn pools_and_devices_are_read() {
    let pools = reply("bmminer-30.0.1.3-pools.txt").pools();
    assert_eq!(pools.len(), 3);
    assert_eq!(pools[0].difficulty, Some(32_800.0));
    assert_eq!(pools[0].last_share_age, Some(Duration::from_secs(5)));
    assert_eq!(pools[0].active, Some(true));
    assert_eq!(pools[1].last_share_age, None);
    assert_eq!(pools[1].difficulty, None);
    assert_eq!(pools[2].url, None);
    assert_eq!(pools[2].status.as_deref(), Some("Dead"));

    let devices = reply("bmminer-30.0.1.3-devs.txt").devices();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].name.as_deref(), Some("BC5"));
    assert_eq!(devices[0].pcb_temp, None);
    assert_eq!(devices[0].enabled, Some(true));
    assert_eq!(devices[0].hash_rate, Some(HashRate(13_883.81e9)));
}

#[test]
fn a_refusal_and_a_joined_reply_are_read() {
    let status = reply("bmminer-30.0.1.3-config.txt")
        .status()
        .expect("a status");
    assert_eq!((status.severity, status.code), (Severity::Error, Some(45)));
    let joined = reply("bmminer-30.0.1.3-version+summary.txt");
    let summary = joined.part("summary").expect("a part").summary();
    assert_eq!(summary, reply("bmminer-30.0.1.3-summary.txt").summary());
}

#[test]
fn a_goldshell_counts_in_megahashes() {
    let summary = reply("intminer-5.4.2-summary.txt").summary();
    assert_eq!(summary.hash_rate, Some(HashRate(175_123.45e6)));
    assert_eq!(summary.best_share, Some(1_234_567.89));
}

#[test]
fn a_reply_cut_anywhere_is_an_error() {
    let whole = data("bmminer-30.0.1.3-stats.txt");
    for end in 0..whole.len() {
        let error = Reply::parse(&whole.as_bytes()[..end]).expect_err("cut");
        assert!(error.is_eof(), "cut at {end}: {error}");
    }
}
