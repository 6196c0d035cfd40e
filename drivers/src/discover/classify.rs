//! From what an address answers to the model that it is: a pure function.
//!
//! A model is named only where the unit's own words leave one, because limits hang on it. Everything else is
//! named as what it says it is.

use crate::axeos::Info;
use crate::cgminer::Reply;
use crate::cgminer::reply::Status;
use crate::goldshell::reply::status;
use thermine_units::model::{Model, Wire, lv06};
use thermine_units::printable::{is_hidden, printable, printable_to};
use thermine_units::unit::Identity;

/// Characters that are kept of anything a device says.
const MOST_TEXT: usize = 80;

/// What an address answered, wire by wire; `None` or empty for what did not answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// The cgminer API.
    pub cgminer: Option<Cgminer>,
    /// A Goldshell web backend.
    pub goldshell: Option<Identity>,
    /// What it says as AxeOS; `None` if it is none.
    pub axeos: Option<Info>,
    /// What else is worth saying, such as the name of a web server that is no miner's.
    pub remarks: Vec<String>,
}

/// The answer of a cgminer API to `version`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cgminer {
    /// Who the unit says it is.
    pub(crate) identity: Identity,
    /// The program that answers, for example `bmminer 1.0.0`.
    pub(crate) program: Option<String>,
    /// Why it does not say, where it refuses.
    pub(crate) refusal: Option<String>,
}

/// What the answers amount to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// The model, if it is one that can be driven.
    pub(crate) model: Option<Model>,
    /// The unit's own words, of all wires together; printable and short.
    pub identity: Identity,
    /// What else is worth saying, printable.
    pub remark: Option<String>,
}

impl Cgminer {
    /// Reads a reply to `version`; `None` if it is JSON of something else.
    pub fn read(reply: &Reply) -> Option<Cgminer> {
        let identity = reply.identity();
        let status = reply.status();
        if status.is_none() && identity == Identity::default() {
            return None;
        }
        let said = status.unwrap_or_default();
        Some(Cgminer {
            identity,
            refusal: said.is_error().then(|| said.to_string()),
            program: said.description,
        })
    }

    /// The API of a unit that answered with an error.
    pub(crate) fn refused(status: &Status) -> Cgminer {
        Cgminer {
            identity: Identity::default(),
            program: status.description.clone(),
            refusal: Some(status.to_string()),
        }
    }
}

/// Reads `/mcb/status`; `None` if it is none of a Goldshell unit, all of which name a model and a version.
pub fn goldshell(body: &[u8]) -> Option<Identity> {
    let identity = status(body).ok()?;
    let versioned = identity.firmware.is_some() || identity.api.is_some();
    (identity.model.is_some() && versioned).then_some(identity)
}

/// Reads `/api/system/info`; `None` if it is none of an AxeOS, all of which name a chip. Other devices too
/// have a temperature to report.
pub fn axeos(body: &[u8]) -> Option<Info> {
    Info::parse(body).ok().filter(|info| info.asic.is_some())
}

/// The model that the answers leave, and what the unit says of itself.
pub fn classify(answers: &Answers) -> Verdict {
    let mut remarks = Vec::new();
    let mut models = Vec::new();
    let mut identities = Vec::new();
    if let Some(identity) = &answers.goldshell {
        let named = identity.model.as_deref();
        models.extend(named.and_then(|name| spelled_so(Wire::Goldshell, &spelled(name))));
        identities.push(identity.clone());
    }
    if let Some(info) = &answers.axeos {
        match by_name_and_chip(info) {
            Some(model) => models.push(model),
            None if info.asic.as_deref() == Some(lv06::ASIC)
                && info.identity.model == info.asic =>
            {
                remarks.push(
                    "names its chip and not its model: a Lucky Miner LV06 may answer so, and so does \
                     a Bitaxe Ultra; look at the unit"
                        .to_owned(),
                );
            }
            None => {}
        }
        identities.push(info.identity.clone());
    }
    if let Some(cgminer) = &answers.cgminer {
        let named = cgminer.identity.model.as_deref();
        models.extend(named.and_then(by_type));
        if let Some(firmware) = other_firmware(cgminer) {
            remarks.push(match models.last() {
                Some(_) => format!("runs {firmware}, not the maker's firmware"),
                None => format!(
                    "runs {firmware}, which does not name a model that can be driven: look at the unit; \
                     `thermine devices` shows whether its temperatures and fans can be read"
                ),
            });
        }
        let mut identity = cgminer.identity.clone();
        identity.model = identity.model.or_else(|| cgminer.program.clone());
        identities.push(identity);
        if let Some(refusal) = &cgminer.refusal {
            remarks.push(format!("its cgminer API refuses `version`: {refusal}"));
        }
    }
    models.dedup();
    let model = match models[..] {
        [model] => Some(model),
        [] => None,
        _ => {
            let names: Vec<_> = models.iter().map(|model| model.name()).collect();
            remarks.push(format!(
                "its wires name different models ({}): several units behind one address?",
                names.join(", ")
            ));
            None
        }
    };
    remarks.extend(answers.remarks.iter().cloned());
    let remarks: Vec<_> = remarks.iter().map(|remark| remark_text(remark)).collect();
    Verdict {
        model,
        identity: together(&identities),
        remark: (!remarks.is_empty()).then(|| remarks.join("; ")),
    }
}

/// The model whose control interface is `wire` and gives this name.
fn spelled_so(wire: Wire, spelled: &str) -> Option<Model> {
    Model::ALL.into_iter().find(|model| {
        let entry = model.entry();
        entry.wire == wire && entry.spellings.contains(&spelled)
    })
}

/// By the name that the maker's firmware gives; a chip of another kind contradicts it.
fn by_name_and_chip(info: &Info) -> Option<Model> {
    let name = info.identity.model.as_deref()?;
    let model = spelled_so(Wire::AxeOs, &spelled(name))?;
    let asic = info.asic.as_deref();
    (asic.is_some() && asic == model.entry().chip).then_some(model)
}

/// Words by which firmware that is not the maker's is known, in lower case, and its name.
const OTHER_FIRMWARE: [(&str, &str); 9] = [
    ("bosminer", "Braiins OS"),
    ("boser", "Braiins OS"),
    ("braiins", "Braiins OS"),
    ("bos_am", "Braiins OS"),
    ("luxminer", "LuxOS"),
    ("luxos", "LuxOS"),
    ("vnish", "VNish"),
    ("hiveon", "Hiveon"),
    ("marafw", "MaraFW"),
];

/// The firmware of a unit that does not run the maker's.
fn other_firmware(cgminer: &Cgminer) -> Option<&'static str> {
    let Identity {
        model, firmware, ..
    } = &cgminer.identity;
    let said = [model, firmware, &cgminer.program].into_iter().flatten();
    let said: Vec<String> = said.map(|text| text.to_lowercase()).collect();
    let known = |word: &str| said.iter().any(|text| text.contains(word));
    let mut names = OTHER_FIRMWARE.iter();
    names.find_map(|(word, name)| known(word).then_some(*name))
}

/// By `Type` of the cgminer API, without what other firmware adds: `Antminer S9 (vnish 3.8.6)`, `Antminer S9
/// Hiveon`. The S9i, S9j, S9k and S9 SE are other hardware.
fn by_type(name: &str) -> Option<Model> {
    let name = name.split_once('(').map_or(name, |(name, _)| name);
    let named = spelled(name);
    let added = OTHER_FIRMWARE
        .iter()
        .find_map(|(word, _)| named.strip_suffix(word));
    spelled_so(Wire::Cgminer, added.unwrap_or(&named))
        .or_else(|| spelled_so(Wire::Goldshell, &named))
}

/// The model that a unit's own name for itself is, if it is one that can be driven.
pub fn names(identity: &Identity) -> Option<Model> {
    let name = identity.model.as_deref()?;
    by_type(name).or_else(|| spelled_so(Wire::AxeOs, &spelled(name)))
}

/// `name` without blanks, dashes and case.
fn spelled(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Each field from the first that has it.
fn together(identities: &[Identity]) -> Identity {
    let first = |field: fn(&Identity) -> &Option<String>| {
        let mut said = identities
            .iter()
            .filter_map(|identity| field(identity).as_deref());
        said.find_map(|text| Some(short(text)).filter(|text| !text.is_empty()))
    };
    Identity {
        model: first(|identity| &identity.model),
        firmware: first(|identity| &identity.firmware),
        api: first(|identity| &identity.api),
        serial: first(|identity| &identity.serial),
    }
}

/// A device's own words: on one line, and not too long for a table.
pub(crate) fn short(text: &str) -> String {
    printable_to(
        text.trim_matches(|c: char| c.is_whitespace() || is_hidden(c)),
        MOST_TEXT,
    )
}

/// Remarks are ours but for the short texts quoted in them.
fn remark_text(text: &str) -> String {
    printable(text.trim())
}

#[cfg(test)]
mod tests;
