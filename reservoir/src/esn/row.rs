//! A row of numbers aligned to a cache line.

use std::ops::{Deref, DerefMut};

/// Numbers of a cache line, which are those of the widest vector.
pub(super) const LANES: usize = 8;

/// Numbers, the first at the beginning of a cache line.
pub(super) struct Row {
    room: Vec<f64>,
    start: usize,
}

impl Row {
    pub(super) fn zeros(length: usize) -> Row {
        let room = vec![0.0; length + LANES - 1];
        // Less than a line, unless addresses are unknown: an unaligned row is only slower.
        let start = room.as_ptr().align_offset(64).min(LANES - 1);
        Row { room, start }
    }

    fn length(&self) -> usize {
        self.room.len() - (LANES - 1)
    }
}

impl Deref for Row {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.room[self.start..][..self.length()]
    }
}

impl DerefMut for Row {
    fn deref_mut(&mut self) -> &mut [f64] {
        let length = self.length();
        &mut self.room[self.start..][..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_begins_with_a_line() {
        for length in [0, 1, 7, 8, 1000] {
            let row = Row::zeros(length);
            assert_eq!(row.len(), length);
            assert_eq!(row.as_ptr().addr() % 64, 0);
        }
    }
}
