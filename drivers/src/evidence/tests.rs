use super::*;
use thermine_units::quantity::{Celsius, HashRate, Rpm};
use thermine_units::unit::Board;

const S9: Model = Model::AntminerS9;

fn named(model: &str) -> Identity {
    Identity {
        model: Some(model.into()),
        ..Identity::default()
    }
}

fn seen(model: Model, name: Option<&str>, agent: Option<&str>) -> Evidence {
    let evidence = Evidence::new(model);
    if let Some(name) = name {
        evidence.identity(&named(name));
    }
    evidence.agent(agent);
    evidence
}

/// A reading that moves: `n` stands for its number.
fn reading(seconds: f64, rate: f64, accepted: u64) -> Telemetry {
    Telemetry {
        taken: Nanos::from_seconds(seconds),
        boards: vec![Board {
            slot: 6,
            chip_temp: Some(Celsius(70.0)),
            ..Board::default()
        }],
        fans: vec![Rpm(4800.0 + 60.0 * (seconds as u64 % 3) as f64)],
        hash_rate: Some(HashRate(rate)),
        accepted: Some(accepted),
        ..Telemetry::default()
    }
}

/// Runs a unit for `seconds` that claims `claimed` H/s and finds a share of `hashes` each `every` seconds.
fn run(evidence: &Evidence, seconds: u32, claimed: f64, hashes: f64, every: u32) {
    evidence.working(true);
    let mut accepted = 0;
    for second in 0..seconds {
        if second % every == 0 {
            evidence.shares(1, hashes);
            accepted += 1;
        }
        evidence.reading(&reading(f64::from(second), claimed, accepted));
    }
}

#[test]
fn each_model_is_confirmed_by_its_name_and_not_by_that_of_another() {
    let names = [
        (S9, "Antminer S9 (vnish 3.8.6)", "bmminer/2.0.0"),
        (Model::LuckyMinerLv06, "LV06", "bitaxe/BM1366/2.1.10"),
        (Model::GoldshellLbBox, "Goldshell-LBBox", "icbtminer"),
    ];
    for (model, _, agent) in names {
        for (of, name, _) in names {
            let doubt = seen(model, Some(name), Some(agent)).doubt();
            assert_eq!(doubt.is_none(), model == of, "{name} as {model}: {doubt:?}");
        }
        let silent = seen(model, None, Some(agent)).doubt();
        assert!(
            silent.is_some_and(|why| why.contains("who it is")),
            "{model}"
        );
    }
}

#[test]
fn an_agent_that_contradicts_is_doubted_and_one_that_is_not_told_is_not() {
    let doubt = |agent| seen(S9, Some("Antminer S9"), agent).doubt();
    let why = doubt(Some("cpuminer/2.5.1\u{1b}[2J")).expect("doubted");
    assert!(
        why.contains("cpuminer/2.5.1") && !why.contains('\u{1b}'),
        "{why}"
    );
    assert!(doubt(Some("somebody/1")).is_some());
    assert_eq!(doubt(None), None);
    let a_box = |agent| seen(Model::GoldshellLbBox, Some("Goldshell-LBBox"), agent).doubt();
    assert_eq!(a_box(Some("somebody/1")), None);
    assert!(a_box(Some("minerd/2.4")).is_some());
}

#[test]
fn an_lv06_that_names_only_its_chip_needs_its_agent() {
    let lv06 = |agent| seen(Model::LuckyMinerLv06, Some("BM1366"), agent).doubt();
    assert_eq!(lv06(Some("bitaxe/BM1366/2.1.10")), None);
    assert!(lv06(None).is_some() && lv06(Some("bitaxe/BM1370/2.9")).is_some());
}

#[test]
fn bare_chips_are_confirmed_by_their_answer() {
    let evidence = Evidence::new(Model::Bm1387);
    assert!(evidence.doubt().is_some());
    evidence.chips_answered();
    assert_eq!(evidence.doubt(), None);
}

#[test]
fn shares_that_prove_a_hundred_thousandth_of_the_claim_contradict_it() {
    let evidence = seen(S9, Some("Antminer S9"), Some("bmminer/2.0.0"));
    run(&evidence, 300, 13.5e12, 4.3e6, 10);
    let why = evidence.doubt().expect("doubted");
    assert!(why.contains("it claims 1.350e13 H/s"), "{why}");
    // It stays so when the numbers agree again.
    run(&evidence, 300, 13.5e12, 13.5e12, 1);
    assert!(evidence.doubt().is_some());
}

#[test]
fn a_unit_that_does_what_it_claims_or_a_third_of_it_is_not_doubted() {
    for part in [1.0, 0.3] {
        let evidence = seen(S9, Some("Antminer S9"), Some("bmminer/2.0.0"));
        run(&evidence, 3600, 13.5e12, part * 13.5e12, 1);
        assert_eq!(evidence.doubt(), None, "{part}");
    }
    // Two shares in an hour tell nothing of a claim that expects five.
    let evidence = seen(S9, Some("Antminer S9"), Some("bmminer/2.0.0"));
    run(&evidence, 3600, 1e9, 0.72e12, 1800);
    assert_eq!(evidence.doubt(), None);
    // A unit without work claims what it did before.
    let evidence = seen(S9, Some("Antminer S9"), Some("bmminer/2.0.0"));
    for second in 0..600 {
        evidence.reading(&reading(f64::from(second), 13.5e12, 0));
    }
    evidence.working(true);
    evidence.shares(1, 1e6);
    assert_eq!(evidence.doubt(), None);
}

#[test]
fn a_count_of_shares_that_nobody_computes_contradicts() {
    let evidence = seen(S9, Some("Antminer S9"), Some("bmminer/2.0.0"));
    evidence.working(true);
    for second in 0..100 {
        evidence.shares(1, 13.5e12);
        evidence.reading(&reading(f64::from(second), 13.5e12, 4711));
    }
    let why = evidence.doubt().expect("doubted");
    assert!(why.contains("counts no accepted share"), "{why}");
}

#[test]
fn half_an_hour_of_work_without_a_movement_contradicts() {
    let still = |second: u32, rpm: f64| Telemetry {
        fans: vec![Rpm(rpm)],
        ..reading(f64::from(second), 13.5e12, u64::from(second))
    };
    for (rpm, contradicts) in [(0.0, true), (60.0, false)] {
        let evidence = seen(S9, Some("Antminer S9"), Some("bmminer/2.0.0"));
        evidence.working(true);
        for second in 0..2000 {
            evidence.shares(1, 13.5e12);
            evidence.reading(&still(second, 4800.0 + rpm * f64::from(second / 600)));
        }
        let doubt = evidence.doubt();
        assert_eq!(doubt.is_some(), contradicts, "{doubt:?}");
    }
}
