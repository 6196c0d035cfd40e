//! The simulated chips at the end of a line, spoken to by a host that knows nothing of them.

mod driver;
mod faults;
mod host;
mod line;
mod registers;
mod work;
