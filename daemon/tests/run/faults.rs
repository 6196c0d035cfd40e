//! One bad unit of a rack does not hurt the others.

use serde_json::Value;

use crate::support::{Daemon, unit};
use crate::unit::{Manner, Unit};

/// Times that the restless unit hangs up.
const RECONNECTS: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_reconnect_stall_or_lie_hurt_nobody_else_and_no_share_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = |name: &'static str, manner| Unit::start(dir.path(), name, manner);
    let well = start("well", Manner::Well).await;
    let restless = start("restless", Manner::Reconnects(RECONNECTS)).await;
    let stalling = start("stalling", Manner::Stalls).await;
    let lying = start("lying", Manner::Well).await;
    let names = ["well", "restless", "stalling", "lying"].map(|name| format!("\"{name}.toml\""));
    let rack = format!("units = [{}]\n", names.join(", "));
    std::fs::write(dir.path().join("rack.toml"), rack).expect("written");
    let path = dir.path().to_path_buf();
    tokio::task::spawn_blocking(move || {
        let mut daemon = Daemon::start(&path, &["-c", "rack.toml"]);
        let health = |daemon: &Daemon, name: &str, health: &str| {
            daemon.until(&format!("{name} is {health}"), |all| {
                unit(all, name).is_some_and(|unit| unit["health"] == health)
            })
        };
        health(&daemon, "lying", "well");
        // 255 is above every credible temperature, and that counts as hot.
        lying.state.send_modify(|state| {
            for board in &mut state.boards {
                board.chip_temp = 255;
                board.pcb_temp = 255;
            }
        });
        let all = health(&daemon, "lying", "tripped");
        let why = unit(&all, "lying").expect("there")["why"].to_string();
        assert!(why.contains("at 255 °C"), "{why}");
        let all = health(&daemon, "stalling", "lost");
        let why = unit(&all, "stalling").expect("there")["why"].to_string();
        assert!(why.contains("answered none of its last"), "{why}");
        daemon.until("the restless one settles", |all| {
            unit(all, "restless").is_some_and(|unit| {
                unit["health"] == "well" && unit["learning"]["step"].as_u64() > Some(3)
            })
        });
        assert!(restless.connections() > RECONNECTS);
        assert!(stalling.accepted() == 0);
        let tripped = lying.accepted();
        let before = well.accepted();
        let step =
            |all: &Value| unit(all, "well").and_then(|unit| unit["learning"]["step"].as_u64());
        let from = step(&daemon.snapshot()).unwrap_or(0);
        daemon.until("the good one goes on", |all| step(all) > Some(from + 10));
        assert!(well.accepted() > before);
        assert_eq!(well.connections(), 1);
        assert_eq!(lying.accepted(), tripped, "it was given no work");
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
        // Every share was answered but for those that were on their way as it ended.
        let (submitted, answered) = well.shares();
        assert!(submitted - answered <= 2, "{submitted} {answered}");
    })
    .await
    .expect("the test");
}
