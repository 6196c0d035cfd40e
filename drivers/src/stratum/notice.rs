//! What a pool says to its miner: notifications and replies, as values and as lines.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::pow::Work;
use crate::pow::work::swap_words;
use crate::printable::printable;

/// A line from the pool.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// `mining.notify`.
    Notify(Notify),
    /// `mining.set_difficulty`.
    SetDifficulty(f64),
    /// `mining.set_extranonce`.
    SetExtranonce {
        /// New extranonce1.
        extranonce1: Vec<u8>,
        /// New length of extranonce2 in bytes.
        extranonce2_len: usize,
    },
    /// `mining.set_version_mask` (BIP 310).
    SetVersionMask(u32),
    /// `client.reconnect`: where to, if it says, and after how long.
    Reconnect {
        /// Host; the present one if it is missing.
        host: Option<String>,
        /// Port; the present one if it is missing.
        port: Option<u16>,
        /// Seconds to wait.
        wait: u64,
    },
    /// `client.get_version` or `mining.ping`, which want an answer.
    Question {
        /// Id of the request.
        id: Value,
        /// Its method.
        method: String,
    },
    /// `client.show_message`: words for the operator.
    Message(String),
    /// Another method, by name.
    Other(String),
    /// The answer to a request.
    Reply {
        /// Id of the request.
        id: Value,
        /// Its result, or what went wrong.
        outcome: Result<Value, Refusal>,
    },
}

/// A job as announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Job id.
    pub job_id: String,
    /// Header and coinbase material.
    pub work: Work,
    /// Whether all earlier jobs are to be dropped at once.
    pub clean: bool,
}

/// Why a request was refused: the list form `[code, text, null]` that all firmware understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Convention: 20 other, 21 job not found, 22 duplicate, 23 low difficulty, 24 unauthorised,
    /// 25 not subscribed.
    pub code: i64,
    /// For people.
    pub text: String,
}

impl Refusal {
    /// A refusal with a code and a text.
    pub fn new(code: i64, text: impl Into<String>) -> Refusal {
        Refusal {
            code,
            text: text.into(),
        }
    }
}

/// A line that is not a notice, or that this miner could not use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Stratum notice: {0}")]
pub struct NoticeError(String);

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    id: Value,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Value,
    /// ckpool's reason for refusing a share, beside a result that is false.
    #[serde(default, rename = "reject-reason")]
    reject_reason: Value,
}

impl Notice {
    /// Parses one line.
    ///
    /// # Errors
    /// If the line is not JSON or a known method has unusable parameters.
    pub fn parse(line: &str) -> Result<Notice, NoticeError> {
        let envelope: Envelope =
            serde_json::from_str(line).map_err(|error| NoticeError(error.to_string()))?;
        let Some(method) = envelope.method else {
            return Ok(Notice::Reply {
                id: reply_id(envelope.id),
                outcome: outcome(envelope.result, &envelope.error, &envelope.reject_reason),
            });
        };
        let params = envelope.params;
        let notice = match method.as_str() {
            "mining.notify" => Notify::parse(&params).map(Notice::Notify),
            "mining.set_difficulty" => decimal(&params[0]).map(Notice::SetDifficulty),
            "mining.set_extranonce" => bytes(&params[0]).and_then(|extranonce1| {
                Some(Notice::SetExtranonce {
                    extranonce1,
                    extranonce2_len: size(&params[1])?,
                })
            }),
            "mining.set_version_mask" => hex_number(&params[0]).map(Notice::SetVersionMask),
            "client.reconnect" => Some(Notice::Reconnect {
                host: params[0].as_str().map(str::to_owned),
                port: size(&params[1]).and_then(|port| u16::try_from(port).ok()),
                wait: size(&params[2]).map_or(0, |wait| wait as u64),
            }),
            "client.show_message" => {
                let text = params.as_str().or(params[0].as_str());
                text.map(|text| Notice::Message(text.to_owned()))
            }
            "client.get_version" | "mining.ping" => Some(Notice::Question {
                id: envelope.id,
                method: method.clone(),
            }),
            _ => Some(Notice::Other(method.clone())),
        };
        notice.ok_or_else(|| {
            let params: String = params.to_string().chars().take(80).collect();
            let said = printable(&format!("{method} with unusable parameters {params}"));
            NoticeError(said)
        })
    }

    /// The notice as a line, newline included.
    pub fn to_line(&self) -> String {
        let call = |method: &str, params: Value| {
            format!(
                "{}\n",
                json!({"id": null, "method": method, "params": params})
            )
        };
        match self {
            Notice::Notify(notify) => call("mining.notify", notify.params()),
            Notice::SetDifficulty(difficulty) => call(
                "mining.set_difficulty",
                // Old firmware reads an integer: write whole numbers as such.
                if difficulty.fract() == 0.0 && *difficulty < 9e15 {
                    json!([*difficulty as u64])
                } else {
                    json!([difficulty])
                },
            ),
            Notice::SetExtranonce {
                extranonce1,
                extranonce2_len,
            } => call(
                "mining.set_extranonce",
                json!([hex::encode(extranonce1), extranonce2_len]),
            ),
            Notice::SetVersionMask(mask) => {
                call("mining.set_version_mask", json!([format!("{mask:08x}")]))
            }
            Notice::Reconnect { host, port, wait } => match (host, port) {
                (Some(host), Some(port)) => call("client.reconnect", json!([host, port, wait])),
                _ => call("client.reconnect", json!([])),
            },
            Notice::Question { id, method } => {
                format!("{}\n", json!({"id": id, "method": method, "params": []}))
            }
            Notice::Message(text) => call("client.show_message", json!([text])),
            Notice::Other(method) => call(method, json!([])),
            // LV06 firmware takes a reply without the key `result` for a failure: always send both.
            Notice::Reply { id, outcome } => match outcome {
                Ok(result) => format!("{}\n", json!({"id": id, "result": result, "error": null})),
                Err(refusal) => format!(
                    "{}\n",
                    json!({"id": id, "result": null, "error": [refusal.code, refusal.text, null]})
                ),
            },
        }
    }
}

impl Notify {
    fn parse(params: &Value) -> Option<Notify> {
        let mut list: Vec<&Value> = params.as_array()?.iter().collect();
        // LBRY's has one more, after the previous hash. Others put their own behind the block time.
        let claim_trie = match list.get(4) {
            Some(Value::Array(_)) => None,
            _ if list.get(5).is_some_and(|branches| branches.is_array()) => {
                Some(swap_words(bytes(list.remove(2))?.try_into().ok()?))
            }
            _ => return None,
        };
        let branches = list.get(4)?.as_array()?;
        Some(Notify {
            job_id: match list.first()? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            },
            work: Work {
                prevhash: swap_words(bytes(list.get(1)?)?.try_into().ok()?),
                claim_trie,
                coinb1: bytes(list.get(2)?)?,
                coinb2: bytes(list.get(3)?)?,
                merkle_branch: branches
                    .iter()
                    .map(|branch| bytes(branch)?.try_into().ok())
                    .collect::<Option<_>>()?,
                version: hex_number(list.get(5)?)?,
                nbits: hex_number(list.get(6)?)?,
                ntime: hex_number(list.get(7)?)?,
            },
            // Pools put fields of their own before the flag or after it. To drop work that is still good costs
            // less than to keep work that is dead.
            clean: list.iter().skip(8).any(|value| flag(value)),
        })
    }

    fn params(&self) -> Value {
        let work = &self.work;
        let mut params = json!([
            self.job_id,
            hex::encode(swap_words(work.prevhash)),
            hex::encode(&work.coinb1),
            hex::encode(&work.coinb2),
            work.merkle_branch
                .iter()
                .map(hex::encode)
                .collect::<Vec<_>>(),
            format!("{:08x}", work.version),
            format!("{:08x}", work.nbits),
            format!("{:08x}", work.ntime),
            self.clean,
        ]);
        if let (Some(claim_trie), Value::Array(params)) = (work.claim_trie, &mut params) {
            params.insert(2, json!(hex::encode(swap_words(claim_trie))));
        }
        params
    }
}

/// What a reply says.
fn outcome(result: Value, error: &Value, reject_reason: &Value) -> Result<Value, Refusal> {
    let reason = reject_reason.as_str().unwrap_or_default();
    if let Some(refusal) = refusal(error) {
        return Err(refusal);
    }
    if !reason.is_empty() && matches!(result, Value::Null | Value::Bool(false)) {
        return Err(Refusal::new(code_of(reason), reason));
    }
    Ok(result)
}

/// The refusal in a reply's `error`, in list, object or text form; `None` if it is null or empty.
fn refusal(error: &Value) -> Option<Refusal> {
    let (code, text) = match error {
        Value::Null | Value::Bool(false) => return None,
        Value::Array(list) => match list.first() {
            Some(Value::String(text)) if list.len() == 1 => (None, text.as_str()),
            code => (
                code,
                list.get(1).and_then(Value::as_str).unwrap_or_default(),
            ),
        },
        Value::Object(object) => {
            let text = object.get("message").and_then(Value::as_str);
            (object.get("code"), text.unwrap_or_default())
        }
        Value::String(text) => (None, text.as_str()),
        Value::Number(_) => (Some(error), ""),
        Value::Bool(true) => (None, "true"),
    };
    let code = code.and_then(|code| match code {
        Value::String(text) => text.trim().parse().ok(),
        code => code.as_i64(),
    });
    match code {
        None | Some(0) if text.trim().is_empty() => None,
        code => Some(Refusal::new(code.unwrap_or_else(|| code_of(text)), text)),
    }
}

/// The conventional code of a refusal that has only words.
fn code_of(text: &str) -> i64 {
    let text = text.to_ascii_lowercase();
    let codes = [
        (22, &["duplicate"][..]),
        (21, &["stale", "job"]),
        (23, &["target", "difficulty"]),
        (24, &["unauthori"]),
        (25, &["not subscribed"]),
    ];
    let said = |words: &[&str]| words.iter().any(|word| text.contains(word));
    codes
        .into_iter()
        .find_map(|(code, words)| said(words).then_some(code))
        .unwrap_or(20)
}

/// The id of a reply. Pools return a number as text or as a fraction.
fn reply_id(id: Value) -> Value {
    match size(&id) {
        Some(number) => json!(number),
        None => id,
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    hex::decode(value.as_str()?).ok()
}

/// A whole number that is not negative, as a number or as text: pools send both.
pub(crate) fn size(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => match value.as_u64() {
            Some(number) => usize::try_from(number).ok(),
            // Exact below 2^53.
            None => value
                .as_f64()
                .filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number))
                .map(|number| number as usize),
        },
    }
}

/// A finite number, as a number or as text.
fn decimal(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    number.filter(|number| number.is_finite())
}

/// 32 bits in hex, or as a plain number.
pub(crate) fn hex_number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix("0x").unwrap_or(text);
            u32::from_str_radix(digits, 16).ok()
        }
        value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}

fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_u64() == Some(1),
        Value::String(text) => text == "true",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_notify_shows_its_hash_in_swapped_words() {
        let mut prevhash = [0u8; 32];
        prevhash[..4].copy_from_slice(&[1, 2, 3, 4]);
        let line = Notice::Notify(Notify {
            job_id: "a".into(),
            work: Work {
                version: 0x2000_0000,
                prevhash,
                claim_trie: None,
                coinb1: vec![0xaa],
                coinb2: vec![0xbb],
                merkle_branch: vec![[9; 32]],
                ntime: 1,
                nbits: 0x1d00_ffff,
            },
            clean: true,
        })
        .to_line();
        assert!(line.contains("\"04030201000000"), "{line}");
        assert!(
            line.contains("\"20000000\",\"1d00ffff\",\"00000001\",true]"),
            "{line}"
        );
    }

    /// Ten parameters, as the LB1's own miner program reads them.
    #[test]
    fn a_claim_trie_follows_the_previous_hash() {
        let line = Notice::Notify(Notify {
            job_id: "a".into(),
            work: Work {
                version: 1,
                prevhash: [0x11; 32],
                claim_trie: Some([0x22; 32]),
                coinb1: vec![0xaa],
                coinb2: vec![0xbb],
                merkle_branch: Vec::new(),
                ntime: 1,
                nbits: 2,
            },
            clean: true,
        })
        .to_line();
        let (first, then) = ("11".repeat(32), "22".repeat(32));
        let text = format!(
            r#"["a","{first}","{then}","aa","bb",[],"00000001","00000002","00000001",true]"#
        );
        assert!(line.contains(&text), "{line}");
    }

    #[test]
    fn difficulties_go_out_as_integers_where_they_are() {
        assert!(Notice::SetDifficulty(256.0).to_line().contains("[256]"));
        assert!(Notice::SetDifficulty(0.5).to_line().contains("[0.5]"));
    }

    #[test]
    fn refusals_are_read_in_every_form_that_pools_use() {
        for error in [r#"[23,"low",null]"#, r#"{"code":23,"message":"low"}"#] {
            let line = format!(r#"{{"id":7,"result":null,"error":{error}}}"#);
            let Ok(Notice::Reply { outcome, .. }) = Notice::parse(&line) else {
                panic!("not a reply: {line}");
            };
            assert_eq!(outcome, Err(Refusal::new(23, "low")));
        }
    }

    fn reply(rest: &str) -> Result<Value, Refusal> {
        let line = format!(r#"{{"id":7,{rest}}}"#);
        match Notice::parse(&line) {
            Ok(Notice::Reply { outcome, .. }) => outcome,
            other => panic!("not a reply: {line}: {other:?}"),
        }
    }

    #[test]
    fn an_empty_error_is_none() {
        for error in [
            "null",
            "[]",
            "false",
            "\"\"",
            "\" \"",
            "{}",
            "0",
            "[0]",
            "[null,null,null]",
            "[0,\"\",null]",
            r#"{"code":0,"message":""}"#,
            r#"{"code":null}"#,
        ] {
            let said = reply(&format!(r#""result":true,"error":{error}"#));
            assert_eq!(said, Ok(json!(true)), "{error}");
        }
        assert_eq!(reply(r#""result":true"#), Ok(json!(true)));
        for error in [
            "true",
            "20",
            "[20]",
            "\"no\"",
            r#"{"code":-1}"#,
            r#"{"message":"no"}"#,
        ] {
            let said = reply(&format!(r#""result":null,"error":{error}"#));
            assert!(said.is_err(), "{error}");
        }
    }

    #[test]
    fn a_reason_without_a_code_is_given_the_conventional_one() {
        for (reason, code) in [
            ("Above target", 23),
            ("Duplicate", 22),
            ("Stale", 21),
            ("Invalid JobID", 21),
            ("Ntime out of range", 20),
        ] {
            let ckpool = reply(&format!(
                r#""result":false,"error":null,"reject-reason":"{reason}""#
            ));
            assert_eq!(ckpool, Err(Refusal::new(code, reason)));
            let text = reply(&format!(r#""result":null,"error":"{reason}""#));
            assert_eq!(text, Err(Refusal::new(code, reason)));
        }
        let accepted = reply(r#""result":true,"error":null,"reject-reason":null"#);
        assert_eq!(accepted, Ok(json!(true)));
        assert_eq!(reply(r#""result":false,"error":null"#), Ok(json!(false)));
    }

    #[test]
    fn numbers_are_read_as_text_too() {
        let parse = |method: &str, params: &str| {
            Notice::parse(&format!(
                r#"{{"id":null,"method":"{method}","params":{params}}}"#
            ))
        };
        for params in ["[0.5]", "[\"0.5\"]", "[\" 0.50 \"]"] {
            let difficulty = parse("mining.set_difficulty", params);
            assert_eq!(difficulty, Ok(Notice::SetDifficulty(0.5)), "{params}");
        }
        for params in ["[\"much\"]", "[null]", "[]", "[\"inf\"]", "[\"nan\"]"] {
            let error = parse("mining.set_difficulty", params).expect_err("unusable");
            assert!(error.to_string().contains(params), "{error}");
        }
        for params in ["[\"0x1fffe000\"]", "[\"1fffe000\"]", "[536862720]"] {
            let mask = parse("mining.set_version_mask", params);
            assert_eq!(mask, Ok(Notice::SetVersionMask(0x1fff_e000)), "{params}");
        }
        for id in ["7", "7.0", "\"7\""] {
            let reply = Notice::parse(&format!(r#"{{"id":{id},"result":true}}"#));
            let seven = matches!(&reply, Ok(Notice::Reply { id, .. }) if *id == 7);
            assert!(seven, "{reply:?}");
        }
    }

    #[test]
    fn fields_of_a_pools_own_in_a_job_are_passed_over() {
        let hash = "11".repeat(32);
        let parse = |head: &str, tail: &str| {
            let line = format!(
                r#"{{"id":null,"method":"mining.notify","params":["a","{hash}",{head}"aa","bb",[],"20000000","1d00ffff","00000001"{tail}]}}"#
            );
            match Notice::parse(&line) {
                Ok(Notice::Notify(notify)) => notify,
                other => panic!("{line}: {other:?}"),
            }
        };
        for (tail, clean) in [
            ("", false),
            (",true", true),
            (",1", true),
            (",false", false),
            (",\"ext\",true", true),
            (",true,\"ext\"", true),
            (",\"ext\",false", false),
            (",0,{},[true],true", true),
        ] {
            let notify = parse("", tail);
            assert_eq!(
                (notify.work.claim_trie, notify.clean),
                (None, clean),
                "{tail}"
            );
            let lbry = parse(&format!("\"{hash}\","), tail);
            assert_eq!(
                (lbry.work.claim_trie, lbry.clean),
                (Some([0x11; 32]), clean),
                "{tail}"
            );
        }
    }

    fn any_work() -> impl Strategy<Value = Work> {
        use proptest::array::uniform32;
        use proptest::collection::vec;
        (
            any::<[u32; 3]>(),
            uniform32(any::<u8>()),
            proptest::option::of(uniform32(any::<u8>())),
            vec(any::<u8>(), 0..80),
            vec(any::<u8>(), 0..80),
            vec(uniform32(any::<u8>()), 0..4),
        )
            .prop_map(
                |([version, ntime, nbits], prevhash, claim_trie, coinb1, coinb2, merkle_branch)| {
                    Work {
                        version,
                        prevhash,
                        claim_trie,
                        coinb1,
                        coinb2,
                        merkle_branch,
                        ntime,
                        nbits,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_notify_survives_the_wire(work in any_work(), job_id in "[0-9a-f]{1,8}", clean: bool) {
            let notice = Notice::Notify(Notify { job_id, work, clean });
            prop_assert_eq!(Notice::parse(notice.to_line().trim_end()), Ok(notice));
        }

        #[test]
        fn no_line_panics(line in ".{0,200}") {
            let _ = Notice::parse(&line);
        }

        #[test]
        fn no_parameters_panic(
            method in "mining.notify|mining.set_difficulty|mining.set_extranonce|mining.set_version_mask|client.show_message",
            params in "\\[(\"[0-9a-f]{0,70}\",?|\\[\\],?|true,?|1,?){0,10}\\]",
        ) {
            let _ = Notice::parse(&format!(r#"{{"id":null,"method":"{method}","params":{params}}}"#));
        }
    }
}
