//! Values that have a fixed set of names, each with its explanation from the type's documentation.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use strum::{EnumMessage, VariantArray};

/// Parses the names of `T`.
pub(super) fn words<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + EnumMessage + Copy + Send + Sync + 'static,
    &'static str: From<T>,
{
    let known = T::VARIANTS.iter().map(|value| {
        let name = PossibleValue::new(<&str>::from(*value));
        match value.get_documentation() {
            Some(text) => name.help(text.trim_end_matches('.').replace('\n', " ")),
            None => name,
        }
    });
    PossibleValuesParser::new(known).try_map(|name| {
        let mut all = T::VARIANTS.iter().copied();
        all.find(|value| <&str>::from(*value) == name)
            .ok_or("no such name")
    })
}
