//! The reply to `mining.subscribe`: the part of the header space that a miner is given.

use serde_json::{Value, json};

use crate::loose::size;

/// Longest name of a session that is kept.
const MOST_SESSION: usize = 128;

/// What a miner has subscribed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscribed {
    /// Name of the subscription, by which it can be resumed. A server that resumes none leaves it out.
    pub session: Option<String>,
    /// First extranonce, as it stands in the coinbase.
    pub extranonce1: Vec<u8>,
    /// Length of extranonce2 in bytes.
    pub extranonce2_len: usize,
}

impl Subscribed {
    /// The result of `mining.subscribe`. Without a session its name is the extranonce1, as some firmware wants one.
    pub(crate) fn result(&self) -> Value {
        let extranonce1 = hex::encode(&self.extranonce1);
        let session = self.session.as_ref().unwrap_or(&extranonce1);
        json!([
            [
                ["mining.set_difficulty", session],
                ["mining.notify", session]
            ],
            extranonce1,
            self.extranonce2_len
        ])
    }

    /// Reads such a result; `None` if it has no extranonces. The session is the id of the subscription to
    /// `mining.notify`.
    pub(crate) fn read(result: &Value) -> Option<Subscribed> {
        let subscriptions = result[0].as_array().map_or(&[][..], Vec::as_slice);
        // Some pools send the one pair without a list around it.
        let flat = std::slice::from_ref(&result[0]);
        let session = subscriptions
            .iter()
            .chain(flat)
            .find(|pair| pair[0] == "mining.notify")
            .and_then(|pair| pair[1].as_str())
            .filter(|session| session.len() <= MOST_SESSION)
            .map(str::to_owned);
        Some(Subscribed {
            session,
            extranonce1: hex::decode(result[1].as_str()?).ok()?,
            extranonce2_len: size(&result[2])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribed(session: Option<&str>, extranonce1: &[u8], len: usize) -> Option<Subscribed> {
        Some(Subscribed {
            session: session.map(str::to_owned),
            extranonce1: extranonce1.to_vec(),
            extranonce2_len: len,
        })
    }

    #[test]
    fn replies_of_pools_are_read() {
        let reply = json!([
            [["mining.set_difficulty", "d"], ["mining.notify", "s"]],
            "0a0b",
            8
        ]);
        let read = |reply: Value| Subscribed::read(&reply);
        assert_eq!(read(reply), subscribed(Some("s"), &[0x0a, 0x0b], 8));
        assert_eq!(read(json!([[], "", 4])), subscribed(None, &[], 4));
        let flat = read(json!([["mining.notify", "s"], "0a", "4"]));
        assert_eq!(flat, subscribed(Some("s"), &[0x0a], 4));
        assert_eq!(read(json!([[], "0a0"])), None);
    }

    #[test]
    fn our_own_reply_is_read_back() {
        let named = subscribed(Some("s7"), &[1, 2, 3, 4], 8).expect("one");
        assert_eq!(Subscribed::read(&named.result()), Some(named));
    }
}
