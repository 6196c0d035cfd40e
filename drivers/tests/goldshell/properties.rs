//! No bytes make a parser panic, and no reading comes from nothing.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};
use thermine_drivers::cgminer::Reply;
use thermine_drivers::goldshell::reply::{
    MINUTES, PowerPlan, Setting, devs, history, minerinfo, pools, status,
};

/// Everything that reads a reply.
fn read_all(bytes: &[u8]) {
    let _ = status(bytes);
    let _ = pools(bytes);
    if let Ok(boards) = devs(bytes) {
        for board in boards {
            assert!(board.hottest.is_none_or(|temp| temp.0.is_finite()));
            assert!(board.fans.iter().all(|fan| fan.0 >= 0.0));
            assert!(board.hash_rate.is_none_or(|rate| rate.0 >= 0.0));
        }
    }
    if let Ok(rates) = history(bytes) {
        assert!(rates.len() <= MINUTES);
    }
    if let Ok(devices) = minerinfo(bytes) {
        for device in devices {
            let _ = device.board();
        }
    }
    if let Ok(setting) = Setting::parse(bytes) {
        let _ = (
            setting.selected(),
            setting.in_force(),
            setting.temp_target(),
        );
        let again = Setting::parse(setting.to_json().as_bytes());
        assert_eq!(again, Ok(setting));
    }
    if let Ok(reply) = Reply::parse(bytes) {
        for device in reply.devices() {
            let _ = device.board();
        }
    }
}

/// Keys that the parsers look at.
const KEYS: [&str; 26] = [
    "data",
    "minfos",
    "infos",
    "id",
    "hashrate",
    "av_hashrate",
    "temp",
    "fanspeed",
    "powerplan",
    "time",
    "hwerrors",
    "select",
    "powerplans",
    "level",
    "info",
    "manual",
    "manualPowerplan",
    "name",
    "temp_target",
    "DEVS",
    "tstemp-0",
    "tstemp-1",
    "clock",
    "fan0",
    "url",
    "pool-priority",
];

fn value() -> impl Strategy<Value = Value> {
    let number = any::<f64>().prop_map(|n| Number::from_f64(n).map_or(Value::Null, Value::Number));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        number,
        ".{0,12}".prop_map(Value::from),
        "[0-9./ °CrpmMHzV-]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop::sample::select(&KEYS[..]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        read_all(&bytes);
    }

    #[test]
    fn any_json_is_read_or_refused(value in value()) {
        read_all(value.to_string().as_bytes());
    }

    #[test]
    fn any_text_of_blocks_is_read_or_refused(lines in prop::collection::vec(
        "\\[(PGA[0-9]{0,3}|fan[0-9]|tstemp-[0-9]|.{0,5})\\] ?=>? ?(\\(|[0-9.-]{0,8}|.{0,5})", 0..20,
    )) {
        read_all(lines.join("\n").as_bytes());
    }

    #[test]
    fn a_plan_survives_writing_and_reading(mhz in 0u32..5000, centivolts in 0u32..500, rest in "[A-Z0-9 ]{0,30}") {
        let text = format!("{mhz} MHz {} V {rest}", f64::from(centivolts) / 100.0);
        let plan = PowerPlan::parse(&text).expect("a plan");
        prop_assert_eq!(PowerPlan::parse(&plan.to_string()), Some(plan));
    }
}
