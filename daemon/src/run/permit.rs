//! Passes on to the proxy what a unit's interlock says.

use thermine_drivers::interlock::{Permission, paused, withheld};
use thermine_proxy::Hub;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use thermine_lab::config::{Config, Wires};

/// Why a unit gets no work from the proxy between two interlocks.
const ENDED: &str = "its interlock has ended";

/// The say that one interlock has in whether the proxy gives its unit work. Dropped, the unit gets none.
#[derive(Debug)]
pub(super) struct Permit {
    hub: Hub,
    unit: String,
    _follows: AbortOnDropHandle<()>,
}

impl Permit {
    /// Follows `permission`, that of the interlock of `unit`, from now on.
    pub(super) fn follow(
        hub: Hub,
        unit: &str,
        mut permission: watch::Receiver<Permission>,
    ) -> Permit {
        let interlock = hub.hand_over(unit, ENDED);
        let (proxy, name) = (hub.clone(), unit.to_owned());
        let follows = tokio::spawn(async move {
            loop {
                permission.mark_unchanged();
                let cause = withheld(&permission);
                // A pause leaves the unit what it had: work, or none.
                if cause.is_some() || !paused(&permission) {
                    let why = cause.map(|cause| cause.hazard.to_string().into());
                    proxy.permit(&name, interlock, why);
                }
                if permission.changed().await.is_err() {
                    proxy.hand_over(&name, ENDED);
                    return;
                }
            }
        });
        Permit {
            hub,
            unit: unit.to_owned(),
            _follows: AbortOnDropHandle::new(follows),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.hub.hand_over(&self.unit, ENDED);
    }
}

/// From now on the proxy gives the unit of `config` work only while an interlock permits it. Bare chips never connect.
pub(super) fn watch(hub: &Hub, config: &Config) {
    if let Ok(Wires::Network { stratum, api }) = config.wires() {
        let address = stratum.connects_from.unwrap_or(api.address.ip());
        hub.watch(&config.unit.name, &stratum.worker, address);
    }
}
