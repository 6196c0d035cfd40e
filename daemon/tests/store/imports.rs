//! Captures that were not written today: imported, of older versions, tampered with.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use thermine_capture::verify::{VerifyReport, verify};
use thermine_capture::{import, merge};
use thermine_units::pow::Difficulty;

use crate::real::{real, real_shares};

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
        assert!(
            report
                .examples
                .iter()
                .any(|example| example.contains("share 1 (accepted)")),
            "{damage}"
        );
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
async fn logs_of_other_programs_are_the_same_shares_however_they_are_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(fixture()).expect("the fixture");
    let (header, rows) = text.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    let stamps = |change: fn(f64) -> String| -> String {
        let place = header.split(',').position(|name| name == "timestamp");
        let rows = rows.iter().map(|row| {
            let mut cells: Vec<String> = row.split(',').map(ToString::to_string).collect();
            let cell = &mut cells[place.expect("a timestamp")];
            *cell = change(cell.parse().expect("a number"));
            cells.join(",")
        });
        format!("{header}\n{}\n", rows.collect::<Vec<_>>().join("\n"))
    };
    let mut unsorted = rows.clone();
    unsorted.swap(0, 2);
    let unsorted = format!("{header}\n{}\n", unsorted.join("\n"));
    let all = |csv: &Path| {
        let connection = Connection::open(csv).expect("opens");
        let mut query = connection
            .prepare("SELECT nonce, arrived_ns / 1000000, verdict FROM share ORDER BY id")
            .expect("a query");
        let row = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
            ))
        };
        let rows = query.query_map([], row).expect("rows");
        rows.collect::<Result<Vec<_>, _>>().expect("shares")
    };
    let mut expected = None;
    for (name, text, note) in [
        ("plain", text.clone(), None),
        ("semicolon", text.replace(',', ";"), None),
        (
            "crlf",
            format!("\u{feff}{}", text.replace('\n', "\r\n")),
            None,
        ),
        ("0x", text.replacen("8b7746ab", "0x8b7746ab", 1), None),
        (
            "ms",
            stamps(|s| format!("{}", s * 1e3)),
            Some("Unix milliseconds"),
        ),
        ("unsorted", unsorted, Some("earlier than the row before")),
    ] {
        let csv = dir.path().join(format!("{name}.csv"));
        std::fs::write(&csv, text).expect("written");
        let out = csv.with_extension("sqlite");
        let import = imported(&csv, &out).await.expect(name);
        assert_eq!(import.notes.is_empty(), note.is_none(), "{import:?}");
        if let Some(note) = note {
            assert!(import.notes[0].contains(note), "{import:?}");
        }
        let found = all(&out);
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected.iter()) {
            assert_eq!((found.0, &found.2), (expected.0, &expected.2), "{name}");
            assert!(
                (found.1 - expected.1).abs() <= 1,
                "{name}: {found:?} {expected:?}"
            );
        }
    }
    let csv = dir.path().join("empty.csv");
    std::fs::write(&csv, format!("{header}\n")).expect("written");
    let error = imported(&csv, &dir.path().join("empty.sqlite")).await;
    assert!(error.expect_err("refused").contains("holds no shares"));
    assert!(!dir.path().join("empty.sqlite").exists());
}

#[tokio::test]
async fn a_real_s9_capture_verifies_to_the_last_share() {
    let Some(csv) = real_shares() else {
        return;
    };
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

/// The shares of a real LV06, with one column rewritten by `change`, imported.
async fn changed(
    header: fn(&str) -> String,
    column: &str,
    change: fn(&str) -> String,
) -> Option<(import::Imported, VerifyReport)> {
    let text = std::fs::read_to_string(real("lucky-miner-lv06-shares.csv")?).expect("text");
    let (first, rest) = text.split_once('\n').expect("rows");
    let place = first.trim().split(',').position(|name| name == column);
    let place = place.expect("the column");
    let mut new = header(first.trim()) + "\n";
    for row in rest.lines() {
        let mut cells: Vec<String> = row.trim().split(',').map(String::from).collect();
        cells[place] = change(&cells[place]);
        new += &(cells.join(",") + "\n");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let (csv, out) = (dir.path().join("a.csv"), dir.path().join("a.sqlite"));
    std::fs::write(&csv, new).expect("written");
    let imported = imported(&csv, &out).await.expect("imported");
    Some((imported, verify(&out).expect("verified")))
}

#[tokio::test]
async fn rolled_version_bits_of_a_real_lv06_are_folded_in() {
    let ways: [fn(&str) -> String; 3] = [
        str::to_string,
        |bits| format!("0x{bits}"),
        |bits| u32::from_str_radix(bits, 16).expect("hex").to_string(),
    ];
    for way in ways {
        let Some((imported, report)) = changed(str::to_string, "version_bits", way).await else {
            return;
        };
        assert_eq!(
            (report.valid, report.invalid, report.contradictions),
            (16, 0, 0)
        );
        assert_eq!(imported.all_fail, None);
    }
}

/// How the header of a table and the cells of one column are changed, and what is then said.
type Fault = (
    fn(&str) -> String,
    &'static str,
    fn(&str) -> String,
    &'static str,
);

#[tokio::test]
async fn a_file_whose_shares_all_fail_is_told_what_is_likely_wrong() {
    let swapped = |hex: &str| {
        let bytes = hex::decode(hex).expect("hex");
        hex::encode(bytes.into_iter().rev().collect::<Vec<u8>>())
    };
    let cases: [Fault; 5] = [
        (
            |names| names.replace("version_bits", "rolled"),
            "job_id",
            str::to_string,
            "no column version_bits",
        ),
        (
            str::to_string,
            "nonce",
            swapped,
            "bytes of nonce are reversed",
        ),
        (
            str::to_string,
            "ntime",
            swapped,
            "bytes of ntime are reversed",
        ),
        (
            str::to_string,
            "prevhash",
            |hash| {
                let bytes = hex::decode(hash).expect("hex");
                let words = bytes.chunks(4).flat_map(|word| word.iter().rev());
                hex::encode(words.copied().collect::<Vec<u8>>())
            },
            "byte order of the header",
        ),
        (
            str::to_string,
            "extranonce1",
            |_| "00000001".into(),
            "another job or connection",
        ),
    ];
    for (header, column, change, expected) in cases {
        let Some((imported, _)) = changed(header, column, change).await else {
            return;
        };
        let said = imported.all_fail.expect("all fail");
        assert!(said.contains("None of the 16 shares"), "{column}: {said}");
        assert!(said.contains(expected), "{column}: {said}");
    }
}
