//! The key that profiles are signed with. It is never shown.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use thermine_capture::secret_file;

/// Environment variable that holds the key where no file is named.
pub(super) const VARIABLE: &str = "THERMINE_PUF_KEY";

/// How the user can make a key.
const MAKE: &str = "make one with `(umask 077; openssl rand -hex 32 > puf.key)`";

/// Longest key file that is read, in bytes.
const MOST_BYTES: u64 = 4096;

/// Fewest bytes of a key.
const FEWEST_BYTES: usize = 32;

/// A key of 32 bytes or more. `Debug` does not show it.
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Key {
    /// The key in `file` or, without one, in the environment variable `THERMINE_PUF_KEY`.
    ///
    /// # Errors
    /// If there is none, others can read or change it, or it is too short. No error shows any part of it.
    pub fn load(file: Option<&Path>) -> Result<Key> {
        if let Some(file) = file {
            return Key::read(file).with_context(|| format!("the key {}", file.display()));
        }
        match std::env::var(VARIABLE) {
            Ok(text) => Key::parse(&text).with_context(|| format!("the key in {VARIABLE}")),
            Err(std::env::VarError::NotPresent) => {
                bail!(
                    "a profile is signed with your key: name its file with --key ({MAKE}), or set {VARIABLE}"
                )
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                bail!("the key in {VARIABLE} is not hexadecimal")
            }
        }
    }

    fn read(file: &Path) -> Result<Key> {
        if !file.exists() {
            bail!("there is no such file: {MAKE}");
        }
        Key::parse(&secret_file::read(file, MOST_BYTES)?)
    }

    fn parse(text: &str) -> Result<Key> {
        let Ok(bytes) = hex::decode(text.trim()) else {
            bail!("is not hexadecimal: {MAKE}");
        };
        if bytes.len() < FEWEST_BYTES {
            bail!("is shorter than {FEWEST_BYTES} bytes: {MAKE}");
        }
        Ok(Key(bytes))
    }

    /// A name that reveals nothing of the key: 8 bytes of the code of a fixed text.
    pub(super) fn id(&self) -> String {
        let code = self.mac(b"name of this key").finalize().into_bytes();
        hex::encode(&code[..8])
    }

    /// Signature of `message`: HMAC-SHA-256 (RFC 2104), in hexadecimal.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.mac(message).finalize().into_bytes())
    }

    /// Whether `signature` is that of `message`; in constant time.
    pub(super) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        hex::decode(signature).is_ok_and(|code| self.mac(message).verify_slice(&code).is_ok())
    }

    /// A key that everybody knows.
    #[cfg(any(test, fuzzing))]
    pub(super) fn fixed() -> Key {
        Key(vec![7; FEWEST_BYTES])
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(message);
        mac
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    pub(in crate::puf) fn key(byte: u8) -> Key {
        Key(vec![byte; 32])
    }

    #[test]
    fn a_published_code() {
        // RFC 4231, test case 2; its key is shorter than ours may be.
        let key = Key(b"Jefe".to_vec());
        let code = key.sign(b"what do ya want for nothing?");
        assert_eq!(
            code,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(key.verifies(b"what do ya want for nothing?", &code));
        assert!(!key.verifies(b"what do ya want for nothing!", &code));
        assert!(!key.verifies(b"what do ya want for nothing?", "5bdc"));
    }

    #[test]
    fn a_key_is_refused_with_its_reason_and_never_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("puf.key");
        let secret = "5e".repeat(32);
        let set = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
        };
        std::fs::write(&file, &secret).expect("written");
        set(0o640);
        let said = format!("{:#}", Key::load(Some(&file)).expect_err("open to a group"));
        assert!(
            said.contains("mode 640") && !said.contains("5e5e"),
            "{said}"
        );
        set(0o600);
        let key = Key::load(Some(&file)).expect("a key");
        assert_eq!(format!("{key:?}"), "[redacted]");
        assert!(!secret.contains(&key.id()));
        std::fs::write(&file, "5e5e5e").expect("written");
        let said = format!("{:#}", Key::load(Some(&file)).expect_err("short"));
        assert!(
            said.contains("shorter than 32") && !said.contains("5e5e"),
            "{said}"
        );
        std::fs::write(&file, "no key at all").expect("written");
        let said = format!("{:#}", Key::load(Some(&file)).expect_err("no hex"));
        assert!(
            said.contains("hexadecimal") && !said.contains("no key"),
            "{said}"
        );
        assert!(Key::load(Some(&dir.path().join("none"))).is_err());
        assert!(Key::load(Some(dir.path())).is_err());
    }
}
