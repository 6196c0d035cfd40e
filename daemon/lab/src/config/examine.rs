//! Every error of a configuration file, each with its line and column, and what was probably meant.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::read;
use super::key::{File, Holds, Key, Missing};
use super::nearest::nearest;
use super::overrides::Overrides;
use super::{Config, ConfigError, meaning, proxy, rack};

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, as it was named.
    pub(super) file: String,
    /// Line and column, from 1, where there is one.
    pub(super) place: Option<(usize, usize)>,
    /// What is wrong, and what to do.
    pub(super) what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Everything wrong with the file `path` and with the files that it names; empty if `run` takes it. `overrides` is what
/// the environment says instead.
pub fn examine(path: &Path, overrides: &Overrides) -> Vec<Finding> {
    examine_as(None, path, overrides)
}

/// As [`examine`], of a file that is named as one of kind `expected`. No rack is named, so no file leads back to itself.
fn examine_as(expected: Option<File>, path: &Path, overrides: &Overrides) -> Vec<Finding> {
    match read(path) {
        Ok(text) => examine_text(expected, path, &text, overrides),
        Err(error) => vec![Finding {
            file: path.display().to_string(),
            place: None,
            what: match error {
                ConfigError::Read { source, .. } => format!("cannot be read: {source}"),
                other => other.to_string(),
            },
        }],
    }
}

fn examine_text(
    expected: Option<File>,
    path: &Path,
    text: &str,
    overrides: &Overrides,
) -> Vec<Finding> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut examined = Examined {
        path,
        text,
        findings: Vec::new(),
        wrong: HashSet::new(),
    };
    for error in errors {
        examined.say(error.span(), error.message().to_string());
    }
    let document = document.get_ref();
    let file = expected.unwrap_or_else(|| kind(document));
    if examined.findings.is_empty() {
        examined.section(file, "", document, 0..0);
        examined.values(file, document, overrides);
    }
    let mut named = match file {
        File::Rack => examined.named_files(document, overrides),
        _ => Vec::new(),
    };
    let mut findings = examined.findings;
    findings.sort_by_key(|finding| finding.place);
    findings.append(&mut named);
    findings
}

/// Which kind of file it is, by its own sections.
fn kind(document: &DeTable<'_>) -> File {
    let sections = |file: File| {
        file.section("")
            .filter(|key| document.iter().any(|(name, _)| name.get_ref() == key.path))
            .count()
    };
    // `units` and `proxy` stand in two kinds: a list or a path in a rack, sections in a proxy's file.
    let is_list = |value: &DeValue<'_>| value.is_array();
    if document
        .iter()
        .any(|(name, value)| name.get_ref() == "units" && is_list(value.get_ref()))
    {
        return File::Rack;
    }
    let most = |file: &File| sections(*file);
    let mut kinds = File::ALL;
    kinds.sort_by_key(|file| std::cmp::Reverse(most(file)));
    kinds[0]
}

/// A file while it is examined.
struct Examined<'a> {
    path: &'a Path,
    text: &'a str,
    findings: Vec<Finding>,
    /// Keys that are unknown or hold something else than they should.
    wrong: HashSet<String>,
}

impl Examined<'_> {
    fn say(&mut self, span: Option<Range<usize>>, what: String) {
        let place = span.map(|span| {
            let before = self.text.get(..span.start).unwrap_or(self.text);
            let line = before.matches('\n').count() + 1;
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            (line, before[start..].chars().count() + 1)
        });
        self.findings.push(Finding {
            file: self.path.display().to_string(),
            place,
            what,
        });
    }

    /// Unknown and missing keys, and values of another kind, in the section `section`.
    fn section(&mut self, file: File, section: &str, table: &DeTable<'_>, whole: Range<usize>) {
        let known: Vec<&Key> = file.section(section).collect();
        for (name, value) in table {
            let (span, name) = (name.span(), name.get_ref());
            let current = file.newer(section, name).unwrap_or(&**name);
            let Some(key) = known.iter().find(|key| key.name() == current) else {
                let place = match section {
                    "" => format!("a {}'s file", file.name()),
                    section => format!("[{section}]"),
                };
                let meant = match nearest(name, known.iter().map(|key| key.name())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("`thermine config explain {}` lists its keys", file.name()),
                };
                self.say(
                    Some(span),
                    format!("unknown key `{name}` in {place}: {meant}"),
                );
                let path = match section {
                    "" => name.to_string(),
                    section => format!("{section}.{name}"),
                };
                self.wrong.insert(path);
                continue;
            };
            self.value(file, key, value.get_ref(), value.span());
        }
        for key in known {
            let is_there = table.iter().any(|(name, _)| {
                let name = name.get_ref();
                file.newer(section, name).unwrap_or(&**name) == key.name()
            });
            if key.missing == Missing::Required && !is_there {
                let place = match section {
                    "" => "the file".to_string(),
                    section => format!("[{section}]"),
                };
                let what = format!("{place} lacks `{}`: {}", key.name(), key.doc);
                self.say(Some(whole.clone()), what);
            }
        }
    }

    fn value(&mut self, file: File, key: &Key, value: &DeValue<'_>, span: Range<usize>) {
        let fits = match key.holds {
            Holds::Text | Holds::Path => value.is_str(),
            Holds::Address => value.as_str().is_some_and(is_address),
            Holds::Number => is_number(value),
            Holds::Whole => value.is_integer(),
            Holds::Switch => value.is_bool(),
            Holds::Choice(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Holds::Texts => value
                .as_array()
                .is_some_and(|all| all.iter().all(|one| one.get_ref().is_str())),
            Holds::Wholes => value
                .as_array()
                .is_some_and(|all| all.iter().all(|one| one.get_ref().is_integer())),
            Holds::Pairs => value.as_array().is_some_and(|all| {
                all.iter().all(|pair| {
                    let pair = pair.get_ref().as_array();
                    pair.is_some_and(|pair| {
                        pair.len() == 2 && pair.iter().all(|one| is_number(one.get_ref()))
                    })
                })
            }),
            Holds::Section => value.is_table(),
            Holds::Sections => value
                .as_array()
                .is_some_and(|all| all.iter().all(|one| one.get_ref().is_table())),
        };
        if !fits {
            let near = match (key.holds, value.as_str()) {
                (Holds::Choice(words), Some(word)) => nearest(word, words.iter().copied()),
                _ => None,
            };
            let meant = near.map_or(String::new(), |near| format!(": did you mean \"{near}\"?"));
            let what = format!("{} must be {}{meant}", key.path, key.holds.words());
            self.say(Some(span), what);
            self.wrong.insert(key.path.to_string());
            return;
        }
        match (value.as_table(), value.as_array()) {
            (Some(table), _) => self.section(file, key.path, table, span),
            (_, Some(all)) => {
                let before = self.findings.len();
                for one in all {
                    if let Some(table) = one.get_ref().as_table() {
                        self.section(file, key.path, table, one.span());
                    }
                }
                if self.findings.len() > before {
                    self.wrong.insert(key.path.to_string());
                }
            }
            _ => {}
        }
    }

    /// What is wrong with the files that a rack names, each once.
    fn named_files(&mut self, document: &DeTable<'_>, overrides: &Overrides) -> Vec<Finding> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut named = Vec::new();
        let mut seen = HashSet::new();
        for (name, value) in document {
            let (kind, files): (File, Vec<(&str, Range<usize>)>) = match &**name.get_ref() {
                "units" | "proxied" => (
                    File::Unit,
                    value
                        .get_ref()
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|one| Some((one.get_ref().as_str()?, one.span())))
                        .collect(),
                ),
                "proxy" => (
                    File::Proxy,
                    value
                        .get_ref()
                        .as_str()
                        .map(|file| (file, value.span()))
                        .into_iter()
                        .collect(),
                ),
                _ => continue,
            };
            for (file, span) in files {
                let path = folder.join(file);
                if !seen.insert(path.clone()) {
                    continue;
                }
                if path.is_file() {
                    named.extend(examine_as(Some(kind), &path, overrides));
                } else {
                    self.say(Some(span), format!("there is no file {}", path.display()));
                }
            }
        }
        named
    }

    /// What no table of keys can tell: values out of range, and what does not go together.
    fn values(&mut self, file: File, document: &DeTable<'_>, overrides: &Overrides) {
        if self.findings.is_empty() {
            let refused = match file {
                File::Unit => toml::from_str::<Config>(self.text).err(),
                File::Rack => toml::from_str::<rack::File>(self.text).err(),
                File::Proxy => toml::from_str::<proxy::Config>(self.text).err(),
            };
            if let Some(error) = refused {
                return self.say(error.span(), error.message().to_string());
            }
        }
        let about = (file, self.path);
        for problem in meaning::problems(about, self.text, &self.wrong, overrides) {
            self.say(span_of(document, &problem.key), problem.what);
        }
    }
}

fn is_number(value: &DeValue<'_>) -> bool {
    value.is_float() || value.is_integer()
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::SocketAddr>().is_ok()
}

/// Where the value of the key `path` stands, if it does.
fn span_of(document: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let (_, value) = document.iter().find(|(name, _)| name.get_ref() == first)?;
    match (rest, value.get_ref().as_table()) {
        (None, _) => Some(value.span()),
        (Some(rest), Some(table)) => span_of(table, rest),
        (Some(_), None) => Some(value.span()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
    }

    #[test]
    fn every_example_is_sound() {
        let mut seen = 0;
        for entry in std::fs::read_dir(configs()).expect("the examples") {
            let path = entry.expect("an example").path();
            // The suite's own file, which lists what is on a bench.
            if path.extension().is_none_or(|end| end != "toml") || path.ends_with("rig.toml") {
                continue;
            }
            seen += 1;
            let findings = examine(&path, &Overrides::none());
            assert!(findings.is_empty(), "{findings:?}");
        }
        assert!(seen > 10, "{seen}");
    }

    #[test]
    fn every_error_is_found_with_its_line_and_what_was_meant() {
        let text = "[unit]\nname = \"a\"\nmodel = \"antminer-s8\"\n\n[stratum]\nlisten = \"here\"\nworker = \"a\"\n\
                    conect_timeout_seconds = 3\n[api]\naddress = \"127.0.0.1:1\"\npoll_seconds = \"1\"\n[step]\n\
                    hold_seconds = 1\nshares = 1\ntimeout_seconds = 2\ndifficulty = 1\n";
        let found: Vec<String> = examine_text(None, Path::new("a.toml"), text, &Overrides::none())
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            ("a.toml:3:9: ", "did you mean \"antminer-s9\"?"),
            ("a.toml:6:10: ", "stratum.listen must be an address"),
            ("a.toml:8:1: ", "did you mean `connect_timeout_seconds`?"),
            ("a.toml:11:16: ", "api.poll_seconds must be a number"),
            ("a.toml:12:1: ", "lacks `duty_min`"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((place, what), found) in expected.iter().zip(&found) {
            assert!(found.starts_with(place) && found.contains(what), "{found}");
        }
        let syntax = examine_text(
            None,
            Path::new("a.toml"),
            "a = \nb = 2\nc = [\n",
            &Overrides::none(),
        );
        assert!(
            syntax.len() > 1 && syntax[0].place.is_some_and(|(line, _)| line == 1),
            "{syntax:?}"
        );
    }

    #[test]
    fn values_out_of_range_are_all_found() {
        let text = std::fs::read_to_string(configs().join("sim-s9.toml")).expect("the example");
        let text = text
            .replace("duty_min = 0.3", "duty_min = 0.1")
            .replace("hold_seconds = 7.0", "hold_seconds = 0.0")
            .replace("poll_seconds = 1.0", "poll_seconds = 0.0");
        let found = examine_text(None, Path::new("a.toml"), &text, &Overrides::none());
        let what: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(found.len(), 3, "{what:?}");
        assert!(
            found.iter().all(|finding| finding.place.is_some()),
            "{found:?}"
        );
    }

    #[test]
    fn values_are_found_beside_wrong_keys() {
        let text = std::fs::read_to_string(configs().join("sim-s9.toml")).expect("the example");
        let text = text
            .replace("duty_min = 0.3", "duty_min = 0.1")
            .replace("model = \"antminer-s9\"", "modle = \"antminer-s9\"")
            .replace("poll_seconds = 1.0", "poll_seconds = \"1\"");
        let found = examine_text(None, Path::new("a.toml"), &text, &Overrides::none());
        let what: Vec<String> = found.iter().map(ToString::to_string).collect();
        for part in [
            "`modle`",
            "lacks `model`",
            "api.poll_seconds must be",
            "step.duty_min = 0.1",
        ] {
            assert!(
                what.iter().any(|what| what.contains(part)),
                "{part}: {what:?}"
            );
        }
        assert_eq!(found.len(), 4, "{what:?}");
    }

    #[test]
    fn a_rack_is_checked_as_run_checks_it_and_never_leads_back_to_itself() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("rack.toml");
        let found = |text: &str| -> Vec<String> {
            std::fs::write(&path, text).expect("written");
            let found = examine(&path, &Overrides::none());
            found.iter().map(ToString::to_string).collect()
        };
        for itself in [
            "units = [\"rack.toml\"]\n",
            "units = []\nproxy = \"rack.toml\"\n",
        ] {
            let found = found(itself);
            assert!(
                found
                    .iter()
                    .any(|what| what.contains("unknown key `units`")
                        || what.contains("units must be")),
                "{found:?}"
            );
        }
        std::fs::write(dir.path().join("other.toml"), "units = [\"rack.toml\"]\n")
            .expect("written");
        assert!(!found("units = [\"other.toml\"]\n").is_empty());
        let s9 = configs().join("sim-s9.toml");
        // Three layers at once: an unknown key, values and what goes together, and what the start of `run` asks for.
        let found = found(&format!(
            "units = [{s9:?}, {s9:?}]\nunits_ = 1\n[daemon]\nlisten = \"0.0.0.0:8080\"\nspeed = 0\nstep_seconds = -1\n\
             [[readout]]\nunit = \"sim-s8\"\nfile = \"nowhere.json\"\n"
        ));
        for part in [
            "`units_`",
            "two units have the name sim-s9",
            "daemon.speed = 0",
            "daemon.step_seconds = -1",
            "there is no token",
            "did you mean sim-s9?",
            "nowhere.json",
        ] {
            assert!(
                found.iter().any(|what| what.contains(part)),
                "{part}: {found:?}"
            );
        }
    }
}
