//! What becomes of a capture when things go wrong. Each test says what was injected and what was lost of all that
//! was acknowledged: nothing.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::RngExt;
use rusqlite::Connection;
use thermine_capture::Store;
use thermine_capture::verify::verify;
use thermine_units::clock::Nanos;
use thermine_units::record::Record;
use thermine_units::seed;

use super::postgres::Postgres;
use super::records::{WRITER, Writing, durable, job, meta, share, tickets, write, writing};

/// Set for the copy of this program that is to hold a lock: the file.
const LOCKER: &str = "THERMINE_TEST_LOCKER";

/// Not a test by itself: the process that the others start, and kill.
#[test]
fn a_process_that_writes() {
    if let Some(path) = std::env::var_os(WRITER) {
        write(Path::new(&path));
    }
}

/// Kills writers at `moments` random moments after their first words, and counts.
fn kill(moments: usize, seed: u64, name: impl Fn(usize) -> std::path::PathBuf) {
    let mut rng = seed::stream(seed, "kills");
    let (mut safe, mut kept, mut killed) = (0, 0, 0);
    for moment in 0..moments {
        let path = name(moment);
        let mut writing: Writing = writing(&path, None, "");
        let run = writing.line("run ").expect("it began");
        std::thread::sleep(Duration::from_micros(rng.random_range(0..200_000)));
        writing.child.kill().expect("killed");
        killed += 1;
        let said = writing.until_it_ends();
        let found = tickets(Path::new(&run));
        assert!(
            found >= said.safe,
            "{} of {} lost",
            said.safe - found,
            said.safe
        );
        let report = verify(Path::new(&run)).expect("verified");
        assert_eq!((report.invalid, report.contradictions), (0, 0));
        safe += said.safe;
        kept += found;
    }
    println!(
        "injected: SIGKILL at {killed} random moments (seed {seed}) under load; acknowledged {safe} shares, kept {kept}, \
         lost 0"
    );
    assert!(safe > 0, "nothing was written at all");
}

#[test]
fn writers_killed_at_random_moments_have_lost_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    kill(20, 1, |i| dir.path().join(format!("{i}.sqlite")));
}

#[test]
#[ignore = "two hundred processes take a minute; twenty are in every run"]
fn writers_killed_at_two_hundred_random_moments_have_lost_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    kill(200, 2, |i| dir.path().join(format!("{i}.sqlite")));
}

#[test]
fn writers_to_a_server_and_the_server_itself_may_be_killed() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    kill(8, 3, |_| url.clone());
    // The server crashes while two processes write to it.
    let mut writers: Vec<Writing> = (0..2).map(|_| writing(&url, None, "")).collect();
    let runs: Vec<String> = writers
        .iter_mut()
        .map(|writer| {
            let run = writer.line("run ").expect("it began");
            writer.line("safe ").expect("it writes");
            run
        })
        .collect();
    server.crash();
    for (writer, run) in writers.iter_mut().zip(runs) {
        let said = writer.until_it_ends();
        let found = tickets(Path::new(&run));
        println!(
            "injected: crash of the PostgreSQL server under load; acknowledged {} shares, kept {found}, lost 0; {}",
            said.safe,
            said.failure.as_deref().unwrap_or_default()
        );
        assert!(said.safe > 0 && found >= said.safe);
        // It says what and where, and promises nothing more.
        let failure = said.failure.expect("the writer was told");
        assert!(failure.contains("cannot write to postgres://"), "{failure}");
    }
}

#[test]
fn a_disk_that_is_full_is_told_and_has_lost_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    // A limit on the size of files stands for the end of the disk: root's own disk cannot be filled in a test. 1 MB.
    let mut writing = writing(&path, None, "trap '' XFSZ; ulimit -f 2048;");
    let said = writing.until_it_ends();
    let failure = said.failure.expect("it was told");
    let found = tickets(&path);
    println!(
        "injected: files limited to 2048 blocks (RLIMIT_FSIZE); acknowledged {} shares, kept {found}, lost 0; {failure}",
        said.safe
    );
    assert!(said.safe > 0 && found >= said.safe);
    assert!(failure.contains("c.sqlite"), "{failure}");
    assert_eq!(verify(&path).expect("verified").contradictions, 0);
}

/// Holds the file until its input ends.
fn lock(path: &Path) {
    let connection = Connection::open(path).expect("opens");
    connection.execute_batch("BEGIN IMMEDIATE").expect("locked");
    println!("\nlocked");
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).expect("an end");
}

#[test]
fn a_store_locked_by_another_process_waits_and_acknowledges_nothing_meanwhile() {
    if let Some(path) = std::env::var_os(LOCKER) {
        return lock(Path::new(&path));
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::create(&path, &meta(1)).expect("created");
        let recorder = store.stream("a");
        let name =
            "faults::a_store_locked_by_another_process_waits_and_acknowledges_nothing_meanwhile";
        let mut locker = Command::new(std::env::current_exe().expect("this program"))
            .args([name, "--exact", "--nocapture"])
            .env(LOCKER, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut said = std::io::BufReader::new(locker.stdout.take().expect("piped"));
        let mut line = String::new();
        while line.trim() != "locked" {
            line.clear();
            let read = std::io::BufRead::read_line(&mut said, &mut line).expect("read");
            assert!(read > 0, "the locker ended");
        }
        let job = job(1);
        recorder
            .record(Record::Job(job.clone()))
            .await
            .expect("queued");
        for ticket in 1..=100 {
            recorder
                .record(Record::Share(share(ticket, &job)))
                .await
                .expect("queued");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(recorder.durable().borrow().ticket, 0, "the lock is held");
        let mut input = locker.stdin.take().expect("piped");
        input.write_all(b"enough").expect("alive");
        drop(input);
        let state = durable(&recorder, 100).await;
        assert_eq!((state.ticket, state.failure), (100, None));
        locker.wait().expect("reaped");
        drop(recorder);
        store.finish("finished").expect("finished");
    });
    assert_eq!(tickets(&path), 100);
    println!(
        "injected: file locked by another process for 300 ms; acknowledged 100 shares, kept 100, lost 0"
    );
}

#[tokio::test]
async fn a_power_cut_takes_nothing_that_was_acknowledged() {
    const SHARES: u64 = 120;
    const CUTS: usize = 200;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let log = dir.path().join("c.sqlite-wal");
    let store = Store::create(&path, &meta(1)).expect("created");
    let recorder = store.stream("a");
    let job = job(1);
    recorder
        .record(Record::Job(job.clone()))
        .await
        .expect("queued");
    // How long the log was when each share was acknowledged: so much had been waited for, to be on the disk.
    let mut lengths = Vec::new();
    for ticket in 1..=SHARES {
        recorder
            .record(Record::Share(share(ticket, &job)))
            .await
            .expect("queued");
        durable(&recorder, ticket).await;
        lengths.push(std::fs::metadata(&log).expect("a log").len());
    }
    let (file, log) = (std::fs::read(&path), std::fs::read(&log));
    let (file, log) = (file.expect("read"), log.expect("read"));
    drop(recorder);
    store.finish("finished").expect("finished");

    let mut rng = seed::stream(4, "cuts");
    let (mut acknowledged, mut kept) = (0, 0);
    for cut in 0..CUTS {
        let at = rng.random_range(0..=log.len());
        let after = dir.path().join("after.sqlite");
        let beside = dir.path().join("after.sqlite-wal");
        let mut left = log[..at].to_vec();
        if cut % 2 == 1 {
            // What was under way may be there in any state.
            left.resize(log.len(), 0);
            rng.fill(&mut left[at..]);
        }
        std::fs::write(&after, &file).expect("written");
        std::fs::write(&beside, &left).expect("written");
        let safe = lengths
            .iter()
            .filter(|length| **length <= at as u64)
            .count() as u64;
        let found = tickets(&after);
        assert!(found >= safe, "cut at {at}: {found} of {safe}");
        acknowledged += safe;
        kept += found;
        for name in [&after, &beside] {
            let _ = std::fs::remove_file(name);
        }
    }
    println!(
        "injected: {CUTS} power cuts (seed 4), the log cut at a random byte, in half of them with noise behind it; \
         acknowledged before the cut {acknowledged} shares, kept {kept}, lost 0"
    );
    assert!(acknowledged > 0);
}

#[tokio::test]
async fn clocks_that_jump_neither_lose_nor_reorder_anything() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let store = Store::create(&path, &meta(1)).expect("created");
    let recorder = store.stream("a");
    let hour = 3_600_000_000_000_i64;
    let jumps = [0, hour, -hour, 24 * hour, -24 * hour, 0, i64::MAX / 2];
    let mut ticket = 0;
    for (serial, jump) in jumps.into_iter().enumerate() {
        let mut job = job(serial as u64);
        job.sent = Nanos((30 * hour).saturating_add(jump) as u64);
        recorder
            .record(Record::Job(job.clone()))
            .await
            .expect("queued");
        for _ in 0..10 {
            ticket += 1;
            let mut share = share(ticket, &job);
            if ticket % 3 == 0 {
                // The answer seems to come before the question.
                share.arrived = Nanos(job.sent.0.saturating_sub(hour as u64));
                share.since_job = Some(Duration::ZERO);
            }
            recorder.record(Record::Share(share)).await.expect("queued");
        }
    }
    assert_eq!(durable(&recorder, ticket).await.failure, None);
    drop(recorder);
    store.finish("finished").expect("finished");
    assert_eq!(tickets(&path), ticket);
    let report = verify(&path).expect("verified");
    assert_eq!((report.shares, report.contradictions), (ticket, 0));
    let mut order = Vec::new();
    let capture = thermine_capture::Capture::open(&path).expect("opens");
    capture
        .for_each_share(|stored| order.push(stored.share.ticket))
        .expect("readable");
    assert!(order.is_sorted(), "in the order in which they came");
    let info = Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(["capture", "info"])
        .arg(&path)
        .output()
        .expect("runs");
    assert!(info.status.success(), "{info:?}");
    println!(
        "injected: {} jumps of the clock, up to a day back and 146 years forth; acknowledged {ticket} shares, kept \
         {ticket}, lost 0",
        jumps.len()
    );
}
