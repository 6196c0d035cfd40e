//! The layer rules of ARCHITECTURE.md: the arrows between crates, no circle of modules, and what each layer does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Which crates of the workspace a crate may depend on. Those that a test needs besides are not listed.
const ARROWS: &[(&str, &[&str])] = &[
    ("thermine-sha256", &[]),
    ("thermine-reservoir", &["thermine-sha256"]),
    ("thermine-units", &["thermine-sha256"]),
    ("thermine-stratum", &["thermine-units"]),
    // The controller of a bare chain judges its shares by the verifier of Stratum.
    ("thermine-drivers", &["thermine-stratum", "thermine-units"]),
    ("thermine-proxy", &["thermine-stratum", "thermine-units"]),
    (
        "thermine-sim",
        &[
            "thermine-drivers",
            "thermine-sha256",
            "thermine-stratum",
            "thermine-units",
        ],
    ),
    // A verified capture is summarised by the statistics of `reservoir`.
    (
        "thermine-capture",
        &["thermine-reservoir", "thermine-stratum", "thermine-units"],
    ),
    (
        "thermine-lab",
        &[
            "thermine-capture",
            "thermine-drivers",
            "thermine-proxy",
            "thermine-reservoir",
            "thermine-sha256",
            "thermine-sim",
            "thermine-stratum",
            "thermine-units",
        ],
    ),
    (
        "thermine",
        &[
            "thermine-capture",
            "thermine-drivers",
            "thermine-lab",
            "thermine-proxy",
            "thermine-reservoir",
            "thermine-sha256",
            "thermine-sim",
            "thermine-stratum",
            "thermine-units",
        ],
    ),
];

/// Libraries that a crate must not name: what its layer does not know.
const UNKNOWN: &[(&str, &[&str])] = &[
    ("thermine-sha256", &["rand", "tokio"]),
    ("thermine-reservoir", &["reqwest", "rusqlite", "tokio"]),
    ("thermine-units", &["axum", "reqwest", "rusqlite"]),
    ("thermine-stratum", &["axum", "reqwest", "rusqlite"]),
    ("thermine-drivers", &["rusqlite"]),
    ("thermine-capture", TERMINAL_AND_HTTP),
    ("thermine-lab", TERMINAL_AND_HTTP),
];

const TERMINAL_AND_HTTP: &[&str] = &[
    "axum",
    "clap",
    "comfy-table",
    "crossterm",
    "hyper",
    "indicatif",
    "ratatui",
    "reqwest",
];

/// A crate of the workspace.
struct Package {
    name: String,
    folder: PathBuf,
    /// Names of the packages that it depends on outside its tests.
    needs: Vec<String>,
}

fn packages() -> Vec<Package> {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "cargo metadata succeeds");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_string();
    let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
    list(&metadata["packages"])
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            folder: Path::new(&text(&package["manifest_path"]))
                .parent()
                .expect("a folder")
                .to_path_buf(),
            needs: list(&package["dependencies"])
                .iter()
                .filter(|needed| needed["kind"].is_null())
                .map(|needed| text(&needed["name"]))
                .collect(),
        })
        .collect()
}

#[test]
fn crates_depend_in_one_direction() {
    let packages = packages();
    let members: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let mut seen = 0;
    for package in &packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            assert_eq!(
                package.name, "hil-tests",
                "a crate without a line in ARROWS"
            );
            continue;
        };
        seen += 1;
        for needed in &package.needs {
            let is_allowed = allowed.contains(&needed.as_str());
            assert!(
                is_allowed || !members.contains(needed.as_str()),
                "{} must not depend on {needed}",
                package.name
            );
        }
    }
    assert_eq!(seen, ARROWS.len(), "every crate of ARROWS is there");
}

#[test]
fn no_layer_knows_a_library_above_it() {
    for package in packages() {
        let unknown = UNKNOWN.iter().find(|(name, _)| *name == package.name);
        for library in unknown.map_or(&[] as &[&str], |(_, libraries)| libraries) {
            let knows = package.needs.iter().any(|needed| needed == library);
            assert!(!knows, "{} must not depend on {library}", package.name);
        }
    }
}

#[test]
fn no_modules_of_a_crate_import_each_other_in_a_circle() {
    for package in packages() {
        let modules = modules(&package.folder.join("src"));
        assert!(!modules.is_empty(), "{} has modules", package.name);
        let circle = circle(imports(&modules));
        assert!(circle.is_empty(), "{}: {circle:#?}", package.name);
    }
}

#[test]
fn nothing_below_the_program_prints_or_exits() {
    for package in packages() {
        // The program and the suite for hardware are what people run.
        if ["thermine", "hil-tests"].contains(&package.name.as_str()) {
            continue;
        }
        for (module, source) in modules(&package.folder.join("src")) {
            let mut words = Vec::new();
            words_of(source, &mut words);
            for pair in words.windows(2) {
                let prints = ["print", "println", "eprint", "eprintln", "dbg"]
                    .iter()
                    .any(|name| pair[0] == *name && pair[1] == "!");
                let exits = pair[0] == "process" && pair[1] == "exit";
                assert!(
                    !prints && !exits,
                    "{}: {module:?} prints or exits",
                    package.name
                );
            }
        }
    }
}

/// Words and marks of a source, without its paths' colons.
fn words_of(source: TokenStream, words: &mut Vec<String>) {
    for tree in source {
        match tree {
            TokenTree::Group(group) => words_of(group.stream(), words),
            TokenTree::Punct(mark) if mark.as_char() == ':' => {}
            tree => words.push(tree.to_string()),
        }
    }
}

/// Path of a module in its crate; empty for the root.
type Module = Vec<String>;

/// The modules of a crate, each with its source outside tests.
fn modules(src: &Path) -> BTreeMap<Module, TokenStream> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![(src.to_path_buf(), Vec::new())];
    while let Some((folder, module)) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().expect("a name").to_string_lossy();
            if path.is_dir() {
                folders.push((path.clone(), [module.clone(), vec![stem.into()]].concat()));
                continue;
            }
            let is_test = ["tests", "testing", "properties", "main"].contains(&stem.as_ref());
            if is_test || path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let module = match stem.as_ref() {
                "lib" | "mod" => module.clone(),
                _ => [module.clone(), vec![stem.into()]].concat(),
            };
            let text = fs::read_to_string(&path).expect("text");
            let source: TokenStream = text.parse().expect("Rust");
            modules.insert(module, without_tests(source));
        }
    }
    modules
}

/// `source` without the items that only tests have.
fn without_tests(source: TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = source.into_iter().collect();
    let mut kept = Vec::new();
    let mut i = 0;
    while i < trees.len() {
        if is_attribute(&trees[i..], |text| {
            text.starts_with("cfg") && text.contains("test") && !text.contains("not")
        }) {
            i += 2;
            while is_attribute(&trees[i..], |_| true) {
                i += 2;
            }
            let is_use = matches!(&trees[i], TokenTree::Ident(word) if word == "use");
            while i < trees.len() {
                let ends = match &trees[i] {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !is_use,
                    TokenTree::Punct(mark) => mark.as_char() == ';',
                    _ => false,
                };
                i += 1;
                if ends {
                    break;
                }
            }
            continue;
        }
        kept.push(trees[i].clone());
        i += 1;
    }
    kept.into_iter().collect()
}

fn is_attribute(trees: &[TokenTree], is_it: impl Fn(&str) -> bool) -> bool {
    match trees {
        [TokenTree::Punct(mark), TokenTree::Group(group), ..] => {
            mark.as_char() == '#' && is_it(&group.stream().to_string())
        }
        _ => false,
    }
}

/// Which modules each module names. A parent that only declares its children and makes their items public does not
/// import them.
fn imports(modules: &BTreeMap<Module, TokenStream>) -> BTreeMap<Module, BTreeSet<Module>> {
    modules
        .iter()
        .map(|(module, source)| {
            let mut named = Vec::new();
            named_paths(source.clone(), &mut named);
            let imported = named
                .into_iter()
                .filter_map(|path| {
                    let target = resolve(module, &path.words, modules)?;
                    let to_child = path.is_public_use && target.starts_with(module);
                    (target != *module && !to_child).then_some(target)
                })
                .collect();
            (module.clone(), imported)
        })
        .collect()
}

/// The module in which the item stands that `module` calls `words`; `None` if that is in another crate.
fn resolve(
    module: &Module,
    words: &[String],
    modules: &BTreeMap<Module, TokenStream>,
) -> Option<Module> {
    let mut at = module.clone();
    let mut rest = words;
    match words.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &words[1..];
        }
        "self" => rest = &words[1..],
        "super" => {
            while rest.first().is_some_and(|word| word == "super") {
                at.pop();
                rest = &rest[1..];
            }
        }
        child => {
            let child = [module.clone(), vec![child.to_string()]].concat();
            modules.get(&child)?;
        }
    }
    for word in rest {
        let inner = [at.clone(), vec![word.clone()]].concat();
        if !modules.contains_key(&inner) {
            break;
        }
        at = inner;
    }
    Some(at)
}

/// A path as written, and whether a `pub use` writes it.
struct Named {
    words: Vec<String>,
    is_public_use: bool,
}

fn named_paths(source: TokenStream, named: &mut Vec<Named>) {
    let trees: Vec<TokenTree> = source.into_iter().collect();
    let mut i = 0;
    while i < trees.len() {
        match &trees[i] {
            TokenTree::Group(group) => {
                named_paths(group.stream(), named);
                i += 1;
            }
            TokenTree::Ident(word) if word == "use" => {
                let before = trees[..i].iter().rev().take(2);
                let is_public_use = before
                    .into_iter()
                    .any(|tree| matches!(tree, TokenTree::Ident(word) if word == "pub"));
                let mut paths = Vec::new();
                i += 1 + used(&trees[i + 1..], &[], &mut paths);
                named.extend(paths.into_iter().map(|words| Named {
                    words,
                    is_public_use,
                }));
            }
            TokenTree::Ident(word) => {
                let mut words = vec![word.to_string()];
                let follows_in =
                    i > 0 && matches!(&trees[i - 1], TokenTree::Ident(before) if before == "in");
                let is_inner = i > 0 && is_colon(&trees[i - 1]);
                i += 1;
                while let [first, second, TokenTree::Ident(next), ..] = &trees[i..]
                    && is_colon(first)
                    && is_colon(second)
                {
                    words.push(next.to_string());
                    i += 3;
                }
                if words.len() > 1 && !is_inner && !follows_in {
                    named.push(Named {
                        words,
                        is_public_use: false,
                    });
                }
            }
            _ => i += 1,
        }
    }
}

fn is_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(mark) if mark.as_char() == ':')
}

/// Reads one branch of a `use` and says how many trees it has.
fn used(trees: &[TokenTree], before: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut words = before.to_vec();
    for (i, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(word) if word == "as" => {}
            TokenTree::Ident(word) => {
                let renames =
                    i > 0 && matches!(&trees[i - 1], TokenTree::Ident(before) if before == "as");
                // `{self, …}` names the module that stands before it.
                if !renames && (word != "self" || words.is_empty()) {
                    words.push(word.to_string());
                }
            }
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut at = 0;
                while at < inner.len() {
                    at += used(&inner[at..], &words, paths);
                }
                // The comma or the semicolon that follows is its end.
                return (i + 2).min(trees.len());
            }
            TokenTree::Punct(mark) if matches!(mark.as_char(), ',' | ';') => {
                paths.push(words);
                return i + 1;
            }
            _ => {}
        }
    }
    if !words.is_empty() {
        paths.push(words);
    }
    trees.len()
}

/// The imports that are part of a circle, or lie between two, as text; empty if there is no circle.
fn circle(mut imports: BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    loop {
        let importing: BTreeSet<Module> = imports.keys().cloned().collect();
        let imported: BTreeSet<Module> = imports.values().flatten().cloned().collect();
        let before = importing.len();
        for named in imports.values_mut() {
            named.retain(|module| importing.contains(module));
        }
        imports.retain(|module, named| !named.is_empty() && imported.contains(module));
        if imports.len() == before {
            break;
        }
    }
    let mut found = Vec::new();
    for (module, named) in imports {
        for other in named {
            found.push(format!("{} -> {}", module.join("::"), other.join("::")));
        }
    }
    found
}

#[test]
fn a_circle_is_found_and_a_parent_that_makes_its_child_public_is_none() {
    let crates = |sources: &[(&str, &str)]| -> BTreeMap<Module, TokenStream> {
        sources
            .iter()
            .map(|(path, source)| {
                let module = path.split("::").filter(|word| !word.is_empty());
                (
                    module.map(str::to_string).collect(),
                    without_tests(source.parse().expect("Rust")),
                )
            })
            .collect()
    };
    let sound = crates(&[
        (
            "",
            "mod a; mod b; pub use a::A; #[cfg(test)] mod t { use crate::b::B; }",
        ),
        ("a", "use super::b::{self, B}; pub struct A(B);"),
        (
            "b",
            "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
        ),
    ]);
    assert_eq!(circle(imports(&sound)), [""; 0]);
    let through_a_path = crates(&[
        ("", "mod a; mod b;"),
        ("a", "pub fn f() { crate::b::g() }"),
        (
            "b",
            "use std::{fmt, io}; use crate::{a::f as h}; pub fn g() { h() }",
        ),
    ]);
    assert_eq!(circle(imports(&through_a_path)), ["a -> b", "b -> a"]);
    let with_its_parent = crates(&[
        ("", "mod a;"),
        ("a", "mod c; use self::c::C; pub struct A(C);"),
        ("a::c", "use super::A; pub struct C(Box<A>);"),
    ]);
    assert_eq!(
        circle(imports(&with_its_parent)),
        ["a -> a::c", "a::c -> a"]
    );
}
