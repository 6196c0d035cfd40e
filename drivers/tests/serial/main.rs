//! A chain on a serial line, driven from its first byte to verified shares, against small chips made for
//! these tests at the far end.

mod bring_up;
mod control;
mod shares;
mod substrate;
mod support;
