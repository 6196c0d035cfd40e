//! Simulated units are found and named.

use std::net::SocketAddr;

use thermine_drivers::discover::{Found, Settings, Target};
use thermine_sim::goldshell::Firmware;
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_sim::{lb_box, lv06, s9};
use thermine_units::clock::Clock;
use thermine_units::model::{Model, Wire};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::support::{Act, data, loopback, page, probe, prober, server, settings};

/// What a unit that only shows who it is needs: a pool that takes its connection and gives no work.
struct Ground {
    clock: Clock,
    tracker: TaskTracker,
    stop: CancellationToken,
    pool: SocketAddr,
    _guard: DropGuard,
}

impl Ground {
    async fn new() -> Ground {
        let (pool, _) = server(Act::Hang(Vec::new())).await;
        let stop = CancellationToken::new();
        Ground {
            clock: Clock::real(),
            tracker: TaskTracker::new(),
            pool,
            _guard: stop.clone().drop_guard(),
            stop,
        }
    }

    fn pool(&self) -> PoolSettings {
        PoolSettings {
            pool: self.pool,
            worker: "w".to_owned(),
            difficulty_scale: 1e-9,
        }
    }
}

async fn found(api: SocketAddr, http: SocketAddr) -> Found {
    let prober = prober(Settings {
        cgminer_port: api.port(),
        http_port: http.port(),
        ..settings()
    });
    let target = Target {
        ip: api.ip(),
        port: None,
    };
    prober.probe(target).await.expect("a unit")
}

#[tokio::test]
async fn an_s9() {
    let ground = Ground::new().await;
    let (api, addr) = loopback().await;
    let unit = s9::Settings {
        pool: ground.pool(),
        params: Params::s9(),
        seed: 1,
        faults: Vec::new(),
    };
    let _truth = s9::start(
        unit,
        api,
        ground.clock.clone(),
        &ground.tracker,
        &ground.stop,
    );
    // Its real web page wants a password, and is no wire of ours.
    let lighttpd = "HTTP/1.1 401 Unauthorized\r\nServer: lighttpd/1.4.32\r\nContent-Length: 0\r\n\
         WWW-Authenticate: Digest realm=\"antMiner Configuration\", nonce=\"0\", qop=\"auth\"\r\n\r\n";
    let (web, _) = server(Act::Send(lighttpd.into())).await;
    let unit = found(addr, web).await;
    assert_eq!(unit.model, Some(Model::AntminerS9));
    assert_eq!(unit.identity.model.as_deref(), Some("Antminer S9"));
    assert!(unit.identity.firmware.is_some());
    assert_eq!(unit.wires, [(Wire::Cgminer, addr)]);
    let remark = unit.remark.expect("a remark");
    assert!(remark.contains("antMiner Configuration"), "{remark}");
    // By its own port it is the same, and nothing is said of the other language.
    let alone = probe(addr).await.expect("a unit");
    assert_eq!((alone.model, alone.remark), (Some(Model::AntminerS9), None));
    assert_eq!(alone.address.to_string(), addr.to_string());
}

#[tokio::test]
async fn an_lv06() {
    let ground = Ground::new().await;
    let (page, addr) = loopback().await;
    let unit = lv06::Settings {
        pool: ground.pool(),
        params: Params::lv06(),
        seed: 1,
    };
    lv06::start(
        unit,
        page,
        ground.clock.clone(),
        &ground.tracker,
        &ground.stop,
    );
    let unit = probe(addr).await.expect("a unit");
    assert_eq!(unit.model, Some(Model::LuckyMinerLv06));
    assert_eq!(unit.wires, [(Wire::AxeOs, addr)]);
    assert_eq!(unit.identity.serial.as_deref(), Some("luckyminer"));
    assert_eq!(unit.remark, None);
}

#[tokio::test]
async fn an_lb_box_by_both_of_its_wires() {
    let ground = Ground::new().await;
    let ((http, web), (api, addr)) = (loopback().await, loopback().await);
    let unit = lb_box::Settings {
        pool: ground.pool(),
        params: Params::lb_box(),
        seed: 1,
        firmware: Firmware::default(),
    };
    lb_box::start(
        unit,
        http,
        api,
        ground.clock.clone(),
        &ground.tracker,
        &ground.stop,
    );
    let unit = found(addr, web).await;
    assert_eq!(unit.model, Some(Model::GoldshellLbBox));
    assert_eq!(unit.wires, [(Wire::Cgminer, addr), (Wire::Goldshell, web)]);
    assert_eq!(unit.identity.firmware.as_deref(), Some("2.2.5"));
    assert_eq!(unit.remark, None);
}

#[tokio::test]
async fn other_miners_are_named_as_they_name_themselves() {
    let sc_box = data("goldshell-2.2.5-status.json");
    let ultra = data("axeos-2.15-ultra-info.json");
    for (reply, wire, name) in [
        (page("200 OK", "x", &sc_box), Wire::Goldshell, "Goldshell-SCBox"),
        (page("200 OK", "x", &ultra), Wire::AxeOs, "BM1366"),
        (
            b"{\"STATUS\":[{\"STATUS\":\"S\",\"Code\":22}],\"VERSION\":[{\"Type\":\"Antminer L3+\"}]}\0".into(),
            Wire::Cgminer,
            "Antminer L3+",
        ),
    ] {
        let (addr, _) = server(Act::Send(reply)).await;
        let unit = probe(addr).await.expect("a unit");
        assert_eq!(unit.model, None);
        assert_eq!(unit.wires, [(wire, addr)]);
        assert_eq!(unit.identity.model.as_deref(), Some(name));
    }
    let refusal = br#"{"STATUS":[{"STATUS":"E","Code":45,"Msg":"Access denied to 'version' command"}],"id":1}"#;
    let (addr, _) = server(Act::Send(refusal.to_vec())).await;
    let unit = probe(addr).await.expect("a unit");
    assert_eq!(unit.wires, [(Wire::Cgminer, addr)]);
    let remark = unit.remark.expect("a remark");
    assert!(remark.contains("Access denied"), "{remark}");
}
