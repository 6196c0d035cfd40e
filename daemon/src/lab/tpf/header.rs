//! The block header whose nonces are hashed.

use thermine_units::pow::sha256d::HEADER_LEN;

/// Header of Bitcoin's block 125,552.
pub(super) const DEFAULT: &str = "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695";

/// A header in hexadecimal.
#[derive(Debug, Clone, Copy)]
pub struct Header(pub [u8; HEADER_LEN]);

impl std::str::FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Header, String> {
        let bytes = hex::decode(text.trim()).map_err(|error| error.to_string())?;
        let header = bytes.try_into();
        header.map(Header).map_err(|bytes: Vec<u8>| {
            format!("a block header has {HEADER_LEN} bytes, not {}", bytes.len())
        })
    }
}

impl std::fmt::Display for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_and_anything_else_is_refused() {
        let header: Header = DEFAULT.parse().expect("a header");
        assert_eq!(header.to_string(), DEFAULT);
        assert!(
            "00ff"
                .parse::<Header>()
                .is_err_and(|error| error.contains("80 bytes, not 2"))
        );
        assert!("no header".parse::<Header>().is_err());
    }
}
