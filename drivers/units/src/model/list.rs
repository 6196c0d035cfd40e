//! The list of models.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

use super::entry::Wire;
use super::limits::Limits;
use crate::nonce::Layout;
use crate::params::Params;
use crate::pow::Algorithm;

/// Makes the enum of models: a line for each gives its variant and its file beside this list.
#[doc(hidden)]
#[macro_export]
macro_rules! models {
    ($($variant:ident = $file:ident),* $(,)?) => {
        /// A model that can be driven. Its name in files is its variant's, in small letters with dashes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Model {
            $(
                #[doc = concat!("The model in the file `", stringify!($file), ".rs`.")]
                $variant,
            )*
        }

        impl Model {
            /// All models, in the order of the list.
            pub const ALL: [Model; [$(Model::$variant),*].len()] = [$(Model::$variant),*];

            /// What is particular to this model.
            pub fn entry(self) -> &'static $crate::model::Entry {
                match self {
                    $(Model::$variant => &super::$file::ENTRY,)*
                }
            }
        }
    };
}

models! {
    AntminerS9 = s9,
    LuckyMinerLv06 = lv06,
    GoldshellLbBox = lb_box,
    Bm1387 = bm1387,
    Bm1366 = bm1366,
}

impl Model {
    /// Name in configurations.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Whether it is chips on a serial line, without a controller of their own.
    pub fn is_bare(self) -> bool {
        self.entry().wire == Wire::Serial
    }

    /// What it hashes by.
    pub fn algorithm(self) -> Algorithm {
        self.entry().algorithm
    }

    /// Lowest share difficulty that it answers at, whatever it is asked; 0 where there is no such floor.
    pub fn difficulty_floor(self) -> f64 {
        self.entry().difficulty_floor
    }

    /// Hashing lost to one clean job.
    pub fn switch_dead_time(self) -> Duration {
        self.entry().switch_dead_time
    }

    /// What a model may be set to, and when it must be stopped.
    pub fn limits(self) -> &'static Limits {
        &self.entry().limits
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Params {
    /// The parameters of a model with a controller; `None` for bare chips, which are fed frame by frame.
    pub fn of(model: Model) -> Option<Params> {
        (!model.is_bare()).then(|| (model.entry().physics)(0))
    }
}

impl Serialize for Layout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// By name, out of the layouts of the catalogue.
impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Layout, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut layouts = Model::ALL.into_iter().map(|model| model.entry().layout);
        layouts.find(|layout| layout.name == name).ok_or_else(|| {
            de::Error::custom(format_args!("there is no nonce layout named `{name}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_aliases_are_unique_and_those_of_files() {
        let mut seen = HashSet::new();
        for model in Model::ALL {
            let entry = model.entry();
            let written = serde_json::to_string(&model).expect("JSON");
            assert_eq!(written, format!("\"{}\"", entry.name));
            for name in entry.aliases.iter().chain([&entry.name]) {
                assert!(
                    seen.insert(*name) || entry.aliases == [entry.name],
                    "{name}"
                );
            }
            assert!(
                entry.example.text.contains(&format!("model = {written}")),
                "{model}"
            );
        }
    }

    #[test]
    fn every_model_has_sound_physics() {
        for model in Model::ALL {
            let params = (model.entry().physics)(1);
            params.check().expect("sound");
            assert_eq!(params.layout, model.entry().layout, "{model}");
            assert_eq!(params.algorithm, model.algorithm(), "{model}");
        }
    }
}
