//! The built proxy as a user meets it: its configuration, and SIGKILL under load.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use thermine::proxy::journal;
use thermine_sim::pool::{Pool, Settings};
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use tokio_util::sync::CancellationToken;

use crate::patience::{LIMIT, found, until};
use crate::port::port;

#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../../drivers/tests/shared/patience.rs"]
mod patience;
#[path = "shared/port.rs"]
mod port;

/// Every hash is a share.
const EASY: f64 = 1e-15;

/// A proxy that is killed when the test ends, however it does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn proxy(config: &Path) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(["proxy", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .spawn();
    Running(child.expect("started"))
}

/// Runs a proxy until its report says that the `left` shares of the runs before have an outcome, and ends it.
fn settle(config: &Path, left: u64) {
    let child = Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(["proxy", "--config"])
        .arg(config)
        .env("THERMINE_PROXY__REPORT_SECONDS", "0.05")
        .stdout(Stdio::piped())
        .spawn();
    let mut running = Running(child.expect("started"));
    let said = BufReader::new(running.0.stdout.take().expect("piped")).lines();
    let mut said = said.map(|line| line.expect("text"));
    if left > 0 {
        let words = format!("Of {left} shares from before a restart");
        assert!(said.any(|line| line.contains(&words)), "shares stay open");
    } else {
        assert!(said.any(|line| line.contains("units connect to")));
    }
    let ended = Command::new("kill")
        .args(["-TERM", &running.0.id().to_string()])
        .status();
    assert!(ended.expect("kill runs").success());
    said.for_each(drop);
    assert!(running.0.wait().expect("ended").success());
}

/// Mines one share after another until it is hung up on; how many it was told accepted.
fn mine(proxy: SocketAddr, worker: &str, first: u32) -> u64 {
    let stream = found("the proxy listens", || TcpStream::connect(proxy));
    stream.set_read_timeout(Some(LIMIT)).expect("set");
    stream.set_nodelay(true).expect("set");
    let mut writer = stream.try_clone().expect("a second handle");
    let mut lines = BufReader::new(stream).lines();
    let hello = format!(
        "{}\n{}\n",
        json!({"id": 1, "method": "mining.subscribe", "params": []}),
        json!({"id": 2, "method": "mining.authorize", "params": [worker, "x"]})
    );
    if writer.write_all(hello.as_bytes()).is_err() {
        return 0;
    }
    let (mut job, mut accepted, mut nonce) = (Value::Null, 0, first);
    let mut submitted = false;
    while let Some(Ok(line)) = lines.next() {
        let value: Value = serde_json::from_str(&line).expect("JSON");
        if value["method"] == "mining.notify" {
            job = value["params"].clone();
        } else if value["id"] == 3 {
            assert_eq!(value["result"], true, "{value}");
            accepted += 1;
            submitted = false;
        }
        if !job.is_null() && !submitted {
            nonce += 1;
            let share = json!([worker, job[0], "00000000", job[7], format!("{nonce:08x}")]);
            let line = json!({"id": 3, "method": "mining.submit", "params": share});
            if writer.write_all(format!("{line}\n").as_bytes()).is_err() {
                break;
            }
            submitted = true;
        }
    }
    accepted
}

#[test]
fn killed_under_load_and_started_again_nothing_is_lost_and_nothing_counts_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let (runtime, pool) = (
        tokio::runtime::Runtime::new().expect("a runtime"),
        Pool::new(
            Settings {
                difficulty: Difficulty::ONE,
                difficulty_scale: EASY,
                extranonce2_len: 8,
                dialogue: false,
                block_every: None,
                seed: 1,
            },
            Clock::real(),
        ),
    );
    pool.keep_shares();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let at_pool = listener.local_addr().expect("bound");
    runtime.spawn(pool.clone().run(listener, CancellationToken::new()));
    let (listen, file) = (port(), dir.path().join("journal.sqlite"));
    let config = dir.path().join("proxy.toml");
    let text = format!(
        "[proxy]\nlisten = \"{listen}\"\njournal = {file:?}\ndifficulty_scale = {EASY}\n\
         [[pool]]\nurl = \"stratum+tcp://{at_pool}\"\nuser = \"account\"\n\
         [units]\ndifficulty_first = 1\n"
    );
    std::fs::write(&config, text).expect("written");

    let mut acknowledged = 0;
    for round in 0..3_u32 {
        let before = pool.counts().accepted;
        let mut running = proxy(&config);
        let miners: Vec<_> = (0..6)
            .map(|i| {
                let first = round * 1_000_000 + i * 100_000;
                std::thread::spawn(move || mine(listen, &format!("w{i}"), first))
            })
            .collect();
        until("under load", || pool.counts().accepted > before + 150);
        // SIGKILL: no farewell, nothing flushed.
        running.0.kill().expect("killed");
        running.0.wait().expect("gone");
        for miner in miners {
            acknowledged += miner.join().expect("no panic");
        }
    }
    let left = journal::counts(&file).expect("a journal").open;
    settle(&config, left);
    let (kept, counts) = (journal::counts(&file).expect("a journal"), pool.counts());
    assert!(acknowledged > 300, "{acknowledged}");
    assert!(
        kept.shares >= acknowledged,
        "{kept:?}, {acknowledged} acknowledged"
    );
    assert_eq!(
        (kept.accepted, kept.open),
        (kept.shares, 0),
        "{kept:?} {counts:?}"
    );
    assert!(counts.accepted >= kept.shares, "{kept:?} {counts:?}");
    assert_eq!((counts.stale, counts.low), (0, 0), "{counts:?}");
    assert_eq!(counts.resumed, counts.subscribed - 1, "{counts:?}");
    let mut seen = HashSet::new();
    for (share, _) in pool.shares() {
        let key = (share.job_id, share.extranonce2, share.ntime, share.nonce);
        assert!(seen.insert(key), "counted twice");
    }
}

#[test]
fn the_example_works_as_it_stands_and_two_proxies_do_not_share_a_journal() {
    let dir = tempfile::tempdir().expect("a folder");
    let (listen, at_pool) = (port(), port());
    // Only the ports are changed: those of the example may be in use here.
    let text = include_str!("../../configs/proxy.toml")
        .replace("127.0.0.1:3333", &listen.to_string())
        .replace("127.0.0.1:3334", &at_pool.to_string())
        .replace("report_seconds = 30", "report_seconds = 0.2");
    std::fs::write(dir.path().join("proxy.toml"), text).expect("written");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thermine"));
        command
            .args(["proxy", "-c", "proxy.toml"])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    let mut running = Running(start().spawn().expect("started"));
    until("it listens", || TcpStream::connect(listen).is_ok());
    let unit = Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(["sim", "--unit", "s9", "--worker", "rack-s9", "--pool"])
        .arg(listen.to_string())
        .stdout(Stdio::null())
        .spawn();
    let _unit = Running(unit.expect("started"));
    // Kept open until the end: a program whose output nobody takes is another matter.
    let mut lines = BufReader::new(running.0.stdout.take().expect("piped")).lines();
    let accepted = lines.by_ref().map_while(Result::ok).take(500).any(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        cells.get(1) == Some(&"rack-s9") && cells.get(12).is_some_and(|count| *count != "0")
    });
    assert!(accepted, "the report shows shares that the pool accepted");

    let mut second = Running(start().spawn().expect("started"));
    until("the second one ends", || {
        second.0.try_wait().expect("asked").is_some()
    });
    let mut said = String::new();
    let mut stderr = second.0.stderr.take().expect("piped");
    stderr.read_to_string(&mut said).expect("text");
    assert!(!second.0.wait().expect("ended").success());
    assert!(
        said.contains("runs/proxy.sqlite") && said.contains("another program"),
        "{said}"
    );
}

#[test]
fn a_journal_that_is_something_else_is_not_touched() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("precious.txt");
    let precious = "not a database\n".repeat(100);
    std::fs::write(&file, &precious).expect("written");
    let error = format!("{:#}", journal::open(&file).expect_err("refused"));
    assert!(error.contains("not a share journal"), "{error}");
    let mut now = String::new();
    let mut opened = std::fs::File::open(&file).expect("there");
    opened.read_to_string(&mut now).expect("text");
    assert_eq!(now, precious);
}

/// A proxy with its journal in `dir` before a pool whose every hash is a share, as a command, and where units connect.
fn journaled(dir: &Path, at_pool: SocketAddr) -> (Command, SocketAddr) {
    let listen = port();
    let text = format!(
        "[proxy]\nlisten = \"{listen}\"\njournal = \"journal.sqlite\"\ndifficulty_scale = {EASY}\n\
         [[pool]]\nurl = \"stratum+tcp://{at_pool}\"\nuser = \"account\"\n\
         [units]\ndifficulty_first = 1\n"
    );
    std::fs::write(dir.join("proxy.toml"), text).expect("written");
    let mut command = Command::new("sh");
    command
        .current_dir(dir)
        .env("THERMINE", env!("CARGO_BIN_EXE_thermine"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    (command, listen)
}

/// A pool whose every hash is a share, while the runtime lasts.
fn easy_pool(runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let settings = Settings {
        difficulty: Difficulty::ONE,
        difficulty_scale: EASY,
        extranonce2_len: 8,
        dialogue: false,
        block_every: None,
        seed: 1,
    };
    let pool = Pool::new(settings, Clock::real());
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let address = listener.local_addr().expect("bound");
    runtime.spawn(pool.run(listener, CancellationToken::new()));
    address
}

/// Waits until the program ends, which is to be an error, and returns what it says.
fn fails(running: &mut Running) -> String {
    until("it ends", || running.0.try_wait().expect("asked").is_some());
    let mut said = String::new();
    let mut stderr = running.0.stderr.take().expect("piped");
    stderr.read_to_string(&mut said).expect("text");
    assert_eq!(running.0.wait().expect("ended").code(), Some(1), "{said}");
    said
}

#[test]
fn a_proxy_whose_journal_cannot_be_written_ends_with_an_error() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    let (mut command, listen) = journaled(dir.path(), easy_pool(&runtime));
    // Files of at most so many blocks of 512 bytes, as on a disk that is full.
    let command = command.args([
        "-c",
        "ulimit -f 400; trap '' XFSZ; exec \"$THERMINE\" proxy -c proxy.toml",
    ]);
    let mut running = Running(command.spawn().expect("started"));
    let mut nonce = 0;
    // It comes again and again, as units do, until nobody listens any more.
    while running.0.try_wait().expect("asked").is_none() {
        if let Ok(stream) = TcpStream::connect(listen) {
            drop(stream);
            nonce += 1_000_000;
            mine_until_closed(listen, nonce);
        }
    }
    let said = fails(&mut running);
    assert!(
        said.contains("journal.sqlite") && said.contains("cannot write"),
        "{said}"
    );
}

/// Mines until the connection is closed; shares may be told not to be stored.
fn mine_until_closed(proxy: SocketAddr, first: u32) {
    let Ok(stream) = TcpStream::connect(proxy) else {
        return;
    };
    let patience = Some(LIMIT);
    stream.set_read_timeout(patience).expect("set");
    let mut writer = stream.try_clone().expect("a second handle");
    let mut send = |value: Value| writer.write_all(format!("{value}\n").as_bytes()).is_ok();
    send(json!({"id": 1, "method": "mining.subscribe", "params": []}));
    send(json!({"id": 2, "method": "mining.authorize", "params": ["w", "x"]}));
    let mut nonce = first;
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let value: Value = serde_json::from_str(&line).expect("JSON");
        if value["method"] != "mining.notify" {
            continue;
        }
        let job = value["params"].clone();
        for _ in 0..2000 {
            nonce += 1;
            let share = json!(["w", job[0], "00000000", job[7], format!("{nonce:08x}")]);
            if !send(json!({"id": 3, "method": "mining.submit", "params": share})) {
                return;
            }
        }
    }
}

/// A word of the message, and what is done to a journal in use.
type Harm = (&'static str, fn(&Path));

#[test]
fn a_proxy_whose_journal_is_deleted_replaced_or_damaged_ends_with_an_error() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let harms: [Harm; 4] = [
        ("deleted", |file| {
            std::fs::remove_file(file).expect("removed")
        }),
        ("deleted", |file| {
            let log = file.with_file_name("journal.sqlite-wal");
            std::fs::remove_file(log).expect("removed");
        }),
        ("replaced", |file| {
            let other = file.with_file_name("other");
            std::fs::write(&other, "another file").expect("written");
            std::fs::rename(other, file).expect("moved");
        }),
        ("read through", |file| {
            let length = std::fs::metadata(file).expect("there").len();
            let bytes = usize::try_from(length).expect("small");
            let mut opened = std::fs::OpenOptions::new()
                .write(true)
                .open(file)
                .expect("opened");
            opened.write_all(&vec![0x5a; bytes]).expect("written");
        }),
    ];
    for (word, harm) in harms {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut command, listen) = journaled(dir.path(), easy_pool(&runtime));
        let command = command.args(["-c", "exec \"$THERMINE\" proxy -c proxy.toml"]);
        // A first run leaves tables and shares in the file.
        let mut running = Running(command.spawn().expect("started"));
        until("it listens", || TcpStream::connect(listen).is_ok());
        let id = running.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill").success());
        assert!(running.0.wait().expect("ended").success());
        let mut running = Running(command.spawn().expect("started"));
        until("it listens", || TcpStream::connect(listen).is_ok());
        harm(&dir.path().join("journal.sqlite"));
        let said = fails(&mut running);
        assert!(
            said.contains("journal.sqlite") && said.contains(word),
            "{word}: {said}"
        );
    }
}

#[test]
fn a_journal_that_was_damaged_is_not_begun_with() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("journal.sqlite");
    let (store, journal, _) = journal::open(&file).expect("made");
    drop(journal);
    store.finish().expect("complete");
    let sound = std::fs::read(&file).expect("there");
    let mut damaged = sound.clone();
    // The second page is a table's.
    damaged[4096..8192].fill(0x5a);
    for damaged in [&damaged[..], &sound[..sound.len() / 2]] {
        std::fs::write(&file, damaged).expect("written");
        let error = format!("{:#}", journal::open(&file).expect_err("refused"));
        assert!(error.contains("move it away"), "{error}");
    }
    std::fs::write(&file, &sound).expect("written");
    journal::open(&file).expect("sound");
}
