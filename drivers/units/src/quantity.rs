//! Physical quantities as types, so that a temperature cannot be passed where a clock rate is wanted.

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)?;
                f.write_str(concat!(" ", $unit))
            }
        }
    };
}

quantity!(
    /// A temperature in degrees Celsius.
    Celsius,
    "°C"
);
quantity!(
    /// A clock rate in megahertz.
    MegaHertz,
    "MHz"
);
quantity!(
    /// A voltage in volts.
    Volts,
    "V"
);
quantity!(
    /// A power in watts.
    Watts,
    "W"
);
quantity!(
    /// A hash rate in hashes per second.
    HashRate,
    "H/s"
);
quantity!(
    /// A fan speed in revolutions per minute.
    Rpm,
    "rpm"
);

impl HashRate {
    /// From the gigahashes per second that Bitcoin firmware reports.
    pub fn from_ghs(ghs: f64) -> HashRate {
        HashRate(ghs * 1e9)
    }

    /// This rate if a unit can mean it: not negative, and not above 10^24 H/s, a thousand times all Bitcoin
    /// miners together. A sum of such is finite.
    pub fn credible(self) -> Option<HashRate> {
        (0.0..=1e24).contains(&self.0).then_some(self)
    }
}
