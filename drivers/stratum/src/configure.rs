//! `mining.configure` (BIP 310): which extensions a miner asks for, and what it is granted.

use serde_json::{Value, json};

use crate::loose::{hex_number, hex_u32};
use crate::refusal::Refusal;
use thermine_units::pow::work::BIP320_MASK;

/// The extension of `mining.configure` that miners roll version bits by.
pub(crate) const VERSION_ROLLING: &str = "version-rolling";

/// The extension that stands for `mining.extranonce.subscribe`.
pub(crate) const SUBSCRIBE_EXTRANONCE: &str = "subscribe-extranonce";

/// Other extensions of one request that are answered, and the longest name of one.
const MOST_EXTENSIONS: usize = 16;
const MOST_EXTENSION: usize = 64;

/// Extensions of `mining.configure` beside version rolling: each is to be answered (BIP 310).
pub(crate) fn other_extensions(params: &[Value]) -> Vec<String> {
    let asked = params.first().and_then(Value::as_array);
    let names = asked.into_iter().flatten().filter_map(Value::as_str);
    names
        .filter(|name| *name != VERSION_ROLLING && name.len() <= MOST_EXTENSION)
        .take(MOST_EXTENSIONS)
        .map(str::to_owned)
        .collect()
}

/// The version bits that a miner would roll; `None` if it does not ask for version rolling.
pub(crate) fn version_rolling(params: &[Value]) -> Result<Option<u32>, String> {
    let asked = params
        .first()
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|name| name == VERSION_ROLLING));
    if !asked {
        return Ok(None);
    }
    match params.get(1).and_then(|o| o.get("version-rolling.mask")) {
        // BIP 310: without a mask, all bits.
        None => Ok(Some(u32::MAX)),
        Some(Value::String(mask)) => hex_u32("version-rolling.mask", mask).map(Some),
        Some(other) => Err(format!("version-rolling.mask {other} is not a hex string")),
    }
}

/// The result of `mining.configure`: the version bits that are granted, if any were asked for, and each other extension.
pub(crate) fn configured(granted: Option<u32>, others: &[String]) -> Value {
    let mut result = serde_json::Map::new();
    if let Some(mask) = granted {
        result.insert(VERSION_ROLLING.into(), json!(mask != 0));
        let mask = format!("{mask:08x}");
        result.insert(format!("{VERSION_ROLLING}.mask"), json!(mask));
    }
    for name in others {
        result.insert(name.clone(), json!(name == SUBSCRIBE_EXTRANONCE));
    }
    Value::Object(result)
}

/// Version bits granted by the reply to `mining.configure`; none if it is a refusal.
pub(crate) fn granted(outcome: &Result<Value, Refusal>) -> u32 {
    let Ok(reply) = outcome else { return 0 };
    if reply[VERSION_ROLLING] == false {
        return 0;
    }
    hex_number(&reply["version-rolling.mask"]).unwrap_or(0) & BIP320_MASK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Call, Request};

    #[test]
    fn every_extension_of_configure_is_heard_and_answered() {
        let configure = Request::parse(
            r#"{"id":1,"method":"mining.configure","params":[["minimum-difficulty","version-rolling","subscribe-extranonce",7],{"version-rolling.mask":"1fffe000"}]}"#,
        )
        .expect("a request");
        let Call::Configure {
            version_rolling,
            others,
        } = configure.call
        else {
            panic!("{configure:?}");
        };
        assert_eq!(others, ["minimum-difficulty", "subscribe-extranonce"]);
        let mask = version_rolling.map(|asked| asked & 0x0fff_e000);
        assert_eq!(
            configured(mask, &others),
            json!({
                "version-rolling": true, "version-rolling.mask": "0fffe000",
                "minimum-difficulty": false, "subscribe-extranonce": true,
            })
        );
        assert_eq!(configured(None, &[]), json!({}));
    }

    #[test]
    fn what_a_pool_grants_is_read() {
        let mask = json!({"version-rolling": true, "version-rolling.mask": "1fffe000"});
        assert_eq!(granted(&Ok(mask)), BIP320_MASK);
        let wide = json!({"version-rolling.mask": "0xffffffff"});
        assert_eq!(granted(&Ok(wide)), BIP320_MASK);
        let no = json!({"version-rolling": false, "version-rolling.mask": "1fffe000"});
        assert_eq!(granted(&Ok(no)), 0);
        assert_eq!(granted(&Err(Refusal::new(20, "what?"))), 0);
    }
}
