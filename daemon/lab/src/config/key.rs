//! A key of a configuration file: what it may hold, and what its absence means.

/// What every environment variable of this program begins with.
pub(crate) const PREFIX: &str = "THERMINE_";

/// A kind of configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// A unit and the steps that it is driven with.
    Unit,
    /// A rack: the files of several units, and the daemon that keeps them.
    Rack,
    /// The configuration of the proxy.
    Proxy,
}

impl File {
    /// All kinds, in the order in which they are explained.
    pub const ALL: [File; 3] = [File::Unit, File::Rack, File::Proxy];

    /// Name in messages.
    pub fn name(self) -> &'static str {
        match self {
            File::Unit => "unit",
            File::Rack => "rack",
            File::Proxy => "proxy",
        }
    }
}

/// What a key may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Any text.
    Text,
    /// A path, relative to the file that names it.
    Path,
    /// An IP address and a port.
    Address,
    /// A number with a fraction.
    Number,
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Wholes,
    /// A list of pairs of numbers.
    Pairs,
    /// A table of further keys.
    Section,
    /// A section that may stand several times, as `[[...]]`.
    Sections,
}

impl Holds {
    /// The kind of value in words, for an explanation.
    pub fn words(self) -> String {
        match self {
            Holds::Text => "text".into(),
            Holds::Path => "a path".into(),
            Holds::Address => "an address, such as \"127.0.0.1:3333\"".into(),
            Holds::Number => "a number".into(),
            Holds::Whole => "a whole number".into(),
            Holds::Switch => "true or false".into(),
            Holds::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                quoted.join(" or ")
            }
            Holds::Texts => "a list of texts".into(),
            Holds::Wholes => "a list of whole numbers".into(),
            Holds::Pairs => "a list of pairs of numbers, such as [[5, 0.9]]".into(),
            Holds::Section => "a section".into(),
            Holds::Sections => "a section that may be repeated".into(),
        }
    }
}

/// What stands in for a key that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing: it must be there, if its section is.
    Required,
    /// Nothing, and that means what this says.
    Means(&'static str),
    /// A default, as the file would write it.
    Value(&'static str),
}

/// A key of a configuration, described once for help, checks and overrides.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The kind of file that it stands in.
    pub file: File,
    /// Its sections and its name, with dots between them.
    pub path: &'static str,
    /// What it may hold.
    pub holds: Holds,
    /// What stands in for it.
    pub missing: Missing,
    /// What it is for.
    pub doc: &'static str,
}

impl Key {
    /// The section that it is in; the empty one is the file itself.
    pub(crate) fn section(&self) -> &'static str {
        self.path
            .rsplit_once('.')
            .map_or("", |(section, _)| section)
    }

    /// Its name in the section.
    pub fn name(&self) -> &'static str {
        self.path
            .rsplit_once('.')
            .map_or(self.path, |(_, name)| name)
    }

    /// The environment variable that overrides it, if one can: single values of the daemon and of the proxy.
    pub fn variable(&self) -> Option<String> {
        let single = !matches!(
            self.holds,
            Holds::Texts | Holds::Wholes | Holds::Pairs | Holds::Section | Holds::Sections
        );
        let overridden = match self.file {
            File::Unit => false,
            File::Rack => self.section() == "daemon",
            File::Proxy => matches!(self.section(), "proxy" | "units"),
        };
        (single && overridden).then(|| {
            let path = self.path.replace('.', "__").to_uppercase();
            format!("{}{path}", PREFIX)
        })
    }
}
