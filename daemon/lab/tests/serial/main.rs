//! A chain on a serial line, driven from its first byte to verified shares, against small chips made for
//! these tests at the far end.

mod bring_up;
mod control;
mod hashing;
mod noise;
mod shares;
mod simulated;
mod substrate;
mod support;
