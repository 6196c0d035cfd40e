//! From the bytes of a request to the reply: JSON or text form, joined commands, access control.

use serde_json::Value;

use super::frame::{end, error};
use super::item::{Form, escape};
use super::pools::pools_body;
use super::state::ApiState;
use super::stats::stats_body;
use super::totals::{devs_body, summary_body, version_body};

/// Commands that bmminer knows and the stock configuration (`A:stats:pools:devs:summary:version`) grants
/// to nobody.
const REFUSED: [&str; 34] = [
    "addpool",
    "asc",
    "asccount",
    "ascdisable",
    "ascenable",
    "ascidentify",
    "ascset",
    "check",
    "coin",
    "config",
    "debug",
    "devdetails",
    "disablepool",
    "edevs",
    "enablepool",
    "estats",
    "failover-only",
    "hotplug",
    "lcd",
    "lockstats",
    "noncenum",
    "notify",
    "pgacount",
    "poolpriority",
    "poolquota",
    "privileged",
    "quit",
    "removepool",
    "restart",
    "save",
    "setconfig",
    "switchpool",
    "usbstats",
    "zero",
];

/// The reply to `request`, without the NUL that ends it on the wire.
///
/// A line end or NUL after the request is ignored. The parameter is too: no command that a stock unit
/// grants takes one.
pub fn answer(state: &ApiState, request: &[u8]) -> String {
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

fn dispatch(state: &ApiState, command: &str, form: Form) -> String {
    if command.contains('+') {
        joined(state, command, form)
    } else {
        end(body(state, command, form), form)
    }
}

/// The replies to several commands as one. A repeated command counts once.
fn joined(state: &ApiState, commands: &str, form: Form) -> String {
    let mut out = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for command in commands.split('+').filter(|command| !command.is_empty()) {
        if is_known(command) {
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
fn body(state: &ApiState, command: &str, form: Form) -> String {
    match command {
        "version" => version_body(state, form),
        "summary" => summary_body(state, form),
        "pools" => pools_body(state, form),
        "devs" => devs_body(state, form),
        "stats" => stats_body(state, form),
        _ if is_known(command) => {
            let message = format!("Access denied to '{command}' command");
            error(state, form, 45, &message)
        }
        _ => error(state, form, 14, "Invalid command"),
    }
}

fn is_known(command: &str) -> bool {
    matches!(command, "version" | "summary" | "pools" | "devs" | "stats")
        || REFUSED.contains(&command)
}
