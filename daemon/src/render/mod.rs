//! What a run says: a table for the eye, a folder for everything else.

pub mod capacity;
pub(crate) mod cell;
pub mod folder;
pub mod heatmap;
pub mod progress;
pub(crate) mod puf;
pub mod run;
pub mod seeds;
pub mod stdout;
pub mod svg;
pub mod table;
pub(crate) mod tpf;
pub(crate) mod verify;
