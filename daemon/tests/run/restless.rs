//! A unit that comes and goes a thousand times costs the daemon and the other units nothing.

use crate::ledger;
use crate::miner::{Miner, pool, proxied};
use crate::patience::until;
use crate::support::{Daemon, unit};
use crate::unit::{Manner, Unit};

/// Times that each restless unit hangs up.
const TIMES: u64 = 1000;
/// After so many the daemon has what it needs.
const EARLY: u64 = 100;
/// Shares of a connection of the restless miner.
const SHARES: u32 = 2;
/// Resident memory that may come besides: the allocator's, and what the other units have told meanwhile.
const SLACK: u64 = 16 << 20;
/// Files that may be open besides: connections at this moment.
const FILES: usize = 16;

/// What the process has: resident memory in bytes, and open files. A task that was left behind holds its socket.
fn held(id: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a Linux");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes =
        resident.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let files = std::fs::read_dir(format!("/proc/{id}/fd")).expect("its files");
    (kilobytes.expect("a number") << 10, files.count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_come_a_thousand_times_cost_neither_memory_nor_others_nor_a_share() {
    let dir = tempfile::tempdir().expect("a folder");
    let (pool, address) = pool().await;
    let listen = proxied(dir.path(), address);
    let well = Unit::start(dir.path(), "well", Manner::Well).await;
    let flickers = Unit::start(dir.path(), "flickers", Manner::Flickers(TIMES)).await;
    let rack = "units = [\"well.toml\", \"flickers.toml\"]\nproxied = [\"sim-s9-proxied.toml\"]\nproxy = \"proxy.toml\"\n";
    std::fs::write(dir.path().join("rack.toml"), rack).expect("written");
    let runtime = tokio::runtime::Handle::current();
    let miners = [
        Miner::start(&runtime, listen, "steady", None),
        Miner::start(&runtime, listen, "restless", Some(SHARES)),
    ];
    tokio::task::spawn_blocking(move || {
        let dir = dir.path();
        let mut daemon = Daemon::start(dir, &["-c", "rack.toml"]);
        let come = |times: u64| {
            flickers.connections() >= times && miners[1].told().connections >= times
        };
        until("they have come at all", || come(EARLY));
        let (memory_then, files_then) = held(daemon.id());
        until("they have come a thousand times", || {
            daemon.runs();
            come(TIMES)
        });
        let (memory, files) = held(daemon.id());
        assert!(
            memory < memory_then + SLACK,
            "{memory_then} to {memory} bytes"
        );
        assert!(files < files_then + FILES, "{files_then} to {files} files");

        let step = |all: &serde_json::Value, name: &str| {
            unit(all, name).and_then(|unit| unit["learning"]["step"].as_u64())
        };
        daemon.until("the restless one settles", |all| {
            step(all, "flickers") > Some(3)
        });
        let from = step(&daemon.snapshot(), "well");
        daemon.until("the good one goes on", |all| {
            step(all, "well") > from.map(|step| step + 3)
        });
        assert_eq!(well.connections(), 1);
        assert_eq!(miners[0].told().connections, 1);
        for miner in &miners {
            miner.end();
        }
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
        let (submitted, answered) = well.shares();
        // But for those that were on their way as it ended.
        assert!(submitted - answered <= 2, "{submitted} {answered}");
        ledger::settle(dir);
        let found = ledger::check(dir, &pool, &miners);
        println!(
            "injected: a driven unit that came {} times, and one of the proxy that came {} times; resident memory {} kB after \
             {EARLY} times, {} kB after {TIMES}; open files {files_then}, {files}; acknowledged by the proxy {} shares, \
             counted by the pool once {}, lost 0; the driven one that stays: {submitted} submitted, {answered} answered",
            flickers.connections(),
            miners[1].told().connections,
            memory_then >> 10,
            memory >> 10,
            found.acknowledged,
            found.counted
        );
        assert_eq!(found.stale, 0);
        assert!(found.counted as u64 > TIMES * u64::from(SHARES));
    })
    .await
    .expect("the test");
}
