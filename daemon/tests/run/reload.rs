//! SIGHUP under load: units that a reload does not concern are not dropped, and nothing is lost.

use std::path::Path;

use serde_json::Value;

use crate::ledger;
use crate::miner::{Miner, pool, proxied};
use crate::patience::until;
use crate::support::{Daemon, unit};
use crate::unit::{Manner, Unit};

/// Reloads that are waited for one by one, and those that come all at once.
const RELOADS: usize = 40;
const AT_ONCE: usize = 40;

/// The unit that is driven and the one that mines through the proxy stay in every file.
fn rack(units: &str, proxied: &str) -> String {
    format!(
        "units = [\"stays.toml\"{units}]\nproxied = [\"sim-s9-proxied.toml\"{proxied}]\nproxy = \"proxy.toml\"\n"
    )
}

/// What the rack becomes at a reload, and what is then said.
fn state(dir: &Path, reload: usize) -> (String, &'static str) {
    match reload % 5 {
        0 => (rack(", \"comes.toml\"", ""), "added comes"),
        1 => {
            let path = dir.join("comes.toml");
            let text = std::fs::read_to_string(&path).expect("there");
            let other = match text.contains("hold_seconds = 0.2") {
                true => text.replace("hold_seconds = 0.2", "hold_seconds = 0.3"),
                false => text.replace("hold_seconds = 0.3", "hold_seconds = 0.2"),
            };
            std::fs::write(path, other).expect("written");
            (rack(", \"comes.toml\"", ""), "changed comes")
        }
        2 => (rack(", \"nowhere.toml\"", ""), "nothing is changed"),
        3 => (rack("", ", \"second.toml\""), "added second; removed comes"),
        _ => (rack("", ""), "removed second"),
    }
}

fn is_well(all: &Value, name: &str) -> bool {
    unit(all, name).is_some_and(|unit| unit["health"] == "well")
}

/// Reloads once, and waits until there is load again: shares of the miners that are `accepted`, of the unit that stays,
/// and a connection of the one that comes. Returns how many lines the daemon has said by then.
fn reload(
    dir: &Path,
    daemon: &mut Daemon,
    number: usize,
    heard: usize,
    (accepted, stays, comes): (&dyn Fn() -> usize, &Unit, &Unit),
) -> usize {
    let (text, said) = state(dir, number);
    std::fs::write(dir.join("rack.toml"), text).expect("written");
    let (before, driven, came) = (accepted(), stays.accepted(), comes.connections());
    daemon.signal("HUP");
    let (heard, line) = daemon.says("reload:", heard);
    assert!(line.contains(said), "{said}: {line}");
    let all = daemon.snapshot();
    for name in ["stays", "sim-s9-proxied"] {
        assert!(is_well(&all, name), "{name}: {all:#}");
    }
    let is_new = said.ends_with("comes") && !said.starts_with("added second");
    until("there is load", || {
        accepted() > before && stays.accepted() > driven && (!is_new || comes.connections() > came)
    });
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_reloads_under_load_drop_no_unit_that_they_do_not_concern_and_lose_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (pool, address) = pool().await;
    let listen = proxied(dir.path(), address);
    let stays = Unit::start(dir.path(), "stays", Manner::Well).await;
    let comes = Unit::start(dir.path(), "comes", Manner::Well).await;
    let first = std::fs::read_to_string(dir.path().join("sim-s9-proxied.toml")).expect("there");
    let second = first.replace("\"sim-s9-proxied\"", "\"second\"");
    std::fs::write(dir.path().join("second.toml"), second).expect("written");
    let runtime = tokio::runtime::Handle::current();
    let miners = ["w0", "w1", "w2"].map(|worker| Miner::start(&runtime, listen, worker, None));
    tokio::task::spawn_blocking(move || {
        let dir = dir.path();
        let file = dir.join("rack.toml");
        std::fs::write(&file, rack("", "")).expect("written");
        let mut daemon = Daemon::start(dir, &["-c", "rack.toml"]);
        daemon.until("all are well", |all| {
            is_well(all, "stays") && is_well(all, "sim-s9-proxied")
        });
        let accepted = || miners.iter().map(Miner::accepted).sum::<usize>();
        let mut heard = 0;
        for number in 0..RELOADS {
            heard = reload(dir, &mut daemon, number, heard, (&accepted, &stays, &comes));
        }
        std::fs::write(&file, rack("", "")).expect("written");
        for _ in 0..AT_ONCE {
            daemon.signal("HUP");
        }
        // Signals that come while one waits to be taken are one.
        daemon.says("reload: nothing has changed", heard);
        let (before, driven) = (accepted(), stays.accepted());
        until("all goes on", || {
            accepted() > before && stays.accepted() > driven
        });

        for miner in &miners {
            miner.end();
            assert_eq!(miner.told().connections, 1, "{}", miner.worker);
        }
        assert_eq!(stays.connections(), 1);
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
        // But for those that were on their way as it ended, or as the unit was hung up on.
        let (submitted, answered) = stays.shares();
        assert!(submitted - answered <= 2, "{submitted} {answered}");
        let partings = comes.connections() + 2;
        let (sent, heard) = comes.shares();
        assert!(sent - heard <= partings, "{sent} {heard}, {partings} partings");
        ledger::settle(dir);
        let found = ledger::check(dir, &pool, &miners);
        println!(
            "injected: {RELOADS} reloads one by one and {AT_ONCE} at once, which added, changed and removed other units or were \
             broken; units that they did not concern dropped 0; acknowledged by the proxy {} shares, counted by the pool \
             once {}, lost 0; the driven one that stays: {submitted} submitted, {answered} answered; the one that came {} \
             times: {sent} submitted, {heard} answered",
            found.acknowledged,
            found.counted,
            comes.connections(),
        );
        assert_eq!(found.stale, 0);
    })
    .await
    .expect("the test");
}
