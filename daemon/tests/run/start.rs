//! Start, reload and end.

use serde_json::Value;

use crate::example::example;
use crate::port::port;
use crate::support::{Daemon, thermine, unit};
use crate::unit::{Manner, Unit};

#[test]
fn without_a_configuration_a_simulated_unit_is_live_in_one_command() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut daemon = Daemon::start(dir.path(), &[]);
    assert_eq!(daemon.ask("GET", "/healthz", "").0 / 100, 2);
    let seen = daemon.until("it learns", |all| {
        unit(all, "s9").is_some_and(|unit| {
            unit["learning"]["step"].as_u64().unwrap_or(0) > 60
                && unit["hash_rate_ghs"]["n"].as_u64().unwrap_or(0) > 30
                && !unit["intervals"].is_null()
        })
    });
    let s9 = unit(&seen, "s9").expect("there");
    assert_eq!(
        (&s9["health"], &s9["provenance"]),
        (&"well".into(), &"simulated".into())
    );
    assert_eq!(s9["activity"], "narma10, live");
    // 13.5 TH/s at full duty; less at the duties of the live task, and with one new job an answer at ten times the
    // speed of a busy machine's sockets.
    let rate = s9["hash_rate_ghs"]["value"].as_f64().expect("a rate");
    assert!((1_000.0..16_000.0).contains(&rate), "{rate}");
    assert_eq!(s9["board"]["counts"].as_array().map(Vec::len), Some(63));
    assert_eq!(s9["temperatures"].as_array().map(Vec::len), Some(6));
    let learning = &s9["learning"];
    let numbers = |key: &str| learning[key].as_array().map_or(0, Vec::len);
    assert!(
        numbers("target") > 0 && numbers("target") == numbers("prediction"),
        "{learning}"
    );
    // A second one does not take the same folder.
    let second = thermine(dir.path()).arg("run").output().expect("started");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        !second.status.success() && said.contains("another `thermine run`"),
        "{said}"
    );
    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));
}

#[test]
fn an_unknown_override_or_a_public_address_without_a_token_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let refused = |name: &str, value: &str| {
        let output = thermine(dir.path())
            .arg("run")
            .env(name, value)
            .output()
            .expect("started");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused("THERMINE_DAEMON__LISEN", "127.0.0.1:1");
    assert!(said.contains("THERMINE_DAEMON__LISTEN"), "{said}");
    let said = refused("THERMINE_DAEMON__LISTEN", "0.0.0.0:0");
    assert!(said.contains("token"), "{said}");
}

#[test]
fn the_simulated_rack_runs_and_carries_out_an_experiment() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in [
        "sim-s9.toml",
        "sim-lv06.toml",
        "sim-lb-box.toml",
        "sim-bm1387.toml",
        "sim-bm1366.toml",
        "sim-s9-proxied.toml",
    ] {
        example(dir.path(), name, &[]);
    }
    let pool = format!("stratum+tcp://{}", port());
    let listen = format!("\"{}\"", port());
    example(
        dir.path(),
        "proxy.toml",
        &[
            ("\"127.0.0.1:3333\"", listen.as_str()),
            ("stratum+tcp://127.0.0.1:3334", pool.as_str()),
        ],
    );
    example(dir.path(), "sim-rack.toml", &[]);
    let mut daemon = Daemon::start(dir.path(), &["-c", "sim-rack.toml"]);
    let all = daemon.until("all six are well", |all| {
        let units = all["units"].as_array().expect("units");
        let works = |unit: &Value| {
            unit["health"] == "well" && unit["shares"]["accepted"].as_u64().unwrap_or(0) > 3
        };
        units.len() == 6 && units.iter().all(works)
    });
    assert_eq!(
        unit(&all, "sim-s9-proxied").expect("there")["activity"],
        "proxied"
    );
    let proxy = &all["proxy"];
    assert!(
        proxy["waiting"]
            .as_f64()
            .is_some_and(|part| (0.0..=1.0).contains(&part)),
        "{proxy}"
    );
    assert!(
        proxy["waiting_without"].as_f64() >= proxy["waiting"].as_f64(),
        "{proxy}"
    );

    let body = r#"{"unit": "sim-s9", "command":
        "train narma10 --encoding duty --washout 5 --train 60 --test 60 --echo-steps 0 --off-steps 0"}"#;
    let (status, answer) = daemon.ask("POST", "/api/v1/jobs", body);
    assert_eq!(status / 100, 2, "{answer}");
    let all = daemon.until("the experiment is done", |all| {
        all["jobs"][0]["progress"] == "done"
    });
    let job = &all["jobs"][0];
    let folder = dir.path().join(job["outcome"].as_str().expect("a folder"));
    assert!(folder.join("report/report.json").is_file(), "{job}");
    let verdict = &unit(&all, "sim-s9").expect("there")["verdict"];
    let rows = verdict["rows"].as_array().expect("rows");
    assert!(
        rows.len() > 3 && rows[0]["provenance"] == "simulated",
        "{verdict}"
    );
    // The unit is driven on, and the others never stopped.
    daemon.until("it is driven on", |all| {
        unit(all, "sim-s9").is_some_and(|unit| unit["activity"] == "narma10, live")
    });
    daemon.signal("INT");
    assert_eq!(daemon.ends().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_leaves_the_units_that_it_does_not_concern_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let (a, b) = (
        Unit::start(dir.path(), "a", Manner::Well).await,
        Unit::start(dir.path(), "b", Manner::Well).await,
    );
    let rack = dir.path().join("rack.toml");
    let write = |text: &str| std::fs::write(&rack, text).expect("written");
    write("units = [\"a.toml\"]\n");
    tokio::task::spawn_blocking(move || {
        let mut daemon = Daemon::start(dir.path(), &["-c", "rack.toml"]);
        let step = |daemon: &Daemon, name: &str| {
            daemon
                .unit(name)
                .and_then(|unit| unit["learning"]["step"].as_u64())
                .unwrap_or(0)
        };
        daemon.until("a learns", |all| {
            unit(all, "a").is_some_and(|unit| unit["learning"]["step"].as_u64() > Some(2))
        });
        let before = step(&daemon, "a");

        std::fs::write(&rack, "units = [\"a.toml\", \"b.toml\"]\n").expect("written");
        daemon.signal("HUP");
        let (mut heard, said) = daemon.says("reload:", 0);
        assert!(said.contains("added b"), "{said}");
        daemon.until("b learns", |all| {
            unit(all, "b").is_some_and(|unit| unit["learning"]["step"].as_u64() > Some(2))
        });

        std::fs::write(&rack, "units = [\"a.toml\", \"b.tom\"]\n").expect("written");
        daemon.signal("HUP");
        let said;
        (heard, said) = daemon.says("reload:", heard);
        assert!(
            said.contains("nothing is changed") && said.contains("b.tom"),
            "{said}"
        );
        assert!(daemon.unit("b").is_some());

        std::fs::write(&rack, "units = [\"a.toml\"]\n").expect("written");
        daemon.signal("HUP");
        let (_, said) = daemon.says("reload:", heard);
        assert!(said.contains("removed b"), "{said}");
        assert!(daemon.unit("b").is_none());

        daemon.until("a goes on", |all| {
            unit(all, "a").is_some_and(|unit| unit["learning"]["step"].as_u64() > Some(before + 2))
        });
        assert_eq!(a.connections(), 1, "a has never been hung up on");
        let gone = b.accepted();
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
        assert_eq!(b.accepted(), gone, "b has no work since it was removed");
    })
    .await
    .expect("the test");
}
