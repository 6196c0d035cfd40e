//! Follows `docs/adding-a-unit.md`: the page's model file is compiled, listed and driven.

use std::net::SocketAddr;
use std::path::Path;

use thermine_drivers::axeos;
use thermine_drivers::control::Control as _;
use thermine_drivers::interlock::Enforced;
use thermine_drivers::poller::Source as _;
use thermine_sim::miner::PoolSettings;
use thermine_sim::{Device, Params, lv06};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::nonce::Origin;
use thermine_units::pow::Difficulty;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
// The model's file finds these where it is: below the root of the crate.
use thermine_units::{nonce, params, pow, quantity, unit};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::model::Model;

/// What surrounds a model's file in the catalogue.
mod model {
    mod entry {
        pub(super) use thermine_units::model::{Entry, Inputs, Reports, Wire};

        macro_rules! example {
            ($name:literal) => {
                thermine_units::model::Example {
                    path: concat!("configs/", $name),
                    text: include_str!($name),
                }
            };
        }
        pub(super) use example;
    }
    mod limits {
        pub(super) use thermine_units::model::Limits;
    }
    mod quartz_q2;
    mod list {
        thermine_units::models! {
            QuartzQ2 = quartz_q2,
        }
    }

    pub(super) use list::Model;
}

fn params() -> Params {
    (Model::QuartzQ2.entry().physics)(0)
}

#[test]
fn the_page_shows_the_files_of_this_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
    let page = read("../../docs/adding-a-unit.md");
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let shown = |language: &str, text: &str| blocks.contains(&&*format!("{language}\n{text}"));
    assert!(shown(
        "rust",
        &read("tests/adding_a_unit/model/quartz_q2.rs")
    ));
    assert!(shown(
        "toml",
        &read("tests/adding_a_unit/model/sim-quartz-q2.toml")
    ));
    assert!(shown("rust", "    QuartzQ2 = quartz_q2,\n"));
    let list = read("../units/src/model/list.rs");
    assert!(
        list.contains("    LuckyMinerLv06 = lv06,\n"),
        "the list has such lines"
    );
}

#[test]
fn the_line_of_the_list_makes_it_a_model() {
    assert_eq!(Model::ALL, [Model::QuartzQ2]);
    let entry = Model::QuartzQ2.entry();
    let name = serde_json::to_string(&Model::QuartzQ2).expect("JSON");
    assert_eq!(name, format!("\"{}\"", entry.name));
    assert!(entry.example.text.contains(&format!("model = {name}")));
    for other in thermine_units::model::Model::ALL {
        assert!(other.name() != entry.name && other.entry().layout != entry.layout);
    }
}

#[test]
fn its_nonces_tell_chip_and_core() {
    let layout = Model::QuartzQ2.entry().layout;
    for (chip, core) in [(0, 0), (1, 0), (0, 111), (1, 55)] {
        let origin = Origin {
            chip,
            core: layout.core(core),
            counter: 0x00ab_cdef,
        };
        assert_eq!(layout.decode(layout.encode(origin)), origin);
        assert_eq!(layout.core_index(origin.core), Some(core));
    }
    assert_eq!(layout.core_index(112), None);
}

#[test]
fn the_interlock_holds_it_within_its_limits() {
    let limits = &Model::QuartzQ2.entry().limits;
    let enforced = Enforced::of(limits);
    assert_eq!(enforced.clamp(&limits.safe), (limits.safe, Vec::new()));
    let (set, remarks) = enforced.clamp(&OperatingPoint {
        frequency: Some(quantity::MegaHertz(900.0)),
        ..OperatingPoint::UNCHANGED
    });
    assert_eq!(set.frequency, Some(limits.frequency.1));
    assert_eq!(remarks.len(), 1);
}

#[test]
fn its_twin_hashes_at_the_rate_of_the_maker_below_the_temperatures_that_stop_it() {
    let params = params();
    params.check().expect("sound");
    let mut device = Device::warm(&params, 1);
    let mut found = Vec::new();
    device.take_job(1, Difficulty::new(512.0).expect("positive"), true);
    device.advance(Nanos::from_seconds(600.0), &mut found);
    let sensors = device.sensors();
    assert!((sensors.hash_rate_average.0 / 1e12 - 1.0).abs() < 0.05);
    assert!(sensors.boards[0].chip < Model::QuartzQ2.entry().limits.chip_stop);
    for chip in 0..2 {
        assert!(found.iter().filter(|find| find.chip == chip).count() > 50);
    }
}

#[tokio::test]
async fn a_simulated_one_is_read_and_set_over_its_wire() {
    let entry = Model::QuartzQ2.entry();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let pool = TcpListener::bind(loopback).await.expect("a port");
    let page = TcpListener::bind(loopback).await.expect("a port");
    let address = page.local_addr().expect("an address");
    let settings = lv06::Settings {
        pool: PoolSettings {
            pool: pool.local_addr().expect("an address"),
            worker: "q2".into(),
            difficulty_scale: 1.0,
        },
        params: params(),
        seed: 1,
    };
    let clock = Clock::scaled(20.0);
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    lv06::start(settings, page, clock.clone(), &TaskTracker::new(), &stop);

    let client = axeos::Client::new(axeos::Limits::default()).expect("a client");
    let mut source = axeos::Source::new(&client, address, seed::stream(1, "source"));
    let read = source.read(&clock).await.expect("a reading");
    let board = &read.boards[0];
    assert_eq!(board.frequency, Some(quantity::MegaHertz(480.0)));
    assert!(board.chip_temp.is_some() && board.regulator_temp.is_some());

    let mut control = axeos::Control::new(&client, address, seed::stream(1, "control")).of(entry);
    let slower = OperatingPoint {
        frequency: Some(quantity::MegaHertz(400.0)),
        ..OperatingPoint::UNCHANGED
    };
    control.set(&slower).await.expect("set");
    let point = control.operating_point().await.expect("a point");
    assert_eq!(point.frequency, slower.frequency);
    let too_fast = OperatingPoint {
        frequency: Some(quantity::MegaHertz(560.0)),
        ..OperatingPoint::UNCHANGED
    };
    // An LV06 may run at 560 MHz. What is done about too much is the control's affair: it does not arrive.
    let _ = control.set(&too_fast).await;
    let point = control.operating_point().await.expect("a point");
    assert!(
        point.frequency <= Some(entry.limits.frequency.1),
        "{point:?}"
    );
}
