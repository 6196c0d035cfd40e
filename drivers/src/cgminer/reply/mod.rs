//! Typed views of a reply. Every field is optional: what a firmware leaves out, or fills with something
//! that cannot be meant, is `None`, and the fields beside it keep their values.

pub(crate) mod fields;
mod pools;
mod sensors;
mod stats;
mod summary;
mod telemetry;

use std::fmt;

use serde_json::{Map, Value};

use self::fields::Fields;
pub use self::pools::Pool;
pub use self::sensors::Temps;
pub use self::stats::Stats;
pub use self::summary::{Device, Summary};
pub use self::telemetry::boards;
pub use self::telemetry::telemetry;
use super::repair::repair;
use thermine_units::printable::printable;
use thermine_units::quantity::Rpm;
use thermine_units::unit::Identity;

/// A reply as received, repaired where that was needed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    sections: Map<String, Value>,
}

impl Reply {
    /// Reads a reply. Its trailing NUL may be there or not.
    ///
    /// # Errors
    /// If the bytes are no JSON object even after `repair`. The error is of the end-of-file kind if the
    /// reply breaks off.
    pub fn parse(bytes: &[u8]) -> Result<Reply, serde_json::Error> {
        let sections = serde_json::from_str(&repair(bytes))?;
        Ok(Reply { sections })
    }

    /// What the unit says of the command itself. `None` for a joined reply, whose parts have one each,
    /// and for the replies of `restart` and `quit`, which have a [`farewell`](Reply::farewell) instead.
    pub fn status(&self) -> Option<Status> {
        self.rows("STATUS").next().map(Status::read)
    }

    /// The word with which a unit takes leave: `RESTART` or `BYE`. Its port closes right after.
    pub fn farewell(&self) -> Option<&str> {
        self.sections.get("STATUS")?.as_str()
    }

    /// The reply to one command of a joined request such as `summary+stats`.
    pub fn part(&self, command: &str) -> Option<Reply> {
        let part = self.sections.get(command)?;
        let part = part.as_array().map_or(Some(part), |list| list.first())?;
        let sections = part.as_object()?.clone();
        Some(Reply { sections })
    }

    /// View of a `version` reply.
    pub fn identity(&self) -> Identity {
        let Some(row) = self.rows("VERSION").next() else {
            return Identity::default();
        };
        Identity {
            model: row.text("Type"),
            firmware: named_firmware(row).or_else(|| {
                let keys = ["Miner", "CompileTime", "CGMiner"];
                keys.iter().find_map(|key| row.text(key))
            }),
            api: row.text("API"),
            serial: None,
        }
    }

    /// View of a `summary` reply.
    pub fn summary(&self) -> Summary {
        self.rows("SUMMARY")
            .next()
            .map(Summary::read)
            .unwrap_or_default()
    }

    /// View of a `pools` reply, in the unit's order.
    pub fn pools(&self) -> Vec<Pool> {
        self.rows("POOLS").map(Pool::read).collect()
    }

    /// View of a `devs` reply. An S9 lists itself as one device, not its boards.
    pub fn devices(&self) -> Vec<Device> {
        self.rows("DEVS").map(Device::read).collect()
    }

    /// View of a `temps` reply, which stock firmware does not have.
    pub(crate) fn temps(&self) -> Vec<Temps> {
        let rows = self.rows("TEMPS").take(sensors::MOST);
        rows.map(Temps::read).collect()
    }

    /// View of a `fans` reply, which stock firmware does not have.
    pub(crate) fn fans(&self) -> Vec<Rpm> {
        let rows = self.rows("FANS").take(sensors::MOST);
        rows.filter_map(sensors::fan).collect()
    }

    /// View of a `stats` reply.
    pub fn stats(&self) -> Stats {
        // The first object is a header without readings, later ones may be about pools.
        self.rows("STATS")
            .find(|row| row.has("STATS"))
            .map(Stats::read)
            .unwrap_or_default()
    }

    fn rows(&self, section: &str) -> impl Iterator<Item = Fields<'_>> {
        let section = self.sections.get(section);
        let list = section.and_then(Value::as_array);
        let rows: &[Value] = list.map_or(&[], Vec::as_slice);
        let single = section.and_then(Value::as_object);
        rows.iter()
            .filter_map(Value::as_object)
            .chain(single)
            .map(Fields)
    }
}

/// Keys of `version` under which firmware that is not the maker's gives its version.
const FIRMWARE: [&str; 5] = ["BOSminer", "BOSminer+", "BOSer", "LUXminer", "VNish"];

/// Such a firmware with its name, which is not always part of its version.
fn named_firmware(row: Fields<'_>) -> Option<String> {
    FIRMWARE.iter().find_map(|name| {
        let version = row.text(name)?;
        let is_named = version.to_lowercase().starts_with(&name.to_lowercase());
        Some(if is_named {
            version
        } else {
            format!("{name} {version}")
        })
    })
}

/// What a unit says of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether the command was carried out.
    pub severity: Severity,
    /// Time of day on the unit's clock, seconds since the Unix epoch.
    pub(crate) when: Option<u64>,
    /// Number of the message, the same in all firmwares of the family: 14 invalid command, 45 access
    /// denied.
    pub code: Option<u64>,
    /// The message in words.
    pub message: Option<String>,
    /// Name and version of the program that answers, for example `bmminer 1.0.0`.
    pub description: Option<String>,
}

impl Status {
    /// Whether the command was refused or failed.
    pub fn is_error(&self) -> bool {
        matches!(self.severity, Severity::Error | Severity::Fatal)
    }

    fn read(row: Fields<'_>) -> Status {
        let severity = match row.text("STATUS").as_deref() {
            Some("S") => Severity::Success,
            Some("I") => Severity::Info,
            Some("W") => Severity::Warning,
            Some("E") => Severity::Error,
            Some("F") => Severity::Fatal,
            _ => Severity::Unknown,
        };
        Status {
            severity,
            when: row.count("When"),
            code: row.count("Code"),
            message: row.text("Msg"),
            description: row.text("Description"),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = printable(self.message.as_deref().unwrap_or("no message"));
        match self.code {
            Some(code) => write!(f, "{message} (code {code})"),
            None => write!(f, "{message} (no code)"),
        }
    }
}

/// The letter of a [`Status`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Severity {
    /// `S`
    Success,
    /// `I`: nothing to do, or already done.
    Info,
    /// `W`
    Warning,
    /// `E`: the command was refused.
    Error,
    /// `F`: the unit's own fault.
    Fatal,
    /// Any other letter, or none.
    #[default]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_to_restart_has_a_word_for_a_status() {
        let reply = Reply::parse(b"{\"STATUS\":\"RESTART\",\"id\":1}\0").expect("JSON");
        assert_eq!(reply.farewell(), Some("RESTART"));
        assert_eq!(reply.status(), None);
    }

    #[test]
    fn parts_of_a_joined_reply_are_replies() {
        let reply = Reply::parse(
            br#"{"summary":[{"STATUS":[{"STATUS":"S","Code":11}],"SUMMARY":[{"Elapsed":5}],"id":1}],"id":1}"#,
        )
        .expect("JSON");
        assert_eq!(reply.status(), None);
        let part = reply.part("summary").expect("a part");
        assert_eq!(part.status().and_then(|status| status.code), Some(11));
        assert_eq!(part.summary().uptime.map(|up| up.as_secs()), Some(5));
        assert_eq!(reply.part("stats"), None);
    }

    #[test]
    fn sections_of_the_wrong_type_are_empty() {
        let reply =
            Reply::parse(br#"{"STATUS":7,"VERSION":"x","SUMMARY":[3],"POOLS":{},"STATS":null}"#)
                .expect("JSON");
        assert_eq!(reply.status(), None);
        assert_eq!(reply.identity(), Identity::default());
        assert_eq!(reply.summary(), Summary::default());
        assert_eq!(reply.pools(), [Pool::default()]);
        assert_eq!(reply.stats(), Stats::default());
        assert!(Reply::parse(b"[]").is_err());
    }

    #[test]
    fn a_model_with_a_line_break_reads_as_one_line() {
        let reply = Reply::parse(b"{\"VERSION\":[{\"Type\":\"Antminer S9\n (vnish 3.8.6)\"}]}")
            .expect("JSON");
        assert_eq!(
            reply.identity().model.as_deref(),
            Some("Antminer S9 (vnish 3.8.6)")
        );
    }
}
