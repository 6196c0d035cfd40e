//! Text in a cell of a CSV file.

pub(crate) use crate::tabular::cell;
