//! Every unit and every example of `configs/`, as a user starts them: the built binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::example::{configs, example};
use crate::port::port;
use crate::support::{run, text, thermine, utf8};

fn train(config: &Path, out: &Path) -> Output {
    let steps = ["--washout", "5", "--train", "50", "--test", "50"];
    let (config, out) = (utf8(config), utf8(out));
    let train = ["train", "narma10", "--config", config, "--out", out];
    run(&[&train[..], &steps].concat())
}

#[test]
fn the_main_job_runs_on_each_simulated_unit_and_every_share_verifies() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, hold, algorithm_floor) in [
        ("sim-s9.toml", "hold_seconds = 7.0", 256.0),
        ("sim-lv06.toml", "hold_seconds = 20.0", 256.0),
        ("sim-lb-box.toml", "hold_seconds = 7.0", 10_000.0),
        ("sim-bm1387.toml", "hold_seconds = 7.0", 256.0),
        ("sim-bm1366.toml", "hold_seconds = 7.0", 64.0),
    ] {
        let config = example(dir.path(), name, &[(hold, "hold_seconds = 1.0")]);
        let out = dir.path().join(name.trim_end_matches(".toml"));
        let output = train(&config, &out);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let said = text(&output.stdout);
        assert!(said.contains("simulated by handshake"), "{said}");
        assert!(said.contains("| dialogue "), "{said}");

        let capture = out.join("capture.sqlite");
        let capture = capture.to_str().expect("UTF-8");
        let verified = thermine(&["capture", "verify", capture, "--json"]).output();
        let verified = verified.expect("started");
        assert!(verified.status.success(), "{}", text(&verified.stderr));
        let report: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
        assert_eq!(report["contradictions"], 0, "{name}");
        assert_eq!(report["without_header"], 0, "{name}");
        let valid = report["valid"].as_u64().expect("a count");
        assert!(valid > 100, "{name}: {valid} shares");
        let floor = report["difficulty"]["min"].as_f64().expect("a difficulty");
        assert!(floor >= algorithm_floor, "{name}: {floor}");
    }
}

#[test]
fn each_real_unit_that_is_not_there_is_an_error_that_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, worker, api) in [
        ("antminer-s9.toml", "s9", "127.0.0.1:4028\" #"),
        ("lucky-miner-lv06.toml", "lv06", "127.0.0.1:80\" "),
        ("goldshell-lb-box.toml", "lb-box", "127.0.0.1:80\" "),
    ] {
        let own = format!("{}\" #", port());
        let config = example(
            dir.path(),
            name,
            &[
                ("127.0.0.1:3333", "127.0.0.1:0"),
                (api, &own),
                (
                    "connect_timeout_seconds = 120",
                    "connect_timeout_seconds = 1",
                ),
            ],
        );
        let output = train(&config, &dir.path().join(format!("out-{name}")));
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{name}");
        let expected = format!("no unit with worker name `{worker}` connected");
        assert!(said.contains(&expected), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    for name in ["bm1387-serial.toml", "bm1366-serial.toml"] {
        let config = example(dir.path(), name, &[("/dev/ttyUSB0", "/dev/no-such-port")]);
        let output = train(&config, &dir.path().join(format!("out-{name}")));
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{name}");
        assert!(
            said.contains("cannot open the serial port /dev/no-such-port"),
            "{said}"
        );
        let unaware = example(
            dir.path(),
            name,
            &[(
                "without_temperature_sensor = true",
                "without_temperature_sensor = false",
            )],
        );
        let output = train(&unaware, &dir.path().join(format!("unaware-{name}")));
        let said = text(&output.stderr);
        assert!(said.contains("no interlock can watch bare chips"), "{said}");
    }
}

#[test]
fn the_mixed_rack_is_one_table_and_a_dead_unit_is_a_row() {
    let dir = tempfile::tempdir().expect("a folder");
    let rack = configs().join("rack.toml");
    let shown = thermine(&["devices", "--json", "--config"])
        .arg(&rack)
        .output();
    let shown = shown.expect("started");
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let rows: Vec<Value> = text(&shown.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.len(), 5);
    for row in &rows {
        let name = row["name"].as_str().expect("a name");
        assert_eq!(row["simulated"], true);
        assert!(row["identity"]["model"].is_string(), "{row}");
        assert!(
            row["age_seconds"].as_f64().is_some_and(|age| age < 15.0),
            "{row}"
        );
        let board = &row["telemetry"]["boards"][0];
        let temperature = board["chip_temp"].as_f64();
        // Bare chips report none, and nothing is made up.
        assert_eq!(temperature.is_none(), name.contains("bm13"), "{row}");
    }

    let address = port().to_string();
    let dead = example(
        dir.path(),
        "antminer-s9.toml",
        &[("127.0.0.1:4028", &address)],
    );
    let live = configs().join("sim-lv06.toml");
    let rack = dir.path().join("rack.toml");
    std::fs::write(&rack, format!("units = [{dead:?}, {live:?}]")).expect("written");
    let shown = thermine(&["devices", "--wait", "3", "--config"])
        .arg(&rack)
        .output();
    let said = text(&shown.expect("started").stdout);
    let row = |name: &str| {
        said.lines()
            .find(|line| line.contains(name))
            .expect("a row")
    };
    assert!(row("| s9 ").contains("refused"), "{said}");
    assert!(row("| sim-lv06 ").contains("LV06"), "{said}");
}

/// A stand-alone simulated unit, killed when dropped.
pub(crate) struct Sim {
    child: Child,
    lines: Vec<String>,
}

impl Sim {
    pub(crate) fn start(args: &[&str]) -> Sim {
        let mut child = thermine(&["sim", "--unit"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let stdout = child.stdout.take().expect("piped");
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut said = Vec::new();
        for line in lines {
            let last = line.contains("Ctrl-C");
            said.push(line);
            if last {
                break;
            }
        }
        Sim { child, lines: said }
    }

    /// The last word of the first line that has `what`.
    pub(crate) fn place(&self, what: &str) -> String {
        let line = self.lines.iter().find(|line| line.contains(what));
        let line = line.unwrap_or_else(|| panic!("{what} in {:?}", self.lines));
        line.rsplit(' ').next().unwrap_or_default().to_string()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `address` answers to `request`.
pub(crate) fn ask(address: &str, request: &str) -> String {
    let address: SocketAddr = address.parse().expect("an address");
    let mut stream = TcpStream::connect(address).expect("connected");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("set");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    text(&reply)
}

#[test]
fn each_unit_runs_on_its_own_and_answers_on_its_wire() {
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: unit\r\nConnection: close\r\n\r\n");
    let s9 = Sim::start(&["s9"]);
    let version = ask(&s9.place("control interface"), r#"{"command":"version"}"#);
    assert!(version.contains("Antminer S9"), "{version}");
    let lv06 = Sim::start(&["lv06"]);
    let info = ask(&lv06.place("control interface"), &get("/api/system/info"));
    assert!(info.contains("BM1366"), "{info}");
    let lb_box = Sim::start(&["lb-box"]);
    let status = ask(&lb_box.place("control interface"), &get("/mcb/status"));
    assert!(status.contains("Goldshell-LBBox"), "{status}");
    let api = ask(&lb_box.place("cgminer API"), r#"{"command":"version"}"#);
    assert!(api.contains("STATUS"), "{api}");
    for (unit, chips) in [("bm1387", "3"), ("bm1366", "1")] {
        let sim = Sim::start(&[unit, "--chips", chips]);
        let line = sim.place("chips on");
        assert!(Path::new(&line).exists(), "{line}");
    }
}
