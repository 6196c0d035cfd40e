//! The simulated API on the wire.

use thermine_drivers::cgminer::{Failure, Reply, query};
use thermine_sim::s9_api::{self, answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Sim, data, unit};

#[tokio::test]
async fn granted_commands_are_answered_and_others_refused() {
    let sim = Sim::start().await;
    for command in ["version", "summary", "pools", "devs", "stats"] {
        let reply = query(sim.addr, command, None).await.expect(command);
        assert!(!reply.status().expect("a status").is_error());
    }
    for command in ["config", "estats", "restart", "privileged", "switchpool"] {
        let error = query(sim.addr, command, Some("0"))
            .await
            .expect_err(command);
        assert!(error.is_fatal());
        let Failure::Status(status) = error.failure else {
            panic!("{error}")
        };
        assert_eq!(status.code, Some(45));
        let message = format!("Access denied to '{command}' command");
        assert_eq!(status.message, Some(message));
    }
    let error = query(sim.addr, "nonsense", None)
        .await
        .expect_err("unknown");
    assert!(
        error.to_string().contains("Invalid command (code 14)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_reply_ends_with_one_nul_and_the_connection() {
    let sim = Sim::start().await;
    let mut stream = TcpStream::connect(sim.addr).await.expect("a connection");
    stream
        .write_all(b"{\"command\":\"stats\"}\n")
        .await
        .expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an end");
    assert_eq!(bytes.pop(), Some(0));
    assert_eq!(
        String::from_utf8(bytes).expect("text"),
        data("bmminer-30.0.1.3-stats.txt")
    );
}

#[tokio::test]
async fn replies_follow_the_state() {
    let sim = Sim::start().await;
    sim.state.send_modify(|state| {
        state.boards[0].chip_temp = 0;
        state.boards.remove(1);
    });
    let stats = query(sim.addr, "stats", None).await.expect("stats").stats();
    assert_eq!(stats.boards.len(), 2);
    assert_eq!(stats.boards[0].chip_temp, None);
    assert_eq!(stats.boards[0].failed_sensors, 1);
}

/// Names and values of one object, from the text form.
fn fields(object: &str) -> Vec<(String, String)> {
    let fields = object.split(',').filter_map(|field| field.split_once('='));
    fields
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_text_form_has_the_same_fields() {
    let state = unit();
    let text = answer(&state, b"version|0");
    assert_eq!(
        text,
        "STATUS=S,When=1564646400,Code=22,Msg=BMMiner versions,Description=bmminer 1.0.0|\
         VERSION,BMMiner=2.0.0,API=3.1,Miner=30.0.1.3,CompileTime=Wed Jul 31 16:18:27 CST 2019,\
         Type=Antminer S9|"
    );
    let text = answer(&state, b"pools\n");
    let objects: Vec<&str> = text.split('|').collect();
    assert_eq!(objects.len(), 5, "{text}");
    assert_eq!(fields(objects[1])[0], ("POOL".to_owned(), "0".to_owned()));
    let text = answer(&state, b"summary+config");
    let objects: Vec<&str> = text.split('|').collect();
    assert_eq!(objects[0], "CMD=summary");
    assert!(objects[2].starts_with("SUMMARY,Elapsed=86400,"));
    assert_eq!(objects[3], "CMD=config");
    assert!(objects[4].contains("Code=45"));
    assert!(answer(&state, b"").contains("Code=14"));
}

#[test]
fn malformed_requests_get_their_codes() {
    let state = unit();
    for (request, code) in [
        (&b"{"[..], 23),
        (b"{\"command\":\"version\"}}", 23),
        (b"{\"parameter\":\"0\"}", 24),
        (b"{\"command\":7}", 14),
        (b"{\"command\":\"\"}", 14),
        (b"[]", 14),
        (b"\xff\xfe", 14),
    ] {
        let reply = answer(&state, request);
        assert!(
            reply.contains(&format!("Code\":{code},")) || reply.contains(&format!("Code={code},")),
            "{reply}"
        );
    }
}

#[test]
fn joined_replies_are_complete_and_say_each_thing_once() {
    let reply = answer(
        &unit(),
        br#"{"command":"summary+stats+summary+bogus+restart"}"#,
    );
    let reply = Reply::parse(reply.as_bytes()).expect("JSON after repair");
    assert_eq!(reply.part("stats").expect("stats").stats().boards.len(), 3);
    assert!(reply.part("summary").is_some());
    let code = |command| reply.part(command)?.status()?.code;
    assert_eq!(code("bogus"), Some(14));
    assert_eq!(code("restart"), Some(45));
}

#[test]
fn totals_are_the_sums_of_their_parts() {
    let mut state = unit();
    state.boards[1].frequency.0 = 637.33;
    state.boards[2].hash_rate.0 = 4.123_456_7e12;
    let text = s9_api::stats(&state, s9_api::Form::Json);
    let number = |key: &str| -> f64 {
        let (_, rest) = text.split_once(&format!("\"{key}\":")).expect(key);
        let value = rest.split([',', '}']).next().expect(key);
        value.trim_matches('"').parse().expect(key)
    };
    let sum = |key: &str| {
        (6..=8)
            .map(|slot| number(&format!("{key}{slot}")))
            .sum::<f64>()
    };
    for (total, part) in [
        ("total_rate", "chain_rate"),
        ("GHS 5s", "chain_rate"),
        ("total_rateideal", "chain_rateideal"),
        ("total_acn", "chain_acn"),
        ("no_matching_work", "chain_hw"),
    ] {
        assert!((number(total) - sum(part)).abs() < 1e-6, "{total}");
    }
    assert_eq!(number("chain_rateideal6"), 4668.3);
}

#[tokio::test]
async fn a_silent_client_does_not_hold_up_the_others() {
    let sim = Sim::start().await;
    let _silent = TcpStream::connect(sim.addr).await.expect("a connection");
    query(sim.addr, "version", None).await.expect("an answer");
    sim.stop().await;
}
