//! What a pool says to its miner: notifications and replies, as values and as lines.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::loose::{decimal, flag, hex_number, outcome, reply_id, size};
use crate::refusal::Refusal;
use thermine_units::pow::Work;
use thermine_units::pow::work::swap_words;
use thermine_units::printable::printable;

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
        /// Its method, one of the two.
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
    /// The pool's name of the job; a share carries it back.
    pub job_id: String,
    /// Header and coinbase material.
    pub work: Work,
    /// Whether all earlier jobs are to be dropped at once.
    pub clean: bool,
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

    /// The reply to request `id`: it is done, with this result.
    pub(crate) fn result(id: Value, result: Value) -> Notice {
        let outcome = Ok(result);
        Notice::Reply { id, outcome }
    }

    /// The reply to request `id`: it is refused.
    pub(crate) fn refused(id: Value, refusal: Refusal) -> Notice {
        let outcome = Err(refusal);
        Notice::Reply { id, outcome }
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

fn bytes(value: &Value) -> Option<Vec<u8>> {
    hex::decode(value.as_str()?).ok()
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
