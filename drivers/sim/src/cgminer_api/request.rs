//! From the bytes of a request to the reply: JSON or text form, joined commands, access control.

use serde_json::Value;

use super::frame::{end, error};
use super::item::{Form, escape};
use super::speaker::Speaker;

/// The reply to `request`, without the NUL that ends it on the wire.
///
/// A line end or NUL after the request is ignored. The parameter is too: no command that is
/// granted takes one.
pub fn answer<S: Speaker>(state: &S, request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let text = text.trim_end_matches(['\0', '\r', '\n']);
    if !text.starts_with('{') {
        let command = text.split_once('|').map_or(text, |(command, _)| command);
        return dispatch(state, command, Form::Text);
    }
    let refuse = |code, message| end(error(state, Form::Json, code, message), Form::Json);
    let Ok(Value::Object(request)) = serde_json::from_str(text) else {
        return refuse(23, "Invalid JSON");
    };
    match request.get("command") {
        Some(Value::String(command)) => dispatch(state, command, Form::Json),
        Some(_) => refuse(14, "Invalid command"),
        None => refuse(24, "Missing JSON 'command'"),
    }
}

fn dispatch<S: Speaker>(state: &S, command: &str, form: Form) -> String {
    if command.contains('+') {
        joined(state, command, form)
    } else {
        end(body(state, command, form), form)
    }
}

/// The replies to several commands as one. A repeated command counts once.
fn joined<S: Speaker>(state: &S, commands: &str, form: Form) -> String {
    let mut out = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for command in commands.split('+').filter(|command| !command.is_empty()) {
        if state.reply(command, form).is_some() || state.refuses(command) {
            if seen.contains(&command) {
                continue;
            }
            seen.push(command);
        }
        if form == Form::Json {
            out.push(if out.is_empty() { '{' } else { ',' });
            out.push('"');
        } else {
            out.push_str("CMD=");
        }
        escape(command, form, &mut out);
        out.push_str(if form == Form::Json { "\":[" } else { "|" });
        out.push_str(&end(body(state, command, form), form));
        if form == Form::Json {
            out.push(']');
        }
    }
    end(out, form)
}

/// A reply without its end.
fn body<S: Speaker>(state: &S, command: &str, form: Form) -> String {
    if let Some(reply) = state.reply(command, form) {
        reply
    } else if state.refuses(command) {
        let message = format!("Access denied to '{command}' command");
        error(state, form, 45, &message)
    } else {
        error(state, form, 14, "Invalid command")
    }
}
