//! The parameters with their meaning and source, as they stand beside each field of [`Params`].
//!
//! Read from that file's own text, so that what is printed and what is written are one table.

use super::table::Params;

const TABLE: &str = include_str!("table.rs");

/// A parameter with its source and unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documented {
    /// Its name, that of the field.
    pub name: String,
    /// Its meaning, its unit and where its value is from.
    pub said: String,
}

/// All parameters, in the order of the table.
pub fn documented() -> Vec<Documented> {
    let fields = TABLE
        .split("pub struct Params {")
        .nth(1)
        .unwrap_or_default();
    let fields = fields.split("\n}").next().unwrap_or_default();
    let mut all = Vec::new();
    let mut said: Vec<&str> = Vec::new();
    for line in fields.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            said.push(text.trim());
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|l| l.split_once(':')) {
            all.push(Documented {
                name: name.to_string(),
                said: said.join(" ").replace('`', ""),
            });
            said.clear();
        }
    }
    all
}

/// The value of the parameter `name` in `params`, as in a configuration; `None` if there is no such parameter.
pub fn value(params: &Params, name: &str) -> Option<String> {
    let all = serde_json::to_value(params).ok()?;
    let value = all.get(name)?;
    Some(match value.as_f64() {
        Some(number) if number != 0.0 && (number.abs() < 1e-3 || number.abs() >= 1e6) => {
            format!("{number:.4e}")
        }
        Some(number) => format!("{}", (number * 1e6).round() / 1e6),
        None => value
            .as_str()
            .map_or_else(|| value.to_string(), String::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_its_meaning_and_source() {
        let all = serde_json::to_value(Params::s9()).expect("serialised");
        let fields = all.as_object().expect("an object");
        let documented = documented();
        assert_eq!(documented.len(), fields.len());
        for Documented { name, said } in &documented {
            assert!(fields.contains_key(name), "{name}");
            let sources = ["Maker", "Sheet", "Capture", "Fit", "Assumed"];
            assert!(
                sources.iter().any(|source| said.contains(source)),
                "{name}: {said}"
            );
            assert!(value(&Params::s9(), name).is_some(), "{name}");
        }
        assert_eq!(value(&Params::s9(), "chips").as_deref(), Some("3"));
        assert_eq!(value(&Params::s9(), "layout").as_deref(), Some("bm1387"));
        assert_eq!(value(&Params::s9(), "what"), None);
    }
}
