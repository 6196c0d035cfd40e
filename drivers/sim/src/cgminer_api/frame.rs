//! What all replies share: the status in front, the sections, the end.

use super::item::{Form, Item};
use super::speaker::Speaker;

/// What follows a reply's last section.
pub(crate) fn end(mut reply: String, form: Form) -> String {
    if form == Form::Json {
        reply.push_str(",\"id\":1}");
    }
    reply
}

pub(crate) fn error<S: Speaker>(state: &S, form: Form, code: u32, message: &str) -> String {
    message_item(state, form, "E", code, message)
}

pub(crate) fn success<S: Speaker>(state: &S, form: Form, code: u32, message: &str) -> String {
    message_item(state, form, "S", code, message)
}

fn message_item<S: Speaker>(
    state: &S,
    form: Form,
    letter: &str,
    code: u32,
    message: &str,
) -> String {
    let item = Item::new(form)
        .text("STATUS", letter)
        .raw("When", state.unix())
        .raw("Code", code)
        .text("Msg", message)
        .text("Description", state.description())
        .close();
    match form {
        Form::Json => format!("{{\"STATUS\":[{item}]"),
        Form::Text => item,
    }
}

/// A section of one object, which the text form names.
pub(crate) fn named_section(head: String, form: Form, name: &str, item: &str) -> String {
    match form {
        Form::Json => section(head, form, name, item),
        Form::Text => format!("{head}{name},{item}"),
    }
}

/// A section of any number of objects, whose first keys name it in the text form.
pub(crate) fn section(head: String, form: Form, name: &str, items: &str) -> String {
    match form {
        Form::Json => format!("{head},\"{name}\":[{items}]"),
        Form::Text => format!("{head}{items}"),
    }
}
