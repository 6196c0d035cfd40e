//! A capture in one file: what goes in comes out, and what is no capture is refused.

use std::path::Path;

use rusqlite::Connection;
use thermine_capture::{Capture, RunMeta, Store, StoreError};
use thermine_units::clock::Nanos;
use thermine_units::pow::Work;
use thermine_units::provenance::Provenance;
use thermine_units::record::{Record, ShareRecord, Verdict};
use thermine_units::unit::{Identity, Telemetry};

use crate::records::{durable, job, meta, share};

#[tokio::test]
async fn a_run_is_a_verified_device_s_if_the_evidence_of_all_its_streams_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let begun = RunMeta {
        provenance: Provenance::UnverifiedDevice,
        ..meta(1)
    };
    let store = Store::create(&path, &begun).expect("created");
    let (one, two) = (store.stream("a"), store.stream("b"));
    let seen = || {
        Capture::open(&path)
            .expect("opens")
            .run()
            .expect("a run")
            .provenance
    };
    let job = job(1);
    let mut ticket = 0;
    for (recorder, of, is) in [
        (&one, Provenance::Device, Provenance::Device),
        (
            &two,
            Provenance::UnverifiedDevice,
            Provenance::UnverifiedDevice,
        ),
        (&two, Provenance::Device, Provenance::Device),
        (
            &one,
            Provenance::UnverifiedDevice,
            Provenance::UnverifiedDevice,
        ),
    ] {
        ticket += 1;
        recorder
            .record(Record::Provenance(of))
            .await
            .expect("taken");
        // What is acknowledged is committed, and what came before it too.
        recorder
            .record(Record::Share(share(ticket, &job)))
            .await
            .expect("taken");
        durable(recorder, ticket).await;
        assert_eq!(seen(), is);
    }
    drop((one, two));
    store.finish("finished").expect("finished");
    assert_eq!(seen(), Provenance::UnverifiedDevice);
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let store = Store::create(&path, &meta(1)).expect("created");
    assert!(matches!(
        Store::create(&path, &meta(1)),
        Err(StoreError::Exists(_))
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

#[tokio::test]
async fn a_store_that_cannot_write_says_so_to_its_recorders() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let store = Store::create(&path, &meta(1)).expect("created");
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
    let state = durable(&recorder, 1).await;
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
    Store::create(&path, &meta(1))
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
    Store::create(&whole, &meta(1))
        .expect("created")
        .finish("finished")
        .expect("finished");
    let bytes = std::fs::read(&whole).expect("read");
    std::fs::write(&whole, &bytes[..bytes.len() / 2]).expect("cut");
    assert!(Capture::open(&whole).and_then(|c| c.run()).is_err());
}
