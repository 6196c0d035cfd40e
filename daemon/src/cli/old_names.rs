//! Names of flags of older versions, which are still understood.

use std::ffi::OsString;

use crate::render::stdout::complain;

/// Former and present names.
const FLAGS: [(&str, &str); 3] = [
    ("--by", "--backend"),
    ("--on", "--backend"),
    ("--substrate", "--backend"),
];

/// Says the new name of each flag in `arguments` that has one, once.
pub fn say(arguments: impl IntoIterator<Item = OsString>) {
    let words: Vec<String> = arguments
        .into_iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    for (old, new) in FLAGS {
        let value = words.iter().enumerate().find_map(|(i, word)| {
            let rest = word.strip_prefix(old)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value),
                None if rest.is_empty() => Some(words.get(i + 1).map_or("", String::as_str)),
                None => None,
            }
        });
        if let Some(value) = value {
            let value = match value {
                "handshake" | "wires" => "wire",
                value => value,
            };
            complain(format_args!(
                "{old} is now called {new}: write {new} {value}"
            ));
        }
    }
}
