//! The fan: set by the name that the firmware knows, and left to the firmware where it does not read back.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use thermine_drivers::axeos::Control;
use thermine_drivers::control::{Change, Control as _};
use thermine_sim::axeos::Build;
use thermine_stratum::session::Settings;
use thermine_units::model::lv06::LIMITS;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
use tokio::net::TcpListener;

use crate::support::{Bench, PATIENCE, SCALE, client};

fn fan(fan: f64) -> OperatingPoint {
    OperatingPoint {
        fan: Some(fan),
        ..OperatingPoint::UNCHANGED
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fan_of_either_build_is_set_and_reads_back() {
    for build in [Build::V2_1, Build::V2_11] {
        let settings = Settings {
            difficulty_scale: SCALE,
            ..Settings::default()
        };
        let bench = Bench::of(build, settings).await;
        let mut unit = bench.unit();
        unit.patch(&json!({"autofanspeed": 1}))
            .await
            .expect("patched");
        bench.pass(10.0).await;
        let asked = OperatingPoint {
            frequency: Some(MegaHertz(300.0)),
            voltage: Some(Volts(1.0)),
            ..fan(0.9)
        };
        let applied = bench.control().set(&asked).await.expect("set");
        assert_eq!(
            (applied.now, applied.remarks.len()),
            (asked, 0),
            "{build:?}"
        );
        bench.pass(60.0).await;
        let info = unit.info().await.expect("info");
        assert_eq!(info.automatic_fan, Some(false), "{build:?}");
        assert_eq!(info.point.fan, Some(0.9), "{build:?}");
        let applied = bench.control().set(&LIMITS.safe).await.expect("set");
        assert_eq!(applied.now, LIMITS.safe, "{build:?}");
    }
}

/// What a page does with a setting of its fan.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Takes {
    /// It passes over the speed, whatever its name.
    Nothing,
    /// It fails after it has switched the automatic off.
    AutomaticThenFails,
    /// It stores the speed, but the fan stays where it was.
    StoredOnly,
}

/// A page without a fan that can be set: a fan at 62 % while automatic, at 30 % otherwise.
#[derive(Debug)]
struct Page {
    takes: Takes,
    automatic: bool,
    manual: Option<f64>,
    /// Each value of the automatic that was ever sent.
    switched: Vec<bool>,
}

type Shared = Arc<Mutex<Page>>;

fn info_of(page: &Page) -> Value {
    let mut info = json!({
        "power": 13, "temp": 55, "hashRate": 487, "ASICModel": "BM1366", "frequency": 485,
        "coreVoltage": 1200, "fanrpm": 4000, "autofanspeed": u8::from(page.automatic),
        "fanspeed": if page.automatic { 62.0 } else { 30.0 },
    });
    if let (Some(manual), Some(info)) = (page.manual, info.as_object_mut()) {
        info.insert("manualFanSpeed".into(), json!(manual));
    }
    info
}

async fn show(State(page): State<Shared>) -> Json<Value> {
    Json(info_of(&page.lock().expect("no panic")))
}

async fn store(State(page): State<Shared>, Json(body): Json<Map<String, Value>>) -> StatusCode {
    let mut page = page.lock().expect("no panic");
    if let Some(automatic) = body.get("autofanspeed") {
        page.automatic = automatic != &json!(0);
        let automatic = page.automatic;
        page.switched.push(automatic);
    }
    match page.takes {
        Takes::StoredOnly => {
            if let (Some(speed), Some(manual)) = (body.get("manualFanSpeed"), &mut page.manual) {
                *manual = speed.as_f64().expect("a number");
            }
        }
        Takes::AutomaticThenFails if !page.automatic => {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        _ => {}
    }
    StatusCode::OK
}

async fn page(takes: Takes, manual: Option<f64>) -> (Shared, Control) {
    let page = Arc::new(Mutex::new(Page {
        takes,
        automatic: true,
        manual,
        switched: Vec::new(),
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new()
        .route("/api/system/info", get(show))
        .route("/api/system", patch(store))
        .with_state(page.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let rng = seed::stream(1, "control");
    (page, Control::new(&client(PATIENCE), address, rng))
}

#[tokio::test]
async fn a_fan_that_does_not_read_back_is_left_to_the_firmware() {
    for (takes, manual) in [
        (Takes::Nothing, None),
        (Takes::Nothing, Some(30.0)),
        (Takes::StoredOnly, Some(30.0)),
    ] {
        let (page, mut control) = page(takes, manual).await;
        for round in 0..3 {
            let applied = control.set(&fan(1.0)).await.expect("read back");
            let remark = applied.remarks.first().expect("a remark");
            assert_eq!(remark.setting, "fan");
            assert_eq!(remark.what, Change::ReadBack("an automatic speed".into()));
            let page = page.lock().expect("no panic");
            assert!(page.automatic, "{takes:?} {manual:?} {round}");
        }
        let page = page.lock().expect("no panic");
        let off = page.switched.iter().filter(|automatic| !**automatic);
        // Never if the speed is not stored, and once if there is no other way to find out.
        let most = usize::from((takes, manual) != (Takes::Nothing, Some(30.0)));
        assert_eq!(off.count(), most, "{takes:?} {manual:?}");
    }
}

#[tokio::test]
async fn an_error_in_between_does_not_leave_the_automatic_off() {
    for manual in [None, Some(100.0)] {
        let (page, mut control) = page(Takes::AutomaticThenFails, manual).await;
        let set = control.set(&fan(1.0)).await;
        assert!(set.is_err(), "{set:?}");
        let page = page.lock().expect("no panic");
        assert!(page.switched.contains(&false), "it was switched off");
        assert!(page.automatic, "and on again");
    }
}
