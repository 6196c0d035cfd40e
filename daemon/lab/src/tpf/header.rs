//! The block header whose nonces are hashed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thermine_units::pow::sha256d::HEADER_LEN;

/// Header of Bitcoin's block 125,552.
const BLOCK_125552: &str = "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695";

/// A block header, as text in hexadecimal. Its own nonce is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Header(pub(super) [u8; HEADER_LEN]);

impl Default for Header {
    fn default() -> Header {
        BLOCK_125552.parse().expect("the constant is a header")
    }
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Header, String> {
        let bytes = hex::decode(text.trim()).map_err(|error| error.to_string())?;
        let header = bytes.try_into();
        header.map(Header).map_err(|bytes: Vec<u8>| {
            format!("a block header has {HEADER_LEN} bytes, not {}", bytes.len())
        })
    }
}

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(text: String) -> Result<Header, String> {
        text.parse()
    }
}

impl From<Header> for String {
    fn from(header: Header) -> String {
        header.to_string()
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_and_anything_else_is_refused() {
        let header = Header::default();
        assert_eq!(header.to_string(), BLOCK_125552);
        let json = serde_json::to_string(&header).expect("JSON");
        assert_eq!(serde_json::from_str::<Header>(&json).expect("read"), header);
        assert!(
            "00ff"
                .parse::<Header>()
                .is_err_and(|error| error.contains("80 bytes, not 2"))
        );
        assert!("no header".parse::<Header>().is_err());
    }
}
