//! Tables, plots and files of `thermine puf`.

pub(crate) mod fingerprint;
pub(crate) mod fleet;
pub(crate) mod unit;
