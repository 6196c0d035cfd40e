//! The words of a login: the enciphered password, and the token that comes back.

use aes::Aes128;
use cbc::cipher::block_padding::ZeroPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use serde_json::Value;

use thermine_units::secret::Secret;

/// Key of all units: sixteen exclamation marks. Published by several independent clients, and no secret.
const KEY: [u8; 16] = [b'!'; 16];
/// Initial vector of all units.
const IV: [u8; 16] = [0; 16];

/// Who a unit is told that we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name of the web page.
    pub user: String,
    /// Password in plain text.
    pub password: Secret,
}

impl Default for Credentials {
    /// What a unit is delivered with.
    fn default() -> Credentials {
        Credentials {
            user: "admin".to_owned(),
            password: Secret::new("123456789"),
        }
    }
}

impl Credentials {
    /// The password as `cipher=true` wants it: see `cipher`.
    pub fn enciphered(&self) -> String {
        cipher(&self.password)
    }
}

/// What a unit said to a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The token that opens everything else.
    Token(Secret),
    /// JSON without a token: the password is wrong.
    NoToken,
    /// Something else. Of some firmware this means: ask again with the password enciphered.
    NotJson,
}

/// The password as `cipher=true` wants it: hexadecimal AES-128-CBC. Zeros fill the last block, and no block
/// is added where none is begun.
fn cipher(password: &Secret) -> String {
    let encryptor = cbc::Encryptor::<Aes128>::new(&KEY.into(), &IV.into());
    hex::encode(encryptor.encrypt_padded_vec::<ZeroPadding>(password.expose().as_bytes()))
}

/// Reads the reply to a login. The key has a blank in it.
pub(super) fn answer(body: &[u8]) -> Answer {
    match serde_json::from_slice::<Value>(body) {
        Ok(reply) => match reply.get("JWT Token").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => Answer::Token(Secret::new(token)),
            _ => Answer::NoToken,
        },
        Err(_) => Answer::NotJson,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_password_enciphers_as_published() {
        let cipher = cipher(&Credentials::default().password);
        assert_eq!(cipher, "bbad7537f4c8b6ea31eea0b3d760e257");
    }

    #[test]
    fn a_whole_block_gets_no_second_one() {
        assert_eq!(cipher(&Secret::new("0123456789abcdef")).len(), 32);
        assert_eq!(cipher(&Secret::new("0123456789abcdefg")).len(), 64);
        assert_eq!(cipher(&Secret::new("")), "");
    }

    #[test]
    fn a_login_is_answered_with_a_token_or_without() {
        let token = Answer::Token(Secret::new("a.b.c"));
        assert_eq!(answer(br#"{"JWT Token":"a.b.c"}"#), token);
        for body in [r#"{"JWT Token":""}"#, "{}", "[]", r#"{"JWT Token":7}"#] {
            assert_eq!(answer(body.as_bytes()), Answer::NoToken, "{body}");
        }
        for body in ["", "<html>", "{\"JWT Token\":\"a"] {
            assert_eq!(answer(body.as_bytes()), Answer::NotJson, "{body}");
        }
    }
}
