//! The simulated web backend on the wire, seen without the driver.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use thermine_sim::goldshell::Firmware;
use thermine_sim::lb_box::{self, Settings};
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_sim::pool::{self, Pool};
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::{Unit, address, loopback};

/// Status and body of one request.
async fn ask(unit: &Unit, method: Method, path: &str, token: bool, body: &str) -> (u16, String) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let url = format!("http://{}{path}", unit.http);
    let mut request = client.request(method, url).body(body.to_owned());
    if token {
        request = request.bearer_auth(login(unit).await);
    }
    let reply = request.send().await.expect("a reply");
    let any = reply.headers().get("access-control-allow-origin");
    assert_eq!(any.map(|v| v.as_bytes()), Some(&b"*"[..]), "{path}");
    (reply.status().as_u16(), reply.text().await.expect("text"))
}

async fn login(unit: &Unit) -> String {
    let cipher = "bbad7537f4c8b6ea31eea0b3d760e257";
    let url = format!(
        "http://{}/user/login?username=admin&password={cipher}&cipher=true",
        unit.http
    );
    let reply = reqwest::get(url).await.expect("a reply");
    let reply: Value = serde_json::from_str(&reply.text().await.expect("text")).expect("JSON");
    reply["JWT Token"].as_str().expect("a token").to_owned()
}

async fn get(unit: &Unit, path: &str) -> Value {
    let (status, body) = ask(unit, Method::GET, path, true, "").await;
    assert_eq!(status, 200, "{path}");
    serde_json::from_str(&body).expect("JSON")
}

#[tokio::test]
async fn only_the_page_and_the_status_are_open() {
    let unit = Unit::start(Firmware::default()).await;
    let (_, page) = ask(&unit, Method::GET, "/", false, "").await;
    assert!(page.contains("<title>cloud-box</title>"));
    let (_, status) = ask(&unit, Method::GET, "/mcb/status", false, "").await;
    assert_eq!(
        status,
        r#"{"hardware":"40.40.HA","model":"Goldshell-LBBox","mcbversion":"MCB_V5_4","firmware":"2.2.5"}"#
    );
    for (method, path) in [
        (Method::GET, "/mcb/setting"),
        (Method::PUT, "/mcb/setting"),
        (Method::GET, "/mcb/pools"),
        (Method::GET, "/mcb/cgminer?cgminercmd=devs"),
        (Method::GET, "/cpb/hshistory"),
        (Method::GET, "/dbg/minerinfo"),
        (Method::GET, "/dbg/icinfo"),
        (Method::PUT, "/mcb/restart"),
        (Method::PUT, "/mcb/facrst"),
    ] {
        let (status, _) = ask(&unit, method, path, false, "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let (status, _) = ask(&unit, Method::OPTIONS, "/mcb/setting", false, "").await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_board_is_told_as_captured_and_by_the_physics() {
    let unit = Unit::start(Firmware::default()).await;
    unit.pass(60.5).await;
    let reply = get(&unit, "/mcb/cgminer?cgminercmd=devs").await;
    let board = reply["data"][0].as_object().expect("a board");
    let keys: Vec<&str> = board.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "CPB_name",
            "accepted",
            "av_hashrate",
            "fanspeed",
            "hashrate",
            "hwerr_ration",
            "hwerrors",
            "id",
            "minerstatus",
            "nonces",
            "powerplan",
            "rejected",
            "temp",
            "time",
            "valid"
        ]
    );
    assert_eq!(board["fanspeed"], "1500 rpm / 1500 rpm");
    assert_eq!(board["powerplan"], "750 MHz 0.43 V 70 RPM 70 RPM");
    let temp = board["temp"].as_str().expect("text");
    assert!(temp.ends_with(" °C") && temp.starts_with('7'), "{temp}");
    let mhs = board["hashrate"].as_f64().expect("a number");
    assert!((150e3..200e3).contains(&mhs), "{mhs}");
    assert_eq!(board["time"], 60);
    assert!(board["accepted"].as_u64().expect("a count") > 2);

    let history = get(&unit, "/cpb/hshistory").await;
    let history = history.as_array().expect("a list");
    assert_eq!(history.len(), 288);
    assert!(history[287].as_f64().expect("a rate") > 150e3 && history[286] == 0.0);
    let info = get(&unit, "/dbg/icinfo").await;
    let info: Value = serde_json::from_str(info["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(info["chips"].as_array().map(Vec::len), Some(16));
}

#[tokio::test]
async fn polls_do_not_move_time_or_change_the_unit() {
    let unit = Unit::start(Firmware::default()).await;
    unit.pass(10.0).await;
    let before = unit.clock.now();
    let first = get(&unit, "/mcb/cgminer?cgminercmd=devs").await;
    for _ in 0..30 {
        assert_eq!(get(&unit, "/mcb/cgminer?cgminercmd=devs").await, first);
    }
    assert_eq!(unit.clock.now(), before);
}

#[tokio::test]
async fn pools_are_added_and_removed_and_three_at_most() {
    let unit = Unit::start(Firmware::default()).await;
    unit.pass(2.0).await;
    let pools = get(&unit, "/mcb/pools").await;
    assert_eq!(pools[0]["user"], "box");
    assert_eq!(pools[0]["active"], true);
    assert_eq!(pools[0]["pool-priority"], 0);
    let pool =
        |n: u32| json!({"url": format!("stratum+tcp://p{n}.example:1"), "user": "u", "pass": "x"});
    let mut statuses = Vec::new();
    for n in 1..=3 {
        let body = pool(n).to_string();
        statuses.push(ask(&unit, Method::PUT, "/mcb/newpool", true, &body).await.0);
    }
    assert_eq!(statuses, [200, 200, 400]);
    let mut second = pool(1);
    second["dragid"] = json!(1);
    for wanted in [200, 400] {
        let body = second.to_string();
        let (status, _) = ask(&unit, Method::PUT, "/mcb/delpool", true, &body).await;
        assert_eq!(status, wanted);
    }
    let list = json!([pool(7)]).to_string();
    assert_eq!(
        ask(&unit, Method::PUT, "/mcb/pools", true, &list).await.0,
        200
    );
    let pools = get(&unit, "/mcb/pools").await;
    assert_eq!(pools.as_array().map(Vec::len), Some(1));
    assert_eq!(pools[0]["url"], "stratum+tcp://p7.example:1");
}

#[tokio::test]
async fn malformed_writes_are_refused_and_change_nothing() {
    let unit = Unit::start(Firmware::default()).await;
    let before = get(&unit, "/mcb/setting").await;
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(70_000));
    for body in ["", "{", "[]", "7", "{}", &long] {
        for path in ["/mcb/setting", "/mcb/newpool", "/mcb/delpool"] {
            let (status, _) = ask(&unit, Method::PUT, path, true, body).await;
            assert!((400..500).contains(&status), "{path} {status}");
        }
    }
    assert_eq!(get(&unit, "/mcb/setting").await, before);
    let (status, _) = ask(&unit, Method::PUT, "/mcb/facrst", true, "").await;
    assert_eq!(status, 200);
    assert_eq!(get(&unit, "/mcb/setting").await, before);
}

#[tokio::test]
async fn a_job_for_sha256d_is_ignored() {
    const SCALE: f64 = 1.0 / (1u64 << 34) as f64;
    let clock = Clock::virtual_time();
    let seat = clock.drive();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _guard = stop.clone().drop_guard();
    // The simulated pool's jobs are Bitcoin's.
    let pool = Pool::new(
        pool::Settings {
            difficulty: Difficulty::new(1.0).expect("positive"),
            difficulty_scale: SCALE,
            extranonce2_len: 4,
            dialogue: false,
            block_every: None,
            seed: 1,
        },
        clock.clone(),
    );
    let listener = loopback().await;
    let settings = Settings {
        pool: PoolSettings {
            pool: address(&listener),
            worker: "box".into(),
            difficulty_scale: SCALE,
        },
        params: Params::lb_box(),
        seed: 1,
        firmware: Firmware::default(),
    };
    tokio::spawn(pool.clone().run(listener, stop.clone()));
    let (http, api) = (loopback().await, loopback().await);
    lb_box::start(settings, http, api, clock.clone(), &tasks, &stop);
    let until = clock.now() + std::time::Duration::from_secs(120);
    seat.wait_until(until).await;
    let counts = pool.counts();
    assert_eq!(counts.subscribed, 1, "{counts:?}");
    assert_eq!(pool.shares().len(), 0);
    assert_eq!((counts.accepted, counts.low, counts.stale), (0, 0, 0));
}
