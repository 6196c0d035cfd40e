//! The miner that logs in is the one that the interlock watches.
//!
//! A worker name proves nothing: any machine on the network can log in with it, and the interlock would then watch one
//! unit while another is driven. So the Stratum connection must come from the address of the unit's API, and the
//! firmware that it names must not be another model's. All addresses of loopback are one machine. Where a router or a
//! proxy stands between, `stratum.connects_from` names the address that the connection comes from.

use std::net::{IpAddr, SocketAddr};

use thermine_stratum::server::Admit;
use thermine_units::model::Model;
use thermine_units::model::agent::{self, Says};

use crate::config::{Api, Config, Stratum};

/// Longest part of an agent that is shown.
const SHOWN: usize = 60;

/// Decides whether a connection is the one of the unit of `config`, whose API is `api`.
pub(crate) fn admit(config: &Config, stratum: &Stratum, api: &Api) -> Admit {
    let expected = Expected {
        name: config.unit.name.clone(),
        model: config.unit.model,
        watched: api.address.ip(),
        // One that this program plays comes from whatever address this machine has towards its own listener.
        from: match config.unit.simulated {
            Some(_) => None,
            None => Some(stratum.connects_from.unwrap_or(api.address.ip())),
        },
    };
    Admit::new(move |peer, agent| expected.check(peer, agent))
}

/// What is worth knowing of the firmware that has logged in, if it says nothing of the model.
pub(crate) fn remark(name: &str, model: Model, agent: Option<&str>) -> Option<String> {
    let agent = agent?;
    (agent::says(model, agent) == Says::Nothing).then(|| {
        format!(
            "{name}: its firmware calls itself `{}`, which does not confirm that it is a {model}",
            shown(agent)
        )
    })
}

/// Whether a connection from `peer` can be that of the unit of `config`.
pub fn comes_from(config: &Config, peer: IpAddr) -> bool {
    let named = config.stratum.as_ref().and_then(|one| one.connects_from);
    let api = config.api.as_ref().map(|api| api.address.ip());
    config.unit.simulated.is_some() || named.or(api).is_some_and(|from| same(peer, from))
}

/// Whether two addresses are of one machine.
fn same(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    a == b || (a.is_loopback() && b.is_loopback())
}

#[derive(Debug)]
struct Expected {
    name: String,
    model: Model,
    watched: IpAddr,
    from: Option<IpAddr>,
}

impl Expected {
    fn check(&self, peer: SocketAddr, agent: Option<&str>) -> Result<(), String> {
        let Expected {
            name,
            model,
            watched,
            from,
        } = self;
        let says = agent.map_or(Says::Nothing, |agent| agent::says(*model, agent));
        let what = if from.is_some_and(|from| !same(peer.ip(), from)) {
            format!(
                "Set the pool of {watched} to this machine, or give each unit its own worker name. If a router or a proxy \
                 stands between, set stratum.connects_from = \"{}\".",
                peer.ip().to_canonical()
            )
        } else if let Says::Another(what) = says {
            format!("That is the firmware of {what}: set unit.model to what the unit is.")
        } else {
            return Ok(());
        };
        Err(format!(
            "cannot drive {name}: the miner that logged in is not the one being watched\n  logged in   {}  {}\n  \
             watched     {watched}  {model}\n{what}",
            peer.ip().to_canonical(),
            agent.map_or_else(|| "names no firmware".into(), shown),
        ))
    }
}

/// What another machine has said, fit for a terminal.
fn shown(agent: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    agent.chars().take(SHOWN).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(watched: &str, peer: &str, agent: Option<&str>) -> Result<(), String> {
        let watched: IpAddr = watched.parse().expect("an address");
        let expected = Expected {
            name: "my-s9".into(),
            model: Model::AntminerS9,
            watched,
            from: Some(watched),
        };
        expected.check(SocketAddr::new(peer.parse().expect("an address"), 5), agent)
    }

    #[test]
    fn only_the_machine_that_is_watched_is_let_in() {
        let s9 = Some("bmminer/2.0.0");
        assert_eq!(check("192.168.1.40", "192.168.1.40", s9), Ok(()));
        assert_eq!(check("192.168.1.40", "::ffff:192.168.1.40", None), Ok(()));
        assert_eq!(check("127.0.0.1", "127.3.2.1", s9), Ok(()));
        assert_eq!(check("127.0.0.1", "::1", s9), Ok(()));
        for (watched, peer) in [
            ("192.168.1.40", "192.168.1.41"),
            ("192.168.1.40", "127.0.0.1"),
            ("127.0.0.1", "192.168.1.40"),
        ] {
            let refused = check(watched, peer, s9).expect_err("refused");
            assert!(
                refused.contains(watched) && refused.contains(peer),
                "{refused}"
            );
        }
    }

    #[test]
    fn another_models_firmware_is_refused_and_an_unknown_one_is_a_remark() {
        let other =
            check("10.0.0.1", "10.0.0.1", Some("bitaxe/BM1366/2.1.10")).expect_err("refused");
        assert!(other.contains("bitaxe/BM1366/2.1.10"), "{other}");
        assert_eq!(check("10.0.0.1", "10.0.0.1", Some("cgminer/4.12")), Ok(()));
        let remark = remark("my-s9", Model::AntminerS9, Some("cgminer/4.12\u{1b}[2J"));
        let remark = remark.expect("unknown");
        assert!(remark.contains("cgminer/4.12?[2J"), "{remark}");
        assert_eq!(
            super::remark("my-s9", Model::AntminerS9, Some("bmminer/2.0.0")),
            None
        );
    }
}
