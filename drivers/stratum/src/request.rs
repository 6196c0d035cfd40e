//! What a miner says to its pool: requests, as values and as lines.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::configure::{VERSION_ROLLING, other_extensions, version_rolling};
use crate::loose::hex_u32;
use thermine_units::printable::printable;

/// A request with the id that its reply must carry.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Chosen by the client: any JSON value.
    pub id: Value,
    /// Method and parameters.
    pub call: Call,
}

/// The methods of a miner.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// `mining.subscribe`.
    Subscribe {
        /// Name and version of the firmware, if it said.
        agent: Option<String>,
        /// Session that the client would like to resume.
        session: Option<String>,
    },
    /// `mining.authorize`. The password is dropped while parsing: it is never needed, so it can never
    /// end in a log.
    Authorize {
        /// The worker that it would mine as.
        user: String,
    },
    /// `mining.configure` (BIP 310).
    Configure {
        /// Version bits that the miner would roll; `None` if it did not ask for version rolling.
        version_rolling: Option<u32>,
        /// Other extensions that it asked for, by name.
        others: Vec<String>,
    },
    /// `mining.extranonce.subscribe`.
    ExtranonceSubscribe,
    /// `mining.suggest_difficulty`; `None` if the number is missing.
    SuggestDifficulty(Option<f64>),
    /// `mining.submit`.
    Submit(Submit),
    /// Any other method, by name.
    Other(String),
    /// An answer to something that the pool asked (`client.get_version`), or a `pong`.
    Reply,
}

/// The parameters of `mining.submit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    /// Worker that found it.
    pub user: String,
    /// Job id as it came in `mining.notify`.
    pub job_id: String,
    /// Extranonce2, bytes as they stand in the coinbase.
    pub extranonce2: Vec<u8>,
    /// Block time that was hashed, in seconds since the Unix epoch.
    pub ntime: u32,
    /// Nonce that was hashed.
    pub nonce: u32,
    /// Rolled version bits (BIP 310), if the miner sent a sixth parameter.
    pub version_bits: Option<u32>,
}

/// A line that is not a request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or not an object with a method.
    #[error("not a Stratum request: {} in `{}`", printable(.reason), printable(.line))]
    Malformed {
        /// What the parser says.
        reason: String,
        /// Beginning of the line.
        line: String,
    },
    /// A known method with parameters that it does not take. The reply can still carry the id.
    #[error("{}: {}", printable(.method), printable(.reason))]
    Parameters {
        /// The request's id.
        id: Value,
        /// The method whose parameters they are.
        method: String,
        /// What is wrong with them.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    id: Value,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    result: Option<Value>,
}

impl Request {
    /// Parses one line.
    ///
    /// # Errors
    /// [`RequestError`] if it is not a request or its parameters are not the method's.
    pub fn parse(line: &str) -> Result<Request, RequestError> {
        let malformed = |reason: String| RequestError::Malformed {
            reason,
            line: line.chars().take(80).collect(),
        };
        let envelope: Envelope =
            // Some clients begin with a byte order mark.
            serde_json::from_str(line.trim_start_matches('\u{feff}'))
                .map_err(|error| malformed(error.to_string()))?;
        let Some(method) = envelope.method else {
            return match envelope.result {
                Some(_) => Ok(Request {
                    id: envelope.id,
                    call: Call::Reply,
                }),
                None => Err(malformed("no method".into())),
            };
        };
        let params = envelope.params.map_or("[]", RawValue::get);
        match Call::parse(&method, params) {
            Ok(call) => Ok(Request {
                id: envelope.id,
                call,
            }),
            Err(reason) => Err(RequestError::Parameters {
                id: envelope.id,
                method,
                reason,
            }),
        }
    }

    /// The request as a line, newline included, with `password` where the method has one. Keys in bmminer's
    /// order.
    pub fn to_line(&self, password: &str) -> String {
        let id = &self.id;
        match self.call.method_and_params(password) {
            Some((method, params)) => {
                format!(
                    "{{\"params\": {params}, \"id\": {id}, \"method\": {}}}\n",
                    json!(method)
                )
            }
            None => self.reply_line(),
        }
    }

    /// As [`to_line`](Request::to_line), with the keys in ESP-Miner's order.
    pub(crate) fn to_line_id_first(&self, password: &str) -> String {
        let id = &self.id;
        match self.call.method_and_params(password) {
            Some((method, params)) => {
                format!(
                    "{{\"id\": {id}, \"method\": {}, \"params\": {params}}}\n",
                    json!(method)
                )
            }
            None => self.reply_line(),
        }
    }

    fn reply_line(&self) -> String {
        format!(
            "{}\n",
            json!({"id": self.id, "result": true, "error": null})
        )
    }
}

impl Call {
    /// `None` for a reply, which has neither.
    fn method_and_params(&self, password: &str) -> Option<(&str, Value)> {
        Some(match self {
            Call::Subscribe { agent, session } => (
                "mining.subscribe",
                match (agent, session) {
                    (agent, Some(session)) => {
                        json!([agent.as_deref().unwrap_or_default(), session])
                    }
                    (agent, None) => json!(agent.iter().collect::<Vec<_>>()),
                },
            ),
            Call::Authorize { user } => ("mining.authorize", json!([user, password])),
            Call::Configure {
                version_rolling,
                others,
            } => {
                let rolling = version_rolling.map(|_| VERSION_ROLLING);
                let names = rolling.into_iter().chain(others.iter().map(String::as_str));
                let options = match version_rolling {
                    Some(mask) => json!({"version-rolling.mask": format!("{mask:08x}")}),
                    None => json!({}),
                };
                let params = json!([names.collect::<Vec<_>>(), options]);
                ("mining.configure", params)
            }
            Call::ExtranonceSubscribe => ("mining.extranonce.subscribe", json!([])),
            Call::SuggestDifficulty(difficulty) => {
                // Firmware writes an integer.
                let whole = difficulty.filter(|d| d.fract() == 0.0 && (0.0..9e15).contains(d));
                let params = match whole {
                    Some(whole) => json!([whole as u64]),
                    None => json!([difficulty]),
                };
                ("mining.suggest_difficulty", params)
            }
            Call::Submit(submit) => ("mining.submit", submit.params()),
            Call::Other(method) => (method.as_str(), json!([])),
            Call::Reply => return None,
        })
    }

    fn parse(method: &str, params: &str) -> Result<Call, String> {
        if method == "mining.submit" {
            return Submit::parse(params).map(Call::Submit);
        }
        let params: Vec<Value> = match (serde_json::from_str(params), method) {
            (Ok(params), _) => params,
            (Err(_), "mining.subscribe" | "mining.authorize" | "mining.configure") => {
                return Err("params is not a list".to_string());
            }
            // JSON-RPC 2.0 allows an object, of which no other method needs anything here.
            (Err(_), _) => Vec::new(),
        };
        let text = |index: usize| {
            params
                .get(index)
                .and_then(Value::as_str)
                .map(str::to_string)
        };
        Ok(match method {
            "mining.subscribe" => Call::Subscribe {
                agent: text(0),
                session: text(1),
            },
            "mining.authorize" => Call::Authorize {
                user: text(0).ok_or("the first parameter is not a worker name")?,
            },
            "mining.configure" => Call::Configure {
                version_rolling: version_rolling(&params)?,
                others: other_extensions(&params),
            },
            "mining.extranonce.subscribe" => Call::ExtranonceSubscribe,
            "mining.suggest_difficulty" => {
                Call::SuggestDifficulty(params.first().and_then(Value::as_f64))
            }
            "pong" => Call::Reply,
            other => Call::Other(other.to_string()),
        })
    }
}

impl Submit {
    fn parse(params: &str) -> Result<Submit, String> {
        let fields: Vec<Option<String>> = serde_json::from_str(params)
            .map_err(|_| "params is not a list of strings".to_string())?;
        // Some clients always send a sixth parameter, and leave it empty when they roll nothing.
        let (fields, version_bits) = match fields.as_slice() {
            [head @ .., None] if head.len() == 5 => (head, None),
            [head @ .., Some(bits)] if head.len() == 5 => match bits.trim() {
                "" => (head, None),
                bits => (head, Some(hex_u32("version bits", bits)?)),
            },
            all => (all, None),
        };
        let fields: Option<Vec<&String>> = fields.iter().map(Option::as_ref).collect();
        let fields = fields.ok_or("params is not a list of strings")?;
        let [user, job_id, extranonce2, ntime, nonce] = fields.as_slice() else {
            return Err(format!(
                "{} parameters where 5 or 6 are expected",
                fields.len()
            ));
        };
        Ok(Submit {
            user: (*user).clone(),
            job_id: (*job_id).clone(),
            extranonce2: hex::decode(extranonce2)
                .map_err(|error| format!("extranonce2 `{extranonce2}`: {error}"))?,
            ntime: hex_u32("ntime", ntime)?,
            nonce: hex_u32("nonce", nonce)?,
            version_bits,
        })
    }

    fn params(&self) -> Value {
        let mut params = vec![
            self.user.clone(),
            self.job_id.clone(),
            hex::encode(&self.extranonce2),
            format!("{:08x}", self.ntime),
            format!("{:08x}", self.nonce),
        ];
        params.extend(self.version_bits.map(|bits| format!("{bits:08x}")));
        json!(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn real_firmware_lines_are_understood() {
        // bmminer on an S9, then ESP-Miner on an LV06.
        let submit = Request::parse(
            r#"{"params": ["user.w", "19a18", "20010000", "69637392", "8b7746ab"], "id": 4, "method": "mining.submit"}"#,
        )
        .expect("a request");
        assert_eq!(submit.id, json!(4));
        assert_eq!(
            submit.call,
            Call::Submit(Submit {
                user: "user.w".into(),
                job_id: "19a18".into(),
                extranonce2: vec![0x20, 1, 0, 0],
                ntime: 0x6963_7392,
                nonce: 0x8b77_46ab,
                version_bits: None,
            })
        );
        let configure = Request::parse(
            r#"{"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff"}]}"#,
        )
        .expect("a request");
        assert_eq!(
            configure.call,
            Call::Configure {
                version_rolling: Some(u32::MAX),
                others: Vec::new(),
            }
        );
        let rolled = Request::parse(
            r#"{"id":9,"method":"mining.submit","params":["w","1","00","00000001","00000002","00B44000"]}"#,
        )
        .expect("upper case is accepted");
        assert!(matches!(rolled.call, Call::Submit(s) if s.version_bits == Some(0x00b4_4000)));
        let subscribe =
            Request::parse(r#"{"id":0,"method":"mining.subscribe","params":[]}"#).expect("empty");
        let bare = Call::Subscribe {
            agent: None,
            session: None,
        };
        assert_eq!(subscribe.call, bare);
    }

    #[test]
    fn an_empty_sixth_parameter_is_no_version_bits() {
        let bits = |sixth: &str| {
            let line = format!(
                r#"{{"id":9,"method":"mining.submit","params":["w","1","00","00000001","00000002"{sixth}]}}"#
            );
            match Request::parse(&line) {
                Ok(Request {
                    call: Call::Submit(submit),
                    ..
                }) => Ok(submit.version_bits),
                other => Err(other),
            }
        };
        for none in ["", ",null", ",\"\"", ",\" \""] {
            assert_eq!(bits(none), Ok(None), "{none}");
        }
        assert_eq!(bits(",\"0x00002000\""), Ok(Some(0x2000)));
        for wrong in [",\"x\"", ",null,null", ",7"] {
            assert!(bits(wrong).is_err(), "{wrong}");
        }
        let hole =
            r#"{"id":9,"method":"mining.submit","params":["w","1",null,"00000001","00000002"]}"#;
        assert!(Request::parse(hole).is_err());
    }

    #[test]
    fn params_may_be_an_object_where_nothing_of_them_is_needed() {
        let call = |method: &str| {
            let line = format!(r#"{{"id":1,"method":"{method}","params":{{"rate":1}}}}"#);
            Request::parse(&line).map(|request| request.call)
        };
        let other = "mining.hashrate";
        assert_eq!(call(other), Ok(Call::Other(other.into())));
        assert!(call("mining.authorize").is_err());
        let marked = "\u{feff}{\"id\":1,\"method\":\"mining.ping\"}";
        assert!(Request::parse(marked).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let reason = |line: &str| Request::parse(line).expect_err("wrong").to_string();
        assert!(reason("GET / HTTP/1.1").contains("not a Stratum request"));
        assert!(reason(r#"{"id":1}"#).contains("no method"));
        let short = reason(r#"{"id":1,"method":"mining.submit","params":["w","1"]}"#);
        assert!(short.contains("2 parameters where 5 or 6"), "{short}");
        let sign = reason(
            r#"{"id":1,"method":"mining.submit","params":["w","1","00","+0000001","00000002"]}"#,
        );
        assert!(sign.contains("ntime `+0000001`"), "{sign}");
    }

    #[test]
    fn a_password_is_never_kept() {
        let request =
            Request::parse(r#"{"id":1,"method":"mining.authorize","params":["w","hunter2"]}"#)
                .expect("a request");
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn a_submit_survives_the_wire(
            user in "[ -~]{0,20}", job_id in "[0-9a-f]{1,8}",
            extranonce2 in proptest::collection::vec(any::<u8>(), 0..16),
            ntime: u32, nonce: u32, version_bits: Option<u32>, id: u64,
        ) {
            let request = Request {
                id: json!(id),
                call: Call::Submit(Submit { user, job_id, extranonce2, ntime, nonce, version_bits }),
            };
            prop_assert_eq!(Request::parse(request.to_line("x").trim_end()), Ok(request));
        }

        #[test]
        fn no_line_panics(line in ".{0,200}") {
            let _ = Request::parse(&line);
        }

        #[test]
        fn no_parameters_panic(method in "mining\\.[a-z.]{0,20}|mining.submit|mining.configure", params in "\\[.{0,60}\\]") {
            let _ = Request::parse(&format!(r#"{{"id":1,"method":"{method}","params":{params}}}"#));
        }
    }
}
