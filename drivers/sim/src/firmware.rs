//! What differs between the Stratum sides of the firmwares that the simulator plays.

use thermine_stratum::client_connection::Keys;
use thermine_stratum::client_protocol::Ask;
use thermine_stratum::request::Call;

/// The Stratum side of a firmware.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Firmware {
    /// What it calls itself in `mining.subscribe`.
    pub(crate) agent: &'static str,
    /// How it begins a connection.
    pub(crate) opening: Opening,
    /// Id of its first request.
    pub(crate) first_id: u64,
    /// Fewest and most bytes of extranonce2 that it takes.
    pub(crate) extranonce2: (usize, usize),
    /// Difficulty that it asks for, if it asks.
    pub(crate) suggests: Option<f64>,
    /// Whether it reads a difficulty as an integer.
    pub(crate) whole_difficulty: bool,
}

/// How a firmware begins a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// bmminer: subscribe, wait, extranonce.subscribe, authorize, wait, multi_version. Five parameters to a
    /// share, keys in the order params, id, method.
    Bmminer,
    /// ESP-Miner 2.1: subscribe, configure, suggest_difficulty, authorize, all without waiting. Rolls the
    /// version bits that it is granted and sends them as a sixth parameter; keys in the order id, method,
    /// params.
    EspMiner,
}

/// Stock firmware of an Antminer S9.
pub(crate) const BMMINER: Firmware = Firmware {
    agent: "bmminer/2.0.0",
    opening: Opening::Bmminer,
    first_id: 0,
    extranonce2: (2, 8),
    suggests: None,
    whole_difficulty: false,
};

/// Firmware of a Goldshell LB-Box. What it says on this wire is not published: the agent is that of its USB
/// sibling's program, the rest is assumed to be as in other descendants of cgminer.
pub(crate) const LB_BOX: Firmware = Firmware {
    agent: "icbtminer",
    ..BMMINER
};

/// Firmware of a Lucky Miner LV06, from ESP-Miner 2.1.10. That it asks for 1000 is assumed.
pub(crate) const LV06: Firmware = Firmware {
    agent: "bitaxe/BM1366/2.1.10",
    opening: Opening::EspMiner,
    first_id: 1,
    extranonce2: (1, 32),
    suggests: Some(1000.0),
    whole_difficulty: true,
};

impl Firmware {
    /// What it asks its pool for when a connection begins, as worker `user`.
    pub(crate) fn requests(&self, user: String) -> Vec<Ask> {
        let mut ids = self.first_id..;
        let mut ask = |make: fn(u64, Call) -> Ask, call| make(ids.next().unwrap_or(u64::MAX), call);
        let agent = Some(self.agent.to_string());
        let subscribe = Call::Subscribe {
            agent,
            session: None,
        };
        let authorize = Call::Authorize { user };
        match self.opening {
            Opening::Bmminer => vec![
                ask(Ask::needed, subscribe).before_next(),
                ask(Ask::optional, Call::ExtranonceSubscribe),
                ask(Ask::needed, authorize).before_next(),
                ask(Ask::optional, Call::Other("mining.multi_version".into())),
            ],
            Opening::EspMiner => {
                let configure = Call::Configure {
                    version_rolling: Some(u32::MAX),
                    others: Vec::new(),
                };
                vec![
                    ask(Ask::needed, subscribe),
                    ask(Ask::needed, configure),
                    ask(Ask::optional, Call::SuggestDifficulty(self.suggests)),
                    ask(Ask::needed, authorize),
                ]
            }
        }
    }

    /// The order of the keys in its requests.
    pub(crate) fn keys(&self) -> Keys {
        match self.opening {
            Opening::Bmminer => Keys::ParamsFirst,
            Opening::EspMiner => Keys::IdFirst,
        }
    }
}

#[cfg(test)]
mod tests {
    use thermine_units::model::Model;
    use thermine_units::model::agent::{Says, is_of_a_computer, says};

    use super::*;

    #[test]
    fn simulated_firmware_is_known_for_its_own_model_and_for_no_other() {
        let models = [
            (Model::AntminerS9, BMMINER.agent),
            (Model::LuckyMinerLv06, LV06.agent),
            (Model::GoldshellLbBox, LB_BOX.agent),
        ];
        for (model, _) in models {
            for (of, agent) in models {
                let said = says(model, agent);
                assert_eq!(said == Says::This, of == model, "{agent} on {model}");
                assert_eq!(
                    matches!(said, Says::Another(_)),
                    of != model,
                    "{agent} on {model}"
                );
            }
        }
    }

    #[test]
    fn no_simulated_firmware_is_taken_for_a_program_of_a_computer() {
        for firmware in [BMMINER, LV06, LB_BOX] {
            assert!(!is_of_a_computer(firmware.agent));
        }
    }
}
