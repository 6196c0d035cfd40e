//! Units that are left safe however their command ends, and driven by one command at a time: the built program, a
//! settable unit with a slow control interface, a miner that logs in for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::patience::until;
use crate::port::port;
use crate::slow::slow;
use crate::support::{failure, success, text, thermine, utf8};
use crate::units::{Sim, ask};

/// What a request to the unit takes.
const DELAY: Duration = Duration::from_millis(700);

/// Every hash is a share of this difficulty; above it the miner finds none.
const EASY: f64 = 1e-15;

/// Pause of the miner before it connects again.
const RECONNECT: Duration = Duration::from_millis(20);

/// An LV06 with a settable control interface, and the miner that logs in for it.
struct Unit {
    api: String,
    config: PathBuf,
    jobs: Arc<AtomicU64>,
    /// Whether the miner sends shares that count for nothing.
    broken: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    _sim: Sim,
}

impl Unit {
    fn start(dir: &Path, delay: Duration, agent: &'static str, extra: &str) -> Unit {
        // The simulated unit itself does not mine: nothing listens at its pool.
        let sim = Sim::start(&["lv06", "--pool", &port().to_string()]);
        let api = sim.place("control interface");
        let front = slow(api.parse().expect("an address"), delay);
        let pool = port();
        let config = dir.join("lv06.toml");
        std::fs::write(&config, configuration(pool, front, extra)).expect("written");
        let (jobs, broken, stop) = (Arc::default(), Arc::default(), Arc::default());
        let unit = Unit {
            api,
            config,
            jobs: Arc::clone(&jobs),
            broken: Arc::clone(&broken),
            stop: Arc::clone(&stop),
            _sim: sim,
        };
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // Nothing listens yet, or the connection was closed: try again, as units do.
                let _ = mine(pool, agent, &jobs, &broken, &stop);
                std::thread::sleep(RECONNECT);
            }
        });
        unit
    }

    /// Clock in MHz, core voltage in mV and fan in percent, as the unit reads them back.
    fn point(&self) -> (f64, f64, f64) {
        let request = "GET /api/system/info HTTP/1.1\r\nHost: unit\r\nConnection: close\r\n\r\n";
        let reply = ask(&self.api, request);
        let (_, body) = reply.split_once("\r\n\r\n").expect("a body");
        let (from, to) = (
            body.find('{').expect("JSON"),
            body.rfind('}').expect("JSON"),
        );
        let info: Value = serde_json::from_str(&body[from..=to]).expect("JSON");
        let number = |key: &str| info[key].as_f64().expect("a number");
        (
            number("frequency"),
            number("coreVoltage"),
            number("fanspeed"),
        )
    }

    /// Waits until it has been given a job.
    fn driven(&self, program: &mut Child) {
        until("the unit is driven", || {
            let ended = program.try_wait().expect("a child");
            assert!(
                ended.is_none(),
                "ended before the unit was driven: {}",
                rest(program)
            );
            self.jobs.load(Ordering::Relaxed) > 0
        });
        assert!(
            self.point().0 > 300.0,
            "it runs where the experiment wants it"
        );
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn configuration(pool: SocketAddr, api: SocketAddr, extra: &str) -> String {
    format!(
        "[unit]\nname = \"lv06\"\nmodel = \"lucky-miner-lv06\"\n\n[stratum]\nlisten = \"{pool}\"\nworker = \"w\"\n{extra}\
         connect_timeout_seconds = 30\n\n[api]\naddress = \"{api}\"\npoll_seconds = 2.0\n\n[point]\nfrequency_mhz = 400\n\
         voltage_v = 1.15\nfan = 0.8\n\n[step]\nhold_seconds = 0.2\nshares = 1\ntimeout_seconds = 60.0\n\
         difficulty = {EASY:e}\nduty_min = 0.9\n"
    )
}

/// Logs in, counts jobs, and answers those that are easy.
fn mine(
    pool: SocketAddr,
    agent: &str,
    jobs: &AtomicU64,
    broken: &AtomicBool,
    stop: &AtomicBool,
) -> std::io::Result<()> {
    let stream = TcpStream::connect(pool)?;
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut writer = stream.try_clone()?;
    let mut send = |line: Value| writer.write_all(format!("{line}\n").as_bytes());
    send(json!({"id": 1, "method": "mining.subscribe", "params": [agent]}))?;
    send(json!({"id": 2, "method": "mining.authorize", "params": ["w", "x"]}))?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut job) = (String::new(), Value::Null);
    let (mut extranonce2_len, mut id, mut difficulty) = (0, 2_u64, 1.0);
    while !stop.load(Ordering::Relaxed) {
        let mut share = |job: &Value, ntime: &Value, extranonce2_len: usize| {
            id += 1;
            let extranonce2 = "00".repeat(extranonce2_len);
            send(json!({"id": id, "method": "mining.submit",
                "params": ["w", job[0], extranonce2, ntime, format!("{id:08x}")]}))
        };
        match reader.read_line(&mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if broken.load(Ordering::Relaxed) && job.is_array() {
                    share(&job, &json!("00000000"), extranonce2_len)?;
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        let message: Value = serde_json::from_str(&line)?;
        line.clear();
        if message["id"] == 1 {
            extranonce2_len = message["result"][2].as_u64().unwrap_or(0) as usize;
        } else if message["method"] == "mining.set_difficulty" {
            difficulty = message["params"][0].as_f64().unwrap_or(1.0);
        } else if message["method"] == "mining.notify" {
            jobs.fetch_add(1, Ordering::Relaxed);
            job = message["params"].clone();
            if broken.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    share(&job, &json!("00000000"), extranonce2_len)?;
                }
            } else if difficulty < 1e-9 {
                share(&job, &job[7], extranonce2_len)?;
            }
        }
    }
    Ok(())
}

/// The program with `args` in `dir`, its output piped. Under `nohup` a test would inherit an ignored SIGHUP.
fn start(dir: &Path, args: &[&str]) -> Child {
    Command::new("env")
        .args(["--default-signal=HUP", env!("CARGO_BIN_EXE_thermine")])
        .args(args)
        .current_dir(dir)
        .env("RUST_BACKTRACE", "0")
        .env("THERMINE_DAEMON__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started")
}

fn signal(program: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &program.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// What the program has still to say.
fn rest(program: &mut Child) -> String {
    let mut said = String::new();
    if let Some(mut stderr) = program.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    said
}

/// How a command is ended in the middle of its drive.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Signal(&'static str, i32),
    /// The terminal is gone: it sends SIGHUP, and nothing more can be written.
    TerminalGone,
    /// The drive fails.
    Error,
}

const ENDINGS: [Ending; 4] = [
    Ending::Signal("-INT", 130),
    Ending::Signal("-TERM", 143),
    Ending::TerminalGone,
    Ending::Error,
];

/// What drives a unit, by its arguments; `UNIT` and `READOUT` stand for files.
const DRIVING: [&[&str]; 9] = [
    &[
        "train",
        "narma10",
        "--encode",
        "frequency=400:500",
        "--config",
        "UNIT",
        "--out",
        "out",
    ],
    &["predict", "READOUT", "--config", "UNIT"],
    &[
        "capture",
        "record",
        "--shares",
        "100000",
        "--config",
        "UNIT",
        "--out",
        "out.sqlite",
    ],
    &["chips", "UNIT", "--shares", "100000", "--out", "out"],
    &[
        "sweep",
        "--frequency",
        "450",
        "--voltage",
        "1.2",
        "--difficulty",
        "1",
        "--config",
        "UNIT",
        "--out",
        "out",
    ],
    &["switch-profile", "--config", "UNIT", "--out", "out"],
    &["tpf", "live", "--config", "UNIT", "--out", "out"],
    &[
        "puf", "enroll", "--key", "key", "--config", "UNIT", "--out", "out",
    ],
    &["run", "--config", "UNIT"],
];

/// A readout as if it had been trained on a device.
fn readout(dir: &Path) -> PathBuf {
    let out = dir.join("trained");
    success(&[
        "train",
        "narma10",
        "--substrate",
        "twin",
        "--unit",
        "lv06",
        "--encode",
        "frequency=400:500",
        "--hold",
        "1",
        "--washout",
        "20",
        "--train",
        "60",
        "--test",
        "50",
        "--echo-steps",
        "0",
        "--off-steps",
        "0",
        "--out",
        utf8(&out),
    ]);
    let path = out.join("readout-custom.json");
    let trained = std::fs::read_to_string(&path).expect("a readout");
    assert!(trained.contains("\"simulated\""), "{trained}");
    std::fs::write(&path, trained.replace("\"simulated\"", "\"device\"")).expect("written");
    path
}

#[test]
fn every_command_that_drives_a_unit_leaves_it_safe_however_it_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let readout = readout(dir.path());
    std::thread::scope(|scope| {
        for args in DRIVING {
            let readout = &readout;
            scope.spawn(move || {
                for ending in ENDINGS {
                    // The daemon reads its files again at SIGHUP, and takes a unit back after an error.
                    if args[0] != "run" || matches!(ending, Ending::Signal(..)) {
                        left_safe(args, readout, ending);
                    }
                }
            });
        }
    });
}

fn left_safe(args: &[&str], readout: &Path, ending: Ending) {
    let what = format!("{} {}, {ending:?}", args[0], args[1]);
    let dir = tempfile::tempdir().expect("a folder");
    let key = dir.path().join("key");
    std::fs::write(&key, "ab".repeat(32)).expect("written");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, private).expect("private");
    let unit = Unit::start(dir.path(), DELAY, "bitaxe/BM1366/2.1.10", "");
    let args: Vec<&str> = args
        .iter()
        .map(|arg| match *arg {
            "UNIT" => utf8(&unit.config),
            "READOUT" => utf8(readout),
            arg => arg,
        })
        .collect();
    let mut program = start(dir.path(), &args);
    unit.driven(&mut program);
    let code = match ending {
        Ending::Signal(name, code) => {
            signal(&program, name);
            if args[0] == "run" { 0 } else { code }
        }
        Ending::TerminalGone => {
            drop(program.stderr.take());
            signal(&program, "-HUP");
            129
        }
        Ending::Error => {
            unit.broken.store(true, Ordering::Relaxed);
            1
        }
    };
    let said = rest(&mut program);
    let status = program.wait().expect("ended");
    assert_eq!(unit.point(), (50.0, 1000.0, 100.0), "{what}: {said}");
    assert_eq!(status.code(), Some(code), "{what}: {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
    if args[0] != "run" && ending != Ending::TerminalGone {
        assert!(
            said.contains("lv06 confirmed its safe operating point"),
            "{what}: {said}"
        );
        assert_eq!(
            said.contains("interrupted"),
            ending != Ending::Error,
            "{what}: {said}"
        );
        assert!(
            !said.contains("the run failed") || ending == Ending::Error,
            "{what}: {said}"
        );
    }
    if args[1] == "record" {
        let info = success(&["capture", "info", utf8(&dir.path().join("out.sqlite"))]);
        let how = if ending == Ending::Error {
            "failed: "
        } else {
            "interrupted"
        };
        assert!(info.contains(how), "{info}");
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_names_the_unit_that_is_not_safe() {
    let dir = tempfile::tempdir().expect("a folder");
    let unit = Unit::start(dir.path(), DELAY, "bitaxe/BM1366/2.1.10", "");
    let config = utf8(&unit.config);
    let mut program = start(
        dir.path(),
        &[
            "capture",
            "record",
            "--shares",
            "10000000",
            "--config",
            config,
            "--out",
            "out.sqlite",
        ],
    );
    unit.driven(&mut program);
    // A second one that comes together with the first, as from a wrapper, is the same.
    signal(&program, "-INT");
    until("it ends", || {
        signal(&program, "-INT");
        program.try_wait().expect("a child").is_some()
    });
    let said = rest(&mut program);
    assert_eq!(program.wait().expect("ended").code(), Some(130), "{said}");
    let written = std::fs::read_to_string(&unit.config).expect("written");
    let api = written
        .split("address = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let expected = format!(
        "interrupted before lv06 at {} confirmed its safe operating point",
        api.expect("an API")
    );
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_unit_is_driven_by_one_process_and_the_second_is_told_by_which() {
    let dir = tempfile::tempdir().expect("a folder");
    let unit = Unit::start(dir.path(), Duration::ZERO, "bitaxe/BM1366/2.1.10", "");
    let config = utf8(&unit.config);
    let mut first = start(
        dir.path(),
        &[
            "capture",
            "record",
            "--shares",
            "10000000",
            "--config",
            config,
            "--out",
            "out.sqlite",
        ],
    );
    unit.driven(&mut first);
    // The same unit under another name, expected on another port.
    let other = dir.path().join("other.toml");
    let text = std::fs::read_to_string(&unit.config).expect("written");
    let (head, tail) = text.split_once("listen = \"").expect("a listener");
    let (_, tail) = tail.split_once('"').expect("an address");
    let text = format!("{head}listen = \"{}\"{tail}", port())
        .replace("name = \"lv06\"", "name = \"my-lv06\"");
    std::fs::write(&other, text).expect("written");
    let out = dir.path().join("second");
    let said = failure(&[
        "switch-profile",
        "--config",
        utf8(&other),
        "--out",
        utf8(&out),
    ]);
    let expected = format!(
        "cannot drive my-lv06: thermine capture record (process {}) drives the unit at",
        first.id()
    );
    assert!(said.contains(&expected), "{said}");
    let mut daemon = start(dir.path(), &["run", "--config", utf8(&other)]);
    let stderr = BufReader::new(daemon.stderr.take().expect("piped"));
    let refused = stderr
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains(&expected));
    assert!(refused.is_some(), "the daemon's unit is refused too");
    signal(&daemon, "-INT");
    assert!(daemon.wait().expect("ended").success());
    // The first was not disturbed, and the unit is free after it.
    assert!(unit.point().0 > 300.0);
    signal(&first, "-INT");
    assert_eq!(first.wait().expect("ended").code(), Some(130));
    let mut again = start(
        dir.path(),
        &["switch-profile", "--config", utf8(&other), "--out", "again"],
    );
    signal_once_attached(&mut again);
}

/// Waits until the program waits for its unit, and ends it.
fn signal_once_attached(program: &mut Child) {
    let mut lines = BufReader::new(program.stderr.take().expect("piped")).lines();
    let waiting = lines.find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("waiting for my-lv06"))
    });
    assert!(waiting.is_some(), "the unit is free again");
    signal(program, "-INT");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(program.wait().expect("ended").code(), Some(130), "{rest:?}");
}

#[test]
fn a_miner_that_is_not_the_unit_that_is_watched_is_not_driven() {
    let dir = tempfile::tempdir().expect("a folder");
    for (agent, extra, expected) in [
        (
            "bmminer/2.0.0",
            "",
            [
                "127.0.0.1  bmminer/2.0.0",
                "the firmware of a Bitmain Antminer",
            ],
        ),
        (
            "bitaxe/BM1366/2.1.10",
            "connects_from = \"10.20.30.40\"\n",
            [
                "127.0.0.1  bitaxe/BM1366/2.1.10",
                "give each unit its own worker name",
            ],
        ),
    ] {
        let unit = Unit::start(dir.path(), Duration::ZERO, agent, extra);
        let out = dir.path().join(agent.split('/').next().expect("a name"));
        let said = failure(&[
            "switch-profile",
            "--config",
            utf8(&unit.config),
            "--out",
            utf8(&out),
        ]);
        assert!(
            said.contains(
                "cannot drive lv06: the miner that logged in is not the one being watched"
            ),
            "{said}"
        );
        for expected in expected {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert_eq!(unit.jobs.load(Ordering::Relaxed), 0, "it was given no work");
    }
}

#[test]
fn units_of_a_rack_with_one_port_and_one_worker_name_are_refused_by_check_and_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let (pool, api) = (port(), port());
    for name in ["first", "second"] {
        let text =
            configuration(pool, api, "").replace("name = \"lv06\"", &format!("name = \"{name}\""));
        std::fs::write(dir.path().join(format!("{name}.toml")), text).expect("written");
    }
    let rack = dir.path().join("rack.toml");
    std::fs::write(&rack, "units = [\"first.toml\", \"second.toml\"]").expect("written");
    for args in [
        &["config", "check", utf8(&rack)][..],
        &["run", "--config", utf8(&rack)],
        &["devices", "--config", utf8(&rack)],
    ] {
        let output = thermine(args).output().expect("started");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!output.status.success(), "{args:?}: {said}");
        assert!(
            said.contains("first and second both log in on"),
            "{args:?}: {said}"
        );
    }
}
