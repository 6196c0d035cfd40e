//! A settable unit beyond this process, as far as the session knows, whose drive ends in every way.

use std::sync::Mutex;

use anyhow::bail;
use thermine_drivers::interlock::Permission;
use thermine_units::clock::Clock;
use thermine_units::quantity::MegaHertz;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::*;
use crate::attach::simulated::{Mine, listen};

/// Keeps what is said.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Notices for Said {
    fn notice(&self, line: &str) {
        self.0.lock().expect("whole").push(line.to_string());
    }
}

impl Said {
    fn has(&self, what: &str) -> bool {
        let said = self.0.lock().expect("whole");
        said.iter().any(|line| line.contains(what))
    }
}

/// A simulated LV06 with its configuration as that of a real one.
async fn unit() -> (Config, DropGuard) {
    let mut config = Config::simulated(Model::LuckyMinerLv06).expect("an example");
    let played = config.unit.simulated.take().expect("simulated");
    let ip = std::net::Ipv4Addr::LOCALHOST.into();
    let ports = listen(config.unit.model, ip, false).await.expect("a port");
    config.api.as_mut().expect("network").address = ports.control;
    let mine = Mine {
        model: config.unit.model,
        pool: (ip, 1).into(),
        worker: "nobody".into(),
        played,
        seed: 1,
    };
    let stop = CancellationToken::new();
    ports
        .start(mine, &Clock::real(), &TaskTracker::new(), &stop)
        .expect("a unit");
    (config, stop.drop_guard())
}

/// The clock of the unit as it reads it back.
async fn clock_mhz(config: &Config) -> f64 {
    let address = config.api.as_ref().expect("network").address;
    let reply = reqwest::get(format!("http://{address}/api/system/info")).await;
    let body = reply.expect("a reply").bytes().await.expect("a body");
    let info: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    info["frequency"].as_f64().expect("a number")
}

/// Sets the unit to a point of an experiment.
async fn heat(unit: &mut Unit) -> Result<()> {
    let first = unit.latest.wait_for(|latest| latest.telemetry.is_some());
    first.await?;
    let mut permission = unit.permission().expect("a network unit is guarded");
    permission
        .wait_for(|permission| *permission == Permission::Grant)
        .await?;
    let point = OperatingPoint {
        frequency: Some(MegaHertz(500.0)),
        ..OperatingPoint::UNCHANGED
    };
    unit.set(point).await?;
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Well,
    Error,
    Panic,
    Stopped,
}

async fn driven(how: How) {
    let (config, _plays) = unit().await;
    let context = Context::new("a test");
    let said = Said::default();
    let session = Session {
        context: &context,
        config: &config,
        seed: 1,
        notices: &said,
    };
    let rig = context.rig(&config).expect("a rig");
    let done = with_attached(session, rig, async |unit, _| {
        heat(unit).await?;
        assert_eq!(context.not_safe(), [label(&config)]);
        match how {
            How::Well => Ok(5),
            How::Error => bail!("no such wire"),
            How::Panic => panic!("out of wits"),
            How::Stopped => {
                context.stop();
                std::future::pending().await
            }
        }
    });
    let done = done.await;
    assert!((clock_mhz(&config).await - 50.0).abs() < 10.0, "{how:?}");
    assert_eq!(context.not_safe(), Vec::<String>::new());
    assert_eq!(
        said.has("confirmed its safe operating point"),
        how != How::Well
    );
    match (how, done) {
        (How::Well, done) => assert_eq!(done.expect("done"), 5),
        (How::Error, done) => assert_eq!(done.expect_err("failed").to_string(), "no such wire"),
        (How::Panic, done) => {
            let error = done.expect_err("failed").to_string();
            assert_eq!(error, "the drive panicked: out of wits");
        }
        (How::Stopped, done) => assert!(done.expect_err("stopped").is::<Interrupted>()),
    }
}

#[tokio::test]
async fn a_unit_is_safe_after_success_an_error_a_panic_and_a_stop() {
    tokio::join!(
        driven(How::Well),
        driven(How::Error),
        driven(How::Panic),
        driven(How::Stopped)
    );
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_its_unit_safe_before_the_context_has_ended() {
    let (config, _plays) = unit().await;
    let context = Context::new("a test");
    let hot = tokio::sync::Notify::new();
    {
        let session = Session {
            context: &context,
            config: &config,
            seed: 1,
            notices: &crate::observer::Log,
        };
        let rig = context.rig(&config).expect("a rig");
        let driven = with_attached(session, rig, async |unit, _| {
            heat(unit).await?;
            hot.notify_one();
            std::future::pending::<Result<()>>().await
        });
        tokio::select! {
            _ = driven => panic!("it is driven for ever"),
            () = hot.notified() => {}
        }
    }
    context.ended().await;
    assert!((clock_mhz(&config).await - 50.0).abs() < 10.0);
    assert_eq!(context.not_safe(), Vec::<String>::new());
}

#[tokio::test]
async fn a_unit_that_does_not_confirm_is_named_with_its_address() {
    let (config, plays) = unit().await;
    let context = Context::new("a test");
    let said = Said::default();
    let session = Session {
        context: &context,
        config: &config,
        seed: 1,
        notices: &said,
    };
    let rig = context.rig(&config).expect("a rig");
    let done = with_attached(session, rig, async |unit, _| {
        heat(unit).await?;
        // Its control interface is gone.
        drop(plays);
        let gone = async {
            let address = config.api.as_ref().expect("network").address;
            while tokio::net::TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        gone.await;
        Ok(())
    });
    done.await.expect("the drive was well");
    let expected = format!(
        "{} did NOT confirm its safe operating point: check it now",
        label(&config)
    );
    assert!(said.has(&expected));
    assert_eq!(context.not_safe(), [label(&config)]);
}
