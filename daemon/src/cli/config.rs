//! `thermine config`: what every key is for, and what is wrong with a file.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::render::stdout;
use thermine_lab::config::examine::examine;
use thermine_lab::config::key::{File, Holds, Key, Missing};
use thermine_lab::config::nearest::nearest;
use thermine_lab::config::overrides::Overrides;

/// Errors that are shown; a file with more is another file.
const MOST_SHOWN: usize = 100;

/// `thermine config`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what every key of every configuration file is for, or one key, section or kind of file.
    Explain {
        /// A key (`step.hold_seconds`), a section (`daemon`) or a kind of file (`unit`, `rack`, `proxy`).
        key: Option<String>,
    },
    /// Say all that is wrong with files, each error with its line and column, and what was probably meant.
    Check {
        /// The files; a rack's also checks the files that it names.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs the subcommand.
pub(super) fn run(command: Command) -> Result<()> {
    match command {
        Command::Explain { key } => stdout::text(explain(key.as_deref().unwrap_or(""))?)?,
        Command::Check { files } => {
            let overrides = Overrides::from_environment()?;
            let examined = files.iter().flat_map(|file| examine(file, &overrides));
            let findings: Vec<_> = examined.collect();
            for finding in findings.iter().take(MOST_SHOWN) {
                stdout::line(finding)?;
            }
            if findings.len() > MOST_SHOWN {
                stdout::line(format_args!("and {} more", findings.len() - MOST_SHOWN))?;
            }
            match findings.len() {
                0 => stdout::line(format_args!(
                    "{} of {} files can be used",
                    files.len(),
                    files.len()
                ))?,
                1 => bail!("1 error"),
                n => bail!("{n} errors"),
            }
        }
    }
    Ok(())
}

/// What is known of `asked`: everything, for the empty one.
fn explain(asked: &str) -> Result<String> {
    let mut text = String::new();
    for file in File::ALL {
        let everything = asked.is_empty() || asked == file.name();
        let mut keys = file
            .keys()
            .filter(|key| {
                let inside = key.path.strip_prefix(asked);
                everything || inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
            .peekable();
        if keys.peek().is_none() {
            continue;
        }
        let _ = writeln!(text, "# {}", title(file));
        for key in keys {
            let _ = writeln!(text, "{}", describe(key));
        }
        text.push('\n');
    }
    if text.is_empty() {
        let all = File::ALL.into_iter().flat_map(File::keys);
        let words = all.flat_map(|key| [key.path, key.name()]);
        match nearest(asked, words) {
            Some(near) => bail!("there is no key `{asked}`: did you mean `{near}`?"),
            None => bail!("there is no key `{asked}`: `thermine config explain` lists all"),
        }
    }
    Ok(text)
}

fn title(file: File) -> &'static str {
    match file {
        File::Unit => "A unit's file, such as configs/sim-s9.toml",
        File::Rack => "A rack's file, such as configs/sim-rack.toml",
        File::Proxy => "The proxy's file, such as configs/proxy.toml",
    }
}

fn describe(key: &Key) -> String {
    let name = match key.holds {
        Holds::Section => format!("[{}]", key.path),
        Holds::Sections => format!("[[{}]]", key.path),
        _ => key.path.to_string(),
    };
    let mut text = format!("{name}\n    {}\n    {}; ", key.doc, key.holds.words());
    text.push_str(&match key.missing {
        Missing::Required => "must be there".to_string(),
        Missing::Means(what) => format!("without it: {what}"),
        Missing::Value(value) => format!("without it: {value}"),
    });
    if let Some(variable) = key.variable() {
        let _ = write!(text, "\n    overridden by {variable}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_a_section_or_a_file_is_explained() {
        let key = explain("daemon.listen").expect("known");
        assert!(
            key.contains("THERMINE_DAEMON__LISTEN") && !key.contains("daemon.data"),
            "{key}"
        );
        assert!(
            explain("step")
                .expect("known")
                .contains("step.hold_seconds")
        );
        assert!(explain("proxy").expect("known").contains("proxy.journal"));
        let all = explain("").expect("all");
        assert!(
            File::ALL
                .into_iter()
                .flat_map(File::keys)
                .all(|key| all.contains(key.doc))
        );
        let error = explain("step.hold").expect_err("unknown").to_string();
        assert!(error.contains("step.hold_seconds"), "{error}");
    }
}
