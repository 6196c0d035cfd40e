//! Several units as one reservoir, as a user meets them.

use crate::support::{failure, reported, success, utf8};

const SHORT: [&str; 8] = [
    "--hold",
    "1",
    "--washout",
    "5",
    "--train",
    "50",
    "--test",
    "50",
];

#[test]
fn units_of_two_models_are_joined_on_their_wires_and_every_share_verifies() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("out");
    let join = ["train", "narma10", "--join", "s9", "--join", "lv06"];
    let (said, report) = reported(&[&join[..], &SHORT].concat(), &out);
    assert!(said.contains("2 units: simulated by handshake"), "{said}");
    for row in ["| joined ", "| sim-s9-1 alone ", "| sim-lv06-2 alone "] {
        assert!(said.contains(row), "{said}");
    }
    assert_eq!(report["units"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["units"][1]["model"], "lucky-miner-lv06");
    assert!(report["joining"]["beyond_best"]["value"].is_number());
    let joined = report["arms"][0]["features"].as_array().expect("features");
    let alone = |i: usize| report["units"][i]["arms"][0]["features"].as_array();
    let alone = (0..2).filter_map(alone).map(Vec::len).sum::<usize>();
    assert_eq!(joined.len(), alone);
    for unit in ["sim-s9-1", "sim-lv06-2"] {
        let capture = out.join(unit).join("capture.sqlite");
        let verified = success(&["capture", "verify", utf8(&capture), "--json"]);
        let verified: serde_json::Value = serde_json::from_str(&verified).expect("JSON");
        assert_eq!(verified["contradictions"], 0, "{unit}");
        assert!(verified["valid"].as_u64().is_some_and(|n| n > 20), "{unit}");
    }
    let readout = out.join("readout-joined.json");
    let refused = failure(&["predict", utf8(&readout), "--steps", "10"]);
    assert!(
        refused.contains("joined states of sim-s9-1, sim-lv06-2"),
        "{refused}"
    );
}

#[test]
fn a_rack_is_joined_and_a_ninth_unit_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let configs = crate::example::configs();
    let rack = dir.path().join("rack.toml");
    let units = [configs.join("sim-s9.toml"), configs.join("sim-lv06.toml")];
    std::fs::write(&rack, format!("units = {units:?}")).expect("written");
    let twin = [
        "train",
        "narma10",
        "--backend",
        "twin",
        "--config",
        utf8(&rack),
    ];
    let (said, _) = reported(&[&twin[..], &SHORT].concat(), &dir.path().join("out"));
    assert!(said.contains("| sim-lv06 alone "), "{said}");

    let mut nine = vec!["train", "narma10"];
    nine.extend(["--join", "s9"].repeat(9));
    let said = failure(&nine);
    assert!(
        said.contains("cannot join 9 units: one reservoir has at most 8"),
        "{said}"
    );
}
