//! What a unit's web backend answers, path by path, as pure functions of the reply's bytes.
//!
//! Every field is optional: what a firmware leaves out, or fills with something that cannot be meant, is
//! `None`, and the fields beside it keep their values.

mod devs;
mod history;
mod minerinfo;
mod plan;
mod pools;
mod setting;
mod status;

use serde_json::{Map, Value};

pub use self::devs::{Board, devs};
pub use self::history::{MINUTES, history};
pub use self::minerinfo::minerinfo;
pub use self::plan::PowerPlan;
pub use self::pools::{Pool, pools};
pub use self::setting::{Plan, Setting};
pub use self::status::status;

/// A reply from which nothing can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The answer is no JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It is JSON, or text, of another make.
    #[error("there is no {0} in it")]
    Lacks(&'static str),
}

fn json(bytes: &[u8]) -> Result<Value, Unreadable> {
    // Made to a value first: the errors of that quote nothing of the text.
    // Some firmware sends its degree sign in Latin-1: what is no UTF-8 becomes U+FFFD.
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(&text).map_err(|error| Unreadable::NotJson(error.to_string()))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    match json(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(Unreadable::Lacks("object")),
    }
}
