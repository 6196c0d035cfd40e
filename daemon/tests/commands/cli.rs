//! The main job: its report, its capture, its replay; command lines and units that are wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::patience::{found, until};
use crate::port::port;
use crate::real::real_shares;
use crate::support::{failure, report, run, text, thermine, utf8};

/// A run of 160 steps of 2 s: enough to go through everything, too little to claim anything.
const SHORT: [&str; 10] = [
    "--washout",
    "20",
    "--train",
    "80",
    "--test",
    "60",
    "--echo-steps",
    "20",
    "--off-steps",
    "20",
];

fn short(dir: &Path, name: &str, extra: &[&str]) -> (Output, PathBuf) {
    let out = dir.join(name);
    let config = dir.join("short.toml");
    let default = include_str!("../../../configs/sim-s9.toml");
    std::fs::write(
        &config,
        default.replace("hold_seconds = 7.0", "hold_seconds = 2.0"),
    )
    .expect("written");
    let out_text = out.to_str().expect("UTF-8");
    let config = config.to_str().expect("UTF-8");
    let mut args = vec!["train", "narma10", "--config", config, "--out", out_text];
    args.extend(SHORT);
    args.extend(extra);
    (run(&args), out)
}

/// The scores of a report, without what names the substrate or the wall clock.
fn scores(folder: &Path) -> Vec<Value> {
    let report = report(folder);
    let arms = report["arms"].as_array().expect("arms");
    arms.iter().map(|arm| arm["verdict"].clone()).collect()
}

/// One short run on sockets, which several tests look at: what the program printed, and its folder.
fn shared_run() -> &'static (Output, PathBuf) {
    static RUN: OnceLock<(Output, PathBuf)> = OnceLock::new();
    RUN.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands-short-run");
        // That of an earlier execution of these tests.
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a folder");
        short(&dir, "run", &[])
    })
}

/// Its capture.
fn shared_capture() -> PathBuf {
    let (output, folder) = shared_run();
    assert!(output.status.success(), "{}", text(&output.stderr));
    folder.join("capture.sqlite")
}

#[test]
fn a_run_on_sockets_is_reported() {
    let (output, folder) = shared_run();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for row in [
        "| dialogue ",
        "| monologue ",
        "| constant ",
        "| control: delay line of 9 ",
    ] {
        assert!(said.contains(row), "{row} in {said}");
    }
    assert!(
        said.contains("simulated by handshake, in virtual time"),
        "{said}"
    );
    assert!(
        said.contains("no verdict: 60 test steps are too few"),
        "{said}"
    );
    assert_eq!(said.lines().last(), folder.to_str(), "the path comes last");
    for file in [
        "report.json",
        "prediction.svg",
        "delta-t.svg",
        "states-dialogue.csv",
    ] {
        assert!(folder.join(file).exists(), "{file}");
    }
    let states = std::fs::read_to_string(folder.join("states-dialogue.csv")).expect("states");
    assert_eq!(states.lines().count(), 161);
    assert!(
        states
            .lines()
            .next()
            .expect("a header")
            .contains("board6.chip_temp [°C]")
    );
}

#[test]
fn a_run_on_sockets_leaves_a_capture_that_verifies() {
    let capture = shared_capture();
    // Every share that was accepted has a header that still hashes to a share.
    let capture_text = utf8(&capture);
    let verified = run(&["capture", "verify", capture_text, "--json"]);
    assert!(verified.status.success());
    let report: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
    assert!(
        report["valid"].as_u64().expect("a count") > 5_000,
        "{report}"
    );
    assert_eq!(
        (&report["contradictions"], &report["without_header"]),
        (&json!(0), &json!(0))
    );
    assert!(
        report["law"]["p"].as_f64().expect("a p-value") > 1e-3,
        "{report}"
    );
    assert!(text(&run(&["capture", "info", capture_text]).stdout).contains("Antminer S9"));
}

#[test]
fn a_capture_replays_to_the_same_scores_and_says_that_it_is_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let capture = shared_capture();
    let capture_text = utf8(&capture);
    let out = dir.path().join("replay");
    let replayed = run(&[
        "train",
        "narma10",
        "--substrate",
        "replay",
        "--capture",
        capture_text,
        "--out",
        out.to_str().expect("UTF-8"),
    ]);
    assert!(replayed.status.success(), "{}", text(&replayed.stderr));
    assert!(text(&replayed.stdout).contains("replayed (simulated)"));
    assert!(
        scores(&out) == scores(&shared_run().1),
        "the replay differs"
    );
}

#[test]
fn a_replay_with_another_input_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let capture = shared_capture();
    let capture_text = utf8(&capture);
    let other = failure(&[
        "train",
        "narma10",
        "--substrate",
        "replay",
        "--capture",
        capture_text,
        "--seed",
        "2",
        "--out",
        dir.path().join("other").to_str().expect("UTF-8"),
    ]);
    assert!(other.contains("another task, seed or encoding"), "{other}");
}

#[test]
fn the_same_seed_gives_the_same_scores_on_sockets_and_in_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_, first) = short(dir.path(), "first", &["--seed", "5"]);
    let (_, again) = short(dir.path(), "again", &["--seed", "5"]);
    assert!(scores(&first) == scores(&again), "the runs differ");
    let (_, twin) = short(dir.path(), "twin", &["--seed", "5", "--substrate", "twin"]);
    let nrmse = |folder: &Path| {
        scores(folder)[0]["device"]["nrmse"]["value"]
            .as_f64()
            .expect("a score")
    };
    // One physics: the wire adds the reading's way through the API, and nothing else.
    assert!(
        (nrmse(&first) - nrmse(&twin)).abs() < 0.1,
        "{} {}",
        nrmse(&first),
        nrmse(&twin)
    );
    let (_, other) = short(dir.path(), "other", &["--seed", "6"]);
    assert!(scores(&first) != scores(&other), "the seed has no effect");
}

#[test]
fn a_capture_of_another_program_is_a_null() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(csv) = real_shares() else {
        return;
    };
    let capture = dir.path().join("s9.sqlite");
    let capture = capture.to_str().expect("UTF-8");
    let imported = run(&[
        "capture",
        "import",
        csv.to_str().expect("UTF-8"),
        "--out",
        capture,
    ]);
    assert!(text(&imported.stdout).starts_with("1600 shares of 1430 jobs, 28 of them sent twice"));
    let again = failure(&[
        "capture",
        "import",
        csv.to_str().expect("UTF-8"),
        "--out",
        capture,
    ]);
    assert!(again.contains("never overwritten"), "{again}");
    let out = dir.path().join("out");
    let output = run(&[
        "train",
        "narma10",
        "--substrate",
        "replay",
        "--capture",
        capture,
        "--test",
        "500",
        "--train",
        "700",
        "--out",
        out.to_str().expect("UTF-8"),
    ]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(said.contains("replayed (unverified device)"), "{said}");
    assert!(said.contains("the device adds no computation"), "{said}");
    assert!(said.contains("not driven with this input"), "{said}");
}

#[test]
fn wrong_command_lines_say_what_is_wrong() {
    assert!(failure(&["train", "narma10", "--sede", "1"]).contains("--seed"));
    assert!(failure(&["train", "narma11"]).contains("narma10"));
    assert!(failure(&["train", "narma10", "--substrate", "replay"]).contains("--capture"));
    assert!(failure(&["train", "narma10", "--config", "nowhere.toml"]).contains("nowhere.toml"));
    let replay = [
        "train",
        "narma10",
        "--substrate",
        "replay",
        "--capture",
        "x",
        "--config",
    ];
    let sim = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/sim-s9.toml");
    assert!(failure(&[&replay[..], &[sim]].concat()).contains("--config is not for"));
    let bare = ["train", "narma10", "--unit", "bm1366", "--backend", "twin"];
    assert!(failure(&bare).starts_with("error: there is no twin of bare chips"));
    assert!(failure(&["capture", "verify", "nowhere.sqlite"]).contains("nowhere.sqlite"));
    assert!(failure(&["train", "narma10", "--test", "3"]).contains("at least 50"));
    let full = env!("CARGO_MANIFEST_DIR");
    assert!(failure(&["train", "narma10", "--out", full]).contains("is not empty"));
}

/// A configuration of a real unit: its pool at `stratum`, its API at `api`; given `patience` seconds to connect.
fn real_unit(dir: &Path, stratum: &str, api: &str, patience: u32) -> PathBuf {
    let config = include_str!("../../../configs/antminer-s9.toml")
        .replace("127.0.0.1:3333", stratum)
        .replace("127.0.0.1:4028", api)
        .replace(
            "connect_timeout_seconds = 120",
            &format!("connect_timeout_seconds = {patience}"),
        );
    let path = dir.join("unit.toml");
    std::fs::write(&path, config).expect("written");
    path
}

#[test]
fn a_port_in_use_and_a_unit_that_never_comes_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let run = |config: &Path, out: &str| {
        let out = dir.path().join(out);
        failure(&[
            "train",
            "narma10",
            "--config",
            config.to_str().expect("UTF-8"),
            "--out",
            out.to_str().expect("UTF-8"),
        ])
    };
    let said = run(&real_unit(dir.path(), &address, "127.0.0.1:9", 1), "a");
    assert!(
        said.contains(&address) && said.contains("is another program using it?"),
        "{said}"
    );
    let said = run(
        &real_unit(dir.path(), &port().to_string(), "127.0.0.1:9", 1),
        "b",
    );
    assert!(
        said.contains("no unit with worker name `s9` connected within 1 s"),
        "{said}"
    );
    assert!(said.contains("set its pool"), "{said}");
}

/// Answers `requests` of the cgminer API with what `reply` gives.
fn api(replies: usize, reply: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(replies) {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(reply);
        }
    });
    address
}

/// One reply that serves for `stats` and `summary` alike.
const READING: &[u8] = br#"{"STATUS":[{"STATUS":"S","When":1,"Code":70,"Msg":"ok","Description":"bmminer 1.0.0"}],"STATS":[{"BMMiner":"2.0.0","Type":"Antminer S9"}{"STATS":0,"ID":"BC50","Elapsed":9,"fan_num":2,"fan5":4800,"fan6":4800,"GHS 5s":"13000.1","temp6":60,"temp2_6":75,"chain_acn6":63,"chain_rate6":"4333.1"}],"SUMMARY":[{"Elapsed":9,"GHS 5s":"13000.1","Accepted":1}],"id":1}"#;

/// Connects as worker `s9`, answers the first job with garbage if told to, and hangs up.
fn unit(stratum: String, garbage: bool) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut stream = found("the program listens", || TcpStream::connect(&stratum));
        let mut lines = BufReader::new(stream.try_clone().expect("cloned")).lines();
        for line in [
            r#"{"id":0,"method":"mining.subscribe","params":["bmminer/2.0.0"]}"#,
            r#"{"id":1,"method":"mining.authorize","params":["s9","x"]}"#,
        ] {
            writeln!(stream, "{line}").expect("sent");
        }
        while let Some(Ok(line)) = lines.next() {
            // The reply to `mining.subscribe` names it too.
            let message: Value = serde_json::from_str(&line).expect("JSON");
            if message["method"] == "mining.notify" {
                if garbage {
                    let _ = stream.write_all(&"so sorry\n".repeat(20).into_bytes());
                    while let Some(Ok(_)) = lines.next() {}
                }
                return;
            }
        }
    })
}

#[test]
fn a_unit_that_fails_in_mid_run_is_named_and_the_capture_is_whole() {
    for (name, garbage, readings, reply, expected) in [
        ("gone", false, 1000, READING, "s9 at 127.0.0.1"),
        ("garbage", true, 1000, READING, "lines that are not Stratum"),
        (
            "api",
            false,
            1000,
            b"\x00\xff so sorry" as &[u8],
            "gave no reading within 10 s",
        ),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let stratum = port().to_string();
        let config = real_unit(dir.path(), &stratum, &api(readings, reply), 10);
        let unit = unit(stratum, garbage);
        let out = dir.path().join("out");
        let said = failure(&[
            "train",
            "narma10",
            "--config",
            config.to_str().expect("UTF-8"),
            "--out",
            out.to_str().expect("UTF-8"),
        ]);
        assert!(said.contains(expected), "{name}: {said}");
        assert!(
            said.contains("what was recorded until then is kept in"),
            "{name}: {said}"
        );
        unit.join().expect("no panic");
        let capture = out.join("capture.sqlite");
        let info = run(&["capture", "info", capture.to_str().expect("UTF-8")]);
        assert!(info.status.success(), "{name}");
        assert!(
            text(&info.stdout).contains("unverified device, failed: "),
            "{name}: {}",
            text(&info.stdout)
        );
    }
}

#[test]
fn an_interrupted_run_leaves_a_whole_capture() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("out");
    let child = thermine(&["train", "narma10", "--out", out.to_str().expect("UTF-8")])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let capture = out.join("capture.sqlite");
    let valid = || -> u64 {
        let capture = capture.to_str().expect("UTF-8");
        let verified = run(&["capture", "verify", capture, "--json"]);
        let report = serde_json::from_slice::<Value>(&verified.stdout).unwrap_or_default();
        report["valid"].as_u64().unwrap_or(0)
    };
    until("a share is kept", || capture.exists() && valid() > 0);
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.expect("kill runs").success());
    let output = child.wait_with_output().expect("ended");
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("interrupted"),
        "{}",
        text(&output.stderr)
    );
    assert!(valid() > 0);
}

/// As of `thermine ... | head -0`.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    for args in [["config", "explain"], ["completions", "bash"]] {
        let mut child = thermine(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("ended");
        let said = text(&ended.stderr);
        assert!(ended.status.success(), "{args:?}: {said}");
        assert_eq!(said, "");
    }
}
