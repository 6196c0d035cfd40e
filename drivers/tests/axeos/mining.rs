//! The simulated unit at a pool: its opening, its rolled versions, its restart to another pool.

use serde_json::{Value, json};
use thermine_drivers::axeos::Client;
use thermine_sim::lv06;
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_stratum::session::Settings;
use thermine_units::clock::Clock;
use thermine_units::record::Verdict;
use thermine_units::seed;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::patience::found_async;
use crate::support::{Bench, PATIENCE, SCALE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_shares_verify_with_whatever_mask_it_is_granted() {
    for version_mask in [0x1fff_e000, 0x00f0_0000, 0] {
        let mut bench = Bench::with(Settings {
            difficulty_scale: SCALE,
            version_mask,
            ..Settings::default()
        })
        .await;
        bench.pass(60.0).await;
        let shares = bench.shares();
        assert!(shares.len() > 10, "{}", shares.len());
        for share in shares {
            assert_eq!(share.judgement.verdict, Verdict::Accepted);
            assert!(share.judgement.difficulty.is_some_and(|d| d >= 256.0));
        }
    }
}

/// A pool played by hand.
struct Pool {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Pool {
    fn new(stream: TcpStream) -> Pool {
        let (reader, writer) = stream.into_split();
        Pool {
            lines: BufReader::new(reader).lines(),
            writer,
        }
    }

    async fn hear(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("in time").expect("a line").expect("no end")
    }

    async fn say(&mut self, what: Value) {
        let line = format!("{what}\n");
        self.writer.write_all(line.as_bytes()).await.expect("sent");
    }

    /// Hears the opening and answers it.
    async fn welcome(&mut self, mask: &str) -> Vec<String> {
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.push(self.hear().await);
        }
        self.say(json!({"id": 1, "result": [[], "0a0b0c0d", 8], "error": null}))
            .await;
        // A job before all is answered, as many pools send it.
        self.say(json!({"id": null, "method": "mining.set_difficulty", "params": [300.7]}))
            .await;
        let hash = "00".repeat(32);
        let job = json!([
            "j1",
            hash,
            "01",
            "02",
            [],
            "20000000",
            "17023a04",
            "65000000",
            true
        ]);
        self.say(json!({"id": null, "method": "mining.notify", "params": job}))
            .await;
        let rolling = json!({"version-rolling": true, "version-rolling.mask": mask});
        self.say(json!({"id": 2, "result": rolling, "error": null}))
            .await;
        self.say(json!({"id": 3, "result": true, "error": null}))
            .await;
        self.say(json!({"id": 4, "result": true, "error": null}))
            .await;
        heard
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_opens_as_its_firmware_does_and_moves_to_another_pool_at_a_restart() {
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        TcpListener::bind("127.0.0.1:0").await.expect("a port"),
    ];
    let ports = listeners
        .each_ref()
        .map(|l| l.local_addr().expect("an address"));
    let api = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let page = api.local_addr().expect("an address");
    let settings = lv06::Settings {
        pool: PoolSettings {
            pool: ports[0],
            worker: "w".into(),
            difficulty_scale: SCALE,
        },
        params: Params::lv06(),
        seed: 1,
    };
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    lv06::start(settings, api, Clock::scaled(200.0), &tasks, &stop);

    let (stream, _) = listeners[0].accept().await.expect("the unit");
    let mut pool = Pool::new(stream);
    let heard = pool.welcome("1fffe000").await;
    assert_eq!(
        heard,
        [
            r#"{"id": 1, "method": "mining.subscribe", "params": ["bitaxe/BM1366/2.1.10"]}"#,
            r#"{"id": 2, "method": "mining.configure", "params": [["version-rolling"],{"version-rolling.mask":"ffffffff"}]}"#,
            r#"{"id": 3, "method": "mining.suggest_difficulty", "params": [1000]}"#,
            r#"{"id": 4, "method": "mining.authorize", "params": ["w","x"]}"#,
        ]
    );
    let mut rolled = 0;
    for id in 5..15 {
        let share: Value = serde_json::from_str(&pool.hear().await).expect("JSON");
        assert_eq!(
            (&share["id"], &share["method"]),
            (&json!(id), &json!("mining.submit"))
        );
        let params = share["params"].as_array().expect("a list");
        assert_eq!(params.len(), 6);
        assert_eq!((&params[0], &params[1]), (&json!("w"), &json!("j1")));
        assert_eq!(params[2].as_str().map(str::len), Some(16));
        let bits = u32::from_str_radix(params[5].as_str().expect("text"), 16).expect("hex");
        assert_eq!(bits & !0x1fff_e000, 0, "{bits:08x}");
        rolled += u32::from(bits != 0);
    }
    assert!(rolled >= 8, "{rolled}");

    let client = Client::new(thermine_drivers::axeos::Limits::default()).expect("a client");
    let mut unit = client.unit(page, seed::stream(1, "client"));
    let there =
        json!({"stratumURL": "127.0.0.1", "stratumPort": ports[1].port(), "stratumUser": "other"});
    unit.patch(&there).await.expect("patched");
    unit.restart().await.expect("restarted");
    let (stream, _) = timeout(PATIENCE, listeners[1].accept())
        .await
        .expect("in time")
        .expect("the unit");
    let heard = Pool::new(stream).welcome("00000000").await;
    assert!(heard[3].contains("other"), "{heard:?}");
    stop.cancel();
    tasks.close();
    timeout(PATIENCE, tasks.wait())
        .await
        .expect("all tasks end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_pool_it_still_takes_settings_and_restarts() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let pool = nobody.local_addr().expect("an address");
    drop(nobody);
    let api = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let page = api.local_addr().expect("an address");
    let settings = lv06::Settings {
        pool: PoolSettings {
            pool,
            worker: "w".into(),
            difficulty_scale: SCALE,
        },
        params: Params::lv06(),
        seed: 1,
    };
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    lv06::start(settings, api, Clock::scaled(20.0), &tasks, &stop);
    let client = Client::new(thermine_drivers::axeos::Limits::default()).expect("a client");
    let mut unit = client.unit(page, seed::stream(1, "client"));
    unit.patch(&json!({"frequency": 400}))
        .await
        .expect("patched");
    unit.restart().await.expect("restarted");
    let info = found_async("it is back", async || unit.info().await).await;
    assert_eq!(info.point.frequency.map(|f| f.0), Some(400.0));
    stop.cancel();
    tasks.close();
    timeout(PATIENCE, tasks.wait())
        .await
        .expect("all tasks end");
}
