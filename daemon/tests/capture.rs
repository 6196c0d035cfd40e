//! Captures: nothing that was acknowledged is ever lost, and nothing that is wrong passes.

#![expect(
    clippy::print_stdout,
    reason = "a skipped test says why, and the victim where it listens"
)]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use thermine::store::verify::{VerifyReport, verify};
use thermine::store::{Capture, RunMeta, Store, import, merge};
use thermine_drivers::clock::{Clock, Nanos};
use thermine_drivers::pow::{Difficulty, Work};
use thermine_drivers::record::{JobRecord, Proof, Record, Recorder, ShareRecord, Verdict};
use thermine_drivers::seed;
use thermine_drivers::stratum::factory::JobFactory;
use thermine_drivers::stratum::server::Server;
use thermine_drivers::stratum::session::Settings;
use thermine_drivers::substrate::Provenance;
use thermine_drivers::unit::{Identity, Telemetry};
use tokio_util::sync::CancellationToken;

/// Set for the copy of this program that is to be killed: the capture that it writes.
const VICTIM: &str = "THERMINE_TEST_VICTIM";

fn meta() -> RunMeta {
    RunMeta {
        seed: 1,
        config: "a = 1".into(),
        config_hash: "0123456789abcdef".into(),
        task: json!({"test": true}),
        provenance: Provenance::Simulated,
    }
}

fn job(serial: u64) -> JobRecord {
    JobRecord {
        job_id: format!("{serial:x}"),
        sent: Nanos(serial * 1000),
        step: Some(serial),
        difficulty: 1.0,
        difficulty_scale: 1e-12,
        work: JobFactory::new(seed::stream(serial, "jobs"))
            .next(7, 1, 8)
            .work,
        version_mask: 0,
        extranonce1: vec![0, 0, 0, 1],
        clean: true,
    }
}

fn share(ticket: u64, job: &JobRecord) -> ShareRecord {
    ShareRecord {
        ticket,
        job_id: job.job_id.clone(),
        arrived: job.sent + Duration::from_nanos(400),
        since_job: Some(Duration::from_nanos(400)),
        nonce: ticket as u32,
        proof: Some(Proof {
            extranonce2: vec![1, 2, 3, 4],
            ntime: job.work.ntime,
            version_bits: None,
        }),
        verdict: Verdict::Accepted,
        difficulty: None,
    }
}

async fn durable(recorder: &Recorder, ticket: u64) {
    let mut durable = recorder.durable();
    let waited = durable.wait_for(|durable| durable.ticket >= ticket || durable.failure.is_some());
    waited.await.expect("the store answers");
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let store = Store::create(&path, &meta()).expect("created");
    assert!(matches!(
        Store::create(&path, &meta()),
        Err(thermine::store::StoreError::Exists(_))
    ));
    let recorder = store.stream("a");
    let mut job = job(10);
    job.work = Work {
        claim_trie: Some([3; 32]),
        merkle_branch: vec![[1; 32], [2; 32]],
        ..job.work
    };
    let share = share(1, &job);
    let unknown = ShareRecord {
        ticket: 2,
        job_id: "nonsense".into(),
        verdict: Verdict::UnknownJob,
        since_job: None,
        ..share.clone()
    };
    let reading = Telemetry {
        taken: Nanos(5),
        hardware_errors: Some(3),
        ..Telemetry::default()
    };
    let identity = Identity {
        model: Some("Antminer S9".into()),
        ..Identity::default()
    };
    for record in [
        Record::Job(job.clone()),
        Record::Share(share.clone()),
        Record::Share(unknown.clone()),
        Record::Telemetry(reading),
        Record::Identity(identity.clone()),
    ] {
        recorder.record(record).await.expect("taken");
    }
    durable(&recorder, 2).await;
    assert_eq!(
        Capture::open(&path)
            .expect("readable while written")
            .run()
            .expect("a run")
            .state,
        "running"
    );
    drop(recorder);
    store.finish("finished").expect("finished");
    assert!(
        !dir.path().join("c.sqlite-wal").exists(),
        "one file remains"
    );

    let capture = Capture::open(&path).expect("opens");
    let run = capture.run().expect("a run");
    assert_eq!((run.seed, run.state.as_str()), (1, "finished"));
    let stream = capture.stream("a").expect("the stream");
    assert_eq!((stream.jobs, stream.shares, stream.readings), (1, 2, 1));
    assert_eq!(stream.identity, Some(identity));
    let error = capture.stream("b").expect_err("no such stream");
    assert!(error.to_string().contains("only: a"), "{error}");
    let mut stored = Vec::new();
    capture
        .for_each_share(|share| stored.push(share))
        .expect("readable");
    assert_eq!(
        (&stored[0].share, stored[0].job.as_ref()),
        (&share, Some(&job))
    );
    assert_eq!((&stored[1].share, &stored[1].job), (&unknown, &None));
}

/// Plays the part that is killed: a Stratum server that records to a capture.
#[tokio::main]
async fn victim(path: &Path) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let settings = Settings {
        difficulty_scale: 1e-12,
        ..Settings::default()
    };
    let server = Server::new(settings, Clock::real());
    let mut expected = server.expect("w");
    tokio::spawn(server.serve(listener, CancellationToken::new()));
    let mut session = expected
        .session(Duration::from_secs(10))
        .await
        .expect("connected");
    let store = Store::create(path, &meta()).expect("created");
    session.record_to(store.stream("a"));
    let mut jobs = JobFactory::new(seed::stream(1, "jobs"));
    loop {
        let job = jobs.next(1, 1, session.extranonce_len());
        let sent = session.send_job(job, Difficulty::ONE, false, None).await;
        for _ in 0..50 {
            if sent.is_err() || session.next_share().await.is_err() {
                return;
            }
        }
    }
}

/// Lets a victim accept shares as fast as it can, kills it after `kill_after` acknowledgements, and
/// returns the nonces that it acknowledged.
fn kill(path: &Path, kill_after: usize) -> HashSet<u64> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "a_victim_of_sigkill_has_lost_no_acknowledged_share",
            "--exact",
            "--nocapture",
        ])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let address = output
        .lines()
        .map_while(Result::ok)
        // The test harness prints on the same line.
        .find_map(|line| {
            line.rsplit(' ')
                .next()?
                .parse::<std::net::SocketAddr>()
                .ok()
        })
        .expect("its address");
    let mut wire = TcpStream::connect(address).expect("connects");
    wire.set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time-out");
    let mut lines = BufReader::new(wire.try_clone().expect("cloned")).lines();
    let mut hear = || {
        lines
            .next()?
            .ok()
            .and_then(|line| serde_json::from_str::<Value>(&line).ok())
    };
    let mut say = |value: Value| writeln!(wire, "{value}");
    say(json!({"id": "s", "method": "mining.subscribe", "params": []})).expect("alive");
    say(json!({"id": "a", "method": "mining.authorize", "params": ["w", "x"]})).expect("alive");
    let (mut acknowledged, mut sent, mut job, mut killed) = (HashSet::new(), 0u64, None, false);
    // After the kill, what the victim still managed to say is read to the end.
    while let Some(line) = hear() {
        if line["method"] == "mining.notify" {
            job = Some(line["params"][0].clone());
        }
        if let (Some(id), Some(true)) = (line["id"].as_u64(), line["result"].as_bool()) {
            acknowledged.insert(id);
        }
        if !killed && acknowledged.len() >= kill_after {
            child.kill().expect("killed");
            killed = true;
        }
        while let Some(job) = job
            .as_ref()
            .filter(|_| sent < acknowledged.len() as u64 + 20)
        {
            sent += 1;
            let share = json!(["w", job, "00000000", "00000001", format!("{sent:08x}")]);
            // Fails once the victim is dead.
            if say(json!({"id": sent, "method": "mining.submit", "params": share})).is_err() {
                break;
            }
        }
    }
    child.wait().expect("reaped");
    acknowledged
}

#[test]
fn a_victim_of_sigkill_has_lost_no_acknowledged_share() {
    if let Some(path) = std::env::var_os(VICTIM) {
        return victim(Path::new(&path));
    }
    let dir = tempfile::tempdir().expect("a folder");
    for (round, kill_after) in [0, 1, 7, 60, 61, 200, 333, 1000].into_iter().enumerate() {
        let path = dir.path().join(format!("{round}.sqlite"));
        let acknowledged = kill(&path, kill_after);
        assert!(acknowledged.len() >= kill_after);
        if !path.exists() {
            assert!(acknowledged.is_empty(), "killed before it made the file");
            continue;
        }
        let mut kept = HashSet::new();
        let capture = Capture::open(&path).expect("a killed capture opens");
        capture
            .for_each_share(|stored| {
                kept.insert(u64::from(stored.share.nonce));
            })
            .expect("readable");
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(
            lost.is_empty(),
            "{} of {} lost",
            lost.len(),
            acknowledged.len()
        );
        let report = verify(&path).expect("verified");
        assert_eq!((report.invalid, report.contradictions), (0, 0));
    }
}

#[tokio::test]
async fn a_store_that_cannot_write_says_so_to_its_recorders() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let store = Store::create(&path, &meta()).expect("created");
    let recorder = store.stream("a");
    // Another program holds the file; SQLite gives up after five seconds.
    let other = Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let job = job(1);
    recorder
        .record(Record::Job(job.clone()))
        .await
        .expect("queued");
    recorder
        .record(Record::Share(share(1, &job)))
        .await
        .expect("queued");
    durable(&recorder, 1).await;
    let state = recorder.durable().borrow().clone();
    assert_eq!(state.ticket, 0);
    assert!(state.failure.expect("a failure").contains("locked"));
    drop(other);
    while recorder.record(Record::Job(job.clone())).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let error = recorder.record(Record::Job(job)).await.expect_err("closed");
    assert!(error.to_string().contains("locked"), "{error}");
    drop(recorder);
    assert!(store.finish("finished").is_err());
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/antminer-s9-head.csv")
}

async fn imported(csv: &Path, out: &Path) -> Result<import::Imported, String> {
    let difficulty = Difficulty::new(256.0).expect("positive");
    import::import(csv, out, difficulty)
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_capture_that_has_been_tampered_with_is_found_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    imported(&fixture(), &path).await.expect("imported");
    let clean = verify(&path).expect("verified");
    assert_eq!(
        (clean.valid, clean.invalid, clean.contradictions),
        (5, 0, 0)
    );
    for damage in [
        "UPDATE share SET nonce = nonce + 1 WHERE id = 1",
        "UPDATE job SET coinb2 = zeroblob(36) WHERE id = 1",
        "UPDATE share SET difficulty = difficulty * 2 WHERE id = 1",
    ] {
        let damaged = dir.path().join("damaged.sqlite");
        std::fs::copy(&path, &damaged).expect("copied");
        let connection = Connection::open(&damaged).expect("opens");
        connection.execute_batch(damage).expect("damaged");
        drop(connection);
        let report = verify(&damaged).expect("verified");
        assert!(report.contradictions >= 1, "{damage}");
        assert!(report.render().contains("share 1 (accepted)"), "{damage}");
    }
}

/// The tables of version 2, as far as an import fills them: a file held one run, and no row said of which it was.
const VERSION_2: &str = "
CREATE TABLE old.run (created_unix_s INTEGER NOT NULL, version TEXT NOT NULL, seed INTEGER NOT NULL,
    config TEXT NOT NULL, config_hash TEXT NOT NULL, task TEXT NOT NULL, provenance TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE old.stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, identity TEXT);
CREATE TABLE old.job (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES stream, job_id TEXT NOT NULL,
    sent_ns INTEGER NOT NULL, step INTEGER, difficulty REAL NOT NULL, scale REAL NOT NULL, version INTEGER NOT NULL,
    prevhash BLOB NOT NULL, claim_trie BLOB, coinb1 BLOB NOT NULL, coinb2 BLOB NOT NULL, branch BLOB NOT NULL,
    ntime INTEGER NOT NULL, nbits INTEGER NOT NULL, version_mask INTEGER NOT NULL, extranonce1 BLOB NOT NULL,
    clean INTEGER NOT NULL);
CREATE TABLE old.share (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES stream, ticket INTEGER NOT NULL,
    job INTEGER REFERENCES job, job_id TEXT NOT NULL, arrived_ns INTEGER NOT NULL, since_job_ns INTEGER,
    nonce INTEGER NOT NULL, extranonce2 BLOB, ntime INTEGER, version_bits INTEGER, verdict TEXT NOT NULL,
    difficulty REAL);
CREATE TABLE old.telemetry (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES stream,
    taken_ns INTEGER NOT NULL, reading TEXT NOT NULL);
CREATE TABLE old.step (stream INTEGER NOT NULL REFERENCES stream, step INTEGER NOT NULL, started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL, drive TEXT NOT NULL, observation TEXT NOT NULL, last_share INTEGER NOT NULL,
    last_telemetry INTEGER NOT NULL, PRIMARY KEY (stream, step)) WITHOUT ROWID;
INSERT INTO old.run SELECT created_unix_s, version, seed, config, config_hash, task, provenance, state FROM main.run;
INSERT INTO old.stream SELECT id, name, identity FROM main.stream;
INSERT INTO old.job SELECT id, stream, job_id, sent_ns, step, difficulty, scale, version, prevhash, claim_trie, coinb1,
    coinb2, branch, ntime, nbits, version_mask, extranonce1, clean FROM main.job;
INSERT INTO old.share SELECT id, stream, ticket, job, job_id, arrived_ns, since_job_ns, nonce, extranonce2, ntime,
    version_bits, verdict, difficulty FROM main.share;
PRAGMA old.application_id = 1416131181; PRAGMA old.user_version = 2;";

#[tokio::test]
async fn captures_of_older_versions_are_read_as_ones_of_today_and_merge_into_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("today.sqlite");
    imported(&fixture(), &path).await.expect("imported");
    let today = verify(&path).expect("verified");
    assert!(today.hashed > 0);
    let old = dir.path().join("old.sqlite");
    let connection = Connection::open(&path).expect("opened");
    connection
        .execute("ATTACH ?1 AS old", [old.to_str()])
        .and_then(|_| connection.execute_batch(VERSION_2))
        .expect("made old");
    drop(connection);
    let as_today = |path: &Path| VerifyReport {
        capture: today.capture.clone(),
        ..verify(path).expect("verified")
    };
    assert_eq!(as_today(&old), today);
    let connection = Connection::open(&old).expect("opened");
    connection
        .execute_batch("ALTER TABLE job DROP COLUMN claim_trie; PRAGMA user_version = 1")
        .expect("made older");
    drop(connection);
    let before = std::fs::read(&old).expect("read");
    assert_eq!(as_today(&old), today);
    assert!(
        before == std::fs::read(&old).expect("read"),
        "left as it was"
    );
    let new = dir.path().join("new.sqlite");
    merge::merge(&[old], &new).expect("merged");
    assert_eq!(as_today(&new), today);
}

#[tokio::test]
async fn imports_name_the_line_and_column_that_is_wrong_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(fixture()).expect("the fixture");
    let out = dir.path().join("out.sqlite");
    for (from, to, expected) in [
        (
            "8b7746ab",
            "8b7746xx",
            "line 2: nonce `8b7746xx` is not a hex number",
        ),
        ("20010000", "2001000", "line 2: extranonce2 `2001000`"),
        (",nonce", ",nounce", "line 1: there is no column `nonce`"),
        (
            "84.44899995811284",
            "soon",
            "line 2: jitter_ms `soon` is not a number",
        ),
        (",[],", ",[ab],", "line 2: merkle_branch `ab` is not a hash"),
    ] {
        let csv = dir.path().join("bad.csv");
        std::fs::write(&csv, text.replacen(from, to, 1)).expect("written");
        let error = imported(&csv, &out).await.expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .expect("listed")
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn a_real_s9_capture_verifies_to_the_last_share() {
    let csv =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/antminer-s9-shares.csv");
    if !csv.exists() {
        println!(
            "skipped: the real capture, {}, is not on this machine",
            csv.display()
        );
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("s9.sqlite");
    let import = imported(&csv, &path).await.expect("imported");
    assert_eq!((import.shares, import.duplicates), (1600, 28));
    let report = verify(&path).expect("verified");
    assert_eq!(
        (report.valid, report.invalid, report.contradictions),
        (1600, 0, 0)
    );
    assert_eq!(report.resubmissions, 28);
    let difficulty = report.difficulty.expect("a distribution");
    assert!(difficulty.min >= 256.0 && (difficulty.median - 512.0).abs() < 25.0);
    assert!(report.law.expect("a test").p > 0.01, "Pareto above 256");
    let waits = report.since_job_ms["imported"];
    assert!((waits.mean - 95.25).abs() < 0.01 && (waits.cv - 0.834).abs() < 0.001);
}

#[test]
fn other_files_are_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("x.sqlite");
    let error = |path: &Path| Capture::open(path).expect_err("refused").to_string();
    assert!(error(&path).contains("cannot open"));
    std::fs::write(&path, "no database at all, and long enough to look at").expect("written");
    assert!(error(&path).contains("is not a thermine capture"));
    std::fs::remove_file(&path).expect("removed");
    Connection::open(&path)
        .and_then(|c| c.execute_batch("CREATE TABLE t (x)"))
        .expect("another database");
    assert!(error(&path).contains("is not a thermine capture"));
    std::fs::remove_file(&path).expect("removed");
    Store::create(&path, &meta())
        .expect("created")
        .finish("finished")
        .expect("finished");
    let connection = Connection::open(&path).expect("opens");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("raised");
    drop(connection);
    assert!(error(&path).contains("use a newer thermine"));
    // Half of a capture.
    let whole = dir.path().join("whole.sqlite");
    Store::create(&whole, &meta())
        .expect("created")
        .finish("finished")
        .expect("finished");
    let bytes = std::fs::read(&whole).expect("read");
    std::fs::write(&whole, &bytes[..bytes.len() / 2]).expect("cut");
    assert!(Capture::open(&whole).and_then(|c| c.run()).is_err());
}
