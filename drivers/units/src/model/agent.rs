//! What the agent that firmware names in `mining.subscribe` says of the model.
//!
//! Sources: an S9's stock firmware says `bmminer/2.0.0` (captures); AxeOS says `bitaxe/` and the chip, then its version;
//! an LB-Box's Stratum agent is not published, and the name of its miner over USB is taken for it. Most other agents are
//! those of a program that runs on many units, `cgminer/4.12`, and say nothing.

use super::Model;

/// What an agent says of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It is firmware of that model.
    This,
    /// It is firmware of something else, named.
    Another(&'static str),
    /// It is not known, or runs on many models.
    Nothing,
}

/// Words of agents in small letters, what the firmware is of, and the model, if it is one that can be driven. The first
/// word that an agent contains counts.
const AGENTS: &[(&str, &str, Option<Model>)] = &[
    (
        "bm1366",
        "a unit with a BM1366, such as a Lucky Miner LV06",
        Some(Model::LuckyMinerLv06),
    ),
    ("bm1368", "a unit with a BM1368", None),
    ("bm1370", "a unit with a BM1370", None),
    ("bm1397", "a unit with a BM1397", None),
    ("nerdqaxe", "a NerdQAxe", None),
    ("bitaxe", "an AxeOS unit", Some(Model::LuckyMinerLv06)),
    ("axeos", "an AxeOS unit", Some(Model::LuckyMinerLv06)),
    ("luckyminer", "a Lucky Miner", Some(Model::LuckyMinerLv06)),
    ("bmminer", "a Bitmain Antminer", Some(Model::AntminerS9)),
    (
        "bosminer",
        "an Antminer with Braiins OS",
        Some(Model::AntminerS9),
    ),
    ("icbtminer", "a Goldshell Box", Some(Model::GoldshellLbBox)),
    ("goldshell", "a Goldshell Box", Some(Model::GoldshellLbBox)),
    ("whatsminer", "a Whatsminer", None),
    ("btminer", "a Whatsminer", None),
    ("avalon", "an Avalon", None),
];

/// What `agent` says of `model`.
pub fn says(model: Model, agent: &str) -> Says {
    let agent = agent.to_lowercase();
    let known = AGENTS.iter().find(|(word, ..)| agent.contains(word));
    match known {
        None => Says::Nothing,
        Some((_, _, Some(of))) if *of == model => Says::This,
        Some((_, what, _)) => Says::Another(what),
    }
}

/// Words of programs that mine on a computer, in small letters.
const ON_COMPUTERS: [&str; 8] = [
    "cpuminer",
    "minerd",
    "bfgminer",
    "sgminer",
    "ccminer",
    "xmrig",
    "nerdminer",
    "nmminer",
];

/// Whether `agent` is a program that mines on a computer or a microcontroller, and so on no unit that can be driven.
pub fn is_of_a_computer(agent: &str) -> bool {
    let agent = agent.to_lowercase();
    ON_COMPUTERS.iter().any(|word| agent.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chip_counts_before_the_firmwares_name() {
        let lv06 = |agent| says(Model::LuckyMinerLv06, agent);
        assert_eq!(lv06("bitaxe/BM1366/v2.4.1"), Says::This);
        assert_eq!(
            lv06("bitaxe/BM1370/v2.4.1"),
            Says::Another("a unit with a BM1370")
        );
        for unknown in ["", "cgminer/4.12.1", "cpuminer/2.5.1", "my own"] {
            assert_eq!(lv06(unknown), Says::Nothing, "{unknown}");
        }
    }

    #[test]
    fn programs_of_computers_are_known_in_any_case() {
        for agent in ["cpuminer/2.5.1", "minerd", "NerdMinerV2", "CPUMiner-opt"] {
            assert!(is_of_a_computer(agent), "{agent}");
        }
    }
}
