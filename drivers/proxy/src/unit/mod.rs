//! One unit's connection to the proxy, from accept to the end, in one task.
//!
//! - `greeting`: from accept to authorised; `serve`: the task, from then on; `state`: what it knows of its unit;
//! - `work`: what the unit is sent; `share`: what it sends; `end`: why its connection ends.

mod end;
mod greeting;
mod serve;
mod share;
mod state;
mod work;

pub(crate) use end::End;
pub(crate) use serve::serve;
