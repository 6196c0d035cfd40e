//! Pools and clients that do things in their own way, and pools that mean ill.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use thermine_stratum::line::LineStream;
use thermine_units::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::patience::until_async as until;
use crate::support::{Unit, at, easy_pool, serve, settings, start};

/// What a scripted pool does about one read of its socket.
enum Does {
    Says(Vec<Value>),
    HangsUp,
}

/// What it has heard: the requests of each connection.
type Heard = Arc<Mutex<Vec<Vec<Value>>>>;

/// A pool that does what `script` says about the requests that one read of its socket has brought.
async fn scripted(
    script: impl Fn(&[Value], &[Value]) -> Does + Send + Sync + 'static,
) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let heard: Heard = Arc::default();
    let (kept, script) = (heard.clone(), Arc::new(script));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = {
                let mut all = kept.lock().expect("sound");
                all.push(Vec::new());
                all.len() - 1
            };
            tokio::spawn(converse(stream, number, kept.clone(), script.clone()));
        }
    });
    (address, heard)
}

async fn converse(
    mut stream: TcpStream,
    number: usize,
    heard: Heard,
    script: Arc<impl Fn(&[Value], &[Value]) -> Does>,
) {
    let mut chunk = vec![0; 65536];
    loop {
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&chunk[..read]);
        let requests: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("whole lines of JSON"))
            .collect();
        let does = {
            let mut all = heard.lock().expect("sound");
            let before = all[number].clone();
            all[number].extend(requests.clone());
            script(&before, &requests)
        };
        match does {
            Does::HangsUp => return,
            Does::Says(lines) => {
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn asks(requests: &[Value], method: &str) -> bool {
    requests.iter().any(|request| request["method"] == method)
}

fn job(version: &str, coinb2: &str) -> Value {
    json!({"id": null, "method": "mining.notify", "params": [
        "j", "00".repeat(32), "0100", coinb2, [], version, "1d00ffff", "60000000", true
    ]})
}

/// What a well-behaved pool answers to one request, its job with `version`.
fn usual(request: &Value, version: &str) -> Vec<Value> {
    let id = &request["id"];
    let reply = |result: Value| json!({"id": id, "result": result, "error": null});
    match request["method"].as_str() {
        Some("mining.configure") => {
            vec![reply(
                json!({"version-rolling": true, "version-rolling.mask": "1fffe000"}),
            )]
        }
        Some("mining.subscribe") => {
            vec![reply(json!([[["mining.notify", "s"]], "0a0b0c0d", 8]))]
        }
        Some("mining.authorize") => vec![
            reply(json!(true)),
            json!({"id": null, "method": "mining.set_difficulty", "params": [1]}),
            job(version, "ffff"),
        ],
        _ => vec![reply(json!(true))],
    }
}

fn all_usual(requests: &[Value]) -> Vec<Value> {
    requests
        .iter()
        .flat_map(|request| usual(request, "20000000"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_takes_one_request_a_read_is_asked_one_at_a_time() {
    let (address, _) = scripted(|_, requests| Does::Says(usual(&requests[0], "20000000"))).await;
    let mut settings = settings(vec![at(address)]);
    settings.policy.pools[0].timeout = Duration::from_millis(300);
    let proxy = start(settings, &Clock::real()).await;
    Unit::connect(proxy.address, "w").await.mines(1).await;
    until("settled", || proxy.hub.total().pool_accepted == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_optional_request_that_costs_the_connection_is_left_out() {
    for method in ["mining.extranonce.subscribe", "mining.configure"] {
        let (address, heard) = scripted(move |_, requests| match asks(requests, method) {
            true => Does::HangsUp,
            false => Does::Says(all_usual(requests)),
        })
        .await;
        let proxy = start(settings(vec![at(address)]), &Clock::real()).await;
        let mut unit = Unit::connect(proxy.address, "w").await;
        // Work may have come before the pool hung up.
        unit.mines(1).await;
        until("settled", || proxy.hub.total().pool_accepted == 1).await;
        let heard = heard.lock().expect("sound");
        let last = heard.last().expect("connected");
        assert!(!asks(last, method), "{last:?}");
        assert!(asks(last, "mining.submit"), "{last:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_is_tried_in_both_ways_and_then_left_alone() {
    let (refusing, heard) = scripted(|_, requests| {
        let answers = requests.iter().map(|request| match request["method"].as_str() {
            Some("mining.authorize") => {
                json!({"id": request["id"], "result": null, "error": [24, "no such user", null]})
            }
            _ => usual(request, "20000000").remove(0),
        });
        Does::Says(answers.collect())
    })
    .await;
    let (good, _) = scripted(|_, requests| Does::Says(all_usual(requests))).await;
    let mut settings = settings(vec![at(refusing), at(good)]);
    // It would be gone back to again and again, but for its rest.
    settings.policy.return_after = Duration::from_millis(10);
    settings.policy.backoff = (Duration::from_millis(10), Duration::from_secs(600));
    let proxy = start(settings, &Clock::real()).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    until("tried in both ways", || {
        heard.lock().expect("sound").len() == 2
    })
    .await;
    for nonce in 0..50 {
        unit.mines(nonce).await;
    }
    until("settled", || proxy.hub.total().pool_accepted == 50).await;
    assert_eq!(heard.lock().expect("sound").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_rolling_that_is_granted_after_the_first_job_reaches_the_units() {
    let (address, _) = scripted(|_, requests| {
        let late = |request: &&Value| request["method"] == "mining.configure";
        let (late, soon): (Vec<&Value>, Vec<&Value>) = requests.iter().partition(late);
        let answers = soon.into_iter().chain(late);
        Does::Says(
            answers
                .flat_map(|request| usual(request, "20000000"))
                .collect(),
        )
    })
    .await;
    let proxy = start(settings(vec![at(address)]), &Clock::real()).await;
    until("granted", || {
        let template = proxy.hub.current();
        template.is_some_and(|template| template.space.version_mask() == 0x1fff_e000)
    })
    .await;
    let mut unit = Unit::dial(proxy.address).await;
    let ask = json!([["version-rolling"], {"version-rolling.mask": "ffffffff"}]);
    let reply = unit.call("mining.configure", ask).await;
    assert_eq!(reply["result"]["version-rolling.mask"], "1fffe000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bits_of_the_jobs_version_within_the_mask_reach_the_pool_with_each_share() {
    let (address, heard) = scripted(|_, requests| {
        let answers = requests
            .iter()
            .flat_map(|request| usual(request, "32ef0000"));
        Does::Says(answers.collect())
    })
    .await;
    let proxy = start(settings(vec![at(address)]), &Clock::real()).await;
    let sixths = || {
        let heard = heard.lock().expect("sound");
        let submits = heard
            .iter()
            .flatten()
            .filter(|r| r["method"] == "mining.submit");
        submits.map(|r| r["params"][5].clone()).collect::<Vec<_>>()
    };
    // A stock S9 rolls nothing; some clients say so with null.
    let mut plain = Unit::connect(proxy.address, "plain").await;
    assert_eq!(plain.job[5], "32ef0000");
    plain.mines(1).await;
    let mut share = plain.share(2);
    share.as_array_mut().expect("a list").push(Value::Null);
    let reply = plain.call("mining.submit", share).await;
    assert_eq!(reply["result"], true, "{reply}");
    until("forwarded", || sixths().len() == 2).await;
    assert_eq!(sixths(), ["12ef0000", "12ef0000"]);
    // It begins to roll: the bits that it may roll are cleared in its next job.
    let ask = json!([["version-rolling"], {"version-rolling.mask": "000fe000"}]);
    plain.call("mining.configure", ask).await;
    plain.hears("mining.notify").await;
    assert_eq!(plain.job[5], "32e00000");
    let mut share = plain.share(3);
    share
        .as_array_mut()
        .expect("a list")
        .push(json!("00012000"));
    let reply = plain.call("mining.submit", share).await;
    assert_eq!(reply["result"], true, "{reply}");
    until("forwarded", || sixths().len() == 3).await;
    assert_eq!(sixths()[2], "12e12000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_pays_hundreds_in_its_coinbase_reaches_the_units() {
    let coinb2 = "22".repeat(200_000);
    let (address, _) = scripted(move |_, requests| {
        let mut answers = all_usual(requests);
        if asks(requests, "mining.authorize") {
            answers.push(job("20000000", &coinb2));
        }
        Does::Says(answers)
    })
    .await;
    let proxy = start(settings(vec![at(address)]), &Clock::real()).await;
    until("the large one", || {
        let template = proxy.hub.current();
        template.is_some_and(|template| template.work.coinb2.len() == 200_000)
    })
    .await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    assert!(unit.job[3].as_str().expect("hex").len() > 400_000);
    unit.mines(1).await;
    until("settled", || proxy.hub.total().pool_accepted == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_pool_is_left_though_a_share_waits_for_another_and_settles_only_its_own() {
    // Neither answers shares; the second answers ids that it was never sent, and then falls silent.
    let opening = |requests: &[Value]| {
        let opening = requests.iter().filter(|r| r["method"] != "mining.submit");
        opening
            .flat_map(|r| usual(r, "20000000"))
            .collect::<Vec<_>>()
    };
    let gone = AtomicBool::new(false);
    let (first, at_first) = scripted(move |_, requests| {
        if asks(requests, "mining.submit") {
            gone.store(true, Ordering::Relaxed);
        }
        match gone.load(Ordering::Relaxed) {
            true => Does::HangsUp,
            false => Does::Says(opening(requests)),
        }
    })
    .await;
    let (second, at_second) = scripted(move |_, requests| {
        let mut answers = opening(requests);
        if asks(requests, "mining.authorize") {
            let stolen = (16..20).map(|id| json!({"id": id, "result": true, "error": null}));
            answers.extend(stolen);
        }
        Does::Says(answers)
    })
    .await;
    let mut settings = settings(vec![at(first), at(second)]);
    settings.policy.pools[1].timeout = Duration::from_millis(300);
    settings.policy.return_after = Duration::from_secs(600);
    let proxy = start(settings, &Clock::real()).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    unit.mines(1).await;
    until("the first pool has it", || {
        let heard = at_first.lock().expect("sound");
        heard.iter().any(|requests| asks(requests, "mining.submit"))
    })
    .await;
    until("at the second", || {
        proxy
            .hub
            .current()
            .is_some_and(|t| t.subscription.pool.ends_with(&second.port().to_string()))
    })
    .await;
    let mut other = Unit::connect(proxy.address, "w2").await;
    other.mines(2).await;
    until("left and called again", || {
        at_second.lock().expect("sound").len() >= 2
    })
    .await;
    // The first share is the first pool's.
    let kept = proxy.kept.lock().expect("sound").clone();
    assert!(
        kept.outcomes.iter().all(|(ticket, _)| *ticket != 0),
        "{:?}",
        kept.outcomes
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_sends_us_to_itself_is_not_called_without_a_pause() {
    let (address, heard) = scripted(|_, requests| {
        let mut answers = all_usual(requests);
        if asks(requests, "mining.submit") {
            answers.push(json!({"id": null, "method": "client.reconnect", "params": []}));
        }
        Does::Says(answers)
    })
    .await;
    let mut settings = settings(vec![at(address)]);
    settings.policy.backoff = (Duration::from_secs(600), Duration::from_secs(600));
    let proxy = start(settings, &Clock::real()).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    unit.mines(0).await;
    until("asked to move", || proxy.hub.total().pool_accepted == 1).await;
    for nonce in 1..50 {
        unit.mines(nonce).await;
    }
    assert_eq!(heard.lock().expect("sound").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_extranonces_is_no_flood_in_the_journal() {
    let (address, _) = scripted(|_, requests| {
        let mut answers = all_usual(requests);
        if asks(requests, "mining.authorize") {
            for number in 0..500 {
                let params = json!([format!("{number:08x}"), 8]);
                answers
                    .push(json!({"id": null, "method": "mining.set_extranonce", "params": params}));
                answers.push(job("20000000", "ffff"));
            }
        }
        Does::Says(answers)
    })
    .await;
    let proxy = start(settings(vec![at(address)]), &Clock::real()).await;
    until("the last one", || {
        let template = proxy.hub.current();
        template.is_some_and(|template| template.space.extranonce1() == 499_u32.to_be_bytes())
    })
    .await;
    Unit::connect(proxy.address, "w").await.mines(1).await;
    let kept = proxy.kept.lock().expect("sound");
    // The connection's, and that of the share.
    assert_eq!(kept.subscriptions.len(), 2);
    assert_eq!(kept.subscriptions[1], kept.shares[0].subscription);
}

#[tokio::test]
async fn a_units_last_reply_its_difficulty_and_its_first_job_come_one_by_one() {
    let clock = Clock::virtual_time();
    let drive = clock.drive();
    let pool = easy_pool(&clock, 7);
    let (address, _pool) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let stream = TcpStream::connect(proxy.address).await.expect("connected");
    let mut lines = LineStream::new(stream, clock.clone());
    lines.push("{\"id\":0,\"method\":\"mining.subscribe\",\"params\":[\"ckpool/0.9\"]}\n");
    lines.push("{\"id\":42,\"method\":\"mining.authorize\",\"params\":[\"w\",\"x\"]}\n");
    lines.flush().await.expect("sent");
    let mut came = Vec::new();
    for said in [
        "\"id\":0",
        "\"id\":42",
        "set_difficulty",
        "notify",
        "set_difficulty",
    ] {
        let line = loop {
            tokio::select! {
                line = lines.next() => break line.expect("a line"),
                () = drive.wait_until(clock.now() + Duration::from_millis(10)) => {}
            }
        };
        assert!(line.text.contains(said), "{}", line.text);
        came.push(line.arrived);
    }
    // So that what one read brings is one of them; and the client is woken again soon.
    assert!(came[1] < came[2] && came[2] < came[3], "{came:?}");
    let woken = came[4].since(came[3]);
    assert!(woken <= Duration::from_secs(1), "{woken:?}");
}
