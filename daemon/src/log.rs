//! The log: on standard error, in colour on a terminal only, and without anything that a terminal would obey.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use thermine_units::printable::printable_to;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{FormatFields, format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Environment variable of what is logged: a level, or levels by module, such as `warn,thermine_drivers=debug`.
const VARIABLE: &str = "THERMINE_LOG";

/// Longest value of a field, in characters. A line of a wire is shorter; a flood of one is cut.
const LONGEST: usize = 4096;

/// Begins to log as the environment says.
///
/// # Errors
/// If `VARIABLE` holds no level.
pub fn start() -> Result<()> {
    let targets = match std::env::var(VARIABLE) {
        Ok(text) => text.parse().with_context(|| {
            format!("{VARIABLE}={text}: a level such as info, or warn,thermine_drivers=debug")
        })?,
        Err(_) => Targets::new().with_default(LevelFilter::WARN),
    };
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .with_ansi(colour)
                .fmt_fields(fields())
                .with_writer(std::io::stderr),
        )
        .with(targets)
        .init();
    Ok(())
}

/// Fields as `name=value`, each value on the line of its event whatever a unit, a pool or a file has put into it.
fn fields() -> impl for<'writer> FormatFields<'writer> + 'static {
    format::debug_fn(|writer, field, value| {
        let value = printable_to(&format!("{value:?}"), LONGEST);
        match field.name() {
            "message" => write!(writer, "{value}"),
            name => write!(writer, "{}={value}", name.trim_start_matches("r#")),
        }
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged, as bytes.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_field_message_or_span_forges_a_line_or_commands_a_terminal() {
        let evil = "a\n2026 ERROR forged\r\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\u{2028}";
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .fmt_fields(fields())
                .with_writer(move || writer.clone()),
        );
        tracing::subscriber::with_default(subscriber, || {
            let error = std::io::Error::other(evil);
            let _in = tracing::info_span!("unit", name = %evil).entered();
            tracing::warn!(worker = %evil, text = evil, debug = ?evil, %error, "said {evil}");
            tracing::warn!(long = %"w".repeat(1_000_000), "cut");
        });
        let text = String::from_utf8(kept.0.lock().expect("not poisoned").clone()).expect("text");
        assert_eq!(text.lines().count(), 2, "{text:?}");
        let obeyed = |c: char| c != '\n' && thermine_units::printable::is_hidden(c);
        assert!(!text.contains(obeyed), "{text:?}");
        assert_eq!(text.matches("ERROR forged").count(), 7, "{text:?}");
        assert!(text.contains(r"said a\u000a2026"), "{text:?}");
        assert!(text.contains("worker=a"), "{text:?}");
        assert!(text.len() < 3 * LONGEST, "{} bytes", text.len());
    }
}
