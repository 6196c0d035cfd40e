//! A pool, a proxy and units, put together on loopback.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use thermine_proxy::ban::Rules;
use thermine_proxy::hub::UnitSettings;
use thermine_proxy::journal::{Entry, Journal, Outcome, Restored, Share, Subscription};
use thermine_proxy::upstream::endpoint::Trust;
use thermine_proxy::upstream::{self, Policy};
use thermine_proxy::vardiff::Goal;
use thermine_proxy::{Hub, Proxy, Settings};
use thermine_sim::pool::{self, Pool};
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::secret::Secret;
use thermine_units::seed;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::patience::LIMIT;

/// At this factor any hash meets difficulty 1.
pub(crate) const EASY: f64 = 1e-15;

pub(crate) fn difficulty(value: f64) -> Difficulty {
    Difficulty::new(value).expect("sound")
}

/// A pool whose every hash is a share.
pub(crate) fn easy_pool(clock: &Clock, seed: u64) -> Pool {
    let settings = pool::Settings {
        difficulty: Difficulty::ONE,
        difficulty_scale: EASY,
        extranonce2_len: 8,
        dialogue: false,
        block_every: None,
        seed,
    };
    let pool = Pool::new(settings, clock.clone());
    pool.keep_shares();
    pool
}

/// Serves `pool` on a port of its own; cancelling the token kills it.
pub(crate) async fn serve(pool: &Pool) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let token = CancellationToken::new();
    tokio::spawn(pool.clone().run(listener, token.clone()));
    (address, token)
}

pub(crate) fn at(address: SocketAddr) -> upstream::Pool {
    upstream::Pool {
        endpoint: format!("stratum+tcp://{address}").parse().expect("sound"),
        user: "account".into(),
        password: Secret::new("x"),
        reconnect_hosts: Vec::new(),
        timeout: Duration::from_secs(2),
        silence: Duration::from_secs(20),
    }
}

pub(crate) fn settings(pools: Vec<upstream::Pool>) -> Settings {
    Settings {
        policy: Policy {
            pools,
            backoff: (Duration::from_millis(20), Duration::from_millis(200)),
            return_after: Duration::from_millis(200),
            keep_for: Duration::from_secs(600),
        },
        units: UnitSettings {
            difficulty_scale: EASY,
            vardiff: Goal {
                interval: Duration::from_secs(3),
                least: Difficulty::ONE,
                most: difficulty(1e9),
                first: Difficulty::ONE,
            },
            ban: Rules {
                invalid: 20,
                window: Duration::from_secs(60),
                length: Duration::from_secs(600),
            },
            ranged: Vec::new(),
            lead: Duration::from_millis(100),
            most: 1000,
            max_unauthorised: 1000,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(600),
        },
        trust: Trust::new(Vec::new()).expect("sound"),
    }
}

/// What a store would hold.
#[derive(Debug, Default, Clone)]
pub(crate) struct Kept {
    pub(crate) subscriptions: Vec<Arc<Subscription>>,
    pub(crate) prefix: u32,
    pub(crate) shares: Vec<Share>,
    pub(crate) outcomes: Vec<(u64, Outcome)>,
    pub(crate) bans: Vec<(String, String, f64)>,
}

impl Kept {
    /// What a restart finds.
    pub(crate) fn restored(&self) -> Restored {
        let answered = |share: &&Share| !self.outcomes.iter().any(|(t, _)| *t == share.ticket);
        Restored {
            next_ticket: self.shares.iter().map(|s| s.ticket + 1).max().unwrap_or(0),
            next_subscription: self
                .subscriptions
                .iter()
                .map(|s| s.number + 1)
                .max()
                .unwrap_or(0),
            prefix: self.prefix,
            subscriptions: self.subscriptions.last().cloned().into_iter().collect(),
            unresolved: self.shares.iter().filter(answered).cloned().collect(),
        }
    }

    pub(crate) fn accepted(&self) -> usize {
        let accepted =
            |outcome: &Outcome| matches!(outcome, Outcome::Accepted | Outcome::AcceptedBefore);
        self.outcomes.iter().filter(|(_, o)| accepted(o)).count()
    }
}

/// A running proxy. Dropping it kills it, without any farewell.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    pub(crate) kept: Arc<Mutex<Kept>>,
    tasks: Vec<JoinHandle<()>>,
    pub(crate) shutdown: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

pub(crate) async fn start(settings: Settings, clock: &Clock) -> Running {
    restart(settings, clock, Kept::default()).await
}

/// Starts on a store that an earlier one has left.
pub(crate) async fn restart(settings: Settings, clock: &Clock, kept: Kept) -> Running {
    let (journal, entries) = Journal::channel();
    let restored = kept.restored();
    let kept = Arc::new(Mutex::new(kept));
    let store = tokio::spawn(store(entries, kept.clone()));
    let rng = seed::stream(1, "proxy");
    let proxy = Proxy::new(settings, clock.clone(), journal, restored, rng);
    let hub = proxy.hub();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let shutdown = CancellationToken::new();
    let proxy = tokio::spawn(proxy.run(listener, shutdown.clone()));
    Running {
        address,
        hub,
        kept,
        tasks: vec![store, proxy],
        shutdown,
    }
}

async fn store(mut entries: mpsc::Receiver<Entry>, kept: Arc<Mutex<Kept>>) {
    while let Some(entry) = entries.recv().await {
        let mut kept = kept.lock().expect("sound");
        match entry {
            Entry::Subscription(subscription) => kept.subscriptions.push(subscription),
            Entry::Prefix(mark) => kept.prefix = mark,
            Entry::Share(share, receipt) => {
                if !kept.subscriptions.contains(&share.subscription) {
                    kept.subscriptions.push(share.subscription.clone());
                }
                kept.shares.push(*share);
                receipt.give();
            }
            Entry::Outcome(ticket, outcome) => kept.outcomes.push((ticket, outcome)),
            Entry::Ban {
                worker,
                reason,
                seconds,
                ..
            } => kept.bans.push((worker, reason, seconds)),
        }
    }
}

/// A unit that says exactly what it is told to.
pub(crate) struct Unit {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    next_id: u64,
    pub(crate) extranonce1: String,
    pub(crate) extranonce2_len: u64,
    /// The newest job: parameters of its notify.
    pub(crate) job: Value,
    pub(crate) difficulty: f64,
    /// Notices that came while a reply was waited for.
    pub(crate) heard: Vec<Value>,
}

impl Unit {
    /// Connects and opens as an S9 does; waits for the first job.
    pub(crate) async fn connect(address: SocketAddr, worker: &str) -> Unit {
        Unit::connect_from(IpAddr::from([127, 0, 0, 1]), address, worker).await
    }

    /// The same from another address of its own.
    pub(crate) async fn connect_from(own: IpAddr, address: SocketAddr, worker: &str) -> Unit {
        let mut unit = Unit::dial_from(own, address).await;
        let reply = unit.call("mining.subscribe", json!(["test/1"])).await;
        unit.subscribed(&reply["result"]);
        let reply = unit.call("mining.extranonce.subscribe", json!([])).await;
        assert_eq!(reply["result"], true);
        let reply = unit.call("mining.authorize", json!([worker, "x"])).await;
        assert_eq!(reply["result"], true, "{reply}");
        while unit.job.is_null() {
            unit.hear().await.expect("a job");
        }
        unit
    }

    pub(crate) async fn dial(address: SocketAddr) -> Unit {
        Unit::dial_from(IpAddr::from([127, 0, 0, 1]), address).await
    }

    async fn dial_from(own: IpAddr, address: SocketAddr) -> Unit {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(own, 0)).expect("an address");
        let stream = socket.connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("set");
        let (reader, writer) = stream.into_split();
        Unit {
            lines: BufReader::new(reader).lines(),
            writer,
            next_id: 1,
            extranonce1: String::new(),
            extranonce2_len: 0,
            job: Value::Null,
            difficulty: 0.0,
            heard: Vec::new(),
        }
    }

    pub(crate) fn subscribed(&mut self, result: &Value) {
        self.extranonce1 = result[1].as_str().expect("hex").to_owned();
        self.extranonce2_len = result[2].as_u64().expect("a length");
    }

    pub(crate) async fn send(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let line = json!({"id": id, "method": method, "params": params});
        // An error shows at the next read.
        let _ = self.writer.write_all(format!("{line}\n").as_bytes()).await;
        id
    }

    /// The next line; `None` if it was hung up on.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line());
        let line = line.await.expect("a line within 10 s").ok()??;
        let value: Value = serde_json::from_str(&line).expect("JSON");
        match value["method"].as_str() {
            Some("mining.notify") => self.job = value["params"].clone(),
            Some("mining.set_difficulty") => {
                self.difficulty = value["params"][0].as_f64().expect("a number");
            }
            Some("mining.set_extranonce") => {
                self.extranonce1 = value["params"][0].as_str().expect("hex").to_owned();
                self.extranonce2_len = value["params"][1].as_u64().expect("a length");
            }
            _ => {}
        }
        Some(value)
    }

    /// Waits until it hears `method`.
    pub(crate) async fn hears(&mut self, method: &str) -> Value {
        loop {
            let value = self.hear().await.expect("still connected");
            if value["method"] == method {
                return value;
            }
        }
    }

    /// The reply to request `id`; `None` if it was hung up on.
    pub(crate) async fn reply(&mut self, id: u64) -> Option<Value> {
        loop {
            let value = self.hear().await?;
            if value["id"] == id && value["method"].is_null() {
                return Some(value);
            }
            self.heard.push(value);
        }
    }

    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        self.reply(id).await.expect("a reply")
    }

    /// Parameters of a share of the newest job.
    pub(crate) fn share(&self, nonce: u32) -> Value {
        let extranonce2 = "00".repeat(self.extranonce2_len as usize);
        json!([
            "w",
            self.job[0],
            extranonce2,
            self.job[7],
            format!("{nonce:08x}")
        ])
    }

    /// Submits a share of the newest job and returns the reply.
    pub(crate) async fn submit(&mut self, nonce: u32) -> Option<Value> {
        let id = self.send("mining.submit", self.share(nonce)).await;
        self.reply(id).await
    }

    /// Submits one that must be accepted.
    pub(crate) async fn mines(&mut self, nonce: u32) {
        let reply = self.submit(nonce).await.expect("a reply");
        assert_eq!(reply["result"], true, "{reply}");
    }
}
