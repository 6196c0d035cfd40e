//! A unit that is none of the program's own: it mines over a socket, and tells its temperatures over another.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use thermine_sim::s9_api::{self, ApiState, BoardState, Firmware, PoolState};
use thermine_units::quantity::{HashRate, MegaHertz, Rpm};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::port::port;

/// Every hash is a share.
pub(crate) const EASY: f64 = 1e-15;

/// Pause of the unit before it connects again.
pub(crate) const RECONNECT: Duration = Duration::from_millis(20);

/// Time that the unit takes to find a share.
const HASHING: Duration = Duration::from_millis(5);

/// How it mines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    /// It answers every job.
    Well,
    /// It takes jobs and answers none.
    Stalls,
    /// It hangs up after its first job, so many times, and then mines well.
    Reconnects(u64),
    /// It hangs up as soon as it is let in, so many times, and then mines well.
    Flickers(u64),
}

/// What it has done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    pub(crate) submitted: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) jobs: AtomicU64,
    stop: AtomicBool,
}

/// The unit, while it is kept.
pub(crate) struct Unit {
    pub(crate) counts: Arc<Counts>,
    /// What its control interface tells.
    pub(crate) state: watch::Sender<ApiState>,
    stop: CancellationToken,
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.counts.stop.store(true, Ordering::Relaxed);
        self.stop.cancel();
    }
}

impl Unit {
    /// Starts one that is to be driven, and writes its configuration as `NAME.toml` in `dir`. Needs a runtime, for its
    /// control interface.
    pub(crate) async fn start(dir: &Path, name: &str, manner: Manner) -> Unit {
        Unit::mining_at(dir, name, manner, port()).await
    }

    /// The same of one whose pool is at `pool`.
    pub(crate) async fn mining_at(
        dir: &Path,
        name: &str,
        manner: Manner,
        pool: SocketAddr,
    ) -> Unit {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let api = listener.local_addr().expect("bound");
        std::fs::write(
            dir.join(format!("{name}.toml")),
            configuration(name, pool, api),
        )
        .expect("written");
        let (state, told) = watch::channel(telemetry());
        let stop = CancellationToken::new();
        tokio::spawn(s9_api::run(listener, told, stop.clone()));
        // Its clock goes on; one that stands is a frozen interface.
        let (ticking, ended) = (state.clone(), stop.clone());
        tokio::spawn(ended.run_until_cancelled_owned(async move {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            loop {
                seconds.tick().await;
                ticking.send_modify(|state| {
                    state.unix += 1;
                    state.elapsed += Duration::from_secs(1);
                });
            }
        }));
        let counts: Arc<Counts> = Arc::default();
        let (mine, worker) = (counts.clone(), name.to_string());
        std::thread::spawn(move || {
            while !mine.stop.load(Ordering::Relaxed) {
                // The connection has ended, or nothing listens yet: it tries again, as units do.
                let _ = connect(pool, &worker, manner, &mine);
                std::thread::sleep(RECONNECT);
            }
        });
        Unit {
            counts,
            state,
            stop,
        }
    }

    pub(crate) fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Shares that it has submitted, and those that it was answered.
    pub(crate) fn shares(&self) -> (u64, u64) {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        (count(&self.counts.submitted), count(&self.counts.answered))
    }

    /// Jobs that it has been given.
    pub(crate) fn jobs(&self) -> u64 {
        self.counts.jobs.load(Ordering::Relaxed)
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::Relaxed)
    }
}

fn connect(pool: SocketAddr, worker: &str, manner: Manner, counts: &Counts) -> std::io::Result<()> {
    let stream = TcpStream::connect(pool)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut writer = stream.try_clone()?;
    let mut send = |line: Value| writer.write_all(format!("{line}\n").as_bytes());
    send(json!({"id": 1, "method": "mining.subscribe", "params": ["test/1"]}))?;
    send(json!({"id": 2, "method": "mining.authorize", "params": [worker, "x"]}))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let (mut extranonce2_len, mut id, mut nonce) = (0, 2, 0u32);
    while !counts.stop.load(Ordering::Relaxed) {
        match reader.read_line(&mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // The rest of the line is still to come.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        let message: Value = serde_json::from_str(&line)?;
        line.clear();
        if message["id"] == 1 {
            extranonce2_len = message["result"][2].as_u64().unwrap_or(0) as usize;
        } else if message["id"] == 2 && message["result"] != true {
            // It is not expected: it hangs up and comes again, as firmware does.
            return Ok(());
        } else if message["id"] == 2 {
            let before = counts.connections.fetch_add(1, Ordering::Relaxed);
            if matches!(manner, Manner::Flickers(times) if before < times) {
                return Ok(());
            }
        } else if message["id"].is_u64() {
            counts.answered.fetch_add(1, Ordering::Relaxed);
            counts
                .accepted
                .fetch_add(u64::from(message["result"] == true), Ordering::Relaxed);
        }
        if message["method"] != "mining.notify" {
            continue;
        }
        counts.jobs.fetch_add(1, Ordering::Relaxed);
        match manner {
            Manner::Stalls => continue,
            Manner::Reconnects(times) if counts.connections.load(Ordering::Relaxed) <= times => {
                return Ok(());
            }
            _ => {}
        }
        std::thread::sleep(HASHING);
        id += 1;
        nonce += 1;
        let (job, ntime) = (&message["params"][0], &message["params"][7]);
        let extranonce2 = "00".repeat(extranonce2_len);
        send(json!({"id": id, "method": "mining.submit",
            "params": [worker, job, extranonce2, ntime, format!("{nonce:08x}")]}))?;
        counts.submitted.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn configuration(name: &str, pool: SocketAddr, api: SocketAddr) -> String {
    format!(
        "[unit]\nname = \"{name}\"\nmodel = \"antminer-s9\"\n\n[stratum]\nlisten = \"{pool}\"\nworker = \"{name}\"\n\
         connect_timeout_seconds = 5\n\n[api]\naddress = \"{api}\"\npoll_seconds = 0.5\n\n[step]\nhold_seconds = 0.2\n\
         shares = 1\ntimeout_seconds = 2.0\ndifficulty = {EASY:e}\nduty_min = 0.9\n"
    )
}

fn telemetry() -> ApiState {
    let board = |slot, chip_temp| BoardState {
        slot,
        pcb_temp: 58,
        chip_temp,
        third_temp: 0,
        frequency: MegaHertz(650.0),
        chips: 63,
        failing: Vec::new(),
        hash_rate: HashRate::from_ghs(4600.0),
        hardware_errors: 0,
        reopened: Vec::new(),
    };
    ApiState {
        firmware: Firmware::V30_0_1_3,
        unix: 1_564_646_400,
        elapsed: Duration::from_secs(86_400),
        frequency: MegaHertz(650.0),
        boards: vec![board(6, 76), board(7, 73), board(8, 75)],
        fans: [Rpm(3720.0), Rpm(2400.0)],
        total_mh: 1.1664e12,
        pools: [
            PoolState::default(),
            PoolState::default(),
            PoolState::default(),
        ],
        found_blocks: 0,
        local_work: 0,
        network_blocks: 0,
        last_getwork: 0,
    }
}
