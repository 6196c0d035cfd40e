//! Firmware that keeps its sensors elsewhere, or refuses a command: what can be read is read.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use thermine_drivers::cgminer::Source;
use thermine_drivers::poller::Source as _;
use thermine_units::clock::Clock;
use thermine_units::quantity::{Celsius, HashRate, Rpm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SUMMARY: &str = r#"{"SUMMARY":[{"Elapsed":100,"MHS 5s":13481000.5,"Accepted":55}]}"#;
const REFUSED: &str = r#"{"STATUS":[{"STATUS":"E","Code":14,"Msg":"Invalid command"}]}"#;

/// An API with these replies by command. It refuses every other command.
async fn unit(replies: &[(&'static str, &'static str)]) -> SocketAddr {
    let replies: Arc<HashMap<_, _>> = Arc::new(replies.iter().copied().collect());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let replies = replies.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await?;
                let request: serde_json::Value = serde_json::from_slice(&request[..read])?;
                let command = request["command"].as_str().unwrap_or_default();
                let reply = replies.get(command).unwrap_or(&REFUSED);
                stream.write_all(reply.as_bytes()).await?;
                stream.write_all(&[0]).await
            });
        }
    });
    address
}

#[tokio::test]
async fn the_boards_and_fans_of_braiins_os_are_read() {
    let address = unit(&[
        (
            "stats",
            r#"{"STATS":[{"STATS":0,"ID":"S9","Elapsed":100},{"STATS":1,"ID":"S9"}]}"#,
        ),
        (
            "devs",
            r#"{"DEVS":[{"ASC":0,"ID":6,"MHS 5s":4490000.0,"Temperature":0.0},
                {"ASC":1,"ID":7,"MHS 5s":4480000.0,"Temperature":0.0}]}"#,
        ),
        (
            "temps",
            r#"{"TEMPS":[{"Board":55.0,"Chip":72.0,"ID":6,"TEMP":0},
                {"Board":56.0,"Chip":"hot","ID":7,"TEMP":1}]}"#,
        ),
        (
            "fans",
            r#"{"FANS":[{"FAN":0,"RPM":4200,"Speed":70},{"FAN":1,"RPM":0,"Speed":70}]}"#,
        ),
        ("summary", SUMMARY),
    ])
    .await;
    let reading = Source::new(address).read(&Clock::real()).await;
    let reading = reading.expect("a reading");
    let [six, seven] = &reading.boards[..] else {
        panic!("{reading:?}")
    };
    assert_eq!((six.slot, six.failed_sensors, six.sensors), (6, 0, 2));
    assert_eq!(six.pcb_temp, Some(Celsius(55.0)));
    assert_eq!(six.chip_temp, Some(Celsius(72.0)));
    assert_eq!(six.hash_rate, Some(HashRate(4.49e12)));
    assert_eq!((seven.slot, seven.failed_sensors), (7, 1));
    assert_eq!(reading.fans, [Rpm(4200.0), Rpm(0.0)]);
    assert_eq!(reading.accepted, Some(55));
}

#[tokio::test]
async fn a_refused_command_is_no_failure_where_another_tells_the_boards() {
    let board = r#"{"DEVS":[{"PGA":0,"clock":725,"fan0":900,"tstemp-0":70.5,"tstemp-2":61}]}"#;
    let address = unit(&[("devs", board), ("summary", SUMMARY)]).await;
    let reading = Source::new(address).read(&Clock::real()).await;
    assert_eq!(
        reading.expect("a reading").boards[0].chip_temp,
        Some(Celsius(70.5))
    );

    let address = unit(&[("summary", SUMMARY)]).await;
    let refused = Source::new(address).read(&Clock::real()).await;
    let error = refused.expect_err("nothing tells the boards");
    assert!(error.fatal);
    assert!(error.reason.contains("code 14"), "{error}");
}
