//! The proxy with up to ten thousand units: memory, fan-out of a new block, verified shares, latency, cost a unit.
//! `cargo bench -p thermine --bench proxy [-- UNITS]`; needs `/proc`, and two file descriptors a unit in two
//! processes: the proxy alone is measured, pool and units are another process on the same cores.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use thermine::proxy::journal;
use thermine_proxy::ban::Rules;
use thermine_proxy::hub::UnitSettings;
use thermine_proxy::upstream::endpoint::Trust;
use thermine_proxy::upstream::{self, Policy};
use thermine_proxy::vardiff::Goal;
use thermine_proxy::{Proxy, Settings};
use thermine_sim::pool::{self, Act, Pool};
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::secret::Secret;
use thermine_units::seed;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use process::{cpu_seconds, kilobytes};

#[path = "support/process.rs"]
mod process;

/// Every hash is a share for a unit.
const EASY: f64 = 1e-15;

/// A pool that wants none of them, and one that wants each.
const HARD: f64 = 1e24;

const BLOCKS: usize = 10;
const SECONDS: u64 = 10;

#[expect(clippy::print_stdout, reason = "a bench says what it measured")]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "swarm") {
        return swarm();
    }
    let most = args.iter().find_map(|arg| arg.parse().ok());
    let most: usize = most.unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    println!(
        "| units | MB now (grown by) | kB a unit | block to all units, ms: median, p99, longest | n | CPU ms a unit and \
         minute (shares answered a unit and minute) |"
    );
    println!("|---|---|---|---|---|---|");
    for units in [100, 1000, most] {
        let mut run = Run::start(&runtime, HARD);
        let (before, fan, memory) = (
            kilobytes("VmRSS:"),
            run.ask(&format!("fan {units}")),
            kilobytes("VmRSS:"),
        );
        let used = cpu_seconds();
        let answered: f64 = run
            .ask(&format!("steady {SECONDS}"))
            .parse()
            .expect("a count");
        let cost = (cpu_seconds() - used) * 60.0 / SECONDS as f64 / units as f64;
        println!(
            "| {units} | {:.0} ({:.0}) | {:.1} | {fan} | {:.2} ({:.1}) |",
            memory / 1e3,
            (memory - before) / 1e3,
            (memory - before) / units as f64,
            cost * 1e3,
            answered * 60.0 / SECONDS as f64 / units as f64
        );
    }
    let mut run = Run::start(&runtime, HARD);
    run.ask("fan 1000");
    let used = cpu_seconds();
    let shares = run.ask(&format!("flood {SECONDS}"));
    println!(
        "verified shares at 1000 units, as fast as they come: {shares} a second over {SECONDS} s; the proxy took {:.2} \
         cores of them",
        (cpu_seconds() - used) / SECONDS as f64
    );
    drop(run);
    let mut run = Run::start(&runtime, 1.0);
    let latency = run.ask(&format!("latency 1000 {SECONDS}"));
    println!("a share's way from the unit to the pool at 1000 units, µs: {latency}");
    println!(
        "shares are stored in SQLite on {}, committed to disk",
        std::env::temp_dir().display()
    );
}

/// One proxy in this process, with pool and units in another.
struct Run {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Run {
    fn start(runtime: &tokio::runtime::Runtime, difficulty: f64) -> Run {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["swarm", &difficulty.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        let folder = tempfile::tempdir().expect("a folder");
        let shutdown = CancellationToken::new();
        let mut run = Run {
            child,
            input,
            output,
            shutdown,
            _folder: folder,
        };
        let pool = run.hear().parse().expect("an address");
        let (store, journal, restored) =
            journal::open(&run._folder.path().join("journal.sqlite")).expect("a journal");
        // It ends with the proxy.
        drop(store);
        let proxy = Proxy::new(
            settings(pool),
            Clock::real(),
            journal,
            restored,
            seed::stream(1, "back-off"),
        );
        let listener = runtime
            .block_on(async {
                let socket = tokio::net::TcpSocket::new_v4()?;
                socket.bind("127.0.0.1:0".parse().map_err(std::io::Error::other)?)?;
                socket.listen(4096)
            })
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        runtime.spawn(proxy.run(listener, run.shutdown.clone()));
        writeln!(run.input, "{address}").expect("told");
        run
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.input, "{what}").expect("told");
        self.hear()
    }

    fn hear(&mut self) -> String {
        self.output.next().expect("an answer").expect("text")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.shutdown.cancel();
        // What it held is to be free before the next is measured.
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn settings(pool: SocketAddr) -> Settings {
    let hour = Duration::from_secs(3600);
    Settings {
        policy: Policy {
            pools: vec![upstream::Pool {
                endpoint: format!("stratum+tcp://{pool}").parse().expect("sound"),
                user: "bench".into(),
                password: Secret::new("x"),
                reconnect_hosts: Vec::new(),
                timeout: Duration::from_secs(30),
                silence: hour,
            }],
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
            return_after: hour,
            keep_for: hour,
        },
        units: UnitSettings {
            difficulty_scale: EASY,
            vardiff: Goal {
                interval: Duration::from_secs(3),
                least: Difficulty::ONE,
                most: Difficulty::ONE,
                first: Difficulty::ONE,
            },
            ban: Rules::default(),
            ranged: Vec::new(),
            lead: Duration::from_millis(100),
            most: 20_000,
            max_unauthorised: 20_000,
            handshake_timeout: Duration::from_secs(60),
            idle_timeout: hour,
        },
        trust: Trust::new(Vec::new()).expect("sound"),
    }
}

/// What a unit of the swarm is to do.
#[derive(Clone, Copy)]
enum Mode {
    Listen,
    /// A share every three seconds.
    Steady,
    /// Ten shares at a time, the next ten when they are answered.
    Flood,
    /// A share a second.
    Timed(SocketAddr),
}

struct Shared {
    mode: tokio::sync::watch::Sender<Mode>,
    clock: Clock,
    answered: AtomicU64,
    blocks: tokio::sync::mpsc::UnboundedSender<Instant>,
    up: AtomicU64,
}

/// The other process: a pool, and units that cost as little as can be.
#[tokio::main(worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "this is how it answers")]
async fn swarm() {
    let difficulty = std::env::args().nth(2).and_then(|arg| arg.parse().ok());
    let clock = Clock::real();
    let pool = Pool::new(
        pool::Settings {
            difficulty: Difficulty::new(difficulty.expect("a number")).expect("sound"),
            difficulty_scale: EASY,
            extranonce2_len: 8,
            dialogue: false,
            block_every: None,
            seed: 1,
        },
        clock.clone(),
    );
    pool.keep_shares();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at_pool = listener.local_addr().expect("bound");
    tokio::spawn(pool.clone().run(listener, CancellationToken::new()));
    println!("{at_pool}");
    let (orders, mut input) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = orders.send(line);
        }
    });
    let line = input.recv().await.expect("a line");
    let (blocks, heard) = tokio::sync::mpsc::unbounded_channel();
    let mut swarm = Swarm {
        pool,
        at_pool,
        proxy: line.parse().expect("an address"),
        heard,
        shared: Arc::new(Shared {
            mode: tokio::sync::watch::Sender::new(Mode::Listen),
            clock,
            answered: AtomicU64::new(0),
            blocks,
            up: AtomicU64::new(0),
        }),
    };
    while let Some(line) = input.recv().await {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().expect("a number");
        let answer = match words[0] {
            "fan" => swarm.fan(number(1)).await,
            "steady" => swarm.steady(number(1)).await,
            "flood" => swarm.flood(number(1)).await,
            _ => swarm.latency(number(1), number(2)).await,
        };
        println!("{answer}");
    }
}

/// The pool, and the units that are connected.
struct Swarm {
    pool: Pool,
    at_pool: SocketAddr,
    proxy: SocketAddr,
    /// When a unit heard of a new block.
    heard: tokio::sync::mpsc::UnboundedReceiver<Instant>,
    shared: Arc<Shared>,
}

impl Swarm {
    /// Connects so many units, and times new blocks on their way to all of them.
    async fn fan(&mut self, units: u64) -> String {
        connect(self.proxy, units, &self.shared).await;
        let mut all = Vec::new();
        for _ in 0..BLOCKS {
            tokio::time::sleep(Duration::from_millis(500)).await;
            while self.heard.try_recv().is_ok() {}
            let began = Instant::now();
            self.pool.act(Act::Block);
            for _ in 0..units {
                let at = self.heard.recv().await.expect("the units are there");
                all.push(at.duration_since(began).as_secs_f64() * 1e3);
            }
        }
        let q = |q| quantile(&mut all.clone(), q);
        format!(
            "{:.1}, {:.1}, {:.1} | {BLOCKS} blocks",
            q(0.5),
            q(0.99),
            q(1.0)
        )
    }

    /// Shares answered in so many seconds at the pace of units.
    async fn steady(&mut self, seconds: u64) -> String {
        let before = self.shared.answered.load(Ordering::Relaxed);
        self.shared.mode.send_replace(Mode::Steady);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.shared.mode.send_replace(Mode::Listen);
        (self.shared.answered.load(Ordering::Relaxed) - before).to_string()
    }

    /// Shares answered a second, as fast as they come, over so many seconds.
    async fn flood(&mut self, seconds: u64) -> String {
        self.shared.mode.send_replace(Mode::Flood);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = self.shared.answered.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = self.shared.answered.load(Ordering::Relaxed);
        self.shared.mode.send_replace(Mode::Listen);
        ((after - before) / seconds).to_string()
    }

    /// A share's way to the pool in µs, through the proxy and without it, over so many seconds each.
    async fn latency(&mut self, units: u64, seconds: u64) -> String {
        let mut said = Vec::new();
        let ways = [
            ("through the proxy", self.proxy),
            ("directly", self.at_pool),
        ];
        for (name, address) in ways {
            let before = self.pool.shares().len();
            self.shared.up.store(0, Ordering::Relaxed);
            connect(address, units, &self.shared).await;
            self.shared.mode.send_replace(Mode::Timed(address));
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            self.shared.mode.send_replace(Mode::Listen);
            tokio::time::sleep(Duration::from_millis(500)).await;
            // The nonce is the time of sending in µs, within an hour.
            let mut micros: Vec<f64> = self.pool.shares()[before..]
                .iter()
                .map(|(share, at)| at.0 as f64 / 1e3 - f64::from(share.nonce))
                .collect();
            said.push(format!(
                "{name} median {:.0}, p99 {:.0} (n = {})",
                quantile(&mut micros, 0.5),
                quantile(&mut micros, 0.99),
                micros.len()
            ));
        }
        said.join("; ")
    }
}

async fn connect(address: SocketAddr, units: u64, shared: &Arc<Shared>) {
    for number in 0..units {
        tokio::spawn(unit(address, number, shared.clone()));
        // A rack comes up within seconds, not within a millisecond.
        if number % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    while shared.up.load(Ordering::Relaxed) < units {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn unit(address: SocketAddr, number: u64, shared: Arc<Shared>) {
    let stream = TcpStream::connect(address).await.expect("connected");
    stream.set_nodelay(true).expect("set");
    let (reader, mut writer) = stream.into_split();
    let hello = format!(
        "{}\n{}\n",
        json!({"id": 1, "method": "mining.subscribe", "params": []}),
        json!({"id": 2, "method": "mining.authorize", "params": [format!("w{number}"), "x"]})
    );
    writer.write_all(hello.as_bytes()).await.expect("sent");
    let mut lines = tokio::io::BufReader::with_capacity(4096, reader).lines();
    let (mut job, mut ntime, mut len) = (String::new(), String::new(), 0);
    let (mut nonce, mut open) = (0_u32, 0_u32);
    let mut mode = shared.mode.subscribe();
    let mut tick = tokio::time::interval(Duration::from_millis(1000));
    let phase = Duration::from_micros(number * 997 % 1_000_000);
    tick.reset_after(phase);
    let mut ticks = number;
    loop {
        let now = *mode.borrow_and_update();
        let count = match now {
            Mode::Flood if open == 0 => 10,
            _ => 0,
        };
        if count > 0 && !job.is_empty() {
            read(&mut job, &mut ntime);
            let mut batch = String::new();
            for _ in 0..count {
                nonce += 1;
                batch.push_str(&share(&job, &ntime, len, nonce));
            }
            open = count;
            writer.write_all(batch.as_bytes()).await.expect("sent");
        }
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                if notify(&line) {
                    let arrived = Instant::now();
                    match job.is_empty() {
                        true => shared.up.fetch_add(1, Ordering::Relaxed),
                        false => {
                            shared.blocks.send(arrived).expect("listened to");
                            0
                        }
                    };
                    // Read only when a share is to be made of it: what it costs is not the proxy's.
                    (job, ntime) = (line, String::new());
                } else if len == 0 && line.contains("\"id\":1,") {
                    let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
                    len = value["result"][2].as_u64().unwrap_or(0) as usize;
                } else if line.contains("\"result\":true") {
                    shared.answered.fetch_add(1, Ordering::Relaxed);
                    open = open.saturating_sub(1);
                }
            }
            _ = tick.tick() => {
                ticks += 1;
                let due = match now {
                    Mode::Steady => ticks.is_multiple_of(3),
                    // Only those at the address that is measured.
                    Mode::Timed(at) => at == address,
                    _ => false,
                };
                if due && !job.is_empty() {
                    read(&mut job, &mut ntime);
                    nonce = match now {
                        Mode::Timed(_) => (shared.clock.now().0 / 1000) as u32,
                        _ => nonce + 1,
                    };
                    let share = share(&job, &ntime, len, nonce);
                    writer.write_all(share.as_bytes()).await.expect("sent");
                }
            }
            _ = mode.changed() => {}
        }
    }
}

/// Whether a line announces a job, and is not the reply to `mining.subscribe`, which names the method too.
fn notify(line: &str) -> bool {
    line.contains("\"method\":\"mining.notify\"")
}

/// Takes job id and block time out of a line that announces a job.
fn read(job: &mut String, ntime: &mut String) {
    if ntime.is_empty() {
        let value: serde_json::Value = serde_json::from_str(job).expect("JSON");
        *job = value["params"][0].as_str().expect("an id").to_owned();
        *ntime = value["params"][7].as_str().expect("hex").to_owned();
    }
}

fn share(job: &str, ntime: &str, len: usize, nonce: u32) -> String {
    let extranonce2 = "00".repeat(len);
    format!(
        "{{\"id\":9,\"method\":\"mining.submit\",\"params\":[\"w\",\"{job}\",\"{extranonce2}\",\"{ntime}\",\"{nonce:08x}\"]}}\n"
    )
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => values[(q * (n - 1) as f64) as usize],
    }
}
