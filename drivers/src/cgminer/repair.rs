//! Makes JSON out of what firmware sends as JSON.
//!
//! The faults mended here are those that real units are known to have (`QUIRKS.md`). Each repair keeps
//! every byte of data: a reply that breaks off stays broken, so that the parser reports it instead of
//! half a reply passing for a whole one.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// The text of a reply as JSON, if the known repairs suffice; else as near as they bring it.
///
/// Text that is JSON already is returned as it stands, without its trailing NUL. Otherwise, outside of
/// strings, `}{` becomes `},{`, and the commas of `,}`, `,]` and `[,{` go; inside of strings, control
/// characters are escaped. Bytes that are not UTF-8 become U+FFFD, which JSON allows in strings only.
pub(crate) fn repair(reply: &[u8]) -> Cow<'_, str> {
    let end = reply
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    let text = String::from_utf8_lossy(&reply[..end]);
    if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
        return text;
    }
    Cow::Owned(mend(&text))
}

fn mend(text: &str) -> String {
    let mut out = Mended {
        text: String::with_capacity(text.len() + 16),
        last: None,
        comma: None,
    };
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.token('"');
                copy_string(&mut chars, &mut out.text);
            }
            ' ' | '\t' | '\r' | '\n' => out.text.push(c),
            ',' => out.comma(),
            _ => out.token(c),
        }
    }
    out.settle(None);
    out.text
}

/// Output so far, with what is needed to judge the next character.
struct Mended {
    text: String,
    /// Last character other than white space outside of strings, the held comma aside.
    last: Option<char>,
    /// Where in `text` a comma stands whose fate the next character decides.
    comma: Option<usize>,
}

impl Mended {
    fn comma(&mut self) {
        self.settle(Some(','));
        self.comma = Some(self.text.len());
        self.text.push(',');
    }

    fn token(&mut self, c: char) {
        let after_comma = self.comma.is_some();
        self.settle(Some(c));
        if c == '{' && self.last == Some('}') && !after_comma {
            self.text.push(',');
        }
        self.text.push(c);
        self.last = Some(c);
    }

    /// Keeps or removes a held comma, now that it is known what follows it.
    fn settle(&mut self, next: Option<char>) {
        let Some(at) = self.comma.take() else {
            return;
        };
        let stray = match next {
            Some('}' | ']') => true,
            Some('{') => self.last == Some('['),
            _ => false,
        };
        if stray {
            self.text.remove(at);
        } else {
            self.last = Some(',');
        }
    }
}

/// Copies a string up to and with its closing quote; the opening one is already out.
fn copy_string(chars: &mut std::str::Chars<'_>, out: &mut String) {
    let mut escaped = false;
    for c in chars {
        if c < ' ' {
            if escaped {
                // The backslash escapes nothing, so it stands for itself.
                out.push('\\');
            }
            escape_control(c, out);
            escaped = false;
            continue;
        }
        out.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return,
            _ => {}
        }
    }
}

fn escape_control(c: char, out: &mut String) {
    use std::fmt::Write;
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_known_fault_is_mended() {
        let cases: [(&[u8], &str); 9] = [
            (br#"{"a":[{"b":1}{"c":2}]}"#, r#"{"a":[{"b":1},{"c":2}]}"#),
            (br#"{"a":[{}{}{}]}"#, r#"{"a":[{},{},{}]}"#),
            (b"{\"a\":1}\0", r#"{"a":1}"#),
            (b"{\"a\":\"S9\nvnish\x01\"}", r#"{"a":"S9\nvnish\u0001"}"#),
            (b"{\"a\":\"x\\\ny\"}", r#"{"a":"x\\\ny"}"#),
            (br#"{"a":1,}"#, r#"{"a":1}"#),
            (br#"{"a":[1,2,]}"#, r#"{"a":[1,2]}"#),
            (br#"{"a":[,{"b":1}]}"#, r#"{"a":[{"b":1}]}"#),
            (b"{\"a\":\"\xff\",}", "{\"a\":\"\u{fffd}\"}"),
        ];
        for (sent, wanted) in cases {
            let text = repair(sent);
            assert_eq!(text, wanted);
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn strings_are_not_mistaken_for_structure() {
        let text = r#"{"a":"}{","b":",}","c":"\"}{",}"#;
        assert_eq!(repair(text.as_bytes()), r#"{"a":"}{","b":",}","c":"\"}{"}"#);
    }

    #[test]
    fn what_breaks_off_is_not_completed() {
        for text in [r#"{"a":[{"b":1}{"c":2"#, r#"{"a":1,"#, r#"{"a":"x"#, ""] {
            let error =
                serde_json::from_str::<Value>(&repair(text.as_bytes())).expect_err("broken off");
            assert!(error.is_eof(), "{text}: {error}");
        }
    }

    #[test]
    fn unknown_faults_stay_faults() {
        for text in [
            r#"{"a":1}{"b":2}"#,
            r#"{"a":1,,"b":2}"#,
            r#"{"a" 1}"#,
            r#"[1 2]"#,
        ] {
            assert!(serde_json::from_str::<Value>(&repair(text.as_bytes())).is_err());
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..6).prop_map(|map| Value::from(
                    map.into_iter().collect::<serde_json::Map<_, _>>()
                )),
            ]
        })
    }

    /// Text that is likely to hit the repairs.
    fn nearly_json() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!['{', '}', '[', ']', ',', ':', '"', '\\', ' ', 'a', 'é']),
            0..64,
        )
        .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn valid_json_passes_unchanged(value in json(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).expect("JSON")
            } else {
                value.to_string()
            };
            prop_assert!(matches!(repair(text.as_bytes()), Cow::Borrowed(same) if same == text));
        }

        #[test]
        fn a_dropped_comma_between_objects_is_found(value in json(), other in json()) {
            let whole = serde_json::json!([{ "a": value }, { "b": other }]).to_string();
            let sent = format!("[{}{}]", serde_json::json!({ "a": value }), serde_json::json!({ "b": other }));
            prop_assert_eq!(repair(sent.as_bytes()), whole);
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = repair(&bytes);
        }

        #[test]
        fn only_commas_come_and_go(text in nearly_json()) {
            let without_commas = |text: &str| text.replace(',', "");
            prop_assert_eq!(without_commas(&repair(text.as_bytes())), without_commas(&text));
        }
    }
}
