//! `/mcb/status`: who the unit is. The only path that needs no token.

use super::{Unreadable, object};
use crate::cgminer::reply::fields::Fields;
use thermine_units::unit::Identity;

/// View of a `/mcb/status` reply. The unit's network address, its only serial number, is in
/// [`Setting::serial`](super::Setting::serial).
///
/// # Errors
/// If the reply is no JSON object.
pub fn status(bytes: &[u8]) -> Result<Identity, Unreadable> {
    let object = object(bytes)?;
    let row = Fields(&object);
    Ok(Identity {
        model: row.text("model"),
        firmware: row.text("firmware"),
        api: row.text("mcbversion"),
        serial: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_an_identity() {
        let identity = status(
            br#"{"hardware":"40.40.HA","model":"Goldshell-SCBox","mcbversion":"MCB_V5_4","firmware":"2.2.5"}"#,
        )
        .expect("readable");
        assert_eq!(identity.model.as_deref(), Some("Goldshell-SCBox"));
        assert_eq!(identity.firmware.as_deref(), Some("2.2.5"));
        assert_eq!(identity.api.as_deref(), Some("MCB_V5_4"));
        assert_eq!(status(b"{}"), Ok(Identity::default()));
        assert!(status(b"[]").is_err() && status(b"<html>").is_err());
    }
}
