//! Both uses of one rack at once: an experiment on a unit that mines through the proxy, while the rest mines on.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::patience::LIMIT;
use crate::port::port;
use crate::support::{Daemon, thermine, unit};
use crate::unit::{EASY, Manner, Unit};

const JOB: [&str; 15] = [
    "train",
    "narma10",
    "--encoding",
    "duty",
    "--hold",
    "0.1",
    "--washout",
    "10",
    "--train",
    "60",
    "--test",
    "60",
    "--echo-steps",
    "0",
    "--off-steps=3",
];

/// Writes the configuration of a rack of both units behind one proxy.
fn configure(dir: &Path, proxy: SocketAddr, pool: SocketAddr) {
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect(name);
    write(
        "rack.toml",
        "proxied = [\"lent.toml\", \"miner.toml\"]\nproxy = \"proxy.toml\"\n",
    );
    // A new block every quarter of a second keeps the units at work: they answer each job once.
    let text = format!(
        "[proxy]\nlisten = \"{proxy}\"\njournal = \"proxy.sqlite\"\n\n\
         [[pool]]\nurl = \"stratum+tcp://{pool}\"\nuser = \"test\"\n\n\
         [simulated_pool]\ndifficulty = {EASY:e}\nblock_seconds = 0.25\n\n\
         [units]\nshare_seconds = 0.25\ndifficulty_first = {EASY:e}\ndifficulty_least = {EASY:e}\n"
    );
    write("proxy.toml", &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxied_unit_is_held_for_an_experiment_and_goes_back_to_mining() {
    let dir = tempfile::tempdir().expect("a folder");
    let (proxy, pool) = (port(), port());
    let lent = Unit::mining_at(dir.path(), "lent", Manner::Well, proxy).await;
    let miner = Unit::mining_at(dir.path(), "miner", Manner::Well, proxy).await;
    configure(dir.path(), proxy, pool);
    // States that do not vary are refused: this one's heat wanders.
    let state = lent.state.clone();
    let wandering = tokio::spawn(async move {
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        for turn in 0u32.. {
            turns.tick().await;
            state.send_modify(|state| {
                for (board, number) in state.boards.iter_mut().zip(3u32..) {
                    board.chip_temp = 60 + i16::try_from(turn * number % 17).expect("small");
                    board.pcb_temp = 50 + i16::try_from(turn * number % 13).expect("small");
                }
            });
        }
    });
    let path = dir.path().to_path_buf();
    let test = tokio::task::spawn_blocking(move || {
        let mut daemon = Daemon::start(&path, &["-c", "rack.toml"]);
        daemon.until("both mine", |all| {
            let mines = |name| unit(all, name).is_some_and(|unit| unit["activity"] == "proxied");
            mines("lent") && mines("miner") && lent.accepted() > 0 && miner.accepted() > 0
        });
        let added = thermine(&path)
            .args(["queue", "-c", "rack.toml", "add", "--unit", "lent"])
            .args(JOB)
            .output()
            .expect("started");
        let error = String::from_utf8_lossy(&added.stderr);
        assert!(added.status.success(), "{error}");
        daemon.until("it runs", |all| {
            let job = &all["jobs"][0];
            assert_ne!(job["progress"], "failed", "{job:#}");
            job["steps"][0].as_u64() > Some(5)
        });
        let (before, connections) = (miner.accepted(), miner.connections());
        let all = daemon.until("it is done", |all| {
            let progress = all["jobs"][0]["progress"].as_str();
            !matches!(progress, Some("waiting" | "running"))
        });
        assert_eq!(all["jobs"][0]["progress"], "done", "{all:#}");
        let shown = unit(&all, "lent").expect("there");
        let rows = shown["verdict"]["rows"].as_array().expect("a verdict");
        // Its firmware is not an S9's, and it does not do what its control interface claims.
        assert_eq!(rows[0]["provenance"], "unverified_device", "{shown:#}");
        assert_eq!(shown["provenance"], "unverified_device", "{shown:#}");
        let doubt = shown["doubt"].as_str().expect("a doubt");
        assert!(doubt.contains("test/1"), "{doubt}");
        assert!(miner.accepted() > before, "the rest of the rack goes on");
        assert_eq!(miner.connections(), connections);
        let after = lent.accepted();
        daemon.until("it mines again", |all| {
            let is_proxied = unit(all, "lent").is_some_and(|unit| unit["activity"] == "proxied");
            is_proxied && lent.accepted() > after
        });
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
    });
    tokio::time::timeout(LIMIT * 3, test)
        .await
        .expect("in time")
        .expect("the test");
    wandering.abort();
}
