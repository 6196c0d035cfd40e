//! Setting the simulated unit, and what its physics makes of it.

use thermine_drivers::control::{Change, Control as _};
use thermine_drivers::goldshell::Source;
use thermine_drivers::poller::Source as _;
use thermine_sim::goldshell::Firmware;
use thermine_sim::params::Params;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::unit::{OperatingPoint, PowerMode, Telemetry};

use crate::support::{Unit, client, loopback, reply, server};

fn mode(mode: PowerMode) -> OperatingPoint {
    OperatingPoint {
        mode: Some(mode),
        ..OperatingPoint::default()
    }
}

fn clock(frequency: f64) -> OperatingPoint {
    OperatingPoint {
        frequency: Some(MegaHertz(frequency)),
        ..OperatingPoint::default()
    }
}

async fn reading(unit: &Unit) -> Telemetry {
    let mut source = Source::new(unit.client());
    source.read(&unit.clock).await.expect("a reading")
}

fn ghs(telemetry: &Telemetry) -> f64 {
    telemetry.hash_rate.expect("a rate").0 * 1e-9
}

#[tokio::test]
async fn a_unit_sleeps_cools_and_wakes() {
    let unit = Unit::start(Firmware::default()).await;
    let mut control = unit.control();
    let point = control.operating_point().await.expect("a point");
    assert_eq!(point.mode, Some(PowerMode::Normal));
    assert_eq!(point.frequency, Some(MegaHertz(750.0)));
    unit.pass(30.0).await;
    let awake = reading(&unit).await;

    let applied = control.set(&mode(PowerMode::Sleep)).await.expect("set");
    assert_eq!(applied.remarks, []);
    assert_eq!(applied.now.mode, Some(PowerMode::Sleep));
    assert_eq!(applied.now.frequency, Some(MegaHertz(0.0)));
    unit.pass(600.0).await;
    let asleep = reading(&unit).await;
    let (hot, cold) = (awake.hottest(), asleep.hottest());
    let (hot, cold) = (hot.expect("a sensor").0, cold.expect("a sensor").0);
    assert!(hot > 65.0 && cold < 30.0, "{hot} {cold}");
    assert!(ghs(&asleep) < 0.1, "{}", ghs(&asleep));
    assert_eq!(asleep.boards[0].frequency, Some(MegaHertz(0.0)));
    let accepted = asleep.accepted;
    unit.pass(100.0).await;
    assert_eq!(reading(&unit).await.accepted, accepted, "no more shares");

    let applied = control.set(&mode(PowerMode::Normal)).await.expect("set");
    assert_eq!(applied.remarks, []);
    assert_eq!(applied.now, point);
    unit.pass(300.0).await;
    let again = reading(&unit).await;
    assert!(again.hottest().expect("a sensor").0 > 60.0);
    assert!((150.0..200.0).contains(&ghs(&again)), "{}", ghs(&again));
    assert!(again.accepted > accepted);
}

#[tokio::test]
async fn a_clock_by_hand_is_obeyed_and_read_back() {
    let unit = Unit::start(Firmware::default()).await;
    let mut control = unit.control();
    let applied = control.set(&clock(375.0)).await.expect("set");
    assert_eq!(applied.remarks, []);
    assert_eq!(applied.now.frequency, Some(MegaHertz(375.0)));
    assert_eq!(applied.now.voltage, Some(Volts(0.43)), "as the plan has it");
    assert_eq!(applied.now.mode, None, "by hand is no plan");
    unit.pass(60.0).await;
    let half = ghs(&reading(&unit).await);
    assert!((70.0..105.0).contains(&half), "{half}");

    let point = OperatingPoint {
        voltage: Some(Volts(0.40)),
        ..OperatingPoint::default()
    };
    let applied = control.set(&point).await.expect("set");
    assert_eq!(
        applied.now.frequency,
        Some(MegaHertz(375.0)),
        "left as it is"
    );
    assert_eq!(applied.now.voltage, Some(Volts(0.40)));
    let applied = control.set(&mode(PowerMode::Normal)).await.expect("set");
    assert_eq!(applied.now.frequency, Some(MegaHertz(750.0)), "the plan's");
    assert_eq!(applied.remarks, []);
}

#[tokio::test]
async fn what_cannot_be_is_clamped_or_refused_and_said_so() {
    let unit = Unit::start(Firmware::default()).await;
    let mut control = unit.control();
    let asked = OperatingPoint {
        frequency: Some(MegaHertz(2000.4)),
        voltage: Some(Volts(0.7)),
        fan: Some(0.5),
        mode: Some(PowerMode::LowPower),
        boards: None,
    };
    let applied = control.set(&asked).await.expect("set");
    assert_eq!(applied.asked, asked);
    assert_eq!(applied.now.frequency, Some(MegaHertz(850.0)));
    assert_eq!(applied.now.voltage, Some(Volts(0.45)));
    let said: Vec<_> = applied
        .remarks
        .iter()
        .map(|remark| (remark.setting, remark.what.clone()))
        .collect();
    assert_eq!(
        said,
        [
            ("fan", Change::Unsupported),
            ("mode", Change::Unsupported),
            ("frequency", Change::Clamped("850 MHz".to_owned())),
            ("voltage", Change::Clamped("0.45 V".to_owned())),
        ]
    );
    let nonsense = OperatingPoint {
        frequency: Some(MegaHertz(f64::NAN)),
        voltage: Some(Volts(-3.0)),
        ..OperatingPoint::default()
    };
    let applied = control.set(&nonsense).await.expect("set");
    assert_eq!(
        applied.now.frequency,
        Some(MegaHertz(850.0)),
        "left as it was"
    );
    assert_eq!(applied.remarks.len(), 2, "{:?}", applied.remarks);
}

#[tokio::test]
async fn a_plan_that_the_unit_has_can_be_chosen_by_its_level() {
    let mut firmware = Firmware::default();
    firmware
        .plans
        .push((1, "600 MHz 0.4 V 70 RPM 70 RPM".to_owned()));
    let unit = Unit::start(firmware).await;
    let mut control = unit.control();
    let applied = control.set(&mode(PowerMode::LowPower)).await.expect("set");
    assert_eq!(applied.remarks, []);
    assert_eq!(applied.now.mode, Some(PowerMode::LowPower));
    assert_eq!(applied.now.frequency, Some(MegaHertz(600.0)));
}

#[tokio::test]
async fn sleep_leaves_no_clock_by_hand_and_a_clock_wakes_with_the_normal_voltage() {
    let unit = Unit::start(Firmware::default()).await;
    let mut control = unit.control();
    let asked = OperatingPoint {
        frequency: Some(MegaHertz(700.0)),
        ..mode(PowerMode::Sleep)
    };
    let applied = control.set(&asked).await.expect("set");
    assert_eq!(applied.now.frequency, Some(MegaHertz(0.0)));
    assert_eq!(applied.now.mode, Some(PowerMode::Sleep));
    assert_eq!(applied.remarks.len(), 1, "{:?}", applied.remarks);
    let applied = control.set(&clock(700.0)).await.expect("set");
    assert_eq!(applied.now.frequency, Some(MegaHertz(700.0)));
    assert_eq!(
        applied.now.voltage,
        Some(Volts(0.43)),
        "not the sleep plan's 0"
    );
    // Both at once: the plan, and the clock over it.
    let asked = OperatingPoint {
        frequency: Some(MegaHertz(650.0)),
        ..mode(PowerMode::Normal)
    };
    let applied = control.set(&asked).await.expect("set");
    assert_eq!(applied.now.frequency, Some(MegaHertz(650.0)));
    assert_eq!(applied.remarks, []);
}

#[tokio::test]
async fn a_unit_that_does_otherwise_is_found_out() {
    let params = Params {
        frequency_mhz: 700.0,
        frequency_max_mhz: 700.0,
        ..Params::lb_box()
    };
    let unit = Unit::with(Firmware::default(), params, loopback().await).await;
    let applied = unit.control().set(&clock(800.0)).await.expect("set");
    assert_eq!(applied.now.frequency, Some(MegaHertz(700.0)));
    assert_eq!(
        applied.remarks[0].to_string(),
        "frequency 800 MHz was sent, but the unit reads back 700 MHz"
    );
}

#[tokio::test]
async fn nothing_is_written_that_is_already_so_and_all_that_was_read() {
    let setting = r#"{"select":0,"manual":false,"manualPowerplan":"","odd":[1,{"a":null}],"powerplans":
        [{"level":0,"info":"725 MHz 0.41 V 70 RPM 70 RPM"},{"level":3,"info":"0 MHz 0 V"}]}"#;
    let (addr, requests) = server(vec![reply(200, setting)]).await;
    let mut control = thermine_drivers::goldshell::Control::new(client(addr));
    let fan = OperatingPoint {
        fan: Some(1.0),
        ..mode(PowerMode::Normal)
    };
    control.set(&fan).await.expect("set");
    assert_eq!(requests.paths(), ["GET /mcb/setting"]);
    // This unit takes the write and ignores it.
    let applied = control.set(&mode(PowerMode::Sleep)).await.expect("set");
    let [remark] = &applied.remarks[..] else {
        panic!("{applied:?}")
    };
    assert_eq!(remark.what, Change::ReadBack("normal".to_owned()));
    let put = &requests.all()[2];
    assert!(put.starts_with("PUT /mcb/setting HTTP/1.1\r\n"), "{put}");
    let (_, body) = put.split_once("\r\n\r\n").expect("a body");
    let written: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let mut wanted: serde_json::Value = serde_json::from_str(setting).expect("JSON");
    wanted["select"] = 1.into();
    assert_eq!(written, wanted);
}

#[tokio::test]
async fn a_write_that_breaks_off_is_judged_by_what_reads_back() {
    let setting = |select: u8| {
        let plans = r#"[{"level":0,"info":"725 MHz 0.41 V"},{"level":3,"info":"0 MHz 0 V"}]"#;
        reply(
            200,
            &format!(r#"{{"select":{select},"manual":false,"powerplans":{plans}}}"#),
        )
    };
    let broken = || crate::support::Act::Send(Vec::new());
    let (addr, _) = server(vec![setting(0), broken(), setting(1)]).await;
    let mut control = thermine_drivers::goldshell::Control::new(client(addr));
    let applied = control.set(&mode(PowerMode::Sleep)).await.expect("heeded");
    assert_eq!(applied.now.mode, Some(PowerMode::Sleep));
    let (addr, requests) = server(vec![setting(0), broken(), setting(0)]).await;
    let mut control = thermine_drivers::goldshell::Control::new(client(addr));
    let error = control.set(&mode(PowerMode::Sleep)).await;
    let error = error.expect_err("not heeded").to_string();
    assert!(error.contains("PUT /mcb/setting"), "{error}");
    assert_eq!(requests.paths().len(), 3, "written once only");
}

#[tokio::test]
async fn a_restart_sets_the_counters_to_zero_and_mining_goes_on() {
    let unit = Unit::start(Firmware::default()).await;
    unit.pass(100.0).await;
    let before = reading(&unit).await;
    unit.control().restart().await.expect("restarted");
    let after = reading(&unit).await;
    assert!(before.accepted > Some(5) && after.accepted == Some(0));
    assert!(before.uptime > after.uptime);
    assert_eq!(after.hardware_errors, Some(0));
    unit.pass(100.0).await;
    let again = reading(&unit).await;
    assert!(again.accepted > Some(5), "{again:?}");
    assert!(again.uptime < before.uptime.map(|up| up * 3 / 2));
}

/// Chip temperature and shares of a unit that is set to and fro, in a run of its own.
async fn run() -> Vec<(Option<f64>, Option<u64>)> {
    let unit = Unit::start(Firmware::default()).await;
    let mut control = unit.control();
    let mut seen = Vec::new();
    for frequency in [750.0, 0.0, 400.0, 600.0] {
        control.set(&clock(frequency)).await.expect("set");
        unit.pass(33.3).await;
        let reading = reading(&unit).await;
        seen.push((reading.hottest().map(|temp| temp.0), reading.accepted));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_virtual_time_comes_out_the_same_again() {
    let first = run().await;
    assert!(first.iter().all(|(temp, _)| temp.is_some()));
    for _ in 0..5 {
        assert_eq!(run().await, first);
    }
}
