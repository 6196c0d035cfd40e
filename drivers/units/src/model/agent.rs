//! What the agent that firmware names in `mining.subscribe` says of the model.
//!
//! Most agents are those of a program that runs on many units, `cgminer/4.12`, and say nothing. The words of each model
//! are in its file.

use super::list::Model;

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

/// Words that name the chips of units that cannot be driven, in small letters, and the kind of unit.
const OTHER_CHIPS: [(&str, &str); 4] = [
    ("bm1368", "a unit with a BM1368"),
    ("bm1370", "a unit with a BM1370"),
    ("bm1397", "a unit with a BM1397"),
    ("nerdqaxe", "a NerdQAxe"),
];

/// Words of the firmware of other makers, in small letters, and the kind of unit.
const OTHER_MAKERS: [(&str, &str); 3] = [
    ("whatsminer", "a Whatsminer"),
    ("btminer", "a Whatsminer"),
    ("avalon", "an Avalon"),
];

/// What `agent` says of `model`: by the chip that it names, then by the firmware.
pub fn says(model: Model, agent: &str) -> Says {
    let agent = agent.to_lowercase();
    let of_chips = |chips: bool| {
        let words = Model::ALL.into_iter().flat_map(move |of| {
            let words = of.entry().agents.iter();
            words.map(move |(word, what)| (*word, *what, Some(of)))
        });
        words.filter(move |(word, _, of)| {
            let chip = of.and_then(|of| of.entry().chip);
            chips == chip.is_some_and(|chip| chip.eq_ignore_ascii_case(word))
        })
    };
    let other = |(word, what)| (word, what, None);
    let mut words = of_chips(true)
        .chain(OTHER_CHIPS.map(other))
        .chain(of_chips(false))
        .chain(OTHER_MAKERS.map(other));
    match words.find(|(word, ..)| agent.contains(word)) {
        None => Says::Nothing,
        Some((_, _, Some(of))) if of == model => Says::This,
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
