//! A rack that no hardware and no simulator stands behind: made-up numbers, marked simulated, to fill what is shown.

use thermine::live::Live;
use thermine::live::snapshot::{
    Board, Estimate, Filter, Health, Intervals, Job, Learning, Progress, Provenance, Proxy,
    Reading, Row, Shares, Unit, Verdict,
};

/// When it all begins, wall time in milliseconds.
pub(crate) const BEGIN: u64 = 1_790_000_000_000;

/// A generator of even numbers below 1 (Marsaglia's xorshift64), so that every picture comes out the same.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A rack of `n` units.
pub(crate) fn rack(n: usize, now_ms: u64) -> Live {
    let live = Live::new(now_ms - 3_723_000);
    for i in 0..n {
        live.unit(unit(i, 0, now_ms));
    }
    live.proxy(Some(Proxy {
        listen: "127.0.0.1:3333".into(),
        pool: Some("stratum+tcp://pool.example:3333".into()),
        units: 8,
        waiting: Some(0.0007),
        waiting_without: Some(0.221),
        shares: Shares {
            accepted: 41_220,
            stale: 96,
            duplicate: 1,
            refused: 12,
        },
        forwarded: (1_204, 1_201, 3),
    }));
    let job = |id, command: &str, unit: &str, progress, steps, outcome: Option<&str>| Job {
        id,
        command: command.into(),
        unit: unit.into(),
        progress,
        steps,
        due_ms: None,
        outcome: outcome.map(str::to_owned),
    };
    live.jobs(vec![
        job(
            17,
            "train narma10 --steps 500",
            "s9-01",
            Progress::Running,
            Some((212, 500)),
            None,
        ),
        job(
            18,
            "sweep --frequency 400:650:50",
            "lv06-02",
            Progress::Waiting,
            None,
            None,
        ),
        job(
            16,
            "capture record -n 2000",
            "s9-01",
            Progress::Done,
            Some((2000, 2000)),
            Some("runs/20261124T120000Z"),
        ),
    ]);
    live
}

/// Health of the unit in place `i`, and the reason if it is not well.
fn health(i: usize) -> (Health, Option<&'static str>) {
    match i {
        4 => (
            Health::Stale,
            Some(
                "the last reading of 127.0.0.1:4028 is 41 s old: see whether the unit is busy or its network is",
            ),
        ),
        7 => (
            Health::Lost,
            Some(
                "127.0.0.1:80 refuses the connection: see whether the unit has power and its address is right",
            ),
        ),
        9 => (
            Health::Tripped,
            Some(
                "chip at 95.2 °C, limit 90 °C: the unit is at its safe point; clean its fans, then start it again",
            ),
        ),
        10 => (Health::Starting, None),
        _ => (Health::Well, None),
    }
}

/// The unit in place `i` after `step` changes.
pub(crate) fn unit(i: usize, step: u64, now_ms: u64) -> Unit {
    let (name, model, rate, chips) = match i % 3 {
        0 => ("s9", "Antminer S9", 13_400.0, 63),
        1 => ("lv06", "Lucky Miner LV06", 512.0, 1),
        _ => ("lb-box", "Goldshell LB-Box", 176.0, 12),
    };
    let mut dice = Dice::new(1000 * i as u64 + step + 7);
    let (health, why) = health(i);
    let there = !matches!(health, Health::Lost | Health::Starting);
    let value = rate * (0.97 + 0.06 * dice.roll());
    let shares = 40 + (dice.roll() * 60.0) as u64;
    let half = 1.96 / (shares as f64).sqrt();
    let heat = 58.0 + 10.0 * dice.roll() + if i == 9 { 27.0 } else { 0.0 };
    let readings = |list: &[(&str, f64)]| -> Vec<Reading> {
        list.iter()
            .filter(|_| there)
            .map(|(name, value)| Reading {
                name: (*name).into(),
                value: *value,
            })
            .collect()
    };
    Unit {
        name: format!("{name}-{:02}", i + 1),
        model: model.into(),
        algorithm: if i % 3 == 2 { "lbry" } else { "sha256d" }.into(),
        provenance: Provenance::Simulated,
        doubt: None,
        speed: Some(1.0),
        health,
        why: why.map(str::to_owned),
        activity: if i % 4 == 3 {
            "proxied".into()
        } else {
            "narma10, live".into()
        },
        read_ms: (health != Health::Starting).then_some(
            now_ms - if there { 200 } else { 312_000 } - if i == 4 { 41_000 } else { 0 },
        ),
        hash_rate_ghs: there.then_some(Estimate {
            value,
            low: value * (1.0 - half),
            high: value * (1.0 + half),
            n: shares,
        }),
        expected_ghs: there.then_some(rate * 1.01),
        duty: there.then_some(0.62),
        claimed_ghs: (there && i % 3 != 2).then_some(rate * 1.02),
        temperatures: readings(&[("chip", heat), ("board", heat - 12.0)]),
        fans: readings(&[
            ("fan1", 5_880.0 + 120.0 * dice.roll()),
            ("fan2", 5_760.0 + 120.0 * dice.roll()),
        ]),
        watts: (there && i % 3 != 2).then_some(rate * 0.098 + 4.0 * dice.roll()),
        shares: Shares {
            accepted: 1_200 + 3 * i as u64 + step,
            stale: 4 + i as u64 % 3,
            duplicate: 0,
            refused: i as u64 % 5,
        },
        hardware_errors: (i % 3 != 2).then_some(11 + i as u64),
        intervals: there.then(|| intervals(i, step)),
        board: (there && chips > 1).then(|| board(i, chips)),
        learning: (there && i % 4 != 3).then(|| learning(i, step)),
        verdict: i.is_multiple_of(5).then(verdict),
        tpf: i.is_multiple_of(6).then(filter),
    }
}

fn filter() -> Filter {
    Filter {
        keep: 0.412,
        recall: Some(Estimate {
            value: 0.409,
            low: 0.351,
            high: 0.469,
            n: 271,
        }),
        cost: Some(Estimate {
            value: 1.007,
            low: 0.878,
            high: 1.174,
            n: 271,
        }),
        sentence:
            "The filter keeps successes no more often than chance would: it saves nothing here."
                .into(),
    }
}

/// An exponential law and a histogram about it.
fn intervals(i: usize, step: u64) -> Intervals {
    let mut dice = Dice::new(77 + i as u64 + step / 10);
    let mean = 640.0 + 20.0 * (i % 7) as f64;
    let n = 2_000.0;
    let edges_ms: Vec<f64> = (0..=40).map(|k| 80.0 * f64::from(k)).collect();
    let expected: Vec<f64> = edges_ms
        .windows(2)
        .map(|edge| n * ((-edge[0] / mean).exp() - (-edge[1] / mean).exp()))
        .collect();
    let counts = expected
        .iter()
        .map(|e| (e + e.sqrt() * 2.0 * (dice.roll() + dice.roll() - 1.0)).max(0.0) as u64)
        .collect();
    Intervals {
        edges_ms,
        counts,
        expected,
        law: format!(
            "exponential, mean {mean:.0} ms [{:.0}, {:.0}]",
            mean * 0.957,
            mean * 1.045
        ),
        p: Some(0.31),
    }
}

fn board(i: usize, chips: usize) -> Board {
    let mut dice = Dice::new(5 + i as u64);
    let mut counts: Vec<u64> = (0..chips)
        .map(|_| 90 + (40.0 * dice.roll()) as u64)
        .collect();
    counts[chips / 2] = 21;
    Board {
        counts,
        marked: vec![chips / 2],
        verdict: format!(
            "Chip {} finds fewer shares than the others (Holm-corrected p < 0.001).",
            chips / 2
        ),
    }
}

/// Something that looks like NARMA, and a prediction that lags behind it.
fn learning(i: usize, step: u64) -> Learning {
    let value = |k: u64| {
        let t = (k + 37 * i as u64) as f64;
        0.42 + 0.13 * (t * 0.31).sin() + 0.08 * (t * 0.113).sin() + 0.05 * (t * 1.7).cos()
    };
    let last = 240 + step;
    let mut dice = Dice::new(last);
    Learning {
        task: "narma10".into(),
        step: last,
        target: (last - 159..=last).map(value).collect(),
        prediction: (last - 159..=last)
            .map(|k| 0.1 + 0.76 * value(k) + 0.08 * (dice.roll() - 0.5))
            .collect(),
        nrmse: Some(Estimate {
            value: 0.715,
            low: 0.659,
            high: 0.781,
            n: last,
        }),
        control: Some(Estimate {
            value: 0.867,
            low: 0.851,
            high: 0.909,
            n: last,
        }),
    }
}

fn verdict() -> Verdict {
    let row = |name: &str, value: f64, half: f64, features, provenance| Row {
        name: name.into(),
        score: Estimate {
            value,
            low: value - half,
            high: value + half,
            n: 1_000,
        },
        features,
        seed: 1,
        provenance,
    };
    let simulated = Some(Provenance::Simulated);
    Verdict {
        title: "narma10, duty from the cadence of clean jobs".into(),
        rows: vec![
            row("dialogue: the input sets the duty", 0.715, 0.061, 9, simulated),
            row("constant: the input is ignored", 1.005, 0.03, 9, simulated),
            row("control: current input alone", 0.867, 0.03, 1, None),
            row("control: delay line of 9", 0.796, 0.033, 9, None),
            row("control: 9 leaky integrators in software", 0.530, 0.035, 9, None),
        ],
        sentence: "The unit remembers its input and beats a delay line of as many taps; nine leaky integrators in software do better.".into(),
    }
}
