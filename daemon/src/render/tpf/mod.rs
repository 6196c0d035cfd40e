//! Tables, plots and files of `thermine tpf`.

pub(crate) mod calibration;
pub(crate) mod curve;
pub(crate) mod live;
pub(crate) mod study;
pub(crate) mod twin;
