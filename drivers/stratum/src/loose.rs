//! Values as pools write them: numbers as text, errors that are empty but not null, reasons without a code.

use serde_json::{Value, json};

use crate::refusal::Refusal;

/// What a reply says.
pub(crate) fn outcome(
    result: Value,
    error: &Value,
    reject_reason: &Value,
) -> Result<Value, Refusal> {
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
pub(crate) fn reply_id(id: Value) -> Value {
    match size(&id) {
        Some(number) => json!(number),
        None => id,
    }
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
pub(crate) fn decimal(value: &Value) -> Option<f64> {
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

/// 32 bits in hex as a unit writes them: up to 8 digits and nothing else. `name` is for the error.
pub(crate) fn hex_u32(name: &str, text: &str) -> Result<u32, String> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    // `from_str_radix` would take a sign.
    let digits = !text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(text, 16)
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| format!("{name} `{text}` is not a hex number of up to 8 digits"))
}

pub(crate) fn flag(value: &Value) -> bool {
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
    use crate::notice::Notice;

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
}
