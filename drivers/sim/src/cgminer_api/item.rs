//! An object with its fields in order, printed as cgminer prints them. serde_json would print numbers in
//! its own way, and the digits are part of what is simulated.

use std::fmt::Write;

/// How a reply is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The request began with `{`.
    Json,
    /// It did not: `KEY=value,KEY=value|`.
    Text,
}

/// One object of a reply.
pub(crate) struct Item {
    form: Form,
    text: String,
}

impl Item {
    pub(crate) fn new(form: Form) -> Item {
        Item {
            form,
            text: String::new(),
        }
    }

    /// The object's text, with its braces or its closing bar.
    pub(crate) fn close(self) -> String {
        match self.form {
            Form::Json => format!("{{{}}}", self.text),
            Form::Text => format!("{}|", self.text),
        }
    }

    /// A field whose value is printed as it is: a number or a truth value.
    pub(crate) fn raw(mut self, key: &str, value: impl std::fmt::Display) -> Item {
        self.key(key);
        let _ = write!(self.text, "{value}");
        self
    }

    /// A number with two decimals: rates, frequencies, temperatures, utilities.
    pub(crate) fn two(self, key: &str, value: f64) -> Item {
        self.raw(key, format_args!("{value:.2}"))
    }

    pub(crate) fn difficulty(self, key: &str, value: f64) -> Item {
        self.raw(key, format_args!("{value:.8}"))
    }

    /// A share of one, printed in percent.
    pub(crate) fn percent(self, key: &str, share: f64) -> Item {
        let percent = share * 100.0;
        self.raw(key, format_args!("{percent:.4}"))
    }

    /// A string that may hold anything.
    pub(crate) fn text(mut self, key: &str, value: &str) -> Item {
        self.key(key);
        let quote = if self.form == Form::Json { "\"" } else { "" };
        self.text.push_str(quote);
        escape(value, self.form, &mut self.text);
        self.text.push_str(quote);
        self
    }

    fn key(&mut self, key: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        let _ = match self.form {
            Form::Json => write!(self.text, "\"{key}\":"),
            Form::Text => write!(self.text, "{key}="),
        };
    }
}

/// Escapes what cgminer escapes, which in JSON is less than what JSON asks for.
pub(crate) fn escape(value: &str, form: Form, out: &mut String) {
    for c in value.chars() {
        let special = match form {
            Form::Json => matches!(c, '"' | '\\'),
            Form::Text => matches!(c, ',' | '|' | '=' | '\\'),
        };
        if special {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_escape_what_would_end_a_value() {
        let item = |form| {
            Item::new(form)
                .text("URL", r#"a"b=c,d|e\f"#)
                .raw("N", 1)
                .close()
        };
        assert_eq!(item(Form::Json), r#"{"URL":"a\"b=c,d|e\\f","N":1}"#);
        assert_eq!(item(Form::Text), r#"URL=a"b\=c\,d\|e\\f,N=1|"#);
    }
}
