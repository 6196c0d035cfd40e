//! Sparse natural numbers: the exponents of their powers of two.

use std::cmp::Ordering;

use super::dense::HierNat;
use super::error::{MOST_TERMS, TooLarge};
use super::levels::LIMB_BITS;

/// Products of limbs that take as long as one product of terms; measured.
const CLOSE: u128 = 8;

/// A natural number as the exponents of its powers of two, strictly increasing: the normal form is unique. Exponents are
/// kept relative to the lowest, so that a shift only moves that one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SparseNat {
    /// Lowest exponent; 0 for the number zero.
    offset: u64,
    /// Exponents minus the offset; the first is 0.
    relative: Vec<u64>,
}

impl SparseNat {
    /// The number 0, which has no terms.
    pub fn zero() -> SparseNat {
        SparseNat::default()
    }

    /// Two to the power `exponent`, as one term.
    pub fn power_of_two(exponent: u64) -> SparseNat {
        SparseNat {
            offset: exponent,
            relative: vec![0],
        }
    }

    /// The sum of 2^e over `exponents`, in any order and as often as they come.
    ///
    /// # Errors
    /// If a carry goes beyond 2^(2⁶⁴ − 1).
    pub fn from_terms(exponents: impl IntoIterator<Item = u64>) -> Result<SparseNat, TooLarge> {
        let mut terms: Vec<u64> = exponents.into_iter().collect();
        terms.sort_unstable();
        let mut carry = Carry::default();
        for run in terms.chunk_by(|a, b| a == b) {
            carry.add(run[0], run.len() as u64)?;
        }
        carry.finish()
    }

    /// Takes exponents that the caller knows to be strictly increasing.
    pub(super) fn from_increasing(mut exponents: Vec<u64>) -> SparseNat {
        let offset = exponents.first().copied().unwrap_or(0);
        exponents.iter_mut().for_each(|e| *e -= offset);
        SparseNat {
            offset,
            relative: exponents,
        }
    }

    /// Exponents, the lowest first.
    pub fn exponents(&self) -> impl DoubleEndedIterator<Item = u64> + Clone {
        self.relative.iter().map(|e| e + self.offset)
    }

    /// Number of powers of two in the sum.
    pub fn terms(&self) -> usize {
        self.relative.len()
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.relative.is_empty()
    }

    /// The lowest exponent, `None` for zero.
    pub(crate) fn lowest(&self) -> Option<u64> {
        self.exponents().next()
    }

    /// The highest exponent, `None` for zero.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.exponents().next_back()
    }

    /// The sum: a merge of both lists, 2^p + 2^p = 2^(p+1) carried as far as needed.
    ///
    /// # Errors
    /// If a carry goes beyond 2^(2⁶⁴ − 1).
    pub fn add(&self, other: &SparseNat) -> Result<SparseNat, TooLarge> {
        self.add_counted(other).map(|(sum, _)| sum)
    }

    /// The sum, and the number of exponents visited, carries included: at most twice the terms of both.
    ///
    /// # Errors
    /// As [`add`](SparseNat::add).
    pub fn add_counted(&self, other: &SparseNat) -> Result<(SparseNat, u64), TooLarge> {
        let mut a = self.exponents().peekable();
        let mut b = other.exponents().peekable();
        let mut carry = Carry::default();
        carry.out.reserve(self.terms() + other.terms());
        while let Some(next) = match (a.peek(), b.peek()) {
            (Some(a), Some(b)) => Some(*a.min(b)),
            (a, b) => a.or(b).copied(),
        } {
            let of_a = u64::from(a.next_if_eq(&next).is_some());
            let equal = of_a + u64::from(b.next_if_eq(&next).is_some());
            carry.add(next, equal)?;
        }
        let steps = carry.steps;
        let sum = carry.finish()?;
        Ok((sum, steps))
    }

    /// The difference, `None` if it is below zero.
    ///
    /// # Errors
    /// If it has more than [`MOST_TERMS`] terms; [`super::Naf`] represents such differences in two digits.
    pub fn checked_sub(&self, other: &SparseNat) -> Result<Option<SparseNat>, TooLarge> {
        if self < other {
            return Ok(None);
        }
        let mut a = self.exponents().peekable();
        let mut b = other.exponents().peekable();
        let mut out: Vec<u64> = Vec::new();
        // The lowest place that is still to be borrowed from.
        let mut borrow: Option<u64> = None;
        while let Some(next) = match (a.peek(), b.peek()) {
            (Some(a), Some(b)) => Some(*a.min(b)),
            (a, b) => a.or(b).copied(),
        } {
            if let Some(from) = borrow {
                // 2^next − 2^from leaves a one at every place between.
                let terms = u128::from(next - from) + out.len() as u128;
                if terms > MOST_TERMS as u128 {
                    return Err(TooLarge::Terms { terms });
                }
                out.extend(from..next);
            }
            let plus = i32::from(a.next_if_eq(&next).is_some());
            let minus = i32::from(b.next_if_eq(&next).is_some()) + i32::from(borrow.is_some());
            if (plus - minus) % 2 != 0 {
                out.push(next);
            }
            borrow = (plus < minus).then(|| next.saturating_add(1));
        }
        Ok(Some(SparseNat::from_increasing(out)))
    }

    /// Times 2^by, without touching a term.
    ///
    /// # Errors
    /// If an exponent goes beyond 2⁶⁴ − 1.
    pub fn shift_up(mut self, by: u64) -> Result<SparseNat, TooLarge> {
        if let Some(highest) = self.highest() {
            highest.checked_add(by).ok_or(TooLarge::Exponent)?;
            self.offset += by;
        }
        Ok(self)
    }

    /// ⌊self / 2^by⌋, without touching a term where none falls off.
    pub fn shift_down(mut self, by: u64) -> SparseNat {
        if self.is_zero() || self.offset >= by {
            self.offset = self.offset.saturating_sub(by);
            return self;
        }
        let kept = self.exponents().filter(|e| *e >= by).map(|e| e - by);
        SparseNat::from_increasing(kept.collect())
    }

    /// The product. If the terms are so close that limbs are fewer, it is computed densely, however many terms there
    /// are; otherwise as the sum of s₂ shifted copies of the longer factor, pairwise: s₁ s₂ terms, each visited in
    /// log₂ s₂ sums.
    ///
    /// # Errors
    /// If there are more than [`MOST_TERMS`] products of terms and the product spans more than that many bits, or if an
    /// exponent goes beyond 2⁶⁴ − 1.
    pub fn mul(&self, other: &SparseNat) -> Result<SparseNat, TooLarge> {
        let terms = self.terms() as u128 * other.terms() as u128;
        let (long, short) = if self.terms() < other.terms() {
            (other, self)
        } else {
            (self, other)
        };
        let (Some(a), Some(b)) = (long.relative.last(), short.relative.last()) else {
            return Ok(SparseNat::zero());
        };
        let limbs = |span: &u64| u128::from(span / LIMB_BITS + 1);
        let (a, b) = (limbs(a), limbs(b));
        let many = terms > MOST_TERMS as u128;
        let close = a * b <= CLOSE * terms && a + b <= MOST_TERMS as u128;
        // A number has at most as many terms as bits.
        let short_span = (a + b) * u128::from(LIMB_BITS) <= MOST_TERMS as u128;
        let densely = if many { short_span } else { close };
        if densely {
            let dense =
                |number: &SparseNat| HierNat::try_from(&number.clone().shift_down(number.offset));
            let product = &dense(long)? * &dense(short)?;
            let offset = long.offset.checked_add(short.offset);
            return SparseNat::from(&product).shift_up(offset.ok_or(TooLarge::Exponent)?);
        }
        if many {
            return Err(TooLarge::Terms { terms });
        }
        let shifts: Vec<u64> = short.exponents().collect();
        long.times(&shifts)
    }

    /// The sum of copies shifted by each of `shifts`, pairwise, so that numbers of similar length are added.
    fn times(&self, shifts: &[u64]) -> Result<SparseNat, TooLarge> {
        match shifts {
            [] => Ok(SparseNat::zero()),
            [by] => self.clone().shift_up(*by),
            _ => {
                let (low, high) = shifts.split_at(shifts.len() / 2);
                self.times(low)?.add(&self.times(high)?)
            }
        }
    }
}

impl Ord for SparseNat {
    /// From the top: the first exponent that differs decides.
    fn cmp(&self, other: &SparseNat) -> Ordering {
        self.exponents().rev().cmp(other.exponents().rev())
    }
}

impl PartialOrd for SparseNat {
    fn partial_cmp(&self, other: &SparseNat) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Powers of two added from the lowest upwards.
#[derive(Default)]
struct Carry {
    out: Vec<u64>,
    /// Number of powers 2^place that are still to be added.
    pending: u64,
    place: u64,
    steps: u64,
}

impl Carry {
    /// `times` 2^exponent, which must not be below what was added before.
    fn add(&mut self, exponent: u64, times: u64) -> Result<(), TooLarge> {
        while self.pending > 0 && self.place < exponent {
            self.settle()?;
        }
        self.place = exponent;
        self.pending += times;
        self.steps += times;
        Ok(())
    }

    /// Writes the lowest bit of what is pending and carries the rest one place up.
    fn settle(&mut self) -> Result<(), TooLarge> {
        if self.pending & 1 == 1 {
            self.out.push(self.place);
        }
        self.pending >>= 1;
        if self.pending > 0 {
            self.place = self.place.checked_add(1).ok_or(TooLarge::Exponent)?;
            self.steps += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<SparseNat, TooLarge> {
        while self.pending > 0 {
            self.settle()?;
        }
        Ok(SparseNat::from_increasing(self.out))
    }
}
