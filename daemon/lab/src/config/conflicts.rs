//! Units of one rack that would be taken for each other.

use std::net::SocketAddr;

use super::Config;

/// Every pair of units that would be taken for each other, in words, each with both names.
///
/// A connection is told by the port that it comes in on and by its worker name: two units with both the same would be
/// driven by each other's experiments, while the interlock of each watches its own. The same holds for two proxied units
/// with one worker name. That one unit is not driven twice is for the lock of its session.
pub(super) fn conflicts(driven: &[Config], proxied: &[Config]) -> Vec<String> {
    let mut found = Vec::new();
    let driven = pairs(driven).map(|(a, b)| (a, b, false));
    let proxied = pairs(proxied).map(|(a, b)| (a, b, true));
    for (a, b, is_proxied) in driven.chain(proxied) {
        let (first, second) = (&a.unit.name, &b.unit.name);
        if let (Some(one), Some(other)) = (&a.stratum, &b.stratum)
            && one.worker == other.worker
            && (is_proxied || one_listener(one.listen, other.listen))
        {
            let at = if is_proxied {
                "at the proxy".to_string()
            } else {
                format!("on {}", one.listen)
            };
            found.push(format!(
                "{first} and {second} both log in {at} as `{}`, so that either could be driven for the other: give each \
                 its own stratum.worker",
                one.worker
            ));
        }
    }
    found
}

fn pairs(units: &[Config]) -> impl Iterator<Item = (&Config, &Config)> {
    units
        .iter()
        .enumerate()
        .flat_map(move |(i, b)| units[..i].iter().map(move |a| (a, b)))
}

/// Whether connections to both addresses can reach one listener. Port 0 is always another one.
fn one_listener(a: SocketAddr, b: SocketAddr) -> bool {
    let (one, other) = (a.ip().to_canonical(), b.ip().to_canonical());
    let any = one.is_unspecified() || other.is_unspecified();
    a.port() == b.port() && a.port() != 0 && (one == other || any)
}

#[cfg(test)]
mod tests {
    use thermine_units::model::Model;

    use super::*;

    fn real(name: &str, listen: &str, worker: &str, api: &str) -> Config {
        let mut config = Config::simulated(Model::AntminerS9).expect("an example");
        config.unit.simulated = None;
        config.unit.name = name.into();
        let stratum = config.stratum.as_mut().expect("network");
        stratum.listen = listen.parse().expect("an address");
        stratum.worker = worker.into();
        config.api.as_mut().expect("network").address = api.parse().expect("an address");
        config
    }

    fn of(units: Vec<Config>, proxied: Vec<Config>) -> Vec<String> {
        conflicts(&units, &proxied)
    }

    #[test]
    fn two_units_on_one_port_under_one_name_are_named_both() {
        let a = real("a", "127.0.0.1:3333", "w", "10.0.0.1:4028");
        let found = of(
            vec![a.clone(), real("b", "127.0.0.1:3333", "w", "10.0.0.2:4028")],
            vec![],
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("a and b both log in on 127.0.0.1:3333 as `w`"),
            "{found:?}"
        );
        let anywhere = real("b", "0.0.0.0:3333", "w", "10.0.0.2:4028");
        assert_eq!(of(vec![a.clone(), anywhere], vec![]).len(), 1);
        for other in [
            real("b", "127.0.0.1:3333", "v", "10.0.0.2:4028"),
            real("b", "127.0.0.1:3334", "w", "10.0.0.2:4028"),
        ] {
            assert_eq!(of(vec![a.clone(), other], vec![]), Vec::<String>::new());
        }
        let free = |name: &str, api| real(name, "127.0.0.1:0", "w", api);
        let free = vec![free("a", "10.0.0.1:1"), free("b", "10.0.0.2:1")];
        assert_eq!(of(free.clone(), vec![]), Vec::<String>::new());
        let proxied = of(vec![], free);
        assert!(proxied[0].contains("at the proxy"), "{proxied:?}");
    }
}
