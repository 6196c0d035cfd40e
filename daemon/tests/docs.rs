//! What the documentation tells people to type is understood, and what it links to is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use thermine::cli::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages: those at the top and all in `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![root().join("docs")];
    let top = fs::read_dir(root()).expect("the repository");
    pages.extend(top.map(|entry| entry.expect("an entry").path()));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                pages.push(path);
            }
        }
    }
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// The command lines in the fenced blocks of a page, continued lines joined.
fn commands(page: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let fenced = page.split("```").skip(1).step_by(2);
    for line in fenced.flat_map(|block| {
        let block = block.replace("\\\n", " ");
        block.lines().map(str::to_owned).collect::<Vec<_>>()
    }) {
        // As a shell splits it, without comments. What is no command need not split.
        let words = shlex::split(&line).unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let arguments = match words.as_slice() {
            ["thermine", arguments @ ..] | ["cargo", "run", "--release", "--", arguments @ ..] => {
                arguments
            }
            _ => continue,
        };
        commands.push(arguments.iter().map(|&word| word.to_owned()).collect());
    }
    commands
}

#[test]
fn every_command_in_the_documentation_is_understood() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("text");
        for command in commands(&text) {
            let line = command.join(" ");
            // Words in capitals stand for the reader's own.
            let words = command.iter().map(|word| match word.as_str() {
                "SHELL" => "bash".to_owned(),
                _ => word.clone(),
            });
            let parsed = Cli::try_parse_from(["thermine".to_owned()].into_iter().chain(words));
            if let Err(error) = parsed {
                panic!("{}: thermine {line}: {error}", page.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn every_link_in_the_documentation_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("text");
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || target.contains("://") {
                continue;
            }
            let there = page.parent().expect("a folder").join(path);
            assert!(there.exists(), "{}: {target}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

/// Files and folders of the repository that a page names in code marks, from one of its top folders on.
fn named(page: &str) -> Vec<&str> {
    let tops = [
        "daemon",
        "drivers",
        "reservoir",
        "hil-tests",
        "configs",
        "docs",
        "lean",
        "bench",
    ];
    page.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| !word.contains(char::is_whitespace))
        .filter(|word| {
            word.split_once('/')
                .is_some_and(|(top, _)| tops.contains(&top))
        })
        .collect()
}

#[test]
fn every_file_that_the_documentation_names_is_there() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("text");
        for name in named(&text) {
            // A word in capitals stands for a name of the reader's own.
            let path = match name.split_once("NAME") {
                Some((folder, _)) => folder,
                None => name,
            };
            assert!(root().join(path).exists(), "{}: {name}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// All Rust sources of a folder and below, as one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("text"));
        }
    }
}

#[test]
fn every_test_that_a_promise_of_safety_or_security_names_is_there() {
    let mut text = String::new();
    for top in ["daemon", "drivers", "reservoir", "hil-tests"] {
        sources(&root().join(top), &mut text);
    }
    let mut seen = 0;
    for page in ["SECURITY.md", "docs/safety.md"] {
        let promises = fs::read_to_string(root().join(page)).expect("text");
        // A test's name is a sentence: four words at least.
        let is_test = |word: &&str| {
            word.matches('_').count() >= 3
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        for name in promises.split('`').skip(1).step_by(2).filter(is_test) {
            assert!(text.contains(&format!("fn {name}(")), "{page}: {name}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The terms that the glossary explains: the words in bold in its tables.
fn terms(glossary: &str) -> Vec<String> {
    let rows = glossary.lines().filter(|line| line.starts_with("| **"));
    let bold = rows.flat_map(|row| row.split("**").skip(1).step_by(2));
    bold.map(str::to_lowercase).collect()
}

/// Whether `term` stands in `text` as words of its own, in the singular or plural; both in small letters.
fn is_used(term: &str, text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(term).any(|(at, _)| {
        let after = &text[at + term.len()..];
        let after = after.strip_prefix('s').unwrap_or(after);
        !text[..at].ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[test]
fn each_term_of_the_glossary_is_explained_once_and_used() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).expect("the glossary");
    let mut terms = terms(&glossary);
    assert!(terms.len() > 40, "{terms:?}");
    let mut text = String::new();
    for page in pages() {
        if !page.ends_with("docs/glossary.md") {
            text.push_str(&fs::read_to_string(&page).expect("text"));
        }
    }
    for top in ["daemon/src", "drivers/src", "reservoir/src"] {
        sources(&root().join(top), &mut text);
    }
    let text = text.to_lowercase();
    for term in &terms {
        assert!(is_used(term, &text), "no page or source uses \"{term}\"");
    }
    assert!(!is_used("zzz", &text) && !is_used("ashar", "a share"));
    terms.sort();
    let once = terms.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(once, "a term is explained twice: {terms:?}");
}

#[test]
fn the_manual_has_a_page_for_each_subcommand_and_shells_take_the_completions() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = env!("CARGO_BIN_EXE_thermine");
    let man = Command::new(program)
        .arg("man")
        .arg(folder.path().join("man1"))
        .status();
    assert!(man.expect("it runs").success());
    for page in [
        "thermine.1",
        "thermine-train.1",
        "thermine-capture-verify.1",
    ] {
        let text = fs::read_to_string(folder.path().join("man1").join(page));
        let text = text.unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".TH") && text.contains(".SH"), "{page}");
    }
    let script = Command::new(program)
        .args(["completions", "bash"])
        .output()
        .expect("it runs");
    assert!(script.status.success());
    let file = folder.path().join("thermine.bash");
    fs::write(&file, &script.stdout).expect("written");
    // `-n` reads and does not run; the function that completes must be in it.
    let read = Command::new("bash").arg("-n").arg(&file).status();
    assert!(read.expect("bash").success());
    assert!(String::from_utf8_lossy(&script.stdout).contains("_thermine"));
}
