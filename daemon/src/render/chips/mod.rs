//! The chips and cores of a unit: as text, as maps, and as tables in the report folder.

mod counts;
mod files;
pub mod map;
mod text;
mod verdict;

pub(crate) use self::files::write;
pub(crate) use self::text::text;
pub use self::verdict::verdict;
