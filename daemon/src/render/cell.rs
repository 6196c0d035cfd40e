//! Text in a cell of a CSV file.

pub(crate) use thermine_capture::tabular::cell;
