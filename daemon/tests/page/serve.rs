//! The server on loopback with somebody who answers its commands.

use std::net::SocketAddr;

use thermine::live::{Live, Share};
use thermine::web::{self, Command, Settings};
use thermine_lab::request::Request;
use thermine_units::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::rack::{BEGIN, Dice, unit};

/// A server that runs.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

/// Serves `live` on `address`. Experiments are taken under the number 19, and only number 18 can be cancelled.
pub(crate) async fn serve(live: Live, settings: Settings, address: &str) -> Served {
    let listener = TcpListener::bind(address).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shutdown = CancellationToken::new();
    let (commands, mut asked) = mpsc::channel(8);
    let stop = shutdown.clone();
    let task = tokio::spawn(async move {
        web::serve(listener, live, settings, commands, stop)
            .await
            .expect("served");
    });
    tokio::spawn(async move {
        while let Some(command) = asked.recv().await {
            match command {
                Command::Submit { request, reply, .. } => {
                    let known = matches!(*request, Request::Train(_));
                    let _ = reply.send(if known {
                        Ok(19)
                    } else {
                        Err(format!("{} is not an experiment", request.words()))
                    });
                }
                Command::Cancel { id, reply } => {
                    let _ = reply.send(if id == 18 {
                        Ok(())
                    } else {
                        Err(format!("no experiment {id} waits or runs"))
                    });
                }
            }
        }
    });
    Served {
        address,
        shutdown,
        task,
    }
}

pub(crate) fn settings() -> Settings {
    Settings::new(Clock::real(), thermine::cli::request::parse)
}

/// Wall time in milliseconds.
pub(crate) fn now_ms() -> u64 {
    let clock = Clock::real();
    clock.unix(clock.now()).as_millis() as u64
}

/// A share of the unit in place `i`.
pub(crate) fn share(i: usize, dice: &mut Dice, at_ms: f64) -> Share {
    let name = unit(i, 0, BEGIN).name;
    let luck = dice.roll();
    Share {
        unit: name,
        at_ms,
        interval_ms: Some(-640.0 * (1.0 - dice.roll()).ln()),
        nonce: (dice.roll() * f64::from(u32::MAX)) as u32,
        difficulty: 256.0,
        verdict: if luck < 0.96 {
            "accepted"
        } else if luck < 0.985 {
            "stale"
        } else {
            "refused"
        }
        .into(),
        chip: (i.is_multiple_of(3)).then(|| (dice.roll() * 63.0) as usize),
    }
}
