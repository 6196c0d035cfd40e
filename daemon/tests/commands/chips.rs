//! `thermine chips` as a user meets it: simulated units on their wires, a real capture, and what is none.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use thermine_capture::{RunMeta, Store};
use thermine_reservoir::describe::{Outlier, Places, Search};
use thermine_sim::{Device, Params, Silicon};
use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::record::{Record, ShareRecord, Verdict};
use thermine_units::unit::Identity;

use crate::example::configs;
use crate::real::real_shares;
use crate::support::{failure, reported, success, utf8};

/// Runs `thermine chips` with a report in `folder`: what it prints, and the report.
fn decoded(args: &[&str], folder: &Path) -> (String, Value) {
    reported(&[&["chips"], args].concat(), folder)
}

/// What `thermine chips` says when it fails.
fn refused(args: &[&str]) -> String {
    failure(&[&["chips"], args].concat())
}

/// The simulated S9 with this silicon.
fn s9_with(dir: &Path, silicon: &str) -> PathBuf {
    let text = std::fs::read_to_string(configs().join("sim-s9.toml")).expect("an example");
    let section = format!("[unit.simulated.silicon]\n{silicon}\n\n[stratum]");
    let path = dir.join("marred-s9.toml");
    std::fs::write(&path, text.replace("\n[stratum]", &format!("\n{section}"))).expect("written");
    path
}

/// Numbers of the chips that are said to be `kind`.
fn numbers(unit: &Value, group: &str, kind: &str) -> Vec<usize> {
    let places = unit[group]["places"]["places"].as_array().expect("places");
    let places = places.iter().enumerate();
    let found = places.filter(|(_, place)| place["unlike"] == kind);
    found.map(|(number, _)| number).collect()
}

/// A simulated S9 decoded over its wire once, which several tests look at: what was printed, the report, its folder.
fn shared_s9() -> &'static (String, Value, PathBuf) {
    static S9: OnceLock<(String, Value, PathBuf)> = OnceLock::new();
    S9.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands-chips");
        // That of an earlier execution of these tests.
        let _ = std::fs::remove_dir_all(&dir);
        let (said, report) = decoded(&["--unit", "s9", "-n", "400", "--seed", "3"], &dir);
        (said, report, dir)
    })
}

#[test]
fn the_chips_and_the_clock_of_a_simulated_s9_are_measured_over_its_wire() {
    let unit = &shared_s9().1["units"][0];
    assert_eq!(unit["source"]["provenance"], "simulated");
    assert_eq!(unit["layout"]["name"], "bm1387");
    assert_eq!(unit["strange"][0], 0);
    let counts = unit["chips"]["places"]["places"].as_array().expect("chips");
    assert_eq!(counts.len(), 63);
    let count = |place: &Value| place["count"].as_u64().expect("a count");
    let shares = unit["shares"].as_u64().expect("a count");
    assert_eq!(counts.iter().map(count).sum::<u64>(), shares);
    assert!((350..=401).contains(&shares), "{shares}");
    // Garwood's interval of the first chip's rate holds its value.
    let rate = &unit["chips"]["rates"][0];
    let end = |end: &str| rate[end].as_f64().expect("a number");
    assert!(end("low") <= end("value") && end("value") < end("high"));
    let clock = unit["clock"]["by_counter"]["value"].as_f64().expect("MHz");
    assert!(
        (clock / 600.0 - 1.0).abs() < 0.05,
        "{clock} MHz, set to 600"
    );
}

#[test]
fn a_decoded_unit_is_printed_and_drawn() {
    let (said, _, out) = shared_s9();
    assert!(
        said.contains("a chip 10 % weak would need 153,000"),
        "{said}"
    );
    assert!(said.contains("simulated, antminer-s9; n = "), "{said}");
    assert!(!said.contains('\x1b'), "no colour but on a terminal");
    for file in [
        "chips.svg",
        "chips.csv",
        "cores.svg",
        "cores.csv",
        "capture.sqlite",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
    let rows = std::fs::read_to_string(out.join("cores.csv")).expect("cores.csv");
    assert_eq!(rows.lines().count(), 115);
}

#[test]
fn the_capture_of_a_decoded_unit_says_the_same_and_where_it_is_from() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_, report, out) = shared_s9();
    let capture = out.join("capture.sqlite");
    let (_, again) = decoded(&[utf8(&capture)], &dir.path().join("again"));
    let again = &again["units"][0];
    assert_eq!(again["chips"], report["units"][0]["chips"]);
    assert_eq!(
        again["source"]["provenance"],
        json!({"replayed": "simulated"})
    );
    let other = refused(&[utf8(&capture), "--unit", "lv06"]);
    assert!(
        other.contains("the capture is of a unit of model antminer-s9"),
        "{other}"
    );
}

#[test]
fn a_dead_chip_is_found_on_the_wire_and_on_the_twin() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = s9_with(
        dir.path(),
        "dead = [17, 80, 143]\nweak = [[5, 0.3], [68, 0.3], [131, 0.3]]",
    );
    for (backend, shares) in [("wire", "1500"), ("twin", "6000")] {
        let args = [utf8(&config), "--backend", backend, "-n", shares];
        let (said, report) = decoded(&args, &dir.path().join(backend));
        let unit = &report["units"][0];
        assert_eq!(numbers(unit, "chips", "dead"), [17], "{backend}: {said}");
        assert!(said.contains("17 is dead"), "{said}");
        if backend == "twin" {
            assert!(numbers(unit, "chips", "weak").contains(&5), "{said}");
            assert!(said.contains("drawn by a twin"), "{said}");
        }
        let svg = dir.path().join(backend).join("chips.svg");
        let svg = std::fs::read_to_string(svg).expect("a map");
        assert!(svg.contains(">dead<"));
    }
}

#[test]
fn other_units_are_read_as_far_as_their_nonces_are_known() {
    let dir = tempfile::tempdir().expect("a folder");
    let (said, report) = decoded(&["--unit", "lb-box", "-n", "120"], &dir.path().join("lb"));
    let unit = &report["units"][0];
    assert_eq!(unit["layout"]["name"], "unknown");
    assert!(unit["chips"].is_null() && unit["cores"].is_null());
    assert!(
        said.contains("Nothing can be said of single chips or cores"),
        "{said}"
    );

    // A table that says more.
    let layouts = dir.path().join("layouts.toml");
    let table = "[[chip]]\nname = \"guess\"\nchip = [[28, 4]]\nchip_codes = [[0, 15]]\ncounter = [[0, 28]]\n\
                 source = \"a guess\"\n[[unit]]\nmodel = \"goldshell-lb-box\"\nchip = \"guess\"\nboards = 1\nchips = 16\n";
    std::fs::write(&layouts, table).expect("written");
    let capture = dir.path().join("lb").join("capture.sqlite");
    let args = [utf8(&capture), "--layouts", utf8(&layouts)];
    let (_, report) = decoded(&args, &dir.path().join("guess"));
    let chips = report["units"][0]["chips"]["places"]["places"].as_array();
    assert_eq!(chips.map(Vec::len), Some(16));

    // Several at once, each in a folder of its own: one chip has a map of its cores only.
    let both = dir.path().join("both");
    let lv06 = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/sim-lv06.toml");
    let (_, report) = decoded(&[utf8(&capture), utf8(&lv06), "-n", "150"], &both);
    assert_eq!(report["units"].as_array().map(Vec::len), Some(2));
    let lv06 = &report["units"][1];
    assert_eq!(lv06["layout"]["name"], "bm1366");
    assert!(lv06["chips"].is_null());
    assert_eq!(lv06["strange"][0], 0);
    assert!(both.join("2-sim-lv06/cores.svg").exists());
}

#[test]
fn the_real_capture_has_its_chips_its_cores_and_one_clock() {
    let Some(csv) = real_shares() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let (said, report) = decoded(&[utf8(&csv)], &dir.path().join("out"));
    let unit = &report["units"][0];
    assert_eq!(
        unit["source"]["provenance"],
        json!({"replayed": "unverified_device"})
    );
    assert_eq!(unit["strange"][0], 0);
    for (group, wanted) in [("chips", 63), ("cores", 114)] {
        let places = unit[group]["places"]["places"].as_array().expect("places");
        let found = places.iter().filter(|place| place["count"] != 0).count();
        assert_eq!((places.len(), found), (wanted, wanted), "{group}");
        for kind in ["dead", "weak", "hot"] {
            assert!(numbers(unit, group, kind).is_empty(), "{group}: {said}");
        }
    }
    let clock = |route: &str| {
        let of = |part: &str| unit["clock"][route][part].as_f64().expect("MHz");
        (of("low"), of("value"), of("high"))
    };
    let (work, counter) = (clock("by_work"), clock("by_counter"));
    for (low, value, high) in [work, counter] {
        assert!(
            (value / 650.0 - 1.0).abs() < 0.05,
            "{value} [{low}, {high}]"
        );
    }
    assert!(
        work.0 < counter.2 && counter.0 < work.2,
        "{work:?} {counter:?}"
    );
    let coverage = unit["coverage"]["value"].as_f64().expect("a part");
    assert!((coverage - 0.8973).abs() < 0.001, "{coverage}");
    assert!(
        said.contains("No chip differs at this number of shares (1,5"),
        "{said}"
    );
}

/// A capture with one stream of the `records`.
fn captured(path: &Path, records: &[Record]) {
    let meta = RunMeta {
        seed: 1,
        config: "a = 1".into(),
        config_hash: "0123456789abcdef".into(),
        task: json!({"test": true}),
        provenance: Provenance::Simulated,
    };
    let store = Store::create(path, &meta).expect("a capture");
    let recorder = store.stream("twin");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    for record in records {
        let sent = runtime.block_on(recorder.record(record.clone()));
        sent.expect("recorded");
    }
    drop(recorder);
    store.finish("finished").expect("finished");
}

/// A share with this nonce, the `ticket`th of its stream.
fn share(ticket: u64, nonce: u32, verdict: Verdict) -> Record {
    Record::Share(ShareRecord {
        ticket,
        job_id: format!("{ticket:x}"),
        arrived: Nanos(ticket * 100_000_000),
        since_job: Some(Duration::from_millis(50)),
        nonce,
        proof: None,
        verdict,
        difficulty: Some(300.0),
    })
}

/// Four accepted shares.
fn few() -> Vec<Record> {
    (1..5)
        // Nonces all over the place, as of chips that search their whole range.
        .map(|i| share(i, (i as u32).wrapping_mul(0x9e37_79b9), Verdict::Accepted))
        .collect()
}

#[test]
fn what_is_no_capture_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let missing = refused(&[utf8(&at("nowhere.sqlite"))]);
    assert!(
        missing.contains("there is no file") && missing.contains("--unit"),
        "{missing}"
    );
    std::fs::write(
        at("text.sqlite"),
        "no capture, and longer than a page header is: ".repeat(40),
    )
    .expect("written");
    let none = refused(&[utf8(&at("text.sqlite")), "--out", utf8(&at("text-out"))]);
    assert!(
        none.contains("text.sqlite") && none.contains("not a thermine capture"),
        "{none}"
    );
}

#[test]
fn a_capture_that_tells_nothing_of_chips_is_refused_and_leaves_no_folder() {
    let named = Record::Identity(Identity {
        model: None,
        firmware: None,
        api: None,
        serial: None,
    });
    let zeros = (1..50).map(|i| share(i, 0, Verdict::Accepted)).collect();
    let wrong = (1..50)
        .map(|i| share(i, i as u32, Verdict::LowDifficulty))
        .collect();
    for (records, expected) in [
        (vec![], "holds no stream"),
        (vec![named], "stream `twin` holds 0 steps and no share"),
        (zeros, "all have one nonce"),
        (wrong, "none of the 49 answers"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let (capture, out) = (dir.path().join("c.sqlite"), dir.path().join("out"));
        captured(&capture, &records);
        let said = refused(&[utf8(&capture), "--out", utf8(&out)]);
        assert!(said.contains(expected), "{said}");
        assert!(!out.exists(), "a folder without a report: {expected}");
    }
}

#[test]
fn an_unknown_stream_or_layout_is_refused_with_those_that_there_are() {
    let dir = tempfile::tempdir().expect("a folder");
    let (capture, out) = (dir.path().join("few.sqlite"), dir.path().join("out"));
    captured(&capture, &few());
    for (option, value, expected) in [
        ("--stream", "other", "no stream `other`, only: twin"),
        ("--layout", "bm9", "there is no layout `bm9`"),
    ] {
        let said = refused(&[utf8(&capture), option, value, "--out", utf8(&out)]);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn four_shares_say_little_and_the_report_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let capture = dir.path().join("few.sqlite");
    captured(&capture, &few());
    let (said, _) = decoded(&[utf8(&capture)], &dir.path().join("report"));
    assert!(said.contains("does not say of which unit it is"), "{said}");
    assert!(said.contains("not even a dead one"), "{said}");
}

#[test]
fn a_false_level_or_unit_is_refused() {
    let level = refused(&["--unit", "s9", "--level", "1.5"]);
    assert!(level.contains("between 0 and 1"), "{level}");
    let bare = refused(&["--unit", "bm1387", "--backend", "twin"]);
    assert!(bare.contains("no twin of bare chips"), "{bare}");
    let former = refused(&["--unit", "bm1387", "--substrate", "twin"]);
    assert!(
        former.contains("write --backend twin") && former.contains("no twin of bare chips"),
        "{former}"
    );
    let dir = tempfile::tempdir().expect("a folder");
    let config = s9_with(dir.path(), "dead = [189]");
    let dead = refused(&[utf8(&config)]);
    assert!(dead.contains("silicon.dead names chip 189"), "{dead}");
}

/// A twin of an S9 whose position 5 is 10 % weak on all boards, cool enough that no chip errs. At a floor of
/// difficulty 1 it finds thousands of shares a second.
#[test]
fn a_weak_chip_of_the_twin_is_found_among_as_many_shares_as_theory_says() {
    const SEEDS: u64 = 40;
    let params = Params {
        frequency_mhz: 500.0,
        difficulty_floor: 1.0,
        silicon: Silicon {
            weak: vec![(5, 0.9), (68, 0.9), (131, 0.9)],
            ..Silicon::default()
        },
        ..Params::s9()
    };
    let search = Search {
        places: 63,
        level: 0.05,
        power: 0.95,
    };
    let needed = search.events_needed(0.9).expect("some") as usize;
    let warm = Device::warm(&params, 1);
    let mut hits = [0; 2];
    for seed in 0..SEEDS {
        let mut device = warm.clone().reseeded(seed);
        device.take_job(1, Difficulty::ONE, true);
        let mut found = Vec::new();
        while found.len() < needed {
            device.advance(device.now() + Duration::from_secs(1), &mut found);
        }
        for (hits, part) in hits.iter_mut().zip([needed / 2, needed]) {
            let mut counts = [0; 63];
            for find in &found[..part] {
                counts[usize::from(find.chip)] += 1;
            }
            let places = Places::of(&counts, search.level).expect("shares");
            *hits += u64::from(places.places[5].outlier == Some(Outlier::Weak));
        }
    }
    // 38 of 40 are expected, with a standard deviation of 1.4; of half as many shares some 22.
    assert!(hits[1] >= 33, "{hits:?} of {SEEDS} among {needed} shares");
    assert!(hits[0] < hits[1] && hits[0] <= 32, "{hits:?} of {SEEDS}");
}

#[test]
fn shares_by_chip_and_core_are_features_of_a_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let args = "train narma10 --substrate twin --unit s9 --features chips,cores --washout 20 --train 150 --test 60";
    let args: Vec<&str> = args.split(' ').chain(["--out", utf8(dir.path())]).collect();
    success(&args);
    let mut reader =
        csv::Reader::from_path(dir.path().join("states-dialogue.csv")).expect("states");
    let headers = reader.headers().expect("headers").clone();
    let (mut chips, mut cores) = (vec![0.0; 63], vec![0.0; 114]);
    for row in reader.records() {
        let row = row.expect("a row");
        for (name, value) in headers.iter().zip(row.iter()) {
            let value = || value.parse::<f64>().expect("a rate");
            let number = |prefix: &str| {
                let name = name.strip_prefix(prefix)?;
                name.strip_suffix(".share_rate [1/s]")?
                    .parse::<usize>()
                    .ok()
            };
            if let Some(chip) = number("chip") {
                chips[chip] += value();
            }
            if let Some(core) = number("core") {
                cores[core] += value();
            }
        }
    }
    let total: f64 = chips.iter().sum();
    assert!(total > 0.0);
    // Each share is of one chip and of one core.
    assert!(
        (cores.iter().sum::<f64>() / total - 1.0).abs() < 1e-9,
        "{total}"
    );
    assert!(chips.iter().all(|rate| *rate > 0.0), "{chips:?}");
    assert!(
        cores.iter().filter(|rate| **rate > 0.0).count() > 110,
        "{cores:?}"
    );
}
