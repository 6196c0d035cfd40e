//! Profiles as files: versioned, signed, and refused unless they are exactly as written.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thermine_reservoir::identity::{Population, Profile};
use thermine_units::provenance::Provenance;

use super::challenge::Plan;
use super::key::Key;

/// Value of the field `format`.
const FORMAT: &str = "thermine puf profile";

/// Version of the format that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Longest file that is read, in bytes: a profile of 300 features takes some 2 MB.
const MOST_BYTES: u64 = 64 << 20;

/// An enrolled unit, with all that a decision about it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Name of the unit in its configuration.
    pub unit: String,
    /// Where the profile's numbers come from.
    pub provenance: Provenance,
    /// Version of the program that made it.
    pub(super) program: String,
    /// Seed of the enrolment.
    pub seed: u64,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub(super) config_hash: String,
    pub(super) plan: Plan,
    /// Names of the features that count, in the order of their values.
    pub features: Vec<String>,
    /// How units of the model differ in these features.
    pub population: Population,
    /// Where the population comes from, in words.
    pub population_of: String,
    /// How this unit differs from the population.
    pub profile: Profile,
    /// Time from a job to its first share that a response must keep once, s; `None` if no share came at full duty.
    pub bound_s: Option<f64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    format: String,
    version: u32,
    /// Name of the key that signed it.
    key: String,
    signature: String,
    /// As it was signed, byte for byte.
    body: Box<RawValue>,
}

/// What is signed: the body, and the format and version that it is in.
fn message(body: &str) -> Vec<u8> {
    format!("{FORMAT} {VERSION}\n{body}").into_bytes()
}

/// Writes `enrolled` to `path`, signed with `key`.
///
/// # Errors
/// If the file exists or cannot be written.
pub(super) fn write(path: &Path, enrolled: &Enrolled, key: &Key) -> Result<()> {
    let body = serde_json::value::to_raw_value(enrolled)?;
    let signed = Signed {
        format: FORMAT.into(),
        version: VERSION,
        key: key.id(),
        signature: key.sign(&message(body.get())),
        body,
    };
    let text = serde_json::to_string(&signed)?;
    let mut file = std::fs::File::create_new(path).with_context(|| {
        format!(
            "cannot make the profile {}: profiles are never overwritten",
            path.display()
        )
    })?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Reads the profile at `path` if it is signed with `key`.
///
/// # Errors
/// If the file is no profile, of another version, unsigned, signed with another key or changed; the message says which.
pub fn read(path: &Path, key: &Key) -> Result<Enrolled> {
    let size = std::fs::metadata(path)
        .with_context(|| format!("cannot read the profile {}", path.display()))?
        .len();
    if size > MOST_BYTES {
        bail!("{} is longer than any profile", path.display());
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the profile {}", path.display()))?;
    parse(&text, key).with_context(|| format!("the profile {} is refused", path.display()))
}

fn parse(text: &str, key: &Key) -> Result<Enrolled> {
    /// What is checked first.
    #[derive(Deserialize)]
    struct Head {
        format: Option<String>,
        version: Option<u32>,
        key: Option<String>,
        signature: Option<String>,
    }
    let head: Head = serde_json::from_str(text).context("it is not a profile of this program")?;
    if head.format.as_deref() != Some(FORMAT) {
        bail!("it is not a profile of this program");
    }
    match head.version {
        Some(VERSION) => {}
        Some(other) => bail!(
            "it has version {other} of the format, and this program knows version {VERSION}: enrol the unit again"
        ),
        None => bail!("it names no version of the format"),
    }
    if head.signature.as_deref().unwrap_or_default().is_empty() {
        bail!("it is not signed, so anyone may have made it");
    }
    let (of, yours) = (head.key.unwrap_or_default(), key.id());
    if of != yours {
        // No more than a key's name has: the file may hold anything.
        let shown: String = of
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(16)
            .collect();
        bail!("it is signed with another key: it names {shown}, and yours is {yours}");
    }
    let signed: Signed =
        serde_json::from_str(text).context("it is not as this program writes it")?;
    if !key.verifies(&message(signed.body.get()), &signed.signature) {
        bail!("its signature does not fit: it was changed after it was signed");
    }
    let enrolled: Enrolled = serde_json::from_str(signed.body.get())
        .context("it is signed, but not as this program writes it")?;
    let fits = enrolled.plan.is_sound()
        && enrolled.population.is_sound()
        && enrolled.population.mean.len() == enrolled.features.len()
        && enrolled.profile.is_sound(&enrolled.population);
    if !fits {
        bail!("it is signed, but its parts do not fit each other");
    }
    Ok(enrolled)
}

/// A profile file of any bytes, and any bytes that are signed with the right key: nothing panics, and what is taken is
/// written as it was read.
#[cfg(any(test, fuzzing))]
pub fn fuzz_profile(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let key = Key::fixed();
    let _ = parse(&text, &key);
    let Ok(body) = serde_json::from_str::<Box<RawValue>>(&text) else {
        return;
    };
    let signed = Signed {
        format: FORMAT.into(),
        version: VERSION,
        key: key.id(),
        signature: key.sign(&message(body.get())),
        body,
    };
    let signed = serde_json::to_string(&signed).expect("JSON");
    if let Ok(enrolled) = parse(&signed, &key) {
        let written = serde_json::to_string(&enrolled).expect("finite");
        let again: Enrolled = serde_json::from_str(&written).expect("as it was written");
        assert_eq!(again, enrolled);
    }
}

#[cfg(test)]
mod tests {
    use super::super::challenge::tests::plan;
    use super::super::key::tests::key;
    use super::*;
    use thermine_reservoir::identity::Kind;

    fn enrolled() -> Enrolled {
        let units: Vec<Vec<Vec<f64>>> = (0..6)
            .map(|u| {
                let block = |b: i32| vec![f64::from(u * u) + 0.1 * f64::from(b % 3)];
                (0..4).map(block).collect()
            })
            .collect();
        let population = Population::fit(&units, &[Kind { group: 0, part: 0 }]).expect("fitted");
        Enrolled {
            unit: "a".into(),
            provenance: Provenance::Simulated,
            program: "0".into(),
            seed: 1,
            config_hash: "0".into(),
            plan: plan(2, 3),
            features: vec!["x".into()],
            profile: Profile::enrol(&population, &units[1]).expect("enrolled"),
            population,
            population_of: "a test".into(),
            bound_s: Some(0.02),
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.json");
        write(&path, &enrolled(), &key(1)).expect("written");
        assert_eq!(read(&path, &key(1)).expect("read"), enrolled());
        assert!(
            write(&path, &enrolled(), &key(1)).is_err(),
            "never overwritten"
        );
        let text = std::fs::read_to_string(&path).expect("text");
        let refused = |text: &str, by: &Key| format!("{:#}", parse(text, by).expect_err("refused"));
        assert!(refused(&text, &key(2)).contains("another key"));
        let tampered = text.replace("\"unit\":\"a\"", "\"unit\":\"b\"");
        assert_ne!(tampered, text);
        assert!(refused(&tampered, &key(1)).contains("changed after it was signed"));
        let newer = text.replace("\"version\":1,", "\"version\":2,");
        assert!(refused(&newer, &key(1)).contains("version 2"));
        let mut unsigned: serde_json::Value = serde_json::from_str(&text).expect("json");
        unsigned["signature"] = "".into();
        assert!(refused(&unsigned.to_string(), &key(1)).contains("not signed"));
        assert!(refused("{}", &key(1)).contains("not a profile"));
        assert!(refused("nonsense", &key(1)).contains("not a profile"));
        // A valid signature does not make parts fit that do not.
        let mut bad = enrolled();
        bad.profile.mean.push(1.0);
        let other = dir.path().join("b.json");
        write(&other, &bad, &key(1)).expect("written");
        let said = format!("{:#}", read(&other, &key(1)).expect_err("refused"));
        assert!(said.contains("do not fit"), "{said}");
    }

    #[test]
    fn the_seed_of_the_fuzzer_is_a_profile() {
        let body = include_str!("../../../fuzz/seeds/puf_profile/enrolled.json");
        let read: Enrolled = serde_json::from_str(body).unwrap_or_else(|error| {
            let one = serde_json::to_string(&enrolled()).expect("JSON");
            panic!("{error}; one is {one}")
        });
        assert!(read.plan.is_sound() && read.population.is_sound());
        assert!(read.profile.is_sound(&read.population));
        assert_eq!(read.population.mean.len(), read.features.len());
    }

    #[test]
    fn any_byte_that_is_changed_is_noticed() {
        let body = serde_json::value::to_raw_value(&enrolled()).expect("json");
        let signature = key(1).sign(&message(body.get()));
        let text = body.get().as_bytes();
        for place in (0..text.len()).step_by(7) {
            let mut changed = text.to_vec();
            changed[place] ^= 1;
            let changed = String::from_utf8_lossy(&changed).into_owned();
            assert!(!key(1).verifies(&message(&changed), &signature), "{place}");
        }
    }
}
