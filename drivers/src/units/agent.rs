//! The program that a unit names in `mining.subscribe`, and whether it is one of the unit's model.
//!
//! Sources: bmminer sends cgminer's `PACKAGE/VERSION`, `bmminer/2.0.0` on a stock S9; an LV06 says
//! `bitaxe/BM1366/<version>`, as ESP-Miner 2.1 does; what an LB-Box says is not published, `icbtminer` is its USB
//! sibling's program and `intminer` the one that its cgminer API names. The others are the names that pools list for
//! each program.

use super::Model;

/// What an agent says of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is the program of that model.
    Agrees,
    /// The unit named no program.
    Silent,
    /// Nothing is known of the program, or it may run there.
    Unknown,
    /// It is the program of other hardware.
    Contradicts,
}

const S9: &[Model] = &[Model::AntminerS9];
const LV06: &[Model] = &[Model::LuckyMinerLv06];
const LB_BOX: &[Model] = &[Model::GoldshellLbBox];
/// Their firmwares descend from cgminer, and a modified one may say so.
const OF_CGMINER: &[Model] = &[Model::AntminerS9, Model::GoldshellLbBox];

/// How an agent begins, whose program that is, and on what else it may run; the first that fits counts.
const PROGRAMS: &[(&str, &[Model], &[Model])] = &[
    ("bmminer", S9, &[]),
    ("bosminer", &[], S9),
    ("bos", &[], S9),
    ("braiins", &[], S9),
    ("vnish", &[], S9),
    ("hiveon", &[], S9),
    ("bitaxe/bm1366", LV06, &[]),
    ("luckyminer", &[], LV06),
    ("esp-miner", &[], LV06),
    ("icbtminer", LB_BOX, &[]),
    ("intminer", LB_BOX, &[]),
    ("cgminer", &[], OF_CGMINER),
    ("bitaxe", &[], &[]),
    ("nerd", &[], &[]),
    ("nmminer", &[], &[]),
    ("cpuminer", &[], &[]),
    ("minerd", &[], &[]),
    ("bfgminer", &[], &[]),
    ("sgminer", &[], &[]),
    ("ccminer", &[], &[]),
    ("xmrig", &[], &[]),
    ("mujina", &[], &[]),
    ("btminer", &[], &[]),
    ("whatsminer", &[], &[]),
    ("luxminer", &[], &[]),
];

/// Whether `agent` is a program of `model`.
pub fn fit(model: Model, agent: Option<&str>) -> Fit {
    let Some(agent) = agent.map(str::trim).filter(|agent| !agent.is_empty()) else {
        return Fit::Silent;
    };
    let agent = agent.to_ascii_lowercase();
    let known = PROGRAMS.iter().find(|(name, ..)| agent.starts_with(name));
    match known {
        None => Fit::Unknown,
        Some((_, of, _)) if of.contains(&model) => Fit::Agrees,
        Some((_, _, may)) if may.contains(&model) => Fit::Unknown,
        Some(_) => Fit::Contradicts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_agrees_with_its_own_model_and_contradicts_the_others() {
        let models = [
            (Model::AntminerS9, crate::sim::firmware::BMMINER.agent),
            (Model::LuckyMinerLv06, crate::sim::firmware::LV06.agent),
            (Model::GoldshellLbBox, crate::sim::firmware::LB_BOX.agent),
        ];
        for (of, agent) in models {
            for (model, _) in models {
                let expected = if model == of {
                    Fit::Agrees
                } else {
                    Fit::Contradicts
                };
                assert_eq!(fit(model, Some(agent)), expected, "{agent} on {model}");
            }
        }
    }

    #[test]
    fn a_miner_on_a_processor_contradicts_every_model_and_a_strange_name_none() {
        for model in [
            Model::AntminerS9,
            Model::LuckyMinerLv06,
            Model::GoldshellLbBox,
        ] {
            for agent in [
                "cpuminer/2.5.1",
                "minerd",
                "CPUMINER-opt-23.5",
                "NerdMinerV2",
            ] {
                assert_eq!(fit(model, Some(agent)), Fit::Contradicts, "{agent}");
            }
            assert_eq!(fit(model, Some("somebody/1")), Fit::Unknown);
            assert_eq!(fit(model, Some(" ")), Fit::Silent);
            assert_eq!(fit(model, None), Fit::Silent);
        }
        let other_chip = fit(Model::LuckyMinerLv06, Some("bitaxe/BM1370/v2.9.0"));
        assert_eq!(other_chip, Fit::Contradicts);
        assert_eq!(fit(Model::AntminerS9, Some("cgminer/4.9.0")), Fit::Unknown);
    }
}
