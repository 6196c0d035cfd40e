//! Acknowledged over a wire: what a unit was told accepted is in the capture, whenever the server was killed.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use thermine_capture::verify::verify;
use thermine_capture::{Capture, RunMeta, Store};
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::Server;
use thermine_stratum::session::Settings;
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::seed;
use tokio_util::sync::CancellationToken;

use crate::records::meta;

/// Set for the copy of this program that is to be killed: the capture that it writes.
const VICTIM: &str = "THERMINE_TEST_VICTIM";

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
    // As of a simulated unit: nothing is synced to the disk.
    let meta = RunMeta {
        provenance: Provenance::Simulated,
        ..meta(1)
    };
    let store = Store::create(path, &meta).expect("created");
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
            "wire::a_victim_of_sigkill_has_lost_no_acknowledged_share",
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
