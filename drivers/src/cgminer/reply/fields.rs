//! Tolerant access to the fields of one object: a number may come as a string and a string as a number,
//! and whatever is neither is `None`.

use serde_json::{Map, Value};

/// Integers above this are not all exact as `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One object of a section.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn has(self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The value as it stands.
    pub(crate) fn value(self, key: &str) -> Option<&'a Value> {
        self.0.get(key)
    }

    /// A finite number.
    pub(crate) fn number(self, key: &str) -> Option<f64> {
        let number = match self.0.get(key)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A whole number that is not negative; `12.0` and `"12"` are 12.
    pub(crate) fn count(self, key: &str) -> Option<u64> {
        let whole = match self.0.get(key)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        whole.or_else(|| {
            let number = self.number(key)?;
            (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
        })
    }

    /// Text on one line, with single blanks; `None` if there is nothing else in it.
    pub(crate) fn text(self, key: &str) -> Option<String> {
        let text = match self.0.get(key)? {
            Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A truth value, as JSON or as `Y` and `N`.
    pub(crate) fn flag(self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.as_str() {
                "Y" | "true" => Some(true),
                "N" | "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_stand_in_for_each_other() {
        let Value::Object(map) = serde_json::json!({
            "text": " 13883.81 ", "number": 4.5, "whole": "12", "float": 12.0, "part": 12.5,
            "minus": -1, "nan": "nan", "list": [], "blank": "  ", "large": u64::MAX, "yes": "Y",
        }) else {
            unreachable!()
        };
        let row = Fields(&map);
        assert_eq!(row.number("text"), Some(13883.81));
        assert_eq!(row.text("text").as_deref(), Some("13883.81"));
        assert_eq!(row.text("number").as_deref(), Some("4.5"));
        assert_eq!(row.count("whole"), Some(12));
        assert_eq!(row.count("float"), Some(12));
        assert_eq!(row.count("part"), None);
        assert_eq!(row.count("minus"), None);
        assert_eq!(row.number("minus"), Some(-1.0));
        assert_eq!(row.number("nan"), None);
        assert_eq!(row.number("list"), None);
        assert_eq!(row.text("blank"), None);
        assert_eq!(row.count("large"), Some(u64::MAX));
        assert_eq!(row.count("absent"), None);
        assert_eq!(row.flag("yes"), Some(true));
        assert_eq!(row.flag("text"), None);
    }
}
