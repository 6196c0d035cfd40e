//! More than one pool: failover, return, and being sent elsewhere.

use thermine_sim::pool::Act;
use thermine_units::clock::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::patience::until_async as until;
use crate::support::{Unit, at, easy_pool, serve, settings, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_pool_takes_over_and_the_first_is_gone_back_to() {
    let clock = Clock::real();
    let (first, second) = (easy_pool(&clock, 1), easy_pool(&clock, 2));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let life = CancellationToken::new();
    tokio::spawn(first.clone().run(listener, life.clone()));
    let (other, _life) = serve(&second).await;
    let proxy = start(settings(vec![at(address), at(other)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    unit.mines(1).await;
    until("at the first", || first.counts().accepted == 1).await;
    let job = unit.job.clone();
    life.cancel();
    // The unit is told of the new extranonce and gets a clean job.
    unit.hears("mining.set_extranonce").await;
    unit.hears("mining.notify").await;
    assert_eq!(unit.job[8], true);
    unit.mines(2).await;
    until("at the second", || second.counts().accepted == 1).await;
    let mut late = unit.share(3);
    late[1] = job[0].clone();
    let reply = unit.call("mining.submit", late).await;
    assert_eq!(
        reply["error"][0], 21,
        "work of a pool that is gone is dead: {reply}"
    );
    let listener = TcpListener::bind(address).await.expect("its port");
    tokio::spawn(first.clone().run(listener, CancellationToken::new()));
    unit.hears("mining.set_extranonce").await;
    unit.hears("mining.notify").await;
    unit.mines(4).await;
    until("back at the first", || first.counts().accepted == 2).await;
    assert_eq!(second.counts().accepted, 1);
    assert_eq!((first.counts().stale, second.counts().stale), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_moves_us_only_where_configuration_allows() {
    let clock = Clock::real();
    let (old, new) = (easy_pool(&clock, 3), easy_pool(&clock, 4));
    let (address, _old) = serve(&old).await;
    let (elsewhere, _new) = serve(&new).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    let say = |host: &str, port: u16| {
        let line = format!(
            "{{\"id\":null,\"method\":\"client.reconnect\",\"params\":[\"{host}\",{port},0]}}"
        );
        old.act(Act::Say(line));
    };
    say("thief.example", elsewhere.port());
    say("localhost", elsewhere.port());
    unit.mines(1).await;
    // The answer comes after both requests, on the same connection.
    until("still at the old one", || {
        proxy.kept.lock().expect("sound").accepted() == 1
    })
    .await;
    assert_eq!((old.counts().subscribed, new.counts().subscribed), (1, 0));
    // Its own host is always allowed.
    say("127.0.0.1", elsewhere.port());
    until("moved", || new.counts().subscribed == 1).await;
    unit.hears("mining.notify").await;
    unit.mines(2).await;
    until("at the new one", || new.counts().accepted == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_of_a_pool_are_answered() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 5);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let _proxy = start(settings(vec![at(address)]), &clock).await;
    drop(pool);
    let (stream, _) = listener.accept().await.expect("the proxy");
    let (reader, mut writer) = stream.into_split();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(reader));
    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(lines.next_line().await.expect("text").expect("a line"));
    }
    for (line, method) in said.iter().zip([
        "mining.configure",
        "mining.subscribe",
        "mining.authorize",
        "mining.extranonce.subscribe",
    ]) {
        assert!(line.contains(method), "{line}");
    }
    // Refused version rolling; no answer to extranonce.subscribe: both are common.
    let replies = "{\"id\":1,\"result\":null,\"error\":[20,\"what?\",null]}\n\
         {\"id\":2,\"result\":[[],\"aabbccdd\",4],\"error\":null}\n\
         {\"id\":3,\"result\":true,\"error\":null}\n\
         {\"id\":77,\"method\":\"client.get_version\",\"params\":[]}\n\
         {\"id\":78,\"method\":\"mining.ping\",\"params\":[]}\n";
    tokio::io::AsyncWriteExt::write_all(&mut writer, replies.as_bytes())
        .await
        .expect("sent");
    let version = lines.next_line().await.expect("text").expect("a line");
    assert!(
        version.contains("77") && version.contains("thermine/"),
        "{version}"
    );
    let pong = lines.next_line().await.expect("text").expect("a line");
    assert!(pong.contains("78") && pong.contains("pong"), "{pong}");
}
