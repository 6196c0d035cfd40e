//! A unit of the proxy whose every hash is a share: it mines without a pause, comes again when it is hung up on, and
//! keeps what it was told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use thermine_sim::pool::{Pool, Settings};
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::example::example;
use crate::port::port;
use crate::unit::{EASY, RECONNECT};

/// Difficulty of the pool and so of every share: a simulated S9 finds some twelve such a second of its time.
const DIFFICULTY: f64 = 256.0;

/// What a miner was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Times that it was let in.
    pub(crate) connections: u64,
    /// Nonces of the shares that it was told accepted, none of which it uses twice.
    pub(crate) accepted: Vec<u32>,
    /// Shares that it was told came after their block.
    pub(crate) stale: u64,
    /// Whatever else it was told of a share.
    pub(crate) refused: Vec<Value>,
}

/// The miner, while it is kept.
pub(crate) struct Miner {
    pub(crate) worker: String,
    told: Arc<Mutex<Told>>,
    stop: CancellationToken,
    _ends: DropGuard,
}

impl Miner {
    /// Mines at `proxy`, and hangs up after so many shares, if it is said how many, again and again.
    pub(crate) fn start(
        runtime: &Handle,
        proxy: SocketAddr,
        worker: &str,
        shares: Option<u32>,
    ) -> Miner {
        let told: Arc<Mutex<Told>> = Arc::default();
        let stop = CancellationToken::new();
        let (mine, name) = (told.clone(), worker.to_string());
        runtime.spawn(stop.clone().run_until_cancelled_owned(async move {
            let mut nonce = 0;
            loop {
                if let Ok(stream) = TcpStream::connect(proxy).await {
                    // The connection has ended: it connects again, as units do.
                    let _ = session(stream, &name, shares, &mut nonce, &mine).await;
                }
                tokio::time::sleep(RECONNECT).await;
            }
        }));
        Miner {
            worker: worker.to_string(),
            told,
            _ends: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Ends it; what it was told stays.
    pub(crate) fn end(&self) {
        self.stop.cancel();
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("sound")
    }

    pub(crate) fn accepted(&self) -> usize {
        self.told().accepted.len()
    }
}

async fn session(
    stream: TcpStream,
    worker: &str,
    shares: Option<u32>,
    nonce: &mut u32,
    told: &Mutex<Told>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let hello = format!(
        "{}\n{}\n",
        json!({"id": 1, "method": "mining.subscribe", "params": []}),
        json!({"id": 2, "method": "mining.authorize", "params": [worker, "x"]})
    );
    writer.write_all(hello.as_bytes()).await?;
    let (mut job, mut zeros, mut is_waiting, mut answers) = (Value::Null, String::new(), false, 0);
    while let Some(line) = lines.next_line().await? {
        let value: Value = serde_json::from_str(&line)?;
        if value["method"] == "mining.notify" {
            job = value["params"].clone();
        } else if value["id"] == 1 {
            zeros = "00".repeat(value["result"][2].as_u64().unwrap_or(0) as usize);
        } else if value["id"] == 2 {
            told.lock().expect("sound").connections += 1;
        } else if value["id"] == 3 {
            let mut told = told.lock().expect("sound");
            if value["result"] == true {
                told.accepted.push(*nonce);
            } else if value["error"][0] == 21 {
                told.stale += 1;
            } else {
                told.refused.push(value);
            }
            is_waiting = false;
            answers += 1;
        }
        if shares.is_some_and(|most| answers >= most) {
            return Ok(());
        }
        if !job.is_null() && !is_waiting {
            *nonce += 1;
            let share = json!([worker, job[0], zeros, job[7], format!("{nonce:08x}")]);
            let line = json!({"id": 3, "method": "mining.submit", "params": share});
            writer.write_all(format!("{line}\n").as_bytes()).await?;
            is_waiting = true;
        }
    }
    Ok(())
}

/// A pool at the far end of a socket, which ends with the runtime, and its address.
pub(crate) async fn pool() -> (Pool, SocketAddr) {
    let settings = Settings {
        difficulty: Difficulty::ONE.scaled(DIFFICULTY),
        difficulty_scale: EASY,
        extranonce2_len: 8,
        dialogue: false,
        block_every: None,
        seed: 1,
    };
    let pool = Pool::new(settings, Clock::real());
    pool.keep_shares();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(pool.clone().run(listener, CancellationToken::new()));
    (pool, address)
}

/// Writes `proxy.toml` of a proxy at `pool` with its journal in `dir`, and a simulated S9 that mines through it,
/// `sim-s9-proxied.toml`. Returns where units connect.
pub(crate) fn proxied(dir: &Path, pool: SocketAddr) -> SocketAddr {
    let (listen, journal) = (port(), dir.join("journal.sqlite"));
    let text = format!(
        "[proxy]\nlisten = \"{listen}\"\njournal = {journal:?}\ndifficulty_scale = {EASY:e}\n\
         [[pool]]\nurl = \"stratum+tcp://{pool}\"\nuser = \"account\"\n\
         [units]\ndifficulty_first = {DIFFICULTY}\ndifficulty_least = {DIFFICULTY}\n"
    );
    std::fs::write(dir.join("proxy.toml"), text).expect("written");
    let scale = format!("{EASY:e}");
    let replace = [("5.820766091346741e-11", scale.as_str())];
    example(dir, "sim-s9-proxied.toml", &replace);
    listen
}
