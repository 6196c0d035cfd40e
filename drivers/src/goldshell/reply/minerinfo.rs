//! `/dbg/minerinfo`: what the cgminer API answers to `devs`, printed for people.
//!
//! ```text
//! [PGA0] =>
//! (
//!    [Name] => INCS
//!    [MHS 20s] => 175000.50
//! )
//! ```

use serde_json::{Map, Value};

use super::Unreadable;
use crate::cgminer::reply::Device;
use crate::cgminer::reply::fields::Fields;

/// Devices that are read.
const MOST: usize = 16;

/// The devices of a `/dbg/minerinfo` reply, in its order.
///
/// # Errors
/// If the text has no `[PGA…]` block.
pub fn minerinfo(bytes: &[u8]) -> Result<Vec<Device>, Unreadable> {
    let text = String::from_utf8_lossy(bytes);
    let mut blocks: Vec<Map<String, Value>> = Vec::new();
    let mut in_device = false;
    for line in text.lines() {
        let Some((key, value)) = entry(line) else {
            continue;
        };
        if value.is_empty() || value == "(" || value == "Array" {
            in_device = is_device(key) && blocks.len() < MOST;
            if in_device {
                blocks.push(Map::new());
            }
        } else if in_device && let Some(block) = blocks.last_mut() {
            block.insert(key.to_owned(), Value::String(value.to_owned()));
        }
    }
    if blocks.is_empty() {
        return Err(Unreadable::Lacks("block [PGA0]"));
    }
    Ok(blocks
        .iter()
        .map(|block| Device::read(Fields(block)))
        .collect())
}

/// Key and value of `[key] => value`.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().strip_prefix('[')?.split_once(']')?;
    Some((key, value.trim().strip_prefix("=>")?.trim()))
}

/// `PGA` and a number.
fn is_device(key: &str) -> bool {
    key.strip_prefix("PGA")
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_units::quantity::{Celsius, HashRate, Rpm};

    #[test]
    fn each_block_is_a_device() {
        let text = "[STATUS] =>\n(\n   [STATUS] => S\n   [Msg] => 1 PGA(s)\n)\n\n[PGA0] =>\n(\n   [PGA] => 0\n   \
                    [Name] => INCS\n   [MHS 20s] => 175000.50\n   [tstemp-0] => 70.5\n   [tstemp-1] => 73.5\n   \
                    [tstemp-2] => 61\n   [fan0] => 1500\n   [fan1] => 0\n   [Hardware Errors] => x\n)\n";
        let devices = minerinfo(text.as_bytes()).expect("readable");
        let [device] = &devices[..] else {
            panic!("{devices:?}")
        };
        assert_eq!(device.name.as_deref(), Some("INCS"));
        assert_eq!(device.hash_rate, Some(HashRate(175_000.5e6)));
        assert_eq!(device.chip_temp, Some(Celsius(73.5)));
        assert_eq!(device.pcb_temp, Some(Celsius(61.0)));
        assert_eq!(device.fans, [Rpm(1500.0), Rpm(0.0)]);
        assert_eq!(device.hardware_errors, None);
    }

    #[test]
    fn text_without_devices_is_unreadable() {
        for text in ["", "404", "[PGA] => 0", "[STATUS] =>\n[Msg] => 0 PGA(s)"] {
            assert!(minerinfo(text.as_bytes()).is_err(), "{text}");
        }
    }
}
