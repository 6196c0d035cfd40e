//! One file per model: what is particular to it and stands in no protocol.

pub mod s9;
