//! `thermine config`: what every key is for, and what is wrong with a file.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Subcommand;

use super::examine::examine;
use super::keys::{File, Holds, Key, Missing, nearest};
use super::overrides::Overrides;
use crate::render::stdout;

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
pub(crate) fn run(command: Command) -> Result<()> {
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
    use crate::lab::config::Config;
    use crate::lab::config::rack;
    use crate::proxy;

    /// The keys that the parser accepts in `section` of `file`, from what it says of one that it does not.
    fn accepted(file: File, section: &str) -> Vec<String> {
        let mut text = String::new();
        // Every section above it must be there, and be what it should be.
        let parts: Vec<&str> = section.split('.').filter(|part| !part.is_empty()).collect();
        for end in 1..=parts.len() {
            let path = parts[..end].join(".");
            let many = file
                .key(&path)
                .is_some_and(|key| key.holds == Holds::Sections);
            text.push_str(&if many {
                format!("[[{path}]]\n")
            } else {
                format!("[{path}]\n")
            });
        }
        text.push_str("no_such_key = 1\n");
        let error = match file {
            File::Unit => toml::from_str::<Config>(&text).map(drop),
            File::Rack => toml::from_str::<rack::File>(&text).map(drop),
            File::Proxy => toml::from_str::<proxy::config::Config>(&text).map(drop),
        };
        let said = error.expect_err("no such key").message().to_string();
        let (_, list) = said
            .split_once("expected")
            .unwrap_or_else(|| panic!("{}, [{section}]: {said}", file.name()));
        let mut words: Vec<String> = list
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_string)
            .collect();
        words.sort();
        words
    }

    #[test]
    fn every_key_that_is_accepted_is_explained_and_the_other_way_round() {
        for file in File::ALL {
            let sections = file
                .keys()
                .filter(|key| matches!(key.holds, Holds::Section | Holds::Sections))
                .map(|key| key.path);
            for section in std::iter::once("").chain(sections) {
                let mut explained: Vec<&str> = file.section(section).map(Key::name).collect();
                explained.sort_unstable();
                assert_eq!(
                    accepted(file, section),
                    explained,
                    "{}, [{section}]",
                    file.name()
                );
            }
        }
    }

    #[test]
    fn the_values_that_stand_in_are_the_parsers_own() {
        let given = |file: File, section: &str| -> String {
            file.section(section)
                .filter_map(|key| match (key.missing, key.holds) {
                    (Missing::Value(value), Holds::Address | Holds::Path | Holds::Choice(_)) => {
                        Some(format!("{} = \"{value}\"\n", key.name()))
                    }
                    (Missing::Value(value), _) => Some(format!("{} = {value}\n", key.name())),
                    _ => None,
                })
                .collect()
        };
        let text = |with: bool| {
            let given = |section| {
                if with {
                    given(File::Proxy, section)
                } else {
                    String::new()
                }
            };
            format!(
                "[proxy]\nlisten = \"127.0.0.1:1\"\njournal = \"a\"\n{}[[pool]]\nurl = \"a\"\nuser = \"b\"\n{}\
                 [units]\ndifficulty_first = 1\n{}",
                given("proxy"),
                given("pool"),
                given("units")
            )
        };
        let parse = |text: String| toml::from_str::<proxy::config::Config>(&text).expect("sound");
        assert_eq!(parse(text(true)), parse(text(false)));
        let daemon = format!("units = []\n[daemon]\n{}", given(File::Rack, "daemon"));
        let parse = |text: &str| toml::from_str::<rack::File>(text).expect("sound");
        assert_eq!(parse(&daemon), parse("units = []"));
        assert!(given(File::Unit, "stratum").contains("= 30"));
    }

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
