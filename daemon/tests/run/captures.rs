//! What units do live is kept where the configuration asks for it: in files, or on a server that many daemons write to.

use std::path::{Path, PathBuf};

use thermine_capture::verify::verify;

use crate::example::example;
use crate::postgres::Postgres;
use crate::support::{Daemon, thermine, unit};
use crate::unit::{Manner, Unit};

/// Answers that a unit gives before anything is done to the daemon.
const SOME: u64 = 40;

fn captures(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = files
        .map(|entry| entry.expect("a file").path())
        .filter(|file| file.extension().is_some_and(|end| end == "sqlite"))
        .collect();
    files.sort();
    files
}

/// Shares of a capture that were acknowledged as accepted; all of it must verify.
fn accepted(capture: &Path) -> u64 {
    let report = verify(capture).expect("a capture");
    assert_eq!(report.contradictions, 0, "{report:?}");
    report.verdicts.get("accepted").copied().unwrap_or(0)
}

/// Injected: SIGKILL under load. Lost: nothing that a unit was told accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_live_is_kept_though_the_program_is_killed() {
    let dir = tempfile::tempdir().expect("a folder");
    let units = [
        Unit::start(dir.path(), "a", Manner::Well).await,
        Unit::start(dir.path(), "b", Manner::Well).await,
    ];
    let rack = "units = [\"a.toml\", \"b.toml\"]\n\n[daemon]\ncaptures = \"kept\"\n";
    std::fs::write(dir.path().join("rack.toml"), rack).expect("written");
    let path = dir.path().to_path_buf();
    let test = move || {
        let told = || units.iter().map(Unit::accepted).sum::<u64>();
        for end in ["KILL", "TERM"] {
            let before: Vec<u64> = units.iter().map(Unit::accepted).collect();
            let mut daemon = Daemon::start(&path, &["-c", "rack.toml"]);
            daemon.until("both are busy", |_| {
                let mut each = units.iter().zip(&before);
                each.all(|(unit, before)| unit.accepted() > before + SOME)
            });
            daemon.signal(end);
            assert_eq!(daemon.ends().success(), end == "TERM");
        }
        let files = captures(&path.join("kept"));
        assert_eq!(files.len(), 4, "{files:?}");
        let kept: u64 = files.iter().map(|file| accepted(file)).sum();
        assert!(kept >= told(), "{} told, {kept} kept", told());
        let info = thermine(&path)
            .args(["capture", "info"])
            .arg(&files[1])
            .output();
        let info = String::from_utf8_lossy(&info.expect("started").stdout).into_owned();
        assert!(info.contains("device, finished"), "{info}");
    };
    tokio::task::spawn_blocking(test).await.expect("the test");
}

/// Injected: a place that cannot be written. Lost: nothing; the unit is given no work, and the page says why.
#[test]
fn a_unit_whose_shares_cannot_be_kept_is_given_no_work() {
    let dir = tempfile::tempdir().expect("a folder");
    example(dir.path(), "sim-s9.toml", &[]);
    let rack = "units = [\"sim-s9.toml\"]\n\n[daemon]\ncaptures = \"rack.toml\"\n";
    std::fs::write(dir.path().join("rack.toml"), rack).expect("written");
    let daemon = Daemon::start(dir.path(), &["-c", "rack.toml"]);
    let all = daemon.until("it is said", |all| {
        unit(all, "sim-s9").is_some_and(|unit| unit["health"] == "lost")
    });
    let why = unit(&all, "sim-s9").expect("there")["why"].to_string();
    assert!(why.contains("cannot make the folder rack.toml"), "{why}");
}

/// Injected: the server's death. Lost: nothing; each unit has a new run when the server is back.
#[test]
fn many_daemons_write_to_one_server() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let url = server.url("thermine");
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let mut daemons: Vec<Daemon> = dirs
        .iter()
        .map(|dir| {
            example(dir.path(), "sim-s9.toml", &[]);
            let rack = format!(
                "units = [\"sim-s9.toml\"]\n\n[daemon]\nspeed = 10\ncaptures = \"{}\"\n",
                url.display()
            );
            std::fs::write(dir.path().join("rack.toml"), rack).expect("written");
            Daemon::start(dir.path(), &["-c", "rack.toml"])
        })
        .collect();
    let busy = |server: &Postgres| -> usize {
        let runs = "SELECT count(*) FROM (SELECT run FROM thermine.share GROUP BY run HAVING count(*) > 5) AS busy";
        server.sql("thermine", runs).parse().expect("a number")
    };
    daemons[0].until("all tables are there", |_| {
        let there = "SELECT to_regclass('thermine.share') IS NOT NULL";
        server.sql("thermine", there) == "t"
    });
    daemons[0].until("both write", |_| busy(&server) == 2);
    server.crash();
    daemons[0].until("both write again", |_| busy(&server) >= 4);
    for daemon in &mut daemons {
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
    }
    let finished = "SELECT count(*) FROM thermine.run WHERE state = 'finished'";
    assert_eq!(server.sql("thermine", finished), "2");
    let report = verify(&url).expect("a capture");
    assert_eq!(report.contradictions, 0, "{report:?}");
    assert!(report.shares > 20, "{report:?}");
}
