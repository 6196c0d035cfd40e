//! What the firmware of a simulated Box is: names, password, power plans, and what is wrong with it.

use std::num::NonZeroU32;

use thermine_drivers::goldshell::Secret;

/// What the web backend is set up with.
#[derive(Debug, Clone, PartialEq)]
pub struct Firmware {
    /// `model` of `/mcb/status`. By analogy with `Goldshell-SCBox`.
    pub model: String,
    /// `hardware` of `/mcb/status`.
    pub hardware: String,
    /// `mcbversion` of `/mcb/status`.
    pub controller: String,
    /// `firmware` of `/mcb/status`.
    pub version: String,
    /// Network address, the unit's name in `/mcb/setting`.
    pub mac: String,
    /// Password of the user `admin`.
    pub password: Secret,
    /// The token: the same at every login, without expiry.
    pub token: Secret,
    /// Power plans, as pairs of level and text. The captured units have levels 0 and 3.
    pub plans: Vec<(u64, String)>,
    /// What is wrong with it.
    pub faults: Faults,
}

/// Misbehaviour that has been seen of real units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// One request in so many is refused with 401 though its token is good. Real units: some 200.
    pub spurious_401: Option<NonZeroU32>,
    /// `devs` is answered with 500.
    pub devs_fails: bool,
    /// A login with `cipher=false` is answered with something that is no JSON.
    pub ciphered_login_only: bool,
    /// No token is asked for, as by old firmware.
    pub open: bool,
}

impl Default for Firmware {
    /// As delivered, in working order. The plan of level 0 is the LB1's; the captured units' is
    /// `725 MHz 0.41 V 70 RPM 70 RPM`.
    fn default() -> Firmware {
        Firmware {
            model: "Goldshell-LBBox".to_owned(),
            hardware: "40.40.HA".to_owned(),
            controller: "MCB_V5_4".to_owned(),
            version: "2.2.5".to_owned(),
            // Locally administered: no maker's.
            mac: "02:00:00:4c:42:01".to_owned(),
            password: Secret::new("123456789"),
            token: Secret::new("c2ltdWxhdGVk.Ym94.dG9rZW4"),
            plans: vec![
                (0, "750 MHz 0.43 V 70 RPM 70 RPM".to_owned()),
                (3, "0 MHz 0 V 70 RPM 70 RPM".to_owned()),
            ],
            faults: Faults::default(),
        }
    }
}
