//! What a run says: a table for the eye, a folder for everything else.

pub(crate) mod bench;
pub(crate) mod capacity;
pub(crate) mod capture;
pub mod chips;
pub mod compare;
pub(crate) mod devices;
pub(crate) mod discover;
pub(crate) mod folder;
pub(crate) mod heatmap;
pub(crate) mod joined;
pub(crate) mod progress;
pub(crate) mod proxy_bench;
pub(crate) mod puf;
pub(crate) mod registration;
pub(crate) mod run;
pub(crate) mod seeds;
pub(crate) mod sim;
pub(crate) mod stdout;
pub(crate) mod svg;
pub(crate) mod sweep;
pub(crate) mod switch_profile;
pub(crate) mod table;
mod targets;
pub(crate) mod tpf;
pub(crate) mod train;
pub(crate) mod verify;
pub(crate) mod wall_meter;
