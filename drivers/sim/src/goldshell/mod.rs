//! The control wires of a simulated Goldshell Box: the web backend and the cgminer API, as firmware of the
//! 2.2 line answers them. Both read one [`BoxState`], which the simulated unit keeps up to date.
//!
//! Shapes are those of published captures of the SC-BOX, whose controller the LB-Box shares. Where a capture
//! says nothing the code beside it says *assumed*.

mod api;
mod backend;
mod board;
mod firmware;
mod history;
mod pages;
mod setting;
mod state;

pub use self::backend::{Backend, serve};
pub use self::firmware::{Faults, Firmware};
pub use self::history::History;
pub use self::state::BoxState;
