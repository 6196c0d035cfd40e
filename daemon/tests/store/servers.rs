//! PostgreSQL: the same captures as in files, many programs at once, and who is let in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use thermine_capture::StoredStep;
use thermine_capture::reader::Run;
use thermine_capture::verify::{VerifyReport, verify};
use thermine_capture::{Capture, Store, merge};
use thermine_units::record::{Record, ShareRecord, Verdict};

use super::postgres::Postgres;
use super::records::{Writing, a_bit_of_everything, durable, job, meta, share, tickets, writing};

/// All that a capture says, but for where it is and when it was made.
#[derive(Debug, PartialEq)]
struct Content {
    runs: Vec<Run>,
    streams: Vec<(String, [u64; 4])>,
    shares: Vec<thermine_capture::reader::StoredShare>,
    steps: Vec<Vec<StoredStep>>,
}

/// PostgreSQL has no NUL in its text.
fn without_nul(share: &mut ShareRecord) {
    share.job_id = share.job_id.replace('\0', "\u{fffd}");
}

fn content(path: &Path) -> Content {
    let open = || Capture::open(path).expect("opens");
    let mut shares = Vec::new();
    open()
        .for_each_share(|mut stored| {
            stored.run = 0;
            without_nul(&mut stored.share);
            shares.push(stored);
        })
        .expect("readable");
    let streams = open().streams().expect("streams");
    Content {
        runs: open()
            .runs()
            .expect("runs")
            .into_iter()
            .map(|run| Run {
                id: 0,
                created_unix_s: 0,
                origin: None,
                ..run
            })
            .collect(),
        steps: streams
            .iter()
            .map(|stream| {
                let steps = open().steps(stream).expect("steps");
                steps
                    .map(|step| {
                        let mut step = step.expect("readable");
                        step.shares.iter_mut().for_each(without_nul);
                        step
                    })
                    .collect()
            })
            .collect(),
        streams: streams
            .into_iter()
            .map(|s| (s.name, [s.jobs, s.shares, s.readings, s.steps]))
            .collect(),
        shares,
    }
}

fn thermine(words: &[&str], path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(words)
        .arg(path)
        .env_remove("PGPASSWORD")
        .env_remove("PGPASSFILE")
        .env("HOME", "/nonexistent")
        .output()
        .expect("runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Three files in `dir` with a run each, and one with all of them, merged.
fn three_in_one(dir: &Path) -> (Vec<PathBuf>, PathBuf) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let files: Vec<PathBuf> = (1..=3)
        .map(|seed| dir.join(format!("{seed}.sqlite")))
        .collect();
    for (seed, file) in (1..).zip(&files) {
        runtime.block_on(a_bit_of_everything(file, seed));
    }
    let all = dir.join("all.sqlite");
    let merged = merge::merge(&files, &all).expect("merged");
    assert_eq!(merged.len(), 3);
    (files, all)
}

/// The place of one run of a file.
fn run_of(all: &Path, run: i64) -> PathBuf {
    PathBuf::from(format!("{}#{run}", all.display()))
}

#[test]
fn several_files_in_one_keep_their_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    let (files, all) = three_in_one(dir.path());
    let run = |path: &Path| Capture::open(path).expect("opens").run().expect("a run");
    for (number, file) in (1..).zip(&files) {
        let is = run_of(&all, number);
        assert_eq!(content(&is), content(file));
        assert_eq!(run(&is).created_unix_s, run(file).created_unix_s);
        assert_eq!(run(&is).origin.as_deref(), file.to_str());
    }
    // Merged again, they still say where they came from.
    let again = dir.path().join("again.sqlite");
    merge::merge(&[run_of(&all, 2)], &again).expect("merged");
    assert_eq!(run(&again).origin.as_deref(), files[1].to_str());
}

#[test]
fn several_runs_in_one_are_named_and_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_, all) = three_in_one(dir.path());
    let whole = Capture::open(&all).expect("opens");
    let error = whole.run().expect_err("several").to_string();
    assert!(error.contains("holds 3 runs: name one, as in"), "{error}");
    let report = verify(&all).expect("verified");
    assert_eq!(report.shares, 3 * 180);
    assert!(report.since_job_ms.contains_key("a of run 2"), "{report:?}");
    let info = said(&thermine(&["capture", "info"], &all));
    assert!(info.contains("run 3: device, finished"), "{info}");
    assert!(
        info.contains("seed 2, configuration 0000000000000002"),
        "{info}"
    );
    let error = Capture::open(&run_of(&all, 4)).expect_err("no such run");
    let error = error.to_string();
    assert!(error.contains("holds no run 4"), "{error}");
}

#[test]
fn a_merge_that_is_refused_leaves_nothing_and_overwrites_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (files, all) = three_in_one(dir.path());
    for (sources, expected) in [
        (vec![files[0].clone(), files[0].clone()], "is named twice"),
        (vec![dir.path().join("none")], "cannot open"),
    ] {
        let out = dir.path().join("out.sqlite");
        let error = merge::merge(&sources, &out).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
        let left = std::fs::read_dir(dir.path()).expect("listed").flatten();
        assert!(
            left.into_iter()
                .all(|file| { !file.file_name().to_string_lossy().starts_with("out.sqlite") })
        );
    }
    let error = merge::merge(&files, &all).expect_err("never overwritten");
    assert!(error.to_string().contains("exists already"), "{error}");
}

#[test]
fn many_writers_at_once_find_an_empty_database_and_lose_nothing() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    assert!(said(&thermine(&["capture", "info"], &url)).contains("is not a thermine capture"));
    // All make its tables and write.
    let mut writers: Vec<Writing> = (0..4).map(|_| writing(&url, Some(400), "")).collect();
    let runs: Vec<String> = writers
        .iter_mut()
        .map(|writer| {
            let said = writer.until_it_ends();
            assert_eq!((said.safe, said.failure), (400, None));
            said.run.expect("a run")
        })
        .collect();
    for run in &runs {
        assert_eq!(tickets(Path::new(run)), 400);
    }
    let report = verify(&url).expect("verified");
    assert_eq!(
        (report.shares, report.valid, report.contradictions),
        (1600, 1600, 0)
    );
}

#[test]
fn a_run_is_the_same_in_a_file_and_in_a_database() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    // Written from within a runtime, as the program does.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("c.sqlite");
    runtime.block_on(a_bit_of_everything(&file, 9));
    let run = runtime.block_on(a_bit_of_everything(&url, 9));
    assert!(run.to_string_lossy().ends_with("/thermine#1"), "{run:?}");
    assert_eq!(content(&run), content(&file));
    let strip = |report: VerifyReport| VerifyReport {
        capture: String::new(),
        ..report
    };
    assert_eq!(
        strip(verify(&run).expect("verified")),
        strip(verify(&file).expect("verified"))
    );
}

#[test]
fn a_run_is_merged_into_a_database_and_out_again() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("c.sqlite");
    runtime.block_on(a_bit_of_everything(&file, 9));
    runtime.block_on(a_bit_of_everything(&url, 8));
    let merged = merge::merge(std::slice::from_ref(&file), &url).expect("merged");
    let there = PathBuf::from(format!("{}#{}", url.display(), merged[0].is));
    assert_eq!(content(&there), content(&file));
    let back = dir.path().join("back.sqlite");
    merge::merge(std::slice::from_ref(&there), &back).expect("merged");
    assert_eq!(content(&back), content(&file));
}

#[test]
fn the_commands_of_a_capture_work_on_a_database() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    runtime.block_on(a_bit_of_everything(&url, 8));
    let run = runtime.block_on(a_bit_of_everything(&url, 9));
    let info = said(&thermine(&["capture", "info"], &url));
    assert!(
        info.contains("2 runs") && info.contains("run 2: device, finished"),
        "{info}"
    );
    let verified = thermine(&["capture", "verify"], &run);
    assert!(verified.status.success(), "{}", said(&verified));
    let csv = dir.path().join("shares.csv");
    let name = csv.display().to_string();
    let exported = thermine(&["capture", "export", "-f", "csv", "-o", &name], &run);
    assert!(exported.status.success(), "{}", said(&exported));
    let lines = std::fs::read_to_string(&csv).expect("read").lines().count();
    assert_eq!(lines, 181);
    server.sql(
        "thermine",
        "UPDATE thermine.share SET difficulty = 0.5 WHERE run = 2 AND difficulty IS NULL AND job IS NOT NULL",
    );
    let verified = thermine(&["capture", "verify"], &run);
    assert!(!verified.status.success(), "{}", said(&verified));
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(a_bit_of_everything(&url, 9));
    server.sql("thermine", "UPDATE thermine.version SET number = 99");
    for error in [
        Capture::open(&url).map(drop).expect_err("newer"),
        Store::create(&url, &meta(1)).map(drop).expect_err("newer"),
    ] {
        assert!(
            error.to_string().contains("use a newer thermine"),
            "{error}"
        );
    }
}

#[test]
fn who_has_no_password_is_not_let_in_and_no_password_is_told() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql(
        "thermine",
        "CREATE ROLE rack LOGIN PASSWORD 'open:sesame'; GRANT CREATE ON DATABASE thermine TO rack",
    );
    let at = format!("{}/thermine", server.address());
    let url = format!("postgres://rack@{at}");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("pass");
    std::fs::write(
        &file,
        format!("{}:*:rack:open\\:sesame\n", server.address()),
    )
    .expect("written");
    let run = |mode: &str, url: &str| {
        let chmod = Command::new("chmod").arg(mode).arg(&file).status();
        assert!(chmod.expect("runs").success());
        let output = Command::new(env!("CARGO_BIN_EXE_thermine"))
            .args(["capture", "record", "-u", "s9", "-n", "5", "--store", url])
            .current_dir(dir.path())
            .env("PGPASSFILE", &file)
            .env_remove("PGPASSWORD")
            .env("RUST_LOG", "trace")
            .output()
            .expect("runs");
        let said = said(&output);
        assert!(!said.contains("sesame"), "{said}");
        (output.status.success(), said)
    };
    let (ok, text) = run("600", &url);
    assert!(ok && text.contains(&format!("{url}#1")), "{text}");
    assert!(!run("644", &url).0, "others can read the file");
    let (ok, text) = run("600", &format!("postgres://rack:open%3Asesame@{at}"));
    assert!(!ok && text.contains("~/.pgpass"), "{text}");
    let (ok, text) = run("600", &format!("postgres://other@{at}"));
    assert!(!ok && text.contains("cannot connect to"), "{text}");
    assert_eq!(
        server.sql("thermine", "SELECT count(*) FROM thermine.run"),
        "1"
    );

    // By TLS, whose certificate is checked.
    let of_tls = |name: &str| rcgen::generate_simple_self_signed(vec![name.into()]).expect("made");
    let host = server.address().ip().to_string();
    let (ours, other) = (of_tls(&host), of_tls(&host));
    server.secure(&ours.cert.pem(), &ours.signing_key.serialize_pem());
    let secret = format!("postgres://rack@{at}?sslmode=require");
    let root = dir.path().join("root.pem");
    let mut found = (false, String::new());
    for certificate in [&other, &ours] {
        assert!(!found.0, "a server that nobody vouches for");
        std::fs::write(&root, certificate.cert.pem()).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_thermine"))
            .args(["capture", "info", &secret])
            .env("PGPASSFILE", &file)
            .env("PGSSLROOTCERT", &root)
            .output()
            .expect("runs");
        found = (output.status.success(), said(&output));
        assert!(found.0 || found.1.contains("PGSSLROOTCERT"), "{}", found.1);
    }
    assert!(found.0, "{}", found.1);
}

/// Scores of all arms in the report of `folder`.
fn scores(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let arms = report["arms"].as_array().expect("arms");
    arms.iter()
        .map(|arm| arm["verdict"]["device"]["nrmse"].clone())
        .collect()
}

/// Records an experiment to `store`, or to its report's folder, and returns its scores.
fn experiment(folder: &Path, store: Option<&Path>) -> Vec<serde_json::Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thermine"));
    command
        .args(["train", "narma10", "--substrate", "twin", "--washout", "20"])
        .args(["--train", "80", "--test", "60"])
        .args(["--echo-steps", "0", "--off-steps", "0", "--out"])
        .arg(folder);
    if let Some(store) = store {
        command.arg("--store").arg(store);
    }
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(folder.join("capture.sqlite").exists(), store.is_none());
    scores(folder)
}

/// The scores that a replay of `capture` has.
fn replayed(capture: &Path, folder: &Path) -> Vec<serde_json::Value> {
    let out = folder.display().to_string();
    let output = thermine(&["capture", "replay", "--out", &out], capture);
    assert!(output.status.success(), "{}", said(&output));
    scores(folder)
}

#[test]
fn an_experiment_scores_the_same_when_it_is_replayed_wherever_it_stands() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let scored = experiment(&at("run"), None);
    assert!(scored.len() >= 2 && scored[0]["value"].as_f64().is_some());
    let file = at("run").join("capture.sqlite");
    assert_eq!(replayed(&file, &at("replay")), scored);

    // As the second of two in a file.
    let other = at("other.sqlite");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(a_bit_of_everything(&other, 1));
    let all = at("all.sqlite");
    merge::merge(&[other, file], &all).expect("merged");
    let second = PathBuf::from(format!("{}#2", all.display()));
    assert_eq!(replayed(&second, &at("second")), scored);

    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    assert_eq!(experiment(&at("stored"), Some(&url)), scored);
    let run = PathBuf::from(format!("{}#1", url.display()));
    assert_eq!(replayed(&run, &at("from-server")), scored);
}

#[tokio::test]
async fn a_share_of_an_unknown_job_goes_into_a_file_as_it_came() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    let store = Store::create(&path, &meta(1)).expect("created");
    let recorder = store.stream("a");
    let mut share = share(1, &job(1));
    share.job_id = "a\0b".into();
    share.verdict = Verdict::UnknownJob;
    recorder.record(Record::Share(share)).await.expect("queued");
    durable(&recorder, 1).await;
    drop(recorder);
    store.finish("finished").expect("finished");
    let mut ids = Vec::new();
    Capture::open(&path)
        .expect("opens")
        .for_each_share(|stored| ids.push(stored.share.job_id))
        .expect("readable");
    assert_eq!(ids, ["a\0b"]);
}
