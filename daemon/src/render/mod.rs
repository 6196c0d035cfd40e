//! What a run says: a table for the eye, a folder for everything else.

pub(crate) mod bench;
pub mod capacity;
pub(crate) mod capture;
pub mod chips;
pub(crate) mod compare;
pub(crate) mod devices;
pub(crate) mod discover;
pub mod folder;
pub mod heatmap;
pub mod progress;
pub(crate) mod proxy_bench;
pub(crate) mod puf;
pub mod run;
pub mod seeds;
pub(crate) mod sim;
pub mod stdout;
pub mod svg;
pub(crate) mod sweep;
pub(crate) mod switch_profile;
pub mod table;
pub(crate) mod tpf;
pub(crate) mod train;
pub(crate) mod verify;
