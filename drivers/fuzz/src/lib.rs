//! What must hold for any bytes whatever: no panic, bounded memory, and what was understood can be said
//! again and understood alike.

use bytes::BytesMut;
use thermine_drivers::axeos::log::{self, Event};
use thermine_drivers::axeos::{Asic, Info};
use thermine_drivers::bm13xx::{ChipCodec, Family, HostCodec};
use thermine_drivers::cgminer::Reply;
use thermine_drivers::cgminer::reply::telemetry;
use thermine_drivers::discover;
use thermine_drivers::goldshell::reply::{
    MINUTES, PowerPlan, Setting, devs, history, minerinfo, pools, status,
};
use thermine_stratum::notice::Notice;
use thermine_stratum::request::Request;
use thermine_units::clock::Nanos;
use thermine_units::quantity::{Celsius, HashRate};
use thermine_units::unit::{Board, Identity, Telemetry};
use tokio_util::codec::{Decoder, Encoder};

/// A line of Stratum, from either side.
pub fn stratum_line(data: &[u8]) {
    let line = String::from_utf8_lossy(data);
    if let Ok(request) = Request::parse(&line) {
        let again = Request::parse(request.to_line("x").trim_end());
        assert_eq!(again.ok(), Some(request));
    }
    if let Ok(notice) = Notice::parse(&line) {
        let again = Notice::parse(notice.to_line().trim_end());
        assert!(again.is_ok(), "{notice:?}");
    }
}

/// A reply of a cgminer API.
pub fn cgminer_reply(data: &[u8]) {
    let Ok(reply) = Reply::parse(data) else {
        return;
    };
    let _ = (
        reply.status(),
        reply.farewell(),
        reply.identity(),
        reply.pools(),
    );
    let parts = [
        Some(reply.clone()),
        reply.part("stats"),
        reply.part("summary"),
    ];
    for part in parts.into_iter().flatten() {
        let taken = Nanos(7);
        let reading = telemetry(taken, &part.summary(), &part.stats(), &part.devices());
        assert_eq!(reading.taken, taken);
        check_telemetry(&reading);
    }
    if let Some(cgminer) = discover::classify::Cgminer::read(&reply) {
        check_verdict(&discover::Answers {
            cgminer: Some(cgminer),
            ..discover::Answers::default()
        });
    }
}

/// A reply of AxeOS, or a line of its log.
pub fn axeos_reply(data: &[u8]) {
    if let Ok(info) = Info::parse(data) {
        let reading = info.telemetry(Nanos(7));
        assert_eq!(reading.taken, Nanos(7));
        assert_eq!(reading.boards.len(), 1);
        check_telemetry(&reading);
        let point = info.point;
        assert!(point.frequency.is_none_or(|f| f.0.is_finite() && f.0 > 0.0));
        assert!(point.voltage.is_none_or(|v| v.0.is_finite() && v.0 > 0.0));
        assert!(point.fan.is_none_or(|fan| (0.0..=1.0).contains(&fan)));
        for difficulty in [info.best, info.best_session].into_iter().flatten() {
            assert!(difficulty.is_finite() && difficulty >= 0.0);
        }
        check_identity(&info.identity);
        check_verdict(&discover::Answers {
            axeos: discover::classify::axeos(data),
            ..discover::Answers::default()
        });
    }
    if let Ok(asic) = Asic::parse(data) {
        check_texts(&[&asic.asic, &asic.model]);
    }
    for line in String::from_utf8_lossy(data).lines() {
        let plain = log::plain(line);
        assert!(plain.len() <= line.len());
        assert!(!plain.contains(|c: char| c.is_control() && c != '\t'));
        assert_eq!(log::plain(&plain), plain, "nothing is left to take out");
        match Event::parse(&plain) {
            Some(Event::Nonce(nonce)) => {
                assert!(nonce.difficulty.is_finite() && nonce.difficulty >= 0.0);
                assert!(nonce.wanted.is_finite() && nonce.wanted >= 0.0);
            }
            Some(Event::Received(text) | Event::Sent(text)) => assert!(plain.contains(&text)),
            None => {}
        }
    }
}

/// A reply of a Goldshell web backend, on whatever path.
pub fn goldshell_reply(data: &[u8]) {
    if let Ok(identity) = status(data) {
        check_identity(&identity);
        check_verdict(&discover::Answers {
            goldshell: discover::classify::goldshell(data),
            ..discover::Answers::default()
        });
    }
    if let Ok(boards) = devs(data) {
        assert!(boards.len() <= 16);
        for board in &boards {
            board.hottest.iter().for_each(check_temperature);
            assert_eq!(
                board.hottest.is_none(),
                board.sensors == board.failed_sensors
            );
            assert!(
                board
                    .fans
                    .iter()
                    .all(|fan| fan.0.is_finite() && fan.0 >= 0.0)
            );
            for rate in [board.hash_rate, board.hash_rate_average].iter().flatten() {
                check_rate(rate);
            }
            if let Some(plan) = &board.plan {
                check_plan(plan);
            }
        }
    }
    if let Ok(devices) = minerinfo(data) {
        assert!((1..=16).contains(&devices.len()));
        devices
            .iter()
            .filter_map(|device| device.board())
            .for_each(|board| check_board(&board));
    }
    if let Ok(rates) = history(data) {
        assert!(rates.len() <= MINUTES);
        rates.iter().flatten().for_each(check_rate);
    }
    if let Ok(pools) = pools(data) {
        assert!(pools.len() <= 16);
        for pool in &pools {
            check_texts(&[&pool.url, &pool.user]);
        }
    }
    if let Ok(setting) = Setting::parse(data) {
        check_setting(setting);
    }
}

/// Settings are written back whole: what is changed is changed, and nothing else.
fn check_setting(setting: Setting) {
    assert_eq!(
        Setting::parse(setting.to_json().as_bytes()),
        Ok(setting.clone())
    );
    let plans = setting.plans();
    for plan in plans.iter().filter_map(|plan| plan.plan.as_ref()) {
        check_plan(plan);
    }
    assert!(setting.selected().is_none() || setting.select().is_some_and(|at| at < plans.len()));
    if let Some(plan) = setting.in_force() {
        check_plan(&plan);
        let mut changed = setting.clone();
        changed.put_by_hand(&plan);
        assert_eq!(changed.in_force(), Some(plan));
        changed.choose(0);
        assert_eq!((changed.select(), changed.manual()), (Some(0), Some(false)));
        assert_eq!(
            (changed.plans(), changed.serial()),
            (plans, setting.serial())
        );
    }
    assert!(
        setting
            .temp_target()
            .is_none_or(|target| target.0.is_finite())
    );
}

/// A plan is finite and not negative, and survives being written.
fn check_plan(plan: &PowerPlan) {
    assert!(plan.frequency.0.is_finite() && plan.frequency.0 >= 0.0);
    assert!(plan.voltage.0.is_finite() && plan.voltage.0 >= 0.0);
    let text = plan.to_string();
    // What is written may be longer than what was read: `1e99` is written out.
    if text.len() <= 128 {
        assert_eq!(PowerPlan::parse(&text).as_ref(), Some(plan));
    }
}

/// Every number is one, and a sensor that fails is no temperature of 0.
fn check_telemetry(reading: &Telemetry) {
    reading.boards.iter().for_each(check_board);
    for rate in [reading.hash_rate, reading.hash_rate_average]
        .iter()
        .flatten()
    {
        check_rate(rate);
    }
    assert!(
        reading
            .fans
            .iter()
            .all(|fan| fan.0.is_finite() && fan.0 >= 0.0)
    );
    assert!(
        reading
            .power
            .is_none_or(|power| power.0.is_finite() && power.0 >= 0.0)
    );
    assert!(
        reading
            .core_voltage
            .is_none_or(|volts| volts.0.is_finite() && volts.0 > 0.0)
    );
}

fn check_board(board: &Board) {
    let sensors = [board.pcb_temp, board.chip_temp, board.regulator_temp];
    sensors.iter().flatten().for_each(check_temperature);
    assert!(
        board
            .frequency
            .is_none_or(|f| f.0.is_finite() && f.0 >= 0.0)
    );
    board.hash_rate.iter().for_each(check_rate);
}

fn check_temperature(temperature: &Celsius) {
    let possible = temperature.0.is_finite() && temperature.0 >= -20.0;
    assert!(
        possible && ![0.0, -1.0].contains(&temperature.0),
        "{temperature}"
    );
}

fn check_rate(rate: &HashRate) {
    assert!(rate.0.is_finite() && rate.0 >= 0.0, "{rate}");
}

fn check_identity(identity: &Identity) {
    check_texts(&[
        &identity.model,
        &identity.firmware,
        &identity.api,
        &identity.serial,
    ]);
}

/// Nothing to say is nothing, and what is said is on one line.
fn check_texts(texts: &[&Option<String>]) {
    for text in texts.iter().filter_map(|text| text.as_ref()) {
        assert!(!text.is_empty() && !text.contains(['\n', '\r']), "{text:?}");
    }
}

/// What a search shows can be shown.
fn check_verdict(answers: &discover::Answers) {
    let verdict = discover::classify(answers);
    let identity = verdict.identity;
    let texts = [
        identity.model,
        identity.firmware,
        identity.api,
        identity.serial,
        verdict.remark,
    ];
    for text in texts.iter().flatten() {
        assert!(!text.contains(char::is_control) && text.chars().count() <= 1000);
    }
}

/// Bytes on the serial line, at either end and of either generation, in pieces.
pub fn bm13xx_frames(data: &[u8]) {
    for family in [Family::Bm1387, Family::Bm1366] {
        for rolling in [false, true] {
            let mut host = HostCodec::new(family);
            let mut chip = ChipCodec::new(family);
            host.set_rolling(rolling);
            chip.set_rolling(rolling);
            let (mut to_host, mut to_chip) = (BytesMut::new(), BytesMut::new());
            for piece in data.chunks(7) {
                to_host.extend_from_slice(piece);
                to_chip.extend_from_slice(piece);
                while let Ok(Some(reply)) = host.decode(&mut to_host) {
                    let mut bytes = BytesMut::new();
                    chip.clone().encode(&reply, &mut bytes).expect("encoded");
                    assert_eq!(
                        host.clone().decode(&mut bytes).expect("decoded"),
                        Some(reply)
                    );
                }
                while let Ok(Some(request)) = chip.decode(&mut to_chip) {
                    let mut bytes = BytesMut::new();
                    host.clone().encode(&request, &mut bytes).expect("encoded");
                    assert_eq!(
                        chip.clone().decode(&mut bytes).expect("decoded"),
                        Some(request)
                    );
                }
                // Nothing longer than a frame ever waits for more.
                assert!(to_host.len() < 11 && to_chip.len() < 150);
            }
        }
    }
}
