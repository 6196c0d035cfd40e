//! How many shares the store takes, and what a large capture costs to read and to export.
//!
//! - `cargo bench -p thermine --bench store [-- SHARES]`: shares a second, each acknowledged after its commit, into a
//!   file as of hardware (every commit waits for the disk), into one as of a simulation, and into a PostgreSQL server
//!   that it starts itself, if one is installed;
//! - `cargo bench -p thermine --bench store -- large [SHARES]`: a capture of ten million shares, written, read and
//!   exported, each by a process whose peak memory is printed. Needs some 4 GB in the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use thermine_capture::export::{Format, What, export};
use thermine_capture::{Capture, RunMeta, Store};
use thermine_stratum::factory::JobFactory;
use thermine_units::clock::Nanos;
use thermine_units::provenance::Provenance;
use thermine_units::record::{JobRecord, Proof, Record, Recorder, ShareRecord, Verdict};
use thermine_units::seed;

#[cfg(feature = "postgres")]
#[expect(dead_code, reason = "the tests wait for more")]
#[path = "../../drivers/tests/shared/patience.rs"]
mod patience;
#[cfg(feature = "postgres")]
#[path = "../tests/shared/port.rs"]
mod port;
#[cfg(feature = "postgres")]
#[expect(dead_code, reason = "the tests crash and question their servers too")]
#[path = "../tests/shared/postgres.rs"]
mod postgres;
#[cfg(feature = "postgres")]
#[path = "../tests/shared/tools.rs"]
mod tools;

/// Units at once, and shares that each has under way.
const UNITS: u64 = 32;
const UNDER_WAY: u64 = 64;

/// Shares to a job.
const TO_A_JOB: u64 = 100;

const SEED: u64 = 1;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let shares = words.iter().find_map(|word| word.parse().ok());
    match words.first().map(String::as_str) {
        Some("large") => large(shares.unwrap_or(10_000_000)),
        Some("part") => part(&words[1], Path::new(&words[2]), shares.unwrap_or(0)),
        _ => rates(shares.unwrap_or(1_000_000)),
    }
}

fn meta(provenance: Provenance) -> RunMeta {
    RunMeta {
        seed: SEED,
        config: String::new(),
        config_hash: "bench".into(),
        task: json!({"bench": "store"}),
        provenance,
    }
}

fn job(serial: u64) -> JobRecord {
    JobRecord {
        job_id: format!("{serial:x}"),
        sent: Nanos(serial * 1_000_000),
        step: None,
        difficulty: 256.0,
        difficulty_scale: 1.0,
        work: JobFactory::new(seed::stream(SEED, "jobs"))
            .next(7, 1, 8)
            .work,
        version_mask: 0,
        extranonce1: vec![0, 0, 0, 1],
        clean: true,
    }
}

fn share(ticket: u64, job: &JobRecord) -> ShareRecord {
    let since = Duration::from_micros(ticket % 500_000);
    ShareRecord {
        ticket,
        job_id: job.job_id.clone(),
        arrived: job.sent + since,
        since_job: Some(since),
        nonce: (ticket as u32).wrapping_mul(2_654_435_761),
        proof: Some(Proof {
            extranonce2: ticket.to_be_bytes().to_vec(),
            ntime: job.work.ntime,
            version_bits: None,
        }),
        verdict: Verdict::Accepted,
        difficulty: Some(256.0 + ticket as f64),
    }
}

/// One unit: so many shares, never more than [`UNDER_WAY`] without an acknowledgement. Returns the times from the
/// handing over of a share to its acknowledgement.
async fn unit(recorder: Recorder, shares: u64) -> Vec<Duration> {
    let mut durable = recorder.durable();
    let mut waits = Vec::new();
    let mut asked = job(0);
    let mut ticket = 0;
    while ticket < shares {
        let handed = Instant::now();
        for _ in 0..UNDER_WAY.min(shares - ticket) {
            if ticket.is_multiple_of(TO_A_JOB) {
                asked.job_id = format!("{ticket:x}");
                asked.sent = Nanos(ticket * 1_000_000);
                let job = Record::Job(asked.clone());
                recorder.record(job).await.expect("taken");
            }
            ticket += 1;
            let share = Record::Share(share(ticket, &asked));
            recorder.record(share).await.expect("taken");
        }
        let waited = durable.wait_for(|state| state.ticket >= ticket || state.failure.is_some());
        assert_eq!(waited.await.expect("it answers").failure, None);
        waits.push(handed.elapsed());
    }
    waits
}

/// Writes `shares` shares of [`UNITS`] units to `path`; the seconds that it took and the waits, in order of length.
fn write(path: &Path, provenance: Provenance, shares: u64) -> (f64, Vec<Duration>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    let store = Store::create(path, &meta(provenance)).expect("created");
    let began = Instant::now();
    let mut waits = runtime.block_on(async {
        let units = (0..UNITS).map(|i| unit(store.stream(&format!("unit{i}")), shares / UNITS));
        let units: tokio::task::JoinSet<_> = units.collect();
        units.join_all().await.concat()
    });
    let seconds = began.elapsed().as_secs_f64();
    store.finish("finished").expect("finished");
    waits.sort();
    (seconds, waits)
}

#[expect(clippy::print_stdout, reason = "a bench says what it measured")]
fn rates(shares: u64) {
    let shares = shares / UNITS * UNITS;
    let folder = folder();
    println!(
        "| store | shares | shares a second | to the acknowledgement, ms: median, 99 %, longest | n |"
    );
    println!("|---|---|---|---|---|");
    let row = |name: &str, path: &Path, provenance: Provenance| {
        let (seconds, waits) = write(path, provenance, shares);
        let ms = |q: f64| {
            let place = ((waits.len() - 1) as f64 * q) as usize;
            waits[place].as_secs_f64() * 1e3
        };
        println!(
            "| {name} | {shares} | {:.0} | {:.1}, {:.1}, {:.1} | {} |",
            shares as f64 / seconds,
            ms(0.5),
            ms(0.99),
            ms(1.0),
            waits.len()
        );
        assert_eq!(count(path), shares, "all of them are there");
    };
    row(
        "SQLite, as of hardware",
        &folder.path().join("device.sqlite"),
        Provenance::Device,
    );
    row(
        "SQLite, as of a simulation",
        &folder.path().join("simulated.sqlite"),
        Provenance::Simulated,
    );
    #[cfg(feature = "postgres")]
    if let Some(server) = postgres::Postgres::start() {
        row("PostgreSQL", &server.url("thermine"), Provenance::Device);
    }
    println!(
        "{UNITS} units with at most {UNDER_WAY} shares under way each; seed {SEED}; measured on this machine"
    );
}

fn count(path: &Path) -> u64 {
    let mut shares = 0;
    let capture = Capture::open(path).expect("opens");
    capture.for_each_share(|_| shares += 1).expect("readable");
    shares
}

/// Each part in a process of its own, so that its peak is its own.
fn large(shares: u64) {
    let folder = folder();
    let path = folder.path().join("large.sqlite");
    for what in [
        "write",
        "count",
        #[cfg(feature = "parquet")]
        "parquet",
        "csv",
        "npz",
    ] {
        let status = Command::new(std::env::current_exe().expect("this program"))
            .args(["part", what])
            .arg(&path)
            .arg(shares.to_string())
            .status()
            .expect("runs");
        assert!(status.success(), "{what}");
    }
}

#[expect(clippy::print_stdout, reason = "a bench says what it measured")]
fn part(what: &str, path: &Path, shares: u64) {
    let began = Instant::now();
    let (rows, file) = match what {
        "write" => {
            write(path, Provenance::Simulated, shares);
            (shares / UNITS * UNITS, path.to_path_buf())
        }
        "count" => (count(path), path.to_path_buf()),
        _ => {
            let (format, out): (Format, PathBuf) = match what {
                "parquet" => (Format::Parquet, path.with_extension("parquet")),
                "csv" => (Format::Csv, path.with_extension("csv")),
                _ => (Format::Npz, path.with_extension("npz")),
            };
            let done = export(path, What::Shares, format, Some(&out)).expect("exported");
            (done.rows, out)
        }
    };
    assert_eq!(rows, shares / UNITS * UNITS);
    let size = std::fs::metadata(&file).expect("there").len() as f64 / 1e6;
    println!(
        "{what}: {rows} shares in {:.1} s, file of {size:.0} MB, at most {:.0} MB of memory",
        began.elapsed().as_secs_f64(),
        peak()
    );
    if what != "write" && what != "count" {
        std::fs::remove_file(file).expect("removed");
    }
}

/// Most memory that this process has had resident, MB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kilobytes.expect("a number") / 1024.0
}

/// On the disk that the program is built on, and not in memory as `/tmp` may be.
fn folder() -> tempfile::TempDir {
    let program = std::env::current_exe().expect("this program");
    let beside = program.parent().expect("a folder");
    tempfile::tempdir_in(beside).expect("a folder")
}
