//! Which connections may have work.
//!
//! A unit that an interlock watches gets work only while that interlock permits it: not before its first reading, not
//! while it is lost or has tripped, and not after its interlock has ended. A connection is matched with watched units
//! by its worker name and its address:
//!
//! | the connection has | it gets work while |
//! | --- | --- |
//! | name and address of a watched unit | that unit is permitted |
//! | the address of watched units, but none of their names | any of these units is permitted |
//! | the name of watched units, but none of their addresses | all of these units are permitted |
//! | neither | always: no interlock watches it |
//!
//! So a unit that has tripped gets nothing under another name, unless another watched unit shares its address; and
//! nothing through another address, unless that address belongs to a unit with the same name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a unit without a first reading gets no work.
const UNREAD: &str = "its temperatures have not been read yet";

/// The watched units, by their name in the configuration.
#[derive(Debug, Default)]
pub(crate) struct Permits(HashMap<String, Watched>);

#[derive(Debug)]
struct Watched {
    worker: String,
    address: IpAddr,
    /// Number of the interlock that has the say.
    interlock: u64,
    /// Why it gets no work; `None` if it may have some.
    withheld: Option<Arc<str>>,
}

impl Permits {
    /// From now on the connections of `unit` get work only while an interlock permits it.
    pub(crate) fn watch(&mut self, unit: &str, worker: &str, address: IpAddr) {
        let interlock = self.0.get(unit).map_or(0, |known| known.interlock + 1);
        let watched = Watched {
            worker: worker.to_owned(),
            address: address.to_canonical(),
            interlock,
            withheld: Some(UNREAD.into()),
        };
        self.0.insert(unit.to_owned(), watched);
    }

    /// No interlock watches `unit` any more: it has left the configuration.
    pub(crate) fn forget(&mut self, unit: &str) {
        self.0.remove(unit);
    }

    /// Withholds work from `unit` because of `why`. Returns the number under which its next interlock may
    /// [`say`](Permits::say) otherwise; earlier interlocks have no say any more.
    pub(crate) fn hand_over(&mut self, unit: &str, why: &str) -> u64 {
        let Some(watched) = self.0.get_mut(unit) else {
            return 0;
        };
        watched.interlock += 1;
        watched.withheld = Some(why.into());
        watched.interlock
    }

    /// What the interlock with this number says of `unit`: why it gets no work, or that it may have some.
    pub(crate) fn say(&mut self, unit: &str, interlock: u64, withheld: Option<Arc<str>>) {
        if let Some(watched) = self.0.get_mut(unit)
            && watched.interlock == interlock
        {
            watched.withheld = withheld;
        }
    }

    /// Why a connection gets no work; `None` if it may have some.
    pub(crate) fn refusal(&self, worker: &str, address: IpAddr) -> Option<Arc<str>> {
        let address = address.to_canonical();
        let named = |watched: &&Watched| watched.worker == worker;
        let here = |watched: &&Watched| watched.address == address;
        let all = || self.0.values();
        let withheld = |watched: &Watched| watched.withheld.clone();
        if all().any(|watched| named(&watched) && here(&watched)) {
            return all().filter(named).filter(here).find_map(withheld);
        }
        if all().any(|watched| here(&watched)) {
            let reasons: Option<Vec<Arc<str>>> = all().filter(here).map(withheld).collect();
            return reasons?.into_iter().next();
        }
        all().filter(named).find_map(withheld)
    }

    /// Whether `worker` is the name of a watched unit.
    pub(crate) fn watches(&self, worker: &str) -> bool {
        self.0.values().any(|watched| watched.worker == worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 5));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 6));

    fn of(units: &[(&str, IpAddr)]) -> Permits {
        let mut permits = Permits::default();
        for (unit, address) in units {
            permits.watch(unit, unit, *address);
        }
        permits
    }

    fn permit(permits: &mut Permits, unit: &str) -> u64 {
        let interlock = permits.hand_over(unit, "unread");
        permits.say(unit, interlock, None);
        interlock
    }

    #[test]
    fn a_unit_gets_work_only_while_its_newest_interlock_permits_it() {
        let mut permits = of(&[("a", HERE)]);
        assert_eq!(permits.refusal("a", HERE).as_deref(), Some(UNREAD));
        let first = permit(&mut permits, "a");
        assert_eq!(permits.refusal("a", HERE), None);
        permits.say("a", first, Some("hot".into()));
        assert_eq!(permits.refusal("a", HERE).as_deref(), Some("hot"));
        permits.hand_over("a", "ended");
        permits.say("a", first, None);
        assert_eq!(permits.refusal("a", HERE).as_deref(), Some("ended"));
        permit(&mut permits, "a");
        permits.watch("a", "a", HERE);
        assert!(permits.refusal("a", HERE).is_some(), "configured again");
        permits.forget("a");
        assert_eq!(permits.refusal("a", HERE), None);
    }

    #[test]
    fn another_name_or_another_address_is_no_way_around() {
        let mut permits = of(&[("a", HERE)]);
        assert!(permits.refusal("alias", HERE).is_some());
        assert!(permits.refusal("a", THERE).is_some());
        assert_eq!(permits.refusal("stranger", THERE), None);
        let mapped: IpAddr = "::ffff:10.0.0.5".parse().expect("an address");
        assert!(permits.refusal("alias", mapped).is_some());
        permit(&mut permits, "a");
        for (worker, address) in [("a", HERE), ("alias", HERE), ("a", THERE), ("a", mapped)] {
            assert_eq!(permits.refusal(worker, address), None);
        }
    }

    #[test]
    fn units_that_share_an_address_or_a_name_do_not_bar_each_other() {
        let mut permits = of(&[("a", HERE), ("b", HERE), ("c", THERE)]);
        permits.watch("c", "a", THERE);
        permit(&mut permits, "b");
        assert!(permits.refusal("a", HERE).is_some());
        assert_eq!(permits.refusal("b", HERE), None);
        assert_eq!(permits.refusal("neither", HERE), None);
        permit(&mut permits, "c");
        assert_eq!(permits.refusal("a", THERE), None);
        assert!(permits.refusal("a", HERE).is_some());
    }
}
